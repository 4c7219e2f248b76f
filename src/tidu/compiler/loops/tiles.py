"""Small matrix products: a few rows by a few vectors of columns stay in registers through the sum.

`emit` writes the product of a nest (`schedule.py` leaves it there below the size at which the call
of a library pays), if `serves` says so. A right matrix whose columns do not lie side by side is
laid out anew first, on the stack.
"""

from math import ceil, prod

from ..machine import native
from ..machine.code import BYTES, Code, Value, kind_of
from .convolution_code import multiply_add, shuffle
from .nests import HEADER, Written, homes
from .pointwise import lanes_below
from .reductions import loop

__all__ = ["emit", "serves"]

DEEPEST = 1 << 10  # terms that are added one after another
ROOM = 1 << 15  # bytes of the stack


def serves(step):
    left, right = step.operands.values()
    kinds = {kind_of(v.element_type) for v in (left[0], right[0], step.reductions[0][2])}
    *_, height, width, depth = step.shape
    if not kinds <= {"f32", "f64"} or len(kinds) > 1 or 0 in step.shape:
        return False
    kind = kinds.pop()
    lanes = native.HOST.vector_bytes // BYTES[kind]
    fits = right[1][-2] == 1 or depth * _up(width, lanes) * BYTES[kind] <= ROOM and height > 2
    return fits and 1 < depth <= DEEPEST and width * 2 >= lanes


def _up(n, step):
    return -(-n // step) * step


def _tile(height, vectors):
    """(rows, vectors of columns) at a time, by the registers there are."""
    many = native.HOST.vector_bytes == 64 or not native.HOST.triple.startswith("x86")
    columns = min(vectors, 2)
    return min(height, (12 if columns == 1 else 8) if many else (8 if columns == 1 else 6)), columns


def emit(plan, step):
    (left, a_steps), (right, b_steps) = step.operands.values()
    refs = [plan.refs[v] for v in (left, right, step.reductions[0][2])]
    w = _Product(step.shape, a_steps, b_steps, kind_of(refs[2].dtype))
    each = prod(step.shape[-3:])
    return Written(w.text, w.m.module, prod(step.shape[:-3]), each,
                   [(r.buffer, r.offset) for r in refs])  # fmt: skip


class _Product:
    """The state of writing one product, or a stack of them."""

    def __init__(self, shape, a_steps, b_steps, kind):
        *self.lead, self.height, self.width, self.depth = shape
        self.a_steps, self.b_steps, self.kind = a_steps, b_steps, kind
        m = self.m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
        (self.a, self.b, self.c), _ = homes(m, [kind] * 3)
        self.rows, self.columns = _tile(self.height, ceil(self.width / m.lanes))
        self.zero = self.number(0)
        self.packed = None
        if b_steps[-2] != 1:
            self.across = _up(self.width, m.lanes)
            type_ = Value(m, kind, m.lanes, "").type
            self.packed = m.slot(f"[{self.depth * self.across // m.lanes} x {type_}]", 64)
        loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), self._one)
        m.line("ret void")
        self.text = m.text(HEADER)

    def number(self, n):
        return self.m.constant("i64", n, 1)

    def _one(self, u):
        """One matrix of the stack."""
        m, rest = self.m, u
        a = b = self.zero
        for d in reversed(range(len(self.lead))):
            n, here = self.number(self.lead[d]), rest
            if d:
                here = m.put("i64", 1, f"urem {rest}, {n.text}")
                rest = m.put("i64", 1, f"udiv {rest}, {n.text}")
            a, b = a + here * self.a_steps[d], b + here * self.b_steps[d]
        a, b = m.at(self.a, a, self.kind), m.at(self.b, b, self.kind)
        c = m.at(self.c, u * (self.height * self.width), self.kind)
        down = self.b_steps[-1]
        if self.packed is not None:
            self._pack(b)
            b, down = self.packed, self.across
        self._tiles(a, b, c, down)

    def _pack(self, b):
        """The right matrix with its columns side by side; blocks of it are turned in registers
        where what lies side by side is a column."""
        m, kind, (right, down) = self.m, self.kind, self.b_steps[-2:]
        lanes = m.lanes if down == 1 else 1
        columns, depth = self.width // lanes * lanes, self.depth // lanes * lanes

        def single(k, j):
            value = m.load(m.at(b, k * down + j * right, kind), kind, 1)
            m.store(value, m.at(self.packed, k * self.across + j, kind))

        def block(k, j):
            source = m.at(b, k + j * right, kind)
            lines = [m.load(m.at(source, self.number(i * right), kind), kind) for i in range(lanes)]
            target = m.at(self.packed, k * self.across + j, kind)
            for i, line in enumerate(turned(m, lines)):
                m.store(line, m.at(target, self.number(i * self.across), kind))

        if self.across != self.width:
            last = self.number(self.across - m.lanes)
            loop(m, self.zero, self.number(self.depth), lambda k: m.store(
                m.constant(kind, 0), m.at(self.packed, k * self.across + last, kind)))  # fmt: skip
        if lanes > 1:
            self._each(0, depth // lanes, 0, columns // lanes,
                       lambda k, j: block(k * lanes, j * lanes))  # fmt: skip
            self._each(depth, self.depth, 0, columns, single)
            self._each(0, self.depth, columns, self.width, single)
        else:
            self._each(0, self.depth, 0, self.width, single)

    def _each(self, first, end, left, right, at):
        """``at(k, j)`` for rows [first, end) and columns [left, right)."""
        m, number = self.m, self.number
        if first < end and left < right:
            loop(m, number(first), number(end), lambda k: loop(
                m, number(left), number(right), lambda j: at(k, j)))  # fmt: skip

    def _tiles(self, a, b, c, down):
        m, wide = self.m, self.columns * self.m.lanes
        whole, rest = divmod(self.width, wide)

        def rows(t):
            first = t * self.rows
            lines = [self._lesser(first + r, self.height - 1) for r in range(self.rows)]
            if whole:
                loop(m, self.zero, self.number(whole), lambda j: self._tile(
                    a, b, c, down, lines, j * wide, self.columns, None))  # fmt: skip
            if rest:
                tail = rest % m.lanes
                mask = lanes_below(m, self.number(tail)) if tail else None
                self._tile(a, b, c, down, lines, self.number(whole * wide), ceil(rest / m.lanes),
                           mask)  # fmt: skip

        loop(m, self.zero, self.number(ceil(self.height / self.rows)), rows)

    def _lesser(self, x, most):
        """The last row stands in for those after it."""
        if self.height % self.rows == 0:
            return x
        return self.m.select(x < most, x, self.number(most))

    def _tile(self, a, b, c, down, lines, column, count, mask):
        """Rows `lines`, `count` vectors from `column` on; the last of them masked."""
        m, kind = self.m, self.kind
        masks = [None] * (count - 1) + [mask]
        slots = [m.slot(Value(m, kind, m.lanes, "").type, 64) for _ in range(len(lines) * count)]
        for slot in slots:
            m.store(m.constant(kind, 0), slot)
        sources = [m.at(a, line * self.a_steps[-3], kind) for line in lines]
        right = m.at(b, column, kind)

        def term(k):
            row = m.at(right, k * down, kind)
            vectors = [self._load(row, v, masks[v]) for v in range(count)]
            for r, source in enumerate(sources):
                place = m.at(source, k * self.a_steps[-1], kind)
                factor = m.splat(m.load(place, kind, 1))
                for v, vector in enumerate(vectors):
                    slot = slots[r * count + v]
                    m.store(multiply_add(m, factor, vector, m.load(slot, kind)), slot)

        loop(m, self.zero, self.number(self.depth), term)
        for r, line in enumerate(lines):
            target = m.at(c, line * self.width + column, kind)
            for v in range(count):
                place = m.at(target, self.number(v * m.lanes), kind)
                m.store(m.load(slots[r * count + v], kind), place, masks[v])

    def _load(self, row, v, mask):
        place = self.m.at(row, self.number(v * self.m.lanes), self.kind)
        return self.m.load(place, self.kind, mask=None if self.packed is not None else mask)


def turned(m, lines):
    """A square block, one vector a line, with rows and columns exchanged."""
    n = len(lines)
    low = [i // 2 + i % 2 * n for i in range(n)]
    high = [i + n // 2 for i in low]
    stages, half = n.bit_length() - 1, n // 2
    for _ in range(stages):
        pairs = [(lines[i], lines[i + half]) for i in range(half)]
        lines = [shuffle(m, a, b, places) for a, b in pairs for places in (low, high)]
    return lines
