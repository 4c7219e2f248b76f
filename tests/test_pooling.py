"""Pooling, padding and resizing against direct loops, and the transforms against each other."""

import numpy as np
import pytest

import tidu
from tidu import ops
from tidu.func import grad, jvp, vjp, vmap


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def direct(x, reduce, kernel, stride, padding, fill):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=fill)
    rows, cols = [(n - kernel) // stride + 1 for n in x.shape[2:]]
    out = np.zeros((*x.shape[:2], rows, cols))
    for p in range(rows):
        for q in range(cols):
            box = x[:, :, p * stride : p * stride + kernel, q * stride : q * stride + kernel]
            out[:, :, p, q] = reduce(box, (2, 3))
    return out


@pytest.mark.parametrize(
    "kernel,stride,padding", [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 0), (4, 2, 2)]
)
def test_definition(kernel, stride, padding):
    x = normal(2, 3, 9, 8)
    out = ops.max_pool2d(ops.from_array(x), kernel, stride, padding)
    np.testing.assert_array_equal(out.numpy(), direct(x, np.max, kernel, stride, padding, -np.inf))
    out = ops.avg_pool2d(ops.from_array(x), kernel, stride, padding)
    np.testing.assert_allclose(
        out.numpy(), direct(x, np.mean, kernel, stride, padding, 0), atol=1e-12
    )


def test_first_maximum_gets_the_gradient():
    x = tidu.ones(1, 1, 4, 4, requires_grad=True)
    ops.max_pool2d(x, 2).sum().backward()
    expected = np.zeros((4, 4))
    expected[::2, ::2] = 1
    np.testing.assert_array_equal(x.grad.numpy()[0, 0], expected)


FUNCTIONS = {
    "max_pool1d": lambda x: ops.max_pool1d(x[:, 0], 3, 2, 1),
    "max_pool2d": lambda x: ops.max_pool2d(x, 2),
    "max_pool2d_overlapping": lambda x: ops.max_pool2d(x, 3, 1, 1, ceil_mode=True),
    "max_pool2d_dilated": lambda x: ops.max_pool2d(x, 2, 1, 0, 2),
    "max_pool3d": lambda x: ops.max_pool3d(x, 2),
    "avg_pool2d": lambda x: ops.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "avg_pool2d_plain": lambda x: ops.avg_pool2d(x, 2),
    "avg_pool3d": lambda x: ops.avg_pool3d(x, 2, 1),
    "adaptive_avg_pool2d": lambda x: ops.adaptive_avg_pool2d(x, (4, 3)),
    "adaptive_max_pool2d": lambda x: ops.adaptive_max_pool2d(x, (4, 3)),
    "lp_pool2d": lambda x: ops.lp_pool2d(x, 2, 3),
    "unfold": lambda x: ops.unfold(x, (3, 2), padding=1, stride=2),
    "fold": lambda x: ops.fold(ops.reshape(x, (2, 12, 15))[:, :, :9], (4, 4), 2),
    "pad": lambda x: ops.pad(x, (1, -2, 0, 3), value=1.5),
    "pad_reflect": lambda x: ops.pad(x, (3, 2, 1, 4), "reflect"),
    "pad_replicate": lambda x: ops.pad(x, (3, 2, -1, 4), "replicate"),
    "pad_circular": lambda x: ops.pad(x, (3, 2, 1, 4), "circular"),
    "pixel_shuffle": lambda x: ops.pixel_shuffle(ops.pad(x, (0, 0, 0, 0, 0, 1)), 2),
    "nearest": lambda x: ops.interpolate(x, scale_factor=1.6),
    "bilinear": lambda x: ops.interpolate(x, size=(9, 3), mode="bilinear"),
    "bicubic": lambda x: ops.interpolate(x, size=(9, 3), mode="bicubic", align_corners=True),
    "area": lambda x: ops.interpolate(x, size=(4, 4), mode="area"),
    "grid_sample": lambda x: ops.grid_sample(
        x, ops.from_array(normal(2, 3, 4, 2, seed=3)), align_corners=False),
}  # fmt: skip


@pytest.fixture(params=FUNCTIONS, ids=str)
def function(request):
    return FUNCTIONS[request.param]


SHAPE = (2, 3, 6, 10)


def test_jvp_and_vjp_agree(function):
    x, t = ops.from_array(normal(*SHAPE)), ops.from_array(normal(*SHAPE, seed=1))
    out, change = jvp(function, (x,), (t,))
    g = ops.from_array(normal(*out.shape, seed=2))
    (back,) = vjp(function, x)[1](g)
    assert (change * g).sum().item() == pytest.approx((back * t).sum().item(), rel=1e-10)
    step = 1e-6
    numeric = (function(x + t * step) - function(x - t * step)) / (2 * step)
    np.testing.assert_allclose(change.numpy(), numeric.numpy(), rtol=1e-4, atol=1e-5)


def test_second_order(function):
    x, v = ops.from_array(normal(*SHAPE)), ops.from_array(normal(*SHAPE, seed=1))

    def slope(x):
        return grad(lambda x: (function(x) ** 3).sum())(x)

    _, forward = jvp(slope, (x,), (v,))
    reverse = grad(lambda x: (slope(x) * v).sum())(x)
    np.testing.assert_allclose(forward.numpy(), reverse.numpy(), rtol=1e-8, atol=1e-8)
    step = 1e-5
    numeric = (slope(x + v * step) - slope(x - v * step)) / (2 * step)
    np.testing.assert_allclose(reverse.numpy(), numeric.numpy(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("axis", [0, 2])
def test_vmap_is_the_loop(function, axis):
    full = (*SHAPE[:axis], 3, *SHAPE[axis:])
    x = ops.from_array(normal(*full))

    def both(x):
        out, back = vjp(function, x)
        return (out, *back(out * out))

    together = vmap(both, in_dims=axis)(x)
    for i in range(3):
        for whole, single in zip(together, both(ops.select_axis(x, axis, i)), strict=True):
            np.testing.assert_allclose(whole.numpy()[i], single.numpy(), rtol=1e-10, atol=1e-10)


def test_unpool_puts_back():
    x = ops.from_array(normal(2, 3, 6, 8)).requires_grad_()
    values, places = ops.max_pool2d(x, 2, return_indices=True)
    back = ops.max_unpool2d(values, places, 2)
    np.testing.assert_array_equal(back.detach().numpy()[back.detach().numpy() != 0],
                                  x.detach().numpy()[back.detach().numpy() != 0])  # fmt: skip
    back.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), back.detach().numpy() != 0)
    mapped = vmap(lambda v, p: ops.max_unpool2d(v, p, 2))(values.detach(), places)
    np.testing.assert_array_equal(mapped.numpy(), back.detach().numpy())


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_result_may_be_written_to_before_the_backward_pass(rank):
    pool = getattr(tidu.nn, f"MaxPool{rank}d")(2)
    x = tidu.randn(2, 3, *[6] * rank, dtype=tidu.float64)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    tidu.nn.Sequential(pool, tidu.nn.ReLU(inplace=True))(a).sum().backward()
    tidu.nn.Sequential(pool, tidu.nn.ReLU())(b).sum().backward()
    assert tidu.equal(a.grad, b.grad) and a.grad.any()


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_of_equal_zeros_the_first_is_kept(kind, stride):
    zeros = np.where(np.random.default_rng(0).random((2, 3, 12, 12)) < 0.5, -0.0, 0.0).astype(kind)
    pool = tidu.nn.functional.max_pool2d
    pooled, places = pool(tidu.from_numpy(zeros), 3, stride, return_indices=True)
    first = zeros.reshape(2, 3, -1)[
        np.arange(2)[:, None, None], np.arange(3)[:, None], places.numpy().reshape(2, 3, -1)
    ]
    assert (np.signbit(pooled.numpy().reshape(first.shape)) == np.signbit(first)).all()


@pytest.mark.parametrize(("shape", "sizes"), [((7, 9), (4, 5)), ((5, 3), (3, 3)), ((4, 5), (6, 2))])
def test_windows_of_different_lengths_keep_the_first_of_equal_ones(shape, sizes):
    x = np.random.default_rng(0).integers(0, 4, (2, 3, *shape)).astype(np.float64)
    want = np.empty((2, 3, *sizes), np.int64)
    flat = np.arange(shape[0] * shape[1]).reshape(shape)
    for lead in np.ndindex(2, 3):
        for cell in np.ndindex(sizes):
            box = tuple([slice(i * n // out, -(-(i + 1) * n // out))
                         for i, n, out in zip(cell, shape, sizes, strict=True)])  # fmt: skip
            want[(*lead, *cell)] = flat[box].reshape(-1)[np.argmax(x[lead][box])]
    pool = tidu.nn.functional.adaptive_max_pool2d
    given = tidu.from_numpy(x)
    pooled, places = pool(given, sizes, return_indices=True)
    np.testing.assert_array_equal(places.numpy(), want)
    at_places = np.take_along_axis(x.reshape(2, 3, -1), want.reshape(2, 3, -1), -1)
    np.testing.assert_array_equal(pooled.numpy(), at_places.reshape(want.shape))
    mapped = vmap(lambda v: pool(v, sizes, return_indices=True)[1], in_dims=1)(given)
    np.testing.assert_array_equal(mapped.transpose(0, 1).numpy(), want)
