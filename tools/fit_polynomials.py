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


def erfc_scaled(t):
    """e^(x²) erfc(x) of t = (x - 2) / (x + 2)"""
    x = 2 * (1 + t) / (1 - t)
    return mp.exp(x * x) * mp.erfc(x)


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
    off = f - (ROOT - 1)
    return mp.psi(1, ROOT) if off == 0 else mp.digamma(1 + f) / off


HALF_LOG2 = mp.log(2) / 2 + mp.mpf("1e-4")
Z_LOG = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2
QUARTER = (mp.pi / 4 + mp.mpf("1e-4")) ** 2
T8 = (mp.mpf(6) - 2) / (6 + 2)  # erf is 1 in float64 from 5.93 on, in float32 from 3.92
TAN8 = mp.tan(mp.pi / 8) ** 2
TABLE = [
    ("EXP", exp_tail, -HALF_LOG2, HALF_LOG2, 4, 10, lambda x, p: 1 + x + x * x * p),
    ("LOG", log_tail, 0, Z_LOG, 3, 7, lambda z, p: 2 + z * p),
    ("SIN", sin_tail, 0, QUARTER, 3, 6, lambda z, p: 1 + z * p),
    ("COS", cos_tail, 0, QUARTER, 3, 6, lambda z, p: 1 - z / 2 + z * z * p),
    ("ERF", erf_small, 0, 1, 6, 12, lambda z, p: p),
    ("ERFC_LOG", erfc_log, 1, 4, 8, None, lambda x, p: 1 - mp.power(2, p)),
    ("ERFC", erfc_scaled, mp.mpf(-1) / 3, T8, None, 20, lambda t, p: p),
    ("ATAN", atan_tail, 0, TAN8, 4, 12, lambda z, p: 1 + z * p),
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
