"""Distributions made of others: Independent, transformed, mixtures, relaxed choices."""

import math

from .. import ops
from ..autograd import no_grad
from ..dtypes import finfo
from . import constraints
from .continuous import Exponential, Normal, Uniform
from .discrete import Categorical
from .distribution import Distribution, clamp_probs, fits, probs_to_logits, together
from .transforms import AffineTransform, ComposeTransform, ExpTransform, PowerTransform

__all__ = ["Gumbel", "Independent", "LogNormal", "MixtureSameFamily", "Pareto", "RelaxedBernoulli",
           "RelaxedOneHotCategorical", "TransformedDistribution", "Weibull"]  # fmt: skip


def _summed(value, axes):
    return value.sum(tuple(range(-axes, 0))) if axes else value


class Independent(Distribution):
    """The last batch axes of another distribution count as parts of one event.

    >>> import tidu as torch
    >>> base = torch.distributions.Normal(torch.zeros(3), torch.ones(3))
    >>> torch.distributions.Independent(base, 1).log_prob(torch.zeros(3))
    tensor(-2.7568)
    """

    def __init__(self, base_distribution, reinterpreted_batch_ndims, validate_args=None):
        batch, n = base_distribution.batch_shape, reinterpreted_batch_ndims
        if n > len(batch):
            raise ValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual "
                f"{n} vs {len(batch)}"
            )
        split = len(batch) - n
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, n
        event = (*batch[split:], *base_distribution.event_shape)
        super().__init__(batch[:split], event, validate_args=validate_args)

    has_rsample = property(lambda self: self.base_dist.has_rsample)
    has_enumerate_support = property(
        lambda self: self.reinterpreted_batch_ndims == 0 and self.base_dist.has_enumerate_support
    )
    support = property(
        lambda self: constraints.independent(self.base_dist.support, self.reinterpreted_batch_ndims)
    )
    mean = property(lambda self: self.base_dist.mean)
    mode = property(lambda self: self.base_dist.mode)
    variance = property(lambda self: self.base_dist.variance)

    def sample(self, sample_shape=()):
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape=()):
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value):
        return _summed(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self):
        return _summed(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def expand(self, batch_shape, _instance=None):
        tail = self.event_shape[: self.reinterpreted_batch_ndims]
        base = self.base_dist.expand((*batch_shape, *tail))
        return Independent(base, self.reinterpreted_batch_ndims, validate_args=False)

    def __repr__(self):
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"


class TransformedDistribution(Distribution):
    """What becomes of draws of a distribution under transforms."""

    def __init__(self, base_distribution, transforms, validate_args=None):
        self.transforms = (
            list(transforms) if isinstance(transforms, (list, tuple)) else [transforms]
        )
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
            total = total - _summed(term, event - t.domain.event_dim)
            y = x
        inner = self.base_dist.log_prob(y)
        return total + _summed(inner, event - len(self.base_dist.event_shape))

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
        new = super().expand(batch_shape)
        new.base_dist = self.base_dist.expand(batch_shape)
        return new


class LogNormal(TransformedDistribution):
    """exp of a normal."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive

    def __init__(self, loc, scale, validate_args=None):
        super().__init__(Normal(loc, scale, validate_args=validate_args), ExpTransform())

    loc = property(lambda self: self.base_dist.loc)
    scale = property(lambda self: self.base_dist.scale)
    mean = property(lambda self: (self.loc + self.scale.pow(2) / 2).exp())
    mode = property(lambda self: (self.loc - self.scale.square()).exp())

    @property
    def variance(self):
        square = self.scale.pow(2)
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self):
        return self.base_dist.entropy() + self.loc


class Gumbel(TransformedDistribution):
    """The largest of many draws, around `loc`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = together(loc, scale)
        info = finfo(self.loc.dtype)
        base = Uniform(ops.full_like(self.loc, info.tiny), ops.full_like(self.loc, 1 - info.eps),
                       validate_args=validate_args)  # fmt: skip
        down = AffineTransform(0, -ops.ones_like(self.scale))
        super().__init__(base, [ExpTransform().inv, down, ExpTransform().inv,
                                AffineTransform(self.loc, -self.scale)])  # fmt: skip

    mean = property(lambda self: self.loc + self.scale * 0.57721566490153286060)
    mode = property(lambda self: self.loc)
    stddev = property(lambda self: math.pi / math.sqrt(6) * self.scale)
    variance = property(lambda self: self.stddev.pow(2))

    def log_prob(self, value):
        fits(self, value)
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    def entropy(self):
        return self.scale.log() + (1 + 0.57721566490153286060)


class Weibull(TransformedDistribution):
    """A power of an exponential."""

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale, concentration, validate_args=None):
        self.scale, self.concentration = together(scale, concentration)
        base = Exponential(ops.ones_like(self.scale), validate_args=validate_args)
        power = PowerTransform(exponent=self.concentration.reciprocal())
        super().__init__(base, [power, AffineTransform(0, self.scale)])

    mean = property(lambda self: self.scale * (1 + self.concentration.reciprocal()).lgamma().exp())

    @property
    def mode(self):
        c = self.concentration
        return self.scale * ((c - 1) / c).pow(c.reciprocal())

    @property
    def variance(self):
        c = self.concentration.reciprocal()
        spread = (1 + 2 * c).lgamma().exp() - (2 * (1 + c).lgamma()).exp()
        return self.scale.square() * spread

    def entropy(self):
        c = self.concentration.reciprocal()
        return 0.57721566490153286060 * (1 - c) + (self.scale * c).log() + 1


class Pareto(TransformedDistribution):
    """Beyond `scale`, falling with the power `alpha`."""

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale, alpha, validate_args=None):
        self.scale, self.alpha = together(scale, alpha)
        base = Exponential(self.alpha, validate_args=validate_args)
        super().__init__(base, [ExpTransform(), AffineTransform(0, self.scale)])

    @constraints.dependent_property
    def support(self):
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self):
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    mode = property(lambda self: self.scale)

    @property
    def variance(self):
        a = self.alpha.clamp(min=2)
        return self.scale.square() * a / ((a - 1).square() * (a - 2))

    def entropy(self):
        return (self.scale / self.alpha).log() + 1 + self.alpha.reciprocal()


class MixtureSameFamily(Distribution):
    """A choice among the distributions along the last batch axis of `component_distribution`."""

    def __init__(self, mixture_distribution, component_distribution, validate_args=None):
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                "The Mixture distribution needs to be an instance of "
                "torch.distributions.Categorical"
            )
        self.mixture_distribution = mixture_distribution
        self.component_distribution = component_distribution
        self._axes = len(component_distribution.event_shape)
        super().__init__(
            component_distribution.batch_shape[:-1],
            component_distribution.event_shape,
            validate_args=validate_args,
        )

    support = property(lambda self: self.component_distribution.support)

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


class RelaxedBernoulli(Distribution):
    """Numbers between 0 and 1 near a Bernoulli's choice, with gradients."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        self.temperature = temperature
        (given,) = together(probs if logits is None else logits)
        self.probs = given if logits is None else given.sigmoid()
        self.logits = probs_to_logits(given, True) if logits is None else given
        super().__init__(given.shape, validate_args=validate_args)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(ops.rand(shape, dtype=probs.dtype))
        scores = u.log() - (-u).log1p() + probs.log() - (-probs).log1p()
        return clamp_probs((scores / self.temperature).sigmoid())

    def log_prob(self, value):
        fits(self, value)
        y = probs_to_logits(value, True)
        difference = self.logits - y * self.temperature
        inner = self.temperature.log() + difference - 2 * difference.exp().log1p()
        return inner + y.abs().neg().exp().log1p() * 2 + y.abs()


class RelaxedOneHotCategorical(Distribution):
    """Points of the simplex near a one-hot choice, with gradients (Gumbel softmax)."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    probs = property(lambda self: self._categorical.probs)
    logits = property(lambda self: self._categorical.logits)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        u = clamp_probs(ops.rand(shape, dtype=self.logits.dtype))
        scores = (self.logits - (-(u.log())).log()) / self.temperature
        return (scores - scores.logsumexp(-1, keepdim=True)).exp()

    def log_prob(self, value):
        fits(self, value)
        n, value = self.event_shape[0], value.log()
        temperature = ops.as_tensor(self.temperature, dtype=value.dtype)
        scale = math.lgamma(n) - (-(n - 1)) * temperature.log()
        score = self.logits - value * temperature
        score = (score - score.logsumexp(-1, keepdim=True)).sum(-1)
        return score + scale - value.sum(-1)
