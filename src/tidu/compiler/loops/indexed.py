"""Elements read, added and put at places that an index array names, along one axis.

The array is seen as (lead, size, tail), the index along `size`. `rows`, `picks` read, `add_rows`,
`put_rows`, `add_picks` and `put_picks` write: rows are whole tails, picks single elements. Several
index arrays are one, along the axes of all of them seen as one. Wrong places are looked for
beforehand by a `stop` (see `stops.py`), which the definitions at the end write, so that nothing
here reads or writes outside.
"""

from math import prod

import numpy as np

from ...core.handle import element_type, shape_of
from ...core.primitive import Primitive
from ...primitives import arithmetic, base, comparison, indexing, reductions
from ..machine import native
from ..machine.code import BYTES, Code, Value, kind_of
from .nests import HEADER, Written, homes
from .pointwise import over
from .reductions import loop
from .stops import stop

__all__ = ["DEFINITIONS", "emit", "lowers"]

_WIDE = 64  # columns of rows that one thread adds up


# --- what the steps are ---------------------------------------------------------------------------


def _add_rows(g, index, *, axis, shape):
    return indexing.put_add.eval(g, index, dims=(axis,), shape=shape)


def _shape_of_rows(prim, args, params):
    shape, axis = tuple(shape_of(args[0])), params["axis"]
    return (*shape[:axis], *shape_of(args[1]), *shape[axis + 1 :]), element_type(args[0])


rows = Primitive(
    "rows", lambda x, index, *, axis: np.take(x, index, axis), ("x", "index"),
    shape=_shape_of_rows, tex="rows(x, index)",
)  # fmt: skip
add_rows = Primitive(
    "add_rows", _add_rows, ("g", "index"), tex="add_rows(g, index)",
    shape=lambda prim, args, params: (params["shape"], element_type(args[0])),
)  # fmt: skip
put_rows = Primitive(
    "put_rows", lambda x, index, source, *, axis: indexing.put.eval(x, source, index, dims=(axis,)),
    ("x", "index", "source"), tex="put_rows(x, index)",
    shape=lambda prim, args, params: (shape_of(args[0]), element_type(args[0])),
)  # fmt: skip
picks = Primitive(
    "picks", indexing.gather.eval, ("x", "index"), tex="picks(x, index)",
    shape=lambda prim, args, params: (shape_of(args[1]), element_type(args[0])),
)  # fmt: skip
add_picks = Primitive(
    "add_picks", indexing.scatter_add.eval, ("x", "index", "source"), tex="add_picks(x, index)",
    shape=lambda prim, args, params: (shape_of(args[0]), element_type(args[0])),
)  # fmt: skip
put_picks = Primitive(
    "put_picks", indexing.scatter.eval, ("x", "index", "source"), tex="put_picks(x, index)",
    shape=lambda prim, args, params: (shape_of(args[0]), element_type(args[0])),
)  # fmt: skip


def lowers(e):
    return e.prim in _BODIES


# --- the code -------------------------------------------------------------------------------------


def emit(plan, step):
    """The step as a function; its arrays are dense."""
    e = step.equation
    return _Writer(plan, e).written


class _Writer:
    """The state of writing one step."""

    def __init__(self, plan, e):
        refs = [plan.refs[v] for v in (*e.ins, *e.outs)]
        self.kinds = [kind_of(r.dtype) for r in refs]
        self.prim = e.prim
        sizes = _sizes(e)
        self.m = m = Code(lanes=native.HOST.vector_bytes // BYTES[self.kinds[-1]])
        count = len(sizes) if plan.varying else 0
        self.homes, values = homes(m, self.kinds, count)
        self.lead, self.count, self.size, self.tail, self.blocks = values or [
            m.constant("i64", n, 1) for n in sizes
        ]
        self.zero = m.constant("i64", 0, 1)
        start, stop_ = Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop")
        loop(m, start, stop_, lambda u: _BODIES[e.prim](self, u))
        m.line("ret void")
        lead, count, _, tail, blocks = sizes
        units = {rows: lead * count, picks: lead * count, add_rows: lead * blocks}
        units = units.get(e.prim, lead)
        each = max(1, lead * count * tail // max(1, units))
        places = [(r.buffer, r.offset) for r in refs]
        numbers = list(sizes) if plan.varying else []
        self.written = Written(m.text(HEADER), m.module, units, each, places, numbers)

    def at(self, k, place):
        """The address of an element of operand k."""
        return self.m.at(self.homes[k], place, self.kinds[k])

    def place(self, k):
        """Entry k of the index, counted from the beginning."""
        m = self.m
        found = m.convert(m.load(self.at(1, k), self.kinds[1], 1), "i64")
        return m.select(found < 0, found + self.size, found)

    def copy(self, source, here, target, there, count):
        """`count` elements of one operand to another."""
        m = self.m

        def part(j, mask):
            value = m.load(self.at(source, here + j), self.kinds[source], mask=mask)
            m.store(value, self.at(target, there + j), mask)

        over(m, self.zero, count, part)


def _sizes(e):
    """(lead, entries of the index along the axis, size, tail, blocks of columns)."""
    axis, index = e.params["axis"], e.ins[1].shape
    shape = e.outs[0].shape if e.prim is add_rows else e.ins[0].shape
    tail = prod(shape[axis + 1 :])
    count = prod(index) if e.prim in (rows, add_rows, put_rows) else index[axis]
    return prod(shape[:axis]), count, shape[axis], tail, -(-tail // _WIDE)


def _rows(w, u):
    lead, k = u / w.count, w.m.put("i64", 1, f"srem {u}, {w.count.text}")
    w.copy(0, (lead * w.size + w.place(k)) * w.tail, 2, u * w.tail, w.tail)


def _added_rows(w, u):
    """Of a block of columns: zeros, then row by row in the order of the index."""
    m = w.m
    lead, column = u / w.blocks, m.put("i64", 1, f"srem {u}, {w.blocks.text}") * _WIDE
    left = w.tail - column
    width = m.select(left < _WIDE, left, m.constant("i64", _WIDE, 1))
    first = lead * w.size * w.tail + column

    def clear(r):
        over(m, w.zero, width, lambda j, mask: m.store(
            m.constant(w.kinds[2], 0), w.at(2, first + r * w.tail + j), mask))  # fmt: skip

    def add(k):
        to = first + w.place(k) * w.tail
        source = (lead * w.count + k) * w.tail + column

        def part(j, mask):
            more, old = [m.load(w.at(i, p + j), w.kinds[i], mask=mask)
                         for i, p in ((0, source), (2, to))]  # fmt: skip
            m.store(old + more, w.at(2, to + j), mask)

        over(m, w.zero, width, part)

    loop(m, w.zero, w.size, clear)
    loop(m, w.zero, w.count, add)


def _put_rows(w, u):
    """What a lead holds, then row by row in the order of the index."""
    m, whole = w.m, w.size * w.tail
    w.copy(0, u * whole, 3, u * whole, whole)
    loop(m, w.zero, w.count, lambda k: w.copy(
        2, (u * w.count + k) * w.tail, 3, u * whole + w.place(k) * w.tail, w.tail))  # fmt: skip


def _picks(w, u):
    m = w.m
    first = u / w.count * w.size * w.tail

    def pick(t):
        here = u * w.tail + t
        value = m.load(w.at(0, first + w.place(here) * w.tail + t), w.kinds[0], 1)
        m.store(value, w.at(2, here))

    loop(m, w.zero, w.tail, pick)


def _written_picks(added):
    def body(w, u):
        m = w.m
        first = u * w.size * w.tail
        w.copy(0, first, 3, first, w.size * w.tail)

        def line(k):
            def one(t):
                here = (u * w.count + k) * w.tail + t
                value = m.load(w.at(2, here), w.kinds[2], 1)
                place = w.at(3, first + w.place(here) * w.tail + t)
                m.store(m.load(place, w.kinds[3], 1) + value if added else value, place)

            loop(m, w.zero, w.tail, one)

        loop(m, w.zero, w.count, line)

    return body


_BODIES = {
    rows: _rows, add_rows: _added_rows, put_rows: _put_rows, picks: _picks,
    add_picks: _written_picks(True), put_picks: _written_picks(False),
}  # fmt: skip


# --- the operations in these steps ----------------------------------------------------------------


def _served(index, *others):
    kinds = [kind_of(element_type(a)) for a in others]
    if kind_of(element_type(index)) not in ("i32", "i64") or None in kinds or len({*kinds}) > 1:
        return False
    return 0 not in shape_of(index) and all(0 not in shape_of(a) for a in others)


def _extremes(index):
    flat = base.reshape(index, shape=(int(np.prod(shape_of(index), dtype=int)),))
    return [prim(flat, axes=(0,), keepdims=False)
            for prim in (reductions.smallest, reductions.largest)]  # fmt: skip


def _stop_outside(index, size, axis, negative):
    """As `_check` of `primitives/indexing.py`, or `_check_inside` where places do not count from
    the end."""
    low, high = _extremes(index)
    least = -size if negative else 0
    wrong = comparison.bitwise_or(low < least, high >= size)
    if negative:
        bad = base.reshape(arithmetic.select(high >= size, high, low), shape=(1,))
        first = arithmetic.select(wrong, np.array(0, np.int64), np.array(1, np.int64))
        stop(first, bad, count=size, what="index", axis=axis)
        return
    cases = int(np.prod(shape_of(index), dtype=int))
    flat = base.reshape(index, shape=(cases,))
    outside = comparison.bitwise_or(flat < 0, flat >= size)
    places = arithmetic.select(outside, np.arange(cases), np.array(cases, np.int64))
    stop(reductions.smallest(places, axes=(0,), keepdims=False), flat, count=size, what="place",
         axis=axis)  # fmt: skip


class _Places:
    """Index arrays along `dims` of an array of this shape as one index along one axis; each is
    looked at for wrong places. The axes stand side by side where they did, or else in front."""

    def __init__(self, shape, indices, dims):
        count, rank = len(dims), len(shape)
        side_by_side = dims == tuple(range(dims[0], dims[0] + count))
        self.axis = dims[0] if side_by_side else 0
        self.order = tuple(range(rank))
        if not side_by_side:
            self.order = (*dims, *[a for a in range(rank) if a not in dims])
        self.turned = tuple([shape[a] for a in self.order])
        self.lead, self.tail = self.turned[: self.axis], self.turned[self.axis + count :]
        self.whole = (*self.lead, prod(shape[d] for d in dims), *self.tail)
        for index, d in zip(indices, dims, strict=True):
            _stop_outside(index, shape[d], d, True)
        self.index = indices[0] if count == 1 else _as_one(indices, [shape[d] for d in dims])
        self.part = (*self.lead, *shape_of(self.index), *self.tail)  # the shape of what is there

    def seen(self, x):
        """The array with one axis for all that are indexed."""
        x = self._ordered(x, self.order)
        return x if tuple(shape_of(x)) == self.whole else base.reshape(x, shape=self.whole)

    def back(self, x):
        """Of such an array, the axes as they were."""
        if self.turned != self.whole:
            x = base.reshape(x, shape=self.turned)
        return self._ordered(x, tuple(np.argsort(self.order).tolist()))

    def _ordered(self, x, order):
        return x if order == tuple(range(len(order))) else base.transpose(x, axes=order)


def _as_one(indices, sizes):
    """Places in the axes of these sizes, seen as one."""
    whole, place = np.dtype(np.int64), None
    for index, n in zip(indices, sizes, strict=True):
        if element_type(index) != whole:
            index = base.cast(index, to=whole, origin=element_type(index))
        index = arithmetic.select(index < 0, index + n, index)
        place = index if place is None else place * n + index
    return place


def _all_served(shape, indices, *others):
    return 0 not in shape and bool(indices) and all(_served(i, *others) for i in indices)


def _take(x, *indices, dims):
    shape = tuple(shape_of(x))
    if not _all_served(shape, indices, x):
        return indexing.take(x, *indices, dims=dims)
    at = _Places(shape, indices, dims)
    return rows(at.seen(x), at.index, axis=at.axis)


def _put_add(g, *indices, dims, shape):
    if not _all_served(shape, indices, g) or kind_of(element_type(g)) == "i1":
        return indexing.put_add(g, *indices, dims=dims, shape=shape)
    at = _Places(tuple(shape), indices, dims)
    return at.back(add_rows(g, at.index, axis=at.axis, shape=at.whole))


def _put(x, part, *indices, dims):
    shape = tuple(shape_of(x))
    if not _all_served(shape, indices, x, part):
        return indexing.put(x, part, *indices, dims=dims)
    at = _Places(shape, indices, dims)
    part = base.broadcast_to(part, shape=at.part)
    return at.back(put_rows(at.seen(x), at.index, part, axis=at.axis))


def _beside(x, index, axis):
    """Whether the index is as long as the array in all other axes."""
    pairs = zip(shape_of(x), shape_of(index), strict=True)
    return bool(shape_of(x)) and all(n == k for a, (n, k) in enumerate(pairs) if a != axis)


def _gather(x, index, *, axis):
    if not _served(index, x) or not _beside(x, index, axis):
        return indexing.gather(x, index, axis=axis)
    _stop_outside(index, shape_of(x)[axis], axis, False)
    return picks(x, index, axis=axis)


def _scatter(prim, step):
    def define(x, index, source, *, axis):
        fits = _served(index, x, source) and _beside(x, index, axis)
        if not fits or tuple(shape_of(source)) != tuple(shape_of(index)):
            return prim(x, index, source, axis=axis)
        if step is add_picks and kind_of(element_type(x)) == "i1":
            return prim(x, index, source, axis=axis)
        _stop_outside(index, shape_of(x)[axis], axis, False)
        return step(x, index, source, axis=axis)

    return define


DEFINITIONS = {
    indexing.take: _take, indexing.put_add: _put_add, indexing.put: _put,
    indexing.gather: _gather,
    indexing.scatter_add: _scatter(indexing.scatter_add, add_picks),
    indexing.scatter: _scatter(indexing.scatter, put_picks),
}  # fmt: skip
