"""Orders by generated code are those of the same algorithms in NumPy, equal elements included."""

import numpy as np
import pytest

import tidu
from tidu.compiler.loops import sorting
from tidu.core.native import NATIVE
from tidu.primitives import ranks, ties

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not NATIVE, reason="there is no generated code")]  # fmt: skip

HOW = ["sort", "topk", "topk unsorted", "kthvalue", "mode"]
ROWS = {
    "few values": lambda rng, n: rng.integers(0, max(n // 20, 2), n),
    "many values": lambda rng, n: rng.integers(-n, n, n),
    "sorted": lambda rng, n: np.sort(rng.integers(0, n, n)),
    "falling": lambda rng, n: -np.sort(rng.integers(0, n, n)),
    "one value": lambda rng, n: np.zeros(n, int),
    "killer": lambda rng, n: _killer(n),
}


def _killer(n):
    """Rises in two interleaved runs: the median of three is among the least each time."""
    half = n // 2
    out = np.arange(n)
    out[:half:2] = np.arange(0, half, 2)
    out[1:half:2] = np.arange(1, half, 2) + half
    out[half:] = 2 * np.arange(n - half)
    return out


@pytest.fixture
def both(monkeypatch):
    """Asks for an order twice: of generated code, and of NumPy; both must give the same."""
    monkeypatch.setattr(ranks, "_NATIVE", 1)

    def ask(x, **given):
        places = ranks.order_along(x, **given)
        with monkeypatch.context() as numpy:
            numpy.setattr(ranks, "_natively", lambda *of: None)
            np.testing.assert_array_equal(places, ranks.order_along(x, **given))
        values, again = ranks.ordered_along(x, given.pop("axis"), **given)
        np.testing.assert_array_equal(again, places)
        assert values.dtype == x.dtype
        exact = np.take_along_axis(x, places, 1)
        np.testing.assert_array_equal(values.view(np.uint8), exact.view(np.uint8))
        for row, known in zip(x, places, strict=True):  # vectors have a shorter way to their kernel
            values, again = ranks.ordered_along(row, 0, **given)
            np.testing.assert_array_equal(again, known)
            if values is not None:
                np.testing.assert_array_equal(values, row[known])

    return ask


def parts(how, size):
    if how == "sort":
        return [None]
    if how not in HOW[:3]:
        return [(k, k + 1) for k in {0, size // 3, size - 1}]
    return [(0, k) for k in {1, max(size // 100, 1), size // 2 + 1, size}]


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "uint64", "bool"]
)
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("how", [*HOW, "middle", "middle number", "stable place"])
def test_orders_of_generated_code(how, rows, dtype, both):
    rng = np.random.default_rng(0)
    for size in (1, 2, 3, 16, 17, 100, 1024, 1500):
        x = np.stack([ROWS[rows](rng, size) for _ in range(3)]).astype(dtype)
        if dtype[0] == "f":
            x[rng.random(x.shape) < 0.1] *= -0.0
            x[1:][rng.random(x[1:].shape) < 0.05] = np.nan
        for part in parts(how, size):
            for descending in {False, how in ("sort", "topk", "topk unsorted")}:
                both(x, axis=1, descending=descending, how=how, part=part)


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "uint64", "bool"]
)
@pytest.mark.parametrize("descending", [False, True])
def test_stable_orders(dtype, descending):
    """By digits where rows are long; one place alone is looked for."""
    rng = np.random.default_rng(0)
    for size, least in ((5000, -300), (5000, -(1 << 40)), (300, -20)):
        x = rng.integers(least, -least, (3, size)).astype(dtype)
        if dtype[0] == "f":
            x[rng.random(x.shape) < 0.1] *= -0.0
            x[rng.random(x.shape) < 0.05] = np.nan
        exact = ranks._stable(x, 1, descending)
        given = {"descending": descending}
        np.testing.assert_array_equal(ranks.order_along(x, axis=1, **given), exact)
        np.testing.assert_array_equal(ranks.order_along(x.T, axis=0, **given), exact.T)
        for k in (0, size // 2, size - 1):
            got = ranks.order_along(x, axis=1, part=(k, k + 1), **given)
            np.testing.assert_array_equal(got, exact[:, k : k + 1])


@pytest.mark.parametrize(
    "dtype", ["int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64", "bool"]
)
@pytest.mark.parametrize("size", [4096, 4097, 40_001])
def test_one_row_of_integers_by_digits(dtype, size):
    """Of every range, from no digit to eight of them; views, too, and parts."""
    rng = np.random.default_rng(0)
    lowest, highest = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    for low, high in {
        (lowest, highest), (lowest, lowest), (highest, highest), (highest - 1, highest),
        (max(lowest, -100), 100 if highest > 1 else 1), (max(lowest, -5000), min(highest, 70_000)),
        (max(lowest, -(1 << 40)), min(highest, 1 << 40)),
        (max(lowest, -(1 << 31)), min(highest, (1 << 31) - 1)),
    }:  # fmt: skip
        whole = np.int64 if dtype == "bool" else dtype
        x = rng.integers(low, high, size, whole, endpoint=True).astype(dtype)
        for given in (x, x[::-1], np.repeat(x, 2)[1::2]):
            for descending in (False, True):
                exact = ranks._stable(given, 0, descending)
                values, places = ranks.ordered_along(given, 0, descending)
                np.testing.assert_array_equal(places, exact)
                np.testing.assert_array_equal(values, given[exact])
                assert values.dtype == x.dtype and places.dtype == np.int64
        column = ranks.order_along(x[:, None], axis=0, descending=False, part=(3, 90))
        np.testing.assert_array_equal(column[:, 0], ranks._stable(x, 0, False)[3:90])


def test_parts_that_stay_long_are_sorted_by_a_heap(monkeypatch, both):
    """std::sort gives up on parts after 2·log₂ n steps: an adversary answers its comparisons."""
    x = _adversary(600)[None]
    asked = []
    heap_sort = ties._Rows.heap_sort
    monkeypatch.setattr(
        ties._Rows, "heap_sort", lambda *given: asked.append(1) or heap_sort(*given)
    )
    both(x, axis=1, descending=False, how="sort")
    assert asked


def _adversary(n):
    """Values, two of each, for which each median of three is the least or the one after it."""
    values, places = np.zeros(n, int), np.arange(n)
    next_value, first = 0, 0
    while n - first > 16:
        a, middle = first + 1, first + (n - first) // 2
        values[places[a]] = values[places[middle]] = next_value
        next_value += 1
        places[first], places[middle] = places[middle], places[first]
        first += 1 + (places[first] >= 0)
        places[first - 1], places[a] = places[a], places[first - 1]
    values[places[first:]] = next_value + np.arange(n - first) // 2
    return values


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_medians_of_all_elements(dtype):
    rng = np.random.default_rng(0)
    for size in (1, 2, 9, 300, 1024, 1025, 5000):
        x = rng.integers(0, 200, size).astype(dtype)
        for holes in (0, 1, size // 2, size) if dtype[0] == "f" else (0,):
            if holes:
                x[rng.permutation(size)[:holes]] = np.nan
            there = np.sort(x[x == x])
            known = there[(there.size - 1) // 2] if there.size else np.nan
            for given in (tidu.tensor(x), tidu.tensor(np.repeat(x, 2).reshape(2, -1))):
                found = tidu.nanmedian(given)
                assert found.shape == () and found.numpy().dtype == x.dtype
                np.testing.assert_array_equal(found.numpy(), known)
                exact = np.nan if np.isnan(x).any() else known
                np.testing.assert_array_equal(tidu.median(given).numpy(), exact)


def test_topk_of_truths_refuses_the_rank_first():
    truths = tidu.tensor([True, False])
    with pytest.raises(RuntimeError, match="selected index k out of range"):
        tidu.topk(truths, 3)
    with pytest.raises(RuntimeError, match="topk does not support bool dtypes on CPU"):
        tidu.topk(truths, 1)


@pytest.mark.parametrize("kind", [np.int64, np.array, tidu.tensor])
@pytest.mark.parametrize("name", ["topk", "kthvalue"])
def test_how_many_may_be_any_whole_number(name, kind):
    x = tidu.tensor(np.random.default_rng(0).random((3, 400)))
    mine, other = getattr(tidu, name)(x, kind(2)), getattr(tidu, name)(x, 2)
    assert mine[0].tolist() == other[0].tolist() and mine[1].tolist() == other[1].tolist()


def test_a_kernel_that_is_given_no_number_writes_nothing():
    rows = np.random.default_rng(0).random((3, 40))
    with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
        sorting.ordered(rows, (3, 2), True, "select and sort", 1.5)
    with pytest.raises(OverflowError):
        sorting.ordered(rows, (3, 2), True, "select and sort", 1 << 70)
