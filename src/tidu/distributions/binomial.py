"""Binomial."""

from .. import ops
from ..base import streams
from ..core.handle import wrap
from ..nn.functional import logsigmoid
from . import constraints
from .by_probabilities import ByProbsOrLogits, enumerated
from .distribution import fits

__all__ = ["Binomial"]


class Binomial(ByProbsOrLogits):
    """Successes in `total_count` trials."""

    arg_constraints = {"total_count": constraints.nonnegative_integer,
                       "probs": constraints.unit_interval, "logits": constraints.real}  # fmt: skip
    has_enumerate_support = True

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        self._take(probs, logits, total_count)
        super().__init__(self._param.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True)
    def support(self):
        return constraints.integer_interval(0, self.total_count)

    mean = property(lambda self: self.total_count * self.probs)
    variance = property(lambda self: self.total_count * self.probs * (1 - self.probs))

    @property
    def mode(self):
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        count, probs = self.total_count.expand(shape), self.probs.detach().expand(shape)
        return wrap(streams.binomial(count._array(), probs._array()))

    def log_prob(self, value):
        fits(self, value)
        n = self.total_count
        ways = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        return value * self.logits + ways + n * logsigmoid(-self.logits)

    def entropy(self):
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand=True):
        n = int(self.total_count.max())
        if int(self.total_count.min()) != n:
            raise NotImplementedError(
                "Inhomogeneous total count not supported by `enumerate_support`."
            )
        return enumerated(self, ops.arange(n + 1, dtype=self._param.dtype), expand)
