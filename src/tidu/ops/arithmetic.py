"""torch.add, torch.exp, torch.maximum ...: functions of elements, with promotion and `out=`.

Those that are one primitive are built by `unary` and `binary` (`elementwise.py`).
"""

import math

import numpy as np

from ..base.dtypes import DEFAULT, bool_, float64
from ..base.lazy import lazy_module, standing
from ..core import fast
from ..core.direct import directly
from ..core.handle import TensorBase, element_type
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
    named,
    operands,
    promote,
    refuse,
    require_tensor,
    result_dtype,
    type_of,
)  # fmt: skip
from .elementwise import BOOL, COMPLEX, INT, binary, called, dressed, dtype_of, run, unary
from .numbers import fitted, is_one, told_later

overloads = lazy_module(f"{__package__}.deprecated_overloads")
underived = lazy_module(f"{__package__}.underived")


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


add_tensors = binary(p.add, "add")
sub_tensors = binary(p.sub, "sub", check=_no_bool_minus)
subtracted_from = binary(p.rsub, "rsub", check=_no_bool_minus)  # the operator, x on the right
mul = multiply = binary(p.mul, "mul")
true_divide = standing(binary(p.div, "div", to_float=True), "ops.arithmetic.true_divide")


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
        refuse(dtype_of(x, y), {BOOL: "div_trunc_cpu", COMPLEX: "div_trunc_cpu"})
        if _category(x, y) < 2:
            return finish(_integer_trunc(x, y), out, input, other)
        result = finish(p.trunc(run(p.div, x, y)), out, input, other)
        return _divided(result, input, other, rounding_mode)
    raise RuntimeError(
        "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
        f"'{rounding_mode}'"
    )


divide = div


def _category(x, y):
    return dtype_of(x, y).category


def _integer_trunc(x, y):
    _refuse_zero(y)
    quotient = run(c.floor_divide, x, y)
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
    refuse(dtype_of(x, y), {BOOL: "div_floor_cpu", COMPLEX: "div_floor_cpu"})
    if _category(x, y) < 2:
        _refuse_zero(y)
        return finish(run(c.floor_divide, x, y), out, input, other)
    quotient = p.floor(run(p.div, x, y))
    # NumPy's floor_divide corrects the rounding of x / y for large quotients, as PyTorch's does.
    exact = run(c.floor_divide, x, y)
    return finish(p.select(c.eq(quotient, exact), quotient, exact), out, input, other)


@worded
def floor_divide(input, other, *, out=None):
    """The quotient rounded toward minus infinity."""
    return underived.computed("aten::floor_divide", floored, (input, other), {"out": out})


@directly(direct.remainder)
def remainder(input, other, *, out=None):
    """Python's %: the result has the sign of `other`."""
    x, y = promote(*operands("remainder", input, other, "one"))
    refuse(dtype_of(x, y), {BOOL: "remainder_cpu", COMPLEX: "remainder_cpu"})
    if _category(x, y) < 2:
        _refuse_zero(y)
    result = finish(run(p.remainder, x, y), out, input, other)
    if isinstance(input, TensorBase):
        return _by_tensor(result, input, other, "RemainderBackward1")
    return underived.no_derivative(result, "aten::remainder", other)


@worded
def fmod(input, other, *, out=None):
    """C's fmod: the result has the sign of `input`."""
    x, y = promote(*operands("fmod", input, other, "second"))
    refuse(dtype_of(x, y), {BOOL: "fmod_cpu", COMPLEX: "fmod_cpu"})
    if _category(x, y) < 2:
        _refuse_zero(y)
    return _by_tensor(finish(run(p.fmod, x, y), out, input, other), input, other, "FmodBackward1")


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
    if y.__class__ is int and type_of(x).category == BOOL + 1:
        fitted(y, type_of(x).numpy)  # refuses what is no number of this type
    x, y = promote(x, y)
    if _category(x, y) == BOOL and y.__class__ in (bool, int):
        return finish(c.bitwise_or(x, not y), out, input, exponent)
    refuse(dtype_of(x, y), {BOOL: "pow"})
    if isinstance(x, TensorBase) and type_of(x).category == 2 and isinstance(y, float):
        y = int(y) if y.is_integer() and -1e9 < y < 1e9 else y
    return finish(
        _powered(run(f.pow, x, y), input, exponent, tensors),
        out,
        input,
        exponent,
    )


# A tensor as exponent takes the general path, where its node gets a name of its own.
_number_power = fast.binary(f.pow, called(pow_general, "pow"), two=pow_general)


def pow(input, exponent, *, out=None):
    """input ** exponent, elementwise; either may be a number."""
    try:
        return _number_power(input, exponent, out=out)
    except Exception:
        if not asks(input, exponent):
            raise
    return pow(input, exponent, out=out)


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


neg = negative = dressed(fast.unary(p.neg, neg), "neg")
abs = absolute = unary(p.absolute, "abs", refused={BOOL: "abs_cpu"}, same_type=True)
exp = unary(f.exp, "exp", to_float=True)
exp2 = unary(f.exp2, "exp2", to_float=True)
expm1 = unary(f.expm1, "expm1", to_float=True)
log = unary(f.log, "log", to_float=True)
log2 = unary(f.log2, "log2", to_float=True)
log10 = unary(f.log10, "log10", to_float=True)
log1p = unary(f.log1p, "log1p", to_float=True)
sqrt = unary(f.sqrt, "sqrt", to_float=True)
rsqrt = unary(f.rsqrt, "rsqrt", to_float=True)
sin = unary(f.sin, "sin", to_float=True)
cos = unary(f.cos, "cos", to_float=True)
tan = unary(f.tan, "tan", to_float=True)
asin = arcsin = unary(f.asin, "asin", to_float=True)
acos = arccos = unary(f.acos, "acos", to_float=True)
atan = arctan = unary(f.atan, "atan", to_float=True)
sinh = unary(f.sinh, "sinh", to_float=True)
cosh = unary(f.cosh, "cosh", to_float=True)
tanh = unary(f.tanh, "tanh", to_float=True)
asinh = arcsinh = unary(f.asinh, "asinh", to_float=True)
acosh = arccosh = unary(f.acosh, "acosh", to_float=True)
atanh = arctanh = unary(f.atanh, "atanh", to_float=True)
sigmoid = expit = unary(f.sigmoid, "sigmoid", to_float=True)
reciprocal = unary(p.reciprocal, "reciprocal", to_float=True)
erf = unary(f.erf, "erf", to_float=True, refused=_no("erf"))
erfc = unary(f.erfc, "erfc", to_float=True, refused=_no("erfc"))
erfinv = unary(f.erfinv, "erfinv", to_float=True, refused=_no("erfinv"))
lgamma = unary(f.lgamma, "lgamma", to_float=True, refused=_no("lgamma"))
digamma = unary(f.digamma, "digamma", to_float=True, refused=_no("digamma"))
_WHOLE = {"ints_same": True, "same_type": True}
floor = unary(p.floor, "floor", refused=_no_rounding("floor"), **_WHOLE)
ceil = unary(p.ceil, "ceil", refused=_no_rounding("ceil"), **_WHOLE)
trunc = fix = unary(p.trunc, "trunc", refused=_no_rounding("trunc"), **_WHOLE)
_NO_SIGN = (
    "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn "
    "instead."
)
sign = unary(p.sign, "sign", refused={COMPLEX: _NO_SIGN}, same_type=True)
relu = unary(
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


maximum = binary(p.maximum, "maximum", numbers="none", refused=_real_only("maximum"))
minimum = binary(p.minimum, "minimum", numbers="none", refused=_real_only("minimum"))
fmax = binary(p.fmax, "fmax", numbers="none", refused=_real_only("fmax"))
fmin = binary(p.fmin, "fmin", numbers="none", refused=_real_only("fmin"))
atan2 = arctan2 = binary(
    f.atan2, "atan2", to_float=True, numbers="none", refused={COMPLEX: "atan2_cpu"}
)
xlogy = binary(f.xlogy, "xlogy", to_float=True, numbers="one", refused={COMPLEX: "xlogy_cpu"})


@worded
def nextafter(input, other, *, out=None):
    """The next representable number after `input` towards `other`."""
    x, y = promote(*operands("nextafter", input, other, "none"))
    refuse(type_of(x), dict.fromkeys((BOOL, INT, COMPLEX), "nextafter_cpu"))
    return finish(run(c.nextafter, x, y), out, input, other)


@worded
def hypot(input, other, *, out=None):
    """sqrt(input² + other²), without overflow."""
    x, y = promote(*operands("hypot", input, other, "none"))
    refuse(type_of(x), {BOOL: "hypot_cpu", INT: "hypot_cpu", COMPLEX: "hypot_cpu"})
    return finish(run(f.hypot, x, y), out, input, other)


@worded
def copysign(input, other, *, out=None):
    """The size of `input` with the sign of `other`."""
    x, y = promote(*operands("copysign", input, other, "second"), to_float=True)
    result = finish(run(p.copysign, x, y), out, input, other)
    if isinstance(other, TensorBase):
        return result
    return named(result, "CopysignBackward1", self=input, result=RESULT)


@composite("LdexpBackward0")
def ldexp(input, other, *, out=None):
    """input * 2 ** other."""
    x, y = operands("ldexp", input, other, "none")
    return finish(x * pow(2.0, y), out, input, other)
