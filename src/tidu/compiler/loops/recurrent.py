"""The loops over time of an LSTM and a GRU in generated code, forwards and backwards.

Cases of a batch do not meet, so each thread takes some of them through all steps. A tile is a few
cases by one vector of hidden units with all gates: what the gates decide is computed where the
product has left them, in the registers. Each function answers None where NumPy should do it.
"""

import threading
from math import ceil

import numpy as np

from ...core.blocks import THREADS
from ..machine import kernels, native
from ..machine.code import BYTES, Code, Value, kind_of
from ..machine.pool import ensure
from .convolution_code import multiply_add
from .mathematics import FUNCTIONS
from .pointwise import lanes_below, over
from .reductions import loop

__all__ = ["gru", "gru_back", "lstm", "lstm_back"]

LEAST = 1 << 14  # products of one step below which NumPy's are as fast
_TYPES = (np.dtype(np.float32), np.dtype(np.float64))
_GATES = {"lstm": 4, "gru": 3}
_KEPT = 4  # numbers kept for each hidden unit at each step
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


def _forward(kind, mode, biased):
    """``kernel(hidden, cells, acts, gates, w, bias, steps, count, size, panels, each, units)``."""
    b = _Body(kind, ("hidden", "cells", "acts", "gates", "w", "bias"),
              ("steps", "count", "size", "panels", "each"))  # fmt: skip
    m, many = b.m, _GATES[mode]
    slots = b.accumulators(b.tile * many)
    decide = _lstm_step if mode == "lstm" else _gru_step

    def start(g, place, column, mask):
        """What a gate's sum begins with; the new state of a GRU keeps the two parts apart."""
        value = m.constant(kind, 0)
        if mode == "lstm" or g < many - 1:
            value = b.load(b.gates, place + b.size * g, mask)
        return value + b.load(b.bias, column + b.size * g, mask) if biased else value

    def tile(t, panel, cases):
        column = panel * m.lanes
        mask = lanes_below(m, b.size - column)
        rows = [t * b.count + case for case in cases]
        for i, row in enumerate(rows):
            for g in range(many):
                value = start(g, row * b.size * many + column, column, mask)
                m.store(value, slots[i * many + g])
        lefts = [m.at(b.hidden, row * b.size, kind) for row in rows]
        b.products(slots, lefts, m.at(b.w, panel * b.size * (many * m.lanes), kind), b.size, many)
        for i, row in enumerate(rows):
            sums = [m.load(slot, kind) for slot in slots[i * many : (i + 1) * many]]
            kept = decide(b, row, column, mask, sums)
            for g, value in enumerate(kept):
                b.store(value, b.acts, row * b.size * _KEPT + column + b.size * g, mask)

    def unit(first, end):
        loop(m, b.zero, b.steps, lambda t: loop(
            m, b.zero, b.panels, lambda panel: b.cases(
                first, end, lambda cases: tile(t, panel, cases))))  # fmt: skip

    return b.finish(unit)


def _lstm_step(b, row, column, mask, sums):
    """Writes the states after a step; the gates."""
    m, sigmoid, tanh = b.m, FUNCTIONS["sigmoid"], FUNCTIONS["tanh"]
    into, forget, out = [sigmoid(m, sums[g]) for g in (0, 1, 3)]
    new, place = tanh(m, sums[2]), row * b.size + column
    cell = forget * b.load(b.cells, place, mask) + into * new
    following = place + b.count * b.size
    b.store(cell, b.cells, following, mask)
    b.store(out * tanh(m, cell), b.hidden, following, mask)
    return into, forget, new, out


def _gru_step(b, row, column, mask, sums):
    """Writes the state after a step; (reset, update, new, the state's part of new)."""
    m, sigmoid, place = b.m, FUNCTIONS["sigmoid"], row * b.size + column
    reset, update = sigmoid(m, sums[0]), sigmoid(m, sums[1])
    given = b.load(b.gates, row * b.size * 3 + column + b.size * 2, mask)
    new = FUNCTIONS["tanh"](m, given + reset * sums[2])
    before = b.load(b.hidden, place, mask)
    b.store((before - new) * update + new, b.hidden, place + b.count * b.size, mask)
    return reset, update, new, sums[2]


def _backward(kind, mode, vectors):
    """``kernel(into, own, dh, dc, g, acts, states, w, steps, count, size, panels, each, units)``:
    `into` gets the cotangent of the gates, `own` that of the states' part of them (the same for an
    LSTM); `dh`, `dc` hold those of the states, step by step."""
    b = _Body(kind, ("into", "own", "dh", "dc", "g", "acts", "states", "w"),
              ("steps", "count", "size", "panels", "each"))  # fmt: skip
    m, many = b.m, _GATES[mode]
    slots = b.accumulators(b.tile * vectors)
    decide = _lstm_step_back if mode == "lstm" else _gru_step_back

    def tile(t, panel, cases):
        depth = b.size * many
        columns = [panel * (vectors * m.lanes) + v * m.lanes for v in range(vectors)]
        places = [
            (case * b.size + column, lanes_below(m, b.size - column))
            for case in cases for column in columns
        ]  # fmt: skip
        for slot, (place, mask) in zip(slots, places, strict=True):
            m.store(m.constant(kind, 0) if mode == "lstm" else b.load(b.dh, place, mask), slot)
        lefts = [m.at(b.own, (t * b.count + case) * depth, kind) for case in cases]
        right = m.at(b.w, panel * depth * (vectors * m.lanes), kind)
        b.products(slots, lefts, right, depth, vectors)
        for slot, (place, mask) in zip(slots, places, strict=True):
            b.store(m.load(slot, kind), b.dh, place, mask)

    def unit(first, end):
        def step(s):
            t = b.steps - 1 - s
            loop(m, first, end, lambda case: over(m, b.zero, b.size, lambda column, mask: decide(
                b, t, case, column, mask)))  # fmt: skip
            loop(m, b.zero, b.panels, lambda panel: b.cases(
                first, end, lambda cases: tile(t, panel, cases)))  # fmt: skip

        loop(m, b.zero, b.steps, step)

    return b.finish(unit)


def _kept(b, row, column, mask):
    return [b.load(b.acts, row * b.size * _KEPT + column + b.size * g, mask) for g in range(_KEPT)]


def _lstm_step_back(b, t, case, column, mask):
    """One vector of one case: the cotangents of the gates' sums, and of the cell before."""
    row = t * b.count + case
    state, place = case * b.size + column, row * b.size + column
    into, forget, new, out = _kept(b, row, column, mask)
    squashed = FUNCTIONS["tanh"](b.m, b.load(b.states, place + b.count * b.size, mask))
    dh = b.load(b.dh, state, mask) + b.load(b.g, place, mask)
    dc = b.load(b.dc, state, mask) + dh * out * (1.0 - squashed * squashed)
    b.store(dc * forget, b.dc, state, mask)
    found = (
        dc * new * ((1.0 - into) * into),
        dc * b.load(b.states, place, mask) * ((1.0 - forget) * forget),
        dc * into * (1.0 - new * new),
        dh * squashed * ((1.0 - out) * out),
    )
    for g, value in enumerate(found):
        b.store(value, b.into, row * b.size * 4 + column + b.size * g, mask)


def _gru_step_back(b, t, case, column, mask):
    """The same for a GRU; what goes straight to the state before stays in `dh`."""
    row = t * b.count + case
    state, place = case * b.size + column, row * b.size + column
    reset, update, new, own = _kept(b, row, column, mask)
    dh = b.load(b.dh, state, mask) + b.load(b.g, place, mask)
    b.store(dh * update, b.dh, state, mask)
    to_new = dh * (1.0 - update) * (1.0 - new * new)
    to_update = dh * (b.load(b.states, place, mask) - new) * ((1.0 - update) * update)
    to_reset = to_new * own * ((1.0 - reset) * reset)
    gates = row * b.size * 3 + column
    for home, last in ((b.into, to_new), (b.own, to_new * reset)):
        for g, value in enumerate((to_reset, to_update, last)):
            b.store(value, home, gates + b.size * g, mask)


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
    return gates.size and gates.shape[1] * gates.shape[2] * size >= LEAST


def lstm(gates, hidden, cell, weight, bias):
    """(hidden states, cells, gates) over all steps, as `primitives/recurrent.py` defines them."""
    return _run("lstm", gates, (hidden, cell), weight, bias)


def gru(gates, hidden, weight, bias):
    """(hidden states, what the gates were) over all steps, or None."""
    return _run("gru", gates, (hidden,), weight, bias)


def _run(mode, gates, first, weight, bias):
    steps, count, width = gates.shape
    many = _GATES[mode]
    size = width // many
    if not _usable(gates, *first, weight, bias) or not _worth(gates, size):
        return None
    lanes = _lanes(gates.dtype)
    panels = ceil(size / lanes)
    packed = np.zeros((panels, size, many, lanes), gates.dtype)
    rows = weight.reshape(many, size, size)
    for p in range(panels):
        part = rows[:, p * lanes : (p + 1) * lanes]
        packed[p, :, :, : part.shape[1]] = part.transpose(2, 0, 1)
    states = [np.empty((steps + 1, count, size), gates.dtype) for _ in first]
    for state, given in zip(states, first, strict=True):
        state[0] = given
    acts = np.empty((steps, count, _KEPT * size), gates.dtype)
    each, units = _units(count)
    _kernel(_forward, gates.dtype, mode, bias is not None)(
        states[0], states[-1], acts, np.ascontiguousarray(gates), packed,
        acts if bias is None else np.ascontiguousarray(bias), steps, count, size, panels, each,
        units,
    )  # fmt: skip
    return *states, acts


def lstm_back(g, dc, cells, acts, weight):
    """The cotangents of (gates, first hidden state, first cell) from that of the outputs (zeros
    where it is None) and the last cell; `dc` is overwritten."""
    found = _run_back("lstm", g, dc, cells, acts, weight)
    return found and (found[0], found[2], dc)


def gru_back(g, states, acts, weight):
    """The cotangents of (gates, the states' part of the gates, first hidden state)."""
    return _run_back("gru", g, None, states, acts, weight)


def _run_back(mode, g, dc, states, acts, weight):
    if not _usable(acts, g, dc, states, weight) or not _worth(acts, weight.shape[1]):
        return None
    steps, many, dtype = states.shape[0] - 1, _GATES[mode], acts.dtype
    count, size = states.shape[1:]
    g = np.zeros((steps, count, size), dtype) if g is None else np.ascontiguousarray(g)
    lanes = _lanes(dtype)
    vectors = min(4, ceil(size / lanes))
    wide = vectors * lanes
    panels = ceil(size / wide)
    packed = np.zeros((panels, many * size, wide), dtype)
    for p in range(panels):
        part = weight[:, p * wide : (p + 1) * wide]
        packed[p, :, : part.shape[1]] = part
    into, dh = np.empty((steps, count, many * size), dtype), np.zeros((count, size), dtype)
    own = into if mode == "lstm" else np.empty(into.shape, dtype)
    each, units = _units(count)
    _kernel(_backward, dtype, mode, vectors)(
        into, own, dh, dh if dc is None else dc, g, acts, states, packed, steps, count, size,
        panels, each, units,
    )  # fmt: skip
    return into, own, dh
