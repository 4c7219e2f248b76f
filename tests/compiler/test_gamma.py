"""log Γ and its derivatives in generated code: units in the last place, poles and signs."""

import numpy as np
import pytest
from lowered import steps_called

import tidu as torch

pytestmark = pytest.mark.slow

mp = pytest.importorskip("mpmath")
mp.mp.dps = 40


def exact(order, values):
    """log|Γ| (order -1) or the derivative of ψ of this order, with 40 digits."""
    if order < 0:
        return [mp.log(abs(mp.gamma(v))) if v < 1000 else mp.loggamma(v) for v in values]
    return [mp.digamma(v) if order == 0 else mp.psi(order, v) for v in values]


def function(order):
    if order < 0:
        return torch.lgamma
    return torch.digamma if order == 0 else lambda x: torch.polygamma(order, x)


def samples(positive):
    random = np.random.RandomState(1)
    if not positive:
        return -random.uniform(0, 30, 600)
    near = [c + random.uniform(-1, 1, 60) * 1e-6 for c in (1, 2, 1.4616321449683623)]
    wide = np.exp(random.uniform(-300, 300, 100))
    return np.concatenate([random.uniform(0, 12, 600), random.uniform(1, 2.1, 200), wide, *near])


LIMITS = {-1: 4, 0: 4, 1: 4, 2: 6, 3: 8, 4: 10}  # units in the last place, float64, x > 0


@pytest.mark.parametrize("order", LIMITS)
def test_errors(order):
    compiled = torch.compile(function(order), fullgraph=True)
    for positive in (True, False):
        x = samples(positive)
        got, values = compiled(torch.tensor(x)).numpy(), exact(order, [mp.mpf(v) for v in x])
        pairs = zip(got.tolist(), values, strict=True)
        off = np.array([float(abs(g - v)) for g, v in pairs])
        size = np.abs([float(v) for v in values])
        if positive:
            normal = (size > 1e-290) & (size < 1e300)
            assert (off <= LIMITS[order] * np.spacing(size))[normal].all()
        else:  # next to a zero between two poles the terms cancel
            assert (off <= 2e-15 * np.maximum(1, size)).all()
    single = np.concatenate([samples(True), samples(False)])
    single = single[(np.abs(single) > 1e-30) & (single < 1e30)].astype(np.float32)
    got = compiled(torch.tensor(single)).numpy().astype(np.float64)
    wanted = np.array([float(v) for v in exact(order, [mp.mpf(float(v)) for v in single])])
    with np.errstate(over="ignore"):
        rounded = wanted.astype(np.float32)
    finite = np.isfinite(rounded)
    assert np.array_equal(np.isfinite(got), finite)
    assert (np.abs(got - wanted) <= 0.51 * np.spacing(np.abs(rounded)))[finite].all()


@pytest.mark.parametrize("order", LIMITS)
def test_poles_and_ends(order):
    x = torch.tensor([0.0, -0.0, -1.0, -2.0, float("inf"), float("nan"), 5e-324, 1e300, -1e300],
                     dtype=torch.float64)  # fmt: skip
    f = function(order)
    torch.testing.assert_close(torch.compile(f)(x), f(x), equal_nan=True)


def test_gradients_are_native():
    x = torch.linspace(-2.3, 9.1, 50, dtype=torch.float64).requires_grad_()
    for f in (torch.lgamma, torch.digamma, lambda x: torch.polygamma(2, x)):
        assert steps_called(f, x) == []
        got, wanted = [torch.autograd.grad(g(x).sum(), x)[0] for g in (torch.compile(f), f)]
        torch.testing.assert_close(got, wanted)
    assert steps_called(lambda x: torch.polygamma(9, x), x.detach()) == ["polygamma"]
