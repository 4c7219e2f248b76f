"""torch._dynamo.eval_frame: what compiled modules are, and whether there is a compiler."""

from ..compilation import OptimizedModule
from ..core.native import NATIVE

__all__ = ["OptimizedModule", "is_dynamo_supported"]


def is_dynamo_supported():
    """Whether torch.compile makes machine code here: llvmlite is installed."""
    return bool(NATIVE)
