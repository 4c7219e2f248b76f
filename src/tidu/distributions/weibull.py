"""Weibull."""

from .. import ops
from . import constraints
from .distribution import together
from .exponential import Exponential
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, PowerTransform

__all__ = ["Weibull"]


class Weibull(TransformedDistribution):
    """A power of an exponential."""

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale, concentration, validate_args=None):
        self.scale, self.concentration = together(scale, concentration)
        base = Exponential(ops.ones_like(self.scale), validate_args=validate_args)
        self.concentration_reciprocal = self.concentration.reciprocal()
        power = PowerTransform(exponent=self.concentration_reciprocal)
        super().__init__(base, [power, AffineTransform(0, self.scale)])

    mean = property(lambda self: self.scale * (1 + self.concentration.reciprocal()).lgamma().exp())

    @property
    def mode(self):
        c = self.concentration
        return self.scale * ((c - 1) / c).pow(c.reciprocal())

    @property
    def variance(self):
        c = self.concentration.reciprocal()
        spread = (1 + 2 * c).lgamma().exp() - (2 * (1 + c).lgamma()).exp()
        return self.scale.square() * spread

    def entropy(self):
        c = self.concentration.reciprocal()
        return 0.57721566490153286060 * (1 - c) + (self.scale * c).log() + 1
