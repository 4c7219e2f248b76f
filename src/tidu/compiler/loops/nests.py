"""Loop nests: one pass over an iteration space that computes, writes and reduces its elements.

A `Nest` has static sizes; each operand is a `Place`. The innermost loop runs on vectors: which
dimension, the strides say. Sums run in vector lanes, in groups of groups of terms, so their error
grows with the logarithm of the count. A function finds its operands through the table of addresses
and a list of slots and offsets, so loops that differ in nothing else are one. Where sizes vary
(`Nest.varying`) they stand in the list too, and nothing else depends on them: the text of one size
is the text of all.
"""

import math
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil

from ..machine import native
from ..machine.code import BYTES, Code, Value
from . import turns
from .pointwise import over
from .reductions import GROUPS, in_groups, loop

__all__ = ["HEADER", "LIST", "Nest", "Place", "Reduction", "Writer", "Written", "emit", "homes"]

HEADER = "define internal void @body(ptr noalias %table, i64 %start, i64 %stop) noinline"
LIST = -1  # the word of the table, before its first, that points to the list of a function
BLOCK = 4096  # terms of a reduction of everything that leave one partial result
ABREAST = 4  # vectors of columns that are summed at a time: whole lines of the cache
SHARE = 1 << 15  # elements from which a nest is worth two threads


@dataclass
class Place:
    """Where an operand lies: table slot, offset and strides in elements, kind of its elements."""

    slot: int
    offset: int
    strides: tuple
    kind: str


@dataclass
class Reduction:
    """`name` ("sum", "product", "max", "min") of a term over the reduced dimensions, to `place`."""

    name: str
    term: object
    place: Place


@dataclass
class Written:
    """The text of ``@body(ptr %table, i64 %start, i64 %stop)``, and how it is called."""

    text: str
    module: dict  # its declarations
    units: int  # of its range
    each: int  # elements in a unit
    places: list  # (slot, offset) of each operand
    numbers: list = field(default_factory=list)  # that it reads from its list, behind the places
    step: int = 1  # units that are not to be parted
    chunk: int | None = None  # units to take at a time, where that is not the caller's to choose
    imports: tuple = ()  # (name, what gives its address)


@dataclass
class Nest:
    """`compute(m, values)` fills `values` (by key) from the reads; then writes and reductions."""

    shape: tuple
    reads: dict
    compute: object
    writes: dict = field(default_factory=dict)
    reductions: list = field(default_factory=list)
    reduced: tuple = ()
    varying: bool = False
    parts: bool = True  # whether a reduction of everything may leave partial results
    same: dict = field(default_factory=dict)  # keys that `compute` finds under another

    def places(self):
        return [*self.reads.values(), *self.writes.values(), *[r.place for r in self.reductions]]


def _axes(nest, places):
    """The axes, outermost first: in the order in which most of what has them all lies."""
    plain = tuple(range(len(nest.shape)))
    if nest.varying:
        return plain
    wide = [a for a in plain if nest.shape[a] > 1]
    orders = Counter({plain: 0.5})
    for p in places:
        if all(p.strides[a] for a in wide):
            orders[tuple(sorted(plain, key=lambda a: -abs(p.strides[a])))] += 1
    return max(orders, key=orders.get)


def _collapsed(nest):
    """(sizes, whether reduced, strides of each place) with dimensions merged where all allow it."""
    places = nest.places()
    sizes, kinds, strides = [], [], [[] for _ in places]
    for d in _axes(nest, places):
        n = nest.shape[d]
        if n == 1 and not (nest.varying and len(nest.shape) == 1):
            continue
        reduced = d in nest.reduced
        merges = (
            sizes
            and kinds[-1] == reduced
            and all(s[-1] == p.strides[d] * n for s, p in zip(strides, places, strict=True))
        )
        if merges:
            sizes[-1] *= n
            for s, p in zip(strides, places, strict=True):
                s[-1] = p.strides[d]
        else:
            sizes.append(n)
            kinds.append(reduced)
            for s, p in zip(strides, places, strict=True):
                s.append(p.strides[d])
    return sizes, kinds, strides


def _vector_dimension(sizes, kinds, strides, reads, varying):
    """The dimension that runs in lanes: where most operands lie side by side."""

    def score(d):
        good = 0
        for i, s in enumerate(strides):
            if s[d] == 1:
                good += 2
            elif s[d] != 0:
                good -= 4 if i < reads else 3
        return good, varying or sizes[d] >= 8, d

    last = {}
    for d, reduced in enumerate(kinds):
        last[reduced] = d
    return max(last.values(), key=score) if last else None


class Writer:
    """The state of writing one nest."""

    def __init__(self, nest):
        self.nest, self.step = nest, 1
        self.sizes, self.kinds, self.strides = _collapsed(nest)
        self.vector = self.along()
        floats = [max(BYTES[p.kind], 4) for p in nest.places() if p.kind[0] in "fhb"] or [8]
        lanes = native.HOST.vector_bytes // min(floats)
        if self.vector is None or (self.sizes[self.vector] < 2 and not nest.varying):
            lanes = 1
        self.m = Code(lanes=lanes)
        self.numbers = list(self.sizes) if nest.varying else []
        self.homes, self.lengths = homes(
            self.m, [p.kind for p in nest.places()], len(self.numbers)
        )  # fmt: skip
        if not nest.varying:
            self.lengths = [self.constant(n) for n in self.sizes]
        self.accumulators = []
        self.turn, self.tiles = self.across(), {}
        if self.turn is not None:
            blocks = ceil(self.sizes[self.turn] / self.m.lanes)
            self.lengths[self.turn] = self.constant(blocks)
        self.abreast = self._abreast()
        self.reductions = nest.reductions * self.abreast

    def _abreast(self):
        """How many vectors are done at a time: several where rows are added, one by one, of which
        a vector would be a small part."""
        nest, d, lanes = self.nest, self.vector, self.m.lanes
        if lanes == 1 or nest.varying or not nest.reductions or self.kinds[d]:
            return 1
        fits = any(self.kinds) and self.sizes[d] % (ABREAST * lanes) == 0
        return ABREAST if fits and all(s[d] in (0, 1) for s in self.strides) else 1

    def along(self):
        """The dimension that runs in lanes."""
        return _vector_dimension(
            self.sizes, self.kinds, self.strides, len(self.nest.reads), self.nest.varying
        )

    def across(self):
        """The dimension that blocks go through together with that, if some do."""
        return None if self.vector is None else turns.across(self)

    def count(self, d):
        """How many steps there are along an outer dimension."""
        return self.sizes[d] if d != self.turn else ceil(self.sizes[d] / self.m.lanes)

    def constant(self, n):
        return self.m.constant("i64", n, 1)

    # --- loops -----------------------------------------------------------------------------

    def write(self):
        m, index = self.m, {}
        kept = [d for d, r in enumerate(self.kinds) if not r]
        outer = [d for d in kept if d != self.vector]
        start, stop = Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop")
        if outer:
            first = self._parallel(outer)
            units = math.prod(self.count(d) for d in outer[:first])
            loop(m, start, stop, lambda u: self._unit(u, outer, first, index))
        elif kept:
            units, self.step = self.sizes[self.vector], self.m.lanes * self.abreast
            self._strip(start, stop, index)
        else:
            units = self._whole(start, stop, index)
        m.line("ret void")
        each = max(math.prod(self.nest.shape) // max(units, 1), 1)
        places = [(p.slot, p.offset) for p in self.nest.places()]
        return Written(m.text(HEADER), m.module, units, each, places, self.numbers, self.step)

    def _parallel(self, outer):
        """How many of the outer dimensions are one range that threads share."""
        if self.nest.varying:
            return min(2, len(outer))
        count, units = 0, 1
        while count < len(outer) and units < 64:
            units *= self.count(outer[count])
            count += 1
        return count

    def _unit(self, u, outer, first, index):
        """One value of the shared range, taken apart into its dimensions."""
        m = self.m
        for d in reversed(outer[:first]):
            n = self.lengths[d]
            if d == outer[0]:
                index[d] = u
            else:
                index[d] = m.put("i64", 1, f"urem {u}, {n.text}")
                u = m.put("i64", 1, f"udiv {u}, {n.text}")
        self._deeper(outer[first:], index)

    def _deeper(self, dimensions, index):
        if dimensions:
            d, *rest = dimensions

            def at(i):
                index[d] = i
                self._deeper(rest, index)

            return loop(self.m, self.constant(0), self.lengths[d], at)
        if self.vector is not None and not self.kinds[self.vector]:
            return self._strip(self.constant(0), self.lengths[self.vector], index)
        self._reduce(index, None)

    def _strip(self, start, stop, index):
        """The kept dimension that runs in lanes."""

        def at(i, mask):
            index[self.vector] = i
            self._reduce(index, mask)

        if self.turn is not None:
            return turns.strip(self, start, stop, index)
        if self.m.lanes == 1:
            return loop(self.m, start, stop, lambda i: at(i, None))
        if self.abreast > 1:
            step = self.constant(self.m.lanes * self.abreast)
            return loop(self.m, start / step, stop / step, lambda k: at(k * step, None))
        over(self.m, start, stop, at, self._known(self.vector))

    def _known(self, d):
        """The size of a dimension, if the text may depend on it."""
        return None if self.nest.varying else self.sizes[d]

    def _whole(self, start, stop, index):
        """Everything is reduced: the range is of blocks, each with a result of its own."""
        if not _in_blocks(self.nest, self.sizes, self.kinds):
            self._reduce(index, None)
            return 1
        loop(self.m, start, stop, lambda b: self._reduce(index, None, b))
        return _blocks(self.sizes[0])

    # --- reductions ------------------------------------------------------------------------

    def _reduce(self, index, mask, block=None):
        """All reduced dimensions for one place of the kept ones (or a vector of places)."""
        if not self.nest.reductions:
            return self.element(index, mask)
        m, lanes = self.m, self.m.lanes
        inner = [d for d, r in enumerate(self.kinds) if r]
        in_lanes = lanes > 1 and self.kinds[self.vector]
        totals = [self._accumulator(r) for r in self.reductions]
        if inner:
            self._inner(inner, index, mask, totals, block)
        else:
            self.element(index, mask, totals)
        for here, parts in self._beside(index, totals):
            for r, total in zip(self.nest.reductions, parts, strict=True):
                value = m.load(total, r.place.kind, lanes)
                if in_lanes:
                    value = m.fold(value, lambda a, b, r=r: _combined(m, r.name, a, b))
                self._store(r.place, value, here, mask if not in_lanes else None, block)

    def _beside(self, index, parts):
        """(index, its share of `parts`) of each of the vectors that are done together."""
        many = len(self.nest.reductions)
        for v in range(self.abreast):
            here = {**index, self.vector: index[self.vector] + v * self.m.lanes} if v else index
            yield here, parts[v * many : (v + 1) * many]

    def _accumulator(self, reduction):
        """Memory that holds the neutral number of a reduction in each lane."""
        m = self.m
        slot = m.slot(Value(m, reduction.place.kind, m.lanes, "").type, 64)
        m.store(self._start(reduction), slot)
        return slot

    def _start(self, reduction):
        kind = reduction.place.kind
        number = {"sum": 0, "product": 1, "max": -math.inf, "min": math.inf}[reduction.name]
        if math.isinf(number) and kind[0] != "f":
            top = 1 << (8 * BYTES[kind] - 1) if kind != "i1" else 1
            number = top - (kind != "i1") if number > 0 else -top * (kind != "i1")
        return self.m.constant(kind, number)

    @contextmanager
    def _apart(self, into):
        """Accumulators of their own for what rounds, which are added to `into` at the end."""
        m, parts = self.m, list(into)
        for k, r in enumerate(self.reductions):
            if _rounds(r):
                parts[k] = self._accumulator(r)
        yield parts
        for part, total, r in zip(parts, into, self.reductions, strict=True):
            if part is not total:
                kind = r.place.kind
                m.store(m.load(total, kind) + m.load(part, kind), total)

    def _widths(self, d, most=None):
        """Of the pieces in which terms along a dimension (no more than `most`) are added."""
        if not any(_rounds(r) for r in self.nest.reductions):
            return []
        most = self._known(d) if most is None else most
        lanes = self.m.lanes if d == self.vector else 1
        return [n * lanes for n in GROUPS if most is None or n * lanes < most]

    def _inner(self, dimensions, index, mask, into, block=None):
        """What is reduced over these dimensions, in groups, added to `into`."""
        m, (d, *rest), size = self.m, dimensions, self.lengths[dimensions[0]]
        span, widths = (self.constant(0), size), self._widths(d)
        if block is not None:
            end = block * BLOCK + BLOCK
            span = block * BLOCK, m.select(end < size, end, size)
            widths = self._widths(d, BLOCK)

        def line(i, parts):
            index[d] = i
            with self._apart(parts) as own:
                self._inner(rest, index, mask, own)

        def element(i, inner_mask, parts):
            index[d] = i
            for here, own in self._beside(index, parts):
                self.element(here, mask if inner_mask is None else inner_mask, own,
                              d == self.vector and inner_mask is not None)  # fmt: skip

        def run(low, high, parts):
            if rest:
                loop(m, low, high, lambda i: line(i, parts))
            elif d == self.vector and m.lanes > 1:
                over(m, low, high, lambda i, inside: element(i, inside, parts), self._known(d))
            else:
                loop(m, low, high, lambda i: element(i, None, parts))

        in_groups(m, span, widths, self._apart, into, run)

    # --- elements --------------------------------------------------------------------------

    def position(self, k, index):
        """The index of an element of place k, as one i64."""
        total = None
        for d, stride in enumerate(self.strides[k]):
            if stride and d in index:
                here = index[d] * stride if stride != 1 else index[d]
                total = here if total is None else total + here
        return self.constant(0) if total is None else total

    def element(self, index, mask, parts=(), neutral=False):
        """Reads, computes, writes and accumulates at one place, or one vector of places."""
        m, nest = self.m, self.nest
        values = {}
        for k, (key, place) in enumerate(nest.reads.items()):
            values[key] = self._read(k, place, index, mask)
        nest.compute(m, values)
        count = len(nest.reads)
        for k, (key, place) in enumerate(nest.writes.items()):
            value = m.splat(values[key]) if m.lanes > 1 else values[key]
            self._put(count + k, place, value, index, mask)
        for part, r in zip(parts, nest.reductions, strict=True):
            term = values[r.term]
            if term.kind != r.place.kind:
                term = m.convert(term, r.place.kind)
            term = m.splat(term) if m.lanes > 1 else term
            if neutral:
                term = m.select(mask, term, self._start(r))
            m.store(_combined(m, r.name, m.load(part, r.place.kind), term), part)

    def _read(self, k, place, index, mask):
        m = self.m
        if k in self.tiles:
            return m.load(self.tiles[k], place.kind)
        pointer = m.at(self.homes[k], self.position(k, index), place.kind)
        stride = 0 if self.vector is None else self.strides[k][self.vector]
        if m.lanes == 1 or stride == 0:
            return m.load(pointer, place.kind, 1)
        if stride == 1:
            return m.load(pointer, place.kind, mask=mask)
        return m.gather(pointer, place.kind, stride, mask)

    def _put(self, k, place, value, index, mask):
        m = self.m
        if k in self.tiles:
            return m.store(value, self.tiles[k])
        value = m.stored(value, place.kind)
        pointer = m.at(self.homes[k], self.position(k, index), place.kind)
        stride = 0 if self.vector is None else self.strides[k][self.vector]
        if m.lanes == 1:
            return m.store(value, pointer)
        if stride == 1:
            return m.store(value, pointer, mask)
        m.scatter(value, pointer, place.kind, stride, mask)

    def _store(self, place, value, index, mask, block):
        """The result of a reduction."""
        k = next(i for i, p in enumerate(self.nest.places()) if p is place)
        m = self.m
        if block is not None:
            return m.store(value, m.at(self.homes[k], block, place.kind))
        if value.lanes > 1:
            return self._put(k, place, value, index, mask)
        m.store(value, m.at(self.homes[k], self.position(k, index), place.kind))


def _rounds(reduction):
    """Whether what it makes depends on the order of its terms."""
    return reduction.name == "sum" and reduction.place.kind[0] == "f"


def _combined(m, name, a, b):
    if name in ("sum", "product"):
        return a + b if name == "sum" else a * b
    return m.maximum(a, b) if name == "max" else m.minimum(a, b)


def _in_blocks(nest, sizes, kinds):
    """Whether a nest that reduces everything leaves partial results, one for each block."""
    alone = nest.parts and len(sizes) == 1 and kinds[0]
    return alone and (nest.varying or sizes[0] > BLOCK)


def blocks_of(nest):
    """How many partial results a nest leaves, that must be added; 0: none."""
    sizes, kinds, _ = _collapsed(nest)
    if nest.reductions and _in_blocks(nest, sizes, kinds):
        return _blocks(sizes[0])
    return 0


def _blocks(size):
    return max(1, -(-size // BLOCK))


def emit(nest):
    """The nest as a function."""
    return Writer(nest).write()


def homes(m, kinds, numbers=0, others=0):
    """(addresses of the operands of a function with the header `HEADER`, the so many numbers that
    follow the operands in its list, behind those of `others`)."""
    at = lambda home, k: m.at(home, m.constant("i64", k, 1), "i64")
    table, out = Value(m, "ptr", 1, "%table"), []
    list_ = m.load(at(table, LIST), "ptr", 1)
    for k, kind in enumerate(kinds):
        slot, offset = [m.load(at(list_, 2 * k + i), "i64", 1) for i in (0, 1)]
        home = m.load(m.at(table, slot, "i64"), "ptr", 1)
        out.append(m.at(home, offset, kind))
    first = 2 * (len(kinds) + others)
    return out, [m.load(at(list_, first + i), "i64", 1) for i in range(numbers)]
