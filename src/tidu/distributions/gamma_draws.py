"""Draws of Gamma and Dirichlet whose gradients follow the concentration.

A draw z moves with its parameter a so that its rank stays: dz/da = -(dF/da) / density.
"""

import numpy as np

from .. import ops
from ..autograd import Function
from ..base import streams
from ..base.lazy import lazy_module
from ..core.handle import wrap

__all__ = ["dirichlet", "standard_gamma"]

special = lazy_module("scipy.special")


def _drawn(ctx, concentration, draw):
    """A draw, kept for the gradient together with its parameter."""
    value = wrap(draw(np.asarray(concentration.detach()._array())))
    ctx.save_for_backward(concentration, value)
    return value


class _StandardGamma(Function):
    @staticmethod
    def forward(ctx, concentration):
        return _drawn(ctx, concentration, streams.standard_gamma)

    @staticmethod
    def backward(ctx, g):
        concentration, value = ctx.saved_tensors
        slope = _gamma_slope(value.detach()._array(), concentration.detach()._array())
        return g * wrap(slope)


class _Dirichlet(Function):
    @staticmethod
    def forward(ctx, concentration):
        return _drawn(ctx, concentration, streams.dirichlet)

    @staticmethod
    def backward(ctx, g):
        concentration, x = ctx.saved_tensors
        total = concentration.sum(-1, keepdim=True).expand(concentration.shape)
        arrays = [t.detach()._array().astype(np.float64) for t in (x, concentration, total)]
        slope = wrap(_beta_slope(*arrays).astype(x.detach()._array().dtype))
        return slope * (g - (x * g).sum(-1, keepdim=True))


def standard_gamma(concentration):
    """Gamma numbers of scale 1."""
    return _StandardGamma.apply(concentration)


def dirichlet(concentration):
    """Points of a simplex, by the weights of the last axis."""
    return _Dirichlet.apply(concentration)


def _gamma_slope(z, a):
    """dz/da of a standard Gamma draw."""
    kind = z.dtype
    z, a = np.broadcast_arrays(z.astype(np.float64), a.astype(np.float64))
    with np.errstate(all="ignore"):
        slope = np.where(z < 0.8, _gamma_series(z, a), _gamma_difference(z, a))
    return slope.astype(kind)


def _gamma_series(z, a):
    """For small z, from P(a, z) = z^a e^-z sum z^k / Gamma(a + k + 1)."""
    term, total, weighted = 1.0 / a, 0.0, 0.0
    rate = np.log(z) - special.digamma(a + 1)
    total, weighted = total + term, weighted + term * rate
    for k in range(1, 24):
        term = term * z / (a + k)
        rate = rate - 1.0 / (a + k)
        total, weighted = total + term, weighted + term * rate
    return -z * weighted


def _gamma_difference(z, a):
    """Elsewhere, from differences of the smaller tail of the distribution function."""
    h = 1e-3 * np.maximum(a, 1e-2)
    upper = special.gammainc(a, z) > 0.5
    tail = lambda b: np.where(upper, -special.gammaincc(b, z), special.gammainc(b, z))
    slope = (8 * (tail(a + h) - tail(a - h)) - (tail(a + 2 * h) - tail(a - 2 * h))) / (12 * h)
    log_density = (a - 1) * np.log(z) - z - special.gammaln(a)
    return -slope / np.exp(log_density)


def _beta_slope(x, a, total):
    """dx/da of Beta(a, total - a), divided by 1 - x."""
    b = total - a
    h = 1e-3 * np.maximum(a, 1e-2)
    with np.errstate(all="ignore"):
        upper = special.betainc(a, b, x) > 0.5
        tail = lambda p: np.where(upper, -special.betainc(b, p, 1 - x), special.betainc(p, b, x))
        slope = (8 * (tail(a + h) - tail(a - h)) - (tail(a + 2 * h) - tail(a - 2 * h))) / (12 * h)
        log_density = (a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - special.betaln(a, b)
        return -slope / np.exp(log_density) / (1 - x)


def dirichlet_mode(concentration):
    """The highest point of a Dirichlet density, a corner where all concentrations are below 1."""
    above = (concentration - 1).clamp(min=0.0)
    mode = above / above.sum(-1, True)
    corner = ops.zeros_like(mode)
    corner[..., 0] = 1.0
    return ops.where((concentration < 1).all(-1, True), corner, mode)
