"""Kumaraswamy."""

import math

from .. import ops
from . import constraints
from .distribution import together
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, PowerTransform
from .uniform import Uniform

__all__ = ["Kumaraswamy"]

_EULER = 0.57721566490153286060


def _moment(a, b, n):
    """E[x^n] of a Kumaraswamy distribution: b · B(1 + n/a, b)."""
    argument = 1 + n / a
    return (argument.lgamma() + b.lgamma() - (argument + b).lgamma()).exp() * b


class Kumaraswamy(TransformedDistribution):
    """On (0, 1), much like Beta, with a distribution function in closed form."""

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1, concentration0, validate_args=None):
        self.concentration1, self.concentration0 = together(concentration1, concentration0)
        base = Uniform(ops.zeros_like(self.concentration0), ops.ones_like(self.concentration0),
                       validate_args=validate_args)  # fmt: skip
        transforms = [
            PowerTransform(exponent=self.concentration0.reciprocal()),
            AffineTransform(loc=1.0, scale=-1.0),
            PowerTransform(exponent=self.concentration1.reciprocal()),
        ]
        super().__init__(base, transforms, validate_args=validate_args)

    mean = property(lambda self: _moment(self.concentration1, self.concentration0, 1))

    @property
    def mode(self):
        a, b = self.concentration1, self.concentration0
        value = a.reciprocal() * (-b).log1p() - (-a * b).log1p()
        value = value.exp()
        return ops.where((a < 1) | (b < 1), ops.full_like(value, math.nan), value)

    @property
    def variance(self):
        return _moment(self.concentration1, self.concentration0, 2) - self.mean.pow(2)

    def entropy(self):
        a, b = self.concentration1, self.concentration0
        return (1 - b.reciprocal()) + (1 - a.reciprocal()) * (
            ops.digamma(b + 1) + _EULER
        ) - a.log() - b.log()  # fmt: skip
