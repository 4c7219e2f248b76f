"""torch.add, torch.exp, torch.maximum ...: functions of elements, with promotion and `out=`.

`_unary` and `_binary` build the general function of a primitive and, over it, the eager fast path.
"""

import math

import numpy as np

from ..base.dtypes import DEFAULT, bool_, float64
from ..base.lazy import lazy_module, standing
from ..base.size import checked_size, mismatch
from ..core import fast
from ..core.direct import directly
from ..core.handle import TensorBase, element_type, shape_of
from ..core.retries import asks, worded
from ..primitives import arithmetic as p
from ..primitives import comparison as c
from ..primitives import functions as f
from ..transforms.trace import Traced
from . import direct
from .convert import (
    RESULT,
    as_operand,
    composite,
    convert,
    finish,
    finish_found,
    is_operand,
    is_short,
    named,
    one_node,
    operands,
    promote,
    refuse,
    require_tensor,
    result_dtype,
    type_of,
    widely,
)  # fmt: skip
from .numbers import is_one, told_later

overloads = lazy_module(f"{__package__}.deprecated_overloads")
underived = lazy_module(f"{__package__}.underived")


def _run(prim, *operands, **params):
    try:
        return prim(*operands, **params)
    except ValueError as error:
        failure = error
    shapes = [tuple(shape_of(o)) for o in operands]
    for other in shapes[1:]:
        message = mismatch(shapes[0], other)
        if message:
            raise RuntimeError(message)
    rank = max(map(len, shapes))
    wide = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    checked_size([max(lengths) for lengths in zip(*wide, strict=True)])
    raise failure


BOOL, INT, COMPLEX = 0, 1, 3  # categories of types, as `refuse` takes them


def _unary(prim, name, *, to_float=False, ints_same=False, refused=None, same_type=False):
    """The function of a one-input primitive. `ints_same`: integers come back unchanged;
    `same_type`: `out=` must have the input's type."""
    refused = refused or {}

    def general(input, *, out=None):
        require_tensor(name, input)
        dtype = type_of(input)
        refuse(dtype, refused)
        finish_ = finish_found if same_type and dtype.category < COMPLEX else finish
        if dtype.category < 2:
            if ints_same:
                return finish_(input.clone(), out, input)
            if to_float:
                input = convert(input, DEFAULT.dtype)
        return finish_(prim(input), out, input)

    return _dressed(fast.unary(prim, _name(general, name)), name)


def _name(function, name):
    function.__name__ = function.__qualname__ = name
    return function


def _dressed(function, name):
    function.__doc__ = (
        f"torch.{name}: elementwise, the shape of its input (broadcast where there are two).\n\n"
        f"See https://docs.pytorch.org/docs/stable/generated/torch.{name}.html"
    )
    return function


def _binary(prim, name, *, to_float=False, check=None, numbers="any", refused=None):
    """The function of a two-input primitive; operands are promoted first."""
    refused = refused or {}

    def general(input, other, *, out=None):
        x, y = operands(name, input, other, numbers)
        if check is not None:
            check(x, y)
        x, y = promote(x, y, to_float=to_float)
        if refused:
            refuse(_dtype_of(x, y), refused)
        if prim in _SCALED and _rounds(input, other):
            return finish(wide(input, other), out, input, other)
        return finish(_run(prim, x, y), out, input, other)

    @one_node(prim.torch_name)
    def wide(x, y):
        """As `general`, with a number that a 16-bit type cannot hold, which must not be rounded."""
        return widely(lambda a, b: _run(prim, a, b), x, y)

    function = _dressed(fast.binary(prim, _name(general, name), numbers != "none"), name)
    function.prim, function.general = prim, general  # What an operator is made of.
    return function


_SCALED = (p.mul, p.div)  # a number added is rounded first, a factor is not


def _rounds(x, y):
    """Whether one is a 16-bit tensor and the other a number that its type cannot hold."""
    tensor, number = (x, y) if isinstance(x, TensorBase) else (y, x)
    if number.__class__ is not float:
        return False
    return is_short(tensor) and float(element_type(tensor).type(number)) != number == number


def _no_bool_minus(x, y):
    kinds = [_is_bool(o) for o in (x, y)]
    if kinds == [True, True]:
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead."
        )
    if True in kinds:
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying "
            "to invert a mask, use the `~` or `logical_not()` operator instead."
        )


def _is_bool(operand):
    return operand.__class__ is bool or (
        isinstance(operand, TensorBase) and element_type(operand).kind == "b"
    )


add_tensors = _binary(p.add, "add")
sub_tensors = _binary(p.sub, "sub", check=_no_bool_minus)
subtracted_from = _binary(p.rsub, "rsub", check=_no_bool_minus)  # the operator, x on the right
mul = multiply = _binary(p.mul, "mul")
true_divide = standing(_binary(p.div, "div", to_float=True), "ops.arithmetic.true_divide")


def add(input, other, *rest, alpha=1, out=None):
    """input + alpha * other, elementwise with broadcasting.

    >>> import tidu as torch
    >>> torch.add(torch.tensor([1., 2.]), torch.tensor([10., 20.]), alpha=2)
    tensor([21., 42.])
    """
    if rest:
        return overloads.older_call(add, (input, other, *rest), {"out": out})
    try:
        if alpha.__class__ is not int:
            _check_alpha(alpha, input, other)
        result = add_tensors(input, _scaled(other, alpha), out=out)
        if not is_one(alpha) and isinstance(other, TensorBase) and isinstance(input, TensorBase):
            named(result, "AddBackward0", input, other, alpha=alpha)
        return result
    except Exception:
        if not asks(input, other):
            raise
    return add(input, other, alpha=alpha, out=out)


@worded
def sub(input, other, *rest, alpha=1, out=None):
    """input - alpha * other, elementwise with broadcasting."""
    if rest:
        return overloads.older_call(sub, (input, other, *rest), {"out": out})
    if alpha.__class__ is not int:
        _check_alpha(alpha, input, other)
    result = sub_tensors(input, _scaled(other, alpha), out=out)
    if not is_one(alpha) and isinstance(other, TensorBase) and isinstance(input, TensorBase):
        named(result, "SubBackward0", input, other, alpha=alpha)
    return result


subtract = sub


def _scaled(other, alpha):
    if is_one(alpha):
        return other
    return mul(other, alpha) if isinstance(other, TensorBase) else other * alpha


def _check_alpha(alpha, *operands):
    """PyTorch's refusals of a factor that the common type of the operands cannot hold."""
    category = result_dtype(*[as_operand(o) for o in operands]).category
    if isinstance(alpha, TensorBase):
        alpha = 1.0 if told_later(alpha) else alpha.item()
    if not isinstance(alpha, (bool, int, float, complex, np.generic)):
        raise TypeError(f"add(): argument 'alpha' must be Number, not {type(alpha).__name__}")
    if isinstance(alpha, (bool, np.bool_)):
        if category > BOOL:
            raise RuntimeError("Boolean alpha only supported for Boolean results.")
    elif category < COMPLEX and isinstance(alpha, complex):
        raise RuntimeError(
            "For non-complex input tensors, argument alpha must not be a complex number."
        )
    elif category < 2 and isinstance(alpha, float):
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )


def _divided(result, input, other, rounding_mode):
    """The node of a division that is rounded."""
    tensors = [x if isinstance(x, TensorBase) else None for x in (input, other)]
    return named(result, "DivBackward2", *tensors, self=input, other=other,
                 rounding_mode=rounding_mode)  # fmt: skip


@worded
def rsub(input, other, *, alpha=1):
    """other - alpha * input."""
    operands("rsub", input, other, "second")
    result = sub(other, input, alpha=alpha)
    if isinstance(other, TensorBase):
        return named(result, "RsubBackward0", input, other, alpha=alpha)
    return named(result, "RsubBackward1", input, alpha=alpha)


def div(input, other, *, rounding_mode=None, out=None):
    """input / other; `rounding_mode` None (true division), 'trunc' or 'floor'."""
    if rounding_mode is None:
        try:
            return true_divide(input, other, out=out)
        except Exception:
            if not asks(input, other):
                raise
        return div(input, other, out=out)
    if rounding_mode == "floor":
        result = floored(input, other, out=out)
        return _divided(result, input, other, rounding_mode)
    if rounding_mode == "trunc":
        x, y = promote(as_operand(input, "div", 1), as_operand(other, "div"))
        refuse(_dtype_of(x, y), {BOOL: "div_trunc_cpu", COMPLEX: "div_trunc_cpu"})
        if _category(x, y) < 2:
            return finish(_integer_trunc(x, y), out, input, other)
        result = finish(p.trunc(_run(p.div, x, y)), out, input, other)
        return _divided(result, input, other, rounding_mode)
    raise RuntimeError(
        "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
        f"'{rounding_mode}'"
    )


divide = div


def _dtype_of(x, y):
    return type_of(x if isinstance(x, TensorBase) else y)


def _category(x, y):
    return _dtype_of(x, y).category


def _integer_trunc(x, y):
    _refuse_zero(y)
    quotient = _run(c.floor_divide, x, y)
    exact = mul(quotient, y)
    short = (quotient < 0) & (exact != x)
    return quotient + convert(short, type_of(quotient))


def _refuse_zero(y):
    value = y._value if isinstance(y, TensorBase) else y
    if value.__class__ is int and value:
        return
    if value.__class__ is Traced:
        value.level.demand(value.variable, np.all, _zero_division)
    elif getattr(value, "dtype", 0) is not None and np.any(np.equal(value, 0)):
        raise RuntimeError("ZeroDivisionError")


def _zero_division():
    return RuntimeError("ZeroDivisionError")


def floored(input, other, *, out=None):
    """The quotient rounded toward minus infinity: `div` has zero for its derivative, and
    `floor_divide` none."""
    x, y = promote(as_operand(input, "floor_divide", 1), as_operand(other, "floor_divide"))
    refuse(_dtype_of(x, y), {BOOL: "div_floor_cpu", COMPLEX: "div_floor_cpu"})
    if _category(x, y) < 2:
        _refuse_zero(y)
        return finish(_run(c.floor_divide, x, y), out, input, other)
    quotient = p.floor(_run(p.div, x, y))
    # NumPy's floor_divide corrects the rounding of x / y for large quotients, as PyTorch's does.
    exact = _run(c.floor_divide, x, y)
    return finish(p.select(c.eq(quotient, exact), quotient, exact), out, input, other)


@worded
def floor_divide(input, other, *, out=None):
    """The quotient rounded toward minus infinity."""
    return underived.computed("aten::floor_divide", floored, (input, other), {"out": out})


@directly(direct.remainder)
def remainder(input, other, *, out=None):
    """Python's %: the result has the sign of `other`."""
    x, y = promote(*operands("remainder", input, other, "one"))
    refuse(_dtype_of(x, y), {BOOL: "remainder_cpu", COMPLEX: "remainder_cpu"})
    if _category(x, y) < 2:
        _refuse_zero(y)
    result = finish(_run(p.remainder, x, y), out, input, other)
    if isinstance(input, TensorBase):
        return _by_tensor(result, input, other, "RemainderBackward1")
    return underived.no_derivative(result, "aten::remainder", other)


@worded
def fmod(input, other, *, out=None):
    """C's fmod: the result has the sign of `input`."""
    x, y = promote(*operands("fmod", input, other, "second"))
    refuse(_dtype_of(x, y), {BOOL: "fmod_cpu", COMPLEX: "fmod_cpu"})
    if _category(x, y) < 2:
        _refuse_zero(y)
    return _by_tensor(finish(_run(p.fmod, x, y), out, input, other), input, other, "FmodBackward1")


def _by_tensor(result, input, other, name):
    if not isinstance(other, TensorBase):
        return result
    return named(result, name, self=input, other=other)


# --- powers -------------------------------------------------------------------------------------


def _powered(result, input, exponent, tensors):
    if tensors:
        return named(result, "PowBackward1")
    if isinstance(input, TensorBase):
        return named(result, "PowBackward0", exponent=exponent)
    return named(result, "PowBackward2", self=input)


def pow_general(input, exponent, *, out=None):
    x, y = operands("pow", input, exponent, "one")
    if isinstance(x, TensorBase) and type_of(x).category < 2 and isinstance(y, int) and y < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    tensors = isinstance(x, TensorBase) and isinstance(y, TensorBase)
    x, y = promote(x, y)
    if _category(x, y) == BOOL and y.__class__ in (bool, int):
        return finish(c.bitwise_or(x, not y), out, input, exponent)
    refuse(_dtype_of(x, y), {BOOL: "pow"})
    if isinstance(x, TensorBase) and type_of(x).category == 2 and isinstance(y, float):
        y = int(y) if y.is_integer() and -1e9 < y < 1e9 else y
    return finish(
        _powered(_run(f.pow, x, y), input, exponent, tensors),
        out,
        input,
        exponent,
    )


# A tensor as exponent takes the general path, where its node gets a name of its own.
_number_power = fast.binary(f.pow, _name(pow_general, "pow"), two=pow_general)


def pow(input, exponent, *, out=None):
    """input ** exponent, elementwise; either may be a number."""
    try:
        return _number_power(input, exponent, out=out)
    except Exception:
        if not asks(input, exponent):
            raise
    return pow(input, exponent, out=out)


def _power(self, other, *, out=None):
    """self ** other as Python's operator."""
    return pow_general(self, other) if is_operand(other) else NotImplemented


power = fast.binary(f.pow, _power, two=pow_general)


@worded
def float_power(input, exponent, *, out=None):
    """pow computed in float64 (complex128 for complex input)."""
    x, y = operands("float_power", input, exponent, "one")
    wide = [convert(a, float64) if isinstance(a, TensorBase) and type_of(a).category < 3 else a
            for a in (x, y)]  # fmt: skip
    if not isinstance(wide[0], TensorBase):
        wide[0] = float(wide[0]) if not isinstance(wide[0], complex) else wide[0]
    return finish(pow(wide[0], wide[1]), out, input, exponent)


@worded
def square(input, *, out=None):
    """input ** 2."""
    return pow(require_tensor("square", input), 2, out=out)


# --- functions of one tensor --------------------------------------------------------------------


def neg(input, *, out=None):
    """-input."""
    require_tensor("neg", input)
    if type_of(input) is bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return finish_found(p.neg(input), out, input)


def _no(name):
    return {COMPLEX: f"{name}_vml_cpu"}


def _no_rounding(name):
    return {BOOL: f"{name}_vml_cpu", COMPLEX: f"{name} is not supported for complex inputs"}


neg = negative = _dressed(fast.unary(p.neg, neg), "neg")
abs = absolute = _unary(p.absolute, "abs", refused={BOOL: "abs_cpu"}, same_type=True)
exp = _unary(f.exp, "exp", to_float=True)
exp2 = _unary(f.exp2, "exp2", to_float=True)
expm1 = _unary(f.expm1, "expm1", to_float=True)
log = _unary(f.log, "log", to_float=True)
log2 = _unary(f.log2, "log2", to_float=True)
log10 = _unary(f.log10, "log10", to_float=True)
log1p = _unary(f.log1p, "log1p", to_float=True)
sqrt = _unary(f.sqrt, "sqrt", to_float=True)
rsqrt = _unary(f.rsqrt, "rsqrt", to_float=True)
sin = _unary(f.sin, "sin", to_float=True)
cos = _unary(f.cos, "cos", to_float=True)
tan = _unary(f.tan, "tan", to_float=True)
asin = arcsin = _unary(f.asin, "asin", to_float=True)
acos = arccos = _unary(f.acos, "acos", to_float=True)
atan = arctan = _unary(f.atan, "atan", to_float=True)
sinh = _unary(f.sinh, "sinh", to_float=True)
cosh = _unary(f.cosh, "cosh", to_float=True)
tanh = _unary(f.tanh, "tanh", to_float=True)
asinh = arcsinh = _unary(f.asinh, "asinh", to_float=True)
acosh = arccosh = _unary(f.acosh, "acosh", to_float=True)
atanh = arctanh = _unary(f.atanh, "atanh", to_float=True)
sigmoid = expit = _unary(f.sigmoid, "sigmoid", to_float=True)
reciprocal = _unary(p.reciprocal, "reciprocal", to_float=True)
erf = _unary(f.erf, "erf", to_float=True, refused=_no("erf"))
erfc = _unary(f.erfc, "erfc", to_float=True, refused=_no("erfc"))
erfinv = _unary(f.erfinv, "erfinv", to_float=True, refused=_no("erfinv"))
lgamma = _unary(f.lgamma, "lgamma", to_float=True, refused=_no("lgamma"))
digamma = _unary(f.digamma, "digamma", to_float=True, refused=_no("digamma"))
_WHOLE = {"ints_same": True, "same_type": True}
floor = _unary(p.floor, "floor", refused=_no_rounding("floor"), **_WHOLE)
ceil = _unary(p.ceil, "ceil", refused=_no_rounding("ceil"), **_WHOLE)
trunc = fix = _unary(p.trunc, "trunc", refused=_no_rounding("trunc"), **_WHOLE)
_NO_SIGN = (
    "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn "
    "instead."
)
sign = _unary(p.sign, "sign", refused={COMPLEX: _NO_SIGN}, same_type=True)
relu = _unary(
    p.relu,
    "relu",
    refused={
        BOOL: RuntimeError("Boolean inputs not supported for relu"),
        COMPLEX: "clamp is not supported for complex types",
    },
)


@worded
def positive(input):
    """The tensor itself."""
    if type_of(input) is bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@worded
def round(input, *, decimals=0, out=None):
    """To the nearest integer, halves to even; `decimals` digits are kept."""
    dtype = type_of(require_tensor("round", input))
    refuse(dtype, _no_rounding("round"))
    if dtype.category < 2:
        if decimals:
            refuse(dtype, {INT: "round_cpu"})
        return finish_found(input.clone(), out, input)
    if decimals == 0:
        return finish_found(p.round_(input), out, input)
    scale = 10.0 ** math.fabs(decimals)
    if decimals > 0:
        return finish_found(p.round_(input * scale) / scale, out, input)
    return finish_found(p.round_(input / scale) * scale, out, input)


@composite("FracBackward0")
def frac(input, *, out=None):
    """The fractional part, with the sign of the input."""
    refuse(type_of(require_tensor("frac", input)), dict.fromkeys((BOOL, INT, COMPLEX), "frac_cpu"))
    return finish_found(input - trunc(input), out, input)


@worded
def polygamma(n, input, *, out=None):
    """The n-th derivative of digamma."""
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    if type_of(input).category < 2:
        input = convert(input, DEFAULT.dtype)
    return finish(f.polygamma(input, order=n) if n else digamma(input), out, input)


@worded
def sgn(input, *, out=None):
    """sign for real numbers, x / |x| for complex ones."""
    if type_of(input).category < 3:
        return named(sign(input, out=out), "SgnBackward0", self=input, result=RESULT)
    return finish_found(p._unit(input), out, input)


@composite("LogitBackward0")
def logit(input, eps=None, *, out=None):
    """log(x / (1 - x)), with x first clamped to [eps, 1 - eps]."""
    x = convert(input, DEFAULT.dtype) if type_of(input).category < 2 else input
    if eps is not None:
        x = p.clamp(x, low=eps, high=1 - eps)
    return finish(f.logit(x), out, input)


# --- functions of two tensors -------------------------------------------------------------------


def _real_only(name):
    return {COMPLEX: RuntimeError(f"{name} not implemented for complex tensors.")}


maximum = _binary(p.maximum, "maximum", numbers="none", refused=_real_only("maximum"))
minimum = _binary(p.minimum, "minimum", numbers="none", refused=_real_only("minimum"))
fmax = _binary(p.fmax, "fmax", numbers="none", refused=_real_only("fmax"))
fmin = _binary(p.fmin, "fmin", numbers="none", refused=_real_only("fmin"))
atan2 = arctan2 = _binary(
    f.atan2, "atan2", to_float=True, numbers="none", refused={COMPLEX: "atan2_cpu"}
)
xlogy = _binary(f.xlogy, "xlogy", to_float=True, numbers="one", refused={COMPLEX: "xlogy_cpu"})


@worded
def nextafter(input, other, *, out=None):
    """The next representable number after `input` towards `other`."""
    x, y = promote(*operands("nextafter", input, other, "none"))
    refuse(type_of(x), dict.fromkeys((BOOL, INT, COMPLEX), "nextafter_cpu"))
    return finish(_run(c.nextafter, x, y), out, input, other)


@worded
def hypot(input, other, *, out=None):
    """sqrt(input² + other²), without overflow."""
    x, y = promote(*operands("hypot", input, other, "none"))
    refuse(type_of(x), {BOOL: "hypot_cpu", INT: "hypot_cpu", COMPLEX: "hypot_cpu"})
    return finish(_run(f.hypot, x, y), out, input, other)


@worded
def copysign(input, other, *, out=None):
    """The size of `input` with the sign of `other`."""
    x, y = promote(*operands("copysign", input, other, "second"), to_float=True)
    result = finish(_run(p.copysign, x, y), out, input, other)
    if isinstance(other, TensorBase):
        return result
    return named(result, "CopysignBackward1", self=input, result=RESULT)


@composite("LdexpBackward0")
def ldexp(input, other, *, out=None):
    """input * 2 ** other."""
    x, y = operands("ldexp", input, other, "none")
    return finish(x * pow(2.0, y), out, input, other)
