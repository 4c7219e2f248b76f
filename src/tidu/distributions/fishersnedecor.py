"""FisherSnedecor."""

import math

from .. import ops
from ..base.dtypes import finfo
from . import constraints
from .distribution import Distribution, fits, together
from .gamma import Gamma

__all__ = ["FisherSnedecor"]


class FisherSnedecor(Distribution):
    """The quotient of two Chi2, each over its degrees of freedom."""

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1, df2, validate_args=None):
        self.df1, self.df2 = together(df1, df2)
        for df in (self.df1, self.df2):  # what it is made of says first what is wrong
            Gamma(df * 0.5, df, validate_args)
        super().__init__(self.df1.shape, validate_args=validate_args)

    @property
    def mean(self):
        return ops.where(self.df2 > 2, self.df2 / (self.df2 - 2), ops.full_like(self.df2, math.nan))

    @property
    def mode(self):
        found = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return ops.where(self.df1 > 2, found, ops.full_like(found, math.nan))

    @property
    def variance(self):
        a, b = self.df1, self.df2
        found = 2 * b.square() * (a + b - 2) / (a * (b - 2).square() * (b - 4))
        return ops.where(b > 4, found, ops.full_like(found, math.nan))

    def rsample(self, sample_shape=()):
        x1 = Gamma(self.df1 * 0.5, self.df1, validate_args=False).rsample(sample_shape)
        x2 = Gamma(self.df2 * 0.5, self.df2, validate_args=False).rsample(sample_shape)
        tiny = finfo(x2.dtype).tiny
        return (x1 / x2.clamp(min=tiny)).clamp(min=tiny)

    def log_prob(self, value):
        fits(self, value)
        a, b = self.df1 * 0.5, self.df2 * 0.5
        ratio = self.df1 / self.df2
        ways = (a + b).lgamma() - a.lgamma() - b.lgamma()
        return ways + a * ratio.log() + (a - 1) * value.log() - (a + b) * (ratio * value).log1p()
