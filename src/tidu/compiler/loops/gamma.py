"""log Γ, its derivative ψ, and the derivatives of that, on vectors; computed in float64.

Between 1 and 2 they are polynomials, up to `FAR` the recurrence leads there, beyond is Stirling's
series, and below 0 the reflection. tests/compiler/test_gamma.py has the errors.
"""

import math
import operator
from fractions import Fraction
from functools import reduce

from .exponentials import log, polynomial
from .mathematics import _cosine_of, _sine_of

__all__ = ["MOST", "digamma", "lgamma", "polygamma"]

FAR = 8  # from here on the series serve
MOST = 4  # orders of derivatives of ψ
_ROOT = (0.46163214496836236, -1.5522348162858677e-17)  # the zero of ψ(1 + f), in two parts
_BERNOULLI = [Fraction(*p) for p in (
    (1, 6), (-1, 30), (1, 42), (-1, 30), (5, 66), (-691, 2730), (7, 6), (-3617, 510), (43867, 798),
)]  # fmt: skip


def _in_float64(function):
    def of(m, x, **params):
        return m.convert(function(m, m.convert(x, "f64"), **params), x.kind)

    return of


def _series(m, x, coefficients):
    """Σ c[k]·x^k"""
    value = m.like(coefficients[-1], x)
    for c in coefficients[-2::-1]:
        value = m.fma(value, x, c)
    return value


def _parted(m, x):
    """(f, n): x = 1 + f + n, 0 <= f < 1, for 0 < x < FAR."""
    whole = m.floor(x)
    return x - whole, whole - 1


def _cotangent(m, x):
    """(|sin πx|, cot πx), the nearest whole number taken off before anything is rounded."""
    r = x - m.rint(x)
    size = m.fabs(r)
    steep = size > 0.25
    t = m.select(steep, 0.5 - size, size) * math.pi
    sine, cosine = _sine_of(m, t), _cosine_of(m, t)
    cotangent = m.copysign(m.select(steep, sine / cosine, cosine / sine), r)
    return m.select(steep, cosine, sine), cotangent


@_in_float64
def lgamma(m, x):
    below = x < 0.0
    y = m.select(below, 1 - x, x)
    near = y < FAR
    f, n = _parted(m, m.select(near, y, 1.0))
    product = m.like(1.0, x)  # of what leads from 1 + f to y
    for k in range(FAR - 2):
        product = m.select(n > float(k), product * (f + (1 + k)), product)
    logarithm = log(m, m.select(near & (n >= 0.0), product, y))
    shift = m.select(n < 0.0, -logarithm, logarithm)
    between = m.fma(f * (f - 1), polynomial(m, f, "LGAMMA"), shift)
    value = m.select(near, between, _stirling(m, y, logarithm))
    sine, _ = _cotangent(m, x)
    value = m.select(below, math.log(math.pi) - log(m, sine) - value, value)
    pole = (x <= 0.0) & (x == m.floor(x))
    return m.select(pole | (m.fabs(x) == math.inf), math.inf, value)


def _stirling(m, x, logarithm):
    inverse = 1.0 / x
    tail = _series(m, inverse * inverse, [float(b / ((2 * k + 1) * (2 * k + 2)))
                                          for k, b in enumerate(_BERNOULLI)])  # fmt: skip
    constant = (math.log(2 * math.pi) - 1) / 2
    return m.fma(x - 0.5, logarithm - 1, m.fma(tail, inverse, constant))


@_in_float64
def digamma(m, x):
    below = x < 0.0
    y = m.select(below, 1 - x, x)
    value = m.select(y < FAR, _digamma_near(m, m.minimum(y, float(FAR))), _digamma_far(m, y))
    _, cotangent = _cotangent(m, x)
    value = m.select(below, value - math.pi * cotangent, value)
    value = m.select(below & (x == m.floor(x)), math.nan, value)
    return m.select(x == 0.0, m.copysign(m.like(math.inf, x), -x), value)


def _digamma_near(m, x):
    f, n = _parted(m, x)
    value = ((f - _ROOT[0]) - _ROOT[1]) * polynomial(m, f, "DIGAMMA")
    for k in range(FAR - 2):
        value = value + m.select(n > float(k), 1.0 / (f + (1 + k)), 0.0)
    return m.select(n < 0.0, value - 1.0 / x, value)


def _digamma_far(m, x):
    inverse = 1.0 / x
    square = inverse * inverse
    tail = _series(m, square, [float(b / (2 * k + 2)) for k, b in enumerate(_BERNOULLI)])
    return log(m, x) - m.fma(square, tail, inverse * 0.5)


@_in_float64
def polygamma(m, x, *, order):
    """The derivative of ψ of this order."""
    if order == 0:
        return digamma(m, x)
    below = x < 0.0
    value = _hurwitz(m, m.select(below, 1 - x, x), order)
    _, cotangent = _cotangent(m, x)
    turn = _series(m, cotangent, _cotangent_derivative(order))
    mirrored = (value if order % 2 == 0 else -value) - turn
    value = m.select(below, mirrored, value)
    pole = math.inf if order % 2 else -math.inf
    return m.select((x <= 0.0) & (x == m.floor(x)), pole, value)


def _hurwitz(m, x, order):
    """(-1)^(order + 1) · order! · Σ 1 / (x + k)^(order + 1): some terms, then Euler's series."""
    count, powered = 10 + 2 * order, lambda inverse: reduce(operator.mul, [inverse] * order)
    near = x < float(count)
    total = m.like(0.0, x)
    for k in range(count):
        inverse = 1.0 / (x + k)
        total = total + m.select(near, powered(inverse) * inverse, 0.0)
    inverse = 1.0 / m.select(near, x + count, x)
    # Σ B₂ₖ·(order + 2k - 1)!/(2k)!/order!, by the powers of 1/x²
    tail = [float(b * math.factorial(order + 2 * k + 1) / math.factorial(2 * k + 2)
                  / math.factorial(order)) for k, b in enumerate(_BERNOULLI)]  # fmt: skip
    rest = m.fma(inverse, _series(m, inverse * inverse, tail), 0.5)
    last = powered(inverse) * m.fma(inverse, rest, 1 / order)
    return (total + last) * ((-1) ** (order + 1) * math.factorial(order))


def _cotangent_derivative(order):
    """The coefficients of π^(order + 1) times the derivative of cot, as a polynomial of it."""
    p = [0, 1]
    for _ in range(order):
        slope = [k * c for k, c in enumerate(p)][1:]
        p = [-(a + b) for a, b in zip([*slope, 0, 0], [0, 0, *slope], strict=True)]
    return [float(c) * math.pi ** (order + 1) for c in p]
