"""What is one node here and several in PyTorch: its steps, done one by one when somebody looks.

A composition names a *recipe* (`Replay` in `ops/convert.py`), a function with PyTorch's steps; of a
few primitives the recipe is here. The recipe runs on the inputs that are still there, and on zeros
of their size in the place of those that are not, so it tells names, edges, sizes and settings.
"""

from weakref import WeakSet

import numpy as np

from ..core.handle import LEAF, TensorBase, wrap
from ..core.modes import LOCAL, STATE, set_grad
from ..core.node import FREED, Node, opened
from ..core.primitive import SHAPES
from ..ops import indexing, linalg, shapes
from ..ops.convert import DATA, Held, Replay, named
from ..primitives import contraction
from ..primitives.structural import slice_

__all__ = ["is_hollow", "is_replayed", "told_by"]

_STEPS: WeakSet = WeakSet()  # nodes that were made to be looked at: nothing runs there
_HOLLOW: WeakSet = WeakSet()  # those of them that saw zeros in the place of a value


def is_replayed(node):
    return node in _STEPS


def is_hollow(node):
    return node in _HOLLOW


def told_by(node):
    """The node that tells what PyTorch's node is: the last of several steps, or the node itself."""
    shown = getattr(node, "shown", None)
    if shown.__class__ is Replay:
        shown = _run(node, shown.recipe, shown.args, shown.words, shown.part)
        node.shown = shown if shown is not None else node.edges
    elif shown is None and node.saved is not FREED and (recipe := _RECIPES.get(node.prim)):
        inputs = [_input(node, i, edge) for i, edge in enumerate(node.edges)]
        if None not in inputs:
            shown = _run(node, recipe, (node, *inputs), {}, None)
            if shown is not None:
                node.shown = shown
    return shown if shown.__class__ is Node else node


def _run(node, recipe, args, words, part):
    """The last node of the recipe, None if it has no other than `node`."""
    hollow = [value for value in _held(args, words) if value(None) is None]
    args = [_found(value) for value in args]
    words = {key: _found(value) for key, value in words.items()}
    packing, LOCAL.packing = LOCAL.packing, None
    listeners, STATE.listeners = STATE.listeners, ()
    was, outer, LOCAL.replaying = set_grad(True), LOCAL.replaying, True
    try:
        result = recipe(*args, **words)
    finally:
        LOCAL.replaying = outer
        set_grad(was)
        LOCAL.packing, STATE.listeners = packing, listeners
    last = result if part is None or result is None else result[part]
    if last is None or last._node.__class__ is not Node:
        return None
    ends = {id(value._node) for value in _flat(args) if value._node is not LEAF}
    _mark(last._node, ends, hollow or any(map(_is_zeros, _flat(args))))
    return last._node


def _mark(node, ends, hollow):
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node.__class__ is Node and id(node) not in ends and node not in _STEPS:
            _STEPS.add(node)
            if hollow:
                _HOLLOW.add(node)
            waiting += node.edges


def _flat(values):
    for value in values:
        if isinstance(value, TensorBase):
            yield value
        elif value.__class__ in (list, tuple):
            yield from _flat(value)


def _found(value):
    if value.__class__ is Held:
        tensor = value(None)
        return tensor if tensor is not None else _zeros(value.shape, value.dtype, value.node)
    if value.__class__ in (list, tuple) and any(part.__class__ is Held for part in value):
        return type(value)([_found(part) for part in value])
    return value


def _held(args, words):
    for value in (*args, *words.values()):
        if value.__class__ is Held:
            yield value
        elif value.__class__ in (list, tuple):
            yield from [part for part in value if part.__class__ is Held]


def _is_zeros(tensor):
    value = tensor._value
    return value.__class__ is np.ndarray and value.ndim > 0 and not any(value.strides)


def _zeros(shape, dtype, node):
    return wrap(np.broadcast_to(np.zeros((), dtype), shape), None if node is DATA else node)


def _input(node, i, edge):
    """An input of a primitive as it was saved, the leaf, or zeros of its size."""
    if isinstance(edge, TensorBase):
        return edge
    value = opened(node.saved[i])
    if isinstance(value, np.ndarray):
        return wrap(value, edge)
    kept = node.saved[SHAPES] or ()
    return _zeros(kept[i], np.float32, edge) if i < len(kept) else None


def _indexed(node, x):
    """x[a, b, ...], one item after the other."""
    items, rank = node.params["index"], x.ndim
    done = [item for item in items[:-1] if item != _ALL] + [i for i in items[-1:] if i is not ...]
    if len(done) == 1 and done[0] not in (None, ...):
        return None
    taken = len([item for item in items if item is not None and item is not Ellipsis])
    axis = 0
    for item in items:
        if item is None:
            x, axis = shapes.unsqueeze(x, axis), axis + 1
        elif item is Ellipsis:
            axis += rank - taken
        elif item.__class__ is slice:
            if item.indices(x.shape[axis]) != (0, x.shape[axis], 1):
                x = slice_(x, index=((_ALL,) * axis + (item, ...)))
                x._node.name = "SliceBackward0"
            axis += 1
        else:
            x = indexing.select_axis(x, axis, item)
    return x


_ALL = slice(None)


def _layer(node, x, weight, *bias):
    """A layer on vectors: the leading axes as one, and the weight transposed."""
    if bias and not isinstance(node.edges[2], TensorBase):
        return None  # nobody keeps the bias
    weight = shapes.t(weight)
    flat = x if x.ndim == 2 else shapes.reshape(x, -1, x.shape[-1])
    out = linalg.addmm(bias[0], flat, weight) if bias else linalg.mm(flat, weight)
    if x.ndim == 2:
        return out
    name = "ViewBackward0" if bias else "UnsafeViewBackward0"
    return named(shapes.reshape(out, *x.shape[:-1], out.shape[-1]), name)


def _stacks(node, x, y):
    """A product of stacks of matrices: both expanded, and one axis made of the leading ones."""
    if x.ndim < 3 or y.ndim < 3 or getattr(node, "name", "")[:6] != "Unsafe":
        return None
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    wide = [shapes.expand(t, *lead, *t.shape[-2:]) for t in (x, y)]
    flat = [shapes.reshape(t, -1, *t.shape[-2:]) for t in wide]
    out = linalg.bmm(*flat)
    return named(shapes.reshape(out, *lead, *out.shape[-2:]), "UnsafeViewBackward0")


_RECIPES = {
    slice_: _indexed, contraction.linear_map: _layer, contraction.linear_product: _layer,
    contraction.matmul: _stacks,
}  # fmt: skip
