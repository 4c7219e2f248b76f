"""Distributions over the real line: Normal, Uniform, Gamma, Beta and others."""

import math

from .. import ops
from ..autograd import no_grad
from ..dtypes import finfo
from ..ops import special_functions
from . import constraints
from .distribution import Distribution, fits, standard_normal, together
from .gamma import dirichlet, dirichlet_mode, standard_gamma

__all__ = ["Beta", "Cauchy", "Chi2", "ContinuousBernoulli", "Exponential", "FisherSnedecor",
           "Gamma",
           "HalfCauchy", "HalfNormal", "InverseGamma", "Laplace", "Normal", "StudentT",
           "Uniform"]  # fmt: skip


class Normal(Distribution):
    """The normal distribution of mean `loc` and standard deviation `scale`.

    >>> import tidu as torch
    >>> torch.distributions.Normal(0.0, 1.0).log_prob(torch.tensor(0.0))
    tensor(-0.9189)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = together(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    mean = mode = property(lambda self: self.loc)
    stddev = property(lambda self: self.scale)
    variance = property(lambda self: self.scale.pow(2))

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return ops.normal(self.loc.detach().expand(shape), self.scale.detach().expand(shape))

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        return self.loc + standard_normal(shape, self.loc.dtype) * self.scale

    def log_prob(self, value):
        fits(self, value)
        variance = self.scale**2
        return (
            -((value - self.loc) ** 2) / (2 * variance)
            - self.scale.log()
            - math.log(math.sqrt(2 * math.pi))
        )

    def cdf(self, value):
        fits(self, value)
        return 0.5 * (1 + ((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)).erf())

    def icdf(self, value):
        return self.loc + self.scale * (2 * value - 1).erfinv() * math.sqrt(2)

    def entropy(self):
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()


class Uniform(Distribution):
    """Equally likely from `low` up to `high`."""

    arg_constraints = {"low": constraints.dependent, "high": constraints.dependent}
    has_rsample = True

    def __init__(self, low, high, validate_args=None):
        self.low, self.high = together(low, high)
        self.arg_constraints = {"low": constraints.less_than(self.high),
                                "high": constraints.greater_than(self.low)}  # fmt: skip
        super().__init__(self.low.shape, validate_args=validate_args)

    @constraints.dependent_property
    def support(self):
        return constraints.interval(self.low, self.high)

    mean = property(lambda self: (self.high + self.low) / 2)
    mode = property(lambda self: math.nan * self.high)
    stddev = property(lambda self: (self.high - self.low) / 12**0.5)
    variance = property(lambda self: (self.high - self.low).pow(2) / 12)

    def rsample(self, sample_shape=()):
        drawn = ops.rand(self._extended_shape(sample_shape), dtype=self.low.dtype)
        return self.low + drawn * (self.high - self.low)

    def log_prob(self, value):
        fits(self, value)
        inside = ((self.low <= value) & (self.high > value)).to(self.low.dtype)
        return inside.log() - (self.high - self.low).log()

    def cdf(self, value):
        fits(self, value)
        return ((value - self.low) / (self.high - self.low)).clamp(min=0, max=1)

    def icdf(self, value):
        return value * (self.high - self.low) + self.low

    def entropy(self):
        return (self.high - self.low).log()


class Exponential(Distribution):
    """Waiting times between events that come at a rate."""

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, rate, validate_args=None):
        (self.rate,) = together(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    mean = stddev = property(lambda self: self.rate.reciprocal())
    mode = property(lambda self: ops.zeros_like(self.rate))
    variance = property(lambda self: self.rate.pow(-2))

    def rsample(self, sample_shape=()):
        drawn = ops.empty(self._extended_shape(sample_shape), dtype=self.rate.dtype).exponential_()
        return drawn / self.rate

    def log_prob(self, value):
        fits(self, value)
        return self.rate.log() - self.rate * value

    def cdf(self, value):
        fits(self, value)
        return 1 - (-self.rate * value).exp()

    def icdf(self, value):
        return -(-value).log1p() / self.rate

    def entropy(self):
        return 1.0 - self.rate.log()


class Laplace(Distribution):
    """Two exponentials back to back, around `loc`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = together(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    mean = mode = property(lambda self: self.loc)
    variance = property(lambda self: 2 * self.scale.pow(2))
    stddev = property(lambda self: 2**0.5 * self.scale)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        u = ops.empty(shape, dtype=self.loc.dtype).uniform_(finfo(self.loc.dtype).eps - 1, 1)
        return self.loc - self.scale * u.sign() * (-u.abs()).log1p()

    def log_prob(self, value):
        fits(self, value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value):
        fits(self, value)
        away = value - self.loc
        return 0.5 - 0.5 * away.sign() * (-away.abs() / self.scale).expm1()

    def icdf(self, value):
        term = value - 0.5
        return self.loc - self.scale * term.sign() * (-2 * term.abs()).log1p()

    def entropy(self):
        return 1 + (2 * self.scale).log()


class Cauchy(Distribution):
    """The quotient of two normals: no mean, no variance."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = together(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    mean = property(lambda self: ops.full(self._extended_shape(), math.nan, dtype=self.loc.dtype))
    variance = property(
        lambda self: ops.full(self._extended_shape(), math.inf, dtype=self.loc.dtype)
    )
    mode = property(lambda self: self.loc)

    def rsample(self, sample_shape=()):
        eps = ops.empty(self._extended_shape(sample_shape), dtype=self.loc.dtype).cauchy_()
        return self.loc + eps * self.scale

    def log_prob(self, value):
        fits(self, value)
        return (
            -math.log(math.pi) - self.scale.log() - (((value - self.loc) / self.scale) ** 2).log1p()
        )

    def cdf(self, value):
        fits(self, value)
        return ((value - self.loc) / self.scale).atan() / math.pi + 0.5

    def icdf(self, value):
        return (math.pi * (value - 0.5)).tan() * self.scale + self.loc

    def entropy(self):
        return math.log(4 * math.pi) + self.scale.log()


class Gamma(Distribution):
    """Gamma of shape `concentration` and scale 1 / `rate`."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration, rate, validate_args=None):
        self.concentration, self.rate = together(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    mean = property(lambda self: self.concentration / self.rate)
    mode = property(lambda self: ((self.concentration - 1) / self.rate).clamp(min=0))
    variance = property(lambda self: self.concentration / self.rate.pow(2))

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        value = standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        value.detach().clamp_(min=finfo(value.dtype).tiny)
        return value

    def log_prob(self, value):
        fits(self, value)
        a, rate = self.concentration, self.rate
        return ops.xlogy(a, rate) + ops.xlogy(a - 1, value) - rate * value - a.lgamma()

    def cdf(self, value):
        fits(self, value)
        return special_functions.gammainc(self.concentration, self.rate * value)

    def entropy(self):
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1.0 - a) * a.digamma()


class Chi2(Gamma):
    """The sum of `df` squared normals."""

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df, validate_args=None):
        (df,) = together(df)
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    df = property(lambda self: self.concentration * 2)


class InverseGamma(Distribution):
    """1 / x for x of a Gamma."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, concentration, rate, validate_args=None):
        self.concentration, self.rate = together(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self):
        a = self.concentration
        return ops.where(a > 1, self.rate / (a - 1), ops.full_like(a, math.inf))

    mode = property(lambda self: self.rate / (self.concentration + 1))

    @property
    def variance(self):
        a = self.concentration
        found = self.rate.square() / ((a - 1).square() * (a - 2))
        return ops.where(a > 2, found, ops.full_like(a, math.inf))

    def rsample(self, sample_shape=()):
        base = Gamma(self.concentration, self.rate, validate_args=False)
        return base.rsample(sample_shape).reciprocal()

    def log_prob(self, value):
        fits(self, value)
        base = Gamma(self.concentration, self.rate, validate_args=False)
        return base.log_prob(value.reciprocal()) - 2 * value.log()

    def cdf(self, value):
        fits(self, value)
        base = Gamma(self.concentration, self.rate, validate_args=False)
        return 1 - base.cdf(value.reciprocal())

    def entropy(self):
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()


class Beta(Distribution):
    """Over the unit interval, by two concentrations."""

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1, concentration0, validate_args=None):
        self.concentration1, self.concentration0 = together(concentration1, concentration0)
        super().__init__(self.concentration1.shape, validate_args=validate_args)

    total = property(lambda self: self.concentration1 + self.concentration0)
    mean = property(lambda self: self.concentration1 / self.total)

    @property
    def mode(self):
        both = ops.stack([self.concentration1, self.concentration0], -1)
        return dirichlet_mode(both)[..., 0]

    variance = property(
        lambda self: (
            self.concentration1 * self.concentration0 / (self.total.pow(2) * (self.total + 1))
        )
    )

    def rsample(self, sample_shape=()):
        both = ops.stack([self.concentration1, self.concentration0], -1)
        return dirichlet(both.expand((*self._extended_shape(sample_shape), 2))).select(-1, 0)

    def log_prob(self, value):
        fits(self, value)
        a, b = self.concentration1, self.concentration0
        norm = (a + b).lgamma() - (a.lgamma() + b.lgamma())
        return ops.xlogy(a - 1.0, value) + ops.xlogy(b - 1.0, 1.0 - value) + norm

    def entropy(self):
        a, b, s = self.concentration1, self.concentration0, self.total
        log_beta = a.lgamma() + b.lgamma() - s.lgamma()
        return log_beta - (a - 1) * a.digamma() - (b - 1) * b.digamma() + (s - 2) * s.digamma()


class HalfNormal(Distribution):
    """The size of a normal of mean 0."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, scale, validate_args=None):
        (self.scale,) = together(scale)
        super().__init__(self.scale.shape, validate_args=validate_args)

    mean = property(lambda self: self.scale * math.sqrt(2 / math.pi))
    mode = property(lambda self: ops.zeros_like(self.scale))
    variance = property(lambda self: self.scale.pow(2) * (1 - 2 / math.pi))

    @property
    def _whole(self):
        return Normal(ops.zeros_like(self.scale), self.scale, validate_args=False)

    def rsample(self, sample_shape=()):
        return self._whole.rsample(sample_shape).abs()

    def log_prob(self, value):
        fits(self, value)
        found = self._whole.log_prob(value) + math.log(2)
        return ops.where(value >= 0, found, ops.full_like(found, -math.inf))

    def cdf(self, value):
        fits(self, value)
        return 2 * self._whole.cdf(value) - 1

    def icdf(self, value):
        return self._whole.icdf((value + 1) / 2)

    def entropy(self):
        return self._whole.entropy() - math.log(2)


class HalfCauchy(HalfNormal):
    """The size of a Cauchy around 0."""

    mean = property(lambda self: ops.full_like(self.scale, math.inf))
    variance = property(lambda self: self.scale.pow(2) * math.inf)

    @property
    def _whole(self):
        return Cauchy(ops.zeros_like(self.scale), self.scale, validate_args=False)


class StudentT(Distribution):
    """A normal over the root of a Chi2 of `df` degrees of freedom."""

    arg_constraints = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(self, df, loc=0.0, scale=1.0, validate_args=None):
        self.df, self.loc, self.scale = together(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    mode = property(lambda self: self.loc)

    @property
    def mean(self):
        return ops.where(self.df > 1, self.loc, ops.full_like(self.loc, math.nan))

    @property
    def variance(self):
        found = self.scale.pow(2) * self.df / (self.df - 2)
        found = ops.where(self.df > 2, found, ops.full_like(found, math.inf))
        return ops.where(self.df > 1, found, ops.full_like(found, math.nan))

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        x = standard_normal(shape, self.df.dtype)
        z = Chi2(self.df, validate_args=False).rsample(sample_shape)
        return self.loc + self.scale * (x * (z / self.df).rsqrt())

    def log_prob(self, value):
        fits(self, value)
        y = (value - self.loc) / self.scale
        norm = (self.scale.log() + 0.5 * self.df.log() + 0.5 * math.log(math.pi)
                + (0.5 * self.df).lgamma() - (0.5 * (self.df + 1.0)).lgamma())  # fmt: skip
        return -0.5 * (self.df + 1.0) * (y**2.0 / self.df).log1p() - norm

    def entropy(self):
        df = self.df
        log_beta = (0.5 * df).lgamma() + math.lgamma(0.5) - (0.5 * (df + 1)).lgamma()
        spread = (0.5 * (df + 1)).digamma() - (0.5 * df).digamma()
        return self.scale.log() + 0.5 * (df + 1) * spread + 0.5 * df.log() + log_beta


class FisherSnedecor(Distribution):
    """The quotient of two Chi2, each over its degrees of freedom."""

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1, df2, validate_args=None):
        self.df1, self.df2 = together(df1, df2)
        super().__init__(self.df1.shape, validate_args=validate_args)

    @property
    def mean(self):
        return ops.where(self.df2 > 2, self.df2 / (self.df2 - 2), ops.full_like(self.df2, math.nan))

    @property
    def mode(self):
        found = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return ops.where(self.df1 > 2, found, ops.full_like(found, math.nan))

    @property
    def variance(self):
        a, b = self.df1, self.df2
        found = 2 * b.square() * (a + b - 2) / (a * (b - 2).square() * (b - 4))
        return ops.where(b > 4, found, ops.full_like(found, math.nan))

    def rsample(self, sample_shape=()):
        x1 = Gamma(self.df1 * 0.5, self.df1, validate_args=False).rsample(sample_shape)
        x2 = Gamma(self.df2 * 0.5, self.df2, validate_args=False).rsample(sample_shape)
        tiny = finfo(x2.dtype).tiny
        return (x1 / x2.clamp(min=tiny)).clamp(min=tiny)

    def log_prob(self, value):
        fits(self, value)
        a, b = self.df1 * 0.5, self.df2 * 0.5
        ratio = self.df1 / self.df2
        ways = (a + b).lgamma() - a.lgamma() - b.lgamma()
        return ways + a * ratio.log() + (a - 1) * value.log() - (a + b) * (ratio * value).log1p()


class ContinuousBernoulli(Distribution):
    """Over the unit interval with density proportional to p^x (1 - p)^(1 - x)."""

    arg_constraints = {"probs": constraints.unit_interval}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None):
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        (self.probs,) = together(logits.sigmoid() if probs is None else probs)
        eps = finfo(self.probs.dtype).eps
        self.probs = self.probs.clamp(min=eps, max=1 - eps)
        self._lims = lims
        super().__init__(self.probs.shape, validate_args=validate_args)

    @property
    def _near_half(self):
        return (self.probs > self._lims[0]) & (self.probs < self._lims[1])

    def _log_norm(self):
        p = ops.where(self._near_half, ops.full_like(self.probs, self._lims[0]), self.probs)
        exact = ((-p).log1p() - p.log()).abs().log() - (1 - 2 * p).abs().log()
        x = self.probs - 0.5
        taylor = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x**2) * x**2
        return ops.where(self._near_half, taylor, exact)

    def rsample(self, sample_shape=()):
        return self.icdf(ops.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def icdf(self, value):
        p = ops.where(self._near_half, ops.full_like(self.probs, self._lims[0]), self.probs)
        moved = ((-p + value * (2.0 * p - 1.0)).log1p() - (-p).log1p()) / (p.log() - (-p).log1p())
        return ops.where(self._near_half, value, moved)

    logits = property(lambda self: self.probs.log() - (-self.probs).log1p())

    def _by_region(self, exact, taylor):
        """exact(p) away from one half, and taylor(p - 1/2) near it, where that loses digits."""
        p = ops.where(self._near_half, ops.full_like(self.probs, self._lims[0]), self.probs)
        return ops.where(self._near_half, taylor(self.probs - 0.5), exact(p))

    @property
    def mean(self):
        return self._by_region(
            lambda p: p / (2 * p - 1) + 1 / ((-p).log1p() - p.log()),
            lambda x: 0.5 + (1 / 3 + 16 / 45 * x**2) * x,
        )

    @property
    def variance(self):
        return self._by_region(
            lambda p: p * (p - 1) / (1 - 2 * p) ** 2 + 1 / ((-p).log1p() - p.log()) ** 2,
            lambda x: 1 / 12 - (1 / 15 - 128 / 945 * x**2) * x**2,
        )

    def cdf(self, value):
        inside = self._by_region(
            lambda p: (p**value * (1 - p) ** (1 - value) + p - 1) / (2 * p - 1), lambda x: value
        )
        inside = ops.where(value <= 0, ops.zeros_like(inside), inside)
        return ops.where(value >= 1, ops.ones_like(inside), inside)

    def entropy(self):
        return -self.mean * self.logits - self._log_norm() - (-self.probs).log1p()

    def log_prob(self, value):
        fits(self, value)
        return value * self.probs.log() + (1 - value) * (-self.probs).log1p() + self._log_norm()
