"""kl_divergence between different families: KL(p || q) = -H(p) - E_p[log q(x)].

For each q, log q(x) is a sum of few functions of x (x, x², log x, log (1 - x), exp (-t x)), so the
expectation is their means under p, which `log_x`, `log_1_minus_x` and `laplace` give.
"""
# mypy: disable-error-code="assignment, unused-ignore"

import math

from .. import ops
from .bernoulli import Bernoulli
from .beta import Beta
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel
from .half_cauchy import HalfCauchy
from .half_normal import HalfNormal
from .inverse_gamma import InverseGamma
from .kl import kl_divergence, register_kl
from .kl import never_inside as _never_inside
from .laplace import Laplace
from .normal import Normal
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform

__all__: list[str] = []


@register_kl(HalfCauchy, HalfCauchy)
def _half_cauchy(p, q):
    """Both densities are doubled, so their quotient is that of the whole ones."""
    return kl_divergence(p._whole, q._whole)


_EULER = 0.57721566490153286060
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def _x_log_x(x):
    return ops.xlogy(x, x)


def log_x(p):
    """E_p[log x]."""
    if isinstance(p, Gamma):
        return p.concentration.digamma() - p.rate.log()
    if isinstance(p, Exponential):
        return -_EULER - p.rate.log()
    if isinstance(p, Beta):
        return p.concentration1.digamma() - p.total.digamma()
    if isinstance(p, Pareto):
        return p.scale.log() + p.alpha.reciprocal()
    return (_x_log_x(p.high) - _x_log_x(p.low)) / (p.high - p.low) - 1  # Uniform


def log_1_minus_x(p):
    """E_p[log (1 - x)] of a Uniform within (0, 1)."""
    return (_x_log_x(1 - p.low) - _x_log_x(1 - p.high)) / (p.high - p.low) - 1


def laplace(p, t):
    """E_p[exp(-t x)]."""
    if isinstance(p, Normal):
        return (-t * p.loc + (t * p.scale).square() / 2).exp()
    if isinstance(p, Gamma):
        return (1 + t / p.rate).pow(-p.concentration)
    if isinstance(p, Exponential):
        return (1 + t / p.rate).reciprocal()
    if isinstance(p, Gumbel):
        return (-t * p.loc).exp() * (1 + t * p.scale).lgamma().exp()
    return ((-t * p.low).exp() - (-t * p.high).exp()) / (t * (p.high - p.low))  # Uniform


def _of_normal(p, q):
    square = p.variance + (p.mean - q.loc).square()
    return -_HALF_LOG_2PI - q.scale.log() - square / (2 * q.scale.square())


def _of_exponential(p, q):
    return q.rate.log() - q.rate * p.mean


def _of_gamma(p, q):
    a, rate = q.concentration, q.rate
    return a * rate.log() - a.lgamma() + (a - 1) * log_x(p) - rate * p.mean


def _of_beta(p, q):
    a, b = q.concentration1, q.concentration0
    norm = (a + b).lgamma() - a.lgamma() - b.lgamma()
    return norm + (a - 1) * log_x(p) + (b - 1) * log_1_minus_x(p)


def _of_gumbel(p, q):
    t = q.scale.reciprocal()
    return -(p.mean - q.loc) * t - q.scale.log() - (q.loc * t).exp() * laplace(p, t)


def _of_continuous_bernoulli(p, q):
    return p.mean * q.logits + (-q.probs).log1p() + q._log_norm()


def _of_pareto(p, q):
    return q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * log_x(p)


def _of_uniform(p, q):
    return -(q.high - q.low).log()


def _of_laplace(p, q):
    """Under a normal p, by the mean of |x - loc|."""
    gap = p.loc - q.loc
    ratio = gap / p.scale
    mean = math.sqrt(2 / math.pi) * p.scale * (-ratio.square() / 2).exp()
    mean = mean + gap * ops.erf(ratio / math.sqrt(2))
    return -(2 * q.scale).log() - mean / q.scale


def _outside(p, q):
    """Where p has mass beyond q's support, so that the divergence is infinite."""
    low = p.low if isinstance(p, Uniform) else 0.0
    high = p.high if isinstance(p, Uniform) else 1.0
    if isinstance(q, Uniform):
        return (q.low > low) | (q.high < high)
    if isinstance(q, Beta):
        return (high > 1) | (low < 0)
    if isinstance(q, ContinuousBernoulli):
        return (high >= 1) | (low <= 0)
    return low < (q.scale if isinstance(q, Pareto) else 0)


def _register(p_family, q_family, expected, infinite=None):
    @register_kl(p_family, q_family)
    def divergence(p, q):
        found = -p.entropy() - expected(p, q)
        where = infinite(p, q) if infinite is not None else None
        return found if where is None else ops.where(where, ops.full_like(found, math.inf), found)


for _p in (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace):
    _register(_p, Normal, _of_normal)
_register(Pareto, Normal, _of_normal, lambda p, q: p.alpha <= 2)
for _p in (Beta, ContinuousBernoulli, Gamma):
    _register(_p, Exponential, _of_exponential)
_register(Pareto, Exponential, _of_exponential, lambda p, q: p.alpha <= 1)
for _p in (Beta, Exponential):
    _register(_p, Gamma, _of_gamma)
_register(Pareto, Gamma, _of_gamma, lambda p, q: p.alpha <= 1)
for _p in (Exponential, Gamma, Normal, Uniform):
    _register(_p, Gumbel, _of_gumbel)
_register(Normal, Laplace, _of_laplace)
_register(Beta, ContinuousBernoulli, _of_continuous_bernoulli)
for _p in (Beta, ContinuousBernoulli):
    _register(_p, Uniform, _of_uniform, _outside)
for _q, _expected in ((Beta, _of_beta), (ContinuousBernoulli, _of_continuous_bernoulli),
                      (Exponential, _of_exponential), (Gamma, _of_gamma),
                      (Pareto, _of_pareto)):  # fmt: skip
    _register(Uniform, _q, _expected, _outside)


# p reaches values that q cannot take.
for _p in (Normal, Laplace, Gumbel):
    for _q in (ContinuousBernoulli, Pareto):
        register_kl(_p, _q)(_never_inside)
for _q in (Beta, Exponential, Gamma, Uniform):
    register_kl(Gumbel, _q)(_never_inside)
for _p in (Exponential, Gamma):
    for _q in (ContinuousBernoulli, Pareto):
        register_kl(_p, _q)(_never_inside)
for _p, _q in ((Beta, Pareto), (ContinuousBernoulli, Pareto), (Pareto, Beta),
               (Pareto, ContinuousBernoulli), (Pareto, Uniform)):  # fmt: skip
    register_kl(_p, _q)(_never_inside)


_register(Gumbel, Gumbel, _of_gumbel)
_register(Pareto, Pareto, _of_pareto, lambda p, q: p.scale < q.scale)
_register(ContinuousBernoulli, ContinuousBernoulli, _of_continuous_bernoulli)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p, q):
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(InverseGamma, InverseGamma)
def _inverse_gamma(p, q):
    pair = [Gamma(d.concentration, d.rate, validate_args=False) for d in (p, q)]
    return kl_divergence(*pair)


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p, q):
    ratio = (p.scale / q.scale).square()
    return 0.5 * (ratio - 1 - ratio.log())
