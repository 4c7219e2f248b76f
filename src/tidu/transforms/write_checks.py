"""What PyTorch refuses of in-place writes: to leaves, to views of certain kinds, to memory that is
there twice or is still to be read. Read `check_writable`.
"""

import numpy as np
from numpy import ndarray

from ..base.errors import hinted
from ..core.handle import LEAF, is_inference
from ..core.modes import LOCAL, STATE, grad_enabled
from ..core.node import Node, name_of
from ..core.versions import owner
from ..primitives.base import address, dense
from ..primitives.structural import places_of

__all__ = ["check_apart", "check_made", "check_overlap", "check_tracked", "check_writable",
           "is_expanded", "overlaps_itself", "shown_twice", "untracked",
           "written_at_once"]  # fmt: skip


def check_writable(target, repeated=False):
    """Refuse what PyTorch refuses: in-place writes to leaves that are being tracked, and, unless
    each element gets the same value (`repeated`), to memory that is there several times."""
    value = target._value
    if not repeated and value.__class__ is ndarray and 0 in value.strides and shown_twice(value):
        raise RuntimeError(_SHARED)
    if is_inference(target) and not LOCAL.inference:
        raise RuntimeError(_INFERENCE)
    if grad_enabled():
        check_tracked(target)
    if STATE.tracers and LOCAL.tracer is not None:
        LOCAL.tracer.writes(target)


def check_tracked(target):
    """The refusals of `check_writable` that hold while operations are recorded."""
    view = target._view
    into_leaf = view is not None and (view.base._node is LEAF or _looks_into_leaf(target, view))
    if view is not None and (view.base._node is not None or into_leaf):
        check_made(target, view)
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


def check_made(target, view):
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


def shown_twice(value):
    return value.size > 0 and any(
        step == 0 and n > 1 for step, n in zip(value.strides, value.shape, strict=True)
    )


def is_expanded(target):
    """Whether a tensor without history shows the same memory several times."""
    value = target._value
    if value.__class__ is not ndarray or 0 not in value.strides:
        return False
    return shown_twice(value) and untracked(target)


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
    """Whether a write to `self` needs no history, and nobody records it."""
    if STATE.tracers and LOCAL.tracer is not None:
        return False
    if STATE.special and not LOCAL.grad:
        return LOCAL.inference or not is_inference(self)
    if is_inference(self):
        return False
    if self._node is not None or getattr(other, "_node", None) is not None:
        return False
    return self._view is None or self._view.base._node is None


def written_at_once(self):
    """The memory of a tensor, in order, to which a write is nothing but a write: there is nothing
    to refuse, and nobody records it or listens. None for any other."""
    value = self._value
    if value.__class__ is not ndarray or STATE.listeners or not value.flags.c_contiguous:
        return None
    if self._node is None and self._view is None and self._extra is None and not STATE.tracers:
        return value  # as `untracked` says, without its frame
    return value if untracked(self) else None


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
