"""Convolution and pooling in generated code against NumPy's path, over drawn sizes."""

from itertools import product

import numpy as np
import pytest

from tidu.compiler.loops import convolution as compiled
from tidu.compiler.loops import pooling as compiled_pools
from tidu.compiler.loops.convolution_epilogues import Results
from tidu.core.native import NATIVE
from tidu.primitives import convolution_kernels as kernels
from tidu.primitives import pooling as pools

pytestmark = pytest.mark.slow

TOLERANCE = {"f4": 1e-4, "f8": 1e-11}


@pytest.fixture(autouse=True)
def every_size(monkeypatch):
    """The compiled functions serve small arrays too; the others use NumPy."""
    monkeypatch.setattr(NATIVE, "usable", False)
    monkeypatch.setattr(compiled, "LEAST", 0)
    monkeypatch.setattr(compiled, "FEW", 0)
    monkeypatch.setattr(compiled_pools, "LEAST", 0)


def close(got, wanted, dtype):
    assert got is not None and got.shape == wanted.shape and got.dtype == wanted.dtype
    scale = max(1.0, float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0)))
    np.testing.assert_allclose(got, wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)


def drawn(random, most, dims, least=1):
    return tuple([int(n) for n in random.integers(least, most, dims)])


def outputs(sizes, kernel, stride, padding, dilation):
    """The lengths of the output."""
    return tuple(
        [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
        ]
    )


def compare(x, w, g, bias, stride, padding, dilation, groups, dtype):
    pads = [(p, p) for p in padding]
    size, kernel = x.shape[2:], w.shape[2:]
    found = [
        (
            m.convolve(x, w, bias, stride, pads, dilation, groups, g.shape[2:]),
            m.input_gradient(g, w, None, stride, padding, dilation, groups, size),
            m.weight_gradient(x, g, stride, padding, dilation, groups, kernel),
        )
        for m in (compiled, kernels)
    ]
    for got, wanted in zip(*found, strict=True):
        close(got, wanted, dtype)


@pytest.mark.parametrize("seed", range(40))
def test_drawn_sizes(seed):
    random, dtype = np.random.default_rng(seed), ("f4", "f8")[seed % 2]
    dims, groups = int(random.integers(1, 4)), int(random.choice([1, 1, 2, 3]))
    fan_in, fan_out = int(random.integers(1, 5)), int(random.choice([1, 2, 5, 15, 16]))
    sizes, kernel = drawn(random, 13 if dims < 3 else 6, dims), drawn(random, 5, dims)
    stride, dilation = drawn(random, 4, dims), drawn(random, 3, dims)
    padding = drawn(random, 4, dims, 0)
    sizes = [max(n, d * (k - 1) + 1 - 2 * p)
             for n, k, d, p in zip(sizes, kernel, dilation, padding, strict=True)]  # fmt: skip
    out = outputs(sizes, kernel, stride, padding, dilation)
    x = random.standard_normal((3, fan_in * groups, *sizes)).astype(dtype)
    w = random.standard_normal((fan_out * groups, fan_in, *kernel)).astype(dtype)
    g = random.standard_normal((3, fan_out * groups, *out)).astype(dtype)
    bias = random.standard_normal(fan_out * groups).astype(dtype) if seed % 3 else None
    compare(x, w, g, bias, stride, padding, dilation, groups, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["_INPUT", "_OUTPUT"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_bands_and_many_channels(dtype, limit, monkeypatch):
    monkeypatch.setattr(compiled, limit, 1500)
    monkeypatch.setattr(compiled, "_SHORT", 100)
    compiled._PLANS.clear()
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 7, 33, 19)).astype(dtype)
    w = random.standard_normal((40, 7, 3, 3)).astype(dtype)
    for stride, padding in (((1, 1), (1, 1)), ((2, 3), (2, 0))):
        out = outputs(x.shape[2:], (3, 3), stride, padding, (1, 1))
        g = random.standard_normal((2, 40, *out)).astype(dtype)
        compare(x, w, g, None, stride, padding, (1, 1), 1, dtype)
    compiled._PLANS.clear()


@pytest.mark.parametrize("kernel, stride, dilation", [
    ((4, 4), (2, 2), (1, 1)), ((2, 3), (3, 2), (1, 1)), ((3, 4), (2, 2), (2, 1)),
    ((1, 5), (2, 3), (1, 2)), ((3,), (2,), (1,)), ((2, 3, 4), (2, 1, 2), (1, 2, 1)),
])  # fmt: skip
@pytest.mark.parametrize("groups, last", [(1, False), (1, True), (2, False)])
def test_transposed_with_a_bias(kernel, stride, dilation, groups, last):
    """Where elements of the output meet none of the kernel, there is the bias; memory that was
    there before is seen nowhere, whichever strides the weight has."""
    random, dims = np.random.default_rng(0), len(kernel)
    g = random.standard_normal((2, 3 * groups, *(5, 6, 4)[:dims]))
    w = random.standard_normal((3 * groups, 17, *kernel))
    bias, padding = random.standard_normal(17 * groups), (1,) * dims
    size = tuple(
        [
            (n - 1) * s - 2 + d * (k - 1) + s
            for n, s, d, k in zip(g.shape[2:], stride, dilation, kernel, strict=True)
        ]
    )
    wanted = kernels.input_gradient(g, w, None, stride, padding, dilation, groups, size)
    wanted = wanted + bias.reshape(-1, *(1,) * dims)
    if last:
        w = np.moveaxis(np.ascontiguousarray(np.moveaxis(w, 1, -1)), -1, 1)
    results = Results(np.full(wanted.shape, np.nan))
    compiled.input_gradient(g, w, bias, stride, padding, dilation, groups, size, results)
    np.testing.assert_allclose(results.y, wanted, rtol=1e-12, atol=1e-12)


def test_layouts():
    """Views with strides of all kinds, and repeated memory."""
    random = np.random.default_rng(1)
    w = random.standard_normal((6, 4, 3, 3)).astype("f4")
    base = random.standard_normal((2, 12, 12, 8)).astype("f4")
    repeated = np.broadcast_to(base[:1, :1, :, :1].transpose(0, 3, 1, 2), (2, 4, 1, 12))
    flipped = base.transpose(0, 3, 1, 2)[:, ::2, ::-1, 1:]
    for x in (base.transpose(0, 3, 1, 2)[:, 1:5], flipped, repeated[:, :, :, ::-1]):
        padding = (1, 1)
        shape = (2, 6, *x.shape[2:])
        g = np.asfortranarray(random.standard_normal(shape).astype("f4"))
        compare(x, w[:, :, ::-1].swapaxes(2, 3), g, None, (1, 1), padding, (1, 1), 1, "f4")


def test_values_that_are_not_finite_stay_where_they_are():
    x = np.ones((1, 1, 6, 6), "f4")
    x[0, 0, 2, 5] = np.inf
    g = np.ones((1, 2, 4, 4), "f4")
    assert compiled.weight_gradient(x, g, (1, 1), (0, 0), (1, 1), 1, (3, 3)) is None
    y = compiled.convolve(x, np.ones((1, 1, 3, 3), "f4"), None, (1, 1), [(0, 0)] * 2, (1, 1), 1,
                          (4, 4))  # fmt: skip
    assert np.isinf(y[0, 0, :3, 3]).all() and np.isfinite(y).sum() == 13


# --- pooling --------------------------------------------------------------------------------------


def values(random, shape, seed):
    """Ties, and now and then NaN and infinities."""
    x = random.integers(-3, 4, shape).astype(("f4", "f8")[seed % 2])
    if seed % 3 == 0:
        x[random.random(shape) < 0.1] = np.nan
    if seed % 5 == 0:
        x[random.random(shape) < 0.5] = -np.inf
    return np.ascontiguousarray(x.swapaxes(0, 1)).swapaxes(0, 1) if seed % 4 == 0 else x


@pytest.mark.parametrize("seed", range(24))
def test_maxima(seed):
    random, dtype = np.random.default_rng(seed), ("f4", "f8")[seed % 2]
    dims = int(random.integers(1, 4))
    kernel, stride = drawn(random, 5, dims), drawn(random, 5, dims)
    dilation, spare = drawn(random, 3, dims), drawn(random, 30 if dims < 3 else 6, dims)
    padding = tuple([int(random.integers(0, k // 2 + 1)) for k in kernel])
    sizes = [n + d * (k - 1) for n, k, d in zip(spare, kernel, dilation, strict=True)]
    out = outputs(sizes, kernel, stride, padding, dilation)
    x, given = values(random, (2, 3, *sizes), seed), (kernel, stride, padding, dilation)
    named = dict(zip(("kernel", "stride", "padding", "dilation"), given, strict=True))
    y = pools._max_pool(x, size=out, **named)
    close(compiled_pools.max_pool(x, *given, out), y, dtype)
    places = compiled_pools.max_positions(x, *given, out)
    np.testing.assert_array_equal(places, pools._max_positions(x, size=out, **named))
    g = random.standard_normal((2, 3, *out)).astype(dtype)
    close(
        compiled_pools.max_place(g, x, *given),
        pools._max_place(g, x, size=out, shape=x.shape, **named),
        dtype,
    )


@pytest.mark.parametrize(("dims", "dtype"), list(product((1, 2, 3), ("f4", "f8"))))
def test_means(dims, dtype):
    random = np.random.default_rng(dims)
    for _ in range(4):
        kernel, stride = drawn(random, 5, dims), drawn(random, 5, dims)
        padding = tuple([int(random.integers(0, k // 2 + 1)) for k in kernel])
        spare = drawn(random, 20 if dims < 3 else 5, dims)
        sizes = tuple([n + k for n, k in zip(spare, kernel, strict=True)])
        out = outputs(sizes, kernel, stride, padding, (1,) * dims)
        x = random.standard_normal((2, 3, *sizes)).astype(dtype)
        g = random.standard_normal((2, 3, *out)).astype(dtype)
        for divisor in (3, tuple([tuple(random.uniform(1, 5, o)) for o in out])):
            given = {"kernel": kernel, "stride": stride, "padding": padding, "divisor": divisor}
            y = compiled_pools.mean_pool(x, size=out, **given)
            close(y, pools._mean_pool(x, size=out, **given), dtype)
            back = compiled_pools.mean_spread(g, shape=x.shape, **given)
            close(back, pools._mean_spread(g, size=out, shape=x.shape, **given), dtype)


# --- products -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("last", [False, True])
def test_one_element_of_the_kernel(groups, last, dtype, monkeypatch):
    """Plain products, for channels that lie last, too; NaN and infinities stay in their pixel."""
    served = []
    for name in ("convolve", "input_gradient", "weight_gradient"):
        known = getattr(compiled.products, name)
        monkeypatch.setattr(
            compiled.products, name, lambda *a, known=known: served.append(a) or known(*a)
        )
    monkeypatch.setattr(compiled.products, "_TOGETHER", 5000)
    monkeypatch.setattr(compiled.products, "_BIASED", 0)
    random = np.random.default_rng(0)
    for space in ((7, 9), (40,), (3, 4, 5)):
        x, g = [random.standard_normal((5, n * groups, *space)).astype(dtype) for n in (17, 21)]
        if last:
            x, g = [np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1) for a in (x, g)]
        w = random.standard_normal((21 * groups, 17, *(1,) * len(space))).astype(dtype)
        bias, one, none = w[:, 0].reshape(-1), (1,) * len(space), (0,) * len(space)
        for b in (bias, None):
            compare(x, w, g, b, one, none, one, groups, dtype)
        x[1, 2, 1] = np.nan
        given = one, [(0, 0)] * len(space), one, groups, space
        y, wanted = [m.convolve(x, w, bias, *given) for m in (compiled, kernels)]
        np.testing.assert_array_equal(np.isnan(y), np.isnan(wanted))
    assert len(served) == 21
