"""Arithmetic on elements: sums, products, quotients, extrema, rounding, selection, complex parts.

NumPy scalars take Python's operators (ten times faster on them than the ufunc), arrays likewise.
"""

import operator
import platform

import numpy as np

from ..base.dtypes import complex32
from ..core.handle import element_type
from .base import as_pairs, cast
from .define import elementwise
from .fused import fused, fused_nondifferentiable

__all__ = [
    "absolute", "add", "ceil", "clamp", "clamp_between", "clamp_high", "clamp_low", "cleared",
    "copysign", "div", "floor", "floor_divide", "fmax", "fmin", "fmod", "imag", "logical_not",
    "make_complex", "masked", "maximum", "minimum", "mul", "neg", "nonzero_count", "overwrite",
    "real",
    "reciprocal", "relu", "remainder", "round_", "rsub", "select", "sign", "sub",
    "trunc", "zeros_like",
]  # fmt: skip


neg = elementwise("neg", operator.neg, x=lambda t: -t, tex="-x")
add = elementwise("add", operator.add, x=lambda t: t, y=lambda t: t, tex="x + y")
_PAIR, _NOTHING = ("x", "y"), {"x": (), "y": ()}
sub = fused("sub", "x + -y", operator.sub, inputs=_PAIR, saves=_NOTHING, tex="x - y")
# 1 - x, which would otherwise go the long way of a number on the left (6 µs against 1).
rsub = fused("rsub", "y - x", lambda x, y: y - x, inputs=_PAIR, saves=_NOTHING)
rsub.torch_name = "RsubBackward1"
mul = elementwise("mul", operator.mul, x=lambda t, y: t * y, y=lambda t, x: t * x,
                  tex="x * y")  # fmt: skip
div = elementwise("div", operator.truediv, x=lambda t, y: t / y,
                  y=lambda t, y, x: -t * (x / y / y), tex="x / y")  # fmt: skip
reciprocal = fused("reciprocal", "1 / x", lambda x: 1 / x, saves={"x": ("out",)})


# --- selection and zeros ------------------------------------------------------------------------

zeros_like = fused_nondifferentiable("zeros_like", "0", lambda x: np.zeros_like(x))


def _overwrite(x, y):
    if isinstance(x, np.ndarray) and np.shape(y) != x.shape:
        return np.array(np.broadcast_to(y, np.broadcast_shapes(x.shape, np.shape(y))))
    return y.copy() if isinstance(y, np.ndarray) else y


# y where x was: what x.copy_(y) means.
overwrite = fused("copy", "y", _overwrite, inputs=_PAIR, saves=_NOTHING)
overwrite.torch_name = "CopyBackwards"
logical_not = fused_nondifferentiable("logical_not", "x == 0", np.logical_not, tex="not x")


def _select(condition, x, y):
    # np.where branches on each element: on mixed masks 4 ns each, against 0.7 ns for bit masks.
    if x.__class__ is np.ndarray and x.size > 2048 and x.dtype in _BITS:
        if not (condition.__class__ is np.ndarray and condition.shape == x.shape == np.shape(y)):
            return np.where(condition, x, y)
        if getattr(y, "dtype", None) is not x.dtype:
            return np.where(condition, x, y)
        bits = _BITS[x.dtype]
        mask = np.negative(condition.view(np.int8), dtype=np.int8)
        a, b = np.ascontiguousarray(x).view(bits), np.ascontiguousarray(y).view(bits)
        out = np.bitwise_xor(a, b)
        np.bitwise_and(out, mask, out=out)
        np.bitwise_xor(out, b, out=out)
        return out.view(x.dtype)
    if _covers(condition, y) and x.__class__ is y.dtype.type:
        bits = _BITS[y.dtype]
        out = np.bitwise_and(np.ascontiguousarray(y).view(bits), -(~condition).astype(bits))
        np.bitwise_or(out, np.where(condition, x, y.dtype.type(0)).view(bits), out=out)
        return out.view(y.dtype)
    return np.where(condition, x, y)


def _covers(condition, x):
    """Whether a small condition is repeated over an array of floats."""
    if x.__class__ is not np.ndarray or condition.__class__ is not np.ndarray:
        return False
    if x.dtype not in _BITS or x.size <= 2048 or condition.size * 8 > x.size:
        return False
    return condition.ndim <= x.ndim and all(
        n in (1, m) for n, m in zip(condition.shape[::-1], x.shape[::-1], strict=False)
    )


def masked(g, condition):
    """`g` where the condition holds, zero elsewhere (also where `g` is infinite or NaN)."""
    if g.__class__ is np.ndarray and condition.__class__ is np.ndarray and g.size > 32:
        if g.dtype in _BITS and condition.shape == g.shape:
            mask = np.negative(condition.view(np.int8), dtype=np.int8)
            return np.bitwise_and(np.ascontiguousarray(g).view(_BITS[g.dtype]), mask).view(g.dtype)
        if _covers(condition, g):
            bits = _BITS[g.dtype]
            mask = -condition.astype(bits)
            return np.bitwise_and(np.ascontiguousarray(g).view(bits), mask).view(g.dtype)
    return select(condition, g, zeros_like(g))


def cleared(g, condition):
    """Zero where the condition holds, `g` elsewhere."""
    if g.__class__ is np.ndarray and condition.__class__ is np.ndarray and g.size > 32:
        if g.dtype in _BITS and condition.shape == g.shape:
            mask = np.subtract(condition.view(np.int8), _ONE_BYTE)
            return np.bitwise_and(np.ascontiguousarray(g).view(_BITS[g.dtype]), mask).view(g.dtype)
        return masked(g, ~condition)
    return select(condition, zeros_like(g), g)


_ONE_BYTE = np.ones((), np.int8)
_BITS = {np.dtype(np.float32): np.dtype(np.int32), np.dtype(np.float64): np.dtype(np.int64)}

select = elementwise(
    "where", _select, inputs=("condition", "x", "y"),
    x=lambda t, condition: masked(t, condition),
    y=lambda t, condition: masked(t, logical_not(condition)),
    tex="x if condition else y",
)  # fmt: skip


# --- rounding: the derivative is zero where it exists -------------------------------------------


floor = elementwise("floor", np.floor, x=lambda t: zeros_like(t), tex="floor(x)")
round_ = elementwise("round", np.rint, x=lambda t: zeros_like(t), tex="round(x)")
ceil = fused("ceil", "-floor(-x)", np.ceil, saves={"x": ()}, tex="ceil(x)")
trunc = fused("trunc", "floor(x) if x >= 0 else -floor(-x)", np.trunc, saves={"x": ()},
              tex="trunc(x)")  # fmt: skip


def _sign(x):
    if x.dtype.kind not in "fV":
        return np.logical_and(x, x) if x.dtype.kind == "b" else np.sign(x)
    # Unlike NumPy's, PyTorch's sign of NaN is zero.
    return np.subtract(x > 0, x < 0, dtype=np.int8).astype(x.dtype)


sign = fused("sign", "1 if x > 0 else -1 if x < 0 else 0", _sign, saves={"x": ()}, tex="sign(x)")

# One for each element but zeros. No gradient passes, not even zeros, as in PyTorch's 0-norm.
nonzero_count = fused("nonzero", "1 if x != 0 else 0", lambda x: (x != 0).astype(x.dtype),
                      saves={})  # fmt: skip


# --- extrema: at a tie both get half, as PyTorch has it -----------------------------------------

_SIGNS_DECIDE = platform.machine() in ("aarch64", "arm64")


def _second_of_zeros(ufunc):
    """Of two zeros the second: NumPy's loop of halves gives the first, and its loops on ARM go by
    the sign."""

    def by_loop(x, y):
        return ufunc(y, x) if x.dtype == np.float16 else ufunc(x, y)

    def by_sign(x, y):
        return np.where(x == y, y, ufunc(x, y))[()]

    return by_sign if _SIGNS_DECIDE else by_loop


_larger, _smaller = _second_of_zeros(np.maximum), _second_of_zeros(np.minimum)

# The sum is NaN as one of them is, and passes the gradient to both.
maximum = fused(
    "maximum", "y if x < y else x if y < x else x / 2 + y / 2 if x == y else x + y", _larger,
    inputs=_PAIR, tex="maximum(x, y)",
)  # fmt: skip
minimum = fused(
    "minimum", "y if x > y else x if y > x else x / 2 + y / 2 if x == y else x + y", _smaller,
    inputs=_PAIR, tex="minimum(x, y)",
)  # fmt: skip


def _first_of_zeros(ufunc):
    """Of two zeros the first, as PyTorch gives it: NumPy's choice goes by the loop it takes."""

    def eval(x, y):
        out = ufunc(x, y)
        if out.dtype.kind in "fV" and (zeros := out == 0).any():
            out = np.where(zeros & (x == y), x, out)[()]
        return out

    return eval


fmax = fused("fmax", "x if (x >= y) | isnan(y) else y", _first_of_zeros(np.fmax), inputs=_PAIR,
             tex="maximum(x, y)")  # fmt: skip
fmin = fused("fmin", "x if (x <= y) | isnan(y) else y", _first_of_zeros(np.fmin), inputs=_PAIR,
             tex="minimum(x, y)")  # fmt: skip


def _clamp(x, *, low, high):
    """`x` itself where it equals a bound, so that -0 stays."""
    kind = x.dtype.type
    if low is not None:
        x = _larger(kind(low), x)
    return x if high is None else _smaller(kind(high), x)


def _bounded(low, high):
    """At the bounds the slope is one; where low > high, nothing is within."""
    if low is None:
        return "x if x <= high else high if x > high else nan"
    if high is None:
        return "x if x >= low else low if x < low else nan"
    return (
        "x if (x >= low) & (x <= high) else nan if isnan(x) "
        "else low if (x < low) & (low <= high) else high"
    )


clamp = fused("clamp", _bounded, _clamp, params=("low", "high"), tex="clamp(x, low, high)")
clamp.torch_name = "ClampBackward1"

# Tensors as bounds get the gradient of what they cut off; a NaN goes to none of them.
clamp_low = fused("clamp", "x if x >= y else y if x < y else nan", _larger, inputs=_PAIR,
                  tex="maximum(x, y)")  # fmt: skip
clamp_high = fused("clamp", "x if x <= y else y if x > y else nan", _smaller, inputs=_PAIR,
                   tex="minimum(x, y)")  # fmt: skip
clamp_between = fused(
    "clamp",
    "x if (x >= low) & (x <= high) else low if (x < low) & (low < high) "
    "else high if (x > high) | (high < low) else detach(minimum(maximum(x, low), high))",
    lambda x, low, high: _smaller(_larger(x, low), high),
    inputs=("x", "low", "high"), tex="minimum(maximum(x, low), high)",
)  # fmt: skip

_ZERO = {np.dtype(t): t(0) for t in (np.float32, np.float64)}
_at_least = _larger if _SIGNS_DECIDE else np.maximum  # what `_larger` is for these two types


def _relu(x):
    zero = _ZERO.get(x.dtype)
    return _clamp(x, low=0, high=None) if zero is None else _at_least(zero, x)


# A NaN passes, and passes the gradient.
relu = fused("relu", "0 if x <= 0 else x", _relu, saves={"x": ("out",)}, tex="maximum(0, x)")


# --- remainders ---------------------------------------------------------------------------------

# NumPy corrects the rounding of x / y, as PyTorch does: floor(1.0 / 0.1) is 10, the quotient 9.
floor_divide = fused_nondifferentiable(
    "floor_divide", "floor(x / y)", np.floor_divide, _PAIR, computed=False,
)  # fmt: skip


def _remainder(x, y):
    """Zero has the sign of x, where NumPy gives it that of y."""
    out = np.remainder(x, y)
    if out.dtype.kind not in "fV":
        return out
    return np.where(out == 0, np.copysign(out, x), out)[()]


_REST = {"x": (), "y": ("x", "y")}
remainder = fused("remainder", "x - y * floor_divide(x, y)", _remainder, inputs=_PAIR,
                  saves=_REST, tex="remainder(x, y)")  # fmt: skip
fmod = fused("fmod", "x - y * trunc(x / y)", np.fmod, inputs=_PAIR, saves=_REST)


def _turned(t, x, out):
    """`t` where the sign was kept, -t where it turned, zero where x is zero."""
    return t * select(x == 0, zeros_like(out), out / x)


copysign = elementwise(
    "copysign", np.copysign, x=_turned, y=lambda t: zeros_like(t), tex="copysign(x, y)"
)


# --- complex parts; abs is not holomorphic, so its two readings differ --------------------------


def _complex_of(t):
    dtype = element_type(t)
    if dtype.kind == "c":
        return t
    to = np.dtype(np.complex128 if dtype.itemsize == 8 else np.complex64)
    return cast(t, to=to, origin=dtype)


def _is_complex(x):
    return element_type(x).kind == "c"


def _part(name, place):
    take = operator.attrgetter(name)
    return lambda x: as_pairs(x)[..., place] if x.dtype.kind == "W" else take(x)


real = elementwise(
    "real", _part("real", 0), vjp={"x": _complex_of}, x=lambda t: real(t), tex="real(x)"
)
imag = elementwise("imag", _part("imag", 1), vjp={"x": lambda g: _complex_of(g) * 1j},
                   x=lambda t: imag(t), tex="imag(x)")  # fmt: skip
real.is_view = imag.is_view = True


def _make_complex(x, y):
    size = x.dtype.itemsize
    kind = np.complex128 if size == 8 else complex32.numpy if size == 2 else np.complex64
    turned = x.shape == y.shape and not (x.flags.c_contiguous or y.flags.c_contiguous)
    out = (
        np.empty_like(x, kind) if turned else np.empty(np.broadcast_shapes(x.shape, y.shape), kind)
    )
    parts = as_pairs(out)
    parts[..., 0], parts[..., 1] = x, y
    return out


def _as_part(part, x):
    """A part of a gradient in the type of the operand: halves are parts of complex64, too."""
    origin, to = element_type(part), element_type(x)
    return part if origin == to else cast(part, to=to, origin=origin)


make_complex = elementwise(
    "complex", _make_complex,
    vjp={"x": lambda g, x: _as_part(real(g), x), "y": lambda g, y: _as_part(imag(g), y)},
    x=_complex_of, y=lambda t: _complex_of(t) * 1j,
    tex="complex(x, y)",
)  # fmt: skip


def _unit(x):
    """x / |x|, and 0 at 0: the sign of a real or complex number."""
    if not _is_complex(x):
        return sign(x)
    size = absolute(x)
    size = select(size == 0, size + 1, size)
    # By parts: a quotient of complex numbers inverts the size, which overflows if it is subnormal.
    return make_complex(real(x) / size, imag(x) / size)


def _conjugate_times(t, unit):
    if not _is_complex(unit):
        return t * unit
    return real(t) * real(unit) + imag(t) * imag(unit)


absolute = elementwise(
    "abs", np.abs, vjp={"x": lambda g, x: (_complex_of(g) if _is_complex(x) else g) * _unit(x)},
    x=lambda t, x: _conjugate_times(t, _unit(x)), tex="abs(x)",
)  # fmt: skip
