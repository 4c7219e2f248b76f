"""Numbers found by trial: Poisson, gamma, Dirichlet, binomial; bit for bit PyTorch's streams.

Each element takes as many uniforms as its trials need, so these run one element after another.
Sources: Hormann 1993 (transformed rejection for Poisson and binomial), Marsaglia and Tsang 2000
(gamma). Read `poisson` first.
"""

from __future__ import annotations

import math

import numpy as np

from . import generator as source
from .check import refuse, require_float
from .uniform import finish, floats64

_AHEAD = 256


class _Uniforms:
    """Float64 uniforms one at a time: drawn in lots, then the generator is set to the last used."""

    def __init__(self, generator):
        self.generator = generator
        self._refill()

    def _refill(self):
        self.mark = self.generator.place()
        self.lot = floats64(_AHEAD, self.generator).tolist()
        self.used = 0

    def __call__(self) -> float:
        if self.used == _AHEAD:
            self._refill()
        self.used += 1
        return self.lot[self.used - 1]

    def give_back(self) -> None:
        """Return what was drawn ahead and not used."""
        self.generator.return_to(self.mark)
        self.generator.words(2 * self.used)

    def normal(self) -> float:
        """One normal number, by the pairs of `normal.serial_normals`."""
        waiting = self.generator.next_normal
        if waiting is not None:
            self.generator.next_normal = None
            return waiting
        angle = 2.0 * math.pi * self()
        radius = math.sqrt(-2.0 * math.log1p(-self()))
        self.generator.next_normal = radius * math.sin(angle)
        return radius * math.cos(angle)


def _each(sample, parameters, shape, dtype, generator) -> np.ndarray:
    uniforms = _Uniforms(generator or source.default_generator)
    lists = [p.astype(np.float64).ravel().tolist() for p in np.broadcast_arrays(*parameters)]
    try:
        made = [sample(*values, uniforms) for values in zip(*lists, strict=True)]
    finally:
        uniforms.give_back()
    return finish(np.array(made, np.float64), shape, np.dtype(dtype))


# -- Poisson ------------------------------------------------------------------------------------


def poisson(rates: np.ndarray, generator=None) -> np.ndarray:
    """Poisson counts with the given rates, in the rates' own type and shape."""
    require_float(rates.dtype, "poisson_cpu")
    if rates.size and not np.all(rates >= 0):
        refuse(
            "invalid Poisson rate, expected rate to be non-negative",
            "every rate must be zero or more.",
        )
    return _each(_poisson, (rates,), rates.shape, rates.dtype, generator)


def _poisson(rate: float, uniform) -> float:
    if rate >= 10:
        return _poisson_large(rate, uniform)
    if rate == 0:
        return 0
    limit = math.exp(-rate)
    count, product = 0, uniform()
    while product > limit:
        count += 1
        product *= uniform()
    return count


def _poisson_large(rate: float, uniform) -> float:
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    squeeze = 0.9277 - 3.6224 / (b - 2)
    while True:
        u = uniform() - 0.5
        v = uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43) if us else -1
        if us >= 0.07 and v <= squeeze:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        left = _log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b)
        if left <= -rate + k * log_rate - math.lgamma(k + 1):
            return k


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


# -- gamma and Dirichlet ------------------------------------------------------------------------

# PyTorch keeps this constant in float32, and so its float64 numbers show it.
_THIRD = float(np.float32(1.0 / 3.0))


def standard_gamma(concentration: np.ndarray, generator=None) -> np.ndarray:
    """Gamma numbers of scale 1, in the concentration's own type and shape."""
    require_float(concentration.dtype, "gamma_cpu")
    shape, dtype = concentration.shape, concentration.dtype
    sample = _gamma if dtype == np.float64 else _gamma_of_single
    numbers = _each(sample, (concentration,), shape, np.float64, generator)
    return finish(np.maximum(numbers, _smallest(dtype)), shape, dtype)


def _smallest(dtype) -> float:
    """The smallest normal number: never zero, as the logarithm is often wanted."""
    if dtype.name == "float16":
        return 2.0**-14
    return float(np.finfo(np.float64 if dtype == np.float64 else np.float32).tiny)


def _single(x: float) -> float:
    return float(np.float32(x))


def _gamma_of_single(alpha: float, uniform) -> float:
    """As `_gamma`, with what PyTorch computes of a float32 concentration rounded to that type."""
    return _gamma(alpha, uniform, _single)


def _gamma(alpha: float, uniform, rounded=float) -> float:
    scale = 1.0
    if alpha < 1:
        if alpha <= 0:
            return 0.0
        scale = (1.0 - uniform()) ** rounded(1.0 / alpha)
        alpha = rounded(alpha + 1.0)
    if math.isnan(alpha):
        return math.nan
    d = rounded(alpha - _THIRD)
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = uniform.normal()
        y = 1.0 + c * x
        while y <= 0:
            x = uniform.normal()
            y = 1.0 + c * x
        v = y * y * y
        u = 1.0 - uniform()
        xx = x * x
        if u < 1.0 - 0.0331 * xx * xx:
            return scale * d * v
        if math.log(u) < 0.5 * xx + d * (1.0 - v + math.log(v)):
            return scale * d * v


def dirichlet(concentration: np.ndarray, generator=None) -> np.ndarray:
    """Points of the simplex along the last axis, in the concentration's own type and shape."""
    require_float(concentration.dtype, "dirichlet")
    gammas = standard_gamma(concentration.astype(np.float64), generator)
    dtype = concentration.dtype
    points = finish(gammas / gammas.sum(axis=-1, keepdims=True), concentration.shape, dtype)
    return np.clip(points, dtype.type(_smallest(dtype)), np.nextafter(dtype.type(1), dtype.type(0)))


# -- binomial -----------------------------------------------------------------------------------


def binomial(count: np.ndarray, p: np.ndarray, generator=None) -> np.ndarray:
    """Successes among `count` trials of probability `p`; arrays of one float type, broadcast."""
    require_float(count.dtype, "binomial_cpu")
    if count.dtype != p.dtype:
        refuse(
            "binomial: count and prob must have the same dtype",
            "convert one of them to the type of the other.",
        )
    shape = np.broadcast_shapes(count.shape, p.shape)
    return _each(_binomial, (count, p), shape, count.dtype, generator)


def _binomial(count: float, p: float, uniform) -> float:
    if math.isnan(count) or math.isnan(p):
        return math.nan
    if count <= 0 or p <= 0:
        return 0.0
    if p >= 1:
        return count
    if p <= 0.5:
        return _successes(count, p, uniform)
    return count - _successes(count, 1.0 - p, uniform)


def _successes(count: float, p: float, uniform) -> float:
    if count * p >= 10:
        return _binomial_large(count, p, uniform)
    log_failure = math.log1p(-p)
    trials, successes = 0.0, 0
    while True:
        u = uniform()
        trials += math.ceil(math.log(u) / log_failure) if u else math.inf
        if trials > count:
            return successes
        successes += 1


def _binomial_large(count: float, p: float, uniform) -> float:
    deviation = math.sqrt(count * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    centre = count * p + 0.5
    squeeze = 0.92 - 4.2 / b
    odds = p / (1 - p)
    alpha = (2.83 + 5.1 / b) * deviation
    mode = math.floor((count + 1) * p)
    while True:
        u = uniform() - 0.5
        v = uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + centre) if us else -1
        if us >= 0.07 and v <= squeeze:
            return k
        if k < 0 or k > count:
            continue
        bound = (
            (mode + 0.5) * math.log((mode + 1) / (odds * (count - mode + 1)))
            + (count + 1) * math.log((count - mode + 1) / (count - k + 1))
            + (k + 0.5) * math.log(odds * (count - k + 1) / (k + 1))
            + _stirling_rest(mode)
            + _stirling_rest(count - mode)
            - _stirling_rest(k)
            - _stirling_rest(count - k)
        )
        if _log(v * alpha / (a / (us * us) + b)) <= bound:
            return k


def _stirling_rest(k: float) -> float:
    """log k! minus Stirling's formula, for whole k."""
    if k <= 9:
        return _STIRLING_RESTS[int(k)]
    square = (k + 1) ** 2
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)


_STIRLING_RESTS = tuple(
    math.lgamma(k + 1) - ((k + 0.5) * math.log(k + 1) - (k + 1) + 0.5 * math.log(2 * math.pi))
    for k in range(10)
)
