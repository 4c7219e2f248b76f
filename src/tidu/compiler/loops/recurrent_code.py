"""The text of the loops over time of an LSTM and a GRU, forwards and backwards.

Cases of a batch do not meet, so each thread takes some of them through all steps, panel by panel of
hidden units: the gates' sums, tiles of a few cases by a panel in registers, then, while they are in
the nearest cache, what the gates decide. What memory gives and takes at each step is far more than
the nearest caches hold, so that it is fetched a step ahead, while products are computed.
"""

from ..machine import kernels, native
from ..machine.code import BYTES, Code, Value
from .convolution_code import multiply_add
from .mathematics import FUNCTIONS
from .nests import HEADER, homes
from .pointwise import lanes_below, over
from .reductions import loop
from .turns import turned

__all__ = ["GATES", "KEPT", "VECTORS", "backward", "forward", "packing"]

GATES = {"lstm": 4, "gru": 3}
KEPT = 4  # numbers kept for each hidden unit at each step
VECTORS = 2  # of hidden units, a panel: one cache line of a row


class _Body:
    """A kernel being written. `whole`: panels of hidden units are full, nothing is masked;
    `inside`: it is part of a compiled program."""

    def __init__(self, kind, pointers, numbers, whole, inside):
        self.kind, self.whole, self.inside = kind, whole, inside
        m = self.m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
        self.kinds = ["ptr"] * len(pointers) + ["i64"] * len(numbers)
        if inside:
            values = [v for part in homes(m, [kind] * len(pointers), len(numbers)) for v in part]
        else:
            values = kernels.arguments(m, self.kinds)
        for name, value in zip((*pointers, *numbers), values, strict=True):
            setattr(self, name, value)
        self.zero = self.number(0)
        self.wide = VECTORS * m.lanes
        many = native.HOST.vector_bytes == 64 or not native.HOST.triple.startswith("x86")
        self.tiles = (12, 6, 4, 2, 1) if many else (6, 4, 2, 1)  # cases

    def number(self, n):
        return self.m.constant("i64", n, 1)

    def load(self, home, index, mask=None):
        return self.m.load(self.m.at(home, index, self.kind), self.kind, mask=mask)

    def store(self, value, home, index, mask):
        self.m.store(value, self.m.at(home, index, self.kind), mask)

    def fetch(self, home, index, write=False):
        """What is written soon comes into the nearest cache, what is read a step later into the
        second."""
        m, hint = self.m, "i32 1, i32 3" if write else "i32 0, i32 2"
        m.declare("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        m.line(f"call void @llvm.prefetch.p0({m.at(home, index, self.kind)}, {hint}, i32 1)")

    def columns(self, panel):
        """(first hidden unit, mask) of each vector of a panel."""
        first = [panel * self.wide + v * self.m.lanes for v in range(VECTORS)]
        return [(c, None if self.whole else lanes_below(self.m, self.size - c)) for c in first]

    def products(self, first, end, left, right, depth, start, give):
        """For each case and vector v of a panel ``give(case, v, start(case, v) + product)`` of the
        row ``left(case)`` and the panel at `right`, tile by tile."""
        m, at = self.m, first

        def tile(cases):
            pairs = [(case, v) for case in cases for v in range(VECTORS)]
            slots = [m.slot(Value(m, self.kind, m.lanes, "").type, 64) for _ in pairs]
            for slot, pair in zip(slots, pairs, strict=True):
                m.store(start(*pair), slot)
            lefts = [left(case) for case in cases]

            def term(k):
                line = m.at(right, k * self.wide, self.kind)
                vectors = [self.load(line, self.number(v * m.lanes)) for v in range(VECTORS)]
                for i, row in enumerate(lefts):
                    factor = m.splat(m.load(m.at(row, k, self.kind), self.kind, 1))
                    for v, vector in enumerate(vectors):
                        slot = slots[i * VECTORS + v]
                        m.store(multiply_add(m, factor, vector, m.load(slot, self.kind)), slot)

            loop(m, self.zero, depth, term)
            for slot, pair in zip(slots, pairs, strict=True):
                give(*pair, m.load(slot, self.kind))

        for many in self.tiles:
            count = (end - at) / self.number(many)
            loop(m, self.zero, count, lambda i, at=at, many=many: tile(
                [at + i * many + k for k in range(many)]))  # fmt: skip
            at = at + count * many

    def rows(self, first, end, at):
        """``at(place, mask)`` for the elements of the rows of these cases."""
        over(self.m, first * self.size, end * self.size, at)

    def cases(self, unit):
        """``unit(first case, end)`` for all units."""

        def one(u):
            first = u * self.each
            unit(first, self.lesser(first + self.each, self.count))

        return self.finish(one)

    def lesser(self, x, y):
        return self.m.select(x < y, x, self.m.like(y, x))

    def finish(self, one):
        """The built-in function that does `one` for all units, or its text and declarations."""
        m = self.m
        loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), one)
        m.line("ret void")
        if self.inside:
            return m.text(HEADER), m.module
        body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
        return kernels.Body(body, self.kinds, m.module, chunk=1, work=1 << 15)


def forward(kind, mode, biased, whole, inside=False):
    """``kernel(hidden, cells, acts, gates, w, first_hidden, first_cell, bias, steps, count, size,
    panels, each, units)``: `acts` holds the sums of a panel's gates first, then what they decide;
    states are those before each step and after the last."""
    b = _Body(kind, ("hidden", "cells", "acts", "gates", "w", "first_hidden", "first_cell", "bias"),
              ("steps", "count", "size", "panels", "each"), whole, inside)  # fmt: skip
    m, many = b.m, GATES[mode]
    decide = _lstm_step if mode == "lstm" else _gru_step

    def sums(t, panel, g, first, end, given):
        """One gate's sums; `given`: they begin with the inputs' part."""
        columns, right = b.columns(panel), (panel * many + g) * (b.size * b.wide)
        row = lambda case: t * b.count + case

        def start(case, v):
            (column, mask), value = columns[v], m.constant(kind, 0)
            b.fetch(b.acts, (row(case) * KEPT + g) * b.size + column, write=True)
            if given:
                place = (row(case) * many + g) * b.size + column
                value = b.load(b.gates, place, mask)
                b.fetch(b.gates, place + b.count * b.size * many)
            return value + b.load(b.bias, g * b.size + column, mask) if biased else value

        def give(case, v, value):
            column, mask = columns[v]
            b.store(value, b.acts, (row(case) * KEPT + g) * b.size + column, mask)

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
                    b.store(value, b.acts, (row * KEPT + g) * b.size + column, mask)

        loop(m, first, end, case)

    def begin(i, mask):
        b.store(b.load(b.first_hidden, i, mask), b.hidden, i, mask)
        if mode == "lstm":
            b.store(b.load(b.first_cell, i, mask), b.cells, i, mask)

    def unit(first, end):
        b.rows(first, end, begin)
        loop(m, b.zero, b.steps, lambda t: loop(
            m, b.zero, b.panels, lambda p: panel(t, p, first, end)))  # fmt: skip

    return b.cases(unit)


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


def backward(kind, mode, given, whole, inside=False):
    """``kernel(into, own, dh, dc, g, last, acts, states, w, steps, count, size, panels, each,
    g_step, g_case, units)``: `into` gets the cotangent of the gates, `own` that of the states' part
    of them (the same for an LSTM); `dh`, `dc` hold those of the states, step by step. `given`:
    whether there are cotangents of the outputs, `g`, and of the last cell, `last`."""
    b = _Body(kind, ("into", "own", "dh", "dc", "g", "last", "acts", "states", "w"),
              ("steps", "count", "size", "panels", "each", "g_step", "g_case"), whole,
              inside)  # fmt: skip
    b.given = given[0]
    m, many = b.m, GATES[mode]
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

    def begin(i, mask):
        none = m.constant(kind, 0)
        b.store(none, b.dh, i, mask)
        if mode == "lstm":
            b.store(b.load(b.last, i, mask) if given[1] else none, b.dc, i, mask)

    def unit(first, end):
        def step(s):
            t = b.steps - 1 - s
            loop(m, first, end, lambda case: over(m, b.zero, b.size, lambda column, mask: decide(
                b, t, case, column, mask)))  # fmt: skip
            loop(m, b.zero, b.panels, lambda p: panel(t, p, first, end))

        b.rows(first, end, begin)
        loop(m, b.zero, b.steps, step)

    return b.cases(unit)


def _kept(b, row, column, mask):
    return [b.load(b.acts, row * b.size * KEPT + column + b.size * g, mask) for g in range(KEPT)]


def _arrived(b, t, case, column, mask):
    """The cotangent of the hidden state after step t."""
    dh = b.load(b.dh, case * b.size + column, mask)
    return dh + b.load(b.g, t * b.g_step + case * b.g_case + column, mask) if b.given else dh


def _lstm_step_back(b, t, case, column, mask):
    """One vector of one case: the cotangents of the gates' sums, and of the cell before."""
    row = t * b.count + case
    state, place = case * b.size + column, row * b.size + column
    into, forget, new, out = _kept(b, row, column, mask)
    squashed = FUNCTIONS["tanh"](b.m, b.load(b.states, place + b.count * b.size, mask))
    dh = _arrived(b, t, case, column, mask)
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
    dh = _arrived(b, t, case, column, mask)
    b.store(dh * update, b.dh, state, mask)
    to_new = dh * (1.0 - update) * (1.0 - new * new)
    to_update = dh * (b.load(b.states, place, mask) - new) * ((1.0 - update) * update)
    to_reset = to_new * own * ((1.0 - reset) * reset)
    gates = row * b.size * 3 + column
    for home, last in ((b.into, to_new), (b.own, to_new * reset)):
        for g, value in enumerate((to_reset, to_update, last)):
            b.store(value, home, gates + b.size * g, mask)


# --- weights --------------------------------------------------------------------------------------


def packing(kind, by_rows, inside=False):
    """``kernel(packed, w, many, size, depth, units)``: the panels of `many` matrices, (panels,
    many, depth, width of a panel), a unit being one of them. Of each, `w` has the rows, (depth,
    size), or the columns, (size, depth), one after the other. What stands behind the last column is
    nobody's."""
    b = _Body(kind, ("packed", "w"), ("many", "size", "depth"), False, inside)
    m, lanes = b.m, b.m.lanes

    def rows(source, target, first):
        masks = [lanes_below(m, b.size - first - v * lanes) for v in range(VECTORS)]
        source = m.at(source, first, kind)
        loop(m, b.zero, b.depth, lambda k: [
            b.store(b.load(source, k * b.size + v * lanes, masks[v]),
                    target, k * b.wide + v * lanes, None)
            for v in range(VECTORS)])  # fmt: skip

    def columns(source, target, first):
        line = lambda j, k: b.lesser(first + j, b.size - 1) * b.depth + k
        whole = b.depth / lanes * lanes

        def square(k):
            for v in range(VECTORS):
                lines = [b.load(source, line(b.number(v * lanes + i), k)) for i in range(lanes)]
                for i, row in enumerate(turned(m, lines)):
                    b.store(row, target, (k + i) * b.wide + v * lanes, None)

        def single(k, j):
            value = m.load(m.at(source, line(j, k), kind), kind, 1)
            m.store(value, m.at(target, k * b.wide + j, kind))

        loop(m, b.zero, b.depth / lanes, lambda n: square(n * lanes))
        loop(m, whole, b.depth, lambda k: loop(
            m, b.zero, b.number(b.wide), lambda j: single(k, j)))  # fmt: skip

    def one(u):
        panel, gate = u / b.many, m.put("i64", 1, f"srem {u}, {b.many.text}")
        source = m.at(b.w, gate * (b.size * b.depth), kind)
        target = m.at(b.packed, u * (b.depth * b.wide), kind)
        (rows if by_rows else columns)(source, target, panel * b.wide)

    return b.finish(one)
