"""Convolutions by Winograd's F(2x2, 3x3) against direct ones: sizes, values, errors."""

import numpy as np
import pytest

import tidu
from tidu.compiler.loops import convolution, winograd
from tidu.compiler.machine import native

pytestmark = pytest.mark.skipif(not native.available(), reason="needs llvmlite")


@pytest.fixture
def always(monkeypatch):
    """Winograd's sums at every size; gives a list of the calls."""
    calls = []

    def serves(x, channels, out, kernel, *rest):
        calls.append(kernel)
        return True

    monkeypatch.setattr(winograd, "serves", serves)
    monkeypatch.setattr(convolution, "LEAST", 0)
    monkeypatch.setattr(convolution, "FEW", 0)
    return calls


def drawn(seed, count, fan_in, fan_out, groups, size, padding, kind="normal"):
    random = np.random.default_rng(seed)
    draw = {
        "normal": random.standard_normal,
        "uniform": random.random,
        "heavy": lambda shape: random.standard_t(3, shape),
    }[kind]
    out = tuple([n + 2 * p - 2 for n, p in zip(size, padding, strict=True)])
    x = draw((count, fan_in * groups, *size)).astype("f4")
    w = random.standard_normal((fan_out * groups, fan_in, 3, 3)).astype("f4")
    g = draw((count, fan_out * groups, *out)).astype("f4")
    return x, w, g, random.standard_normal(fan_out * groups).astype("f4")


def all_three(x, w, g, bias, padding, groups):
    """The output, both gradients, and a transposed convolution with a bias."""
    pads, one = [(p, p) for p in padding], (1, 1)
    size = x.shape[2:]
    back = None if bias is None else bias[: w.shape[1]].repeat(groups)
    return (
        convolution.convolve(x, w, bias, one, pads, one, groups, g.shape[2:]),
        convolution.input_gradient(g, w, None, one, padding, one, groups, size),
        convolution.input_gradient(g, w, back, one, padding, one, groups, size)
        if back is not None and back.size == x.shape[1] else None,
        convolution.weight_gradient(x, g, one, padding, one, groups, (3, 3)),
    )  # fmt: skip


def wide(*arrays):
    return [None if a is None else a.astype("f8") for a in arrays]


CASES = [
    # images, channels in and out of a group, groups, size, padding
    (1, 1, 1, 1, (4, 4), (0, 0)),
    (1, 3, 5, 1, (7, 9), (1, 1)),
    (3, 17, 9, 1, (5, 70), (1, 0)),
    (2, 4, 33, 2, (12, 3), (2, 1)),
    (5, 16, 13, 3, (6, 8), (0, 2)),
    (7, 2, 8, 1, (3, 5), (3, 4)),
    (2, 40, 65, 1, (29, 31), (1, 1)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_sizes(case, always, monkeypatch):
    count, fan_in, fan_out, groups, size, padding = case
    x, w, g, bias = drawn(0, count, fan_in, fan_out, groups, size, padding)
    for b in (bias, None):
        always.clear()
        found = all_three(x, w, g, b, padding, groups)
        assert len(always) >= 3
        with monkeypatch.context() as m:
            m.setattr(winograd, "serves", lambda *a: False)
            wanted = all_three(*wide(x, w, g, b), padding, groups)
        for got, exact in zip(found, wanted, strict=True):
            if exact is not None:
                assert got.shape == exact.shape and got.dtype == np.float32
                np.testing.assert_allclose(got, exact, rtol=0, atol=4e-6 * np.abs(exact).max())


def test_blocks_of_channels(always, monkeypatch):
    monkeypatch.setattr(winograd, "_GROUP", 1 << 13)
    monkeypatch.setattr(winograd, "SUMS", 1 << 10)
    x, w, g, bias = drawn(1, 2, 20, 50, 1, (11, 9), (1, 1))
    found = all_three(x, w, g, bias, (1, 1), 1)
    monkeypatch.setattr(winograd, "serves", lambda *a: False)
    wanted = all_three(*wide(x, w, g, bias), (1, 1), 1)
    for got, exact in zip(found, wanted, strict=True):
        if exact is not None:
            np.testing.assert_allclose(got, exact, rtol=0, atol=4e-6 * np.abs(exact).max())


def test_layouts(always):
    """Rows whose elements do not lie side by side, and repeated memory."""
    x, w, g, bias = drawn(2, 2, 8, 8, 1, (10, 10), (1, 1))
    wanted = all_three(x, w, g, bias, (1, 1), 1)
    last = [np.asfortranarray(a) for a in (x, w, g)]
    flipped = [np.ascontiguousarray(a[..., ::-1, ::-1])[..., ::-1, ::-1] for a in (x, w, g)]
    for given in (last, flipped):
        for got, exact in zip(all_three(*given, bias, (1, 1), 1), wanted, strict=True):
            np.testing.assert_array_equal(got, exact)
    row = np.broadcast_to(x[:1, :1, :1], x.shape)
    found = all_three(row, w, g, bias, (1, 1), 1)
    for got, exact in zip(found, all_three(row.copy(), w, g, bias, (1, 1), 1), strict=True):
        np.testing.assert_array_equal(got, exact)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38])
@pytest.mark.parametrize("where", ["x", "w", "g"])
def test_values_that_are_not_finite(value, where, always, monkeypatch):
    """3e38: its sums with its neighbours are not finite, though a result may be."""
    x, w, g, bias = [a * np.float32(0.1) for a in drawn(3, 3, 4, 6, 1, (9, 8), (1, 1))]
    x[1, 2, 4, 5:7] = value if where == "x" else 0.5
    w[3, 1, 1, :2] = value if where == "w" else 0.5
    g[1, 3, 7, 2:4] = value if where == "g" else 0.5
    with np.errstate(all="ignore"):
        found = all_three(x, w, g, bias, (1, 1), 1)
        monkeypatch.setattr(winograd, "serves", lambda *a: False)
        wanted = all_three(x, w, g, bias, (1, 1), 1)
    assert any(y is None or not np.isfinite(y).all() for y in wanted) or value == 3e38
    for got, exact in zip(found, wanted, strict=True):
        if exact is None:
            assert got is None  # NumPy does it
            continue
        np.testing.assert_array_equal(np.isnan(got), np.isnan(exact))
        np.testing.assert_array_equal(np.isposinf(got), np.isposinf(exact))
        np.testing.assert_array_equal(np.isneginf(got), np.isneginf(exact))


@pytest.mark.parametrize("kind", ["normal", "uniform", "heavy"])
def test_errors_are_those_of_direct_sums(kind, always, monkeypatch):
    x, w, g, bias = drawn(4, 8, 48, 48, 1, (20, 20), (1, 1), kind)
    found = all_three(x, w, g, bias, (1, 1), 1)
    monkeypatch.setattr(winograd, "serves", lambda *a: False)
    direct = all_three(x, w, g, bias, (1, 1), 1)
    exact = all_three(*wide(x, w, g, bias), (1, 1), 1)
    bounds = 1.0, 1.0, 1.0, 4.0  # the weight's gradient: still a third of PyTorch's own
    for got, other, true, bound in zip(found, direct, exact, bounds, strict=True):
        own, beside = [np.sqrt(np.mean((a - true) ** 2)) for a in (got, other)]
        assert own < bound * beside


def test_threads_do_not_change_the_bits(always):
    x, w, g, bias = drawn(5, 6, 16, 24, 1, (17, 19), (1, 1))
    with_two = all_three(x, w, g, bias, (1, 1), 1)
    threads = tidu.get_num_threads()
    try:
        tidu.set_num_threads(1)
        alone = all_three(x, w, g, bias, (1, 1), 1)
    finally:
        tidu.set_num_threads(threads)
    for got, exact in zip(with_two, alone, strict=True):
        if exact is not None:
            np.testing.assert_array_equal(got, exact)


def test_it_serves_where_it_pays(monkeypatch):
    x = np.zeros((64, 32, 26, 26), "f4")
    given = (3, 3), (1, 1), (1, 1), 1
    monkeypatch.delenv("TIDU_WINOGRAD", raising=False)
    assert winograd.serves(x, 64, (24, 24), *given)
    assert winograd.serves(x, 64, (24, 24), *given, True)
    assert not winograd.serves(x.astype("f8"), 64, (24, 24), *given)
    assert not winograd.serves(x, 64, (24, 24), (3, 3), (2, 1), (1, 1), 1)
    assert not winograd.serves(x[:, :1], 64, (24, 24), *given)
    assert not winograd.serves(np.empty((1, 512, 9, 9), "f4"), 512, (7, 7), *given)
    monkeypatch.setenv("TIDU_WINOGRAD", "0")
    assert not winograd.serves(x, 64, (24, 24), *given)


def test_a_layer_with_its_gradients_eager_and_compiled(monkeypatch):
    """Nearly the same numbers both ways, and by direct sums."""

    def values(compiled):
        tidu.manual_seed(0)
        layer = tidu.nn.Conv2d(48, 48, 3, padding=1)
        x = tidu.randn(8, 48, 32, 32, requires_grad=True)

        def step():
            return (layer(x).relu() ** 2).sum()

        (tidu.compile(step) if compiled else step)().backward()
        return [t.numpy() for t in (x.grad, layer.weight.grad, layer.bias.grad)]

    calls, convolve = [], winograd.convolve
    monkeypatch.setattr(winograd, "convolve", lambda *a: calls.append(a) or convolve(*a))
    eager, compiled = values(False), values(True)
    assert len(calls) == 4
    monkeypatch.setenv("TIDU_WINOGRAD", "0")
    for one, other, direct in zip(eager, compiled, values(False), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * np.abs(direct).max())
        np.testing.assert_allclose(one, direct, rtol=1e-4, atol=1e-5 * np.abs(direct).max())


def test_small_images_of_many_channels_are_served():
    """Direct sums compute two more elements of each row, of which short rows are mostly made."""

    def gains(count, channels, size):
        return winograd.gains(
            (count, channels, size, size), channels, (size, size), (3, 3), (1, 1), (1, 1), 1
        )

    assert gains(16, 256, 7) and gains(8, 512, 7) and gains(64, 64, 7)
    assert not gains(4, 512, 7)  # its weights are most of the work
