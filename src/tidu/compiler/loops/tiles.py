"""Small matrix products: a few rows by a few vectors of columns stay in registers through the sum.

`emit` writes the product of a nest (`schedule.py` leaves it there below the size at which the call
of a library pays), if `serves` says so. A right matrix whose columns do not lie side by side is
laid out anew first, on the stack. Elementwise equations that go on with the product are computed
from the registers.
"""

from math import ceil, prod

from ..machine import native
from ..machine.code import BYTES, Code, Value, kind_of
from .convolution_code import multiply_add
from .epilogues import Elements
from .nests import HEADER, Written, homes
from .pointwise import lanes_below
from .reductions import loop
from .turns import turned

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
    """(rows, vectors of columns) at a time, by the registers there are; rows as even as may be."""
    many = native.HOST.vector_bytes == 64 or not native.HOST.triple.startswith("x86")
    columns = min(vectors, 2)
    most = (12 if columns == 1 else 8) if many else (8 if columns == 1 else 6)
    return ceil(height / ceil(height / most)), columns


def emit(plan, step, kept=True):
    """`kept`: whether the product itself is read elsewhere, besides what goes on with it here."""
    w = _Product(plan, step, kept)
    refs = [plan.refs[v] for v in w.variables]
    each = prod(step.shape[-3:])
    return Written(w.text, w.m.module, prod(step.shape[:-3]), each,
                   [(r.buffer, r.offset) for r in refs])  # fmt: skip


def _block(depth, width, most, least):
    """The side of the squares that are turned in registers, with fewest elements left over; the
    larger of two that leave as many. 0: none fits."""
    sides, n = [], most
    while n >= least:
        sides.append((depth // n * n * (width // n * n), n))
        n //= 2
    done, side = max(sides, default=(0, 0))
    return side if done else 0


class _Product:
    """The state of writing one product, or a stack of them."""

    def __init__(self, plan, step, kept):
        *self.lead, self.height, self.width, self.depth = step.shape
        (left, self.a_steps), (right, self.b_steps) = step.operands.values()
        kind, self.out = kind_of(step.out.element_type), plan.refs[step.out]
        self.kind, self.leading = kind, self.out.strides[-2]
        m = self.m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
        self.epilogue, self.kept = Elements(m, plan, step) if step.equations else None, kept
        self.variables = [left, right, *(self.epilogue.variables if self.epilogue else [step.out])]
        kinds = [kind, kind, *(self.epilogue.kinds if self.epilogue else [kind])]
        (self.a, self.b, *rest), _ = homes(m, kinds)
        self.c = rest[0]
        if self.epilogue:
            self.epilogue.homes = rest
        self.rows, self.columns = _tile(self.height, ceil(self.width / m.lanes))
        self.zero = self.number(0)
        self.packed = None
        if self.b_steps[-2] != 1:
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
        c = m.at(self.c, self._result(u), self.kind)
        down = self.b_steps[-1]
        if self.packed is not None:
            self._pack(b)
            b, down = self.packed, self.across
        self._tiles(a, b, c, down)

    def _result(self, u):
        """The place of the first element of a result."""
        if self.out.dense:
            return u * (self.height * self.width)
        place = self.zero
        for n, step in reversed(list(zip(self.lead, self.out.strides, strict=False))):
            place = place + self.m.put("i64", 1, f"urem {u}, {self.number(n).text}") * step
            u = self.m.put("i64", 1, f"udiv {u}, {self.number(n).text}")
        return place

    def _pack(self, b):
        """The right matrix with its columns side by side; blocks of it are turned in registers
        where what lies side by side is a column."""
        m, kind, (right, down) = self.m, self.kind, self.b_steps[-2:]
        if self.across != self.width:
            last = self.number(self.across - m.lanes)
            loop(m, self.zero, self.number(self.depth), lambda k: m.store(
                m.constant(kind, 0), m.at(self.packed, k * self.across + last, kind)))  # fmt: skip

        def single(k, j):
            value = m.load(m.at(b, k * down + j * right, kind), kind, 1)
            m.store(value, m.at(self.packed, k * self.across + j, kind))

        def block(k, j, n):
            source = m.at(b, k + j * right, kind)
            lines = [m.load(m.at(source, self.number(i * right), kind), kind, n) for i in range(n)]
            target = m.at(self.packed, k * self.across + j, kind)
            for i, line in enumerate(turned(m, lines)):
                m.store(line, m.at(target, self.number(i * self.across), kind))

        columns = depth = 0  # what blocks have done
        if down == 1:
            n = _block(self.depth, self.width, m.lanes, 16 // BYTES[kind])
            columns, depth = self.width // n * n if n else 0, self.depth // n * n if n else 0
            if n:
                self._each(0, depth // n, 0, columns // n, lambda k, j: block(k * n, j * n, n))
        self._each(depth, self.depth, 0, columns, single)
        self._each(0, self.depth, columns, self.width, single)

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
                    a, b, c, down, lines, j * wide, wide))  # fmt: skip
            if rest:
                self._tile(a, b, c, down, lines, self.number(whole * wide), rest)

        loop(m, self.zero, self.number(ceil(self.height / self.rows)), rows)

    def _lesser(self, x, most):
        """The last row stands in for those after it."""
        if self.height % self.rows == 0:
            return x
        return self.m.select(x < most, x, self.number(most))

    def _vectors(self, width):
        """(first column, lanes, mask) of the vectors of so many columns: the last is as short as
        serves, which takes some processors less time."""
        m, out, least = self.m, [], 16 // BYTES[self.kind]
        for first in range(0, width, m.lanes):
            lanes, here = m.lanes, min(m.lanes, width - first)
            while lanes // 2 >= max(here, least):
                lanes //= 2
            mask = None if lanes == here else lanes_below(m, self.number(here), lanes)
            out.append((first, lanes, mask))
        return out

    def _tile(self, a, b, c, down, lines, column, width):
        """Rows `lines`, `width` columns from `column` on."""
        m, kind, vectors = self.m, self.kind, self._vectors(width)
        places = [(r, *vector) for r in range(len(lines)) for vector in vectors]
        slots = [m.slot(Value(m, kind, lanes, "").type, 64) for _, _, lanes, _ in places]
        for slot, (_, _, lanes, _) in zip(slots, places, strict=True):
            m.store(m.constant(kind, 0, lanes), slot)
        sources = [m.at(a, line * self.a_steps[-3], kind) for line in lines]
        right = m.at(b, column, kind)

        def term(k):
            row = m.at(right, k * down, kind)
            terms = [self._load(row, *vector) for vector in vectors] * len(lines)
            steps = [m.at(source, k * self.a_steps[-1], kind) for source in sources]
            factors = [m.load(place, kind, 1) for place in steps]
            for slot, (r, _, lanes, _), vector in zip(slots, places, terms, strict=True):
                factor = m.splat(factors[r], lanes)
                m.store(multiply_add(m, factor, vector, m.load(slot, kind, lanes)), slot)

        loop(m, self.zero, self.number(self.depth), term)
        for slot, (r, first, lanes, mask) in zip(slots, places, strict=True):
            self._put(m.load(slot, kind, lanes), c, lines[r], column + first, mask)

    def _put(self, value, c, row, column, mask):
        """Elements of the result, and what goes on with them."""
        m = self.m
        if self.kept:
            m.store(value, m.at(c, row * self.leading + column, self.kind), mask)
        if self.epilogue:
            was, m.lanes = m.lanes, value.lanes
            self.epilogue.at(row, column, mask, value)
            m.lanes = was

    def _load(self, row, first, lanes, mask):
        place = self.m.at(row, self.number(first), self.kind)
        whole = mask is None or self.packed is not None
        return self.m.load(place, self.kind, lanes, None if whole else mask)
