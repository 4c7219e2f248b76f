"""What is done with a matrix product as soon as a part of it is whole: elementwise equations.

`emit(plan, step, places, kind)` writes a function of a part, ``(table, row, column, rows, columns,
done)``: `library.py` has it called for each tile (`blocked.AFTER`) or for each call of the library.
Until the part is `done` it only fetches what it will read there, so that memory is waited for while
the product is computed.
"""

from ..machine.code import BYTES, Code, Value, kind_of
from .nests import homes
from .pointwise import lowered_equations, over
from .reductions import loop

__all__ = ["HEADER", "NAME", "emit", "operands"]

NAME = "@body_then"
HEADER = (f"define internal void {NAME}(ptr %table, i64 %row, i64 %column, i64 %rows, "
          "i64 %columns, i1 %done) noinline")  # fmt: skip
_FETCHED = 8  # arrays that are fetched: more streams than that gain nothing
_LINE = 64


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
        m.line("br i1 %done, label %compute, label %fetch")
        m.label("fetch")
        self._fetch()
        m.line("ret void")
        m.label("compute")
        loop(m, self.zero, self.rows, self._line)
        m.line("ret void")
        self.result = m.text(HEADER), m.module

    def _place(self, k, row, column):
        """The address of an element of operand k."""
        down, across = self.strides[k]
        return self.m.at(self.homes[k], row * down + column * across, self.kinds[k])

    def _fetch(self):
        """What lies in rows of its own comes nearer, a line of the cache at a time."""
        m = self.m
        whole = [k for k, (down, across) in enumerate(self.strides) if k and down and across == 1]
        m.declare("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")

        def line(r, k):
            each = m.constant("i64", _LINE // BYTES[self.kinds[k]], 1)
            start, end = self.column, self.column + self.columns
            loop(m, self.zero, (end - start + (each - 1)) / each, lambda c: m.line(
                "call void @llvm.prefetch.p0("
                f"{self._place(k, self.row + r, start + c * each)}, i32 0, i32 2, i32 1)"
            ))  # fmt: skip

        for k in whole[:_FETCHED]:
            loop(m, self.zero, self.rows, lambda r, k=k: line(r, k))

    def _line(self, r):
        row = self.row + r
        over(self.m, self.zero, self.columns,
             lambda i, mask: self._elements(row, self.column + i, mask))  # fmt: skip

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
