"""The loops over time of an LSTM in generated code, forwards and backwards.

Cases of a batch do not meet, so each thread takes some of them through all steps. A tile is a few
cases by one vector of hidden units with all four gates: what the gates decide is computed where the
product has left them, in the registers. Each function answers None where NumPy should do it.
"""

import threading
from math import ceil

import numpy as np

from ..core.blocks import THREADS
from . import kernels, native
from .code import BYTES, Code, Value, kind_of
from .convolution_code import multiply_add
from .mathematics import FUNCTIONS
from .pointwise import lanes_below, over
from .pool import ensure
from .reductions import loop

__all__ = ["lstm", "lstm_back"]

LEAST = 1 << 14  # products of one step below which NumPy's are as fast
_TYPES = (np.dtype(np.float32), np.dtype(np.float64))
_GATES = 4
_KERNELS = {}
_LOCK = threading.Lock()


class _Body:
    """A kernel over cases being written."""

    def __init__(self, kind, pointers, numbers):
        self.kind = kind
        m = self.m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
        self.kinds = ["ptr"] * len(pointers) + ["i64"] * len(numbers)
        names = [*pointers, *numbers]
        for name, value in zip(names, kernels.arguments(m, self.kinds), strict=True):
            setattr(self, name, value)
        self.zero = m.constant("i64", 0, 1)
        many = native.HOST.vector_bytes == 64 or not native.HOST.triple.startswith("x86")
        self.tile = 4 if many else 2  # cases

    def accumulators(self, count):
        return [self.m.slot(Value(self.m, self.kind, self.m.lanes, "").type, 64)
                for _ in range(count)]  # fmt: skip

    def load(self, home, index, mask=None):
        return self.m.load(self.m.at(home, index, self.kind), self.kind, mask=mask)

    def store(self, value, home, index, mask):
        self.m.store(value, self.m.at(home, index, self.kind), mask)

    def cases(self, first, end, write):
        """``write(cases)`` tile by tile; the last case stands in for those after it."""
        m = self.m

        def tile(i):
            one = first + i * self.tile
            write([_lesser(m, one + k, end - 1) for k in range(self.tile)])

        tiles = (end - first + (self.tile - 1)) / m.constant("i64", self.tile, 1)
        loop(m, self.zero, tiles, tile)

    def products(self, slots, lefts, right, count, vectors):
        """Add to slots[case][vector] the product of rows `lefts` and a panel `vectors` wide."""
        m = self.m

        def term(k):
            line = m.at(right, k * (vectors * m.lanes), self.kind)
            columns = [self.load(line, m.constant("i64", v * m.lanes, 1)) for v in range(vectors)]
            for i, left in enumerate(lefts):
                factor = m.splat(m.load(m.at(left, k, self.kind), self.kind, 1))
                for v, column in enumerate(columns):
                    slot = slots[i * vectors + v]
                    m.store(multiply_add(m, factor, column, m.load(slot, self.kind)), slot)

        loop(m, self.zero, count, term)

    def finish(self, unit):
        """The built-in function that does ``unit(first case, end)`` for all units."""
        m = self.m

        def one(u):
            first = u * self.each
            unit(first, _lesser(m, first + self.each, self.count))

        loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), one)
        m.line("ret void")
        body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
        return kernels.build(body, self.kinds, m.module, chunk=1, work=1 << 15)


def _lesser(m, x, y):
    return m.select(x < y, x, y)


def _forward(kind, biased):
    """``kernel(hidden, cells, acts, gates, w, bias, steps, count, size, panels, each, units)``."""
    b = _Body(kind, ("hidden", "cells", "acts", "gates", "w", "bias"),
              ("steps", "count", "size", "panels", "each"))  # fmt: skip
    m = b.m
    sigmoid, tanh = FUNCTIONS["sigmoid"], FUNCTIONS["tanh"]
    slots = b.accumulators(b.tile * _GATES)

    def tile(t, panel, cases):
        column = panel * m.lanes
        mask = lanes_below(m, b.size - column)
        rows = [t * b.count + case for case in cases]
        gates = [row * b.size * _GATES + column for row in rows]
        for i, place in enumerate(gates):
            for g in range(_GATES):
                start = b.load(b.gates, place + b.size * g, mask)
                if biased:
                    start = start + b.load(b.bias, column + b.size * g, mask)
                m.store(start, slots[i * _GATES + g])
        lefts = [m.at(b.hidden, row * b.size, kind) for row in rows]
        b.products(slots, lefts, m.at(b.w, panel * b.size * (_GATES * m.lanes), kind), b.size,
                   _GATES)  # fmt: skip
        for i, (row, place) in enumerate(zip(rows, gates, strict=True)):
            decide(row * b.size + column, place, mask, slots[i * _GATES : (i + 1) * _GATES])

    def decide(place, gates, mask, sums):
        into, forget, new, out = [
            use(m, m.load(s, kind)) for s, use in zip(sums, (sigmoid, sigmoid, tanh, sigmoid),
                                                      strict=True)]  # fmt: skip
        following = place + b.count * b.size
        cell = forget * b.load(b.cells, place, mask) + into * new
        b.store(cell, b.cells, following, mask)
        b.store(out * tanh(m, cell), b.hidden, following, mask)
        for g, value in enumerate((into, forget, new, out)):
            b.store(value, b.acts, gates + b.size * g, mask)

    def unit(first, end):
        loop(m, b.zero, b.steps, lambda t: loop(
            m, b.zero, b.panels, lambda panel: b.cases(
                first, end, lambda cases: tile(t, panel, cases))))  # fmt: skip

    return b.finish(unit)


def _backward(kind, vectors):
    """``kernel(into, dh, dc, g, acts, cells, w, steps, count, size, panels, each, units)``: `into`
    gets the cotangent of the gates; `dh`, `dc` hold those of the states, step by step."""
    b = _Body(kind, ("into", "dh", "dc", "g", "acts", "cells", "w"),
              ("steps", "count", "size", "panels", "each"))  # fmt: skip
    m = b.m
    tanh = FUNCTIONS["tanh"]
    slots = b.accumulators(b.tile * vectors)

    def decide(t, case):
        row = t * b.count + case

        def at(column, mask):
            state, place = case * b.size + column, row * b.size + column
            gates = row * b.size * _GATES + column
            into, forget, new, out = [
                b.load(b.acts, gates + b.size * g, mask) for g in range(_GATES)
            ]
            squashed = tanh(m, b.load(b.cells, place + b.count * b.size, mask))
            dh = b.load(b.dh, state, mask) + b.load(b.g, place, mask)
            dc = b.load(b.dc, state, mask) + dh * out * (1.0 - squashed * squashed)
            b.store(dc * forget, b.dc, state, mask)
            found = (
                dc * new * ((1.0 - into) * into),
                dc * b.load(b.cells, place, mask) * ((1.0 - forget) * forget),
                dc * into * (1.0 - new * new),
                dh * squashed * ((1.0 - out) * out),
            )
            for g, value in enumerate(found):
                b.store(value, b.into, gates + b.size * g, mask)

        over(m, b.zero, b.size, at)

    def tile(t, panel, cases):
        for slot in slots:
            m.store(m.constant(kind, 0), slot)
        depth = b.size * _GATES
        lefts = [m.at(b.into, (t * b.count + case) * depth, kind) for case in cases]
        right = m.at(b.w, panel * depth * (vectors * m.lanes), kind)
        b.products(slots, lefts, right, depth, vectors)
        for i, case in enumerate(cases):
            for v in range(vectors):
                column = panel * (vectors * m.lanes) + v * m.lanes
                mask = lanes_below(m, b.size - column)
                b.store(m.load(slots[i * vectors + v], kind), b.dh, case * b.size + column, mask)

    def unit(first, end):
        def step(s):
            t = b.steps - 1 - s
            loop(m, first, end, lambda case: decide(t, case))
            loop(m, b.zero, b.panels, lambda panel: b.cases(
                first, end, lambda cases: tile(t, panel, cases)))  # fmt: skip

        loop(m, b.zero, b.steps, step)

    return b.finish(unit)


# --- the doors ------------------------------------------------------------------------------------


def _kernel(make, dtype, *options):
    key = make, dtype.num, options
    found = _KERNELS.get(key)
    if found is None:
        with _LOCK:
            found = _KERNELS[key] = make(kind_of(dtype), *options)
    ensure()
    return found


def _usable(*arrays):
    dtype = arrays[0].dtype
    return dtype in _TYPES and all(a is None or a.dtype is dtype for a in arrays)


def _units(count):
    """(cases a unit takes, units): as many units as threads."""
    each = ceil(count / THREADS.count)
    each = ceil(each / 4) * 4
    return each, ceil(count / each)


def _lanes(dtype):
    return native.HOST.vector_bytes // dtype.itemsize


def _worth(gates, size):
    return gates.size and gates.shape[1] * _GATES * size * size >= LEAST


def lstm(gates, hidden, cell, weight, bias):
    """(hidden states, cells, gates) over all steps, as `primitives/recurrent.py` defines them."""
    steps, count = gates.shape[:2]
    size = hidden.shape[1]
    if not _usable(gates, hidden, cell, weight, bias) or not _worth(gates, size):
        return None
    lanes = _lanes(gates.dtype)
    panels = ceil(size / lanes)
    packed = np.zeros((panels, size, _GATES, lanes), gates.dtype)
    rows = weight.reshape(_GATES, size, size)
    for p in range(panels):
        part = rows[:, p * lanes : (p + 1) * lanes]
        packed[p, :, :, : part.shape[1]] = part.transpose(2, 0, 1)
    states, cells = [np.empty((steps + 1, count, size), gates.dtype) for _ in range(2)]
    states[0], cells[0] = hidden, cell
    acts = np.empty(gates.shape, gates.dtype)
    each, units = _units(count)
    _kernel(_forward, gates.dtype, bias is not None)(
        states, cells, acts, np.ascontiguousarray(gates), packed,
        acts if bias is None else np.ascontiguousarray(bias), steps, count, size, panels, each,
        units,
    )  # fmt: skip
    return states, cells, acts


def lstm_back(g, dc, cells, acts, weight):
    """The cotangents of (gates, first hidden state, first cell) from that of the outputs (zeros
    where it is None) and the last cell; `dc` is overwritten."""
    if not _usable(acts, g, dc, cells, weight) or not _worth(acts, weight.shape[1]):
        return None
    steps = cells.shape[0] - 1
    count, size = cells.shape[1:]
    g = np.zeros((steps, count, size), acts.dtype) if g is None else np.ascontiguousarray(g)
    lanes = _lanes(acts.dtype)
    vectors = min(4, ceil(size / lanes))
    wide = vectors * lanes
    panels = ceil(size / wide)
    packed = np.zeros((panels, _GATES * size, wide), acts.dtype)
    for p in range(panels):
        part = weight[:, p * wide : (p + 1) * wide]
        packed[p, :, : part.shape[1]] = part
    into, dh = np.empty(acts.shape, acts.dtype), np.zeros((count, size), acts.dtype)
    each, units = _units(count)
    _kernel(_backward, acts.dtype, vectors)(
        into, dh, dc, g, acts, cells, packed, steps, count, size, panels, each, units
    )
    return into, dh, dc
