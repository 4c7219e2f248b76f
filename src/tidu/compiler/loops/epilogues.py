"""What is done with a matrix product as soon as a part of it is whole: elementwise equations.

`emit(plan, step, kind, lanes)` writes a function of a part, ``(table, row, column, rows,
columns)``: the product calls it for each tile (`blocked.AFTER`), while that lies in the nearest
cache, or at its end, where the library has computed it.
"""

from ..machine.code import Code, Value, stored_as
from .nests import homes
from .pointwise import lanes_below, lowered_equations
from .reductions import loop

__all__ = ["HEADER", "NAME", "Chain", "Elements", "emit", "operands"]

NAME = "@body_epilogue"
HEADER = (f"define internal void {NAME}(ptr %table, i64 %row, i64 %column, i64 %rows, "
          "i64 %columns) noinline")  # fmt: skip


def operands(plan, step):
    """([variables that are read besides the product], [those that are written])."""
    reads, writes = [], []
    for e in step.equations:
        for v in e.ins:
            if hasattr(v, "shape") and v not in step.inside and v not in (step.out, *reads):
                reads.append(v)
        writes += [v for v in e.outs if v in plan.refs]
    return reads, writes


def emit(plan, step, kind, lanes):
    """The text of the function, and its declarations."""
    return _Epilogue(plan, step, kind, lanes).result


class _Epilogue:
    """The state of writing one. The first operands of the step's list are those of its product."""

    def __init__(self, plan, step, kind, lanes):
        m = self.m = Code(lanes=lanes)
        elements = Elements(m, plan, step)
        elements.homes = homes(m, [kind, kind, *elements.kinds])[0][2:]
        self.row, self.column, self.rows, self.columns = [
            Value(m, "i64", 1, f"%{name}") for name in ("row", "column", "rows", "columns")
        ]
        self._vectors(elements)
        m.line("ret void")
        self.result = m.text(HEADER), m.module

    def _vectors(self, elements):
        """All whole vectors in one loop, so that those of the next row are begun before one ends;
        then the rest of each row."""
        m, zero = self.m, self.m.constant("i64", 0, 1)
        lanes = m.constant("i64", m.lanes, 1)
        whole = self.columns / lanes
        end, row, column = whole * lanes, m.slot("i64"), m.slot("i64")
        m.store(zero, row)
        m.store(zero, column)

        def vector(_):
            r, c = [m.load(at, "i64", 1) for at in (row, column)]
            elements.at(self.row + r, self.column + c, None)
            following = c + lanes
            ends = following == end
            m.store(m.select(ends, zero, following), column)
            m.store(r + m.convert(ends, "i64"), row)

        loop(m, zero, self.rows * whole, vector)
        inside = lanes_below(m, self.columns - end) if m.lanes > 1 else None
        rest = m.select(end < self.columns, self.rows, zero)
        loop(m, zero, rest, lambda r: elements.at(self.row + r, self.column + end, inside))


class Chain:
    """The equations of a step at some elements: `variables` are what the step's product is, what is
    read besides it and what is written, `strides` what ``strides_of(ref)`` says of each: the last
    is from lane to lane."""

    def __init__(self, m, plan, step, strides_of):
        self.m, self.step = m, step
        self.reads, self.writes = operands(plan, step)
        self.variables = [step.out, *self.reads, *self.writes]
        self.kinds = [stored_as(v.element_type) for v in self.variables]
        self.strides = [strides_of(plan.refs[v]) for v in self.variables]

    def compute(self, places, mask, values):
        """At the addresses of each variable's elements; `values` has those that are at hand."""
        m, first = self.m, 1 + len(self.reads)
        for k, v in enumerate(self.variables[:first]):
            if v not in values:
                values[v] = self._read(k, places[k], mask)
        lowered_equations(m, self.step.equations, values)
        for k, v in enumerate(self.writes, first):
            self._write(k, m.splat(values[v]), places[k], mask)

    def _read(self, k, place, mask):
        m, kind, across = self.m, self.kinds[k], self.strides[k][-1]
        if m.lanes == 1 or across == 0:
            return m.load(place, kind, 1)
        if across == 1:
            return m.load(place, kind, mask=mask)
        return m.gather(place, kind, across, mask)

    def _write(self, k, value, place, mask):
        m, kind, across = self.m, self.kinds[k], self.strides[k][-1]
        value = m.stored(value, kind)
        if m.lanes == 1 or across == 1:
            return m.store(value, place, mask)
        m.scatter(value, place, kind, across, mask)


class Elements(Chain):
    """The equations at some elements of a matrix product's result; `homes`: the addresses of its
    variables."""

    def __init__(self, m, plan, step):
        super().__init__(m, plan, step, lambda ref: ref.broadcast(step.out.shape))
        self.homes = []

    def at(self, row, column, mask, product=None):
        """`product`: the vector of results where it is at hand; it is read otherwise."""
        known = {} if product is None else {self.step.out: product}
        places = [
            None if v in known else self.m.at(home, row * down + column * across, kind)
            for v, home, (down, across), kind in zip(
                self.variables, self.homes, self.strides, self.kinds, strict=True
            )
        ]
        self.compute(places, mask, known)
