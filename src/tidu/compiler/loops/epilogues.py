"""What is done with a matrix product as soon as a part of it is whole: elementwise equations.

`emit(plan, step, kind, lanes)` writes a function of a part, ``(table, row, column, rows,
columns)``: `library.py` has it called for each tile (`blocked.AFTER`), while that lies in the
nearest cache, or after each call of the library.
"""

from ..machine.code import Code, Value, kind_of
from .nests import homes
from .pointwise import lanes_below, lowered_equations
from .reductions import loop

__all__ = ["HEADER", "NAME", "emit", "operands"]

NAME = "@body_then"
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
        self.plan, self.step, self.m = plan, step, Code(lanes=lanes)
        m, shape = self.m, step.out.shape
        self.reads, self.writes = operands(plan, step)
        self.variables = [step.out, *self.reads, *self.writes]
        self.kinds = [kind_of(v.element_type) for v in self.variables]
        self.strides = [plan.refs[v].broadcast(shape) for v in self.variables]
        self.homes = homes(m, [kind, kind, *self.kinds])[0][2:]
        self.row, self.column, self.rows, self.columns = [
            Value(m, "i64", 1, f"%{name}") for name in ("row", "column", "rows", "columns")
        ]
        self.zero = m.constant("i64", 0, 1)
        self._vectors()
        m.line("ret void")
        self.result = m.text(HEADER), m.module

    def _place(self, k, row, column):
        """The address of an element of operand k."""
        down, across = self.strides[k]
        return self.m.at(self.homes[k], row * down + column * across, self.kinds[k])

    def _vectors(self):
        """All whole vectors in one loop, so that those of the next row are begun before one ends;
        then the rest of each row."""
        m, lanes = self.m, self.m.constant("i64", self.m.lanes, 1)
        whole = self.columns / lanes
        end, row, column = whole * lanes, m.slot("i64"), m.slot("i64")
        m.store(self.zero, row)
        m.store(self.zero, column)

        def vector(_):
            r, c = [m.load(at, "i64", 1) for at in (row, column)]
            self._elements(self.row + r, self.column + c, None)
            following = c + lanes
            ends = following == end
            m.store(m.select(ends, self.zero, following), column)
            m.store(r + m.convert(ends, "i64"), row)

        loop(m, self.zero, self.rows * whole, vector)
        inside = lanes_below(m, self.columns - end) if m.lanes > 1 else None
        rest = m.select(end < self.columns, self.rows, self.zero)
        loop(m, self.zero, rest, lambda r: self._elements(self.row + r, self.column + end, inside))

    def _elements(self, row, column, mask):
        m, first = self.m, 1 + len(self.reads)
        values = {v: self._read(k, row, column, mask)
                  for k, v in enumerate(self.variables[:first])}  # fmt: skip
        lowered_equations(m, self.step.equations, values)
        for k, v in enumerate(self.writes, first):
            self._write(k, m.splat(values[v]), row, column, mask)

    def _read(self, k, row, column, mask):
        m, (_, across), kind = self.m, self.strides[k], self.kinds[k]
        place = self._place(k, row, column)
        if m.lanes == 1 or across == 0:
            return m.load(place, kind, 1)
        if across == 1:
            return m.load(place, kind, mask=mask)
        return m.gather(place, kind, across, mask)

    def _write(self, k, value, row, column, mask):
        m, (_, across), kind = self.m, self.strides[k], self.kinds[k]
        place = self._place(k, row, column)
        if m.lanes == 1 or across == 1:
            return m.store(value, place, mask)
        m.scatter(value, place, kind, across, mask)
