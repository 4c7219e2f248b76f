"""Which of equal elements comes first: the orders that PyTorch's unstable algorithms leave.

PyTorch sorts and selects as the GNU C++ library does (introsort, introselect, a heap), and with
Hoare's quickselect. Each leaves equal elements in an order of its own, which follows from the
comparisons alone: many parts are partitioned at once here, instead of one swap after the other.
"""

import numpy as np

from ..core.native import NATIVE
from .base import HALVES

__all__ = ["introselect", "introsort", "order_along", "ordered_along", "partial_sort",
           "quickselect"]  # fmt: skip

_SMALL = 16  # parts up to this length are left to the insertion sort at the end
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
        order[tied] = introsort(_ranks(rows[tied], order[tied]))
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
        order[tied] = partial_sort(keys, count)[:, :count]
        return order
    found = introselect(keys, count - 1)[:, :count]
    if count > 1:  # the last one stands where it belongs
        front = found[:, :-1]
        again = introsort(np.take_along_axis(keys, front, 1))
        found[:, :-1] = np.take_along_axis(front, again, 1)
    order[tied] = found
    return order


def _topk_unsorted(rows, descending, part):
    count = part[1]
    if count * _HEAP <= rows.shape[1]:
        return _topk(rows, descending, part)
    keys = _ranks(rows, _some_order(rows, descending))
    return introselect(keys, count - 1)[:, :count]


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
        order[tied] = quickselect(keys, rank)[:, rank : rank + 1]
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
    parted = _parted(row)
    values, order = parted.keys.tolist(), []
    for i, value in enumerate(values):
        place = 0 if 0 < i < _SMALL and value < values[order[0]] else len(order)
        while place and value < values[order[place - 1]]:
            place -= 1
        order.insert(place, i)
    return parted.origin[order]


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


# These functions are asked about rows with ties only; without any, every method has one answer.
# All take `keys`, an integer matrix of ranks (equal elements have equal ranks), and return places:
# row i of the answer says which elements of row i of `keys` stand where.


def introsort(keys):
    """The places after std::sort.

    >>> introsort(np.array([[3, 1, 2]]))
    array([[1, 2, 0]])
    """
    heap = _parted(keys)
    heap.insertion_sort(*keys.shape)
    return heap.places(*keys.shape)


def _parted(keys):
    """std::sort up to its last step: parts of up to 16 elements, each as yet in some order."""
    rows, size = keys.shape
    heap = _Rows(keys)
    first = np.arange(rows) * size
    last = first + size
    for _ in range(2 * _floor_log2(size)):
        first, last = _longer(first, last, _SMALL)
        if not first.size:
            break
        cut = heap.partition(first, last)
        first, last = np.concatenate((first, cut)), np.concatenate((cut, last))
    for start, stop in zip(*_longer(first, last, _SMALL), strict=True):
        heap.heap_sort(start, stop, stop)
    return heap


def introselect(keys, rank):
    """The places after std::nth_element: the element of this rank stands there."""
    rows, size = keys.shape
    heap = _Rows(keys)
    first = np.arange(rows) * size
    last, nth = first + size, first + rank
    for _ in range(2 * _floor_log2(size)):
        active = np.flatnonzero(last - first > 3)
        if not active.size:
            break
        cut = heap.partition(first[active], last[active])
        right = cut <= nth[active]
        first[active[right]] = cut[right]
        last[active[~right]] = cut[~right]
    for row in np.flatnonzero(last - first > 3):
        heap.heap_select(first[row], nth[row] + 1, last[row])
        heap.swap(first[row], nth[row])
        last[row] = first[row]
    for place in (0, 1, 0):  # at most three elements are left of a row
        at = first[last - first > place + 1] + place
        at = at[heap.keys[at + 1] < heap.keys[at]]
        heap.swap(at, at + 1)
    return heap.places(rows, size)


def partial_sort(keys, count):
    """The places after std::partial_sort: the first `count` are in order."""
    rows, size = keys.shape
    heap = _Rows(keys)
    for start in range(0, rows * size, size):
        heap.heap_sort(start, start + count, start + size)
    return heap.places(rows, size)


def quickselect(keys, rank):
    """The places after PyTorch's quickselect (Hoare's, by the median of three)."""
    found = np.empty_like(keys)
    for row, ranks in enumerate(keys.tolist()):
        found[row] = _quickselect(ranks, rank)
    return found


def _floor_log2(size):
    return max(int(size).bit_length() - 1, 0)


def _longer(first, last, least):
    long = last - first > least
    return first[long], last[long]


class _Rows:
    """The keys of all rows in one array, and the places they came from, moved about together."""

    def __init__(self, keys):
        rows, size = keys.shape
        self.keys = keys.reshape(-1).copy()
        self.origin = np.tile(np.arange(size), rows)

    def places(self, rows, size):
        return self.origin.reshape(rows, size)

    def swap(self, a, b):
        for array in (self.keys, self.origin):
            array[a], array[b] = array[b], array[a]

    def insertion_sort(self, rows, size):
        """Insertion keeps equal elements in order: any stable sort gives its answer."""
        keys, origin = self.keys.reshape(rows, size), self.places(rows, size)
        order = np.argsort(keys, 1, kind="stable")
        self.keys = np.take_along_axis(keys, order, 1).reshape(-1)
        self.origin = np.take_along_axis(origin, order, 1).reshape(-1)

    def partition(self, first, last):
        """Partition each part by the median of three, as __unguarded_partition_pivot; the cuts.

        One pointer runs up to elements not below the pivot, one down to elements not above it, and
        they change places until the pointers meet: the k-th stop from the left meets the k-th from
        the right, and what lies between them was not touched yet.
        """
        self._median_to_front(first, last)
        keys, sizes = self.keys, last - first - 1
        ends = np.cumsum(sizes)
        part = np.repeat(np.arange(sizes.size), sizes)
        place = np.arange(ends[-1]) + np.repeat(first + 1 - (ends - sizes), sizes)
        here, pivot = keys[place], np.repeat(keys[first], sizes)
        up, down = np.flatnonzero(~(here < pivot)), np.flatnonzero(~(pivot < here))
        ups = np.bincount(part[up], minlength=sizes.size)
        downs = np.bincount(part[down], minlength=sizes.size)
        pairs = np.minimum(ups, downs)
        up_start, down_stop = np.cumsum(ups) - ups, np.cumsum(downs)
        step = np.arange(pairs.sum()) - np.repeat(np.cumsum(pairs) - pairs, pairs)
        a = place[up[np.repeat(up_start, pairs) + step]]
        b = place[down[np.repeat(down_stop - 1, pairs) - step]]
        apart = a < b
        swaps = np.bincount(np.repeat(np.arange(pairs.size), pairs)[apart], minlength=pairs.size)
        self.swap(a[apart], b[apart])
        # The left pointer ends at its next stop, or at what was last put there from the left.
        cut = last.copy()
        more = swaps < ups
        cut[more] = place[up[(up_start + swaps)[more]]]
        some = swaps > 0
        cut[some] = np.minimum(cut[some], place[down[(down_stop - swaps)[some]]])
        return cut

    def _median_to_front(self, first, last):
        a, b, c = first + 1, first + (last - first) // 2, last - 1
        x, y, z = self.keys[a], self.keys[b], self.keys[c]
        rising = np.where(y < z, b, np.where(x < z, c, a))
        falling = np.where(x < z, a, np.where(y < z, c, b))
        self.swap(first, np.where(x < y, rising, falling))

    def heap_sort(self, start, middle, stop):
        """std::partial_sort of one part."""
        keys, origin = self.heap_select(start, middle, stop)
        for end in range(len(keys) - 1, 0, -1):
            key, place = keys[end], origin[end]
            keys[end], origin[end] = keys[0], origin[0]
            _sift(keys, origin, 0, end, key, place)
        self.keys[start:middle], self.origin[start:middle] = keys, origin

    def heap_select(self, start, middle, stop):
        """std::__heap_select: the least of [start, stop) as a heap in [start, middle)."""
        keys, origin = self.keys[start:middle].tolist(), self.origin[start:middle].tolist()
        size = len(keys)
        for parent in range((size - 2) // 2, -1, -1):
            _sift(keys, origin, parent, size, keys[parent], origin[parent])
        for block in range(middle, stop if size else middle, 1024):
            below = self.keys[block : min(block + 1024, stop)] < keys[0]
            for i in (np.flatnonzero(below) + block).tolist():
                key, place = int(self.keys[i]), int(self.origin[i])
                if key < keys[0]:
                    self.keys[i], self.origin[i] = keys[0], origin[0]
                    _sift(keys, origin, 0, size, key, place)
        self.keys[start:middle], self.origin[start:middle] = keys, origin
        return keys, origin


def _sift(keys, origin, hole, size, key, place):
    """std::__adjust_heap: the larger children move up to the leaf, then the element climbs."""
    top, child = hole, hole
    while child < (size - 1) // 2:
        child = 2 * child + 2
        if keys[child] < keys[child - 1]:
            child -= 1
        keys[hole], origin[hole] = keys[child], origin[child]
        hole = child
    if size % 2 == 0 and child == (size - 2) // 2:
        child = 2 * child + 1
        keys[hole], origin[hole] = keys[child], origin[child]
        hole = child
    while hole > top and keys[parent := (hole - 1) // 2] < key:
        keys[hole], origin[hole] = keys[parent], origin[parent]
        hole = parent
    keys[hole], origin[hole] = key, place


def _quickselect(keys, rank):
    origin = list(range(len(keys)))

    def swap(a, b):
        keys[a], keys[b] = keys[b], keys[a]
        origin[a], origin[b] = origin[b], origin[a]

    low, high = 0, len(keys) - 1
    while high > low:
        if high == low + 1:
            if keys[low] > keys[high]:
                swap(low, high)
            break
        swap(low + (high - low) // 2, low + 1)
        for a, b in ((low + 1, high), (low, high), (low + 1, low)):
            if keys[a] > keys[b]:
                swap(a, b)
        i, j, pivot = low + 1, high, keys[low]
        while True:
            i += 1
            while pivot > keys[i]:
                i += 1
            j -= 1
            while keys[j] > pivot:
                j -= 1
            if j < i:
                break
            swap(i, j)
        swap(low, j)
        if j <= rank:
            low = i
        if j >= rank:
            high = j - 1
    return origin
