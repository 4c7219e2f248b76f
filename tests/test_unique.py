"""torch.unique: by a table, by order, of truths; beside NumPy's, for every type."""

import numpy as np
import pytest

import tidu as torch
from tidu.ops import sets

TYPES = ["int64", "int32", "int16", "int8", "uint8", "uint64", "float32", "float64", "float16"]


def rows(dtype, size, kind):
    rng = np.random.default_rng(size)
    if dtype[0] == "f":
        bounds = (-size, size) if kind == "many" else (0, 5)
        x = rng.integers(*bounds, size).astype(dtype)
        x[rng.random(size) < 0.1] *= -0.0
        x[rng.random(size) < 0.05] = np.nan
        return x
    info = np.iinfo(dtype)
    bounds = {
        "many": (info.min, info.max), "few": (3, 9), "high": (info.max - 4, info.max),
        "low": (info.min, info.min + 4),
    }  # fmt: skip
    return rng.integers(*bounds[kind], size, dtype=dtype, endpoint=True)


CASES = [(t, kind) for t in TYPES for kind in ("few", "many", "high", "low")
         if t[0] != "f" or kind in ("few", "many")]  # fmt: skip


@pytest.mark.parametrize("dtype, kind", CASES)
@pytest.mark.parametrize("size", [0, 1, 2, 7, 1000, 5000])
def test_unique_of_all_elements(dtype, kind, size):
    check(rows(dtype, size, kind))


@pytest.mark.parametrize("chosen", [[], [0], [1], [0, 1], [1] * 5000, [0, 1] * 3000])
def test_unique_of_truths(chosen):
    check(np.array(chosen, bool))


def test_unique_of_views():
    x = np.arange(10_000).reshape(100, 100) % 37
    for view in (x[::-1], x.T, x[::2, 1::3], x[:, ::-1][5:]):
        check(view)


def check(x):
    t = torch.from_numpy(x.copy() if x.flags.c_contiguous else np.array(x))
    holes = x != x
    exact = np.unique(x, return_inverse=True, return_counts=True, equal_nan=False)
    for inverse in (False, True):
        for counts in (False, True):
            got = torch.unique(t, return_inverse=inverse, return_counts=counts)
            wanted = [exact[0]]
            exact_inverse = exact[1].reshape(x.shape)
            wanted += [exact_inverse] if inverse else []
            wanted += [exact[2]] if counts else []
            got = got if isinstance(got, tuple) else (got,)
            assert len(got) == len(wanted)
            for one, other in zip(got, wanted, strict=True):
                assert one.dtype == torch.from_numpy(other).dtype
                one = one.numpy()
                if other is exact_inverse:
                    np.testing.assert_array_equal(np.sort(one[holes]), np.sort(other[holes]))
                    one, other = one[~holes], other[~holes]  # which NaN is which is nobody's matter
                np.testing.assert_array_equal(one, other)
            if x.dtype.kind == "f":  # 0 or -0: what PyTorch's order has first
                first = torch.unique_consecutive(torch.sort(t.reshape(-1)).values)
                np.testing.assert_array_equal(np.signbit(got[0].numpy()), np.signbit(first.numpy()))


def test_a_table_is_taken_where_it_is_small(monkeypatch):
    asked = []
    table = sets._distinct_by_table
    monkeypatch.setattr(sets, "_distinct_by_table", lambda *given: asked.append(1) or table(*given))
    near = torch.arange(sets._COUNTED) % 11
    assert torch.unique(near).tolist() == list(range(11)) and len(asked) == 1
    torch.unique(near[1:])
    torch.unique(near * 10**6)
    assert len(asked) == 1
