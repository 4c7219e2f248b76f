"""Windows side by side, pooled by generated code without masks: sizes that fit or do not."""

import numpy as np
import pytest

import tidu as torch

pytestmark = pytest.mark.slow


def tiles(x, kernel):
    """The windows of the last two axes: (..., rows, columns, elements), cut to whole windows."""
    (down, right), (rows, columns) = kernel, [n // k for n, k in zip(x.shape[-2:], kernel,
                                                                     strict=True)]  # fmt: skip
    x = x[..., : rows * down, : columns * right].reshape(*x.shape[:-2], rows, down, columns, right)
    return x.swapaxes(-3, -2).reshape(*x.shape[:-4], rows, columns, down * right)


def untiled(parts, shape, kernel):
    *lead, rows, columns, _ = parts.shape
    parts = parts.reshape(*lead, rows, columns, *kernel).swapaxes(-3, -2)
    out = np.zeros((*lead, *shape[-2:]), parts.dtype)
    out[..., : rows * kernel[0], : columns * kernel[1]] = parts.reshape(
        *lead, rows * kernel[0], columns * kernel[1])  # fmt: skip
    return out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", [(2, 2), (3, 2), (1, 3), (2, 4)])
@pytest.mark.parametrize("size", [(24, 24), (25, 67), (6, 70), (31, 33)])
def test_values_and_gradients(dtype, kernel, size):
    random = np.random.RandomState(3)
    data = random.standard_normal((4, 5, *size)).astype(dtype)
    data.reshape(-1)[::7] = 0  # equal ones: the first gets the gradient
    data.reshape(-1)[::101] = np.nan
    data.reshape(-1)[::53] = -np.inf
    data[0, 0] = -np.inf
    parts = tiles(data, kernel)
    x = torch.tensor(data, requires_grad=True)
    y, places = torch.nn.functional.max_pool2d(x, kernel, return_indices=True)
    np.testing.assert_array_equal(y.detach().numpy(), parts.max(-1))
    nan = np.isnan(parts)
    last = nan.shape[-1] - 1 - nan[..., ::-1].argmax(-1)  # of several NaN the last
    which = np.where(nan.any(-1), last, parts.argmax(-1))
    flat = tiles(np.broadcast_to(np.arange(np.prod(size)).reshape(size), data.shape), kernel)
    expected = np.take_along_axis(flat, which[..., None], -1)[..., 0]
    np.testing.assert_array_equal(places.numpy(), expected)
    g = random.standard_normal(y.shape).astype(dtype)
    (got,) = torch.autograd.grad(torch.nn.functional.max_pool2d(x, kernel), x, torch.tensor(g))
    chosen = (np.arange(parts.shape[-1]) == which[..., None]) * g[..., None]
    np.testing.assert_array_equal(got.numpy(), untiled(chosen, size, kernel))


@pytest.mark.parametrize("kernel", [(2, 2), (3, 2), (2, 4)])
def test_means(kernel):
    data = np.random.RandomState(4).standard_normal((3, 5, 25, 67))
    x = torch.tensor(data, requires_grad=True)
    y = torch.nn.functional.avg_pool2d(x, kernel)
    np.testing.assert_allclose(y.detach().numpy(), tiles(data, kernel).mean(-1), rtol=1e-12)
    g = np.random.RandomState(5).standard_normal(y.shape)
    (got,) = torch.autograd.grad(y, x, torch.tensor(g))
    spread = np.repeat(g[..., None], np.prod(kernel), -1) / np.prod(kernel)
    np.testing.assert_allclose(got.numpy(), untiled(spread, (25, 67), kernel), rtol=1e-12)
