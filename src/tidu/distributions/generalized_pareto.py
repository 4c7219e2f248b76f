"""GeneralizedPareto."""

import math

from .. import ops
from . import constraints
from .distribution import Distribution, fits, together

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """Excesses over a threshold `loc`, with a tail as `concentration` says."""

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc, scale, concentration, validate_args=None):
        self.loc, self.scale, self.concentration = together(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property
    def support(self):
        upper = self.loc - self.scale / self.concentration
        return constraints.interval(
            self.loc, ops.where(self.concentration >= 0, ops.full_like(upper, math.inf), upper)
        )

    @property
    def _exponential(self):
        return ops.isclose(self.concentration, ops.zeros_like(self.concentration))

    def rsample(self, sample_shape=()):
        return self.icdf(ops.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    @property
    def _tail(self):
        """The concentration, 1 where it is so near 0 that the tail is exponential."""
        return ops.where(self._exponential, ops.ones_like(self.concentration), self.concentration)

    def log_prob(self, value):
        fits(self, value)
        z, safe = self._standard(value), self._tail
        general = -(1 + 1 / safe) * ops.log1p(safe * z)
        return ops.where(self._exponential, -z, general) - self.scale.log()

    def _standard(self, value):
        return (value - self.loc) / self.scale

    def log_survival_function(self, value):
        """log P(x > value)."""
        fits(self, value)
        z, safe = self._standard(value), self._tail
        return ops.where(self._exponential, -z, -ops.log1p(safe * z) / safe)

    def log_cdf(self, value):
        """log P(x <= value)."""
        return ops.log1p(-self.log_survival_function(value).exp())

    def cdf(self, value):
        z, safe = self._standard(value), self._tail
        general = (1 + safe * z).clamp(min=0).pow(-1 / safe)
        return 1 - ops.where(self._exponential, (-z).exp(), general)

    def icdf(self, value):
        safe = self._tail
        tail = (-value).log1p()
        general = ops.expm1(-safe * tail) / safe
        return self.loc + self.scale * ops.where(self._exponential, -tail, general)

    @property
    def mean(self):
        found = self.loc + self.scale / (1 - self.concentration)
        return ops.where(self.concentration < 1, found, ops.full_like(found, math.inf))

    @property
    def variance(self):
        c = self.concentration
        found = self.scale.square() / ((1 - c).square() * (1 - 2 * c))
        return ops.where(c < 0.5, found, ops.full_like(found, math.inf))

    def entropy(self):
        return self.scale.log() + self.concentration + 1

    mode = property(lambda self: self.loc)
