"""The polynomials of compiler/loops/coefficients.py: near-minimax fits, made with mpmath.

    python tools/fit_polynomials.py > src/tidu/compiler/loops/coefficients.py

Each is the interpolation of its function at Chebyshev nodes of its interval, computed with 60
digits; the largest relative error found on a fine grid stands beside it.
"""

import mpmath as mp

mp.mp.dps = 60


def fit(function, low, high, degree):
    """Coefficients, lowest first, of the interpolation at the Chebyshev nodes of [low, high]."""
    n = degree + 1
    low, high = mp.mpf(low), mp.mpf(high)
    nodes = [
        (low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * n))
        for k in range(n)
    ]
    rows = mp.matrix(n, n)
    values = mp.matrix(n, 1)
    for i, x in enumerate(nodes):
        values[i] = function(x)
        for j in range(n):
            rows[i, j] = x**j
    return list(mp.lu_solve(rows, values))


def error(function, coefficients, low, high, whole):
    """The largest relative error of `whole(x, polynomial(x))` against `whole(x, function(x))`."""
    worst = mp.mpf(0)
    for k in range(401):
        x = mp.mpf(low) + (mp.mpf(high) - mp.mpf(low)) * k / 400
        exact = whole(x, function(x))
        got = whole(x, mp.polyval(coefficients[::-1], x))
        if exact:
            worst = max(worst, abs((got - exact) / exact))
    return float(worst)


def exp_tail(x):
    """(e^x - 1 - x) / x²"""
    return mp.nsum(lambda k: x**k / mp.factorial(k + 2), [0, 40]) if abs(x) < 0.1 else (
        mp.exp(x) - 1 - x
    ) / x**2  # fmt: skip


def log_tail(z):
    """R with log(1 + f) = f - f²/2 + s·(f²/2 + z·R(z)), s = f / (2 + f), z = s²."""
    if z == 0:
        return mp.mpf(2) / 3
    s = mp.sqrt(z)
    return (mp.log((1 + s) / (1 - s)) - 2 * s) / (s * z)


def log_beyond(z):
    """(R(z) - 2/3) / z"""
    return (log_tail(z) - mp.mpf(2) / 3) / z if z else mp.mpf(2) / 5


def sin_tail(z):
    """(sin r - r) / r³ of z = r²"""
    return mp.nsum(lambda k: (-1) ** (k + 1) * z**k / mp.factorial(2 * k + 3), [0, 30])


def cos_tail(z):
    """(cos r - 1 + r²/2) / r⁴ of z = r²"""
    return mp.nsum(lambda k: (-1) ** k * z**k / mp.factorial(2 * k + 4), [0, 30])


def erf_small(z):
    """erf(x) / x of z = x²"""
    if z == 0:
        return 2 / mp.sqrt(mp.pi)
    return mp.erf(mp.sqrt(z)) / mp.sqrt(z)


def erfc_scaled(centre):
    """e^(x²) erfc(x)·(x + c) of t = (x - c) / (x + c), for a centre c with which the first
    coefficients are nearly numbers of the type they are for."""

    def of(t):
        x = centre * (1 + t) / (1 - t)
        return mp.exp(x * x) * mp.erfc(x) * (x + centre)

    return of


def erfinv_of(w):
    """erfinv(x) / x of w = -log(1 - x²)"""
    if w == 0:
        return mp.sqrt(mp.pi) / 2
    x = mp.sqrt(-mp.expm1(-w))
    if w < 5:
        return mp.erfinv(x) / x
    rest = mp.log(mp.exp(-w) / (1 + x))  # log(1 - x), without the difference
    return mp.findroot(lambda y: mp.log(mp.erfc(y)) - rest, mp.sqrt(w) * 0.95) / x


def erfinv_tail(t):
    """The same of t = (√w - 3) / (√w + 3)"""
    return erfinv_of((3 * (1 + t) / (1 - t)) ** 2)


def asin_tail(z):
    """(asin(x) - x) / x³ of z = x²"""
    return (mp.asin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z if z else mp.mpf(1) / 6


def sinh_tail(z):
    """(sinh(x) - x) / x³ of z = x²"""
    return mp.nsum(lambda k: z**k / mp.factorial(2 * k + 3), [0, 30])


def erfc_log(x):
    """log₂ erfc(x)"""
    return mp.log(mp.erfc(x), 2)


def atan_tail(z):
    """(atan(x) - x) / x³ of z = x²"""
    return mp.nsum(lambda k: (-1) ** (k + 1) * z**k / (2 * k + 3), [0, mp.inf]) if z < 0.01 else (
        (mp.atan(mp.sqrt(z)) - mp.sqrt(z)) / (mp.sqrt(z) * z)
    )  # fmt: skip


def lgamma_between(f):
    """log Γ(1 + f) / (f·(f - 1))"""
    if f in (0, 1):
        return mp.euler if f == 0 else 1 - mp.euler
    return mp.loggamma(1 + f) / (f * (f - 1))


ROOT = mp.findroot(mp.digamma, mp.mpf("1.46163214496836234"))


def digamma_between(f):
    """ψ(1 + f) / (f - r), where 1 + r is its zero"""
    rest = f - (ROOT - 1)
    return mp.psi(1, ROOT) if rest == 0 else mp.digamma(1 + f) / rest


HALF_LOG2 = mp.log(2) / 2 + mp.mpf("1e-4")
Z_LOG = mp.mpf("0.205") ** 2  # of log (√2 - 1) / (√2 + 1) = 0.172 is the largest, of atanh 0.201
QUARTER = (mp.pi / 4 + mp.mpf("1e-4")) ** 2


def off(x, centre=3):
    return (mp.mpf(x) - centre) / (x + centre)


C64 = mp.mpf("3.0625")
ROOT5 = mp.sqrt(5)
TAN8 = mp.tan(mp.pi / 8) ** 2
TABLE = [
    ("EXP", exp_tail, -HALF_LOG2, HALF_LOG2, 4, 10, lambda x, p: 1 + x + x * x * p),
    ("EXP_OF_POWER", exp_tail, -HALF_LOG2, HALF_LOG2, 5, 10, lambda x, p: 1 + x + x * x * p),
    ("LOG", log_tail, 0, Z_LOG, 3, 7, lambda z, p: 2 + z * p),
    ("LOG_OF_POWER", log_tail, 0, Z_LOG, None, 4, lambda z, p: 2 + z * p),
    ("LOG_BEYOND", log_beyond, 0, Z_LOG, None, 7, lambda z, p: 2 + z * (mp.mpf(2) / 3 + z * p)),
    ("SIN", sin_tail, 0, QUARTER, 3, 6, lambda z, p: 1 + z * p),
    ("COS", cos_tail, 0, QUARTER, 3, 6, lambda z, p: 1 - z / 2 + z * z * p),
    ("ERF", erf_small, 0, 1, 6, 12, lambda z, p: p),
    ("ERFC_LOG", erfc_log, 1, 4, 8, None, lambda x, p: 1 - mp.power(2, p)),
    # erfc is 0 in float32 from 10.06 on, in float64 from 27.3 on.
    ("ERFC", erfc_scaled(3), off(0.5), off(10.1), 9, None, lambda t, p: p),
    ("ERFC", erfc_scaled(C64), off(0.5, C64), off(27.5, C64), None, 22, lambda t, p: p),
    # The largest w is 16.6 in float32, 36.04 in float64, whose values are corrected once.
    ("ERFINV", erfinv_of, 0, 5, 9, 9, lambda w, p: p),
    ("ERFINV_TAIL", erfinv_tail, off(ROOT5), off(mp.sqrt(17)), 9, None, lambda t, p: p),
    ("ERFINV_TAIL", erfinv_tail, off(ROOT5), off(6.01), None, 12, lambda t, p: p),
    ("SINH", sinh_tail, 0, 1, 3, 6, lambda z, p: 1 + z * p),
    ("ASIN", asin_tail, 0, mp.mpf(1) / 4, 5, 12, lambda z, p: 1 + z * p),
    ("ATAN", atan_tail, 0, TAN8, 4, 12, lambda z, p: 1 + z * p),
    ("ATAN_TO_ONE", atan_tail, 0, 1, 9, 19, lambda z, p: 1 + z * p),
    ("LGAMMA", lgamma_between, 0, 1, None, 21, lambda f, p: p),
    ("DIGAMMA", digamma_between, 0, 1, None, 21, lambda f, p: p),
]


def main():
    print('"""Coefficients of polynomials, lowest first; made by tools/fit_polynomials.py."""\n')
    found = {"f32": {}, "f64": {}}
    for name, function, low, high, short, long, whole in TABLE:
        for kind, degree in (("f32", short), ("f64", long)):
            if degree is not None:
                c = fit(function, low, high, degree)
                found[kind][name] = c, error(function, c, low, high, whole)
    print('__all__ = ["POLYNOMIALS"]\n')
    print("POLYNOMIALS = {")
    for kind, table in found.items():
        print(f'    "{kind}": {{')
        for name, (c, worst) in table.items():
            print(f'        "{name}": (  # relative error {worst:.1e}')
            for value in c:
                print(f"            {float(value)!r},")
            print("        ),")
        print("    },")
    print("}")


main()
