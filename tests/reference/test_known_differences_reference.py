"""Where docs/operators.md says that tidu differs from PyTorch because it is nearer to the exact
number: both errors, against many digits or differences."""

from functools import partial

import mpmath
import numpy as np
import pytest
import torch

import tidu

POINTS = np.linspace(-19.7, 19.7, 173)
FUNCTIONS = {
    "bessel_j0": (lambda x: mpmath.besselj(0, x), POINTS),
    "bessel_y1": (lambda x: mpmath.bessely(1, x), POINTS[POINTS > 0.1]),
    "airy_ai": (mpmath.airyai, POINTS),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bessel_and_airy_functions(name):
    exact, points = FUNCTIONS[name]
    with mpmath.workdps(30):
        truth = np.array([float(exact(mpmath.mpf(x))) for x in points])
    ours = getattr(tidu.special, name)(tidu.from_numpy(points)).numpy()
    theirs = getattr(torch.special, name)(torch.from_numpy(points)).numpy()
    assert np.abs(ours - truth).max() < 2e-14
    assert np.abs(theirs - truth).max() > 1e-7


def test_tangents_of_logcumsumexp():
    """The first element is -1e3 beside 1e3: its weight in its own sum is one."""
    x, found = np.array([-1e3, 0.0, 1e3]), []
    for library in (tidu, torch):
        point, along = (library.from_numpy(x),), (library.ones(3, dtype=library.float64),)
        scan = partial(library.logcumsumexp, dim=0)
        found.append(library.func.jvp(scan, point, along)[1].tolist())
    assert found[0] == pytest.approx([1, 1, 1])
    assert found[1][0] == 0


def slope(function, at, along, step=1e-6):
    return (function(at + step * along) - function(at - step * along)) / (2 * step)


@pytest.mark.filterwarnings("ignore:torch.triangular_solve is deprecated")
def test_triangular_solve_in_forward_mode():
    """Only one triangle of A is read, so only one triangle of its tangent counts."""
    rng = np.random.default_rng(2)
    a, t, b = rng.normal(size=(4, 4)) + 4 * np.eye(4), rng.normal(size=(4, 4)), rng.normal(size=4)
    tangents = []
    for library in (tidu, torch):
        right = library.from_numpy(b[:, None])
        solve = partial(library.triangular_solve, right)
        primal, tangent = [(library.from_numpy(m),) for m in (a, t)]
        tangents.append(library.func.jvp(solve, primal, tangent)[1][0].numpy())
    truth = slope(lambda m: np.linalg.solve(np.triu(m), b[:, None]), a, t)
    assert tangents[0] == pytest.approx(truth, rel=1e-6)
    assert np.abs(tangents[1] - truth).max() > 1e-2


def test_gradient_of_as_strided_scatter():
    """Nothing passes to what was covered, all to what was not."""
    gradients = []
    for library in (tidu, torch):
        x, src = library.arange(4.0).requires_grad_(), library.tensor([5.0, 6.0])
        y = library.as_strided_scatter(x, src, (2,), (2,), 0)
        y.backward(library.arange(1.0, 5.0))
        gradients.append(x.grad.tolist())
    assert gradients == [[0.0, 2.0, 0.0, 4.0], [1.0, 0.0, 3.0, 0.0]]


def test_second_derivatives_of_masked_logaddexp():
    """A masked element takes no part, so its derivatives are 0 and not NaN."""
    found = []
    for library in (tidu, torch):
        x, y = [library.tensor(v, requires_grad=True) for v in ([1.0, 2.0, 3.0], [3.0, 1.0, 2.0])]
        masks = [library.tensor(m) for m in ([True, False, True], [False, False, True])]
        z = library.masked.logaddexp(x, y, input_mask=masks[0], other_mask=masks[1])
        first = library.autograd.grad(z.sum(), (x, y), create_graph=True)
        found.append(library.autograd.grad((first[0] + first[1] * 2).sum(), (x, y))[0].tolist())
    s = 1 / (1 + np.exp(-1))
    assert found[0] == pytest.approx([0, 0, -s * (1 - s)], abs=1e-6)
    assert np.isnan(found[1][0])


def test_gradients_of_cumprod_beside_infinity():
    """What the other factors give, no quotient: inf / inf is no number, 1e30 * 1e30 too large."""
    found = []
    for library in (tidu, torch):
        grads = []
        for values in ([2.0, np.inf, 3.0], [1e30, 1e30, 2.0]):
            x = library.tensor(values, requires_grad=True)
            library.cumprod(x, 0).sum().backward()
            grads.append(x.grad.tolist())
        found.append(grads)
    assert found[0][0][1] == 2 + 2 * 3
    assert found[0][1][0] == pytest.approx(3e30)
    assert np.isnan(found[1][0][1])
    assert found[1][1][0] == np.inf
