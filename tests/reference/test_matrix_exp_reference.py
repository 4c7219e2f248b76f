"""matrix_exp beside PyTorch's: the same polynomials by the same norms, sums in the same order."""

import numpy as np
import pytest
import torch

import tidu
from tidu.primitives.matrix_exponential import _product

SIZES = (1e-5, 1e-2, 0.1, 0.3, 1, 3, 9)  # norms for which each of the polynomials is taken


def both(x):
    return [lib.matrix_exp(lib.from_numpy(x)).numpy() for lib in (tidu, torch)]


@pytest.mark.parametrize("n", [1, 2, 5, 8, 12, 30])
@pytest.mark.parametrize("kind", ["float32", "float64", "complex64", "complex128"])
def test_values(kind, n):
    rng = np.random.default_rng(3)
    for size in SIZES:
        x = rng.uniform(-size, size, (6, n, n)).astype(kind)
        if x.dtype.kind == "c":
            x += (1j * rng.uniform(-size, size, x.shape)).astype(kind)
        ours, theirs = both(x)
        unit = np.finfo(kind).eps * np.abs(theirs).max((1, 2), keepdims=True)
        assert (np.abs(ours - theirs) / unit).max() < 64


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
