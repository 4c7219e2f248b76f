"""Small products of a matrix and few columns, where both lie along the sum.

A vector of terms of each of several rows stays in a register through the sum. Their lanes are then
added for all rows together: halves of two rows' vectors, quarters of four, until each lane is the
sum of a row. `serves` says for which products that is done, `emit` writes them.
"""

from math import ceil, prod

from ..machine import native
from ..machine.code import BYTES, Code, Value, kind_of
from .convolution_code import multiply_add
from .nests import HEADER, Written, homes
from .pointwise import lanes_below
from .reductions import loop
from .turns import shuffle

__all__ = ["emit", "serves"]

DEEPEST = 1 << 10  # vectors of terms that are added one after another


def serves(step):
    """Whether few columns (otherwise tiles are full) and vectors along the sum make it worth it."""
    (left, a_steps), (right, b_steps) = step.operands.values()
    kinds = {kind_of(v.element_type) for v in (left, right, step.out)}
    *lead, height, width, depth = step.shape
    if lead or not kinds <= {"f32", "f64"} or len(kinds) > 1 or height < 2 or width < 1:
        return False
    lanes = native.HOST.vector_bytes // BYTES[kinds.pop()]
    few = width * 2 < lanes and lanes <= depth * 2
    return few and depth <= DEEPEST * lanes and a_steps[-1] == b_steps[-1] == 1


def emit(plan, step):
    (left, _), (right, _) = step.operands.values()
    refs = [plan.refs[v] for v in (left, right, step.out)]
    w = _Dots(step, kind_of(step.out.element_type))
    return Written(w.text, w.m.module, 1, prod(step.shape), [(r.buffer, r.offset) for r in refs])


class _Dots:
    """The state of writing one."""

    def __init__(self, step, kind):
        self.height, self.width, self.depth = step.shape
        (_, a_steps), (_, b_steps) = step.operands.values()
        self.down, self.across, self.kind = a_steps[-3], b_steps[-2], kind
        m = self.m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
        (self.a, self.b, self.c), _ = homes(m, [kind] * 3)
        self.rows = 1 << (min(self.height, m.lanes) - 1).bit_length()
        zero, groups = self.number(0), ceil(self.height / self.rows)
        loop(m, zero, self.number(self.width), lambda j: loop(
            m, zero, self.number(groups), lambda t: self._group(t * self.rows, j)))  # fmt: skip
        m.line("ret void")
        self.text = m.text(HEADER)

    def number(self, n):
        return self.m.constant("i64", n, 1)

    def _group(self, first, j):
        """The sums of some rows with column j."""
        m, kind = self.m, self.kind
        last, uneven = self.number(self.height - 1), self.height % self.rows
        lines = [first + r for r in range(self.rows)]
        if uneven:  # the last row stands in for those after it
            lines = [m.select(line < last, line, last) for line in lines]
        rows = [m.at(self.a, line * self.down, kind) for line in lines]
        column = m.at(self.b, j * self.across, kind)
        slots = [m.slot(Value(m, kind, m.lanes, "").type, 64) for _ in rows]
        for slot in slots:
            m.store(m.constant(kind, 0), slot)

        def terms(k, mask=None):
            factor = m.load(m.at(column, k, kind), kind, mask=mask)
            for row, slot in zip(rows, slots, strict=True):
                value = m.load(m.at(row, k, kind), kind, mask=mask)
                m.store(multiply_add(m, value, factor, m.load(slot, kind)), slot)

        whole, rest = divmod(self.depth, m.lanes)
        if whole:
            loop(m, self.number(0), self.number(whole), lambda k: terms(k * m.lanes))
        if rest:
            terms(self.number(whole * m.lanes), lanes_below(m, self.number(rest)))
        sums = added(m, [m.load(slot, kind) for slot in slots])
        mask = lanes_below(m, self.number(self.height) - first, self.rows) if uneven else None
        self._put(sums, m.at(self.c, first * self.width + j, kind), mask)

    def _put(self, sums, place, mask):
        m = self.m
        if self.width == 1:
            return m.store(sums, place, mask)
        was, m.lanes = m.lanes, sums.lanes
        m.scatter(sums, place, self.kind, self.width, mask)
        m.lanes = was


def added(m, vectors):
    """One vector with the sum of the lanes of each of these, a power of two of them."""
    lanes = size = vectors[0].lanes  # `size`: lanes that belong to one of them
    while size > 1:
        first = [i for i in range(lanes) if i % size < size // 2]
        second = [i + size // 2 for i in first]
        if len(vectors) > 1:
            pairs = list(zip(vectors[::2], vectors[1::2], strict=True))
            first, second = [p + [i + lanes for i in p] for p in (first, second)]
        else:
            pairs, lanes = [(vectors[0], vectors[0])], lanes // 2
        vectors = [shuffle(m, a, b, first) + shuffle(m, a, b, second) for a, b in pairs]
        size //= 2
    return vectors[0]
