"""Comparisons, logic and bits: their outputs carry no gradient."""

import operator

import numpy as np

from .arithmetic import floor_divide, logical_not, select, zeros_like
from .define import elementwise, nondifferentiable
from .fused import fused_question

__all__ = [
    "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "eq", "floor_divide", "gcd", "ge",
    "gt", "isfinite", "isinf", "isnan", "lcm", "le", "left_shift", "logical_not", "lt", "ne",
    "nextafter", "right_shift", "signbit",
]  # fmt: skip

_XY = ("x", "y")

eq = nondifferentiable("eq", operator.eq, _XY, tex="x == y")
ne = nondifferentiable("ne", operator.ne, _XY, tex="x != y")
lt = nondifferentiable("lt", operator.lt, _XY, tex="x < y")
le = nondifferentiable("le", operator.le, _XY, tex="x <= y")
gt = nondifferentiable("gt", operator.gt, _XY, tex="x > y")
ge = nondifferentiable("ge", operator.ge, _XY, tex="x >= y")

isnan = fused_question("isnan", "x != x", np.isnan, tex="isnan(x)")
isinf = fused_question("isinf", "abs(x) == inf", np.isinf, tex="isinf(x)")
isfinite = fused_question("isfinite", "abs(x) < inf", np.isfinite, tex="isfinite(x)")


def _signbit(x):
    return np.signbit(x) if x.dtype.kind in "fV" else np.less(x, 0)


signbit = nondifferentiable("signbit", _signbit, ("x",), tex="x < 0")

# Of truth values, and, or, exclusive or.
bitwise_and = nondifferentiable("bitwise_and", operator.and_, _XY, tex="x & y")
bitwise_or = nondifferentiable("bitwise_or", operator.or_, _XY, tex="x | y")
bitwise_xor = nondifferentiable("bitwise_xor", operator.xor, _XY, tex="x ^ y")
bitwise_not = nondifferentiable("bitwise_not", operator.invert, ("x",), tex="~x")
left_shift = nondifferentiable("left_shift", np.left_shift, _XY, tex="x * 2**y")
right_shift = nondifferentiable("right_shift", np.right_shift, _XY, tex="floor(x / 2**y)")

gcd = nondifferentiable("gcd", np.gcd, _XY, tex="gcd(x, y)")
lcm = nondifferentiable("lcm", np.lcm, _XY, tex="lcm(x, y)")
# One step from x towards y, and y itself where they are equal.
nextafter = elementwise(
    "nextafter", np.nextafter, x=lambda t, x, y: select(x == y, zeros_like(t), t),
    y=lambda t, x, y: select(x == y, t, zeros_like(t)), tex="nextafter(x, y)",
)  # fmt: skip
