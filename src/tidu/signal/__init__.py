"""torch.signal: windows."""

from ..base.lazy import late
from . import windows

__all__ = ["windows"]

__getattr__ = late(__name__, {})
