"""TransformedDistribution."""

from ..autograd import no_grad
from .distribution import Distribution, fits, summed
from .independent import Independent
from .transforms import ComposeTransform, Transform

__all__ = ["TransformedDistribution"]


def _as_list(transforms):
    if isinstance(transforms, Transform):
        return [transforms]
    if not isinstance(transforms, list):
        raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
    if not all(isinstance(t, Transform) for t in transforms):
        raise ValueError("transforms must be a Transform or a list of Transforms")
    return transforms


class TransformedDistribution(Distribution):
    """What becomes of draws of a distribution under transforms."""

    def __init__(self, base_distribution, transforms, validate_args=None):
        self.transforms = _as_list(transforms)
        chain = ComposeTransform(self.transforms)
        shape = tuple(base_distribution.batch_shape) + tuple(base_distribution.event_shape)
        event = max([len(base_distribution.event_shape), *[t.event_dim for t in self.transforms]])
        extra = event - len(base_distribution.event_shape)
        self.base_dist = Independent(base_distribution, extra) if extra else base_distribution
        for t in self.transforms:
            shape = t.forward_shape(shape)
        split = len(shape) - max(event, chain.codomain.event_dim)
        super().__init__(shape[:split], shape[split:], validate_args=validate_args)

    has_rsample = property(lambda self: self.base_dist.has_rsample)

    @property
    def support(self):
        return self.transforms[-1].codomain if self.transforms else self.base_dist.support

    def sample(self, sample_shape=()):
        with no_grad():
            x = self.base_dist.sample(sample_shape)
            for t in self.transforms:
                x = t(x)
            return x

    def rsample(self, sample_shape=()):
        x = self.base_dist.rsample(sample_shape)
        for t in self.transforms:
            x = t(x)
        return x

    def log_prob(self, value):
        fits(self, value)
        event, total, y = len(self.event_shape), 0.0, value
        for t in reversed(self.transforms):
            x = t.inv(y)
            event += t.domain.event_dim - t.codomain.event_dim
            term = t.log_abs_det_jacobian(x, y)
            total = total - summed(term, event - t.domain.event_dim)
            y = x
        inner = self.base_dist.log_prob(y)
        return total + summed(inner, event - len(self.base_dist.event_shape))

    def cdf(self, value):
        sign = 1
        for t in reversed(self.transforms):
            value, sign = t.inv(value), sign * t.sign
        found = self.base_dist.cdf(value)
        return sign * (found - 0.5) + 0.5

    def icdf(self, value):
        sign = 1
        for t in self.transforms:
            sign = sign * t.sign
        value = self.base_dist.icdf(sign * (value - 0.5) + 0.5)
        for t in self.transforms:
            value = t(value)
        return value

    def expand(self, batch_shape, _instance=None):
        new = super().expand(batch_shape, _instance)
        new.base_dist = self.base_dist.expand(batch_shape)
        return new
