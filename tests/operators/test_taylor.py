"""Taylor mode of every operator: derivatives along a curve, against nested forward mode."""

import numpy as np
import pytest
from records import RECORDS
from test_records import array, differentiable_samples, like

import tidu

ORDER = 3
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::UserWarning")]


def nested(function, leaves, series):
    """d^k/dt^k of each output of function(x(t)) at 0, by forward mode within forward mode."""

    def along(t):
        curve = []
        for x, derivatives in zip(leaves, series, strict=True):
            for k, d in enumerate(derivatives, 1):
                x = x + d * (t**k / float(np.prod(range(1, k + 1))))
            curve.append(x)
        return function(*curve)

    def derivative(f):
        one = tidu.tensor(1.0, dtype=tidu.float64)
        return lambda t: tidu.func.jvp(f, (t,), (one,))[1]

    found = []
    for _ in range(ORDER):
        along = derivative(along)
        found.append(along(tidu.tensor(0.0, dtype=tidu.float64)))
    return found


@pytest.mark.parametrize(
    "record",
    [pytest.param(r, id=r.id) for r in RECORDS if r.differentiable and r.twice and r.forward],
)
def test_series_are_nested_forward_mode(record):
    for function, leaves, outs in differentiable_samples(record):
        series = list(
            zip(*[like(leaves, seed, record.symmetric) for seed in (11, 12, 13)], strict=True)
        )
        found, derivatives = tidu.func.jet(function, tuple(leaves), tuple(series))
        expected = nested(function, leaves, series)
        for a, b in zip(found, outs, strict=True):
            np.testing.assert_allclose(array(a), array(b), rtol=1e-12, atol=1e-12)
        for ours, theirs in zip(derivatives, expected, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                scale = max(1.0, np.abs(array(b)).max(initial=0))
                np.testing.assert_allclose(array(a), array(b), rtol=1e-7, atol=1e-9 * scale)
