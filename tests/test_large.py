"""Large arrays take other ways (pieces, threads, bit masks): the results are the same."""

import numpy as np
import pytest

import tidu as torch
from tidu.core import blocks
from tidu.core.native import NATIVE, waiting
from tidu.ops import direct
from tidu.primitives import structural

FUNCTIONS = {
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "exp": torch.exp, "relu": torch.relu,
    "silu": torch.nn.functional.silu, "gelu": torch.nn.functional.gelu, "neg": torch.neg,
    "product": lambda x: x * (x + 1), "quotient": lambda x: 1 / (x * x + 1),
    "softplus": torch.nn.functional.softplus, "clamp": lambda x: x.clamp(-0.5, 0.5),
    "where": lambda x: torch.where(x > 0, x, x * 0.1), "power": lambda x: x**3,
}  # fmt: skip


def value_and_gradient(function, data):
    x = torch.from_numpy(data).requires_grad_()
    y = function(x)
    y.backward(torch.linspace(0.5, 1.5, data.size).reshape(data.shape).to(x.dtype))
    return y.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("way", ["compiled", "one thread", "two threads"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_large_is_as_small(name, way, monkeypatch):
    size = blocks.IN_PIECES + blocks.PIECE + 17
    threads = 1 if way == "one thread" else 2
    if way != "compiled":
        monkeypatch.setattr(NATIVE, "usable", False)
    elif not NATIVE:
        pytest.skip("llvmlite is not installed")
    monkeypatch.setattr(blocks, "SHARED", blocks.IN_PIECES)
    monkeypatch.setattr(blocks, "SHARED_PIECE", blocks.PIECE)
    data = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    monkeypatch.setattr(blocks.THREADS, "count", threads)
    y, g = value_and_gradient(FUNCTIONS[name], data)
    seeds = np.linspace(0.5, 1.5, size).astype(np.float32)
    for part in (
        slice(0, 1000),
        slice(blocks.PIECE - 500, blocks.PIECE + 500),
        slice(size - 700, size),
    ):
        x = torch.from_numpy(data[part].copy()).requires_grad_()
        small = FUNCTIONS[name](x)
        small.backward(torch.from_numpy(seeds[part].copy()))
        # gelu(x) for x < 0 takes erf, near -1, from 1: one ulp of erf is x * 3e-8.
        near = 1e-7 if name.startswith("gelu") else 0
        np.testing.assert_allclose(y[part], small.detach().numpy(), rtol=2e-6, atol=near)
        np.testing.assert_allclose(g[part], x.grad.numpy(), rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "dtype", "size"),
    [
        ("abs", torch.float32, 3 << 15),
        ("floor", torch.float64, 3 << 14),
        ("log", torch.float32, 1 << 15),
        ("tanh", torch.float64, 1 << 13),
        ("sqrt", torch.float32, 1 << 14),
        ("exp", torch.float32, 1 << 14),
        ("exp", torch.float64, 1 << 15),
        ("cos", torch.float64, 1 << 13),
        ("tan", torch.float32, 3 << 15),
        ("arcsin", torch.float32, 1 << 15),
        ("sum", torch.float32, 1 << 16),
    ],
)
def test_loops_are_asked_from_where_they_gain(name, dtype, size, monkeypatch):
    asked = []
    monkeypatch.setattr(NATIVE, "usable", True)
    for question in ("elementwise", "sum_"):
        monkeypatch.setattr(type(NATIVE), question, lambda *of: asked.append(of), raising=False)
    x = torch.rand(size, dtype=dtype)
    below = getattr(torch, name)(x[1:])
    assert not asked and below.dtype == dtype
    at = getattr(torch, name)(x)
    assert len(asked) == 1
    expected = getattr(np, name)(x.numpy().astype(np.float64))
    np.testing.assert_allclose(at.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize(("axis", "least"), [(1, 1 << 16), (0, 1 << 14)])
def test_sums_of_rows_take_a_loop_later_than_sums_of_columns(axis, least, monkeypatch):
    asked = []
    monkeypatch.setattr(NATIVE, "usable", True)
    monkeypatch.setattr(type(NATIVE), "sum_", lambda *of: asked.append(of), raising=False)
    for rows, count in ((least // 128 - 1, 0), (least // 128, 1)):
        x = torch.rand(rows, 128)
        out = torch.sum(x, axis)
        assert len(asked) == count
        np.testing.assert_allclose(out.numpy(), x.numpy().astype(float).sum(axis), rtol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "size", "exponent", "count"),
    [
        (torch.float32, 3 << 15, None, 0),
        (torch.float32, (1 << 18) - 1, None, 0),
        (torch.float32, 1 << 18, None, 1),
        (torch.float32, 1 << 21, None, 0),
        (torch.float32, 3 << 15, 2.0, 1),
        (torch.float64, 3 << 15, None, 1),
        (torch.float64, (3 << 15) - 1, None, 0),
    ],
)
def test_powers_take_a_loop_where_it_gains(dtype, size, exponent, count, monkeypatch):
    asked = []
    monkeypatch.setattr(NATIVE, "usable", True)
    monkeypatch.setattr(type(NATIVE), "elementwise", lambda *of: asked.append(of), raising=False)
    x = torch.rand(size, dtype=dtype)
    y = torch.rand(size, dtype=dtype) if exponent is None else exponent
    out = torch.pow(x, y)
    assert len(asked) == count
    y = y if exponent else y.numpy().astype(np.float64)
    np.testing.assert_allclose(out.numpy(), x.numpy().astype(np.float64) ** y, rtol=1e-5)


def test_rules_of_one_operation_are_numpys_where_it_is_quick(monkeypatch):
    asked = []
    monkeypatch.setattr(NATIVE, "usable", True)
    monkeypatch.setattr(type(NATIVE), "rule", lambda *of: asked.append(of), raising=False)
    for size, count in ((blocks.LOOP_FROM, 0), (1 << 16, 1)):
        x = torch.rand(size).requires_grad_()
        x.exp().backward(torch.ones(size))
        assert len(asked) == count
        np.testing.assert_allclose(x.grad.numpy(), np.exp(x.detach().numpy()), rtol=1e-6)


def test_a_masked_gradient_drops_infinities_and_nan():
    x = torch.tensor([-1.0, 1.0] * 2000, requires_grad=True)
    torch.relu(x).backward(torch.tensor([float("nan"), float("inf")] * 2000))
    assert torch.equal(x.grad, torch.tensor([0.0, float("inf")] * 2000))


@pytest.mark.parametrize("mask", [(64, 64), (64, 1), (1, 64), (2, 1, 1)])
@pytest.mark.parametrize("fill", [-np.inf, np.nan, 0.0, -0.0, 3.5])
def test_a_small_mask_is_repeated_bit_by_bit(mask, fill):
    random = np.random.default_rng(3)
    hidden = random.random(mask) < 0.5
    data = random.standard_normal((4, 2, 64, 64)).astype(np.float32)
    data[0, 0, :4, :4] = [np.nan, np.inf, -np.inf, -0.0]
    seeds = data[::-1].copy()
    x = torch.from_numpy(data).requires_grad_()
    y = x.masked_fill(torch.from_numpy(hidden), fill)
    y.backward(torch.from_numpy(seeds))
    wanted = np.where(hidden, np.float32(fill), data), np.where(hidden, np.float32(0), seeds)
    for got, expected in zip((y.detach().numpy(), x.grad.numpy()), wanted, strict=True):
        np.testing.assert_array_equal(got.view(np.int32), expected.view(np.int32))


def test_an_error_in_a_thread_reaches_the_caller(monkeypatch):
    monkeypatch.setattr(blocks.THREADS, "count", 2)
    monkeypatch.setattr(blocks, "SHARED", blocks.IN_PIECES)
    monkeypatch.setattr(blocks, "SHARED_PIECE", blocks.PIECE)

    def broken(a):
        if a[0] > 5:
            raise ValueError("broken")
        return a + 1

    data = np.arange(blocks.IN_PIECES, dtype=np.float64) / blocks.PIECE * 4
    with pytest.raises(ValueError, match="broken"):
        blocks.in_pieces(broken, [data])


COPIES = {
    "clone": lambda m, x: m.clone(x),
    "cat": lambda m, x: m.cat([x, x[:3], x]),
    "stack": lambda m, x: m.stack([x, x]),
    "rows": lambda m, x: x[5:-3],
    "one row": lambda m, x: x.reshape(3, -1)[1],
    "rows and columns": lambda m, x: x.reshape(3, -1)[1:, 2:],
    "no rows": lambda m, x: x[500:100],
    "every other": lambda m, x: x[::2],
    "repeat": lambda m, x: x.repeat(3, 2),
    "transposed": lambda m, x: x.reshape(30, -1).t().contiguous(),
    "permuted": lambda m, x: x.reshape(3, 4, 10, -1).permute(2, 0, 3, 1).clone(),
    "permuted in order": lambda m, x: x.reshape(1, 4, 10, -1).permute(0, 2, 3, 1).contiguous(),
    "spread": lambda m, x: x.expand(5, -1).contiguous(),
    "flattened": lambda m, x: x.reshape(300, -1).flatten(),
}


@pytest.mark.parametrize("way", ["compiled", "NumPy"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "int16", "bool"])
@pytest.mark.parametrize("name", COPIES)
def test_large_copies(name, dtype, way, monkeypatch):
    if way == "NumPy":
        monkeypatch.setattr(NATIVE, "usable", False)
    elif not NATIVE:
        pytest.skip("llvmlite is not installed")
    data = (np.arange(3000) % 251).astype(dtype)
    floating = dtype.startswith("float")
    found = []
    for least in (1 << 40, 64):
        for module in (blocks, direct, structural):
            monkeypatch.setattr(module, "SHARED", least)
        x = torch.from_numpy(data.copy()).requires_grad_(floating)
        y = COPIES[name](torch, x)
        if floating:
            y.backward(torch.arange(y.numel(), dtype=x.dtype).reshape(y.shape))
        found.append((y.detach().numpy(), x.grad.numpy() if floating else data))
    for usual, large in zip(*found, strict=True):
        assert usual.dtype == large.dtype and usual.strides == large.strides
        np.testing.assert_array_equal(usual, large)


@pytest.mark.parametrize("way", ["compiled", "NumPy"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "bool"])
def test_large_fills(dtype, way, monkeypatch):
    if way == "NumPy":
        monkeypatch.setattr(NATIVE, "usable", False)
    elif not NATIVE:
        pytest.skip("llvmlite is not installed")
    for name in ("FILL_FROM", "ZEROS_FROM"):
        monkeypatch.setattr(blocks, name, 64)
    kind = getattr(torch, dtype)
    for shape in ((1000,), (7, 11), (65,)):
        assert (torch.ones(shape, dtype=kind).numpy() == np.ones(shape, dtype)).all()
        assert (torch.zeros(shape, dtype=kind).numpy() == np.zeros(shape, dtype)).all()
        x = torch.empty(shape, dtype=kind)
        assert (torch.zeros_like(x).numpy() == 0).all() and (torch.ones_like(x).numpy() == 1).all()
        assert (x.fill_(2.5).numpy() == np.array(2.5).astype(dtype)).all()
        assert (x.t().fill_(3).numpy() == np.array(3).astype(dtype)).all()


@pytest.mark.parametrize("steps", [10, 1000, 20_000])
def test_spaced_numbers_of_a_step_that_waits_for_its_compilation(steps):
    """They are NumPy's then; they were whatever lay in memory."""
    bool(NATIVE)
    with waiting():
        np.full(steps, 7, np.float32)  # what the memory may have held
        found = torch.linspace(0, 1, steps).numpy()
    np.testing.assert_allclose(found, np.linspace(0, 1, steps), atol=1e-6)


@pytest.mark.parametrize("way", ["compiled", "NumPy"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "bool"])
def test_large_rows(dtype, way, monkeypatch):
    if way == "NumPy":
        monkeypatch.setattr(NATIVE, "usable", False)
    elif not NATIVE:
        pytest.skip("llvmlite is not installed")
    monkeypatch.setattr(blocks, "ROWS_FROM", 1)
    monkeypatch.setattr(blocks, "ROW_FROM", 1)
    data = (np.arange(33 * 35) % 251).astype(dtype).reshape(33, 5, 7)
    for table in (data, data[:, 0], data[::2], data.transpose(2, 1, 0)):
        x = torch.from_numpy(table)
        for places in ([3, 0, 3], [[1, 2], [4, 0]], [-1, 2], np.arange(5000) % len(table)):
            places = np.array(places)
            found = x[torch.from_numpy(places)]
            np.testing.assert_array_equal(found.numpy(), table[places])
            if (places >= 0).all() and table.ndim == 2:
                found = torch.nn.functional.embedding(torch.from_numpy(places), x)
                np.testing.assert_array_equal(found.numpy(), table[places])
        with pytest.raises(IndexError, match="out of bounds"):
            x[torch.tensor([0, 40])]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "complex64"])
@pytest.mark.parametrize("step", [1, 3])
def test_dot_of_large_vectors(dtype, step):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-9, 9, (2, 600_000)).astype(dtype)[:, ::step]
    if dtype[0] == "c":
        x = x * np.complex64(0.6 + 0.8j)
    wide = x.astype("complex128") if dtype[0] == "c" else x.astype("longdouble")
    got = torch.dot(torch.from_numpy(x), torch.from_numpy(y))
    assert got.shape == () and got.numpy().dtype == x.dtype
    size = np.abs(wide * y).sum()
    assert abs(got.numpy() - (wide * y).sum()) <= size * 1e-6


def test_thin_products_take_no_tiles(monkeypatch):
    """Rows and columns of one element are not padded to tiles."""
    if not NATIVE:
        pytest.skip("there are no loops")
    asked = []
    monkeypatch.setattr(NATIVE.module, "product", lambda x, y: asked.append(x.shape))
    a, x = torch.rand(700, 700), torch.rand(700)
    for product in (a @ x[:, None], x[None] @ a, torch.rand(1, 300_000) @ torch.rand(300_000, 1)):
        assert product.numel() in (700, 1)
    assert not asked
    assert (a @ a).shape == (700, 700)
    assert asked
