"""Comparisons, logic and bits: their outputs carry no gradient."""

import operator

import numpy as np

from .arithmetic import floor_divide, logical_not
from .define import nondifferentiable
from .fused import fused, fused_nondifferentiable

__all__ = [
    "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "eq", "floor_divide", "gcd", "ge",
    "gt", "isfinite", "isinf", "isnan", "lcm", "le", "left_shift", "logical_not", "lt", "ne",
    "nextafter", "right_shift", "signbit",
]  # fmt: skip

_XY = ("x", "y")

eq = nondifferentiable("eq", operator.eq, _XY, tex="x == y")
lt = nondifferentiable("lt", operator.lt, _XY, tex="x < y")
le = nondifferentiable("le", operator.le, _XY, tex="x <= y")
ne = fused_nondifferentiable("ne", "logical_not(x == y)", operator.ne, _XY, tex="x != y")
gt = fused_nondifferentiable("gt", "y < x", operator.gt, _XY, tex="x > y")
ge = fused_nondifferentiable("ge", "y <= x", operator.ge, _XY, tex="x >= y")

isnan = fused_nondifferentiable("isnan", "x != x", np.isnan, tex="isnan(x)")
isinf = fused_nondifferentiable("isinf", "abs(x) == inf", np.isinf, tex="isinf(x)")
isfinite = fused_nondifferentiable("isfinite", "abs(x) < inf", np.isfinite, tex="isfinite(x)")


def _signbit(x):
    return np.signbit(x) if x.dtype.kind in "fV" else np.less(x, 0)


signbit = fused_nondifferentiable("signbit", "copysign(1, x) < 0", _signbit, tex="x < 0")

# Of truth values, and, or, exclusive or.
bitwise_and = nondifferentiable("bitwise_and", operator.and_, _XY, tex="x & y")
bitwise_not = nondifferentiable("bitwise_not", operator.invert, ("x",), tex="~x")
bitwise_or = fused_nondifferentiable(
    "bitwise_or", "bitwise_not(bitwise_not(x) & bitwise_not(y))", operator.or_, _XY,
    tex="x | y", of=np.int64,
)  # fmt: skip
bitwise_xor = fused_nondifferentiable(
    "bitwise_xor", "(x | y) & bitwise_not(x & y)", operator.xor, _XY, tex="x ^ y", of=np.int64,
)  # fmt: skip
left_shift = fused_nondifferentiable("left_shift", "x * 2**y", np.left_shift, _XY, of=np.int64)
right_shift = fused_nondifferentiable(
    "right_shift", "floor_divide(x, 2**y)", np.right_shift, _XY, tex="floor(x / 2**y)", of=np.int64,
)  # fmt: skip

gcd = nondifferentiable("gcd", np.gcd, _XY, tex="gcd(x, y)")
lcm = fused_nondifferentiable(
    "lcm", "0 if (x == 0) | (y == 0) else abs(floor_divide(x, gcd(x, y)) * y)", np.lcm, _XY,
    tex="lcm(x, y)", of=np.int64,
)  # fmt: skip
# One step from x towards y, and y itself where they are equal.
nextafter = fused("nextafter", "y if x == y else x", np.nextafter, inputs=_XY,
                  tex="nextafter(x, y)", computed=False)  # fmt: skip
