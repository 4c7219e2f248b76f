"""Powers, exponentials, logarithms, trigonometric and special functions of elements.

NumPy and SciPy compute them; the derivatives are ours, each to any order.
"""

import math

import numpy as np

from ..base.lazy import lazy_module
from ..core.handle import TensorBase, element_type
from .arithmetic import select, zeros_like
from .base import HALVES
from .define import elementwise, shape_of_floats
from .fused import fused

__all__ = [
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "digamma",
    "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "hypot", "lgamma", "log", "log10", "log1p",
    "log2", "logaddexp", "logaddexp2", "logit", "polygamma", "pow", "rsqrt", "sigmoid", "sin",
    "sinh", "sqrt", "tan", "tanh", "xlogy",
]  # fmt: skip

special = lazy_module("scipy.special")


def inverse(name, formula, kernel, saves=("x",), **fields):
    """The inverse of a formula of "out"."""
    return fused(name, formula, kernel, saves={"x": saves}, tex=f"{name}(x)",
                 inverse=True, **fields)  # fmt: skip


# --- powers -------------------------------------------------------------------------------------


def _power(x, y):
    # NumPy's pow is a hundred times slower than products for the usual small exponents. Of
    # bfloat16 each product is rounded, as PyTorch has it.
    plain = y.__class__ is int or y.__class__ is float
    if plain or y.__class__.__name__ == "bfloat16":
        y = y if plain else float(y)
        if y == 2:
            return x * x
        if y == 3:
            if x.dtype == np.float16:  # rounded once
                return (x.astype(np.float32) ** 3).astype(x.dtype)
            return x * x * x
        if y == 1:
            return x * 1
        if y == 0.5 and x.dtype.kind in "fcV":
            return np.sqrt(x)
        if y == -1 and x.dtype.kind in "fcV":
            return x.dtype.type(1) / x
        if y == -2 and x.dtype.kind in "fV" and x.dtype != np.float16:
            return x.dtype.type(1) / (x * x)
        if x.dtype.kind == "V":  # bfloat16
            y = x.dtype.type(y)
    if getattr(y, "dtype", None) is not None and y.dtype.kind == "i" and np.any(y < 0):
        return _integer_power(np.asarray(x), y)
    return np.power(x, y)


def _integer_power(x, y):
    """Negative exponents give 1 / x truncated: 1 for 1, +-1 for -1, else 0."""
    sign = np.where((x == -1) & (y % 2 != 0), -1, 1)
    below = np.where(np.abs(x) == 1, sign, 0)
    return np.where(y < 0, below, np.power(x, np.maximum(y, 0))).astype(y.dtype)[()]


def _power_base(t, x, y):
    if y.__class__ in (int, float, complex):
        if y == 0:
            return zeros_like(t)
        if y == 2:
            return t * (2 * x)
        return t if y == 1 else t * (pow(x, y - 1) * y)
    return select(y == 0, zeros_like(t * y), t * (pow(x, y - 1) * y))


def _power_exponent(t, x, y, out):
    # 0 ** y has derivative 0 for y > 0, where log 0 would give NaN.
    if isinstance(x, np.generic) and isinstance(y, TensorBase):  # a constant of a recording
        x = x.item()
    if x.__class__ in (int, float, complex):
        factor = complex(np.log(complex(x))) if x.__class__ is complex else _number_log(x)
        term = t * (out * factor)
        return select(y >= 0, zeros_like(term), term) if x == 0 else term
    term = t * (out * log(x))
    at_zero = x == 0 if element_type(y).kind == "c" else (x == 0) & (y >= 0)
    return select(at_zero, zeros_like(term), term)


def _number_log(x):
    return math.log(x) if x > 0 else -math.inf if x == 0 else math.nan


pow = elementwise("pow", _power, x=_power_base, y=_power_exponent, tex="x**y")


def _rsqrt(x):
    if x.dtype in HALVES:
        return (1 / np.sqrt(x.astype(np.float32))).astype(x.dtype)
    return 1 / np.sqrt(x)


sqrt = elementwise("sqrt", np.sqrt, x=lambda t, out: t / (2 * out), tex="sqrt(x)")
rsqrt = fused("rsqrt", "1 / sqrt(x)", _rsqrt, saves={"x": ("out",)})


# --- exponentials and logarithms ----------------------------------------------------------------

exp = elementwise("exp", np.exp, x=lambda t, out: t * out, tex="exp(x)")
exp2 = fused("exp2", "2**x", np.exp2, saves={"x": ("out",)})
expm1 = fused("expm1", "exp(x) - 1", np.expm1, saves={"x": ("out",)})
log = inverse("log", "exp(out)", np.log)
log2 = fused("log2", "log(x) / log(2)", np.log2, tex="log2(x)")
log10 = fused("log10", "log(x) / log(10)", np.log10, tex="log10(x)")
log1p = fused("log1p", "log(1 + x)", np.log1p, torch_name="Log1P")


# Arrays, which NumPy need not convert at each call: half of the time for few elements.
_ONE = {np.dtype(kind): np.ones((), kind) for kind in (np.float32, np.float64)}


def _sigmoid(x):
    # Halves and tanh: no overflow on either side and one transcendental.
    one = _ONE.get(x.dtype)
    if one is not None and x.__class__ is np.ndarray and x.ndim:
        out = np.negative(x)
        np.exp(out, out)
        np.add(out, one, out)
        return np.divide(one, out, out)
    if x.dtype.kind == "c":
        return 1 / (1 + np.exp(-x))
    if x.dtype in HALVES:
        return _sigmoid(x.astype(np.float32)).astype(x.dtype)
    return x.dtype.type(1) / (1 + np.exp(-x))


sigmoid = fused("sigmoid", "exp(x) / (1 + exp(x))", _sigmoid, saves={"x": ("out",)},
                tex="sigmoid(x)", computed=False)  # fmt: skip


# --- trigonometric and hyperbolic ---------------------------------------------------------------

sin = elementwise("sin", np.sin, x=lambda t, x: t * cos(x), tex="sin(x)")
cos = elementwise("cos", np.cos, x=lambda t, x: -(t * sin(x)), tex="cos(x)")
tan = fused("tan", "sin(x) / cos(x)", np.tan, saves={"x": ("out",)}, tex="tan(x)")
asin = inverse("asin", "sin(out)", np.arcsin)
acos = fused("acos", "pi / 2 - asin(x)", np.arccos, tex="acos(x)")
atan = inverse("atan", "tan(out)", np.arctan)
sinh = elementwise("sinh", np.sinh, x=lambda t, x: t * cosh(x), tex="sinh(x)")
cosh = elementwise("cosh", np.cosh, x=lambda t, x: t * sinh(x), tex="cosh(x)")
tanh = fused("tanh", "sinh(x) / cosh(x)", np.tanh, saves={"x": ("out",)}, tex="tanh(x)",
             computed=False)  # fmt: skip
asinh = inverse("asinh", "sinh(out)", np.arcsinh)


def _acosh_map(t, x):
    # Two roots keep to the branch of complex numbers; one is defined below -1 too, as PyTorch's.
    if element_type(x).kind == "c":
        return t * (rsqrt(x - 1) * rsqrt(x + 1))
    return t * rsqrt((x - 1) * (x + 1) + 0.0)  # -0 becomes 0


acosh = elementwise("acosh", np.arccosh, x=_acosh_map, tex="acosh(x)")
atanh = inverse("atanh", "tanh(out)", np.arctanh)


def _circle(t, x, y, other):
    """t·other / (x² + y²), 0 at the origin."""
    square = x * x + y * y
    return select(square == 0, zeros_like(square), t * other / square)


atan2 = elementwise("atan2", np.arctan2, x=lambda t, x, y: _circle(t, x, y, y),
                    y=lambda t, x, y: _circle(t, x, y, -x), tex="atan2(x, y)")  # fmt: skip


hypot = fused("hypot", "sqrt(x * x + y * y)", np.hypot, inputs=("x", "y"),
              saves={"x": ("x", "out"), "y": ("y", "out")}, tex="sqrt(x**2 + y**2)",
              computed=False)  # fmt: skip


# --- special functions --------------------------------------------------------------------------


def _scipy(name):
    """SciPy's function, in float32 for the 16-bit floats, in the type it was given."""

    def compute(x):
        if x.dtype in HALVES:
            return getattr(special, name)(x.astype(np.float32)).astype(x.dtype)
        return getattr(special, name)(x)

    return compute


_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)

erf = elementwise(
    "erf",
    _scipy("erf"),
    shape=shape_of_floats,
    x=lambda t, x: t * (exp(-(x * x)) * _TWO_OVER_ROOT_PI),
    tex="erf(x)",
)
erfc = fused("erfc", "1 - erf(x)", _scipy("erfc"), shape=shape_of_floats, tex="erfc(x)")
_inverse_erf = _scipy("erfinv")
# SciPy's loses the sign of -0.
erfinv = inverse("erfinv", "erf(out)", lambda x: np.copysign(_inverse_erf(x), x), ("out",),
                 shape=shape_of_floats)  # fmt: skip
_gammaln = _scipy("gammaln")


def _lgamma(x):
    """Infinite at both infinities, as C's; -log|x| next to zero, where SciPy's overflows."""
    out = _gammaln(x)
    infinite = np.isinf(out)
    if infinite.any():
        near = infinite & (x != 0) & (np.abs(x) < 1e-300)
        with np.errstate(divide="ignore"):
            out = np.where(near, -np.log(np.abs(x)), np.where(infinite, np.abs(out), out))
        out = out.astype(x.dtype)[()]
    return out


lgamma = elementwise("lgamma", _lgamma, x=lambda t, x: t * digamma(x), shape=shape_of_floats,
                     tex="lgamma(x)")  # fmt: skip
digamma = fused("digamma", "polygamma(0, x)", _scipy("digamma"), shape=shape_of_floats,
                tex="digamma(x)")  # fmt: skip


def _polygamma(x, *, order):
    wide = x.astype(np.float64)
    out = special.digamma(wide) if order == 0 else special.polygamma(order, wide)
    return np.asarray(out).astype(x.dtype)


polygamma = elementwise("polygamma", _polygamma, shape=shape_of_floats,
                        x=lambda t, x, order: t * polygamma(x, order=order + 1),
                        tex="polygamma(order, x)")  # fmt: skip


def _xlogy(x, y):
    dtype = y.dtype if hasattr(y, "dtype") else x.dtype
    if dtype in HALVES:
        # The logarithm is rounded to 16 bits before the product is, as PyTorch has it.
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.log(np.asarray(y, np.float32)).astype(dtype).astype(np.float32)
            product = np.asarray(x, np.float32) * log
        return np.where((np.asarray(x) == 0) & ~np.isnan(log), 0, product).astype(dtype)
    return special.xlogy(np.asarray(x, dtype), np.asarray(y, dtype))


def _xlogy_first(t, x, y):
    """t·log y, but 0 where t is 0, or x is 0 and log y is not finite."""
    term = xlogy(t, y)
    return select((x == 0) & (y <= 0), zeros_like(term), term)


xlogy = elementwise(
    "xlogy", _xlogy,
    x=_xlogy_first,
    y=lambda t, x, y: t * (x / y),
    tex="0 if x == 0 else x * log(y)",
)  # fmt: skip


def _logit(x):
    return np.log(x / (1 - x))


# Outside of [0, 1] the slope is as undefined as the value.
logit = fused(
    "logit", "sigmoid(out) if (x >= 0) & (x <= 1) else nan * out", _logit, inverse=True,
    tex="log(x / (1 - x))",
)  # fmt: skip


def _in_float32(compute):
    """A function of two arrays, in float32 for the 16-bit floats."""

    def eval(x, y):
        if x.dtype in HALVES:
            return compute(x.astype(np.float32), y.astype(np.float32)).astype(x.dtype)
        return compute(x, y)

    return eval


# The slopes are exp(x) / (exp(x) + exp(y)) and what is left of one.
logaddexp = fused(
    "logaddexp", "x - log(sigmoid(x - y))", _in_float32(np.logaddexp), inputs=("x", "y"),
    tex="log(exp(x) + exp(y))", computed=False,
)  # fmt: skip
logaddexp2 = fused(
    "logaddexp2", "x - log2(sigmoid((x - y) * log(2)))", _in_float32(np.logaddexp2),
    inputs=("x", "y"), tex="log2(2**x + 2**y)", computed=False,
)  # fmt: skip
