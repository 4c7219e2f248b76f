"""A look at the same memory with other sizes and strides: as_strided, and transpose_, squeeze_ ...,
by which a tensor itself takes another arrangement. Views keep their place (`_turn_views`).
"""

import gc
import math
from sys import getrefcount
from types import SimpleNamespace

import numpy as np

from ..base.errors import hinted
from ..base.size import checked_count, checked_size, sizes_from
from ..core.handle import (
    LEAF,
    TensorBase,
    Unresolved,
    View,
    live_views,
    lying,
    root_of,
    shape_of,
)
from ..core.modes import grad_enabled, set_grad
from ..core.retries import worded
from ..core.versions import is_foreign, moved, owner, stamp
from ..primitives import base
from ..primitives import structural as s
from ..transforms.mutation import base_layout, renew
from ..transforms.trace import Traced, memory_of
from ..transforms.write_checks import check_tracked
from .shapes import squeeze, t, transpose, unsqueeze

__all__ = ["as_strided", "as_strided_", "squeeze_", "resize_", "t_", "transpose_",
           "unsqueeze_"]  # fmt: skip


@worded
def as_strided(input, size, stride, storage_offset=None):
    """A view with any size and strides (in elements) inside the tensor's storage."""
    value = input._array()
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    checked_count(size)
    if min(stride, default=0) < 0:
        raise RuntimeError(
            "as_strided: Negative strides are not supported at the moment, got strides: "
            f"{list(stride)}"
        )
    if value.dtype is None:
        here = _recorded(input, size, stride, storage_offset)
        offset = here if storage_offset is None else storage_offset
        layout = base_layout(input)
        out = s.as_strided(input, size=size, stride=stride, start=offset - here, layout=layout)
        return _from_base(out, size, stride, offset)
    root, here = owner(value), _offset(value)
    offset = here if storage_offset is None else storage_offset
    _check_bounds(size, stride, offset, value.itemsize, root.nbytes // value.itemsize)
    out = s.as_strided(
        input, size=size, stride=stride, start=offset - here, layout=s.layout_of(value)
    )
    return _from_base(out, size, stride, offset)


def _check_bounds(size, stride, offset, itemsize, room):
    """Refuse what reaches out of a storage with room for so many elements."""
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    last = offset + _reach(size, stride)
    if math.prod(size) and last >= room:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and "
            f"itemsize {itemsize} requiring a storage size of {(last + 1) * itemsize} "
            f"are out of bounds for storage of size {room * itemsize}"
        )


def _reach(size, stride):
    """How far the last element lies behind the first."""
    return sum([(n - 1) * step for n, step in zip(size, stride, strict=True)])


def _recorded(input, size, stride, storage_offset):
    """Where a value that is no memory begins in its storage, in elements. While a function is
    compiled, what reaches beyond the input is left to eager: only there is its storage known."""
    value = input._value
    whole, steps = root_of(input)
    blank, part = memory_of(whole), memory_of(input)
    if value.__class__ is not Traced or blank is None or part is None:
        return _offset(lying(value))
    given = value.level.is_given(whole)
    # A step that is no primitive takes an element whose place is told later (`Traced.pick`).
    known = all(hasattr(prim, "eval") and prim not in (s.as_real, s.as_complex)
                for prim, _ in steps)  # fmt: skip
    here = _steps_to(blank, steps) if known else None
    room = _reach(blank.shape, blank.strides) // blank.itemsize + 1 if blank.size else 0
    if here is not None and not given:
        offset = here if storage_offset is None else storage_offset
        _check_bounds(size, stride, offset, value.element_type.itemsize, room)
    if storage_offset is None or here is None or given:
        start = 0 if storage_offset is None else -1  # -1: not known
    else:
        start = storage_offset - here
    if math.prod(size) and not _shows(part, size, stride, start):
        value.level.refuse("it looks beyond a tensor, into the storage it is a part of")
    return here or 0


def _shows(part, size, stride, start):
    """Whether all that a look shows, from so many elements behind the first, is part of this."""
    if base.dense(part):
        return 0 <= start and start + _reach(size, stride) < part.size
    steps = [step // part.itemsize for step in part.strides]
    own = s.places_of(part.shape, steps, 0)
    return np.isin(s.places_of(size, stride, start), own).all()


def _steps_to(blank, steps):
    """How many elements behind the first of `blank` its view begins; nothing is read."""
    part = blank
    for prim, params in steps:
        part = prim.eval(part, **params)
    return (base.address(part) - base.address(blank)) // blank.itemsize


def _offset(memory):
    """Where an array begins in the storage it looks into, in elements."""
    if memory.__class__ is not np.ndarray:
        return 0
    return (base.address(memory) - base.address(owner(memory))) // memory.itemsize


def _from_base(out, size, stride, offset):
    """The strided view as one step from its base, of which it may reach more than its input."""
    view = out._view
    if view is not None and len(view.steps) > 1:
        view.base._array()
        whole = lying(view.base._value)
        if whole.__class__ is np.ndarray and whole.shape == tuple(view.base._value.shape):
            params = {"size": size, "stride": stride, "start": offset - _offset(whole)}
            view.steps = ((s.as_strided, {**params, "layout": s.layout_of(whole)}),)
    return out


# --- in place -----------------------------------------------------------------------------------


def _reshaping(function):
    def method(self, *args):
        if grad_enabled():
            check_tracked(self)
        was = set_grad(self._node is not LEAF)
        try:
            out = function(self, *args)
        finally:
            set_grad(was)
        if out._view is not None:
            _turn_views(self, out._view)
        self._value = out._value
        if self._node is not LEAF:
            renew(self, out._node)
        return self

    method.__name__ = method.__qualname__ = function.__name__ + "_"
    method.__doc__ = f"In-place version of `{function.__name__}`."
    return method


def _turn_views(tensor, turned):
    """Let views keep their place while the tensor takes the arrangement of its view `turned`."""
    view, steps = tensor._view, turned.steps
    if view is not None:
        tensor._view = View(view.base, steps, view.grad_mode, view.part)
    else:
        for other in live_views(tensor):
            if other._view is not None and other._view.base is tensor:
                back = _inverse_step(tensor, *steps[-1])
                other._view.steps = (back, *other._view.steps)


def _inverse_step(tensor, prim, params):
    if prim is base.transpose:
        return prim, {"axes": tuple([int(a) for a in np.argsort(params["axes"])])}
    return prim, {"shape": tuple(shape_of(tensor))}


def as_strided_(self, size, stride, storage_offset=None):
    """Another look at the same memory: this tensor takes the size and the strides."""
    if live_views(self):
        raise RuntimeError(
            hinted(
                "as_strided_(): the tensor has views, which could not be told what they show then",
                "torch.as_strided(x, size, stride) is a new view.",
            )
        )
    return _restrided(self, size, stride, storage_offset)


def resize_(self, *sizes, memory_format=None):
    """Give the tensor a new size, from its place in its storage on. Where the storage is too short
    a longer one takes its place, for all tensors that share it; elements that stay keep their
    order, new ones are not set. It counts as a write."""
    size = sizes_from(sizes)
    if self._node is not None:
        raise RuntimeError("cannot resize variables that require grad")
    if self._value.dtype is None and self._value.__class__ is not Unresolved:
        raise RuntimeError("resize_ is not possible inside a transform or a compiled function")
    count = math.prod(checked_size(size))
    if tuple(shape_of(self)) == tuple(size):
        return self
    self._array()
    alone = _alone(self)
    memory = lying(self._value)
    root, start = owner(memory), base.address(memory) - base.address(owner(memory))
    end = start + count * memory.itemsize
    grows = end > root.nbytes
    if grows and is_foreign(root) and (root.base is not None or not alone):
        raise RuntimeError("Trying to resize storage that is not resizable")
    beside = _in_its_storage(self, root, everywhere=grows and not alone)
    stamp(root)  # what is saved for a backward pass is stale, whichever storage it lies in
    if grows:
        root = _grown(root, end, beside)
    _put(self, np.ndarray(size, memory.dtype, base.bytes_of(root), start))
    for other in beside:
        _tell_steps(other)
    return self


def _in_its_storage(tensor, root, everywhere):
    """The tensor, its base and the views of that, as far as they are in one storage; everywhere:
    all tensors there are, since no tensor knows what `detach()` made of it."""
    whole = tensor if tensor._view is None else tensor._view.base
    tensors = {id(t): t for t in (tensor, whole, *live_views(whole))}
    if everywhere:
        tensors |= {id(t): t for t in gc.get_objects() if issubclass(type(t), TensorBase)}
    return [t for t in tensors.values() if _lies_in(t, root)]


def _lies_in(tensor, root):
    value = getattr(tensor, "_value", None)  # none yet, while it is made
    array = value.memory if value.__class__ is Unresolved else value
    return array.__class__ is np.ndarray and owner(array) is root


def _alone(tensor):
    """Whether nothing else holds the tensor's memory: there is no need to look for others."""
    return set(_holders(tensor)) == _ALONE


def _holders(tensor):
    """How many references there are to the tensor's array, to that array's base, and so on."""
    array, counts = tensor._value, []
    while isinstance(array, np.ndarray):
        counts.append(getrefcount(array))
        array = array.base
    return counts


_ALONE = set(_holders(SimpleNamespace(_value=np.empty(2)[:1])))


def _grown(root, size, tensors):
    """A storage of so many bytes that begins as this one, in which the tensors lie from now on."""
    fresh = np.empty(-(-size // root.itemsize), root.dtype)
    moved(root, fresh)  # versions go on counting
    known, room = base.bytes_of(root), base.bytes_of(fresh)
    room[: known.size] = known
    for tensor in tensors:
        old = lying(tensor._value)
        start = base.address(old) - base.address(root)
        _put(tensor, np.ndarray(old.shape, old.dtype, room, start, old.strides))
    return fresh


def _put(tensor, memory):
    value = tensor._value
    bits = value.__class__ is Unresolved
    tensor._value = Unresolved(memory, value.conj, value.neg) if bits else memory


def _tell_steps(tensor):
    """How a view is found in its base, after either has moved."""
    view = tensor._view
    if view is None:
        return
    whole, part = lying(view.base._value), lying(tensor._value)
    if whole.dtype == part.dtype:
        params = {"size": part.shape, "start": _offset(part) - _offset(whole),
                  "stride": tuple([n // part.itemsize for n in part.strides])}  # fmt: skip
        view.steps = ((s.as_strided, {**params, "layout": s.layout_of(whole)}),)


_restrided = _reshaping(as_strided)
squeeze_, unsqueeze_, t_, transpose_ = [_reshaping(f) for f in (squeeze, unsqueeze, t, transpose)]
