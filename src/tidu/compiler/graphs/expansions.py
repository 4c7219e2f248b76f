"""Composite primitives written out in simpler ones, so that loops can be fused across them.

`expanded(graph)` replaces each equation that has an entry here by the equations its definition
leaves when it is traced.
"""

import math

import numpy as np

from ...core.handle import element_type, shape_of
from ...primitives import base, contraction, losses, recurrent, reductions
from ...primitives.composed import Composed, placed
from ...primitives.normalization import normalize, normalized
from ...primitives.over_axes.operators import OverAxes
from ...primitives.structural import clone, concatenate, roll, slice_
from ...program.ir import Equation, Graph, Variable
from ...transforms.trace import Tracer
from ..loops import indexed
from ..loops.stops import nll, nll_back
from ..machine.code import kind_of

__all__ = ["definition_of", "expanded"]


def _matmul(x, y):
    """A stack of matrices times one matrix is one product of all their rows; products without a
    sum are elementwise."""
    left, right = tuple(shape_of(x)), tuple(shape_of(y))
    if left[-1] == 1 and element_type(x) == element_type(y):
        # Of a column and a row. A sum begins at 0, so that it is never -0.
        return x * y + 0.0 if element_type(x).kind in "fcV" else x * y
    if math.prod(right[:-2]) != 1 or len(right) > len(left) or math.prod(left[:-2]) == 1:
        return contraction.matmul(x, y)
    rows = base.reshape(x, shape=(math.prod(left[:-1]), left[-1]))
    out = contraction.matmul(rows, base.reshape(y, shape=right[-2:]))
    return base.reshape(out, shape=(*left[:-1], right[-1]))


_BOOL, _BYTE = np.dtype(bool), np.dtype(np.int8)


def _bytes(x):
    """Truth values as numbers, which a loop can reduce."""
    origin = element_type(x)
    truth = x if origin == _BOOL else base.cast(x, to=_BOOL, origin=origin)
    return base.cast(truth, to=_BYTE, origin=_BOOL)


def _steps_of(prim):
    """A fused operator over axes as the steps of its formula."""

    def define(*args, **params):
        if any(kind_of(element_type(x)) is None for x in args):
            return prim(*args, **params)
        args = [_bytes(x) if element_type(x) == _BOOL else x for x in args]
        return prim.derivation.run(args, params, defined=definition_of)

    return define


def _extreme(prim):
    """Of truth values as of their bytes."""

    def define(x, **axes):
        return prim(_bytes(x), **axes) > 0 if element_type(x) == _BOOL else prim(x, **axes)

    return define


def _roll(x, *, shifts, axes):
    """The end of each axis before its beginning; a copy where nothing moves."""
    given = x
    for shift, axis in zip(shifts, axes, strict=True):
        n = shape_of(x)[axis]
        cut = -shift % n if n else 0
        if cut:
            lead = (slice(None),) * axis
            x = concatenate(slice_(x, index=(*lead, slice(cut, n))),
                            slice_(x, index=(*lead, slice(0, cut))), axis=axis)  # fmt: skip
    return clone(x) if x is given else x


def _weights_apart(prim, weight, own_parts):
    """A recurrent layer's gradient with the weight's and bias's, inputs `weight` and after, by
    equations of their own: NumPy's threads would wake for them. `own_parts`: the cotangent of the
    states' part of the sums, for some gates each, of that of the gates and what each step kept;
    None where a cotangent of what was kept, which second derivatives have, comes to it besides."""

    def define(*values, given, needs, shapes, words):
        call = dict(given=given, shapes=shapes, words=words)
        kept = prim.of.kept_outputs
        cotangents, *_, outs = placed(values, given, shapes)
        parts = own_parts(cotangents[kept[-1]])
        if parts is None or not any(needs[weight:]):
            return prim(*values, needs=needs, **call)
        asked = (True, *needs[1:weight], *(False,) * (len(needs) - weight))
        found = prim(*values, needs=asked, **call)
        into, *firsts = found if found.__class__ is tuple else (found,)
        states, *_, acts = [outs[k] for k in kept]
        parts = [contraction.rows(part) for part in parts(into, acts)]
        found = [into] * needs[0] + firsts
        if needs[weight]:
            before = contraction.rows(slice_(states, index=(slice(0, -1),)))
            products = [contraction.matmul(base.transpose(own, axes=(1, 0)), before)
                        for own in parts]  # fmt: skip
            found.append(_in_one(products))
        if any(needs[weight + 1 :]):
            found.append(
                _in_one([base.reduce_sum(own, axes=(0,), keepdims=False) for own in parts])
            )
        return tuple(found) if len(found) > 1 else found[0]

    return define


def _in_one(parts):
    return concatenate(*parts, axis=0) if len(parts) > 1 else parts[0]


def _lstm_parts(_):
    return lambda into, acts: (into,)


def _gru_parts(of_acts):
    """New is scaled by reset, and kept what is scaled."""
    return _scaled_by_reset if of_acts is None else None


def _scaled_by_reset(into, acts):
    size = shape_of(into)[2] // 3
    part = lambda x, start, end: slice_(x, index=(..., slice(start * size, end * size)))
    return part(into, 0, 2), part(into, 2, 3) * part(acts, 0, 1)


DEFINITIONS = {
    **{
        prim: _extreme(prim)
        for prim in (reductions.largest, reductions.smallest, reductions.amax, reductions.amin)
    },
    **indexed.DEFINITIONS,
    losses.nll: nll,
    losses.nll_back: nll_back,
    roll: _roll,
    **{
        prim: prim.definition
        for prim in (contraction.linear_map, contraction.linear_product, contraction.mv)
    },
    contraction.matmul: _matmul,
    normalize: normalized,
    recurrent.lstm_backward: _weights_apart(recurrent.lstm_backward, 3, _lstm_parts),
    recurrent.gru_backward: _weights_apart(recurrent.gru_backward, 2, _gru_parts),
}


def definition_of(prim):
    """What a composite primitive is in simpler ones, as a function; None for others. An operator
    over axes is its formula, where that gives the value."""
    found = DEFINITIONS.get(prim)
    if found is None and isinstance(prim, OverAxes) and prim.valued:
        found = DEFINITIONS[prim] = _steps_of(prim)
    return found


NARROW = {"float16", "bfloat16", "complex64", "complex128"}


def expanded(graph, named=False):
    """The graph with composite primitives written out; `named`: their results are the variables
    they were, each a copy that another pass takes out."""
    out = Graph()
    out.inputs, out.constants, out._count = list(graph.inputs), list(graph.constants), graph._count
    renamed = {}
    for e in graph.equations:
        ins = [renamed.get(i, i) if isinstance(i, Variable) else i for i in e.ins]
        if definition_of(e.prim) is None or _types(e) & NARROW:
            out.equations.append(Equation(e.prim, ins, e.outs, e.params))
            continue
        for old, new in zip(e.outs, _inline(out, e.prim, ins, e.params), strict=True):
            if named and isinstance(new, Variable):
                out.equations.append(Equation(clone, [new], [old], {}))
            else:
                renamed[old] = new
    out.outputs = [renamed.get(o, o) if isinstance(o, Variable) else o for o in graph.outputs]
    return out


def _types(e):
    return {v.element_type.name for v in (*e.ins, *e.outs) if isinstance(v, Variable)}


def _inline(out, prim, ins, params):
    """The variables that hold the results of a definition written into `out`; composed operators in
    it are written out, too."""
    tracer = Tracer()
    handles = [tracer.input(i.shape, i.element_type) if isinstance(i, Variable) else i for i in ins]
    results = definition_of(prim)(*handles, **params)
    results = results if isinstance(results, tuple) else (results,)
    part = tracer.graph
    results = [tracer.variable_of(r) for r in results]
    given = iter([i for i in ins if isinstance(i, Variable)])
    known = {v: next(given) for v in part.inputs}
    for c in part.constants:
        known[c] = out.variable(c.shape, c.element_type, c.constant)
        out.constants.append(known[c])
    for e in part.equations:
        inputs = [known[i] if isinstance(i, Variable) else i for i in e.ins]
        if isinstance(e.prim, Composed) and e.prim is not prim and definition_of(e.prim):
            known.update(zip(e.outs, _inline(out, e.prim, inputs, e.params), strict=True))
            continue
        for v in e.outs:
            known[v] = out.variable(v.shape, v.element_type)
        out.equations.append(Equation(e.prim, inputs, [known[v] for v in e.outs], e.params))
    return [known[r] for r in results]
