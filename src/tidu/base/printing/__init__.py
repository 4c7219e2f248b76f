"""The text of arrays as PyTorch prints tensors, and the options it follows."""

from .layout import tensor_text, values_text, with_properties
from .options import get_printoptions, printoptions, set_printoptions

__all__ = [
    "get_printoptions",
    "printoptions",
    "set_printoptions",
    "tensor_text",
    "values_text",
    "with_properties",
]
