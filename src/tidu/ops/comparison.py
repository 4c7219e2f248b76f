"""torch.eq, torch.isnan, torch.logical_and, torch.bitwise_or ...: answers and bits."""

import math

import numpy as np

from ..core.handle import TensorBase, concrete, shape_of
from ..dtypes import bool_
from ..dtypes import float64 as DOUBLE
from ..primitives import comparison as c
from ..primitives.arithmetic import absolute
from .arithmetic import _dressed, _name, _run
from .convert import as_operand, convert, finish, promote, require_tensor, scalar_name, type_of


def _compare(prim, name):
    def general(input, other, *, out=None):
        x, y = as_operand(input, name, 1, "input"), as_operand(other, name)
        return finish(_run(prim, *promote(x, y)), out)

    return _dressed(_name(general, name), name)


eq = _compare(c.eq, "eq")
ne = not_equal = _compare(c.ne, "ne")
lt = less = _compare(c.lt, "lt")
le = less_equal = _compare(c.le, "le")
gt = greater = _compare(c.gt, "gt")
ge = greater_equal = _compare(c.ge, "ge")


def _test(prim, name):
    def general(input):
        return prim(require_tensor(name, input))

    return _dressed(_name(general, name), name)


isfinite, isinf, isnan = _test(c.isfinite, "isfinite"), _test(c.isinf, "isinf"), _test(c.isnan, "isnan")


def isposinf(input, *, out=None):
    """Where the input is +inf."""
    return finish(c.eq(input, math.inf), out)


def isneginf(input, *, out=None):
    """Where the input is -inf."""
    return finish(c.eq(input, -math.inf), out)


def signbit(input, *, out=None):
    """Where the sign bit is set (-0.0 too)."""
    return finish(c.signbit(require_tensor("signbit", input)), out)


def _truth(x):
    return x if not isinstance(x, TensorBase) or type_of(x) is bool_ else c.ne(x, 0)


def _logical(prim, name):
    def general(input, other, *, out=None):
        return finish(_run(prim, _truth(input), _truth(as_operand(other, name))), out)

    return _dressed(_name(general, name), name)


logical_and = _logical(c.logical_and, "logical_and")
logical_or = _logical(c.logical_or, "logical_or")
logical_xor = _logical(c.logical_xor, "logical_xor")


def logical_not(input, *, out=None):
    """Where the input is zero or False."""
    return finish(c.logical_not(_truth(require_tensor("logical_not", input))), out)


def _bits(prim, name):
    def general(input, other, *, out=None):
        x, y = promote(as_operand(input, name, 1, "input"), as_operand(other, name))
        dtype = type_of(x if isinstance(x, TensorBase) else y)
        if dtype.category > 1:
            raise RuntimeError(f"\"{name}_cpu\" not implemented for '{scalar_name(dtype)}'")
        return finish(_run(prim, x, y), out)

    return _dressed(_name(general, name), name)


bitwise_and = _bits(c.bitwise_and, "bitwise_and")
bitwise_or = _bits(c.bitwise_or, "bitwise_or")
bitwise_xor = _bits(c.bitwise_xor, "bitwise_xor")
bitwise_left_shift = _bits(c.left_shift, "bitwise_left_shift")
bitwise_right_shift = _bits(c.right_shift, "bitwise_right_shift")
gcd = _bits(c.gcd, "gcd")
lcm = _bits(c.lcm, "lcm")


def bitwise_not(input, *, out=None):
    """Each bit inverted; for bool, not."""
    dtype = type_of(require_tensor("bitwise_not", input))
    if dtype.category > 1:
        raise RuntimeError(f"\"bitwise_not_cpu\" not implemented for '{scalar_name(dtype)}'")
    return finish(c.bitwise_not(input), out)


def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Where |input - other| <= atol + rtol * |other|."""
    if type_of(input) is not type_of(other):
        raise RuntimeError(f"{_lower(input)} did not match {_lower(other)}")
    close = c.eq(input, other)
    if type_of(input).category >= 2 or rtol or atol:
        x, y = (convert(t, promote_wide(t)) for t in (input, other))
        near = c.le(absolute(x - y), absolute(y) * rtol + atol)
        close = close | (near & c.isfinite(y) & c.isfinite(x))
    return close | (c.isnan(input) & c.isnan(other)) if equal_nan else close


def promote_wide(t):
    from_type = type_of(t)
    return from_type if from_type.category >= 2 else DOUBLE


def _lower(t):
    return scalar_name(type_of(t)).capitalize()


def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether `isclose` holds everywhere; a Python bool."""
    return bool(np.all(concrete(isclose(input, other, rtol, atol, equal_nan))))


def equal(input, other):
    """Whether both have the same shape and the same elements; a Python bool."""
    if tuple(shape_of(input)) != tuple(shape_of(other)):
        return False
    return bool(np.all(concrete(c.eq(*promote(input, other)))))
