"""Whether a value of a recorded function would lie turned in memory, had the function run eagerly.

Graphs know no strides, but draws follow them: dropout of a transposed tensor fills its mask in the
order in which the elements lie.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...primitives import base, structural
from ...program.ir import Variable

__all__ = ["laid_out", "order_of"]


def laid_out(graph, variable, inputs):
    """An array that lies in memory as the value would, without memory of its own; nobody reads it.

    `inputs`: {variable: array} of those that do not lie in the order of their axes.
    """
    makers = {out: e for e in graph.equations for out in e.outs}
    known = {v: as_strided(np.zeros(1, np.int8), a.shape, [s // a.itemsize for s in a.strides])
             for v, a in inputs.items()}  # fmt: skip
    return _blank(variable, makers, known)


def order_of(array):
    """Its axes in the order in which its elements lie; None where that is the order they have."""
    if array.flags.c_contiguous:
        return None
    axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    return None if axes == list(range(array.ndim)) else tuple(axes)


def _blank(v, makers, known):
    """An array that lies as the value would, without memory of its own; nobody reads it."""
    found = known.get(v)
    if found is None:
        found = known[v] = _made(v, makers.get(v), makers, known)
    return found


def _dense(shape):
    strides = np.cumprod([1, *shape[:0:-1]])[::-1] if shape else ()
    return as_strided(np.zeros(1, np.int8), shape, strides)


def _made(v, e, makers, known):
    ins = [] if e is None else [i for i in e.ins if isinstance(i, Variable)]
    if e is None or 0 in v.shape or any(0 in i.shape for i in ins):
        return _dense(v.shape)
    if e.prim is base.reshape:
        try:
            out = _blank(ins[0], makers, known).view()
            out.shape = v.shape
        except AttributeError:  # the elements move
            return _dense(v.shape)
        return out
    if e.prim.is_view and len(e.outs) == 1:
        return e.prim.eval(_blank(ins[0], makers, known), **e.params)
    copied = e.prim is structural.clone and e.params.get("order", "K") == "K"
    if copied or (e.prim.kind == "elementwise" and e.prim is not base.broadcast_to):
        alike = [_blank(i, makers, known) for i in ins if i.shape == v.shape]
        if alike and not any(a.flags.c_contiguous for a in alike):
            return _in_order_of(alike[0], v.shape)
    return _dense(v.shape)


def _in_order_of(like, shape):
    """Dense, its axes in the order of another's strides."""
    order = sorted(range(len(shape)), key=lambda a: -like.strides[a])
    dense = _dense(tuple([shape[a] for a in order]))
    return dense.transpose(np.argsort(order))
