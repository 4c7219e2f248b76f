"""ContinuousBernoulli."""

import math

from .. import ops
from ..base.dtypes import finfo
from . import constraints
from .distribution import fits, together
from .exp_family import ExponentialFamily

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(ExponentialFamily):
    """Over the unit interval with density proportional to p^x (1 - p)^(1 - x)."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None):
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        (self.probs,) = together(logits.sigmoid() if probs is None else probs)
        eps = finfo(self.probs.dtype).eps
        self.probs = self.probs.clamp(min=eps, max=1 - eps)
        self._lims = lims
        super().__init__(self.probs.shape, validate_args=validate_args)

    param_shape = property(lambda self: self.probs.shape)

    @property
    def _near_half(self):
        return (self.probs > self._lims[0]) & (self.probs < self._lims[1])

    def _log_norm(self):
        p = ops.where(self._near_half, ops.full_like(self.probs, self._lims[0]), self.probs)
        exact = ((-p).log1p() - p.log()).abs().log() - (1 - 2 * p).abs().log()
        x = self.probs - 0.5
        taylor = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x**2) * x**2
        return ops.where(self._near_half, taylor, exact)

    def rsample(self, sample_shape=()):
        return self.icdf(ops.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def icdf(self, value):
        p = ops.where(self._near_half, ops.full_like(self.probs, self._lims[0]), self.probs)
        moved = ((-p + value * (2.0 * p - 1.0)).log1p() - (-p).log1p()) / (p.log() - (-p).log1p())
        return ops.where(self._near_half, value, moved)

    logits = property(lambda self: self.probs.log() - (-self.probs).log1p())

    def _by_region(self, exact, taylor):
        """exact(p) away from one half, and taylor(p - 1/2) near it, where that loses digits."""
        p = ops.where(self._near_half, ops.full_like(self.probs, self._lims[0]), self.probs)
        return ops.where(self._near_half, taylor(self.probs - 0.5), exact(p))

    @property
    def mean(self):
        return self._by_region(
            lambda p: p / (2 * p - 1) + 1 / ((-p).log1p() - p.log()),
            lambda x: 0.5 + (1 / 3 + 16 / 45 * x**2) * x,
        )

    @property
    def variance(self):
        return self._by_region(
            lambda p: p * (p - 1) / (1 - 2 * p) ** 2 + 1 / ((-p).log1p() - p.log()) ** 2,
            lambda x: 1 / 12 - (1 / 15 - 128 / 945 * x**2) * x**2,
        )

    def cdf(self, value):
        inside = self._by_region(
            lambda p: (p**value * (1 - p) ** (1 - value) + p - 1) / (2 * p - 1), lambda x: value
        )
        inside = ops.where(value <= 0, ops.zeros_like(inside), inside)
        return ops.where(value >= 1, ops.ones_like(inside), inside)

    def entropy(self):
        return -self.mean * self.logits - self._log_norm() - (-self.probs).log1p()

    def log_prob(self, value):
        fits(self, value)
        return value * self.probs.log() + (1 - value) * (-self.probs).log1p() + self._log_norm()
