"""torch.utils: what programs use beside tensors and layers."""

from . import data, hooks

__all__ = ["data", "hooks"]
