"""Cauchy."""

import math

from .. import ops
from .distribution import fits
from .location_scale import LocationScale

__all__ = ["Cauchy"]


class Cauchy(LocationScale):
    """The quotient of two normals: no mean, no variance."""

    def __init__(self, loc, scale, validate_args=None):
        self._place(loc, scale, validate_args)

    mean = property(lambda self: ops.full(self._extended_shape(), math.nan, dtype=self.loc.dtype))
    variance = property(
        lambda self: ops.full(self._extended_shape(), math.inf, dtype=self.loc.dtype)
    )

    def rsample(self, sample_shape=()):
        eps = ops.empty(self._extended_shape(sample_shape), dtype=self.loc.dtype).cauchy_()
        return self.loc + eps * self.scale

    def log_prob(self, value):
        fits(self, value)
        return (
            -math.log(math.pi) - self.scale.log() - (((value - self.loc) / self.scale) ** 2).log1p()
        )

    def cdf(self, value):
        fits(self, value)
        return ((value - self.loc) / self.scale).atan() / math.pi + 0.5

    def icdf(self, value):
        return (math.pi * (value - 0.5)).tan() * self.scale + self.loc

    def entropy(self):
        return math.log(4 * math.pi) + self.scale.log()
