"""Bernoulli."""

from .. import ops
from . import constraints
from .by_probabilities import ByProbsOrLogits, cross_entropy, enumerated
from .distribution import fits
from .exp_family import ExponentialFamily

__all__ = ["Bernoulli"]


class Bernoulli(ByProbsOrLogits, ExponentialFamily):
    """1 with probability `probs`, else 0.

    >>> import tidu as torch
    >>> torch.distributions.Bernoulli(torch.tensor([0.5])).log_prob(torch.tensor([1.]))
    tensor([-0.6931])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._take(probs, logits)
        super().__init__(self._param.shape, validate_args=validate_args)

    mean = property(lambda self: self.probs)
    variance = property(lambda self: self.probs * (1 - self.probs))

    @property
    def mode(self):
        mode = (self.probs >= 0.5).to(self.probs.dtype)
        return ops.where(self.probs == 0.5, ops.full_like(mode, float("nan")), mode)

    def sample(self, sample_shape=()):
        return self._draw(sample_shape, ops.bernoulli)

    def log_prob(self, value):
        fits(self, value)
        return -cross_entropy(*ops.broadcast_tensors(self.logits, value))

    def entropy(self):
        return cross_entropy(self.logits, self.probs)

    def enumerate_support(self, expand=True):
        return enumerated(self, ops.arange(2, dtype=self._param.dtype), expand)
