"""Kumaraswamy, LogisticNormal, GeneralizedPareto and VonMises."""

import math

from .. import ops
from ..autograd import no_grad
from ..dtypes import float64
from ..ops import special_functions
from . import constraints
from .compound import TransformedDistribution
from .continuous import Normal, Uniform
from .distribution import Distribution, fits, together
from .transforms import AffineTransform, PowerTransform, StickBreakingTransform

__all__ = ["GeneralizedPareto", "Kumaraswamy", "LogisticNormal", "VonMises"]

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


class LogisticNormal(TransformedDistribution):
    """Points of a simplex: a normal vector through a stick-breaking transform."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    loc = property(lambda self: self.base_dist.base_dist.loc)
    scale = property(lambda self: self.base_dist.base_dist.scale)


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

    def log_prob(self, value):
        fits(self, value)
        z = self._standard(value)
        safe = ops.where(self._exponential, ops.ones_like(self.concentration), self.concentration)
        general = -(1 + 1 / safe) * ops.log1p(safe * z)
        return ops.where(self._exponential, -z, general) - self.scale.log()

    def _standard(self, value):
        return (value - self.loc) / self.scale

    def cdf(self, value):
        z = self._standard(value)
        safe = ops.where(self._exponential, ops.ones_like(self.concentration), self.concentration)
        general = (1 + safe * z).clamp(min=0).pow(-1 / safe)
        return 1 - ops.where(self._exponential, (-z).exp(), general)

    def icdf(self, value):
        safe = ops.where(self._exponential, ops.ones_like(self.concentration), self.concentration)
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


class VonMises(Distribution):
    """Angles around `loc`, closer for larger `concentration`; drawn by rejection (Best, 1979)."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(self, loc, concentration, validate_args=None):
        self.loc, self.concentration = together(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def log_prob(self, value):
        fits(self, value)
        # log I0(k) = k + log(e^-k I0(k))
        log_bessel = self.concentration + ops.log(special_functions.i0e(self.concentration))
        return self.concentration * ops.cos(value - self.loc) - math.log(2 * math.pi) - log_bessel

    def sample(self, sample_shape=()):
        with no_grad():
            shape = self._extended_shape(sample_shape)
            k = self.concentration.to(float64)
            tau = 1 + (1 + 4 * k**2).sqrt()
            rho = (tau - (2 * tau).sqrt()) / (2 * k)
            r = ops.where(k < 1e-5, 1 / k + k, (1 + rho**2) / (2 * rho)).expand(shape)
            k = k.expand(shape)
            x, done = ops.zeros(shape, dtype=float64), ops.zeros(shape) > 0
            while not bool(done.all()):
                u = ops.rand((3, *shape), dtype=float64)
                z = ops.cos(math.pi * u[0])
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                accept = ((c * (2 - c) - u[1]) > 0) | ((c / u[1]).log() + 1 - c >= 0)
                x = ops.where(accept & ~done, (u[2] - 0.5).sign() * f.acos(), x)
                done = done | accept
            angle = (x + math.pi + self.loc) % (2 * math.pi) - math.pi
            return angle.to(self.loc.dtype)

    mean = property(lambda self: self.loc)
    mode = property(lambda self: self.loc)

    @property
    def variance(self):
        """The circular variance, 1 - I1(k)/I0(k)."""
        return 1 - special_functions.i1e(self.concentration) / special_functions.i0e(
            self.concentration
        )
