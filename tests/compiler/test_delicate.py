"""Functions of float64 where they are delicate, compared with mpmath's: at most 4 units in the last
place beside zeros and poles, and where the pieces of a function meet."""

import numpy as np
import pytest
import scipy.special as special

from .test_mathematics import run

mpmath = pytest.importorskip("mpmath")
pytestmark = pytest.mark.slow


def _mp_erfinv(x):
    """By Newton's steps from SciPy's value, of erfc where erf has no digits left."""
    y, size = mpmath.mpf(float(special.erfinv(abs(float(x))))), abs(x)
    for _ in range(3):
        off = mpmath.erf(y) - size if y < 1 else (1 - size) - mpmath.erfc(y)
        y -= off * mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(y * y)
    return y * mpmath.sign(x)


def _near_multiples(rng):
    """The float64 nearest to multiples of π/2, where sine or tangent have few digits."""
    with mpmath.workprec(160):
        return [float(int(n) * mpmath.pi / 2) for n in rng.integers(-60_000_000, 60_000_000, 500)]


DELICATE = {
    "erf": lambda rng: rng.uniform(-6, 6, 500),
    "erfc": lambda rng: np.concatenate([rng.uniform(-6, 1, 500), rng.uniform(0.5, 26.5, 1000)]),
    "erfinv": lambda rng: np.concatenate(
        [rng.uniform(-1, 1, 500), 1 - 10 ** rng.uniform(-15, 0, 500), [1e-300, -5e-324]]
    ),
    "sin": _near_multiples,
    "cos": _near_multiples,
    "tan": _near_multiples,
    "asin": lambda rng: np.sqrt(rng.uniform(0, 1, 500)),
    "acos": lambda rng: 1 - 10 ** rng.uniform(-15, 0, 500),
    "asinh": lambda rng: 10 ** rng.uniform(-300, 300, 1000),
    "acosh": lambda rng: 1 + 10 ** rng.uniform(-15, 1, 1000),
    "atanh": lambda rng: np.concatenate(
        [1 - 10 ** rng.uniform(-15, 0, 500), 10 ** rng.uniform(-300, 0, 500)]
    ),
    "log1p": lambda rng: np.concatenate(
        [10 ** rng.uniform(-15, 0, 500) - 1, 10 ** rng.uniform(-300, 308, 500)]
    ),
    "log": lambda rng: np.concatenate([rng.uniform(0.5, 2, 500), 10 ** rng.uniform(-323, 0, 500)]),
    "sinh": lambda rng: rng.uniform(-710.4, 710.4, 500),
    "cosh": lambda rng: rng.uniform(-710.4, 710.4, 500),
}


@pytest.mark.parametrize("name", DELICATE)
def test_float64_where_it_is_delicate(name):
    x = np.asarray(DELICATE[name](np.random.default_rng(3)))
    exact = _mp_erfinv if name == "erfinv" else getattr(mpmath, name)
    with mpmath.workprec(200):
        assert _units_of_mpmath(run(name, x), [exact(mpmath.mpf(v)) for v in x.tolist()]) <= 4


def _units_of_mpmath(got, exact):
    return max(
        float(abs(mpmath.mpf(g) - e) / mpmath.mpf(np.spacing(abs(float(e)))))
        for g, e in zip(got.tolist(), exact, strict=True)
    )


def test_power_in_float64():
    rng = np.random.default_rng(4)
    x = np.concatenate([rng.uniform(0.5, 2, 500), 10 ** rng.uniform(-323, 308, 500)])
    y = rng.uniform(-1000, 1000, x.size) / np.log2(x)
    with mpmath.workprec(200):
        exact = [
            mpmath.mpf(a) ** mpmath.mpf(b) for a, b in zip(x.tolist(), y.tolist(), strict=True)
        ]
        assert _units_of_mpmath(run("pow", x, y), exact) <= 2
