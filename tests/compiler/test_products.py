"""Products of matrices, LSTM and GRU in generated code against NumPy's path."""

import ctypes
from itertools import product

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.loops import blocked, library, recurrent
from tidu.core.native import NATIVE

pytestmark = pytest.mark.slow

TOLERANCE = {"f4": 1e-5, "f8": 1e-13}


def operand(random, rows, columns, dtype, layout):
    if layout == "turned":
        return random.standard_normal((columns, rows)).astype(dtype).T
    if layout == "cut":
        return random.standard_normal((rows + 2, columns + 5)).astype(dtype)[1:-1, 3:-2]
    return random.standard_normal((rows, columns)).astype(dtype)


LAYOUTS = list(product(("plain", "turned", "cut"), repeat=2))


@pytest.mark.parametrize(("x_layout", "y_layout"), LAYOUTS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_product(x_layout, y_layout, dtype, monkeypatch):
    monkeypatch.setattr(library, "_ALONE", {"f4": 0, "f8": 1 << 20}[dtype])  # cut, and whole
    random = np.random.default_rng(LAYOUTS.index((x_layout, y_layout)))
    for rows, depth, columns in (
        (4, 1, 4),
        (5, 700, 33),
        (64, 16, 17),
        *random.integers(4, 150, (4, 3)),
    ):
        x = operand(random, int(rows), int(depth), dtype, x_layout)
        y = operand(random, int(depth), int(columns), dtype, y_layout)
        bias = random.standard_normal(columns).astype(dtype)
        for given in (None, bias):
            wanted = np.abs(x) @ np.abs(y) + 1
            got = library.product(x, y, given)
            exact = x.astype("f8") @ y.astype("f8") + (0 if given is None else given)
            assert (np.abs(got - exact) <= TOLERANCE[dtype] * wanted).all()


def test_product_declines():
    x = np.ones((80, 80), "f4")
    assert library.product(x, x.astype("f8")) is None
    assert library.product(x.astype("i4"), x.astype("i4")) is None
    big = np.ones((160, 160), "f4")
    assert library.product(big[::2, ::2], big[::2]) is None  # no lines to pack


STACKS = [
    ((6, 17, 9), (6, 9, 33), None),
    ((2, 3, 16, 8), (2, 3, 8, 40), None),
    ((5, 1, 16, 8), (3, 8, 40), None),
    ((4, 30, 8), (1, 8, 7), None),
    ((2, 9, 3, 16), (2, 3, 16, 9), (0, 2, 1, 3)),  # heads of attention: two runs of matrices
    ((1, 200, 100), (1, 100, 300), None),
]


@pytest.mark.parametrize(("x_shape", "y_shape", "order"), STACKS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("turned", [False, True])
def test_stack(x_shape, y_shape, order, dtype, turned):
    random = np.random.default_rng(len(x_shape))
    x, y = [random.standard_normal(s).astype(dtype) for s in (x_shape, y_shape)]
    if order is not None:
        x = x.transpose(order)
    if turned:
        y = np.ascontiguousarray(y.swapaxes(-1, -2)).swapaxes(-1, -2)
    exact = np.matmul(x.astype("f8"), y.astype("f8"))
    got = library.stack(x, y)
    assert got.dtype == x.dtype and got.shape == exact.shape and got.flags.c_contiguous
    np.testing.assert_allclose(got, exact, rtol=TOLERANCE[dtype], atol=10 * TOLERANCE[dtype])


def test_stack_declines():
    x = np.ones((3, 2, 5, 4, 4), "f4")
    assert library.stack(x.transpose(1, 2, 0, 3, 4), x.transpose(1, 2, 0, 3, 4)) is not None
    assert library.stack(x.transpose(1, 0, 2, 3, 4), x.transpose(1, 0, 2, 3, 4)) is None
    assert library.stack(x[:0], x[:0]) is None and library.stack(x[..., :0], x[..., :0, :]) is None
    assert library.stack(x[..., ::2], np.ones((2, 4), "f4")) is None  # no lines
    assert library.stack(x.astype("i4"), x.astype("i4")) is None


def test_nans_of_the_memory_do_not_come_through():
    """What a result's fresh memory held must not reach it, nor zero times it."""
    for _ in range(20):
        np.full((200, 300), np.nan, "f4")
        x, y = np.ones((200, 100), "f4"), np.ones((100, 300), "f4")
        assert (library.product(x, y) == 100).all()


def test_numpy_keeps_its_own_threads():
    """The library's copy computes with one thread; NumPy's settings are not touched."""
    threadpoolctl = pytest.importorskip("threadpoolctl")
    of_numpy = lambda: [
        pool["num_threads"] for pool in threadpoolctl.threadpool_info()
        if "numpy.libs" in pool["filepath"]
    ]  # fmt: skip
    before = of_numpy()
    library.product(np.ones((300, 300), "f4"), np.ones((300, 300), "f4"))
    assert of_numpy() == before
    own = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()
           if "scipy_openblas64" in pool["filepath"].replace("numpy.libs", "")
           and "numpy.libs" not in pool["filepath"]]  # fmt: skip
    assert own == [1]


def trained(kind, dtype, layers, two_ways, bias, cases, steps, first, seed):
    """Outputs, gradients and second derivatives of an LSTM or GRU with fixed numbers."""
    random, size = np.random.default_rng(seed), (5, 33, 64)[seed % 3]
    layer = getattr(torch.nn, kind)(7, size, num_layers=layers, bidirectional=two_ways, bias=bias,
                                    batch_first=first).to(dtype)  # fmt: skip
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.tensor(random.standard_normal(tuple(p.shape)) * 0.3))
    lead = (cases, steps) if first else (steps, cases)
    shapes = [(*lead, 7), *[(layers * (1 + two_ways), cases, size)] * 2]
    x, h, c = [
        torch.tensor(random.standard_normal(s), dtype=dtype, requires_grad=True) for s in shapes
    ]
    y, after = layer(x, (h, c) if kind == "LSTM" else h)
    hidden, cell = after if kind == "LSTM" else (after, c)
    weights = torch.tensor(random.standard_normal(tuple(y.shape)), dtype=dtype)
    loss = (y * weights).sum() + hidden.sin().sum() + (cell * cell).sum()
    inputs = [x, h, c, *layer.parameters()]
    grads = torch.autograd.grad(loss, inputs, create_graph=True)
    more = torch.autograd.grad(sum([(g * g).sum() for g in grads]), inputs)
    return [t.detach().numpy() for t in (y, hidden, cell, *grads, *more)]


CASES = list(
    product(("LSTM", "GRU"), (torch.float32, torch.float64), (1, 2), (False, True), (True, False))
)


@pytest.mark.parametrize(("kind", "dtype", "layers", "two_ways", "bias"), CASES)
def test_recurrent(kind, dtype, layers, two_ways, bias, monkeypatch):
    """Three ways give the same: the generated loop, NumPy's, and the steps one by one."""
    monkeypatch.setattr(recurrent, "LEAST", 0)
    seed = CASES.index((kind, dtype, layers, two_ways, bias)) % 16
    sizes = (1, 9, 27)[seed // 3 % 3], (1, 6)[seed % 2]
    given = (kind, dtype, layers, two_ways, bias, *sizes, seed % 4 > 1, seed)
    fast = trained(*given)
    monkeypatch.setattr(NATIVE, "usable", False)
    plain = trained(*given)
    monkeypatch.setattr("tidu.nn.modules.rnn_steps._runs_whole", lambda *_: False)
    stepwise = trained(*given)
    for way in (fast, plain):
        for got, wanted in zip(way, stepwise, strict=True):
            scale = max(1.0, float(np.abs(wanted).max()))
            room = (2e-5 if dtype is torch.float32 else 1e-12) * scale
            np.testing.assert_allclose(got, wanted, rtol=0, atol=room)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_recurrent_under_transforms(kind):
    layer = getattr(torch.nn, kind)(3, 4)
    x = torch.randn(6, 5, 2, 3)
    mapped = torch.func.vmap(lambda one: layer(one)[0])(x)
    torch.testing.assert_close(mapped, torch.stack([layer(one)[0] for one in x]))
    _, tangent = torch.func.jvp(lambda one: layer(one)[0], (x[0],), (x[1],))
    step = 1e-3
    slope = (layer(x[0] + step * x[1])[0] - layer(x[0] - step * x[1])[0]) / (2 * step)
    torch.testing.assert_close(tangent, slope, atol=1e-3, rtol=1e-2)


def test_lstm_output_may_be_written():
    """What is kept for the backward pass is not what the user got."""
    layer = torch.nn.LSTM(3, 4)
    y, (h, c) = layer(torch.randn(5, 2, 3))
    y.mul_(2.0)
    (y.sum() + h.sum() + c.sum()).backward()
    assert layer.weight_hh_l0.grad.isfinite().all()


@pytest.mark.skipif(not blocked.serves(), reason="the library is as fast on this processor")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_loops_in_place_of_the_library(dtype, monkeypatch):
    """Every width of a panel's end, blocks of rows that are full or not, all layouts; without the
    library, which takes what is large."""
    monkeypatch.setattr(blocked, "LARGEST", 1 << 40)
    nowhere = 1  # a call of it ends the process
    kind = {"f4": "f32", "f8": "f64"}[dtype]
    compute = _blas(blocked._addresses.__wrapped__(kind, nowhere)[0], dtype)
    random = np.random.default_rng(7)
    for height, width, depth in (
        (1, 1, 1), (6, 64, 256), (7, 65, 257), (13, 79, 300), (5, 16, 31), (64, 10, 512),
        (200, 130, 520), *random.integers(1, 90, (12, 3)),
    ):  # fmt: skip
        for turned_a, turned_b, before in product((False, True), repeat=3):
            a = random.standard_normal((depth, height) if turned_a else (height, depth))
            b = random.standard_normal((width, depth) if turned_b else (depth, width))
            a, b = a.astype(dtype), b.astype(dtype)
            c = np.full((height, width + 3), 2 if before else np.nan, dtype)
            compute(a, b, c[:, :width], turned_a, turned_b, before)
            x, y = (a.T if turned_a else a).astype("f8"), (b.T if turned_b else b).astype("f8")
            room = TOLERANCE[dtype] * (np.abs(x) @ np.abs(y) + 2)
            assert (np.abs(c[:, :width] - (x @ y + 2 * before)) <= room).all()
            assert (c[:, width:] == 2).all() if before else np.isnan(c[:, width:]).all()


def _blas(address, dtype):
    """``compute(a, b, c, a turned, b turned, whether c is added to)`` by the function there."""
    number = {"f4": ctypes.c_float, "f8": ctypes.c_double}[dtype]
    size, place, flag = ctypes.c_int64, ctypes.c_void_p, ctypes.c_int
    call = ctypes.CFUNCTYPE(None, flag, flag, flag, size, size, size, number, place, size, place,
                            size, number, place, size)(address)  # fmt: skip

    def compute(a, b, c, turned_a, turned_b, before):
        height, width = c.shape
        call(101, 111 + turned_a, 111 + turned_b, height, width, a.shape[0 if turned_a else 1], 1,
             a.ctypes.data, a.shape[1], b.ctypes.data, b.shape[1], before, c.ctypes.data,
             c.strides[0] // c.itemsize)  # fmt: skip

    return compute
