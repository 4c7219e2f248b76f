"""TensorBase: the handle that users hold. It names a value, its place on a tape and its base.

A value is an ndarray or a NumPy scalar, or an object with a `level` that one transform added
(`Lifted`, `Batched`, `Dual`, `Traced`) or `Unresolved` memory; those have `dtype = None`, so that
one look at `value.dtype` tells the plain case. Read `wrap` first.
"""

import weakref
from sys import getrefcount
from typing import Any

import numpy as np
from numpy import ndarray

from .modes import LOCAL, STATE
from .versions import moved

__all__ = ["HELD_ONCE", "LEAF", "TensorBase", "Unresolved", "View", "bottom", "concrete", "edge_of",
           "element_type", "extra_of", "live_views", "lying", "note_shared", "note_view",
           "plain", "root_of", "settle", "shape_of", "wrap"]  # fmt: skip


class _Leaf:
    """The `_node` of a tensor that requires a gradient and was not computed."""

    __slots__ = ()

    def __repr__(self):
        return "LEAF"


LEAF = _Leaf()
_new = object.__new__


def _held_once():
    thing = object()
    return getrefcount(thing)


# What `getrefcount` gives for an object that one local variable alone holds: 2, as the call holds
# it, too; 1 where interpreters lend local variables to calls (Python 3.14).
HELD_ONCE = _held_once()


class TensorBase:
    """`_value`; `_node` (None, LEAF or a Node); `_grad`; `_view` (or None); `_extra`."""

    __slots__ = ("__dict__", "__weakref__", "_extra", "_grad", "_node", "_value", "_view")

    handle_class: type = None  # type: ignore[assignment]  # the public class, registered by the module that defines it

    def _array(self):
        """The value as an ndarray that shares memory with every alias made from now on."""
        value = self._value
        if value.__class__ is not ndarray and isinstance(value, np.generic):
            array = np.array(value)
            moved(value, array)
            self._value = value = array
        return value


class View:
    """How a handle looks into another: `base`, and the steps (primitive, params) there.

    `part` is its position among views that one operation made together, else None.
    """

    __slots__ = ("base", "grad_mode", "part", "steps")

    def __init__(self, base, steps, grad_mode, part=None):
        self.base, self.steps, self.grad_mode, self.part = base, steps, grad_mode, part


class Extra:
    """What few handles have: hooks, live views, and the like."""

    # Set on instances where they differ, which makes an Extra cheap to make.
    hooks = after_hooks = views = accumulator = shared = link = None
    retains = untracked = inference = lent = False
    grad_type = ...  # NumPy's dtype of the gradient a user chose, None for any; ... for the own


def extra_of(handle):
    extra = handle._extra
    if extra is None:
        extra = handle._extra = Extra()
    return extra


def wrap(value, node=None):
    """A new handle for `value`."""
    handle = _new(TensorBase.handle_class)
    handle._value, handle._node = value, node
    handle._grad = handle._view = handle._extra = None
    if STATE.special and LOCAL.inference:
        extra_of(handle).inference = True
    return handle


def is_inference(a):
    """Whether this is a tensor made in inference mode."""
    return isinstance(a, TensorBase) and a._extra is not None and a._extra.inference


def element_type(value):
    """NumPy's dtype of a value or handle at any level."""
    if isinstance(value, TensorBase):
        value = value._value
    dtype = value.dtype
    return dtype if dtype is not None else value.element_type


def shape_of(value):
    """The shape of a value or handle at any level, () for a Python number."""
    if isinstance(value, TensorBase):
        return value._value.shape
    return getattr(value, "shape", ())


class Unresolved:
    """A value: `memory`, and whether what is read there is to be conjugated, and negated.

    `x.conj()` computes nothing: it is a view whose elements are conjugated when they are read, and
    a write to it conjugates them before they are stored (`primitives/bits.py`).
    """

    __slots__ = ("conj", "memory", "neg")
    dtype = None
    level: Any  # the one level of all of them, registered by the module that defines it

    def __init__(self, memory, conj, neg):
        self.memory, self.conj, self.neg = memory, conj, neg

    shape = property(lambda self: self.memory.shape)
    strides = property(lambda self: self.memory.strides)
    element_type = property(lambda self: self.memory.dtype)

    def resolved(self):
        """The elements, in memory of their own."""
        return self.level.resolved(self)

    copy = resolved

    def concrete(self, use):
        """The elements; an array that shares the memory ("numpy") cannot have the bit."""
        if use == "numpy":
            self.level.refuse_array(self)
        return self.resolved()


def lying(value):
    """What lies in memory behind a value, through transforms and bits; or a traced variable."""
    while value.dtype is None:
        if value.__class__ is Unresolved:
            return value.memory
        if not hasattr(value, "tensor"):
            break
        value = value.tensor._value
    return value


def plain(value):
    """Whether this is memory rather than what a transform stands for."""
    return value.dtype is not None


def settle(handle):
    """What the value is, once no other thread has something else in its place for a while."""
    value = handle._value
    while value.dtype is None and value.level.left((handle,)):
        value = handle._value  # by now another run of that thread may have put its own there
    return value


def concrete(handle, use="item"):
    """The memory behind a handle, through transforms that have ended or do not forbid it.

    `use` says for what it is read, for the refusal: "item", "bool", "mask", "nonzero", "numpy".
    """
    value = settle(handle)
    while value.dtype is None:
        if hasattr(value, "concrete"):
            known = value.concrete(use)
            if known is not None:
                return known
        value = value.tensor._value
    return value


def bottom(handle):
    """The memory behind a handle without asking whether it may be read, or a traced variable."""
    value = handle._value
    while value.dtype is None and hasattr(value, "tensor"):
        value = value.tensor._value
    return value.resolved() if value.__class__ is Unresolved else value


def edge_of(handle):
    """Where a gradient for this handle goes: a Node, the leaf itself, or None."""
    node = handle._node
    return handle if node is LEAF else node


def note_view(base, view):
    """Let `base` know its view, without keeping it alive, so that a write can reach it."""
    extra = base._extra
    if extra is None:
        extra = base._extra = Extra()
    refs = extra.views
    if refs is None:
        extra.views = [weakref.ref(view)]
        return
    count = len(refs)
    if count >= 16 and not count & (count - 1):  # at 16, 32, 64 ...: drop the dead ones
        extra.views = refs = [ref for ref in refs if ref() is not None]
    refs.append(weakref.ref(view))


def live_views(base):
    """The views of `base` that somebody still holds."""
    extra = base._extra
    if extra is None or extra.views is None:
        return []
    return [view for ref in extra.views if (view := ref()) is not None]


def note_shared(source, out):
    """Let a write to one reach the other: `out` is what `source` is, without its history.

    Needed where no memory says so: inside a transform. `out` keeps (base, steps) as its `link`,
    the base knows `out` without keeping it alive.
    """
    base, steps = root_of(source)
    extra_of(out).link = (base, steps)
    extra = extra_of(base)
    if extra.shared is None:
        extra.shared = []
    extra.shared.append(weakref.ref(out))


def root_of(handle):
    """(the tensor whose memory this is, the steps from there), through views and `detach()`."""
    view = handle._view
    base, steps = (handle, ()) if view is None else (view.base, view.steps)
    link = base._extra.link if base._extra is not None else None
    return (base, steps) if link is None else (link[0], (*link[1], *steps))
