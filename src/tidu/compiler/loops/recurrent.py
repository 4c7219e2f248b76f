"""The loops over time of an LSTM and a GRU in generated code, forwards and backwards.

Cases of a batch do not meet, so each thread takes some of them through all steps, panel by panel of
hidden units: the gates' sums, tiles of a few cases by a panel in registers, then, while they are in
the nearest cache, what the gates decide. Each function answers None where NumPy should do it.
"""

import threading
from math import ceil

import numpy as np

from ...core.blocks import THREADS
from ..machine import kernels, native
from ..machine.code import BYTES, Code, Value, kind_of
from ..machine.kernels import aligned
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
_VECTORS = 2  # of hidden units, a panel: one cache line of a row
_KERNELS = {}
_LOCK = threading.Lock()


class _Body:
    """A kernel over cases being written. `whole`: panels of hidden units are full, nothing is
    masked."""

    def __init__(self, kind, pointers, numbers, whole):
        self.kind, self.whole = kind, whole
        m = self.m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
        self.kinds = ["ptr"] * len(pointers) + ["i64"] * len(numbers)
        names = [*pointers, *numbers]
        for name, value in zip(names, kernels.arguments(m, self.kinds), strict=True):
            setattr(self, name, value)
        self.zero = self.number(0)
        self.wide = _VECTORS * m.lanes
        many = native.HOST.vector_bytes == 64 or not native.HOST.triple.startswith("x86")
        self.tiles = (12, 6, 4, 2, 1) if many else (6, 4, 2, 1)  # cases

    def number(self, n):
        return self.m.constant("i64", n, 1)

    def load(self, home, index, mask=None):
        return self.m.load(self.m.at(home, index, self.kind), self.kind, mask=mask)

    def store(self, value, home, index, mask):
        self.m.store(value, self.m.at(home, index, self.kind), mask)

    def columns(self, panel):
        """(first hidden unit, mask) of each vector of a panel."""
        first = [panel * self.wide + v * self.m.lanes for v in range(_VECTORS)]
        return [(c, None if self.whole else lanes_below(self.m, self.size - c)) for c in first]

    def products(self, first, end, left, right, depth, start, give):
        """For each case and vector v of a panel ``give(case, v, start(case, v) + product)`` of the
        row ``left(case)`` and the panel at `right`, tile by tile."""
        m, at = self.m, first

        def tile(cases):
            pairs = [(case, v) for case in cases for v in range(_VECTORS)]
            slots = [m.slot(Value(m, self.kind, m.lanes, "").type, 64) for _ in pairs]
            for slot, pair in zip(slots, pairs, strict=True):
                m.store(start(*pair), slot)
            lefts = [left(case) for case in cases]

            def term(k):
                line = m.at(right, k * self.wide, self.kind)
                vectors = [self.load(line, self.number(v * m.lanes)) for v in range(_VECTORS)]
                for i, row in enumerate(lefts):
                    factor = m.splat(m.load(m.at(row, k, self.kind), self.kind, 1))
                    for v, vector in enumerate(vectors):
                        slot = slots[i * _VECTORS + v]
                        m.store(multiply_add(m, factor, vector, m.load(slot, self.kind)), slot)

            loop(m, self.zero, depth, term)
            for slot, pair in zip(slots, pairs, strict=True):
                give(*pair, m.load(slot, self.kind))

        for many in self.tiles:
            count = (end - at) / self.number(many)
            loop(m, self.zero, count, lambda i, at=at, many=many: tile(
                [at + i * many + k for k in range(many)]))  # fmt: skip
            at = at + count * many

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


def _forward(kind, mode, biased, whole):
    """``kernel(hidden, cells, acts, gates, w, bias, steps, count, size, panels, each, units)``:
    `acts` holds the sums of a panel's gates first, then what they decide."""
    b = _Body(kind, ("hidden", "cells", "acts", "gates", "w", "bias"),
              ("steps", "count", "size", "panels", "each"), whole)  # fmt: skip
    m, many = b.m, _GATES[mode]
    decide = _lstm_step if mode == "lstm" else _gru_step

    def sums(t, panel, g, first, end, given):
        """One gate's sums; `given`: they begin with the inputs' part."""
        columns, right = b.columns(panel), (panel * many + g) * (b.size * b.wide)
        row = lambda case: t * b.count + case

        def start(case, v):
            (column, mask), value = columns[v], m.constant(kind, 0)
            if given:
                value = b.load(b.gates, (row(case) * many + g) * b.size + column, mask)
            return value + b.load(b.bias, g * b.size + column, mask) if biased else value

        def give(case, v, value):
            column, mask = columns[v]
            b.store(value, b.acts, (row(case) * _KEPT + g) * b.size + column, mask)

        b.products(first, end, lambda case: m.at(b.hidden, row(case) * b.size, kind),
                   m.at(b.w, right, kind), b.size, start, give)  # fmt: skip

    def panel(t, p, first, end):
        # The new state of a GRU keeps the inputs' part apart.
        together = many if mode == "lstm" else many - 1
        loop(m, b.zero, b.number(together), lambda g: sums(t, p, g, first, end, True))
        if together < many:
            sums(t, p, b.number(together), first, end, False)

        def case(i):
            row = t * b.count + i
            for column, mask in b.columns(p):
                kept = decide(b, row, column, mask, _kept(b, row, column, mask)[:many])
                for g, value in enumerate(kept):
                    b.store(value, b.acts, (row * _KEPT + g) * b.size + column, mask)

        loop(m, first, end, case)

    def unit(first, end):
        loop(m, b.zero, b.steps, lambda t: loop(
            m, b.zero, b.panels, lambda p: panel(t, p, first, end)))  # fmt: skip

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


def _backward(kind, mode, whole):
    """``kernel(into, own, dh, dc, g, acts, states, w, steps, count, size, panels, each, units)``:
    `into` gets the cotangent of the gates, `own` that of the states' part of them (the same for an
    LSTM); `dh`, `dc` hold those of the states, step by step."""
    b = _Body(kind, ("into", "own", "dh", "dc", "g", "acts", "states", "w"),
              ("steps", "count", "size", "panels", "each"), whole)  # fmt: skip
    m, many = b.m, _GATES[mode]
    decide = _lstm_step_back if mode == "lstm" else _gru_step_back

    def panel(t, p, first, end):
        depth, columns = b.size * many, b.columns(p)

        def start(case, v):
            column, mask = columns[v]
            if mode == "lstm":
                return m.constant(kind, 0)
            return b.load(b.dh, case * b.size + column, mask)

        def give(case, v, value):
            column, mask = columns[v]
            b.store(value, b.dh, case * b.size + column, mask)

        b.products(first, end, lambda case: m.at(b.own, (t * b.count + case) * depth, kind),
                   m.at(b.w, p * depth * b.wide, kind), depth, start, give)  # fmt: skip

    def unit(first, end):
        def step(s):
            t = b.steps - 1 - s
            loop(m, first, end, lambda case: over(m, b.zero, b.size, lambda column, mask: decide(
                b, t, case, column, mask)))  # fmt: skip
            loop(m, b.zero, b.panels, lambda p: panel(t, p, first, end))

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


def _panels(size, dtype):
    """(hidden units of a panel, panels, whether all are full)."""
    wide = _VECTORS * (native.HOST.vector_bytes // dtype.itemsize)
    return wide, ceil(size / wide), size % wide == 0


def _packed(rows, dtype):
    """Matrices (n, depth, size) as panels of columns: (panels, n, depth, width)."""
    n, depth, size = rows.shape
    wide, panels, whole = _panels(size, dtype)
    packed = aligned((panels, n, depth, wide), dtype)
    full = size // wide
    packed[:full] = rows[..., : full * wide].reshape(n, depth, full, wide).transpose(2, 0, 1, 3)
    if not whole:
        packed[full], rest = 0, rows[..., full * wide :]
        packed[full, ..., : rest.shape[-1]] = rest
    return packed


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
    _, panels, whole = _panels(size, gates.dtype)
    packed = _packed(weight.reshape(many, size, size).swapaxes(1, 2), gates.dtype)
    states = [aligned((steps + 1, count, size), gates.dtype) for _ in first]
    for state, given in zip(states, first, strict=True):
        state[0] = given
    acts = aligned((steps, count, _KEPT * size), gates.dtype)
    each, units = _units(count)
    _kernel(_forward, gates.dtype, mode, bias is not None, whole)(
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
    _, panels, whole = _panels(size, dtype)
    packed = _packed(weight.reshape(1, many * size, size), dtype)
    into, dh = aligned((steps, count, many * size), dtype), np.zeros((count, size), dtype)
    own = into if mode == "lstm" else aligned(into.shape, dtype)
    each, units = _units(count)
    _kernel(_backward, dtype, mode, whole)(
        into, own, dh, dh if dc is None else dc, g, acts, states, packed, steps, count, size,
        panels, each, units,
    )  # fmt: skip
    return into, own, dh
