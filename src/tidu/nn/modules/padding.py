"""Padding layers."""

from .. import functional as F
from .module import Module
from .utils import _ntuple

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d",
    "ConstantPad3d", "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d",
    "ReplicationPad2d", "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    """Pads the last `_spatial` dimensions, last first: (left, right, top, bottom, ...)."""

    _spatial = 0
    _mode = "constant"

    def __init__(self, padding):
        super().__init__()
        self.padding = _ntuple(2 * self._spatial)(padding)

    def forward(self, input):
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class _CircularPad(_Pad):
    _mode = "circular"

    def forward(self, input):
        n = self._spatial
        if input.dim() not in (n + 1, n + 2):
            raise ValueError(f"expected {n + 1}D or {n + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class ConstantPad1d(_ConstantPad):
    """One value on both sides of the last dimension."""

    _spatial = 1


class ConstantPad2d(_ConstantPad):
    """One value around images."""

    _spatial = 2


class ConstantPad3d(_ConstantPad):
    """One value around volumes."""

    _spatial = 3


class ZeroPad1d(_ZeroPad):
    """Zeros on both sides of the last dimension."""

    _spatial = 1


class ZeroPad2d(_ZeroPad):
    """Zeros around images."""

    _spatial = 2


class ZeroPad3d(_ZeroPad):
    """Zeros around volumes."""

    _spatial = 3


class ReflectionPad1d(_Pad):
    """The input mirrored at its ends."""

    _spatial, _mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """Images mirrored at their edges."""

    _spatial, _mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """Volumes mirrored at their faces."""

    _spatial, _mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """The first and last number repeated."""

    _spatial, _mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """The edges of images repeated."""

    _spatial, _mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """The faces of volumes repeated."""

    _spatial, _mode = 3, "replicate"


class CircularPad1d(_CircularPad):
    """The input continued periodically."""

    _spatial = 1


class CircularPad2d(_CircularPad):
    """Images continued periodically."""

    _spatial = 2


class CircularPad3d(_CircularPad):
    """Volumes continued periodically."""

    _spatial = 3
