"""NegativeBinomial."""

from .. import ops
from ..autograd import no_grad
from ..nn.functional import logsigmoid
from . import constraints
from .by_probabilities import ByProbsOrLogits
from .distribution import fits
from .gamma_draws import standard_gamma

__all__ = ["NegativeBinomial"]


class NegativeBinomial(ByProbsOrLogits):
    """Successes before `total_count` failures."""

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(self, total_count, probs=None, logits=None, validate_args=None):
        self._take(probs, logits, total_count)
        super().__init__(self._param.shape, validate_args=validate_args)

    mean = property(lambda self: self.total_count * self.logits.exp())
    mode = property(lambda self: ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0))
    variance = property(lambda self: self.mean / (-self.logits).sigmoid())

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with no_grad():
            rate = standard_gamma(self.total_count.expand(shape)) / (-self.logits).exp()
            return ops.poisson(rate)

    def log_prob(self, value):
        fits(self, value)
        unnormalized = self.total_count * logsigmoid(-self.logits)
        unnormalized = unnormalized + value * logsigmoid(self.logits)
        total = self.total_count
        norm = -(total + value).lgamma() + (1.0 + value).lgamma() + total.lgamma()
        return unnormalized - ops.where(total + value == 0, ops.zeros_like(norm), norm)
