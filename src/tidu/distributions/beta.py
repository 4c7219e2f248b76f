"""Beta."""

from .. import ops
from . import constraints
from .dirichlet import Dirichlet
from .distribution import fits, together
from .exp_family import ExponentialFamily
from .gamma_draws import dirichlet, dirichlet_mode

__all__ = ["Beta"]


class Beta(ExponentialFamily):
    """Over the unit interval, by two concentrations."""

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True
    _shown = ()

    def __init__(self, concentration1, concentration0, validate_args=None):
        pair = together(concentration1, concentration0)
        Dirichlet(ops.stack(pair, -1), validate_args=validate_args)  # whose refusal is PyTorch's
        self.concentration1, self.concentration0 = pair
        super().__init__(self.concentration1.shape, validate_args=validate_args)

    total = property(lambda self: self.concentration1 + self.concentration0)
    mean = property(lambda self: self.concentration1 / self.total)

    @property
    def mode(self):
        both = ops.stack([self.concentration1, self.concentration0], -1)
        return dirichlet_mode(both)[..., 0]

    variance = property(
        lambda self: (
            self.concentration1 * self.concentration0 / (self.total.pow(2) * (self.total + 1))
        )
    )

    def rsample(self, sample_shape=()):
        both = ops.stack([self.concentration1, self.concentration0], -1)
        return dirichlet(both.expand((*self._extended_shape(sample_shape), 2))).select(-1, 0)

    def log_prob(self, value):
        fits(self, value)
        a, b = self.concentration1, self.concentration0
        norm = (a + b).lgamma() - (a.lgamma() + b.lgamma())
        return ops.xlogy(a - 1.0, value) + ops.xlogy(b - 1.0, 1.0 - value) + norm

    def entropy(self):
        a, b, s = self.concentration1, self.concentration0, self.total
        log_beta = a.lgamma() + b.lgamma() - s.lgamma()
        return log_beta - (a - 1) * a.digamma() - (b - 1) * b.digamma() + (s - 2) * s.digamma()
