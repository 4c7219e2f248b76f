"""In-place writes. Memory is really written; history is rewritten as if nothing were.

A write to a view is a functional write to its base (`view_scatter`), after which the other views
are derived from the base again. Where a value is not memory (inside a transform), handles are
rebound the same way. Read `write` first; what is refused, `write_checks.py` says.
"""

import warnings

from numpy import ndarray

from ..base.errors import hinted
from ..base.frames import user_depth
from ..core.dispatch import edges_of, link_result, record
from ..core.handle import (
    TensorBase,
    Unresolved,
    bottom,
    edge_of,
    element_type,
    live_views,
    lying,
    settle,
    shape_of,
    wrap,
)
from ..core.modes import LOCAL, STATE, grad_enabled, tell_recorded
from ..core.node import FREED, Node, hooks_of
from ..core.versions import clock, owner, stamp
from ..primitives.base import broadcast_to, reshape, transpose
from ..primitives.bits import BIT_STEPS, stored
from ..primitives.indexing import put
from ..primitives.structural import as_strided, layout_of
from ..primitives.views import follow, view_scatter
from .batch import Batched
from .forward import Dual
from .reverse_level import Lifted
from .trace import Traced, first_pick, pick, unknown_place
from .units import Units
from .write_checks import check_made, check_writable, shown_twice

__all__ = ["base_layout", "old_state", "picked", "protect_since", "renew", "rewrite_history",
           "write", "write_expanded", "written"]  # fmt: skip


def old_state(target):
    """A handle for what `target` is now, to compute from while `target` is rebound."""
    settle(target)
    view = target._view
    if view is not None and view.steps[0][0] is as_strided and target._node.__class__ is Node:
        # It may have been made from a part of what it shows; the gradient goes to all of it.
        return wrap(target._value, follow(old_state(view.base), view.steps)._node)
    return wrap(target._value, target._node)


def write_expanded(target, out, touched, name):
    """Write `out` where `touched` holds into memory that is shown several times, one element after
    the other: PyTorch warns of it for filling and assigning by index."""
    warnings.warn(_DEPRECATED.format(name), stacklevel=user_depth())
    target._value[touched._value] = out._value[touched._value]
    written(target)
    return target


def add_expanded(target, change, name):
    """Add `change` to memory that is shown several times: all that falls on one place is added."""
    warnings.warn(_DEPRECATED.format(name), stacklevel=user_depth())
    array = target._value
    again = [axis for axis in range(array.ndim) if array.strides[axis] == 0]
    once = tuple([slice(0, 1) if axis in again else slice(None) for axis in range(array.ndim)])
    array[once] += change._value.sum(tuple(again), keepdims=True, dtype=array.dtype)
    written(target)
    return target


_DEPRECATED = (
    "Use of {} on expanded tensors is deprecated. Please clone() the tensor before performing this "
    "operation. This also applies to advanced indexing e.g. tensor[indices] = tensor"
)


def written(target, place=None):
    """Note that the memory of `target` was written directly, by the user's line `place`."""
    extra = target._extra
    if extra is None or not extra.untracked:
        value = target._value
        stamp(lying(value) if value.dtype is None else value, place)


def write(target, out, since=None):
    """Make `target` (and all that shares its memory) hold `out`, which was computed from it.

    Nodes made after the time `since` may have saved what is overwritten and get copies.
    """
    value, new = settle(target), out._value
    check_writable(target)
    if value.dtype is None or new.dtype is None:
        if new.__class__ is Unresolved:
            return write(target, wrap(new.resolved(), out._node), since)
        if value.__class__ is not Unresolved or new.dtype is None:
            return _rebind(target, out, since)
    if since is not None and out._node is not None:
        protect_since(out._node, since, value)
    tracked = grad_enabled() and (out._node is not None or target._node is not None)
    if tracked and target._view is not None:
        check_made(target, target._view)
    node = out._node if tracked else None
    if node is not None:
        _protect(node, value)
    if value.__class__ is Unresolved:
        value.memory[...] = stored(value, new)
        written(target)
        _follow_write(node, None, None)
    elif value.__class__ is not ndarray and target._view is None and new.shape == ():
        stamp(value)
        target._value = value.dtype.type(new) if new.dtype is not value.dtype else new[()]
        _follow_write(node, new, target._value)
    else:
        array = target._array()
        array[...] = new
        written(target)
        _follow_write(node, new, array)
    if tracked:
        rewrite_history(target, node)
    return target


def _protect(node, value):
    """Saved inputs that lie in the memory about to be written are copied first."""
    if node.saved is FREED or value.__class__ is not ndarray:
        return
    root = owner(value)
    node.saved = type(node.saved)(
        [s.copy() if s.__class__ is ndarray and owner(s) is root else s for s in node.saved]
    )


def protect_since(node, start, value):
    """`_protect` for all nodes made after `start`: an operation may be built from several."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, TensorBase) or node is None or node.seq < start:
            continue
        if node.saved is not FREED and node.saved is not None:
            _protect(node, value)
            node.saved = type(node.saved)(
                [
                    s.copy() if s is value and value.__class__ is not ndarray else s
                    for s in node.saved
                ]
            )
        waiting.extend(node.edges)


def _follow_write(node, new, array):
    """The saved output is the memory now; the node counts as made after the write."""
    if node is None:
        return
    if node.saved is not FREED:
        node.saved = type(node.saved)([array if s is new else s for s in node.saved])
    node.seq = clock()


def renew(handle, node):
    """Give a handle another node; a gradient to be retained is retained there."""
    extra, old = handle._extra, handle._node
    handle._node = node
    if extra is not None and extra.retains and old.__class__ is Node and old is not node:
        kept = hooks_of(old).retained.pop(id(handle), None)
        if kept is not None and node.__class__ is Node:
            hooks_of(node).retained[id(handle)] = kept


def base_layout(handle):
    """The strides of the memory behind a handle; None for C order, and where shapes differ."""
    memory = lying(handle._value)
    if memory.__class__ is Traced:
        memory = memory.level.lying(memory)
    same = memory.__class__ is ndarray and memory.shape == tuple(handle._value.shape)
    return layout_of(memory) if same else None


def rewrite_history(target, node):
    view = target._view
    if view is None:
        renew(target, node)
        base = target
    else:
        base = view.base
        part = wrap(target._value, node)
        values = [base._value, target._value]
        params = {"steps": view.steps, "layout": base_layout(base)}
        made = record(view_scatter, edges_of((base, part)), values, params, base._value, wrap)
        if STATE.listeners:
            tell_recorded(view_scatter, (base, part), params, made)
        renew(base, made._node)
    replay_views(base)


def replay_views(base, tracked=True):
    """Derive the history (and, inside a transform, the value) of each live view from its base."""
    for view in live_views(base):
        if view._view is None or view._view.base is not base:
            continue
        again = follow(old_state(base), view._view.steps)
        if tracked:
            node = again._node
            same = element_type(view) is element_type(base)
            same = same and not any(step in BIT_STEPS for step, _ in view._view.steps)
            if node.__class__ is Node and node is not base._node and same:
                # PyTorch derives it by its strides, in one step.
                node.name, node.shown = "AsStridedBackward0", (edge_of(base),)
            renew(view, node)
        if base._value.dtype is None:
            view._value = again._value


def _rebind(target, out, since):
    """The write where one side is not memory: handles take the new value."""
    if target._value.dtype is not None and _batched(out):
        raise RuntimeError(_VMAP)
    view = target._view
    outside = target if view is None else view.base
    if outside._value.dtype is not None and hasattr(out._value.level, "borrow"):
        out._value.level.borrow(outside)
        if view is not None:
            out._value.level.borrow(target)
    tracked = grad_enabled()
    if STATE.tracers and LOCAL.tracer is not None:
        LOCAL.tracer.overwrites(target, out, since)
    if view is None:
        _replace(target, out, since, tracked)
        replay_views(target, tracked)
        _tell_shared(target)
        return target
    base = view.base
    whole = _scattered(old_state(base), out, view.steps, base_layout(base))
    _replace(base, whole, since, tracked)
    replay_views(base, tracked)
    again = follow(old_state(base), view.steps)
    target._value = again._value
    if tracked:
        renew(target, again._node)
    _tell_shared(base)
    return target


def picked(x, indices, dims):
    """The indices whose place is not known yet taken first, each as a view of x: (what is left of
    x, of the index tensors, of their axes)."""
    if not any(map(unknown_place, indices)):
        return x, indices, dims
    rest = []
    for axis, index in sorted(zip(dims, indices, strict=True), key=lambda pair: -pair[0]):
        if unknown_place(index):
            x = _pick(x, axis, index)
            rest = [(other - 1, i) for other, i in rest]
        else:
            rest.insert(0, (axis, index))
    return x, [i for _, i in rest], [axis for axis, _ in rest]


def _pick(x, axis, index):
    value, place, index = x._value, bottom(index), wrap(index._value)  # as it is now
    if value.dtype is not None and place.__class__ is Traced:  # a write is to reach the copy
        base = x if x._view is None else x._view.base
        base._array()
        copy = Traced(place.level.variable_of(base), place.level)
        base._value = place.level.takes_place(copy, base)
        replay_views(base, False)
    out = pick(x, axis=axis, index=index)
    link_result(pick, {"axis": axis, "index": index}, x, out)
    return out


def _scattered(base, part, steps, layout):
    """`base` with `part` written through the view to which `steps` lead."""
    at = first_pick(steps)
    if at is None:
        return view_scatter(base, part, steps=steps, layout=layout)
    whole, given = follow(base, steps[:at]), steps[at][1]
    if steps[at + 1 :]:
        inner = pick(whole, **given)
        part = _scattered(inner, part, steps[at + 1 :], base_layout(inner))
    whole = put(whole, part, given["index"], dims=(given["axis"],))
    return _scattered(base, whole, steps[:at], layout) if at else whole


def _replace(handle, new, since, tracked):
    """Give a handle that is nobody's view a new value; in no_grad its history stays."""
    if not _written_below(handle, new, since):
        value = new._value
        if value.__class__ is Traced:
            value = value.level.takes_place(value, handle)
        handle._value = value
        if tracked:
            renew(handle, new._node)


def _tell_shared(handle):
    """After a write to what is not memory: `detach()` and `.data` of the same see it too."""
    extra = handle._extra
    if extra is None or (extra.link is None and extra.shared is None):
        return
    base, here = handle, ()
    if extra.link is not None:
        base, here = extra.link
        whole = handle
        if here:
            whole = _scattered(old_state(base), handle, here, base_layout(base))
        _adopt(base, whole)
    for ref in base._extra.shared or ():
        other = ref()
        if other is not None and other is not handle:
            _adopt(other, follow(old_state(base), other._extra.link[1]))


def _adopt(handle, new):
    """The new numbers with the old history, here and at the levels below."""
    value = _with_numbers(old_state(handle), new)._value
    if value.__class__ is Traced:
        value = value.level.takes_place(value, handle)
    handle._value = value
    replay_views(handle, False)


def _with_numbers(old, new):
    value, fresh = old._value, new._value
    if value.__class__ not in (Lifted, Dual):
        return wrap(fresh, old._node)
    inner = new
    if fresh.__class__ is value.__class__ and fresh.level is value.level:
        inner = fresh.tensor
    part = _with_numbers(value.tensor, inner)
    if value.__class__ is Dual:
        return wrap(Dual(part, value.tangent, value.level), old._node)
    return wrap(Lifted(part, value.level), old._node)


def _written_below(handle, new, since):
    """Write what a batched handle stands for, the caller's tensor perhaps; False if none is."""
    value = handle._value
    if value.__class__ is Units:
        handle._value = value = value.level.lift(value.tensor, 0)._value
    if value.__class__ is not Batched or not value.level.alive:
        return False
    fresh = new._value
    if fresh.dtype is None and fresh.level.depth > value.level.depth:  # of a transform further in
        fresh.level.borrow(handle)
        return False
    below, place = value.tensor, value.axis
    memory = below._value
    if memory.__class__ is ndarray and shown_twice(memory):
        return False
    part, axis = value.level.split(new)
    shape = tuple(shape_of(below))
    if axis is None:
        part = reshape(part, shape=(*shape[:place], 1, *shape[place + 1 :]))
        part = broadcast_to(part, shape=shape)
    elif axis != place:
        order = [a for a in range(len(shape)) if a != axis]
        order.insert(place, axis)
        part = transpose(part, axes=tuple(order))
    write(below, part, since)
    return True


def _batched(handle):
    value = handle._value
    while value.dtype is None:
        if hasattr(value, "axis"):
            return True
        inner = getattr(value, "tensor", None)
        if inner is None:
            return False
        value = inner._value
    return False


_VMAP = hinted(
    "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor "
    "`other` in extra_args that has more elements than `self`.",
    "the tensor written to is the same for the whole batch; use an out-of-place operation.",
)
