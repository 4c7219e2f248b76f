"""In-place writes. Memory is really written; history is rewritten as if nothing were.

A write to a view is a functional write to its base (`view_scatter`), after which the other views
are derived from the base again. Where a value is not memory (inside a transform), handles are
rebound the same way. Read `write` first.
"""

import warnings

import numpy as np
from numpy import ndarray

from ..base.errors import hinted
from ..base.frames import user_depth
from ..core.dispatch import edges_of, link_result, record
from ..core.handle import (
    LEAF,
    TensorBase,
    bottom,
    edge_of,
    element_type,
    is_inference,
    live_views,
    shape_of,
    wrap,
)  # fmt: skip
from ..core.modes import LOCAL, STATE, grad_enabled, tell_recorded
from ..core.node import FREED, Node, hooks_of, name_of
from ..core.versions import clock, owner, stamp
from ..primitives.base import address, broadcast_to, dense, reshape, transpose
from ..primitives.indexing import put
from ..primitives.structural import as_strided, layout_of, places_of
from ..primitives.views import follow, view_scatter
from .batch import Batched
from .forward import Dual
from .lifted import Lifted
from .trace import Traced, first_pick, pick, unknown_place
from .units import Units

__all__ = ["base_layout", "check_apart", "check_overlap", "check_tracked", "check_writable",
           "old_state", "overlaps_itself", "picked", "protect_since", "renew",
           "rewrite_history", "untracked", "write", "written"]  # fmt: skip


def old_state(target):
    """A handle for what `target` is now, to compute from while `target` is rebound."""
    view = target._view
    if view is not None and view.steps[0][0] is as_strided and target._node.__class__ is Node:
        # It may have been made from a part of what it shows; the gradient goes to all of it.
        return wrap(target._value, follow(old_state(view.base), view.steps)._node)
    return wrap(target._value, target._node)


def check_writable(target, repeated=False):
    """Refuse what PyTorch refuses: in-place writes to leaves that are being tracked, and, unless
    each element gets the same value (`repeated`), to memory that is there several times."""
    value = target._value
    if not repeated and value.__class__ is ndarray and 0 in value.strides and _overlaps(value):
        raise RuntimeError(_SHARED)
    if is_inference(target) and not LOCAL.inference:
        raise RuntimeError(_INFERENCE)
    if grad_enabled():
        check_tracked(target)


def check_tracked(target):
    """The refusals of `check_writable` that hold while operations are recorded."""
    view = target._view
    into_leaf = view is not None and (view.base._node is LEAF or _looks_into_leaf(target, view))
    if view is not None and (view.base._node is not None or into_leaf):
        _check_made(target, view)
    if into_leaf or (target._node is LEAF and view is not None):
        raise RuntimeError(_LEAF_VIEW)
    if target._node is LEAF:
        raise RuntimeError(_LEAF)


def _looks_into_leaf(target, view):
    """Whether this is a view of a view that is a leaf, while their base is none."""
    edge = target._node if view.base._node is None else None
    while edge.__class__ is Node:
        edge = edge.edges[0]
    leaf = getattr(edge, "_view", None)
    return leaf is not None and leaf.base is view.base


def _check_made(target, view):
    """Refuse to write to one of several views made together, or to a view made in no_grad."""
    node = target._node
    made = ""
    if node.__class__ is Node:
        name = name_of(node).partition("Backward")[0]
        made = f"Output {view.part or 0} of {name} is a view"
    if view.part is not None:
        made = f"{made} and is being modified inplace." if made and view.grad_mode else _NO_GRAD
        raise RuntimeError(hinted(f"{made} {_SEVERAL}", _SEVERAL_HINT))
    if not view.grad_mode:
        made = f"{made} of a view which{_NO_GRAD[6:]}" if made else _NO_GRAD
        raise RuntimeError(hinted(f"{made} {_NO_GRAD_VIEW}", _NO_GRAD_HINT))


def _overlaps(value):
    return value.size > 0 and any(
        step == 0 and n > 1 for step, n in zip(value.strides, value.shape, strict=True)
    )


def is_expanded(target):
    """Whether a tensor without history shows the same memory several times."""
    value = target._value
    if value.__class__ is not ndarray or 0 not in value.strides:
        return False
    return _overlaps(value) and untracked(target)


def write_expanded(target, out, touched, name):
    """Write `out` where `touched` holds into memory that is shown several times, one element after
    the other: PyTorch warns of it for filling and assigning by index."""
    warnings.warn(_DEPRECATED.format(name), stacklevel=user_depth())
    target._value[touched._value] = out._value[touched._value]
    written(target)
    return target


_DEPRECATED = (
    "Use of {} on expanded tensors is deprecated. Please clone() the tensor before performing this "
    "operation. This also applies to advanced indexing e.g. tensor[indices] = tensor"
)


def overlaps_itself(value):
    """Whether elements of an array, none of its strides 0, lie in one place."""
    if value.__class__ is not ndarray or value.ndim < 2 or value.base is None:
        return False
    if value.flags.c_contiguous or value.flags.f_contiguous or 0 in value.strides:
        return False
    reach = 0
    for step, n in sorted(zip(map(abs, value.strides), value.shape, strict=True)):
        if n > 1 and step <= reach:
            return _meets_itself(value)
        reach += step * (n - 1)
    return False


def _meets_itself(value):
    places = places_of(value.shape, value.strides, 0).reshape(-1)
    return len(np.unique(places)) < len(places)


def check_overlap(target, source):
    """Refuse to read from memory that lies in part in the memory to be written."""
    a, b = target._value, source._value
    if a.__class__ is ndarray and b.__class__ is ndarray and a is not b:
        if (a.base is not None or b.base is not None) and _meet_partly(a, b):
            raise RuntimeError(_PARTLY)


def check_apart(out, *sources):
    """Refuse an `out=` that shares memory with what is read in another order than it is written."""
    if out is None or out._value.__class__ is not ndarray:
        return
    for source in sources:
        if source is out:
            raise RuntimeError(_PARTLY)
        value = source._value
        if value.__class__ is ndarray and owner(value) is owner(out._value):
            start, other = address(value), address(out._value)
            if start < other + out._value.nbytes and other < start + value.nbytes:
                raise RuntimeError(_PARTLY)


def _meet_partly(a, b):
    if owner(a) is not owner(b) or not (a.size and b.size and dense(a) and dense(b)):
        return False
    start, other = address(a), address(b)
    if start == other and a.nbytes == b.nbytes:
        return _steps(a) != _steps(b)
    return start < other + b.nbytes and other < start + a.nbytes


def _steps(a):
    return [(n, step) for n, step in zip(a.shape, a.strides, strict=True) if n > 1]


def untracked(self, other=None):
    """Whether a write to `self` needs no history."""
    if STATE.special and not LOCAL.grad:
        return LOCAL.inference or not is_inference(self)
    if is_inference(self):
        return False
    if self._node is not None or getattr(other, "_node", None) is not None:
        return False
    return self._view is None or self._view.base._node is None


def written(target, place=None):
    """Note that the memory of `target` was written directly, by the user's line `place`."""
    extra = target._extra
    if extra is None or not extra.untracked:
        stamp(target._value, place)


def write(target, out, since=None):
    """Make `target` (and all that shares its memory) hold `out`, which was computed from it.

    Nodes made after the time `since` may have saved what is overwritten and get copies.
    """
    check_writable(target)
    value, new = target._value, out._value
    if value.dtype is None or new.dtype is None:
        return _rebind(target, out, since)
    if since is not None and out._node is not None:
        protect_since(out._node, since, value)
    tracked = grad_enabled() and (out._node is not None or target._node is not None)
    if tracked and target._view is not None:
        _check_made(target, target._view)
    node = out._node if tracked else None
    if node is not None:
        _protect(node, value)
    if value.__class__ is not ndarray and target._view is None and new.shape == ():
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
    memory = bottom(handle)
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
        memory = base._array()
        base._value = Traced(place.level.variable_of(base), place.level)
        place.level.lies(base._value, memory)
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
        if new._value.__class__ is Traced:
            new._value.level.takes_place(new._value, handle)
        handle._value = new._value
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
        value.level.takes_place(value, handle)
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
    if memory.__class__ is ndarray and _overlaps(memory):
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


_INFERENCE = (
    "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone "
    "to get a normal tensor before doing inplace update.See "
    "https://github.com/pytorch/rfcs/pull/17 for more details."
)
_LEAF = hinted(
    "a leaf Variable that requires grad is being used in an in-place operation.",
    "wrap the update in `with torch.no_grad():`, or compute a new tensor instead of changing it.",
)
_SHARED = hinted(
    "unsupported operation: more than one element of the written-to tensor refers to a single "
    "memory location. Please clone() the tensor before performing the operation.",
    "an expanded tensor repeats the same memory; write to the tensor it was expanded from.",
)
_PARTLY = hinted(
    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
    "single memory location. Please clone() the tensor before performing the operation.",
    "the write would change elements which are still to be read: write x.clone() for the operand.",
)
_LEAF_VIEW = hinted(
    "a view of a leaf Variable that requires grad is being used in an in-place operation.",
    "wrap the update in `with torch.no_grad():`, or clone() the leaf before you write to it.",
)
_NO_GRAD = (
    "A view was created in no_grad mode and is being modified inplace with grad mode enabled."
)
_SEVERAL = (
    "This view is the output of a function that returns multiple views. Such functions do not "
    "allow the output views to be modified inplace. You should replace the inplace operation by "
    "an out-of-place one."
)
_SEVERAL_HINT = (
    "the views come from split, chunk, unbind or a loop over the tensor; write to y[i] instead."
)
_NO_GRAD_VIEW = (
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your "
    "code by moving both the view and the inplace either both inside the no_grad block (if you "
    "don't want the inplace to be tracked) or both outside (if you want the inplace to be "
    "tracked)."
)
_NO_GRAD_HINT = "create the view outside torch.no_grad(), or make the write inside it too."
_VMAP = hinted(
    "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor "
    "`other` in extra_args that has more elements than `self`.",
    "the tensor written to is the same for the whole batch; use an out-of-place operation.",
)
