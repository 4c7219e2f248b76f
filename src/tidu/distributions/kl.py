"""kl_divergence(p, q): the rules by pairs of distributions, and how others are added."""

import math

from .. import ops
from ..base.errors import hinted
from ..ops import matrix_functions as matrices
from ..ops import special_functions
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .dirichlet import Dirichlet
from .exp_family import ExponentialFamily, slopes_of, summed
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .independent import Independent
from .laplace import Laplace
from .log_normal import LogNormal
from .multivariate_normal import MultivariateNormal, mahalanobis
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .wishart import Wishart

__all__ = ["kl_divergence", "register_kl"]

_RULES = {}


def register_kl(type_p, type_q):
    """A decorator: the function computes KL(p || q) for these kinds of distributions."""

    for kind in (type_p, type_q):
        if not isinstance(kind, type):  # PyTorch takes any class, as packages with own bases need
            which = "type_p" if kind is type_p else "type_q"
            raise TypeError(
                f"Expected {which} to be a Distribution subclass but got {kind}"
                if isinstance(kind, type) else "issubclass() arg 1 must be a class"
            )  # fmt: skip

    def register(function):
        _RULES[type_p, type_q] = function
        return function

    return register


def kl_divergence(p, q):
    """The Kullback-Leibler divergence KL(p || q), in the shape of the batch.

    >>> import tidu as torch
    >>> D = torch.distributions
    >>> D.kl_divergence(D.Normal(0.0, 1.0), D.Normal(1.0, 1.0))
    tensor(0.5000)
    """
    matches = [(a, b) for a, b in _RULES if isinstance(p, a) and isinstance(q, b)]
    if not matches:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type "
            f"{type(q).__name__}"
        )
    # The pair nearest to the actual types: fewest steps up both hierarchies.
    nearest = min(matches, key=lambda m: type(p).__mro__.index(m[0]) + type(q).__mro__.index(m[1]))
    return _RULES[nearest](p, q)


def _where(condition, value, other):
    return ops.where(condition, ops.full_like(other, value), other)


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p, q):
    """Of one family: the Bregman divergence of its normalizer."""
    if type(p) is not type(q):
        raise NotImplementedError(
            hinted(
                "The cross KL-divergence between different exponential families cannot be computed "
                "using Bregman divergences",
                f"no rule is known for {type(p).__name__} and {type(q).__name__}; "
                "torch.distributions.register_kl adds one.",
            )
        )
    natural, normalizer, means = slopes_of(p)
    found = q._log_normalizer(*q._natural_params) - normalizer
    for own, other, mean in zip(natural, q._natural_params, means, strict=True):
        found = found - summed((other - own) * mean, len(q.event_shape))
    return found


@register_kl(Normal, Normal)
def _normal(p, q):
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p, q):
    def term(a, b):
        found = a * (a / b).log()
        return _where(a == 0, 0.0, _where((b == 0) & (a != 0), math.inf, found))

    return term(p.probs, q.probs) + term(1 - p.probs, 1 - q.probs)


@register_kl(Categorical, Categorical)
def _categorical(p, q):
    t = p.probs * (p.logits - q.logits)
    t = _where((q.probs == 0).expand(t.shape), math.inf, t)
    t = _where((p.probs == 0).expand(t.shape), 0.0, t)
    return t.sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p, q):
    return _categorical(p._categorical, q._categorical)


@register_kl(Binomial, Binomial)
def _binomial(p, q):
    if bool((p.total_count < q.total_count).any()):
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not "
                                  "implemented")  # fmt: skip
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return _where(p.total_count > q.total_count, math.inf, kl)


@register_kl(Geometric, Geometric)
def _geometric(p, q):
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Exponential, Exponential)
def _exponential(p, q):
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Gamma, Gamma)
def _gamma(p, q):
    a, b = p.concentration, q.concentration
    return (b * (p.rate / q.rate).log() + b.lgamma() - a.lgamma() + (a - b) * a.digamma()
            + (q.rate - p.rate) * (a / p.rate))  # fmt: skip


@register_kl(Beta, Beta)
def _beta(p, q):
    sum_p, sum_q = p.total, q.total
    log_p = sum_q.lgamma() + p.concentration1.lgamma() + p.concentration0.lgamma()
    log_q = sum_p.lgamma() + q.concentration1.lgamma() + q.concentration0.lgamma()
    return (log_q - log_p + (p.concentration1 - q.concentration1) * p.concentration1.digamma()
            + (p.concentration0 - q.concentration0) * p.concentration0.digamma()
            + (sum_q - sum_p) * sum_p.digamma())  # fmt: skip


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p, q):
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    norms = total.lgamma() - b.sum(-1).lgamma() + (b.lgamma() - a.lgamma()).sum(-1)
    return norms + ((a - b) * (a.digamma() - total.digamma().unsqueeze(-1))).sum(-1)


@register_kl(Laplace, Laplace)
def _laplace(p, q):
    ratio, away = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * (-away / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p, q):
    top = ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log()
    return top - (4 * p.scale * q.scale).log()


@register_kl(Uniform, Uniform)
def _uniform(p, q):
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return _where((q.low > p.low) | (q.high < p.high), math.inf, found)


@register_kl(Uniform, Normal)
def _uniform_normal(p, q):
    width = p.high - p.low
    first = (math.sqrt(math.pi * 2) * q.scale / width).log()
    second = width.pow(2) / 12
    third = ((p.high + p.low - 2 * q.loc) / 2).pow(2)
    return first + 0.5 * (second + third) / q.scale.pow(2)


def never_inside(p, q):
    """Where p reaches values that q cannot take, the divergence is infinite."""
    return ops.full_like(p.mean.detach(), math.inf)


for _p in (Normal, Laplace):
    for _q in (Beta, Exponential, Gamma, Uniform):
        register_kl(_p, _q)(never_inside)
for _positive in (Exponential, Gamma):
    for _q in (Beta, Uniform):
        register_kl(_positive, _q)(never_inside)
register_kl(Poisson, Bernoulli)(never_inside)
register_kl(Poisson, Binomial)(never_inside)


@register_kl(LogNormal, LogNormal)
def _log_normal(p, q):
    return _normal(p.base_dist, q.base_dist)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _independent(p, q):
    n = p.reinterpreted_batch_ndims
    if n != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    found = kl_divergence(p.base_dist, q.base_dist)
    return found.sum(tuple(range(-n, 0))) if n else found


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot be "
            "computed"
        )
    log_p, log_q = [
        d._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1) for d in (p, q)
    ]
    n = p.event_shape[0]
    shape = ops.broadcast_shapes(
        tuple(p._unbroadcasted_scale_tril.shape[:-2]), tuple(q._unbroadcasted_scale_tril.shape[:-2])
    )
    wide = [
        f.expand((*shape, n, n)) for f in (q._unbroadcasted_scale_tril, p._unbroadcasted_scale_tril)
    ]
    trace = matrices.solve_triangular(*wide, upper=False).pow(2).sum((-2, -1))
    return (
        log_q - log_p + 0.5 * (trace + mahalanobis(q._unbroadcasted_scale_tril, q.loc - p.loc) - n)
    )


@register_kl(Wishart, Wishart)
def _wishart(p, q):
    """By the entropy of the family; the mean of log det X is its multivariate digamma."""
    side = p.event_shape[-1]
    half_p, half_q = 0.5 * p.df, 0.5 * q.df
    places = 0.5 * ops.arange(side, dtype=p.df.dtype)
    mean_log = (half_p.unsqueeze(-1) - places).digamma().sum(-1)
    log_p, log_q = (
        2 * w.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1) for w in (p, q)
    )  # fmt: skip
    product = q.precision_matrix @ p.covariance_matrix
    trace = product.diagonal(dim1=-2, dim2=-1).sum(-1)
    norms = special_functions.mvlgamma(half_q, side) - special_functions.mvlgamma(half_p, side)
    return half_q * (log_q - log_p) + half_p * (trace - side) + norms + (half_p - half_q) * mean_log
