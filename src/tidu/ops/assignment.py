"""x[index] = value: the value is fitted to the place, then written. Read `setitem`."""

import math

import numpy as np
from numpy import ndarray

from ..base.dtypes import tensor_type
from ..base.errors import hinted
from ..core.handle import TensorBase, element_type, shape_of, wrap
from ..core.modes import STATE
from ..primitives.arithmetic import select
from ..primitives.base import reshape
from ..primitives.structural import alias, slice_
from ..transforms.mutation import picked, write, write_expanded, written
from ..transforms.write_checks import check_overlap, is_expanded, untracked, written_at_once
from .convert import convert, ndim_of, scalar_name, type_of
from .indexing import put, split_index
from .numbers import fitted, require_width
from .shapes import expand

__all__ = ["setitem"]


def setitem(input, index, value):
    """x[index] = value, for a number or a tensor that broadcasts to what is indexed."""
    if index.__class__ is int and _set_at(input, index, value):
        return
    if isinstance(index, TensorBase) and _set_where(input, index, value):
        return
    if _is_unknown_mask(input, index) and _is_single(value):
        source = _as_source(value, input, ())
        return write(input, select(_over(index, input), source, input))
    basic, indices, dims = split_index(input, index)
    target = input if basic is None else slice_(input, index=basic)
    target, indices, dims = picked(target, indices, dims)
    if indices:
        value = _as_source(value, target, None)
        check_overlap(target, value)
        out = put(target, indices, dims, value)
        if not is_expanded(target):
            return write(target, out)
        nowhere = wrap(np.zeros(tuple(shape_of(target)), bool))
        touched = put(nowhere, indices, dims, wrap(np.ones((), bool)))
        return write_expanded(target, out, touched, "index_put_")
    source = _as_source(value, target, tuple(shape_of(target)))
    check_overlap(target, source)
    # A write takes over the node of what it writes; that of a tensor of the user's stays as it is.
    return write(target, alias(source) if source._node is not None else source)


def _set_at(input, index, value):
    """Whether this was a number for one place of plain memory, which nobody records; it is done."""
    memory = input._value
    if memory.__class__ is not ndarray or memory.dtype not in _FLOATS or STATE.listeners:
        return False
    if (value.__class__ is not float and value.__class__ is not int) or not -1e4 < value < 1e4:
        return False
    if memory.ndim != 1 or not -memory.size <= index < memory.size or 0 in memory.strides:
        return False
    if input._extra is not None or not untracked(input):
        return False
    memory[index] = value
    written(input)
    return True


def _set_where(input, mask, value):
    """The same of a number for all places where a mask of the tensor's own shape holds."""
    memory, chosen = input._value, mask._value
    if chosen.__class__ is not ndarray or chosen.dtype != bool or chosen.shape != memory.shape:
        return False
    if (value.__class__ is not float and value.__class__ is not int) or not -1e4 < value < 1e4:
        return False
    if memory.dtype not in _FLOATS or not memory.ndim or written_at_once(input) is None:
        return False
    memory[chosen] = value
    written(input)
    return True


_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def _is_unknown_mask(input, index):
    """Whether the index is a mask of the leading axes whose values are not to be had, as while a
    program is recorded: what is written can't be told by places then."""
    if not isinstance(index, TensorBase) or index._value.dtype is not None:
        return False
    axes = ndim_of(index)
    fits = tuple(shape_of(index)) == tuple(shape_of(input))[:axes]
    return element_type(index).kind == "b" and fits


def _is_single(value):
    return not isinstance(value, TensorBase) or math.prod(shape_of(value)) == 1


def _over(mask, input):
    """A mask of the leading axes, for all."""
    more = ndim_of(input) - ndim_of(mask)
    return reshape(mask, shape=(*shape_of(mask), *[1] * more)) if more else mask


def _as_source(value, target, shape):
    """What is assigned, as a tensor of the target's type that broadcasts to `shape`."""
    dtype = type_of(target)
    if isinstance(value, np.ndarray):
        value = wrap(value)
    if not isinstance(value, TensorBase):
        number = value.item() if isinstance(value, np.generic) else value
        if isinstance(number, (list, tuple, str)) or number is None:
            kind = f"torch.{scalar_name(dtype)}Tensor"
            raise TypeError(f"can't assign a {type(value).__name__} to a {kind}")
        if isinstance(number, int) and (dtype.category < 2 or not 0 <= number < 1 << 64):
            require_width(number)
        value = wrap(fitted(number, dtype.numpy, halves=False))
    else:
        value = convert(value, dtype)
    if shape is None:
        return value
    have = tuple(shape_of(value))
    while len(have) > len(shape) and have[0] == 1:
        value = reshape(value, shape=have[1:])
        have = have[1:]
    if have != shape:
        try:
            value = expand(value, shape)
        except RuntimeError:
            raise RuntimeError(_assign_mismatch(shape, have, dtype)) from None
    return value


def _assign_mismatch(shape, have, dtype):
    for k in range(1, min(len(shape), len(have)) + 1):
        if have[-k] not in (1, shape[-k]):
            return hinted(
                f"The expanded size of the tensor ({shape[-k]}) must match the existing size "
                f"({have[-k]}) at non-singleton dimension {len(shape) - k}.  Target sizes: "
                f"{list(shape)}.  Tensor sizes: {list(have)}",
                "the value assigned must broadcast to the place it is assigned to.",
            )
    return (
        f"expand({tensor_type(dtype)}{{{list(have)}}}, size={list(shape)}): the number of sizes "
        f"provided ({len(shape)}) must be greater or equal to the number of dimensions in the "
        f"tensor ({len(have)})"
    )
