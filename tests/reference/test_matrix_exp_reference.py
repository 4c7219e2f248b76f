"""matrix_exp beside PyTorch's: the same polynomials by the same norms, sums in the same order."""

import numpy as np
import pytest
import torch

import tidu
from tidu.primitives.matrix_exponential import _product

SIZES = (1e-5, 1e-2, 0.1, 0.3, 1, 3, 9)  # norms for which each of the polynomials is taken


def both(x):
    return [lib.matrix_exp(lib.from_numpy(x)).numpy() for lib in (tidu, torch)]


def exact(x):
    """The series for x / 4096, squared twelve times, in the longest numbers there are."""
    x = x.astype(np.clongdouble) / 4096
    term = total = np.broadcast_to(np.eye(x.shape[-1]), x.shape).astype(x.dtype)
    for k in range(1, 25):
        term = np.einsum("bij,bjk->bik", term, x) / k
        total = total + term
    for _ in range(12):
        total = np.einsum("bij,bjk->bik", total, total)
    return total


@pytest.mark.parametrize("n", [1, 2, 5, 8, 12, 30])
@pytest.mark.parametrize("kind", ["float32", "float64", "complex64", "complex128"])
def test_values(kind, n):
    """As far from the exact ones as PyTorch's: how far depends on the processor's products."""
    rng = np.random.default_rng(3)
    for size in SIZES:
        x = rng.uniform(-size, size, (6, n, n)).astype(kind)
        if x.dtype.kind == "c":
            x += (1j * rng.uniform(-size, size, x.shape)).astype(kind)
        ours, theirs = both(x)
        unit = np.finfo(kind).eps * np.abs(theirs).max((1, 2), keepdims=True)
        off = [(np.abs(found - exact(x)) / unit).max() for found in (ours, theirs)]
        assert off[0] < 2 * off[1] + 8


def test_float32_in_every_layout():
    """Matrices that magnify what is rounded: other sums are off by far more than this tolerance."""
    x = np.random.default_rng(1).uniform(-9, 9, (100, 5, 5)).astype(np.float32)
    if not (torch.bmm(*[torch.from_numpy(x)] * 2).numpy() == _product(x, x)).all():
        pytest.skip("PyTorch's products on this processor add in another order")
    ours, theirs = both(x)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    for lib in (tidu, torch):
        turned = lib.from_numpy(np.ascontiguousarray(x.swapaxes(1, 2))).mT
        np.testing.assert_array_equal(lib.matrix_exp(turned).numpy(), both(x)[lib is torch])
    alone = np.stack([tidu.matrix_exp(tidu.from_numpy(m)).numpy() for m in x])
    np.testing.assert_array_equal(alone, ours)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_what_is_not_finite(kind):
    inf, nan = float("inf"), float("nan")
    x = np.array([[[inf, 0], [0, 1]], [[nan, 0], [0, 1]], [[1e30, 0], [0, 1]], [[-1e30, 0], [0, 1]],
                  [[300, 0], [0, -500]], [[1, 0], [0, 0]], [[-inf, 0], [0, 1]]], kind)  # fmt: skip
    ours, theirs = both(x)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
