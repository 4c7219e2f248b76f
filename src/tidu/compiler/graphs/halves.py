"""Equations on 16-bit floats as equations on float32 whose results are rounded.

That is how kernels compute them: wide inside, rounded once at the end. `widened` writes it out for
the primitives of which that holds, so that loops and their epilogues serve such types, too; others
stay calls of their kernels. A loop keeps a value of 16 bits as the float32 that it stands for, and
reads and writes half of it.
"""

from math import isfinite

import numpy as np

from ...base.dtypes import HALVES
from ...primitives import (
    activations,
    arithmetic,
    base,
    contraction,
    network,
    normalization,
    pooling,
    reductions,
    structural,
)
from ...primitives import functions as f
from ...primitives.convolution import convolution, convolution_weight, transposed_convolution
from ...primitives.fused import Fused, Wide
from ...program.ir import Equation, Graph, Variable
from ..loops.elements import half_serves, lowering

__all__ = ["widened"]

F32 = np.dtype(np.float32)
_BY_STEPS = (f.xlogy, f.logit, f.polygamma, f.lgamma, f.pow, arithmetic.clamp, base.cast,
             arithmetic.fmod, arithmetic.remainder, arithmetic.floor_divide,
             structural.clone, activations.hardtanh)  # fmt: skip
_ALWAYS = (
    base.reduce_sum, reductions.mean, reductions.amax, reductions.amin, contraction.matmul,
    contraction.mv, contraction.linear_map, contraction.linear_product, convolution,
    convolution_weight, transposed_convolution, normalization.normalize, network.softmax,
    network.log_softmax, pooling.mean_pool, f.rsqrt,
)  # fmt: skip


def widened(graph):
    """The graph with float32 inside of what is computed of 16-bit floats."""
    if not any(_narrow(v) for e in graph.equations for v in (*e.ins, *e.outs)):
        return graph
    out = Graph()
    out.inputs, out.constants, out._count = graph.inputs, graph.constants, graph._count
    out.outputs, out.orders, wide = graph.outputs, dict(graph.orders), {}
    for e in graph.equations:
        if _widens(e):
            _widen(out, e, wide)
        else:
            out.equations.append(e)
    return out


def _narrow(v):
    return isinstance(v, Variable) and v.element_type in HALVES


def _served(v):
    return not _narrow(v) or half_serves(v.element_type)


def _widens(e):
    """Whether a kernel computes it in float32 and rounds its results once."""
    if not any(map(_narrow, (*e.ins, *e.outs))) or not all(map(_served, (*e.ins, *e.outs))):
        return False
    floats = [
        v for v in (*e.ins, *e.outs) if isinstance(v, Variable) and v.element_type.kind != "b"
    ]
    if any(not _narrow(v) and v.element_type != F32 for v in floats):
        return False
    if e.prim is pooling.mean_spread:
        return _apart(**e.params)
    if e.prim is f.pow:
        return _number(e.ins[1]) in (0.5, 1, 2)
    if e.prim in _ALWAYS:
        return True
    return len(e.outs) == 1 and _once(e.prim, e.outs[0].element_type)


def _apart(kernel, stride, **others):
    """Whether no windows overlap, in which cotangents are added in 16 bits."""
    return all(s >= k for s, k in zip(stride, kernel, strict=True))


def _once(prim, to):
    """Whether a primitive of elements is one function, which is rounded once, or a question."""
    if to.kind == "b" and prim is not base.cast:
        return lowering(prim) is not None
    if prim in _BY_STEPS or lowering(prim) is None:
        return False
    if not isinstance(prim, Fused) or isinstance(prim, Wide):
        return True
    return prim in _PLAIN or (prim.computed and len(prim.derivation.steps) == 1)


_PLAIN = {
    arithmetic.sub, arithmetic.rsub, arithmetic.ceil, arithmetic.trunc, arithmetic.sign,
    arithmetic.maximum, arithmetic.minimum, arithmetic.fmax, arithmetic.fmin, arithmetic.relu,
    arithmetic.clamp_low, arithmetic.clamp_high, arithmetic.reciprocal, arithmetic.zeros_like,
    f.exp2, f.expm1, f.log, f.log2, f.log10, f.log1p, f.sigmoid, f.tan, f.tanh, f.erfc, f.rsqrt,
}  # fmt: skip


def _number(v):
    """A number that stands in the graph; None for what is computed or given."""
    if not isinstance(v, Variable):
        return v
    if v.constant is None or v.shape:
        return None
    return float(v.constant.item())


def _widen(out, e, wide):
    numbers = [_number(v) if _narrow(v) else None for v in e.ins]
    beside = any(_narrow(v) and n is None for v, n in zip(e.ins, numbers, strict=True))
    ins = [n if beside and n is not None and isfinite(n) else
           _cast(out, v, wide) if _narrow(v) else v
           for v, n in zip(e.ins, numbers, strict=True)]  # fmt: skip
    outs = [out.variable(v.shape, F32) if _narrow(v) else v for v in e.outs]
    out.equations.append(Equation(e.prim, ins, outs, e.params))
    for v, w in zip(e.outs, outs, strict=True):
        if v is not w:
            change = {"to": v.element_type, "origin": F32}
            out.equations.append(Equation(base.cast, [w], [v], change))


def _cast(out, v, wide):
    """The variable as float32."""
    if v not in wide:
        wide[v] = out.variable(v.shape, F32)
        change = {"to": F32, "origin": v.element_type}
        out.equations.append(Equation(base.cast, [v], [wide[v]], change))
    return wide[v]
