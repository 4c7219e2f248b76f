"""The orders in which algorithms of the GNU C++ library, and Hoare's quickselect, leave equal ones.

These follow from the comparisons alone: many parts are partitioned at once here, instead of one
swap after the other. Without equal elements every method has one answer, and nobody asks. All
functions take `keys`, an integer matrix of ranks (equal elements have equal ranks), and return
places: row i of the answer says which elements of row i of `keys` stand where.
"""

import numpy as np

__all__ = ["introselect", "introsort", "parted", "partial_sort", "quickselect"]

_SMALL = 16  # parts up to this length are left to the insertion sort at the end


def introsort(keys):
    """The places after std::sort.

    >>> introsort(np.array([[3, 1, 2]]))
    array([[1, 2, 0]])
    """
    heap = parted(keys)
    heap.insertion_sort(*keys.shape)
    return heap.places(*keys.shape)


def parted(keys):
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
