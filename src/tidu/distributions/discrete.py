"""Distributions over counts and choices: Bernoulli, Categorical, Poisson and others."""

from .. import ops, streams
from ..autograd import no_grad
from ..core.handle import wrap
from ..dtypes import finfo
from ..nn.functional import logsigmoid
from . import constraints
from .distribution import (
    Distribution,
    fits,
    lazy_property,
    logits_to_probs,
    probs_to_logits,
    together,
)  # fmt: skip
from .gamma import standard_gamma

__all__ = ["Bernoulli", "Binomial", "Categorical", "Geometric", "Multinomial", "NegativeBinomial",
           "OneHotCategorical", "OneHotCategoricalStraightThrough", "Poisson"]  # fmt: skip


class _ByProbsOrLogits(Distribution):
    """Parameterised by `probs` or by `logits`, of which the other is computed when asked for."""

    _binary = True

    def _take(self, probs, logits):
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        name, given = ("probs", probs) if logits is None else ("logits", logits)
        self.__dict__[name] = self._param = together(given)[0]

    @lazy_property
    def logits(self):
        return probs_to_logits(self.probs, self._binary)

    @lazy_property
    def probs(self):
        return logits_to_probs(self.logits, self._binary)

    @property
    def param_shape(self):
        return self._param.shape

    def _draw(self, sample_shape, draw):
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return draw(self.probs.expand(shape))


class Bernoulli(_ByProbsOrLogits):
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
        return -_cross_entropy(*ops.broadcast_tensors(self.logits, value))

    def entropy(self):
        return _cross_entropy(self.logits, self.probs)

    def enumerate_support(self, expand=True):
        return _enumerated(self, ops.arange(2, dtype=self._param.dtype), expand)


def _cross_entropy(logits, target):
    """-target log p - (1 - target) log (1 - p), safe for large logits."""
    return (1 - target) * logits - logsigmoid(logits)


def _enumerated(distribution, values, expand):
    values = values.reshape((-1, *[1] * len(distribution.batch_shape)))
    return values.expand((-1, *distribution.batch_shape)) if expand else values


class Geometric(_ByProbsOrLogits):
    """Failures before the first success."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._take(probs, logits)
        super().__init__(self._param.shape, validate_args=validate_args)

    mean = property(lambda self: 1.0 / self.probs - 1.0)
    mode = property(lambda self: ops.zeros_like(self.probs))
    variance = property(lambda self: (1.0 / self.probs - 1.0) / self.probs)

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        tiny = finfo(self.probs.dtype).tiny
        with no_grad():
            u = ops.empty(shape, dtype=self.probs.dtype).uniform_(tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value):
        fits(self, value)
        value, probs = ops.broadcast_tensors(value, self.probs)
        probs = ops.where((probs == 1) & (value == 0), ops.zeros_like(probs), probs)
        return value * (-probs).log1p() + self.probs.log()

    def entropy(self):
        return _cross_entropy(self.logits, self.probs) / self.probs


class Categorical(_ByProbsOrLogits):
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
        return _enumerated(self, ops.arange(self._num_events), expand)

    def expand(self, batch_shape, _instance=None):
        new = super().expand(batch_shape)
        for name in ("probs", "logits", "_param"):
            if name in self.__dict__:
                new.__dict__[name] = self.__dict__[name].expand((*batch_shape, self._num_events))
        return new


class _OfCategorical(Distribution):
    """Built on a Categorical kept in `_categorical`."""

    probs = property(lambda self: self._categorical.probs)
    logits = property(lambda self: self._categorical.logits)
    _param = property(lambda self: self._categorical._param)
    param_shape = property(lambda self: self._categorical.param_shape)

    def expand(self, batch_shape, _instance=None):
        new = super().expand(batch_shape)
        new._categorical = self._categorical.expand(batch_shape)
        return new


class OneHotCategorical(_OfCategorical):
    """One of K choices, as a row of zeros with a one."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._categorical = Categorical(probs, logits, validate_args)
        super().__init__(
            self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args
        )

    mean = property(lambda self: self._categorical.probs)
    variance = property(lambda self: self.probs * (1 - self.probs))

    def _one_hot(self, index):
        choices = ops.arange(self._event_shape[0])
        return (index.unsqueeze(-1) == choices).to(self._param.dtype)

    @property
    def mode(self):
        return self._one_hot(self.probs.argmax(-1))

    def sample(self, sample_shape=()):
        return self._one_hot(self._categorical.sample(sample_shape))

    def log_prob(self, value):
        fits(self, value)
        return self._categorical.log_prob(value.max(-1)[1])

    def entropy(self):
        return self._categorical.entropy()

    def enumerate_support(self, expand=True):
        n = self._event_shape[0]
        values = ops.eye(n, dtype=self._param.dtype).reshape((n, *[1] * len(self.batch_shape), n))
        return values.expand((n, *self.batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """OneHotCategorical whose gradient is that of the probabilities."""

    has_rsample = True

    def rsample(self, sample_shape=()):
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(_OfCategorical):
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


class Binomial(_ByProbsOrLogits):
    """Successes in `total_count` trials."""

    arg_constraints = {"total_count": constraints.nonnegative_integer,
                       "probs": constraints.unit_interval, "logits": constraints.real}  # fmt: skip
    has_enumerate_support = True

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        name, given = ("probs", probs) if logits is None else ("logits", logits)
        count, given = together(total_count, given)
        self.total_count = count.to(given.dtype)
        self.__dict__[name] = self._param = given
        super().__init__(given.shape, validate_args=validate_args)

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
        return _enumerated(self, ops.arange(n + 1, dtype=self._param.dtype), expand)


class Poisson(Distribution):
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


class NegativeBinomial(_ByProbsOrLogits):
    """Successes before `total_count` failures."""

    arg_constraints = {"total_count": constraints.nonnegative, "logits": constraints.real,
                       "probs": constraints.half_open_interval(0.0, 1.0)}  # fmt: skip
    support = constraints.nonnegative_integer

    def __init__(self, total_count, probs=None, logits=None, validate_args=None):
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        name, given = ("probs", probs) if logits is None else ("logits", logits)
        count, given = together(total_count, given)
        self.total_count = count.to(given.dtype)
        self.__dict__[name] = self._param = given
        super().__init__(given.shape, validate_args=validate_args)

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
