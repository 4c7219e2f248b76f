"""Poisson."""

from .. import ops
from ..autograd import no_grad
from . import constraints
from .distribution import fits, together
from .exp_family import ExponentialFamily

__all__ = ["Poisson"]


class Poisson(ExponentialFamily):
    """Counts of events that come at a rate."""

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate, validate_args=None):
        (self.rate,) = together(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    mean = variance = property(lambda self: self.rate)
    mode = property(lambda self: self.rate.floor())

    def sample(self, sample_shape=()):
        with no_grad():
            return ops.poisson(self.rate.detach().expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        fits(self, value)
        rate, value = ops.broadcast_tensors(self.rate, value)
        return ops.xlogy(value, rate) - rate - (value + 1).lgamma()
