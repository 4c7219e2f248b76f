"""Convolution against direct loops, numeric differences, and the transforms against each other."""

import numpy as np
import pytest

import tidu
from tidu import ops
from tidu.func import grad, jvp, vjp, vmap


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def tensors(*shapes):
    return [ops.from_array(normal(*shape, seed=i)) for i, shape in enumerate(shapes)]


def direct(x, w, stride, padding, dilation, groups):
    """Cross-correlation by its definition, in two axes."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    count, _, height, width = x.shape
    outputs, inputs, taps, columns = w.shape
    rows = (height - dilation * (taps - 1) - 1) // stride + 1
    cols = (width - dilation * (columns - 1) - 1) // stride + 1
    out = np.zeros((count, outputs, rows, cols))
    for k in range(outputs):
        first = k // (outputs // groups) * inputs
        for p in range(rows):
            for q in range(cols):
                down = p * stride + dilation * np.arange(taps)
                right = q * stride + dilation * np.arange(columns)
                seen = x[:, first : first + inputs, down][..., right]
                out[:, k, p, q] = (seen * w[k]).sum((1, 2, 3))
    return out


OPTIONS = [
    dict(stride=1, padding=0, dilation=1, groups=1),
    dict(stride=2, padding=1, dilation=1, groups=1),
    dict(stride=1, padding=2, dilation=2, groups=2),
    dict(stride=2, padding=1, dilation=1, groups=4),
    dict(stride=3, padding=3, dilation=2, groups=1),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_definition(options):
    x, w = tensors((3, 4, 9, 11), (8, 4 // options["groups"], 3, 2))
    out = ops.conv2d(x, w, **options)
    np.testing.assert_allclose(out.numpy(), direct(x.numpy(), w.numpy(), **options), atol=1e-12)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("function", ["conv2d", "conv_transpose2d"])
def test_transpose_pairs(function, options):
    """<f(t), g> = <t, f*(g)> for each input: jvp and vjp agree."""
    x, w, b = tensors((2, 4, 8, 9), (4, 4 // options["groups"], 3, 2), (4,))

    def apply(x, w, b):
        return getattr(ops, function)(x, w, b, **options)

    tangents = tuple(ops.from_array(normal(*t.shape, seed=7 + i)) for i, t in enumerate((x, w, b)))
    out, change = jvp(apply, (x, w, b), tangents)
    g = ops.from_array(normal(*out.shape, seed=20))
    back = vjp(apply, x, w, b)[1](g)
    left = (change * g).sum().item()
    right = sum((t * c).sum().item() for t, c in zip(tangents, back, strict=True))
    assert left == pytest.approx(right, rel=1e-10)


NAMES = [
    ("conv1d", 1), ("conv2d", 2), ("conv3d", 3), ("conv_transpose1d", 1), ("conv_transpose2d", 2),
]  # fmt: skip


@pytest.mark.parametrize("function,dims", NAMES)
def test_numeric_differences(function, dims):
    x, w = tensors((1, 2, *(5, 4, 4)[:dims]), (2, 2, *(3, 2, 2)[:dims]))

    def value(x, w):
        return (getattr(ops, function)(x, w, stride=2, padding=1) ** 3).sum()

    for which, tensor in enumerate((x, w)):
        exact = grad(value, argnums=which)(x, w).numpy().reshape(-1)
        array = tensor.numpy().reshape(-1)
        for i in range(0, array.size, 5):
            kept, step = array[i], 1e-6
            array[i] = kept + step
            above = value(x, w).item()
            array[i] = kept - step
            below = value(x, w).item()
            array[i] = kept
            assert exact[i] == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("function", ["conv2d", "conv_transpose2d"])
def test_second_order(function):
    """The Hessian-vector product by reverse over reverse and by forward over reverse."""
    x, w = tensors((2, 2, 5, 4), (2, 1, 3, 2))
    v, u = [ops.from_array(normal(*t.shape, seed=9)) for t in (x, w)]

    def value(x, w):
        return (getattr(ops, function)(x, w, stride=2, padding=1, groups=2) ** 3).sum()

    slope = grad(value, argnums=(0, 1))
    _, forward = jvp(slope, (x, w), (v, u))

    def along(x, w):
        gx, gw = slope(x, w)
        return (gx * v).sum() + (gw * u).sum()

    reverse = grad(along, argnums=(0, 1))(x, w)
    for a, b in zip(forward, reverse, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-9)


AXES = [(0, None, None), (None, 0, None), (0, 1, None), (1, 0, 0), (None, None, 0), (2, None, 0),
        (None, 2, 1)]  # fmt: skip


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("function", ["conv2d", "conv_transpose2d"])
def test_vmap_is_the_loop(function, groups, axes):
    shapes = [(2, 4, 6, 5), (4, 4 // groups, 3, 2), (4,)]
    values, size = [], 3
    for i, (shape, axis) in enumerate(zip(shapes, axes, strict=True)):
        full = shape if axis is None else (*shape[:axis], size, *shape[axis:])
        values.append(ops.from_array(normal(*full, seed=i)))

    def both(x, w, b):
        out, back = vjp(lambda x, w, b: getattr(ops, function)(
            x, w, b, stride=2, padding=1, groups=groups), x, w, b)  # fmt: skip
        return (out, *back(out * out))

    together = vmap(both, in_dims=axes)(*values)
    for i in range(size):
        row = [
            v if a is None else ops.select_axis(v, a, i) for v, a in zip(values, axes, strict=True)
        ]
        for whole, single in zip(together, both(*row), strict=True):
            np.testing.assert_allclose(whole.numpy()[i], single.numpy(), rtol=1e-9, atol=1e-9)


def test_output_padding_reaches_beyond():
    """With output_padding the transpose has rows no window of conv2d would start in."""
    x, w = tensors((2, 3, 4, 4), (3, 2, 3, 3))

    def apply(x, w):
        return ops.conv_transpose2d(x, w, dilation=2, output_padding=1)

    v, u = [ops.from_array(normal(*t.shape, seed=4)) for t in (x, w)]
    out, change = jvp(apply, (x, w), (v, u))
    g = ops.from_array(normal(*out.shape, seed=5))
    gx, gw = vjp(apply, x, w)[1](g)
    assert (change * g).sum().item() == pytest.approx(((gx * v).sum() + (gw * u).sum()).item())


def test_empty_batch():
    x, w = tidu.zeros(0, 3, 5, 5, requires_grad=True), tidu.ones(4, 3, 3, 3, requires_grad=True)
    out = ops.conv2d(x, w)
    assert out.shape == (0, 4, 3, 3)
    out.sum().backward()
    assert x.grad.shape == x.shape and (w.grad == 0).all()


def test_strided_inputs():
    x = normal(5, 6, 3, 2).transpose(3, 2, 0, 1)
    w = normal(3, 2, 3, 4)[:, ::-1].transpose(3, 0, 1, 2)
    out = ops.conv2d(ops.from_array(x), ops.from_array(w))
    np.testing.assert_allclose(out.numpy(), direct(x, w, 1, 0, 1, 1), atol=1e-12)


def test_unfold_times_weight_is_convolution():
    x, w = tensors((2, 3, 7, 6), (4, 3, 3, 2))
    columns = ops.unfold(x, (3, 2), padding=1, stride=2)
    out = ops.matmul(w.reshape(4, -1), columns)
    expected = ops.conv2d(x, w, padding=1, stride=2)
    np.testing.assert_allclose(out.numpy(), expected.reshape(2, 4, -1).numpy(), atol=1e-12)
