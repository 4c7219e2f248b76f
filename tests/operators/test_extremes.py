"""Values at the ends of the number range, beside sixty digits of the exact ones; sums; memory."""

import itertools
import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

import tidu as torch
from tidu.core.native import NATIVE

mp = pytest.importorskip("mpmath").mp
INF = math.inf
TINY, LEAST, HUGE = 2.3e-308, 5e-324, 1.7e308


@pytest.fixture(autouse=True)
def digits():
    with mp.workdps(400):
        yield


def near(ours, exact, places=4):
    """Within a few units of the last place of the exact number, which may overflow."""
    expected = float(exact)
    if math.isinf(expected) or expected == 0:
        assert ours == expected
    else:
        assert abs(ours - expected) <= places * max(math.ulp(expected), LEAST)


def lse(values):
    return mp.log(sum(mp.exp(mp.mpf(v)) for v in values))


ROWS = [
    [1000.0, 1000.0], [-1000.0, -1001.0], [0.0, -745.0], [HUGE, 1.0], [-HUGE, -HUGE],
    [1e-300, 0.0], [710.0, 709.0, -5.0], [LEAST, -LEAST],
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_logsumexp(row):
    x = torch.tensor(row, dtype=torch.float64)
    near(torch.logsumexp(x, 0).item(), lse(row))
    near(torch.logcumsumexp(x, 0)[-1].item(), lse(row), 8)
    if len(row) == 2:
        near(torch.logaddexp(x[0], x[1]).item(), lse(row))


@pytest.mark.parametrize("row", ROWS)
def test_softmax(row):
    x = torch.tensor(row, dtype=torch.float64)
    total = lse(row)
    for part, rest, v in zip(x.softmax(0).tolist(), x.log_softmax(0).tolist(), row, strict=True):
        near(part, mp.exp(mp.mpf(v) - total), 8)
        near(rest, mp.mpf(v) - total, 8)


def test_infinities():
    x = torch.tensor([-INF, -INF], dtype=torch.float64)
    assert torch.logsumexp(x, 0).item() == -INF
    assert torch.logaddexp(x[0], x[1]).item() == -INF
    assert torch.logsumexp(torch.tensor([INF, 1.0]), 0).item() == INF
    assert torch.tensor([-INF, 0.0]).softmax(0).tolist() == [0.0, 1.0]
    assert torch.hypot(torch.tensor(INF), torch.tensor(math.nan)).item() == INF
    assert torch.atan2(torch.tensor(INF), torch.tensor(-INF)).item() == pytest.approx(2.35619449)
    assert torch.xlogy(torch.tensor(0.0), torch.tensor(0.0)).item() == 0
    assert math.isnan(torch.xlogy(torch.tensor(0.0), torch.tensor(math.nan)).item())


SMALL = [LEAST, TINY, 1e-300, 1e-17, -1e-17, 1e-8, 0.5, -0.5, 1e-5, 700.0]


@pytest.mark.parametrize("v", SMALL)
def test_near_zero(v):
    x = torch.tensor(v, dtype=torch.float64)
    near(torch.expm1(x).item(), mp.expm1(mp.mpf(v)))
    near(torch.log1p(x).item(), mp.log1p(mp.mpf(v)))
    near(torch.sinh(x).item(), mp.sinh(mp.mpf(v)))
    near(torch.asinh(x).item(), mp.asinh(mp.mpf(v)))
    near(torch.nn.functional.softplus(x).item(), mp.log1p(mp.exp(mp.mpf(v))), 8)
    near(torch.nn.functional.logsigmoid(-x).item(), -mp.log1p(mp.exp(mp.mpf(v))), 8)


@pytest.mark.parametrize(
    "a, b", [(3e-320, 4e-320), (1e200, 1e200), (HUGE, 1.0), (LEAST, LEAST), (1e-170, 1e-160)]
)
def test_lengths(a, b):
    x, y = [torch.tensor(v, dtype=torch.float64) for v in (a, b)]
    near(torch.hypot(x, y).item(), mp.hypot(mp.mpf(a), mp.mpf(b)))
    near(torch.atan2(x, y).item(), mp.atan2(mp.mpf(a), mp.mpf(b)))
    near(torch.complex(x, y).abs().item(), mp.hypot(mp.mpf(a), mp.mpf(b)))


def test_norm_of_large_float32_numbers():
    x = torch.full((100,), 1e18)
    assert torch.linalg.norm(x).item() == pytest.approx(1e19, rel=1e-6)


@pytest.mark.parametrize("a, b", [(0.0, 5.0), (LEAST, HUGE), (HUGE, 1.0 + 2.3e-16), (2.0, LEAST)])
def test_xlogy(a, b):
    x, y = [torch.tensor(v, dtype=torch.float64) for v in (a, b)]
    near(torch.xlogy(x, y).item(), mp.mpf(a) * mp.log(mp.mpf(b)))
    near(torch.special.xlog1py(x, y).item(), mp.mpf(a) * mp.log1p(mp.mpf(b)))


@pytest.mark.parametrize("shift", [0.0, 1e8, -3e12])
def test_variance_far_from_zero(shift):
    data = np.random.default_rng(0).normal(size=1001) + shift
    exact = [Fraction(v) for v in data.tolist()]
    middle = sum(exact) / len(exact)
    variance = sum((v - middle) ** 2 for v in exact) / (len(exact) - 1)
    x = torch.from_numpy(data)
    spacing = math.ulp(shift) ** 2  # what the mean's rounding leaves
    assert torch.var(x).item() == pytest.approx(float(variance), rel=1e-13 + spacing)
    assert torch.std(x).item() == pytest.approx(math.sqrt(variance), rel=1e-13 + spacing)
    narrow = torch.from_numpy(np.float32(data - shift) + np.float32(1000))
    exact = [Fraction(v) for v in narrow.tolist()]
    middle = sum(exact) / len(exact)
    variance = sum((v - middle) ** 2 for v in exact) / (len(exact) - 1)
    assert torch.var(narrow).item() == pytest.approx(float(variance), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("size", [10_000, 1_000_000, 3_000_001])
def test_sums_are_pairwise(size, native, monkeypatch):
    """The error of a sum grows as log n, not as n, along every axis: 0.1 a million times in
    float32, which is off by a hundredth if one is added after the other."""
    if not native:
        monkeypatch.setattr(NATIVE, "usable", False)
    exact = float(np.float32(0.1)) * size
    x, rows = torch.full((size,), 0.1), torch.full((size, 4), 0.1)
    bias, weight = [torch.zeros(s, requires_grad=True) for s in ((4,), (4, 1))]
    torch.nn.functional.linear(x.view(-1, 1), weight, bias).backward(rows)
    sums = [
        x.sum(), x.mean() * size, x.view(-1, 1).sum(0), x.view(1, -1).sum(1), rows.sum(0),
        rows[:, :3].sum(0), rows.mean(0) * size, rows.view(2, -1, 2).sum(1), rows.sum() / 4,
        rows[:, :3].sum() / 3, rows.t().sum(1), (rows.norm(dim=0) / 0.1) ** 2 * 0.1, bias.grad,
    ]  # fmt: skip
    for total in sums:
        assert total.flatten().tolist() == pytest.approx([exact] * total.numel(), rel=3e-6)


def test_sums_of_subnormal_numbers():
    x = torch.full((1000,), 1e-45)
    assert x.sum().item() == pytest.approx(1000 * 1.401298464324817e-45, rel=1e-6)
    assert (torch.tensor(1e-40) * 0.5).item() == pytest.approx(5e-41, rel=1e-4)


def peak(call):
    """The most bytes that were allocated at a time while `call` ran, beside its result."""
    call()
    tracemalloc.start()
    try:
        out = call()
        size = sum(o.nbytes for o in (out if isinstance(out, tuple) else (out,)))
        return tracemalloc.get_traced_memory()[1] - size
    finally:
        tracemalloc.stop()


def test_windows_are_not_copied():
    """A 5x5 convolution or pooling takes no copy of each window: 25 times its input."""
    image = torch.ones(1, 8, 128, 128)
    weight = torch.ones(8, 8, 5, 5)
    F = torch.nn.functional
    for call in (
        lambda: F.conv2d(image, weight), lambda: F.max_pool2d(image, 5, 1),
        lambda: F.avg_pool2d(image, 5, 1),
    ):  # fmt: skip
        assert peak(call) < 8 * image.nbytes
    view = image.unfold(2, 5, 1)
    assert view.untyped_storage().data_ptr() == image.untyped_storage().data_ptr()


@pytest.mark.parametrize(
    "call",
    [
        lambda x, i: x[i], lambda x, i: torch.take(x, i), lambda x, i: x.gather(0, i),
        lambda x, i: x.index_select(0, i), lambda x, i: x.scatter(0, i, 1.0),
        lambda x, i: x.index_add(0, i, torch.ones(1)), lambda x, i: x.index_fill(0, i, 1.0),
        lambda x, i: torch.nn.functional.embedding(i, x.view(-1, 1)),
        lambda x, i: torch.nn.functional.one_hot(i, 3), lambda x, i: x.put(i, torch.ones(1)),
        lambda x, i: torch.nn.functional.nll_loss(x.view(1, -1), i),
        lambda x, i: torch.nn.functional.cross_entropy(x.view(1, -1), i),
    ],
)  # fmt: skip
@pytest.mark.parametrize("index", [3, 1 << 40, -4, -(1 << 40)])
def test_indices_are_checked_before_any_read(call, index):
    with pytest.raises((IndexError, RuntimeError)):
        call(torch.ones(3), torch.tensor([index]))


def test_singular_triangles_give_infinities():
    """As PyTorch's, which divides by the zero and does not look for it."""
    b = torch.ones(2, 1, dtype=torch.float64)
    low = torch.tensor([[2.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    solution = torch.linalg.solve_triangular(low, b, upper=False)
    assert solution.tolist() == [[0.5], [INF]]
    solution = torch.linalg.solve_triangular(
        torch.zeros(3, 2, 2, dtype=torch.float64), b, upper=True
    )
    assert solution[:, 1, 0].tolist() == [INF] * 3
    assert solution[:, 0, 0].isnan().all()


SHAPES = [(64, 128, 256), (256, 100, 8), (2000, 50, 3), (16, 32, 65), (3, 70, 5, 90), (5, 900, 40),
          (4, 2048, 56), (1, 500, 77), (2, 1, 40000), (5000, 1, 7)]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_over_any_axes(shape, dtype):
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    wide, size = x.astype(np.longdouble), np.abs(x).astype(np.longdouble)
    for count in range(1, len(shape) + 1):
        for axes in itertools.combinations(range(len(shape)), count):
            found = torch.from_numpy(x).sum(axes).numpy()
            error = np.abs(found - wide.sum(axes)) / size.sum(axes)
            assert found.shape == wide.sum(axes).shape
            assert error.max() < 4 * np.finfo(dtype).eps


def test_variance_far_from_zero_is_exact():
    x = torch.arange(1e7, 1e7 + 1000)  # PyTorch: 83416.914
    assert abs(torch.var(x).item() - 1000 * 1001 / 12) < 0.01
