"""In which order the elements of a value lie in memory.

`laid_out` is a pass. Where the equation that makes a value can write it in any order of its axes,
it takes the one that costs least, by the times below, for what makes and reads it, through views:
first for values that elementwise equations join, together, then for each alone. Fixed are inputs,
constants, results, and what calls of kernels give. The orders stand in `graph.orders`.
"""

from math import prod

from ...primitives import base, contraction, structural
from ...primitives.convolution import convolution, convolution_weight, transposed_convolution
from ...program.ir import Equation, Graph, Variable
from ..loops import library
from ..loops.elements import lowers
from ..loops.layout import VIEWS, Ref, dense_strides, view_of
from ..machine.code import kind_of
from .moves import PARTS
from .reshapes import REDUCTIONS

__all__ = ["anywhere", "laid_out", "ordered"]

# Seconds for an element, of two threads, read or written: in a loop along it; in a loop across it,
# where blocks are turned (`turns.py`); there, where something is summed, so that it is gathered;
# and given to a call of a kernel across its order, which copies it first.
_ALONG, _TURNED, _GATHERED, _CALLED = 0.4e-10, 1.5e-10, 4e-10, 1e-9
LEAST = 1 << 12  # elements of a value that is worth looking at
_ROUNDS = 3


def laid_out(graph):
    """The graph with orders for some of its values."""
    if not any(e.prim is base.transpose for e in graph.equations) and not graph.orders:
        return graph
    choice = _Choice(graph)
    choice.improve()
    out = Graph()
    out.inputs, out.constants, out._count = graph.inputs, graph.constants, graph._count
    out.outputs, out.orders = graph.outputs, choice.orders
    rows = {}  # of an image whose rows lie apart: a copy
    for e in graph.equations:
        for i in _images(e):
            if i not in rows and _apart(choice.ref(i)):
                rows[i] = out.variable(i.shape, i.element_type)
                out.equations.append(Equation(structural.clone, [i], [rows[i]], {}))
        ins = [rows.get(i, i) for i in e.ins] if _images(e) else e.ins
        out.equations.append(Equation(e.prim, ins, e.outs, e.params))
    return out


def _images(e):
    """The images that a convolution reads row by row; none where its kernel is one element, which
    is a product that reads either order."""
    if e.prim not in (convolution, transposed_convolution, convolution_weight):
        return ()
    weighs = e.prim is convolution_weight
    weight = e.outs[0] if weighs else e.ins[1]
    return e.ins[: 1 + weighs] if prod(weight.shape[2:]) > 1 else ()


def _apart(ref):
    return ref.size >= LEAST and ref.shape[-1] > 1 and ref.strides[-1] != 1


def ordered(shape, order):
    """The strides of a dense array whose axes lie in this order, outermost first."""
    steps = dense_strides([shape[a] for a in order])
    return tuple([steps[order.index(a)] for a in range(len(shape))])


def anywhere(e):
    """Whether the result of an equation can be written in any order of its axes."""
    variables = [v for v in (*e.ins, *e.outs) if isinstance(v, Variable)]
    if len(e.outs) != 1 or e.prim in VIEWS or not e.outs[0].shape:
        return False
    if any(kind_of(v.element_type) is None for v in variables):
        return False
    if e.prim in REDUCTIONS:
        return e.outs[0].element_type == e.ins[0].element_type
    if e.prim is contraction.matmul:
        stacked = len(e.outs[0].shape) > 2 and e.outs[0].element_type.char in "fd"
        return stacked and library.available()
    return lowers(e)


_JOINING = (structural.concatenate, structural.embed, structural.from_diagonal)


class _Choice:
    """The orders chosen so far, and what they cost."""

    def __init__(self, graph):
        self.graph, self.orders = graph, dict(graph.orders)
        self.makers = {v: e for e in graph.equations for v in e.outs}
        self.readers, self.seen = {}, {}
        for e in graph.equations:
            for v in {i for i in e.ins if isinstance(i, Variable)}:
                self.readers.setdefault(v, []).append(e)
        results = {self._memory(o) for o in graph.outputs if isinstance(o, Variable)}
        self.free = [
            e.outs[0] for e in graph.equations
            if anywhere(e) and e.outs[0] not in results and e.outs[0] not in self.orders
            and prod(e.outs[0].shape) >= LEAST
        ]  # fmt: skip

    def _memory(self, v):
        """The variable in whose memory a view looks."""
        while (e := self.makers.get(v)) is not None and (_looks(e) or e.prim.is_view):
            v = e.ins[0]
        return v

    def improve(self):
        parts = [*[g for g in self._groups() if len(g) > 1], *[[v] for v in reversed(self.free)]]
        waiting = parts
        for _ in range(_ROUNDS):
            moved = [v for values in waiting if self._move(values) for v in values]
            if not moved:
                break
            near = {u for v in moved for e in self._around(v) for u in (*e.ins, *e.outs)}
            waiting = [values for values in parts if any(v in near for v in values)]

    def _groups(self):
        """The free values that elementwise equations join."""
        parents = {v: v for v in self.free}

        def of(v):
            while parents[v] is not v:
                v = parents[v]
            return v

        for v in self.free:
            e = self.makers[v]
            for i in e.ins if lowers(e) else ():
                if isinstance(i, Variable) and i in parents and i.shape == v.shape:
                    parents[of(i)] = of(v)
        found = {}
        for v in self.free:
            found.setdefault(of(v), []).append(v)
        return list(found.values())

    def _move(self, values):
        """The best order for these values together; whether that is another than they have."""
        wishes = dict.fromkeys([order for v in values for order in self._wishes(v)])
        if not wishes:
            return False
        wishes[plain := tuple(range(len(values[0].shape)))] = None
        around = list(dict.fromkeys([e for v in values for e in self._around(v)]))
        was = {v: self.orders.get(v) for v in values}
        best, least = None, sum([self._cost(e) for e in around]) * 0.999
        for order in wishes:
            if not all(self._writes(v, order) for v in values):
                continue
            self._put(dict.fromkeys(values, None if order == plain else order))
            cost = sum([self._cost(e) for e in around])
            if cost < least:
                best, least = order, cost
        self._put(was if best is None else dict.fromkeys(values, None if best == plain else best))
        return best is not None

    def _put(self, orders):
        for v, order in orders.items():
            self.orders.pop(v, None)
            if order is not None:
                self.orders[v] = order
            waiting = [v]
            while waiting:  # it, and what looks into it, lies otherwise now
                w = waiting.pop()
                if self.seen.pop(w, None) is not None:
                    waiting += [o for e in self.readers.get(w, ()) if _looks(e) for o in e.outs]

    def _writes(self, v, order):
        """A product's rows or columns lie side by side."""
        return self.makers[v].prim is not contraction.matmul or order[-1] >= len(order) - 2

    def _wishes(self, v):
        """The orders that something around a value may want."""
        plain, found = tuple(range(len(v.shape))), []
        for axes in self._transposes(v, plain):
            found.append(axes)
        for e in (self.makers[v], *self.readers.get(v, ())):
            if _looks(e):
                continue
            for w in (*e.ins, *e.outs):
                if isinstance(w, Variable) and w.shape == v.shape and not self.ref(w).dense:
                    found.append(_order_of(self.ref(w)))
        return [order for order in dict.fromkeys(found) if order not in (None, plain)]

    def _transposes(self, v, axes):
        """For each way a value is permuted, the order in which that is dense."""
        for e in self.readers.get(v, ()):
            if e.prim is base.transpose:
                turned = tuple([axes[a] for a in e.params["axes"]])
                yield turned
                yield from self._transposes(e.outs[0], turned)

    def _around(self, v):
        """The equations whose cost depends on how a value lies."""
        yield self.makers[v]
        waiting = [v]
        while waiting:
            for e in self.readers.get(waiting.pop(), ()):
                yield e
                if _looks(e):
                    waiting += e.outs

    # --- what it costs ---------------------------------------------------------------------

    def ref(self, v):
        """Where a variable lies: strides, in a memory that nobody names."""
        found = self.seen.get(v)
        if found is None:
            found = self.seen[v] = self._ref(v)
        return found

    def _ref(self, v):
        e = self.makers.get(v)
        if e is not None and _looks(e):
            found = _seen(e, v, self.ref(e.ins[0]))
            return Ref(0, v.shape, v.element_type) if found is None else found
        order = self.orders.get(v)
        return Ref(0, v.shape, v.element_type, None if order is None else ordered(v.shape, order))

    def _cost(self, e):
        ins = [i for i in e.ins if isinstance(i, Variable)]
        refs = [self.ref(i) for i in ins]
        if _looks(e):  # nothing, or a copy where the elements have to move
            return _copied(refs[0]) if _seen(e, e.outs[0], refs[0]) is None else 0.0
        if e.prim is contraction.matmul:
            return sum([_copied(r) for r in refs if not library.readable(r)])
        if e.prim in REDUCTIONS:
            return _loop(ins[0].shape, refs, _GATHERED)
        if lowers(e):
            (out,) = e.outs
            summed = any(r.prim in REDUCTIONS for r in self.readers.get(out, ()))
            across = _GATHERED if summed else _TURNED
            return _loop(out.shape, [*refs, self.ref(out)], across)
        if e.prim in _JOINING:
            return sum([_copied(r) for r in refs])
        if _images(e):
            return sum([_copied(self.ref(i)) for i in _images(e) if _apart(self.ref(i))])
        return sum([_CALLED * r.size for r in refs if not r.dense])


def _looks(e):
    """Whether it takes other strides on the memory of its operand."""
    return (e.prim in VIEWS or e.prim in PARTS) and isinstance(e.ins[0], Variable)


def _seen(e, v, ref):
    """The Ref of a result of a view; None where the elements have to move."""
    if v.element_type != ref.dtype:
        return None
    if e.prim in PARTS:
        index = list(PARTS[e.prim](**e.params))[e.outs.index(v)]
        return VIEWS[structural.slice_](ref, index=index)
    return view_of(e, ref)


def _copied(ref):
    return _loop(ref.shape, [ref, Ref(0, ref.shape, ref.dtype)], _TURNED)


def _loop(shape, refs, across):
    """Of a loop over a space, along the axis on which it costs least."""
    strides = [(r.size, r.broadcast(shape)) for r in refs]
    costs = [
        sum([n * (_ALONG if steps[axis] in (0, 1) else across) for n, steps in strides])
        for axis, count in enumerate(shape)
        if count > 1
    ]
    return min(costs, default=0.0)


def _order_of(ref):
    """The axes of what lies densely in some order, outermost first; None for what does not."""
    order = tuple(sorted(range(len(ref.shape)), key=lambda a: -ref.strides[a]))
    steps = ordered(ref.shape, order)
    alike = all(n == 1 or s == t for n, s, t in zip(ref.shape, ref.strides, steps, strict=True))
    return order if alike else None
