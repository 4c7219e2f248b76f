"""apply: the one place every operation passes.

It finds the innermost transform among the values and hands the call to it. Where there is none it
computes, and records a node if a value is being tracked. Read `apply`, `evaluate`, `record`.
"""

import numpy as np

from .handle import LEAF, TensorBase, View, element_type, note_view, shape_of, wrap
from .modes import LOCAL, STATE, grad_enabled
from .node import Node, output_node
from .versions import clock, owner

__all__ = ["apply", "evaluate", "record"]


def apply(prim, *args, **params):
    """The primitive on handles (and Python numbers), under whatever transforms they carry."""
    level = None
    for a in args:
        if isinstance(a, TensorBase):
            value = a._value
            if value.dtype is None and (level is None or value.level.depth > level.depth):
                level = value.level
    if level is None:
        out = evaluate(prim, args, params)
    else:
        out = level.process(prim, args, params)
    if STATE.listeners:
        for listener in STATE.listeners:
            listener.applied(prim, args, params, out)
    return out


def evaluate(prim, args, params):
    """Compute on plain memory; record where a value is tracked and recording is on."""
    values, tracked = [], False
    for a in args:
        if isinstance(a, TensorBase):
            values.append(a._value)
            tracked = tracked or a._node is not None
        else:
            values.append(a)
    if prim.is_view:
        values[0] = args[0]._array()
    out = prim.eval(*values, **params)
    if tracked and prim.differentiable and grad_enabled():
        result = record(prim, args, values, params, out, wrap)
    elif out.__class__ is tuple:
        result = tuple([wrap(part) for part in out])
    else:
        result = wrap(out)
    if prim.is_view:
        link_view(prim, params, args[0], result)
    return result


def record(prim, args, values, params, out, lift):
    """Handles for `out` with a node that remembers how it was made.

    `values` are what lies one level below the handles `args`, and `lift(value, node)` makes a
    handle of the same level.
    """
    edges = []
    for a in args:
        if not isinstance(a, TensorBase):
            edges.append(None)
        else:
            node = a._node
            edges.append(a if node is LEAF else node)
    several = out.__class__ is tuple
    first = out[0] if several else out
    if element_type(first).kind == "c" or any(_is_complex(v) for v in values):
        prim = prim.conjugated or prim
    node = Node(clock(), prim, tuple(edges), _saved(prim, edges, values, out), params)
    if not several:
        return lift(out, node) if _differentiable(out) else lift(out, None)
    node.outputs = tuple([(shape_of(part), element_type(part)) for part in out])
    return tuple([
        lift(part, output_node(clock(), node, i))
        if i not in prim.nondiff_outputs and _differentiable(part)
        else lift(part, None)
        for i, part in enumerate(out)
    ])


def _saved(prim, edges, values, out):
    kept = prim.kept([edge is not None for edge in edges])
    saved = [v if i in kept else None for i, v in enumerate(values)]
    saved.append(out if -2 in kept else None)
    saved.append(tuple([shape_of(v) for v in values]) if -1 in kept else None)
    return tuple(saved)


def _is_complex(value):
    if isinstance(value, (TensorBase, np.ndarray, np.generic)) or hasattr(value, "level"):
        return element_type(value).kind == "c"
    return value.__class__ is complex


def _differentiable(value):
    return element_type(value).kind in "fcV"  # V: bfloat16


def link_view(prim, params, source, result):
    """Remember that `result` looks into the memory of `source`, if it really does."""
    if result.__class__ is tuple:
        return
    value = result._value
    if value.base is None or owner(value) is not owner(source._value):
        return
    view = source._view
    base, steps = (source, ()) if view is None else (view.base, view.steps)
    result._view = View(base, (*steps, (prim, params)), LOCAL.grad if STATE.special else True)
    note_view(base, result)
