"""A graph of elementwise primitives as one loop over flat memory: each element is read once.

The arrays have one shape and lie densely in the same order; a number is one value for all.
"""

from ...program.ir import Variable
from ..machine import kernels, native
from ..machine.code import BYTES, Code, Value, held_as, kind_of
from .elements import lowering, lowers

__all__ = ["lowered", "lowered_equations", "over", "pointwise", "supported"]

UNROLL = 1


def supported(graph):
    """Whether every equation is elementwise with a lowering, on kinds the compiler has."""
    variables = [*graph.inputs, *graph.constants, *[v for e in graph.equations for v in e.outs]]
    return (
        all(lowers(e) for e in graph.equations)
        and all(kind_of(v.element_type) is not None for v in variables)
        and not any(v.shape for v in graph.constants)
    )


def lowered(m, graph, values):
    """The values of the outputs, written into `m`; `values` maps the inputs (it is extended)."""
    for c in graph.constants:
        values[c] = m.constant(kind_of(c.element_type), c.constant.item())
    lowered_equations(m, graph.equations, values)
    return [values[o] for o in graph.outputs]


def lowered_equations(m, equations, values):
    """The values of elementwise equations, added to `values`."""
    for e in equations:
        ins = [values[i] if isinstance(i, Variable) else i for i in e.ins]
        out = lowering(e.prim)(m, *_numbers_first(m, e, ins), **e.params)
        values[e.outs[0]] = _as(m, out, held_as(e.outs[0].element_type))


def _numbers_first(m, e, ins):
    """Operands of one kind; a number on the left becomes a constant of the other's kind."""
    values = [i for i in ins if isinstance(i, Value)]
    kinds = {v.kind for v in values if v.kind != "i1"}
    if len(kinds) > 1:
        wide = held_as(e.outs[0].element_type)
        ins = [m.convert(i, wide) if isinstance(i, Value) and i.kind != "i1" else i for i in ins]
        values = [i for i in ins if isinstance(i, Value)]
    if values and not isinstance(ins[0], Value):
        ins = [m.like(ins[0], values[-1]), *ins[1:]]
    return ins


def _as(m, value, kind):
    return value if value.kind == kind else m.convert(value, kind)


def pointwise(graph, numbers=()):
    """The built-in function ``kernel(*outputs, *inputs, size)``.

    Inputs whose position is in `numbers` are Python floats; the others, and the outputs, arrays.
    """
    return kernels.made(_written, graph, sorted(numbers))


def _written(graph, numbers):
    smallest = min(
        [BYTES[kind_of(v.element_type)] for v in (*graph.inputs, *graph.outputs)
         if kind_of(v.element_type)[0] == "f"] or [4]
    )  # fmt: skip
    m = Code(lanes=UNROLL * native.HOST.vector_bytes // smallest)
    outs = [kind_of(v.element_type) for v in graph.outputs]
    ins = [kind_of(v.element_type) for v in graph.inputs]
    kinds = ["ptr"] * len(outs)
    kinds += [k if i in numbers else "ptr" for i, k in enumerate(ins)]
    given = kernels.arguments(m, kinds)
    homes, sources = given[: len(outs)], given[len(outs) :]
    whole = {v: m.splat(s) for i, (v, s) in enumerate(zip(graph.inputs, sources, strict=True))
             if i in numbers}  # fmt: skip

    def at(index, mask):
        values = dict(whole)
        for i, v in enumerate(graph.inputs):
            if i not in numbers:
                values[v] = m.load(m.at(sources[i], index, ins[i]), ins[i], mask=mask)
        results = lowered(m, graph, values)
        for home, kind, result in zip(homes, outs, results, strict=True):
            m.store(m.splat(result), m.at(home, index, kind), mask)

    over(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), at)
    m.line("ret void")
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    return kernels.Body(body, kinds, m.module)


def over(m, start, stop, at, size=None):
    """``at(index, mask)`` for [start, stop) in steps of the lanes; the last step is masked.

    `size`: that of the whole range where it is known and pieces of it are cut between vectors, so
    that less has to be written.
    """
    lanes = m.lanes
    if size is not None and size < lanes:
        return at(start, lanes_below(m, stop - start))
    full = stop if size is not None and size % lanes == 0 else stop - (lanes - 1)
    enter, tail = m.fresh("full"), m.fresh("tail")
    before = m.block
    m.line(f"br {start < full}, label %{enter}, label %{tail}")
    m.label(enter)
    step = m.constant("i64", lanes, 1)
    i, loop = m.loop_open(start, full, step)
    at(i, None)
    m.loop_close(loop)
    reached, after = i + lanes, m.block
    m.jump(tail)
    m.label(tail)
    if full is stop:
        return
    last, done = m.fresh("last"), m.fresh("done")
    rest = m.put("i64", 1, f"phi i64 [{start.text}, %{before}], [{reached.text}, %{after}]")
    m.line(f"br {rest < stop}, label %{last}, label %{done}")
    m.label(last)
    at(rest, lanes_below(m, stop - rest))
    m.jump(done)
    m.label(done)


def lanes_below(m, count, lanes=None):
    """The mask of the first `count` lanes."""
    lanes = m.lanes if lanes is None else lanes
    numbers = ", ".join([f"i64 {i}" for i in range(lanes)])
    order = Value(m, "i64", lanes, f"<{numbers}>")
    return order < m.splat(count, lanes)
