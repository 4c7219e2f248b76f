"""Taylor coefficients of primitives, by recurrences; O(n²) operations to order n.

A primitive without a rule here gets its series from its derivative rule (`transforms/taylor.py`).
Each function f(x) with y' = g·x' gives k·y_k = Σ j·x_j·g_(k-j); see Griewank & Walther, Evaluating
Derivatives, chapter 13. `args` hold [x_0, ..., x_n] for each input; None stands for zero.
"""

import math
from functools import cache

import numpy as np

from ..core.handle import element_type, shape_of
from . import arithmetic as a
from . import functions as f
from .base import conj, reshape
from .contraction import linear_map, linear_product, matmul
from .convolution import convolution, transposed_convolution
from .indexing import scatter_extreme
from .pooling import max_pick, max_place, max_pool
from .reductions import amax, amin, largest, median, nanmedian, smallest
from .solutions import inv, solve

__all__ = ["LOCALLY_LINEAR", "cauchy", "plus", "riccati", "scaled"]

# Piecewise linear: each coefficient passes the derivative rule, at the point's own piece.
LOCALLY_LINEAR = "locally linear"

for _prim in (
    a.neg, a.add, a.select, a.floor, a.round_, a.copysign, a.real, a.imag, a.make_complex,
    largest, smallest, amax, amin, median, nanmedian, max_pool, max_pick, max_place,
    scatter_extreme,
):  # fmt: skip
    _prim.taylor = LOCALLY_LINEAR


# --- sums with zeros ----------------------------------------------------------------------------


def plus(x, y):
    return y if x is None else x if y is None else x + y


def minus(x, y):
    return x if y is None else -y if x is None else x - y


def scaled(x, number):
    if x is None or number.__class__ in (int, float) and number == 1:
        return x
    return x * number


def divided(x, y):
    return None if x is None else x / y


def product(x, y):
    return None if x is None or y is None else x * y


def cauchy(x, y, k, first=0, last=None, multiply=product):
    """Σ x_j · y_(k-j) for j from `first` to `last` (k where none is given)."""
    total = None
    for j in range(first, (k if last is None else last) + 1):
        if x[j] is not None and y[k - j] is not None:
            total = plus(total, multiply(x[j], y[k - j]))
    return total


def _weighted(x, y, k, last=None):
    """Σ j · x_j · y_(k-j) for j from 1 on."""
    total = None
    for j in range(1, (k if last is None else last) + 1):
        if x[j] is not None and y[k - j] is not None:
            total = plus(total, scaled(product(x[j], y[k - j]), j))
    return total


# --- products, quotients, powers ------------------------------------------------------------------


def _mul(args, out, n, params):
    x, y = args
    return [cauchy(x, y, k) for k in range(1, n + 1)]


def _div(args, out, n, params):
    x, y = args
    q = [out]
    for k in range(1, n + 1):
        q.append(divided(minus(x[k], cauchy(q, y, k, last=k - 1)), y[0]))
    return q[1:]


def _power_series(x, out, n, exponent):
    """y = x^a from x·y' = a·y·x', for x_0 other than 0."""
    y = [out]
    for k in range(1, n + 1):
        total = None
        for j in range(1, k + 1):
            total = plus(total, scaled(product(x[j], y[k - j]), exponent * j - (k - j)))
        y.append(divided(total, x[0] * k))
    return y[1:]


def _whole_power(x, n, exponent):
    """x^m by squaring, for whole m: exact at 0 too."""
    result, base = None, x
    while exponent:
        if exponent & 1:
            result = base if result is None else _times(result, base, n)
        exponent >>= 1
        if exponent:
            base = _times(base, base, n)
    return result[1:]


def _times(x, y, n):
    return [cauchy(x, y, k) for k in range(n + 1)]


def _pow(args, out, n, params):
    x, y = args
    if all(c is None for c in y[1:]):
        exponent = y[0]
        if exponent.__class__ in (int, float):
            if exponent == 0:
                return [None] * n
            if exponent == int(exponent) and 0 < exponent <= 64:
                return _whole_power(x, n, int(exponent))
        return _power_series(x, out, n, exponent)
    # x^y = exp(y · log x)
    start = f.log(x[0]) if x[0].__class__ not in (int, float) else math.log(x[0])
    logarithm = [start, *_log([x], start, n, params)]
    return _exp([_times(logarithm, y, n)], out, n, params)


def _sqrt(args, out, n, params):
    (x,), y = args, [out]
    for k in range(1, n + 1):
        rest = minus(x[k], cauchy(y, y, k, first=1, last=k - 1))
        y.append(divided(rest, out * 2))
    return y[1:]


a.mul.taylor, a.div.taylor = _mul, _div
f.pow.taylor, f.sqrt.taylor = _pow, _sqrt


# --- exponentials and logarithms ------------------------------------------------------------------


def _exp(args, out, n, params):
    (x,), y = args, [out]
    for k in range(1, n + 1):
        y.append(scaled(_weighted(x, y, k), 1 / k))
    return y[1:]


def _log(args, out, n, params):
    (x,), y = args, [None]
    for k in range(1, n + 1):
        inner = scaled(_weighted(y, x, k, last=k - 1), 1 / k)
        y.append(divided(minus(x[k], inner), x[0]))
    return y[1:]


f.exp.taylor = _exp


# --- slopes that are polynomials of the value: y' = u·x' with u = c_0 + c_1·y + c_2·y² ------------


@cache
def riccati(prim):
    """The recurrence of a fused operator whose rule is such a slope; None if it is not."""
    if tuple(prim.saves.items()) != (("x", ("out",)),) or prim.params or prim.kind == "general":
        return None
    rule, u = prim.rules[0], {}
    for y in range(-1, 4):
        u[y] = float(rule(np.ones(()), (None, np.float64(y), None), {}))
    c0, c1, c2 = u[0], (u[1] - u[-1]) / 2, (u[1] + u[-1]) / 2 - u[0]
    if any(abs(c0 + c1 * y + c2 * y * y - u[y]) > 1e-12 for y in (2, 3)):
        return None

    def taylor(args, out, n, params):
        (x,), y = args, [out]
        u = [out * out * c2 + out * c1 + c0]
        for k in range(1, n + 1):
            y.append(scaled(_weighted(x, u, k), 1 / k))
            square = scaled(cauchy(y, y, k), c2)
            u.append(plus(square, scaled(y[k], c1)) if c1 else square)
        return y[1:]

    return taylor


def _pair(other, turn):
    """sin with cos, sinh with cosh: y' = z·x' and z' = turn·y·x'."""

    def taylor(args, out, n, params):
        (x,), y = args, [out]
        z = [other(x[0])]
        for k in range(1, n + 1):
            y.append(scaled(_weighted(x, z, k), 1 / k))
            z.append(scaled(_weighted(x, y, k), turn / k))
        return y[1:]

    return taylor


f.sin.taylor, f.sinh.taylor, f.cosh.taylor = _pair(f.cos, -1), _pair(f.cosh, 1), _pair(f.sinh, 1)


def _cos(args, out, n, params):
    (x,), y = args, [out]
    z = [f.sin(x[0])]
    for k in range(1, n + 1):
        y.append(scaled(_weighted(x, z, k), -1 / k))
        z.append(scaled(_weighted(x, y, k), 1 / k))
    return y[1:]


f.cos.taylor = _cos


# --- compositions of what is above ----------------------------------------------------------------


def _absolute(args, out, n, params):
    (x,) = args
    if element_type(x[0]).kind != "c":
        sign = a.sign(x[0])
        return [product(c, sign) for c in x[1:]]
    mirrored = [None if c is None else conj(c) for c in x]
    products = [cauchy(x, mirrored, k) for k in range(n + 1)]
    return _sqrt([[None if p is None else a.real(p) for p in products]], out, n, params)


a.absolute.taylor = _absolute


# --- products of tensors, and their inverses ------------------------------------------------------


def _biased(alone):
    """A product of the first two inputs, plus the third."""

    def taylor(args, out, n, params):
        x, weight = args[:2]
        bias = args[2] if len(args) == 3 else [None] * (n + 1)

        def multiply(p, q):
            return alone(p, q, **params)

        sums = [cauchy(x, weight, k, multiply=multiply) for k in range(1, n + 1)]
        return [_spread_bias(s, b, alone, out) for s, b in zip(sums, bias[1:], strict=True)]

    return taylor


def _spread_bias(total, bias, alone, out):
    if bias is None:
        return total
    if alone is not linear_product:
        bias = reshape(bias, shape=(shape_of(bias)[0], *[1] * (len(shape_of(out)) - 2)))
    return bias + out * 0 if total is None else total + bias


linear_map.taylor = linear_product.taylor = _biased(linear_product)
convolution.taylor = _biased(convolution)
transposed_convolution.taylor = _biased(transposed_convolution)


def _inv(args, out, n, params):
    (x,), y = args, [out]
    for k in range(1, n + 1):
        rest = cauchy(x, y, k, first=1, multiply=matmul)
        y.append(None if rest is None else -matmul(out, rest))
    return y[1:]


def _solve(args, out, n, params):
    (m, b), y = args, [out]
    for k in range(1, n + 1):
        rest = minus(b[k], cauchy(m, y, k, first=1, multiply=matmul))
        y.append(None if rest is None else solve(m[0], rest, **params))
    return y[1:]


inv.taylor, solve.taylor = _inv, _solve
