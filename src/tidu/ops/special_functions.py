"""torch.special beyond the everyday names: Bessel functions, polynomials, incomplete gamma ...

Each converts integers to the default float type and serves `out=`. Loaded at the first use.
"""

import math

import numpy as np

from ..base.dtypes import DEFAULT
from ..base.lazy import standing
from ..core.direct import array, directly
from ..core.handle import TensorBase, bottom, element_type
from ..core.primitive import camel
from ..core.retries import worded
from ..primitives import arithmetic as p
from ..primitives import comparison as c
from ..primitives import special_functions as s
from .arithmetic import lgamma
from .convert import (
    composite,
    convert,
    finish,
    named,
    operands,
    promote,
    refuse,
    require_tensor,
    type_of,
)
from .elementwise import binary, called, dressed, unary
from .formats import ordered
from .from_data import scalar_tensor

COMPLEX = 3


def _one(prim, name, kernel=None):
    """The function of a one-input primitive, real numbers only."""
    refused = {COMPLEX: kernel or name}
    return _standing(unary(prim, name, to_float=True, refused=refused))


def _standing(function):
    """A function made elsewhere, under its name here."""
    return standing(function, f"ops.special_functions.{function.__name__.removeprefix('special_')}")


def _of_kind(prim, name, kernel=None, node=None, **params):
    """The same for one kind of a primitive."""

    def quick(input):
        x = array(input)
        return prim.eval(x, **params) if x.dtype in _FLOATS else None

    def general(input, *, out=None):
        x = require_tensor(name, input)
        refuse(type_of(x), {COMPLEX: kernel or name})
        x = convert(x, DEFAULT.dtype) if type_of(x).category < 2 else x
        return finish(named(prim(x, **params), node or f"{camel(name)}Backward0"), out, input)

    return _standing(directly(quick)(dressed(called(general, name), name)))


_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def _bessel(name, word, kernel=None, node=None):
    """`word`: SciPy's, of kind, order, and e where it is scaled."""
    params = dict(kind=word[0], order=int(word[1]), scaled=word.endswith("e"))
    return _of_kind(s.bessel, name, kernel, node, **params)


i0 = _bessel("i0", "i0", "i0_vml_cpu")
i0e = _bessel("special_i0e", "i0e", "i0e", "SpecialI0EBackward0")
i1 = _bessel("special_i1", "i1", "i1")
i1e = _bessel("special_i1e", "i1e", "i1e", "SpecialI1EBackward0")
bessel_j0, bessel_j1 = _bessel("bessel_j0", "j0"), _bessel("bessel_j1", "j1")
bessel_y0, bessel_y1 = _bessel("bessel_y0", "y0"), _bessel("bessel_y1", "y1")
modified_bessel_i0 = _bessel("modified_bessel_i0", "i0")
modified_bessel_i1 = _bessel("modified_bessel_i1", "i1")
modified_bessel_k0 = _bessel("modified_bessel_k0", "k0")
modified_bessel_k1 = _bessel("modified_bessel_k1", "k1")
scaled_modified_bessel_k0 = _bessel("scaled_modified_bessel_k0", "k0e")
scaled_modified_bessel_k1 = _bessel("scaled_modified_bessel_k1", "k1e")
spherical_bessel_j0 = _one(s.spherical_bessel_j0, "spherical_bessel_j0")
airy_ai = _of_kind(s.airy_ai, "airy_ai", order=0)
entr, erfcx = _one(s.entr, "entr"), _one(s.erfcx, "erfcx")
ndtr, ndtri, log_ndtr = _one(s.ndtr, "ndtr"), _one(s.ndtri, "ndtri"), _one(s.log_ndtr, "log_ndtr")
sinc = _standing(unary(s.sinc, "sinc", to_float=True))

_NO = {COMPLEX: "not implemented for complex numbers"}
xlog1py, zeta = [
    _standing(binary(prim, name, to_float=True, numbers="one", refused=_NO))
    for prim, name in ((s.xlog1py, "special_xlog1py"), (s.zeta, "special_zeta"))
]


def _incomplete(name, upper):
    def general(input, other, *, out=None):
        x, y = promote(*operands(name, input, other, "none"))
        refuse(type_of(x), dict.fromkeys((0, 1, COMPLEX), f"{name}_cpu"))
        node = f"{name.capitalize()}Backward0"
        return finish(named(s.igamma(x, y, upper=upper), node, self=x, other=y), out)

    return dressed(worded(called(general, name)), name)


igamma = gammainc = _incomplete("igamma", False)
igammac = gammaincc = _incomplete("igammac", True)


@composite("MvlgammaBackward0")
@ordered
def mvlgamma(input, p, *, out=None):
    """The logarithm of the multivariate gamma function of dimension p, elementwise."""
    x = require_tensor("mvlgamma", input)
    refuse(type_of(x), {0: "mvlgamma_cpu", COMPLEX: "mvlgamma_cpu"})
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    x = convert(x, DEFAULT.dtype) if type_of(x).category < 2 else x
    total = lgamma(x) + p * (p - 1) / 4 * math.log(math.pi)
    for j in range(1, p):
        total = total + lgamma(x - j / 2)
    return finish(total, out)


multigammaln = mvlgamma


# --- orthogonal polynomials: three terms at a time ----------------------------------------------


def _degrees(name, input, n):
    """(x, the degrees, the largest degree): promoted, the degrees without gradient."""
    for given, word in ((input, "input"), (n, "n")):
        if not isinstance(given, (TensorBase, bool, int, float)):
            raise TypeError(f"{name}(): argument '{word}' must be Tensor or Number")
    if not isinstance(input, TensorBase) and not isinstance(n, TensorBase):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor")
    if not isinstance(input, TensorBase):
        input = scalar_tensor(input, dtype=type_of(n) if type_of(n).category == 2 else None)
    x, degrees = promote(*operands(name, input, n, "one"), to_float=True)
    refuse(type_of(x), {COMPLEX: f"{name}_cpu"})
    if not isinstance(degrees, TensorBase):
        degrees = scalar_tensor(degrees, dtype=type_of(x))
    degrees = p.trunc(degrees.detach())
    values = np.asarray(bottom(degrees))
    top = int(values.max()) if values.size else 0
    return x, degrees, top


def _polynomial(name, first, step, shift=None, limit=None):
    """first(x) is the polynomial of degree 1; step(k, x, p, q) that of degree k + 1 from those of
    degrees k (p) and k - 1 (q). Negative degrees give 0."""

    def general(input, n, *, out=None):
        x, degrees, top = _degrees(name, input, n)
        x = x if shift is None else shift(x)
        below, now = x * 0 + 1, first(x)
        result = p.select(c.lt(degrees, 0), below * 0, below * (degrees * 0 + 1))
        for k in range(1, min(top, limit or top) + 1):
            result = p.select(c.eq(degrees, k), now, result)
            below, now = now, step(k, x, now, below)
        if limit is not None and top > limit:
            nan = element_type(x).type(math.nan)
            result = p.select(c.gt(degrees, limit), nan, result)
        return finish(result, out)

    return dressed(worded(called(general, name)), f"special.{name}")


def _chebyshev(k, x, now, below):
    return 2 * x * now - below


def _halves(x):
    return 2 * x - 1


_LETTERS = {
    "t": lambda x: x, "u": lambda x: 2 * x, "v": lambda x: 2 * x - 1, "w": lambda x: 2 * x + 1,
}  # fmt: skip
(chebyshev_polynomial_t, chebyshev_polynomial_u, chebyshev_polynomial_v, chebyshev_polynomial_w) = [
    _polynomial(f"chebyshev_polynomial_{letter}", first, _chebyshev)
    for letter, first in _LETTERS.items()
]
(shifted_chebyshev_polynomial_t, shifted_chebyshev_polynomial_u,
 shifted_chebyshev_polynomial_v, shifted_chebyshev_polynomial_w) = [
    _polynomial(f"shifted_chebyshev_polynomial_{letter}", first, _chebyshev, shift=_halves)
    for letter, first in _LETTERS.items()
]  # fmt: skip
hermite_polynomial_h = _polynomial(
    "hermite_polynomial_h", lambda x: 2 * x,
    lambda k, x, now, below: 2 * x * now - 2 * k * below, limit=512,
)  # fmt: skip
hermite_polynomial_he = _polynomial(
    "hermite_polynomial_he", lambda x: x, lambda k, x, now, below: x * now - k * below, limit=512
)
laguerre_polynomial_l = _polynomial(
    "laguerre_polynomial_l", lambda x: 1 - x,
    lambda k, x, now, below: ((2 * k + 1 - x) * now - k * below) / (k + 1),
)  # fmt: skip
legendre_polynomial_p = _polynomial(
    "legendre_polynomial_p", lambda x: x,
    lambda k, x, now, below: ((2 * k + 1) * x * now - k * below) / (k + 1),
)  # fmt: skip
