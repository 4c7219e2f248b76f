"""torch.signal: windows."""

from ..lazy import late
from . import windows

__all__ = ["windows"]

__getattr__ = late(__name__, {})
