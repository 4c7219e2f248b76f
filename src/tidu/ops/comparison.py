"""torch.eq, torch.isnan, torch.logical_and, torch.bitwise_or ...: answers and bits."""

import math

import numpy as np

from ..base.dtypes import bool_
from ..base.dtypes import float64 as DOUBLE
from ..core import fast
from ..core.blocks import LOOP_FROM
from ..core.direct import directly, memory
from ..core.handle import TensorBase, concrete, shape_of
from ..core.modes import STATE
from ..core.retries import worded
from ..primitives import comparison as c
from ..primitives.arithmetic import absolute
from .convert import (
    convert,
    finish,
    finish_found,
    finish_same,
    operands,
    promote,
    refuse,
    require_tensor,
    scalar_name,
    type_of,
)
from .elementwise import called, dressed, run
from .flags import strict


def _compare(prim, name, ordered=True):
    table = {3: f"{name}_cpu"} if ordered else {}

    def general(input, other, *, out=None):
        x, y = promote(*operands(name, input, other, "second"))
        refuse(type_of(x), table)
        return finish(run(prim, x, y), out, input, other)

    function = dressed(fast.answer(prim, called(general, name)), name)
    function.prim, function.general, function.template = prim, general, fast.answer
    return function


eq = _compare(c.eq, "eq", ordered=False)
ne = not_equal = _compare(c.ne, "ne", ordered=False)
lt = less = _compare(c.lt, "lt")
le = less_equal = _compare(c.le, "le")
gt = greater = _compare(c.gt, "gt")
ge = greater_equal = _compare(c.ge, "ge")


def _test(prim, name):
    def general(input):
        return prim(require_tensor(name, input))

    return worded(dressed(called(general, name), name))


isfinite, isinf, isnan = (
    _test(c.isfinite, "isfinite"),
    _test(c.isinf, "isinf"),
    _test(c.isnan, "isnan"),
)


_NO_BOOL = "%s does not support non-boolean outputs."


@worded
def isposinf(input, *, out=None):
    """Where the input is +inf."""
    return finish_same(
        c.eq(require_tensor("isposinf", input), math.inf), out, input, message=_NO_BOOL % "isposinf"
    )


@worded
def isneginf(input, *, out=None):
    """Where the input is -inf."""
    return finish_same(
        c.eq(require_tensor("isneginf", input), -math.inf),
        out,
        input,
        message=_NO_BOOL % "isneginf",
    )


@worded
def signbit(input, *, out=None):
    """Where the sign bit is set (-0.0 too)."""
    if type_of(input).is_complex:
        raise NotImplementedError("signbit is not implemented for complex tensors.")
    result = c.signbit(require_tensor("signbit", input))
    return finish_same(result, out, input, message=_NO_BOOL % "signbit")


BOOL, I64, _2_53 = np.dtype(bool), np.dtype(np.int64), 1 << 53
_BITWISE = (c.bitwise_and, c.bitwise_or, c.bitwise_xor)


def _on_truths(prim, *kinds):
    """What the fast path knows of a function of truths, and perhaps of whole numbers: few of one
    type, or with a number of that type."""

    def compute(input, other):
        x = memory(input)
        if (kind := x.dtype) not in kinds or x.size >= LOOP_FROM:
            return None
        if isinstance(other, TensorBase):
            y = memory(other)
            return prim.eval(x, y) if y is not None and y.dtype is kind else None
        fits = other.__class__ is (bool if kind is BOOL else int) and -_2_53 < other < _2_53
        return prim.eval(x, other) if fits and len(kinds) > 1 else None

    return compute


def _not(input):
    x = memory(input)
    return ~x if x.dtype is BOOL and x.size < LOOP_FROM else None


def _truth(x):
    return x if not isinstance(x, TensorBase) or type_of(x) is bool_ else c.ne(x, 0)


def _logical(prim, name):
    def general(input, other, *, out=None):
        x, y = operands(name, input, other, "none")
        return finish(run(prim, _truth(x), _truth(y)), out, input, other)

    return directly(_on_truths(prim, BOOL))(worded(dressed(called(general, name), name)))


logical_and = _logical(c.bitwise_and, "logical_and")
logical_or = _logical(c.bitwise_or, "logical_or")
logical_xor = _logical(c.bitwise_xor, "logical_xor")


@directly(_not)
def logical_not(input, *, out=None):
    """Where the input is zero or False."""
    return finish(c.logical_not(_truth(require_tensor("logical_not", input))), out, input)


def _bits(prim, name, kernel=None, numbers="one", bools=True):
    kernel = kernel or f"{name}_cpu"
    table = {2: kernel, 3: kernel} if bools else {0: kernel, 2: kernel, 3: kernel}

    def general(input, other, *, out=None):
        x, y = promote(*operands(name, input, other, numbers))
        refuse(type_of(x if isinstance(x, TensorBase) else y), table)
        return finish(run(prim, x, y), out, input, other)

    general = worded(dressed(called(general, name), name))
    return directly(_on_truths(prim, BOOL, I64))(general) if prim in _BITWISE else general


bitwise_and = _bits(c.bitwise_and, "bitwise_and")
bitwise_or = _bits(c.bitwise_or, "bitwise_or")
bitwise_xor = _bits(c.bitwise_xor, "bitwise_xor")
bitwise_left_shift = _bits(c.left_shift, "bitwise_left_shift", "lshift_cpu", bools=False)
bitwise_right_shift = _bits(c.right_shift, "bitwise_right_shift", "rshift_cpu", bools=False)
gcd = _bits(c.gcd, "gcd", numbers="none", bools=False)
lcm = _bits(c.lcm, "lcm", numbers="none", bools=False)


@directly(_not)
def bitwise_not(input, *, out=None):
    """Each bit inverted; for bool, not."""
    refuse(
        type_of(require_tensor("bitwise_not", input)), {2: "bitwise_not_cpu", 3: "bitwise_not_cpu"}
    )
    return finish_found(c.bitwise_not(input), out, input)


@strict
def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Where |input - other| <= atol + rtol * |other|."""
    require_tensor("isclose", input)
    require_tensor("isclose", other, "other", 2)
    for bound, word in ((rtol, "rtol"), (atol, "atol")):
        if bound < 0:
            raise RuntimeError(f"{word} must be greater than or equal to zero, but got {bound}")
    if type_of(input) is not type_of(other):
        raise RuntimeError(f"{_lower(input)} did not match {_lower(other)}")
    close = eq(input, other)
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


@strict
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether `isclose` holds everywhere; a Python bool."""
    return bool(np.all(concrete(isclose(input, other, rtol, atol, equal_nan))))


@worded
def equal(input, other):
    """Whether both have the same shape and the same elements; a Python bool."""
    x = memory(require_tensor("equal", input))
    y = memory(require_tensor("equal", other, "other", 2))
    if x is not None and y is not None and x.dtype is y.dtype and not STATE.listeners:
        if x.dtype.char in "fdlq?":
            return x.shape == y.shape and bool((x == y).all())
    if tuple(shape_of(input)) != tuple(shape_of(other)):
        return False
    return bool(np.all(concrete(c.eq(*promote(input, other)))))
