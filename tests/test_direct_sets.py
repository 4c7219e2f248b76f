"""The short ways of searching, counting, quantiles, extremes and simple writes give what the
general functions give."""

import numpy as np
import pytest

import tidu
from tidu.core.modes import listen, unlisten
from tidu.nn.functional import layer_norm

RNG = np.random.default_rng(0)
HOLED = np.array([3, np.nan, -1, np.inf, 0.5, -0.0, 2, np.nan], np.float32)
VECTORS = {
    "floats": RNG.standard_normal(50).astype(np.float32), "doubles": RNG.standard_normal(7),
    "whole": RNG.integers(-5, 5, 40), "one": np.ones(1, np.float32), "holed": HOLED,
    "rows": RNG.standard_normal((3, 6)).astype(np.float32), "truths": RNG.integers(0, 2, 9) > 0,
    "none": np.zeros(0, np.float32), "small": RNG.integers(0, 9, 30).astype(np.int32),
}  # fmt: skip


def written(x, write):
    out = x.clone()
    before = out._version
    write(out)
    return out, tidu.tensor(out._version - before)


CALLS = {
    "searchsorted": lambda x: tidu.searchsorted(x.reshape(-1).sort()[0], x),
    "from the right": lambda x: tidu.searchsorted(x.reshape(-1).sort()[0], x, right=True),
    "as int32": lambda x: tidu.searchsorted(x.reshape(-1).sort()[0], x, out_int32=True),
    "a number's place": lambda x: tidu.searchsorted(x.reshape(-1).sort()[0], 0.5),
    "a whole number's": lambda x: tidu.bucketize(1, x.reshape(-1).sort()[0], out_int32=True),
    "bucketize": lambda x: tidu.bucketize(x, x.reshape(-1)[:4].sort()[0], right=True),
    "of several types": lambda x: tidu.bucketize(x, tidu.tensor([0, 1, 2])),
    "bincount": tidu.bincount, "longer": lambda x: tidu.bincount(x, minlength=20),
    "nanmedian": tidu.nanmedian, "in few floats": lambda x: tidu.bincount(x, x.float() / 7),
    "weighted": lambda x: tidu.bincount(x, x.double()),
    "isin": lambda x: tidu.isin(x, x.reshape(-1)[:3]),
    "not in": lambda x: tidu.isin(x, x.reshape(-1)[:3], invert=True),
    "runs": lambda x: tidu.unique_consecutive(x), "unique": lambda x: tidu.unique(x),
    "with counts": lambda x: tidu.unique(x, return_inverse=True, return_counts=True),
    "runs with counts": lambda x: tidu.unique_consecutive(x, True, True),
    "softmax": lambda x: x.softmax(0), "log_softmax": lambda x: x.log_softmax(-1),
    "softmax of what lies apart": lambda x: x.reshape(-1)[::2].softmax(0),
    "softmax of one shown often": lambda x: x.reshape(-1)[:1].expand(3).log_softmax(0),
    **{f"{name}{said}": lambda x, name=name, words=words: getattr(tidu, name)(x, **words)
       for name in ("any", "all", "amax", "amin")
       for said, words in ((" of all", {}), (" of rows", {"dim": -1}), (", kept", {"dim": 0,
           "keepdim": True}), (", beyond", {"dim": 4}), (" of axes", {"dim": (0, -1)}),
           (" by NumPy's words", {"axis": 0}), (" of no axes", {"dim": ()}), (" of None", {"dim":
           None}), (", wrong flag", {"dim": 0, "keepdim": 1}), (", wrong axis", {"dim": 0.5}))},
    "any by place": lambda x: tidu.any(x, 0, True), "amax of the turned": lambda x: x.mT.amax(0),
    "index_select": lambda x: x.index_select(0, tidu.tensor([0, 0])),
    "index_select of columns": lambda x: x.index_select(-1, tidu.tensor([2, 0])),
    "index_select, beyond": lambda x: x.index_select(0, tidu.tensor([90])),
    "index_select, negative": lambda x: x.index_select(0, tidu.tensor([-1])),
    "index_select, no such axis": lambda x: x.index_select(3, tidu.tensor([0])),
    "index_select, int32": lambda x: x.index_select(0, tidu.tensor([0]).int()),
    "index_select, none": lambda x: x.index_select(0, tidu.tensor([]).long()),
    "index_select, one": lambda x: x.index_select(0, tidu.tensor(0)),
    "index_select, a list": lambda x: x.index_select(0, [0]),
    **{f"layer_norm {said}": lambda x, words=words: layer_norm(x, x.shape[-1:], **words)
       for said, words in (("", {}), ("with more", {"eps": 0.1}), ("whole eps", {"eps": 1}))},
    "layer_norm with scale": lambda x: layer_norm(x, [x.shape[-1]], x.reshape(-1)[:x.shape[-1]]),
    "layer_norm with both": lambda x: layer_norm(x, x.shape[-1:], x.reshape(-1)[:x.shape[-1]],
                                                 x.reshape(-1)[-x.shape[-1]:]),
    "layer_norm with shift": lambda x: layer_norm(x, x.shape[-1:], None,
                                                  x.reshape(-1)[:x.shape[-1]]),
    "layer_norm of several": lambda x: layer_norm(x, x.shape),
    "layer_norm of another": lambda x: layer_norm(x, (77,)),
    "layer_norm, a number": lambda x: layer_norm(x, 6),
    "layer_norm, other scale": lambda x: layer_norm(x, x.shape[-1:], tidu.ones(77)),
    "layer_norm, other type": lambda x: layer_norm(x, x.shape[-1:], tidu.ones(x.shape[-1]).half()),
    "layer_norm of the turned": lambda x: layer_norm(x.mT, x.mT.shape[-1:]),
    "clone": lambda x: x.clone(), "turned": lambda x: x.reshape(1, -1, 1).mT.clone(),
    "clone of every second": lambda x: x.reshape(-1)[::2].clone(),
    "clone of a number": lambda x: x.reshape(-1)[-1].clone(),
    "clone of the largest": lambda x: x.max().clone(),
    "clone of one shown often": lambda x: x.reshape(-1)[:1].expand(3).clone(),
    "joined": lambda x: tidu.cat((x, x), -1), "joined columns": lambda x: tidu.stack([x, x], 1),
    "joined with nothing": lambda x: tidu.cat([x, x[:0]]), "none to join": lambda x: tidu.cat([]),
    "joined with another type": lambda x: tidu.cat([x, x.double()]),
    "joined with what lies otherwise": lambda x: tidu.cat([x, x.flip(0)[::2]]),
    "joined with a number": lambda x: tidu.cat([x, 1]),
    "histc of no bins": lambda x: tidu.histc(x, 0), "of 2.5": lambda x: tidu.histc(x, 2.5),
    "histc of no range": lambda x: tidu.histc(x, 5, 2, 1),
    "histc of an endless range": lambda x: tidu.histc(x, 5, 0, float("inf")),
    "histc from True": lambda x: tidu.histc(x, 5, True, 3),
    "histc of one place": lambda x: tidu.histc(x * 0 + 1, 5),
    "sum of all": lambda x: x.sum(), "sum, kept": lambda x: x.mT.sum((0, 1), keepdim=True),
    "unique, not sorted": lambda x: tidu.unique(x, sorted=False),
    "unique of rows": lambda x: tidu.unique(x, dim=0), "unique of one": lambda x: x[:1].unique(),
    "histc": lambda x: tidu.histc(x, 7), "in a range": lambda x: tidu.histc(x, 5, -1, 2),
    **{f"quantile, {how}": lambda x, how=how: tidu.quantile(x, 0.3, interpolation=how)
       for how in ("linear", "lower", "higher", "midpoint", "nearest", "none of these")},
    **{f"nanquantile, {how}": lambda x, how=how: tidu.nanquantile(x, 0.7, interpolation=how)
       for how in ("linear", "lower", "higher", "midpoint", "nearest")},
    "of the rows": lambda x: tidu.quantile(x, 0.5, -1),
    "several": lambda x: tidu.quantile(x, tidu.tensor([0.0, 0.4, 1.0], dtype=x.dtype)),
    "several, no NaN": lambda x: tidu.nanquantile(x, tidu.tensor([0.2, 1.0], dtype=x.dtype)),
    "max": tidu.max, "min": tidu.min, "max of rows": lambda x: tidu.max(x, -1),
    "min of rows": lambda x: x.min(dim=-1), "max of columns": lambda x: tidu.max(x, 0),
    "kept max": lambda x: tidu.max(x, -1, True), "no such axis": lambda x: x.sum(5),
    "sum of rows": lambda x: x.sum(-1), "sum of columns": lambda x: x.sum(0, keepdim=True),
    "mean of rows": lambda x: x.mean(-1), "mean of columns": lambda x: x.mean(0),
    "set at": lambda x: written(x, lambda y: y.__setitem__(-1, 2)),
    "set beyond": lambda x: written(x, lambda y: y.__setitem__(60, 2)),
    "copied": lambda x: written(x, lambda y: y.copy_(x.clone())),
    "copied, other type": lambda x: written(x, lambda y: y.copy_(x.half())),
    "copied, other shape": lambda x: written(x, lambda y: y.copy_(x[:1])),
    "beyond": lambda x: tidu.quantile(x, 1.5), "kept": lambda x: tidu.quantile(x, 0.5, 0, True),
}  # fmt: skip


def outcome(call, x):
    try:
        found = call(x)
    except Exception as error:
        return type(error), str(error)
    parts = found if isinstance(found, tuple) else (found,)
    return [(str(part.dtype), tuple(part.shape), part.numpy()) for part in parts]


class Listener:
    """While somebody listens, the general functions answer."""

    applied = pass_begins = pass_ends = visited = lambda self, *args: None


@pytest.mark.slow
@pytest.mark.parametrize("vector", VECTORS)
@pytest.mark.parametrize("name", CALLS)
def test_as_the_general_function(name, vector):
    from_memory = tidu.from_numpy(VECTORS[vector].copy())
    short = outcome(CALLS[name], from_memory)
    listener = Listener()
    listen(listener)
    try:
        general = outcome(CALLS[name], from_memory)
    finally:
        unlisten(listener)
    if isinstance(short, tuple):
        assert short == general
        return
    assert len(short) == len(general)
    for (kind, shape, values), (its_kind, its_shape, exact) in zip(short, general, strict=True):
        assert (kind, shape) == (its_kind, its_shape)
        np.testing.assert_array_equal(values, exact)


@pytest.mark.parametrize("ends", [(0, 0), (-1, 1), (0.1, 0.7), (-3, 0)])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_few_elements_in_bins(kind, ends):
    """Counted by a search among the edges: as NumPy's arithmetic counts them."""
    x = np.concatenate([RNG.standard_normal(300), np.linspace(-1, 1, 41)]).astype(kind)
    for bins in (1, 3, 20, 40):
        low, high = ends if ends != (0, 0) else (x.min(), x.max())
        exact = np.histogram(x, bins, (low, high))[0]
        np.testing.assert_array_equal(tidu.histc(tidu.tensor(x), bins, *ends).numpy(), exact)


class Heard:
    """Whether the general functions answer, or the short ways."""

    def __init__(self, general):
        self.listener = Listener() if general else None

    def __enter__(self):
        if self.listener:
            listen(self.listener)

    def __exit__(self, *error):
        if self.listener:
            unlisten(self.listener)


INFINITE = [np.inf, 1, -np.inf, 1, np.inf]


@pytest.mark.parametrize("general", [False, True])
@pytest.mark.parametrize("call, values, fraction, how, expected", [
    ("quantile", range(11), 0.1, "higher", 1.0),  # 0.1 of 10 steps is one step in float32
    ("quantile", range(11), 0.7, "lower", 7.0), ("nanquantile", range(11), 0.1, "higher", 1.0),
    ("nanquantile", INFINITE, 0.7, "lower", 1.0), ("nanquantile", INFINITE, 0.7, "linear", np.nan),
    ("quantile", INFINITE, 0.3, "lower", 1.0), ("quantile", INFINITE, 0.1, "linear", np.nan),
    ("quantile", INFINITE, 0.2, "midpoint", -np.inf), ("quantile", INFINITE, 0.1, "lower", -np.inf),
])  # fmt: skip
def test_quantiles_are_pytorchs(call, values, fraction, how, expected, general):
    """Recorded from PyTorch 2.13."""
    x = tidu.tensor(list(values), dtype=tidu.float32)
    with Heard(general):
        found = getattr(tidu, call)(x, fraction, interpolation=how).item()
    np.testing.assert_equal(found, expected)


@pytest.mark.parametrize("general", [False, True])
def test_a_quantile_that_is_an_element_keeps_its_sign_and_no_memory(general):
    x = tidu.tensor([[0.0, -0.0, 0.0], [-0.0, -0.0, 2.0]])
    with Heard(general):
        found = tidu.quantile(x, 0.5, -1, interpolation="lower")
    assert np.signbit(found.numpy()).tolist() == [True, True] and found.stride() == (1,)


@pytest.mark.parametrize("general", [False, True])
def test_places_in_a_row_that_ends_with_nan(general):
    """Recorded from PyTorch 2.13: a search passes each NaN that it meets."""
    row, x = tidu.tensor([0.0, 1.0, np.nan]), tidu.tensor([3.0, 1.0, 2.0, 0.0, np.nan])
    with Heard(general):
        assert tidu.searchsorted(row, x).tolist() == [3, 1, 3, 0, 3]
        assert tidu.searchsorted(row, x, right=True).tolist() == [3, 3, 3, 1, 3]
        longer = tidu.tensor([0.0, 1.0, 2.0, 3.0, np.nan, np.nan])
        assert tidu.bucketize(x, longer).tolist() == [3, 1, 2, 0, 6]


def test_a_fraction_is_sought_among_whole_numbers():
    table = tidu.tensor([0, 1, 2, 3])
    assert tidu.searchsorted(table, 1.5).item() == 2
    assert tidu.bucketize(1.5, table).item() == 2
    assert tidu.searchsorted(table, 2).item() == 2


@pytest.mark.parametrize("general", [False, True])
def test_what_is_found_lies_in_order(general):
    x = tidu.arange(6).reshape(2, 3).t()
    with Heard(general):
        assert tidu.isin(x, tidu.tensor([1, 2])).stride() == (2, 1)
