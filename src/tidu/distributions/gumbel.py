"""Gumbel."""

import math

from .. import ops
from ..base.dtypes import finfo
from . import constraints
from .distribution import fits, together
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, ExpTransform
from .uniform import Uniform

__all__ = ["Gumbel"]


class Gumbel(TransformedDistribution):
    """The largest of many draws, around `loc`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = together(loc, scale)
        info = finfo(self.loc.dtype)
        base = Uniform(ops.full_like(self.loc, info.tiny), ops.full_like(self.loc, 1 - info.eps),
                       validate_args=validate_args)  # fmt: skip
        down = AffineTransform(0, -ops.ones_like(self.scale))
        super().__init__(base, [ExpTransform().inv, down, ExpTransform().inv,
                                AffineTransform(self.loc, -self.scale)])  # fmt: skip

    mean = property(lambda self: self.loc + self.scale * 0.57721566490153286060)
    mode = property(lambda self: self.loc)
    stddev = property(lambda self: math.pi / math.sqrt(6) * self.scale)
    variance = property(lambda self: self.stddev.pow(2))

    def log_prob(self, value):
        fits(self, value)
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    def entropy(self):
        return self.scale.log() + (1 + 0.57721566490153286060)
