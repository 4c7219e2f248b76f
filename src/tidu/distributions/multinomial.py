"""Multinomial."""

from .. import ops
from . import constraints
from .binomial import Binomial
from .categorical import Categorical, OfCategorical
from .distribution import fits

__all__ = ["Multinomial"]


class Multinomial(OfCategorical):
    """How often each of K choices came in `total_count` draws."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs, logits, validate_args)
        super().__init__(
            self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args
        )

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self):
        return constraints.multinomial(self.total_count)

    mean = property(lambda self: self.probs * self.total_count)
    variance = property(lambda self: self.total_count * self.probs * (1 - self.probs))

    def sample(self, sample_shape=()):
        drawn = self._categorical.sample((self.total_count, *sample_shape))
        last_first = (*range(1, drawn.dim()), 0)
        drawn = drawn.permute(last_first)
        counts = ops.zeros(self._extended_shape(sample_shape), dtype=self._param.dtype)
        return counts.scatter_add_(-1, drawn, ops.ones_like(drawn).to(counts.dtype))

    def log_prob(self, value):
        fits(self, value)
        logits, value = ops.broadcast_tensors(self.logits, value)
        logits = ops.where((value == 0) & (logits == -float("inf")), ops.zeros_like(logits), logits)
        ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        return ways + (logits * value).sum(-1)

    def entropy(self):
        n = ops.tensor(float(self.total_count), dtype=self._param.dtype)
        entropy = n * self._categorical.entropy() - (n + 1).lgamma()
        counts = ops.arange(1, self.total_count + 1, dtype=self._param.dtype)
        counts = counts.reshape((-1, *[1] * len(self.probs.shape)))
        weights = Binomial(self.total_count, self.probs, validate_args=False).log_prob(counts).exp()
        return entropy + (weights * (counts + 1).lgamma()).sum((0, -1))
