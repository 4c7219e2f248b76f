"""Comparisons, logic and bits: their outputs carry no gradient."""

import operator

import numpy as np

from .arithmetic import floor_divide, logical_not
from .define import nondifferentiable

__all__ = [
    "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "eq", "ge", "gt", "isfinite",
    "isinf", "isnan", "le", "left_shift", "logical_and", "logical_not", "logical_or",
    "logical_xor", "lt", "ne", "right_shift", "signbit", "floor_divide", "gcd", "lcm", "nextafter",
]  # fmt: skip

_XY = ("x", "y")

eq = nondifferentiable("eq", operator.eq, _XY)
ne = nondifferentiable("ne", operator.ne, _XY)
lt = nondifferentiable("lt", operator.lt, _XY)
le = nondifferentiable("le", operator.le, _XY)
gt = nondifferentiable("gt", operator.gt, _XY)
ge = nondifferentiable("ge", operator.ge, _XY)

isnan = nondifferentiable("isnan", np.isnan, ("x",))
isinf = nondifferentiable("isinf", np.isinf, ("x",))
isfinite = nondifferentiable("isfinite", np.isfinite, ("x",))


def _signbit(x):
    return np.signbit(x) if x.dtype.kind in "fV" else np.less(x, 0)


signbit = nondifferentiable("signbit", _signbit, ("x",))

logical_and = nondifferentiable("logical_and", np.logical_and, _XY)
logical_or = nondifferentiable("logical_or", np.logical_or, _XY)
logical_xor = nondifferentiable("logical_xor", np.logical_xor, _XY)
bitwise_and = nondifferentiable("bitwise_and", operator.and_, _XY)
bitwise_or = nondifferentiable("bitwise_or", operator.or_, _XY)
bitwise_xor = nondifferentiable("bitwise_xor", operator.xor, _XY)
bitwise_not = nondifferentiable("bitwise_not", operator.invert, ("x",))
left_shift = nondifferentiable("left_shift", np.left_shift, _XY)
right_shift = nondifferentiable("right_shift", np.right_shift, _XY)

gcd = nondifferentiable("gcd", np.gcd, _XY)
lcm = nondifferentiable("lcm", np.lcm, _XY)
nextafter = nondifferentiable("nextafter", np.nextafter, _XY)
