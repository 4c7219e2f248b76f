"""Bessel, Airy, zeta, incomplete gamma and normal distribution functions of elements.

SciPy computes them; the derivatives are ours. Loaded when one of them is first used.
"""

import math

import numpy as np

from ..base.errors import hinted
from ..base.lazy import lazy_module
from .arithmetic import select, sign, zeros_like
from .base import HALVES
from .define import elementwise
from .functions import exp, lgamma, log
from .fused import fused

__all__ = [
    "airy_ai", "bessel", "entr", "erfcx", "igamma", "log_ndtr", "ndtr", "ndtri", "sinc",
    "spherical_bessel_j0", "xlog1py", "zeta",
]  # fmt: skip

special = lazy_module("scipy.special")

_ROOT_HALF = math.sqrt(0.5)


def _computed(compute):
    """A function of SciPy, in float32 for the 16-bit floats, in the type of its arguments."""

    def eval(*args):
        kinds = [a.dtype for a in args if hasattr(a, "dtype")]
        wide = np.dtype(np.float32) if kinds[0] in HALVES else kinds[0]
        return np.asarray(compute(*[np.asarray(a, wide) for a in args])).astype(kinds[0])[()]

    return eval


def _wide(compute):
    """As `_computed`, but in float64 throughout: SciPy's float32 form is less accurate."""

    def eval(*args):
        kind = next(a.dtype for a in args if hasattr(a, "dtype"))
        return np.asarray(compute(*[np.asarray(a, np.float64) for a in args])).astype(kind)[()]

    return eval


def _function(word, formula, **fields):
    """A function that SciPy computes, also where its formula has no value."""
    compute = _computed(lambda x: getattr(special, word)(x))
    return fused(word, formula, compute, computed=False, **fields)


def _over(numerator, x, at_zero):
    """numerator / x, with its limit at 0."""
    zero = x == 0
    quotient = numerator / select(zero, zeros_like(x) + 1, x)
    return select(zero, zeros_like(quotient) + at_zero, quotient)


# --- Bessel and Airy functions --------------------------------------------------------------------

# Of order 0: the sign of the slope, that function of order 1; of order 1: the sign of the function
# of order 0 in its slope. SciPy's j and y are less accurate in float32.
_SLOPES = {"i": (1, 1), "k": (-1, -1), "j": (-1, 1), "y": (-1, 1)}
_EVALS = {
    (kind, order, scaled): (_wide if kind in "jy" else _computed)(
        lambda x, name=f"{kind}{order}{'e' * scaled}": getattr(special, name)(x)
    )
    for kind in _SLOPES for order in (0, 1) for scaled in (False, kind in "ik")
}  # fmt: skip


def _bessel(x, *, kind, order, scaled=False):
    """`scaled`: i times exp(-|x|), k times exp(x), which neither overflow nor vanish."""
    return _EVALS[kind, order, scaled](x)


def _bessel_map(t, x, out, kind, order, scaled=False):
    slope = _SLOPES[kind][order] * bessel(x, kind=kind, order=1 - order, scaled=scaled)
    if order == 1:
        slope = slope - (_over(out, x, 0.5) if kind in "ij" else out / x)
    if scaled:
        slope = slope - sign(x) * out if kind == "i" else slope + out
    return t * slope


def _bessel_words(kind, order, scaled=False, **others):
    factor = {"i": "exp(-abs(x)) * ", "k": "exp(x) * "}[kind] if scaled else ""
    return f"{factor}{kind}{order}(x)"


bessel = elementwise("bessel", _bessel, x=_bessel_map, tex=_bessel_words)
_airy = [_wide(lambda x: special.airy(x)[0]), _wide(lambda x: special.airy(x)[1])]
# Of order 1, the derivative.
airy_ai = elementwise(
    "airy_ai", lambda x, *, order: _airy[order](x),
    x=lambda t, x, order: t * (airy_ai(x, order=0) * x if order else airy_ai(x, order=1)),
    tex=lambda order, **others: "airy_ai_prime(x)" if order else "airy_ai(x)",
)  # fmt: skip


def _ratio(x):
    far = np.isinf(x)
    return np.where(far, 0.0, np.sinc(np.where(far, 1.0, x) / math.pi))


# Of float16, sin(x) / x for the one of the other's argument would lose digits.
spherical_bessel_j0 = fused(
    "spherical_bessel_j0", "1 if x == 0 else sin(x) / x", _wide(_ratio),
    saves={"x": ("x", "out")}, tex="sin(x) / x", computed=False,
)  # fmt: skip


def _sinc(x):
    """As NumPy's sinc, which warns where x is infinite; in complex numbers too."""
    wide = x.astype(np.float32) if x.dtype in HALVES else x
    turn = np.where(wide == 0, wide.dtype.type(1e-20), wide) * wide.dtype.type(math.pi)
    return np.asarray(np.sin(turn) / turn).astype(x.dtype)[()]


sinc = fused("sinc", "1 if x == 0 else sin(pi * x) / (pi * x)", _sinc,
             tex="sin(pi * x) / (pi * x)", computed=False)  # fmt: skip


# --- the normal distribution ----------------------------------------------------------------------

erfcx = _function("erfcx", "exp(x * x) * erfc(x)", torch_name="SpecialErfcx",
                  saves={"x": ("x", "out")}, tex="exp(x**2) * erfc(x)")  # fmt: skip
ndtr = _function("ndtr", "erfc(-x / sqrt(2)) / 2")
log_ndtr = elementwise(
    "log_ndtr", _computed(lambda x: special.log_ndtr(x)),
    x=lambda t, x: t / erfcx(x * -_ROOT_HALF) * math.sqrt(2 / math.pi),
    torch_name="SpecialLogNdtr", tex="log(erfc(-x / sqrt(2)) / 2)",
)  # fmt: skip
ndtri = _function("ndtri", "sqrt(2) * erfinv(2 * x - 1)", torch_name="SpecialNdtri",
                  saves={"x": ("out",)})  # fmt: skip
entr = _function("entr", "-(x * log(x))", torch_name="SpecialEntr", tex="-x * log(x)")


# --- two arguments --------------------------------------------------------------------------------


xlog1py = fused(
    "xlog1py", "(0 if (x == 0) & (y <= -1) else x) * log1p(y)",
    _computed(lambda x, y: special.xlog1py(x, y)), inputs=("x", "y"),
    torch_name="SpecialXlog1Py", tex="0 if x == 0 else x * log(1 + y)", computed=False,
)  # fmt: skip


def _unknown(name):
    raise NotImplementedError(
        hinted(
            f"the derivative for '{name}' is not implemented.", "detach that argument: x.detach()."
        )
    )


def _zeta(x, q):
    """Of no value (NaN) for x < 1, where the series does not converge."""
    return special.zeta(x, q)


zeta = elementwise("zeta", _wide(_zeta), x=lambda t: _unknown("zeta"),
                   y=lambda t, x, y: t * (-x * zeta(x + 1, y)), tex="zeta(x, y)")  # fmt: skip
zeta.torch_name = "SpecialZetaBackward0"


def _gamma_density(t, x, y):
    return t * exp((x - 1) * log(y) - y - lgamma(x))


_lower = _wide(lambda x, y: special.gammainc(x, y))
_upper = _wide(lambda x, y: special.gammaincc(x, y))
igamma = elementwise(
    "igamma", lambda x, y, *, upper: (_upper if upper else _lower)(x, y),
    x=lambda t, upper: _unknown("igammac: input" if upper else "igamma: input"),
    y=lambda t, x, y, upper: _gamma_density(-t if upper else t, x, y),
    tex=lambda upper, **others: "1 - igamma(x, y)" if upper else "igamma(x, y)",
)  # fmt: skip
