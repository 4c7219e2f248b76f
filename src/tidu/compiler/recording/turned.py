"""How the values of a recorded function would lie in memory, had it run eagerly.

Graphs know no strides, but three things follow them: draws (dropout of a transposed tensor fills
its mask in the order in which the elements lie), whether `reshape` and `contiguous` give the same
memory or a copy of it, and what a program is told that asks.
"""

from functools import lru_cache
from itertools import accumulate
from operator import mul

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...base.size import common_order, view_strides
from ...primitives import arithmetic, base, indexing, structural, views
from ...program.ir import Variable
from ...transforms.control import Control
from ...transforms.draws import random_draw

__all__ = ["Layouts", "order_of"]


class Layouts:
    """Those of a graph that is being recorded. Arrays here lie as the values would, without memory
    of their own; nobody reads them. What lies in the order of its axes is left out of `turned`."""

    def __init__(self, graph):
        self.graph, self.count, self.turned = graph, 0, {}
        self.seen_from = {}  # of views: what they look into

    def put(self, variable, array):
        """A variable that lies as an array does: an input, or what is written there."""
        self._go_on()
        self.turned.pop(variable, None)
        if not array.flags.c_contiguous:
            self.turned[variable] = as_strided(
                np.zeros(1, np.int8), array.shape, [s // array.itemsize for s in array.strides]
            )

    def of(self, variable):
        self._go_on()
        return self.blank(variable)

    def _go_on(self):
        equations, turned = self.graph.equations, self.turned
        for e in equations[self.count :]:
            prim = e.prim
            if prim.is_view or prim.by_columns or isinstance(prim, Control):
                self._follow(e)
            elif turned and not turned.keys().isdisjoint(e.ins):
                self._follow(e)
        self.count = len(equations)

    def moved_into_order(self, variable):
        """Whether it lies in order only as a view of what does not, which compiled code may have in
        another order."""
        if not self.of(variable).flags.c_contiguous:
            return False
        v = variable
        while v in self.seen_from:
            v = self.seen_from[v]
            if v in self.turned:
                return True
        return False

    def blank(self, v):
        found = self.turned.get(v)
        return _dense(v.shape) if found is None else found

    def _follow(self, e):
        ins = [i for i in e.ins if isinstance(i, Variable)]
        if isinstance(e.prim, Control):
            for v, blank in zip(e.outs, _of_bodies(self, e), strict=False):
                self._note(v, blank)
            return
        moves = e.prim.is_view and e.prim is not base.reshape
        for i in e.prim.by_columns[: len(e.outs)]:
            if 0 not in e.outs[i].shape:
                self.turned[e.outs[i]] = _columns(e.outs[i].shape)
        if e.prim.by_columns or not ins or not (moves or any(i in self.turned for i in ins)):
            return
        if any(0 in v.shape for v in (*ins, *e.outs)):
            return
        if e.prim.is_view:
            self.seen_from.update(dict.fromkeys(e.outs, ins[0]))
        made = self._made(e, ins)
        for v, blank in zip(e.outs, made, strict=False):
            self._note(v, blank)

    def _note(self, v, blank):
        if not blank.flags.c_contiguous:
            self.turned[v] = blank

    def _made(self, e, ins):
        """How the outputs lie; () where they are in order."""
        first = self.blank(ins[0])
        if e.prim is base.reshape:
            strides = view_strides(first.shape, first.strides, e.outs[0].shape)
            return () if strides is None else (as_strided(first, e.outs[0].shape, strides),)
        if e.prim in (structural.detach, structural.barrier):
            return (first,)
        if e.prim in _PARTS and ins[0].element_type != e.outs[0].element_type:
            steps = _PARTS[e.prim](first.strides)
            return (as_strided(np.zeros(1, np.int8), e.outs[0].shape, steps),)
        if e.prim in (indexing.put, views.view_scatter):
            return (_dense_in([first], first.shape),)
        if e.prim.is_view:
            out = e.prim.eval(first, **e.params)
            return out if isinstance(out, (tuple, list)) else (out,)
        if _keeps_order(e.prim, e.params):
            shape = e.outs[0].shape
            return (_dense_in([np.broadcast_to(self.blank(i), shape) for i in ins], shape),)
        if e.prim is structural.concatenate:
            parts = [self.blank(i) for i in ins]
            if all(map(base.are_images, parts)):
                return (_dense_in(parts, e.outs[0].shape),)
        return ()


# --- branches and loops ---------------------------------------------------------------------------


def _of_bodies(layouts, e):
    """How the results of a branch or loop lie that no order is prescribed for."""
    given = [layouts.blank(i) if isinstance(i, Variable) else None for i in e.ins]
    params = e.params
    if "true" in params:
        found = [_results(params[name], given[1:]) for name in ("true", "false")]
        return [a if a.strides == b.strides else _dense(a.shape)
                for a, b in zip(*found, strict=False)]  # fmt: skip
    if "sizes" not in params or "body" not in params:
        return ()
    if "length" in params:
        consts, carries = params["sizes"]
        first, carried, rest = (given[:consts], given[consts : consts + carries],
                                [x[0] for x in given[consts + carries :]])  # fmt: skip
    else:
        asked, consts = params["sizes"]
        first, carried, rest = given[asked : asked + consts], given[asked + consts :], []
    return _carried(params["body"], first, carried, rest, params.get("length"))


_ROUNDS = 8  # steps of a loop that are followed


def _carried(body, first, carried, rest, length=None):
    """How that lies which a loop carries, after all its steps, of which there are `length` (None:
    some); () where that can't be told."""
    seen, known = [carried], [_steps(carried)]
    while len(seen) <= _ROUNDS:
        if length is not None and len(seen) > length:
            return seen[length]
        now = _results(body, [*first, *seen[-1], *rest])[: len(carried)]
        if _steps(now) in known:  # from here on it comes again and again
            begin = known.index(_steps(now))
            period = len(seen) - begin
            if period == 1:
                return now
            return () if length is None else seen[begin + (length - begin) % period]
        seen.append(now)
        known.append(_steps(now))
    return ()


def _steps(arrays):
    return [None if a is None else a.strides for a in arrays]


def _results(graph, given):
    """How the outputs of a body lie, for inputs that lie as these arrays (None: numbers)."""
    inner = Layouts(graph)
    fixed = [v.constant for v in graph.constants]
    for v, array in zip([*graph.inputs, *graph.constants], [*given, *fixed], strict=True):
        if isinstance(array, np.ndarray) and not array.flags.c_contiguous:
            steps = [s // array.itemsize for s in array.strides]
            inner.turned[v] = as_strided(np.zeros(1, np.int8), array.shape, steps)
    blanks = [inner.of(o) if isinstance(o, Variable) else np.zeros((), np.int8)
              for o in graph.outputs]  # fmt: skip
    return [_dense_in([blank], blank.shape) for blank in blanks]


# Views of complex numbers as real ones and back: strides count elements, of half or twice the size.
_PARTS = {
    arithmetic.real: lambda steps: [2 * s for s in steps],
    arithmetic.imag: lambda steps: [2 * s for s in steps],
    structural.as_real: lambda steps: [*[2 * s for s in steps], 1],
    structural.as_complex: lambda steps: [s // 2 for s in steps[:-1]],
}


def _keeps_order(prim, params):
    """Whether results of a primitive lie as its operands do."""
    if prim is structural.clone:
        return params.get("order", "K") == "K"
    if prim in (structural.flip, base.cast, base.conj):
        return True
    if prim is random_draw:  # of an array of probabilities or means
        return False
    return prim.kind == "elementwise" and prim is not base.broadcast_to


def order_of(array):
    """Its axes in the order in which its elements lie; None where that is the order they have."""
    if array.flags.c_contiguous:
        return None
    axes = tuple(common_order([array], array.shape))  # an axis that was expanded keeps its place
    return None if axes == tuple(range(array.ndim)) else axes


def _columns(shape):
    """Matrices that lie column by column."""
    return _dense((*shape[:-2], shape[-1], shape[-2])).swapaxes(-1, -2)


@lru_cache(1024)
def _dense(shape):
    strides = [*accumulate(shape[:0:-1], mul, initial=1)][::-1] if shape else ()
    return as_strided(np.zeros(1, np.int8), shape, strides, writeable=False)


def _dense_in(arrays, shape):
    """Dense, its axes in the order in which those of the arrays lie."""
    order = common_order(arrays, shape)
    return _dense(tuple([shape[a] for a in order])).transpose(np.argsort(order))
