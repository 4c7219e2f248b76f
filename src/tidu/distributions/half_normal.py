"""HalfNormal, and what it shares with HalfCauchy."""

import math

from .. import ops
from . import constraints
from .distribution import Distribution, fits, together
from .normal import Normal

__all__ = ["Half", "HalfNormal"]


class Half(Distribution):
    """The size of a number whose distribution, `_whole`, is symmetric around 0."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _shown = ()

    def __init__(self, scale, validate_args=None):
        (self.scale,) = together(scale)
        super().__init__(self.scale.shape, validate_args=validate_args)

    mode = property(lambda self: ops.zeros_like(self.scale))

    def rsample(self, sample_shape=()):
        return self._whole.rsample(sample_shape).abs()

    def log_prob(self, value):
        fits(self, value)
        found = self._whole.log_prob(value) + math.log(2)
        return ops.where(value >= 0, found, ops.full_like(found, -math.inf))

    def cdf(self, value):
        fits(self, value)
        return 2 * self._whole.cdf(value) - 1

    def icdf(self, value):
        return self._whole.icdf((value + 1) / 2)

    def entropy(self):
        return self._whole.entropy() - math.log(2)


class HalfNormal(Half):
    """The size of a normal of mean 0."""

    mean = property(lambda self: self.scale * math.sqrt(2 / math.pi))
    variance = property(lambda self: self.scale.pow(2) * (1 - 2 / math.pi))

    @property
    def _whole(self):
        return Normal(ops.zeros_like(self.scale), self.scale, validate_args=False)
