"""Which of equal elements comes first: the orders that PyTorch's unstable algorithms leave.

PyTorch sorts and selects as the GNU C++ library does (introsort, introselect, a heap), and with
Hoare's quickselect. Each leaves equal elements in an order of its own: generated code takes the
same steps (`_natively`), without it `ties.py` is asked where there are equal elements.
"""

import numpy as np

from ..base.lazy import lazy_module
from ..core.native import NATIVE
from .base import HALVES

__all__ = ["order_along", "ordered_along"]

ties = lazy_module(f"{__package__}.ties")

_SMALL = 16  # std::sort leaves parts up to this length to the insertion sort at its end
_RADIX = 1 << 15  # from this length on PyTorch sorts a vector of integers by their digits
_NATIVE = 1 << 8  # elements from which generated code takes the algorithms' steps
_DIGITS = 1 << 12  # elements of a row from which a stable sort by digits is faster than by merging
_HEAP = 64  # so many times longer than the part asked for, a row is searched with a heap


def order_along(x, *, axis, descending, how="stable", part=None):
    """The places [start, stop) of the order along an axis, NaN above all numbers.

    `how` says which of equal elements comes first: "stable", or as the unstable "sort", "topk",
    "topk unsorted", "kthvalue" and "mode" of PyTorch leave them; "middle" is one place of the
    stable order, or where the first NaN is, "middle number" that of the lower median of what is
    none. `part` is (start, stop), or None for all; what is asked of "topk" starts at 0, and of
    "kthvalue", "mode" and both middles it is one place.
    """
    return ordered_along(x, axis, descending, how, part)[1]


def ordered_along(x, axis, descending, how="stable", part=None):
    """(the elements, or None where that is left to who asks, the places) of `order_along`."""
    if x.ndim == 1 and (quick := _QUICK.get((how, descending, x.dtype))) is not None:
        if (found := quick(x, part)) is not None:
            return found
    given = x
    if x.dtype in HALVES:
        x = x.astype(np.float32)
    if x.size == 0 or (part and part[0] == part[1]):
        rest = list(x.shape)
        rest[axis] = x.shape[axis] if part is None else part[1] - part[0]
        return np.empty(rest, given.dtype), np.empty(rest, np.int64)
    if how == "sort" and _keeps_order(x, axis, descending):
        how = "stable"
    if how == "stable" and part and part[1] - part[0] == 1 and not descending:
        how = "stable place"
    if (found := _natively(x, axis, descending, how, part)) is not None:
        values, places = found
        return values if given is x else None, places
    if how == "stable" or (how == "stable place" and x.size < _NATIVE):
        return None, _cut(_stable(x, axis, descending), axis, part)
    places = _WAYS[how](_rows(x, axis), descending, part)
    return None, _turned_back(places, x, axis)


def _rows(x, axis):
    if x.ndim == 1:
        return np.ascontiguousarray(x.reshape(1, -1))
    return np.ascontiguousarray(np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis]))


def _turned_back(found, x, axis):
    """What was found for each row, with the axes of x."""
    if x.ndim == 1:
        return found.reshape(-1)
    lead = x.shape[:axis] + x.shape[axis + 1 :]
    return np.ascontiguousarray(np.moveaxis(found.reshape(*lead, found.shape[1]), -1, axis))


def _keeps_order(x, axis, descending):
    if x.shape[axis] <= _SMALL:
        return True
    return x.ndim == 1 and x.size >= _RADIX and x.dtype.kind in "iu" and not descending


def _stable(x, axis, descending):
    if not descending:
        return np.argsort(x, axis, kind="stable")
    # Sort the reversed array and turn the answer round.
    turned = np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
    return x.shape[axis] - 1 - turned


def _stable_place(rows, descending, part):
    """One place of the stable order, rising: of the elements equal to the one that belongs there,
    the one with as many before it as there are places between."""
    value = np.partition(rows, part[0], 1)[:, part[0] : part[1]]
    same, less = rows == value, rows < value
    if rows.dtype.kind == "f":
        holes, none = rows != rows, value != value
        same |= holes & none
        less |= ~holes & none
    left = part[0] - np.count_nonzero(less, 1)
    counts = np.count_nonzero(same, 1)
    found = np.flatnonzero(same)[np.cumsum(counts) - counts + left]
    return (found % rows.shape[1])[:, None]


def _middle(rows, descending, part):
    places = _stable_place(rows, descending, part)
    if rows.dtype.kind == "f":
        holes = rows != rows
        for row in np.flatnonzero(holes.any(1)):
            places[row] = np.argmax(holes[row])
    return places


def _middle_number(rows, descending, part):
    there = np.count_nonzero(rows == rows, 1)
    rank = (np.maximum(there, 1) - 1) // 2
    return np.take_along_axis(np.argsort(rows, 1, kind="stable"), rank[:, None], 1)


def _cut(order, axis, part):
    return order if part is None else order[_ranks_of(axis, part)]


def _ranks_of(axis, part):
    """The index that gives a part of what lies along an axis."""
    return (slice(None),) * axis + (slice(*part) if part else slice(None),)


def _sort(rows, descending, part):
    order = _some_order(rows, descending)
    tied = _tied(np.take_along_axis(rows, order, 1))
    if tied.size:
        order[tied] = ties.introsort(_ranks(rows[tied], order[tied]))
    return order


def _topk(rows, descending, part):
    size, count = rows.shape[1], part[1]
    some = min(count + 1, size)
    order = _some_front(rows, some, descending)
    tied = _tied(np.take_along_axis(rows, order, 1))
    order = order[:, :count]
    if not tied.size:
        return order
    keys = _ranks(rows[tied], _some_order(rows[tied], descending))
    if count * _HEAP <= size:
        order[tied] = ties.partial_sort(keys, count)[:, :count]
        return order
    found = ties.introselect(keys, count - 1)[:, :count]
    if count > 1:  # the last one stands where it belongs
        front = found[:, :-1]
        again = ties.introsort(np.take_along_axis(keys, front, 1))
        found[:, :-1] = np.take_along_axis(front, again, 1)
    order[tied] = found
    return order


def _topk_unsorted(rows, descending, part):
    count = part[1]
    if count * _HEAP <= rows.shape[1]:
        return _topk(rows, descending, part)
    keys = _ranks(rows, _some_order(rows, descending))
    return ties.introselect(keys, count - 1)[:, :count]


def _kthvalue(rows, descending, part):
    rank = part[0]
    order = np.argpartition(rows, rank, 1)[:, rank : rank + 1]
    value = np.take_along_axis(rows, order, 1)
    same = rows == value
    if rows.dtype.kind == "f":
        same |= (rows != rows) & (value != value)
    (tied,) = np.nonzero(np.count_nonzero(same, 1) > 1)
    if tied.size:
        keys = _ranks(rows[tied], _some_order(rows[tied], descending))
        order[tied] = ties.quickselect(keys, rank)[:, rank : rank + 1]
    return order


def _mode(rows, descending, part):
    """Where the most frequent element (the first among equals) comes last in the unstable order."""
    order = _sort(rows, False, part)
    if rows.dtype.kind == "f":
        for row in np.flatnonzero((rows != rows).any(1)):
            order[row] = _sorted_with_nan(rows[row : row + 1])
    count = len(rows)
    values = np.take_along_axis(rows, order, 1)
    fresh = np.ones(rows.shape, bool)
    np.not_equal(values[:, 1:], values[:, :-1], out=fresh[:, 1:])  # NaN equals nothing here
    starts = np.flatnonzero(fresh)
    lengths = np.diff(np.append(starts, rows.size))
    runs = np.zeros(rows.shape, np.int64)
    runs.reshape(-1)[starts] = lengths
    first = np.argmax(runs, 1)
    last = first + runs[np.arange(count), first] - 1
    return order[np.arange(count), last][:, None]


def _sorted_with_nan(row):
    """The order of std::sort where NaN are neither below nor above anything."""
    rows = ties.parted(row)
    values, order = rows.keys.tolist(), []
    for i, value in enumerate(values):
        place = 0 if 0 < i < _SMALL and value < values[order[0]] else len(order)
        while place and value < values[order[place - 1]]:
            place -= 1
        order.insert(place, i)
    return rows.origin[order]


_WAYS = {"stable place": _stable_place, "middle": _middle, "middle number": _middle_number,
         "sort": _sort, "topk": _topk, "topk unsorted": _topk_unsorted, "kthvalue": _kthvalue,
         "mode": _mode}  # fmt: skip


def _natively(x, axis, descending, how, part):
    """`ordered_along` by generated code, which takes the same algorithms step by step, or None."""
    if not NATIVE or NATIVE.waiting or x.dtype.kind not in "fiub" or not x.dtype.isnative:
        return None
    size = x.shape[axis]
    if how == "stable" and size < _DIGITS and _is_quick(x, size, descending, part):
        if x.ndim == 1 and _PATIENCE.spent():
            for order in ("stable", "sort"):
                _prepare(order, order, descending, x.dtype)
        return None
    way = how if x.dtype.kind == "f" else _WITHOUT_NAN.get(how, how)
    if how == "stable" and size == x.size >= _DIGITS and x.dtype.kind in "iub":
        both = NATIVE.by_digits(np.ascontiguousarray(x.reshape(-1)), descending)
        return [found.reshape(x.shape)[_ranks_of(axis, part)] for found in both]
    if x.size < _NATIVE and not _PATIENCE.spent():
        return None
    name, number, start, count = _STEPS[way](size, part)
    if name == "mode" and x.dtype.kind == "f":
        number = 1
    _prepare(how, way, descending, x.dtype)
    last = axis == x.ndim - 1
    rows = x if last else np.moveaxis(x, axis, -1)
    if not rows.flags.c_contiguous:
        rows = np.ascontiguousarray(rows)
    shape = (*rows.shape[:-1], count)
    values, places = NATIVE.ordered(rows, shape, descending, name, number, start)
    if values is None:
        values, places = _modes_with_nan(rows, places)
    if last:
        return values, places
    return [np.ascontiguousarray(np.moveaxis(found, -1, axis)) for found in (values, places)]


def _modes_with_nan(rows, places):
    """(the elements, the places) of the modes of rows of which some have NaN: their places are
    still to be found."""
    for row in np.argwhere(places[..., 0] < 0):
        at = tuple(row)
        places[at] = _mode(rows[at][None], False, (0, 1))[0]
    return np.take_along_axis(rows, places, -1), places


def _is_quick(x, size, descending, part):
    """Whether NumPy's stable sort of rows that are not long is as fast: of few elements, std::sort
    inserts them, which is stable, too."""
    return size > _SMALL or part is not None or (x.ndim == 1 and not descending)


def _all(name):
    return lambda size, part: (name, 0, *_from_on(part, size))


def _from_on(part, size):
    return (0, size) if part is None else (part[0], part[1] - part[0])


def _one(name):
    return lambda size, part: (name, part[0], 0, 1)


def _stable_step(size, part):
    return ("stable" if size > _SMALL else "sort", 0, *_from_on(part, size))


def _topk_step(size, part, rest="select and sort"):
    count = part[1]
    if count * _HEAP <= size:
        return "partial sort", count, 0, count
    return rest, count - 1, 0, count


# By `how`: (length of a row, ranks) -> (what generated code calls it, the number it takes, the
# first of the ranks that are asked for, how many).
_STEPS = {
    "stable": _stable_step, "sort": _all("sort"), "topk": _topk_step,
    "topk unsorted": lambda size, part: _topk_step(size, part, "select"),
    "kthvalue": lambda size, part: ("quickselect", part[0], part[0], 1),
    "stable place": _one("place"), "middle": _one("middle"),
    "middle number": lambda size, part: ("middle number", 0, 0, 1),
    "mode": lambda size, part: ("mode", 0, 0, 1),
    "half": lambda size, part: ("place", (size - 1) // 2, 0, 1),
}  # fmt: skip
_WITHOUT_NAN = {"middle": "stable place", "middle number": "half"}
# (how, descending, type): (a vector, ranks) -> what `ordered_along` gives, or None
_QUICK: dict = {}


def _prepare(how, way, descending, dtype):
    kind = how, descending, dtype
    if kind not in _QUICK:
        _QUICK[kind] = _quickly(_STEPS[way], descending, dtype)


def _quickly(step, descending, dtype):
    """`ordered_along` of vectors that are not long, by one generated function, which exists by now;
    it gives None for what it does not know."""
    flip, longest, empty = -1 if descending else 0, NATIVE.SHORT, np.empty
    holes, kernels = 1 if dtype.kind == "f" else 0, {}

    def quick(x, part):
        size = x.size
        if not 0 < size <= longest or not x.flags.c_contiguous:
            return None
        name, number, start, count = step(size, part)
        if not count:
            return None
        if (kernel := kernels.get(name)) is None:
            kernel = kernels[name] = NATIVE.short(dtype, name)
        values, places = empty(count, dtype), empty(count, _I64)
        if name == "mode":
            number = holes
        kernel(x, places, values, flip, number, start, count, size, size, size)
        if number and name == "mode" and places[0] < 0:
            return None
        return values, places

    return quick


_I64 = np.dtype(np.int64)


class _Patience:
    """How many orders of few elements are found by NumPy before code is generated for them, which
    takes as long as some thousand of them."""

    def __init__(self, count):
        self.left = count

    def spent(self):
        self.left -= 1
        return self.left < 0


_PATIENCE = _Patience(200)


def _some_order(rows, descending):
    order = np.argsort(rows, 1)
    return order[:, ::-1].copy() if descending else order


def _some_front(rows, count, descending):
    """The first `count` of the order, equal elements in any."""
    size = rows.shape[1]
    if count * 8 > size:
        return _some_order(rows, descending)[:, :count]
    if descending:
        front = np.argpartition(rows, size - count, 1)[:, size - count :]
    else:
        front = np.argpartition(rows, count - 1, 1)[:, :count]
    order = _some_order(np.take_along_axis(rows, front, 1), descending)
    return np.take_along_axis(front, order, 1)


def _tied(sorted_rows):
    """The rows in which neighbours are equal."""
    return np.flatnonzero(_same_as_before(sorted_rows).any(1))


def _same_as_before(sorted_rows):
    """Which elements equal the one before them; NaN equals NaN."""
    before, after = sorted_rows[:, :-1], sorted_rows[:, 1:]
    same = before == after
    if sorted_rows.dtype.kind == "f":
        same |= (before != before) & (after != after)
    return same


def _ranks(rows, order):
    """For each element how many different ones come before it."""
    steps = np.zeros(rows.shape, np.int64)
    np.logical_not(_same_as_before(np.take_along_axis(rows, order, 1)), out=steps[:, 1:])
    ranks = np.empty_like(steps)
    np.put_along_axis(ranks, order, np.cumsum(steps, 1), 1)
    return ranks
