"""VonMises."""

import math

from .. import ops
from ..autograd import no_grad
from ..base.dtypes import float64
from ..ops import special_functions
from . import constraints
from .distribution import Distribution, fits, together

__all__ = ["VonMises"]


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
                x = ops.where(accept, (u[2] - 0.5).sign() * f.acos(), x)
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
