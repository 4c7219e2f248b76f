"""Joins, parts and embeddings as strides on one buffer, where NumPy would make a step of each.

`moved(made, e, own, copy)` places such an equation in a plan, or says that it cannot: the parts of
`split` and `unbind` are views, of any type; what `cat` joins is copied side by side; the gradient
of a slice is zeros with the slice copied in; a write through a view is a copy of the base, then of
the part into it. `own` and `copy` are the schedule's.
"""

import numpy as np

from ...primitives import structural, views
from ...program.ir import Equation, Variable
from ..loops.layout import VIEWS, Ref, diagonal_of
from ..machine.code import kind_of
from .steps import GIVEN, past

__all__ = ["PARTS", "PLACES", "moved"]

PARTS = {structural.split: structural.spans, structural.unbind: structural.rows}  # indices of them
_slice = VIEWS[structural.slice_]


def moved(made, e, own, copy):
    place = PLACES.get(e.prim)
    types = {v.element_type for v in (*e.ins, *e.outs) if isinstance(v, Variable)}
    if place is None or len(types) != 1 or not all(isinstance(i, Variable) for i in e.ins):
        return False
    if e.prim not in PARTS and kind_of(types.pop()) is None:
        return False
    if e.prim is views.view_scatter and _written(e) is None:
        return False
    for v in e.ins:
        if v not in made.refs:
            own(made, v)
    place(made, e, own, copy)
    return True


def _parts(indices):
    def place(made, e, own, copy):
        (source,) = e.ins
        for out, index in zip(e.outs, indices(**e.params), strict=True):
            made.refs[out] = _slice(made.refs[source], index=index)
            made.ready[out] = past(made.ready[source])

    return place


def _joined(made, e, own, copy):
    (out,), axis = e.outs, e.params["axis"]
    home = own(made, out)
    spans = structural.spans(axis, [v.shape[axis] for v in e.ins])
    for v, index in zip(e.ins, spans, strict=True):
        if 0 not in v.shape:
            copy(made, v, _slice(home, index=index))
    made.ready[out] = made.done()


def _embedded(part):
    """Zeros, with the values in the part that ``part(ref, **params)`` is."""

    def place(made, e, own, copy):
        (source,), (out,) = e.ins, e.outs
        home = own(made, out)
        zero = Variable(f"{out.name}_zero", (), out.element_type, np.zeros((), out.element_type))
        made.graph.constants.append(zero)
        own(made, zero)
        made.ready[zero] = GIVEN
        blank = Variable(f"{out.name}_blank", out.shape, out.element_type)
        copy(made, Equation(structural.clone, [zero], [blank], {}), home)
        if 0 not in source.shape:
            copy(made, source, part(home, **e.params))
        made.ready[out] = made.done()

    return place


def _written(e, ref=None):
    """The Ref of the part that is written through a view, in a base that lies densely; None where
    strides do not say which part it is, or elements of it share a place."""
    ref = Ref(0, e.ins[0].shape, e.ins[0].element_type) if ref is None else ref
    for prim, params in e.params["steps"]:
        if ref is None or prim not in VIEWS or prim in views.OVERLAPPING:
            return None
        ref = VIEWS[prim](ref, **params)
    return ref


def _overwritten(made, e, own, copy):
    (base, part), (out,) = e.ins, e.outs
    home = own(made, out)
    copy(made, base, home)
    ref, given = _written(e, home), made.refs[part]
    if ref.size:
        if part.shape != ref.shape:
            wide = Variable(f"{part.name}_wide", ref.shape, part.element_type)
            made.refs[wide] = given.with_(ref.shape, given.broadcast(ref.shape))
            made.ready[wide], part = made.ready[part], wide
        copy(made, part, ref)
    made.ready[out] = made.done()


PLACES: dict = {
    views.view_scatter: _overwritten,
    **{prim: _parts(indices) for prim, indices in PARTS.items()},
    structural.concatenate: _joined,
    structural.embed: _embedded(lambda ref, index, shape: _slice(ref, index=index)),
    structural.from_diagonal: _embedded(diagonal_of),
}
