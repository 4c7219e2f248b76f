"""torch.utils: what programs use beside tensors and layers; the rest loads when asked for."""

from ..lazy import late
from . import data, hooks

__all__ = ["benchmark", "checkpoint", "data", "hooks"]

__getattr__ = late(
    __name__,
    {"_pytree": "._pytree", "benchmark": ".benchmark", "checkpoint": ".checkpoint"},
)
