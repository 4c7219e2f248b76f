"""Compiled sums of float32 are as exact as eager ones: the error does not grow with the count."""

import numpy as np
import pytest

import tidu as torch

pytestmark = pytest.mark.slow

SUMS = {
    "rows": (lambda x: (x * 1.5).sum(0), (100000, 3)),
    "columns": (lambda x: (x * 1.5).sum(1), (3, 100000)),
    "everything": (lambda x: (x * 1.5).sum(), (700, 1001)),
    "outer and inner": (lambda x: (x * 1.5).sum((0, 2)), (3000, 4, 9)),
    "the middle": (lambda x: (x * 1.5).sum(1), (5, 7000, 20)),
    "across": (lambda x: (x.mT * 1.5).sum(0), (30, 3001)),
    "broadcast": (lambda x: (x[:, None] + x[:300]).sum(), (2000, 50)),
    "a mean": (lambda x: x.mean(0), (100000, 3)),
    "beside an extreme": (lambda x: (x.sum(0), x.amax(0), (x * 2).sum(0)), (50000, 3)),
}


@pytest.mark.parametrize("kind", ["equal", "uniform"])
@pytest.mark.parametrize("dynamic", [None, True])
@pytest.mark.parametrize("name", SUMS)
def test_error(name, dynamic, kind):
    """Equal terms are the worst ones: each addition is rounded to the same side."""
    function, shape = SUMS[name]
    random = np.random.RandomState(0).random_sample(shape)
    exact = torch.tensor(random if kind == "uniform" else np.full(shape, 0.1))
    exact = exact.float().double()
    with torch.no_grad():
        run = torch.compile(function, dynamic=dynamic, fullgraph=True)
        for got, wanted in zip(
            *[o if isinstance(o, tuple) else (o,) for o in (run(exact.float()), function(exact))],
            strict=True,
        ):
            assert ((got - wanted) / wanted).abs().max() < 1.5e-6


@pytest.mark.parametrize("dynamic", [None, True])
def test_more_partial_results_than_terms_of_one(dynamic):
    """What is reduced whole leaves one result for every 4096 elements; so many are added, too."""
    x = torch.zeros((1 << 24) + 9000)
    x[::1024], x[-3], x[5] = 0.5, 3.0, -2.0

    def extremes(x):
        y = x + 1
        return y.sum(dtype=torch.float64), y.amax(), y.amin(), (x > 0).sum()

    run = torch.compile(extremes, dynamic=dynamic, fullgraph=True)
    for got, wanted in zip(run(x), extremes(x), strict=True):
        assert got == wanted


@pytest.mark.parametrize("length", [1, 4])
def test_the_sign_of_a_normalized_zero_is_that_of_eager(length):
    def function(x):
        return torch.nn.functional.layer_norm(x, (length,))

    x = torch.full((2, length), -0.0)
    got = torch.compile(function, fullgraph=True)(x)
    assert torch.signbit(got).tolist() == torch.signbit(function(x)).tolist()
