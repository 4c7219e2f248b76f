"""InverseGamma."""

import math

from .. import ops
from . import constraints
from .distribution import Distribution, fits
from .gamma import Gamma

__all__ = ["InverseGamma"]


class InverseGamma(Distribution):
    """1 / x for x of a Gamma."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True
    _shown = ()

    def __init__(self, concentration, rate, validate_args=None):
        base = Gamma(concentration, rate, validate_args)  # which says first what is wrong
        self.concentration, self.rate = base.concentration, base.rate
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self):
        a = self.concentration
        return ops.where(a > 1, self.rate / (a - 1), ops.full_like(a, math.inf))

    mode = property(lambda self: self.rate / (self.concentration + 1))

    @property
    def variance(self):
        a = self.concentration
        found = self.rate.square() / ((a - 1).square() * (a - 2))
        return ops.where(a > 2, found, ops.full_like(a, math.inf))

    def rsample(self, sample_shape=()):
        base = Gamma(self.concentration, self.rate, validate_args=False)
        return base.rsample(sample_shape).reciprocal()

    def log_prob(self, value):
        fits(self, value)
        base = Gamma(self.concentration, self.rate, validate_args=False)
        return base.log_prob(value.reciprocal()) - 2 * value.log()

    def cdf(self, value):
        fits(self, value)
        base = Gamma(self.concentration, self.rate, validate_args=False)
        return 1 - base.cdf(value.reciprocal())

    def entropy(self):
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()
