"""Compiled loops behind eager operations on large arrays, made once per operation and types.

Each function answers None where the arrays are not laid out alike or the work has no lowering;
then NumPy does it.
"""

import threading

import numpy as np
from numpy import ndarray

from ..base.lazy import at_home, late
from ..base.process.forks import across
from ..core.native import NATIVE
from ..primitives.activations import gelu
from ..primitives.functions import erf, erfc, pow
from ..program.ir import Equation, Graph
from ..transforms.trace import Traced, Tracer, infer
from .loops import draws
from .loops.elements import lowering
from .loops.library import product, stack
from .loops.pointwise import pointwise, supported
from .loops.reductions import product_sum, sum_
from .loops.rows import (
    log_softmax,
    log_softmax_back,
    normalize,
    normalize_back,
    softmax,
    softmax_back,
)
from .machine.native import available
from .machine.pool import ensure

__all__ = ["available", "draws", "elementwise", "log_softmax", "log_softmax_back", "normalize",
           "normalize_back", "product", "product_sum", "rule", "softmax", "softmax_back", "stack",
           "sum_"]  # fmt: skip

# Where a program has none of these operations, it loads nothing for them.
__getattr__ = late(__name__, at_home({
    "..loops.attention": "attention attention_back",
    "..loops.convolution": "convolve input_gradient weight_gradient",
    "..loops.digits": "by_digits",
    "..loops.pooling": "max_place max_pool max_positions mean_pool mean_spread",
    "..loops.recurrent": "gru gru_back lstm lstm_back",
    "..loops.sequences": "copied filled rows_taken spaced",
    "..loops.sorting": "SHORT ordered short",
    "..loops.updates": "update",
}))  # fmt: skip

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
_LOCK = across(threading.RLock())
_KERNELS = {}
_SPECIAL = (erf, erfc, gelu)  # NumPy has no such functions: SciPy would have to be loaded
_STATIC = (pow,)  # numbers decide how these are computed
_MANY = 64  # kernels of one primitive: parameters that change at each call go to NumPy then


def elementwise(prim, values, params):
    """prim(*values) on arrays of one layout (and numbers), or None."""
    if lowering(prim) is None:
        return None
    given = _alike(values, prim in _STATIC)
    if given is None:
        return None
    first, inputs, kinds = given
    key = (prim, kinds, *params.items()) if params else (prim, kinds)
    return _computed(key, lambda: _single(prim, values, kinds, params), first, inputs)


def rule(prim, index, g, saved, params):
    """A derivative rule of an elementwise primitive on arrays of one layout, or None."""
    places = [i for i, s in enumerate(saved[:-1]) if s is not None]
    values = [g, *[saved[i] for i in places]]
    given = _alike(values, prim in _STATIC)
    if given is None:
        return None
    first, inputs, kinds = given
    key = (prim, index, tuple(places), kinds, *(params or {}).items())
    return _computed(
        key, lambda: _traced(prim, index, values, places, saved, kinds, params), first, inputs
    )


def _computed(key, make, first, inputs):
    """An array like `first`, by the kernel of this key; None where there is none."""
    try:
        found = _KERNELS.get(key)
    except TypeError:
        return None
    if found is None:
        found = _made(key, make)
    kernel, types = found
    if kernel is None:
        return None
    out = np.empty_like(first, types[0])
    ensure()
    kernel(out, *inputs, first.size)
    return out


def _alike(values, static):
    """(an array, the inputs, a key of types), if all are one array layout, or numbers."""
    first = None
    for v in values:
        if v.__class__ is ndarray and v.ndim and any(v.strides):
            first = v
            break
    if first is None or not first.flags.forc or first.dtype not in (F32, F64):
        dtype = None if first is None else first.dtype
        if dtype is None or dtype.kind != "b" or not first.flags.forc:
            return None
    shape, strides = first.shape, None
    inputs, kinds, floating = [], [], None
    for v in values:
        kind = v.__class__
        if kind is ndarray and v.ndim:
            dtype = v.dtype
            if v.shape != shape:
                return None
            if dtype.kind == "f":
                if floating is None:
                    floating = dtype
                elif floating is not dtype:
                    return None
            elif dtype.kind != "b":
                return None
            if not any(v.strides):
                inputs.append(float(v.item(0)))
                kinds.append("n")
                continue
            if strides is None:
                strides = tuple([s // dtype.itemsize for s in v.strides])
            elif strides != tuple([s // dtype.itemsize for s in v.strides]):
                return None
            inputs.append(v)
            kinds.append(dtype.num)
        elif kind is float or kind is int or kind is bool:
            if static:
                kinds.append(v)
            else:
                inputs.append(v)
                kinds.append("n")
        elif getattr(v, "dtype", None) is not None and v.dtype.kind == "f":
            inputs.append(float(v))
            kinds.append("n")
            if floating is None:
                floating = v.dtype
            elif floating is not v.dtype:
                return None
        else:
            return None
    if floating is not F32 and floating is not F64:
        return None
    return first, inputs, (floating.num, *kinds)


def _made(key, graph_of):
    """The kernel and the types of its outputs, (None, None) where there is none; kept."""
    if NATIVE.waiting and key[0] not in _SPECIAL:
        return None, None
    with _LOCK:
        found = _KERNELS.get(key)
        if found is None:
            many = sum(k[0] is key[0] for k in _KERNELS) >= _MANY
            graph, numbers = (None, None) if many else graph_of()
            if graph is not None and supported(graph):
                found = pointwise(graph, numbers), [o.element_type for o in graph.outputs]
            else:
                found = None, None
            if not many:
                _KERNELS[key] = found
    return found


def _types(values, kinds):
    """The type of each value that is an input; Python numbers take the arrays' type."""
    floating = F32 if kinds[0] == F32.num else F64
    out = []
    for v, kind in zip(values, kinds[1:], strict=True):
        out.append(v.dtype if v.__class__ is ndarray and kind != "n" else floating)
    return out


def _single(prim, values, kinds, params):
    """The graph of one primitive."""
    graph, numbers, ins, stand_ins = Graph(), set(), [], []
    for v, kind, dtype in zip(values, kinds[1:], _types(values, kinds), strict=True):
        if kind != "n" and v.__class__ is not ndarray:
            ins.append(v)  # a number that is part of the operation
            stand_ins.append(v)
            continue
        if kind == "n":
            numbers.add(len(graph.inputs))
        variable = graph.variable((1,), dtype)
        graph.inputs.append(variable)
        ins.append(variable)
        stand_ins.append(np.ones(1, dtype))
    spec = infer(prim, stand_ins, params)
    if isinstance(spec, list):
        return None, None
    graph.outputs = [graph.variable(*spec)]
    graph.equations.append(Equation(prim, ins, graph.outputs, params))
    return graph, numbers


def _traced(prim, index, values, places, saved, kinds, params):
    """The graph of a rule, by running it on stand-ins."""
    tracer, numbers, handles = Tracer(), set(), []
    for v, kind, dtype in zip(values, kinds[1:], _types(values, kinds), strict=True):
        if kind != "n" and v.__class__ is not ndarray:
            handles.append(v)
            continue
        if kind == "n":
            numbers.add(len(tracer.graph.inputs))
        handles.append(tracer.input((1,), dtype))
    cut = [None] * len(saved)
    for place, handle in zip(places, handles[1:], strict=True):
        cut[place] = handle
    cut[-1] = saved[-1]
    out = prim.rules[index](handles[0], cut, params)
    if getattr(getattr(out, "_value", None), "__class__", None) is not Traced:
        return None, None
    tracer.graph.outputs = [tracer.variable_of(out)]
    return tracer.graph, numbers
