"""Derived rules at zeros, at edges of domains and outside of them: first and second order.

What is compared depends on the cotangent too, so that a product of an infinity with a zero shows.
"""

import numpy as np
import pytest

import tidu

torch = pytest.importorskip("torch")

ZEROS = np.zeros((2, 3))
EDGES = np.array([-np.inf, -2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, np.inf, np.nan])
CASES = {
    "norm": (ZEROS, lambda lib, x: x.norm()),
    "norm of rows": (np.array([[0.0, 0, 0], [0, 3, 4]]), lambda lib, x: x.norm(dim=1)),
    "norm kept": (ZEROS, lambda lib, x: x.norm(dim=1, keepdim=True)),
    "logit": (EDGES, lambda lib, x: lib.logit(x)),
    "logit with eps": (np.array([-2, 0.1, 0.5, 0.9, 3.0]), lambda lib, x: lib.logit(x, 0.2)),
    "mean of none": (np.zeros((2, 0)), lambda lib, x: (x * x).mean(1)),
    "loss of none": (np.zeros((0, 3)), lambda lib, x: lib.nn.functional.mse_loss(x, x.detach())),
}


def derivatives(lib, function, array, dtype):
    """The value, the gradient, and its gradients of the cotangent and of the input."""
    x = lib.from_numpy(array).to(getattr(lib, dtype)).requires_grad_()
    out = function(lib, x)
    weights = np.cos(np.arange(out.numel())).reshape(tuple(out.shape))
    g = lib.from_numpy(np.asarray(weights)).to(out.dtype).requires_grad_()
    (first,) = lib.autograd.grad(out, x, g, create_graph=True)
    turned = lib.from_numpy(np.sin(1 + np.arange(x.numel())).reshape(array.shape)).to(x.dtype)
    second = lib.autograd.grad(first, [g, x], turned)
    return [t.detach().float().numpy() for t in (out, first, *second)]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_second_order(name, dtype):
    array, function = CASES[name]
    close = {"float64": 1e-6, "float32": 1e-5, "float16": 4e-3, "bfloat16": 3e-2}[dtype]
    found = [derivatives(lib, function, array, dtype) for lib in (tidu, torch)]
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=close, atol=close)


@pytest.mark.parametrize("name", ["sinc", "special.spherical_bessel_j0"])
def test_a_slope_that_is_zero_at_zero_is_so_for_its_cotangent(name):
    """PyTorch's is NaN here."""
    function = tidu.sinc if name == "sinc" else tidu.special.spherical_bessel_j0
    x = tidu.tensor([0.0, 1.0], dtype=tidu.float64, requires_grad=True)
    g = tidu.ones(2, dtype=tidu.float64, requires_grad=True)
    (first,) = tidu.autograd.grad(function(x), x, g, create_graph=True)
    (found,) = tidu.autograd.grad(first.sum(), g)
    assert first[0] == found[0] == 0 and found[1] == first[1] < 0


@pytest.mark.parametrize("name", ["svdvals", "pinv", "cond", "matrix_norm", "det"])
def test_matrices_with_infinities_come_to_an_end(name):
    """LAPACK's search for singular values has none there; the other matrices are not touched."""
    words = ("nuc",) if name == "matrix_norm" else ()
    x = tidu.eye(3, dtype=tidu.float64).repeat(2, 1, 1)
    x[0, 0, 1] = np.inf
    x.requires_grad_()
    found = getattr(tidu.linalg, name)(x, *words)
    found.sum().backward()
    assert name == "det" or found[0].isnan().all()
    assert x.grad[0].isnan().any() and x.grad[1].isfinite().all()
    kept = getattr(tidu.linalg, name)(x[1:], *words)
    np.testing.assert_array_equal(found[1:].detach().numpy(), kept.detach().numpy())


def test_a_nan_is_an_error_of_svd_and_goes_on_in_the_gradient_of_det():
    x = tidu.eye(3, dtype=tidu.float64)
    x[0, 1] = np.nan
    with pytest.raises(tidu.linalg.LinAlgError, match="contained non-finite values"):
        tidu.linalg.svd(x)
    assert tidu.func.grad(tidu.linalg.det)(x).isnan().all()
