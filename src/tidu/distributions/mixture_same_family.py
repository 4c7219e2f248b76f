"""MixtureSameFamily."""

from ..autograd import no_grad
from ..base.size import Size
from . import constraints
from .categorical import Categorical
from .distribution import Distribution, fits

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """A choice among the distributions along the last batch axis of `component_distribution`."""

    def __init__(self, mixture_distribution, component_distribution, validate_args=None):
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                " The Mixture distribution needs to be an  instance of "
                "torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution needs to be an instance of "
                "torch.distributions.Distribution"
            )
        self.mixture_distribution = mixture_distribution
        self.component_distribution = component_distribution
        count, parts = mixture_distribution.logits.shape[-1], component_distribution.batch_shape[-1]
        if count != parts:
            raise ValueError(
                f"`mixture_distribution component` ({count}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({parts})"
            )
        self._axes = len(component_distribution.event_shape)
        super().__init__(
            component_distribution.batch_shape[:-1],
            component_distribution.event_shape,
            validate_args=validate_args,
        )

    support = property(
        lambda self: constraints.MixtureSameFamilyConstraint(self.component_distribution.support)
    )

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        new.__dict__.update(self.__dict__)
        new._batch_shape = Size(batch_shape)
        count = self.mixture_distribution.probs.shape[-1]
        new.component_distribution = self.component_distribution.expand((*batch_shape, count))
        new.mixture_distribution = self.mixture_distribution.expand(batch_shape)
        return new

    def __repr__(self):
        parts = f"{self.mixture_distribution!r},\n  {self.component_distribution!r}"
        return f"MixtureSameFamily(\n  {parts})"

    @property
    def _weights(self):
        probs = self.mixture_distribution.probs
        return probs.reshape((*probs.shape, *[1] * self._axes))

    @property
    def mean(self):
        return (self._weights * self.component_distribution.mean).sum(-1 - self._axes)

    @property
    def variance(self):
        within = (self._weights * self.component_distribution.variance).sum(-1 - self._axes)
        away = self.component_distribution.mean - self.mean.unsqueeze(-1 - self._axes)
        return within + (self._weights * away.pow(2)).sum(-1 - self._axes)

    def sample(self, sample_shape=()):
        with no_grad():
            chosen = self.mixture_distribution.sample(sample_shape)
            drawn = self.component_distribution.sample(sample_shape)
            axis = drawn.dim() - self._axes - 1
            index = chosen.reshape((*chosen.shape, *[1] * (self._axes + 1)))
            index = index.expand((*drawn.shape[:axis], 1, *self.event_shape))
            return drawn.gather(axis, index).squeeze(axis)

    def log_prob(self, value):
        fits(self, value)
        parts = self.component_distribution.log_prob(value.unsqueeze(-1 - self._axes))
        return (parts + self.mixture_distribution.logits.log_softmax(-1)).logsumexp(-1)

    def cdf(self, x):
        parts = self.component_distribution.cdf(x.unsqueeze(-1 - self._axes))
        return (parts * self.mixture_distribution.probs).sum(-1)
