"""Elementwise equations in the shape of the product whose result they go on with.

A linear layer of three axes is a product of two, seen as three again; bias and activation would
run over another space than the product, and could not be computed with it. `reshaped_last` is a
pass: what goes on with such a view goes on with the product, and is seen in its shape afterwards.
"""

from math import prod

from ...primitives import base, contraction, products, reductions
from ...program.ir import Equation, Graph, Variable
from ..loops.elements import lowers
from ..loops.layout import VIEWS

__all__ = ["REDUCTIONS", "kept", "reshaped_last"]

REDUCTIONS = {
    base.reduce_sum: "sum", products.product: "product", reductions.largest: "max",
    reductions.smallest: "min", reductions.amax: "max", reductions.amin: "min",
}  # fmt: skip


def reshaped_last(graph):
    """The graph with elementwise equations before the reshape of a product's result."""
    writer = _Writer(graph)
    for place, e in enumerate(graph.equations):
        writer.equation(e, place)
    writer.seen(graph.outputs)
    out = writer.out
    out.outputs = list(graph.outputs)
    return out if writer.moved else graph


def kept(graph):
    """The values that lie in memory in the end, or what goes on with them does: not those of which
    nothing but sums is wanted, which loops compute and add at once."""
    found = {o for o in graph.outputs if isinstance(o, Variable)}
    for e in reversed(graph.equations):
        within = e.prim in VIEWS or lowers(e)
        if e.prim in REDUCTIONS or (within and not any(v in found for v in e.outs)):
            continue
        found.update([i for i in e.ins if isinstance(i, Variable)])
    return found


class _Writer:
    """The graph being written. `flat`: the matrices that products make and what goes on with them,
    and the place of that product; `latest`: that of the last product a value depends on; `sources`:
    of each view by reshape, what it looks at."""

    def __init__(self, graph):
        out = self.out = Graph()
        out.inputs, out.constants, out._count = graph.inputs, graph.constants, graph._count
        self.flat, self.latest, self.sources = {}, {}, {}
        self.unseen, self.moved = {}, False  # {what was computed in another shape: that}
        self.kept = kept(graph)
        self.makers = {v: e for e in graph.equations for v in e.outs}
        self.readers = {}
        for e in graph.equations:
            for v in {i for i in e.ins if isinstance(i, Variable)}:
                self.readers[v] = self.readers.get(v, 0) + 1

    def equation(self, e, place):
        before = max([self.latest.get(i, -1) for i in e.ins if isinstance(i, Variable)], default=-1)
        if e.prim is contraction.matmul and len(e.outs[0].shape) == 2:
            self.flat[e.outs[0]] = before = place
        self.latest.update(dict.fromkeys(e.outs, before))
        if e.prim is base.reshape and isinstance(e.ins[0], Variable):
            self.sources[e.outs[0]] = self.sources.get(e.ins[0], e.ins[0])
        elif e.prim not in VIEWS and len(e.outs) == 1 and lowers(e) and e.outs[0] in self.kept:
            product = self._product(e)
            shape = None if product is None else product.shape
            ins = None if shape is None else self._ins(e, shape)
            if shape == e.outs[0].shape:
                self.flat[e.outs[0]] = before
            elif ins is not None:
                return self._move(e, shape, ins, before)
        self.seen(e.ins)
        self.out.equations.append(e)

    def seen(self, variables):
        """Those that are read as they were are views of what was computed in their place."""
        for v in variables:
            if isinstance(v, Variable) and (made := self.unseen.pop(v, None)) is not None:
                view = Equation(base.reshape, [made], [v], {"shape": v.shape})
                self.out.equations.append(view)

    def _matrix(self, i, shape):
        """What makes the elements of an operand of this shape, if it goes on with a product."""
        source = self.sources.get(i, i)
        return source if source in self.flat and i.shape == shape else None

    def _product(self, e):
        """What the equation goes on with, all else being known before the product."""
        wanted, found = e.outs[0].shape, None
        for i in e.ins:
            matrix = self._matrix(i, wanted) if isinstance(i, Variable) else None
            if matrix is not None and (found is None or self.flat[matrix] > self.flat[found]):
                found = matrix
        if found is None or found.shape[-1:] != wanted[-1:]:
            return None
        place = self.flat[found]
        for i in e.ins:
            if isinstance(i, Variable) and self.latest.get(i, -1) >= place:
                matrix = self._matrix(i, wanted)
                if matrix is None or self.flat[matrix] != place:
                    return None
        return found

    def _ins(self, e, shape):
        """The operands in this shape; None where one would have to be computed for it first."""
        wanted, found = e.outs[0].shape, []
        for i in e.ins:
            if not isinstance(i, Variable) or not i.shape:
                found.append((i, None))
            elif i.shape == wanted:
                source = self.sources.get(i)
                same = source is not None and source.shape == shape
                if not same and not self._lies(i):
                    return None
                found.append((source, None) if same else (i, shape))
            elif (narrow := _narrow(i.shape, wanted, shape)) is not None and self._lies(i):
                found.append((i, narrow))
            else:
                return None
        return [self._view(i, narrow) for i, narrow in found]

    def _lies(self, v):
        """Whether it is in memory, in order, in any case."""
        e = self.makers.get(v)
        if e is None:
            return True
        if e.prim is base.reshape:
            return e.ins[0] in self.flat or self._lies(e.ins[0])
        return e.prim not in VIEWS and (self.readers[v] > 1 or not lowers(e))

    def _view(self, v, shape):
        if shape is None or v.shape == shape:
            return v
        self.seen([v])
        seen = self.out.variable(shape, v.element_type)
        self.out.equations.append(Equation(base.reshape, [v], [seen], {"shape": shape}))
        return seen

    def _move(self, e, shape, ins, place):
        (was,) = e.outs
        made = self.out.variable(shape, was.element_type)
        self.out.equations.append(Equation(e.prim, ins, [made], e.params))
        self.unseen[was] = made
        self.flat[made], self.latest[made] = place, place
        self.sources[was], self.moved = made, True


def _narrow(own, wanted, shape):
    """The shape in which what is broadcast to `wanted` is broadcast to the matrix; or None."""
    own = (1,) * (len(wanted) - len(own)) + own
    if all(n == 1 for n in own[:-1]):
        return own[-1:]
    if own[-1] == 1 and own[:-1] == wanted[:-1] and prod(own) == shape[0]:
        return shape[0], 1
    return None
