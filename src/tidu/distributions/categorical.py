"""Categorical."""

from .. import ops
from ..autograd import no_grad
from ..base.dtypes import finfo
from . import constraints
from .by_probabilities import ByProbsOrLogits, enumerated
from .distribution import Distribution, fits

__all__ = ["Categorical", "OfCategorical"]


class Categorical(ByProbsOrLogits):
    """One of K choices, numbered from 0, by the probabilities (or logits) of the last axis.

    >>> import tidu as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.distributions.Categorical(torch.tensor([0., 1.])).sample((3,))
    tensor([1, 1, 1])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _binary = False

    def __init__(self, probs=None, logits=None, validate_args=None):
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        given = probs if logits is None else logits
        if given.dim() < 1:
            name = "probs" if logits is None else "logits"
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if logits is None:
            self.probs = self._param = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = self._param = logits - logits.logsumexp(-1, keepdim=True)
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True)
    def support(self):
        return constraints.integer_interval(0, self._num_events - 1)

    mean = variance = property(
        lambda self: ops.full(self._extended_shape(), float("nan"), dtype=self.probs.dtype)
    )
    mode = property(lambda self: self.probs.argmax(-1))

    def sample(self, sample_shape=()):
        count = 1
        for n in sample_shape:
            count *= n
        with no_grad():
            rows = self.probs.detach().reshape(-1, self._num_events)
            drawn = ops.multinomial(rows, count, True).T
            return drawn.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value):
        fits(self, value)
        value = value.long().unsqueeze(-1)
        shape = ops.broadcast_shapes(tuple(value.shape[:-1]), tuple(self.logits.shape[:-1]))
        value = value.expand((*shape, 1))
        return self.logits.expand((*shape, self._num_events)).gather(-1, value).squeeze(-1)

    def entropy(self):
        logits = self.logits.clamp(min=finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand=True):
        return enumerated(self, ops.arange(self._num_events), expand)

    def expand(self, batch_shape, _instance=None):
        new = super().expand(batch_shape, _instance)
        for name in ("probs", "logits", "_param"):
            if name in self.__dict__:
                new.__dict__[name] = self.__dict__[name].expand((*batch_shape, self._num_events))
        return new


class OfCategorical(Distribution):
    """Built on a Categorical kept in `_categorical`."""

    probs = property(lambda self: self._categorical.probs)
    logits = property(lambda self: self._categorical.logits)
    _param = property(lambda self: self._categorical._param)
    param_shape = property(lambda self: self._categorical.param_shape)

    def expand(self, batch_shape, _instance=None):
        new = super().expand(batch_shape, _instance)
        new._categorical = self._categorical.expand(batch_shape)
        return new
