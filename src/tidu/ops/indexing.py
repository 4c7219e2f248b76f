"""x[...], where, gather, scatter, masked_fill, index_select ...: by position and by mask.

`getitem` splits an index into its basic part (a view) and its index tensors (a copy); `x[...] = v`
is in `assignment.py`.
"""

import math
import warnings

import numpy as np

from ..base.dtypes import bool_
from ..base.errors import hinted
from ..base.frames import user_depth, warn_once
from ..base.size import WIDEST, mismatch, normalize_axis
from ..core.direct import directly
from ..core.handle import TensorBase, concrete, element_type, plain, shape_of, wrap
from ..core.looks import look
from ..core.retries import worded
from ..primitives import comparison as c
from ..primitives import indexing as i
from ..primitives.arithmetic import select
from ..primitives.base import reshape
from ..primitives.structural import slice_
from ..transforms.mutation import picked
from ..transforms.write_checks import check_apart
from . import direct
from .along_axis import not_from_the_end
from .arrangements import index_name, indexed
from .convert import (
    as_operand,
    composite,
    convert,
    dtype_word,
    finish_same,
    held,
    in_order,
    invalid_combination,
    laid_as,
    named,
    ndim_of,
    one_node,
    promoted,
    require_tensor,
    result_dtype,
    scalar_name,
    type_of,
)  # fmt: skip
from .examples import each_example
from .flags import strict
from .numbers import fitted, require_width
from .shapes import contiguous, expand


@look(slice_, indexed)
@directly(direct.taken)
def getitem(input, index):
    """x[index]: a view for integers, slices, None and Ellipsis; a copy for masks and tensors."""
    kind = index.__class__
    if kind is int:
        return _select_first(input, index)
    basic, indices, dims = split_index(input, index)
    out = input
    if basic is not None:
        name = "SliceBackward0" if kind is slice else index_name(basic, tuple(shape_of(input)))
        out = named(slice_(input, index=basic), name)
    elif not indices:
        return input.alias()
    out, indices, dims = picked(out, indices, dims)
    if indices:
        out = named(_take(out, indices, dims), "IndexBackward0")
    return out


def _select_first(input, index):
    shape = input._value.shape
    if not shape:
        raise IndexError(_ZERO_DIM)
    if not -shape[0] <= index < shape[0]:
        require_width(index)
        raise IndexError(f"index {index} is out of bounds for dimension 0 with size {shape[0]}")
    return named(slice_(input, index=(index, ...)), "SelectBackward0")


_ZERO_DIM = hinted(
    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ "
    "to convert a 0-dim tensor to a number",
    "this tensor has no axes to index; x.item() gives its number.",
)


def _take(x, indices, dims):
    _check_together(indices)
    return i.take(x, *indices, dims=tuple(dims))


def _check_together(indices):
    """Index tensors broadcast against each other."""
    if len(indices) < 2:
        return
    shapes = [tuple(shape_of(t)) for t in indices]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise IndexError(hinted(
                "shape mismatch: indexing tensors could not be broadcast together with shapes "
                + ", ".join([str(list(s)) for s in shapes]),
                "several index tensors pick elements together, so their shapes must match; for "
                "every combination use x[rows][:, columns].",
        )) from None  # fmt: skip


def split_index(input, index):
    """(basic index or None, index tensors, the axes they belong to after the basic part)."""
    shape = tuple(shape_of(input))
    items = index if isinstance(index, tuple) else _as_items(index)
    items = [_normal(item) for item in items]
    items = [bool(item) if _is_flag(item) else item for item in items]
    used = sum([_axes_used(item) for item in items])
    if used > len(shape):
        if not shape and not any(isinstance(item, TensorBase) for item in items):
            raise IndexError(_ZERO_DIM)
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    basic, advanced, axis, out_axis, plain = [], [], 0, 0, True
    for item in items:
        if item is Ellipsis:
            for _ in range(len(shape) - used):
                basic.append(slice(None))
                axis, out_axis = axis + 1, out_axis + 1
        elif item is None:
            basic.append(None)
            out_axis, plain = out_axis + 1, False
        elif item.__class__ is slice:
            basic.append(_checked_slice(item))
            plain = plain and item == slice(None)
            axis, out_axis = axis + 1, out_axis + 1
        elif item.__class__ is int:
            _check_int(item, axis, shape)
            basic.append(item)
            axis, plain = axis + 1, False
        elif item.__class__ is bool:
            basic.append(None)
            advanced.append((out_axis, wrap(np.arange(1 if item else 0))))
            out_axis, plain = out_axis + 1, False
        else:
            for part in _index_tensors(item, shape, axis):
                basic.append(slice(None))
                advanced.append((out_axis, part))
                axis, out_axis = axis + 1, out_axis + 1
    basic.append(Ellipsis)
    if plain:
        return (
            (None if advanced or not items else (...,)),
            [t for _, t in advanced],
            [a for a, _ in advanced],
        )
    return tuple(basic), [t for _, t in advanced], [a for a, _ in advanced]


def _as_items(index):
    if isinstance(index, list) and len(index) < _AS_TUPLE and any(map(_makes_tuple, index)):
        warnings.warn(_SEQUENCE, UserWarning, stacklevel=user_depth())
        return tuple(index)
    return (index,)


_AS_TUPLE = 32  # entries, from which a list is always one index
_SEQUENCE = (
    "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in "
    "pytorch 2.9; use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted as "
    "tensor index, x[torch.tensor(seq)], which will result either in an error or a different result"
)


def _makes_tuple(part):
    """Whether a list with this entry stands for a tuple of indices."""
    return isinstance(
        part, (TensorBase, list, tuple, range, str, slice, type(Ellipsis), type(None))
    )


def _normal(item):
    if item is None or item is Ellipsis or item.__class__ in (int, slice, bool):
        return item
    if isinstance(item, TensorBase):
        value = item._value
        whole = value.dtype is not None and value.dtype.kind in "iu" and value.dtype != np.uint8
        if whole and value.shape == ():
            return int(value)
        return item
    if isinstance(item, (list, tuple, range)):
        parts = [concrete(part).item() if isinstance(part, TensorBase) else part for part in item]
        array = np.array(parts) if parts else np.array(parts, np.int64)
        if array.dtype.kind in "uO":
            require_width(max(parts, key=abs))
        return wrap(array)
    if isinstance(item, np.ndarray):
        return int(item) if item.shape == () and item.dtype.kind in "iu" else wrap(item)
    if isinstance(item, (np.bool_, np.integer)):
        return item.item()
    if hasattr(item, "__index__"):
        return item.__index__()
    kind = TypeError if isinstance(item, str) else IndexError
    raise kind(
        "new(): invalid data type 'str'"
        if isinstance(item, str)
        else "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
        f"valid indices (got {type(item).__name__})"
    )


def _axes_used(item):
    if item is None or item is Ellipsis or item.__class__ is bool:
        return 0
    return ndim_of(item) if _is_mask(item) else 1


def _checked_slice(item):
    start, stop, step = map(_plain_int, (item.start, item.stop, item.step))
    if step is not None and step <= 0:
        raise ValueError("step must be greater than zero" if step else "slice step cannot be zero")
    if step is not None and step >= WIDEST:
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes=[-1] and strides=[{WIDEST}]"
        )
    return slice(start, stop, step)


def _plain_int(value):
    if value is None or value.__class__ is int:
        return value
    if isinstance(value, TensorBase):
        return int(concrete(value))
    if not hasattr(value, "__index__"):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    return value.__index__()


def _check_int(item, axis, shape):
    if not -shape[axis] <= item < shape[axis]:
        require_width(item)
        raise IndexError(
            f"index {item} is out of bounds for dimension {axis} with size {shape[axis]}"
        )


def _is_flag(item):
    """Whether an index is a mask without axes, which selects all or nothing, as True and False."""
    return _is_mask(item) and not shape_of(item)


def _is_mask(item):
    return isinstance(item, TensorBase) and element_type(item) in (np.bool_, np.uint8)


_BYTES = "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead."


def _index_tensors(item, shape, axis):
    if _is_mask(item):
        if element_type(item) == np.uint8:
            warnings.warn(_BYTES, UserWarning, stacklevel=user_depth())
        mask_shape = tuple(shape_of(item))
        if mask_shape != shape[axis : axis + len(mask_shape)]:
            bad = next(k for k, n in enumerate(mask_shape) if n != shape[axis + k])
            raise IndexError(
                f"The shape of the mask {list(mask_shape)} at index {bad} does not match the shape "
                f"of the indexed tensor {list(shape)} at index {axis + bad}"
            )
        return [wrap(part) for part in np.nonzero(concrete(item, "mask"))]
    if element_type(item).kind not in "iu":
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return [item]


def _count(mask):
    return int(np.count_nonzero(concrete(mask, "mask")))


# --- putting ------------------------------------------------------------------------------------


def _kind(target):
    return scalar_name(type_of(target)) + "Tensor"


def put(x, indices, dims, value, accumulate=False):
    """x with `value` at the indexed places (added to what is there if `accumulate`)."""
    try:
        if not accumulate:
            return i.put(x, value, *indices, dims=tuple(dims))
        shape = tuple(shape_of(_take(x, indices, dims)))
        added = i.put_add(
            expand(value, shape), *indices, dims=tuple(dims), shape=tuple(shape_of(x))
        )
        return laid_as(x + added, x)
    except ValueError:
        shape = tuple(shape_of(_take(x, indices, dims)))
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(shape_of(value))} cannot be broadcast to "
            f"indexing result of shape {list(shape)}"
        ) from None


@strict
@one_node("IndexPutBackward0")
def index_put(input, indices, values, accumulate=False):
    """x[indices] = values, or += with `accumulate` (repeated places add up)."""
    require_tensor("index_put", values, "values", 2)
    for k, index in enumerate(indices):
        if not isinstance(index, TensorBase) and index is not None:
            raise TypeError(
                f"expected Tensor as element {k} in argument 0, but got {type(index).__name__}"
            )
    if type_of(values) is not type_of(input):
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{scalar_name(type_of(input))} for the destination and {scalar_name(type_of(values))} "
            "for the source."
        )
    full = tuple([slice(None) if index is None else _kept_tensor(index) for index in indices])
    _, tensors, dims = split_index(input, full)
    return put(input, tensors, dims, values, accumulate)


def _kept_tensor(index):
    """A 0-dim index keeps its axis here, unlike in x[index]: the primitive broadcasts it."""
    return (
        reshape(index, shape=(1,))
        if not ndim_of(index) and element_type(index).kind in "iu"
        else index
    )


# --- selection by mask --------------------------------------------------------------------------


@directly(direct.where)
def where(condition, input=None, other=None, *, out=None):
    """Elements of `input` where `condition` holds, else of `other`; alone: nonzero as a tuple.

    >>> import tidu as torch
    >>> torch.where(torch.tensor([True, False]), 1.0, 2.0)
    tensor([1., 2.])
    """
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if not _where_operands(condition, input, other):
        given = [a for a in (condition, input, other) if a is not None]
        raise invalid_combination("where", *given)
    kind = element_type(condition)
    if kind.kind != "b" and kind != np.uint8:
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{scalar_name(type_of(condition))}"
        )
    if kind.kind != "b":
        warn_once(
            "where received a uint8 condition tensor. This behavior is deprecated and will be "
            "removed in a future version of PyTorch. Use a boolean condition instead."
        )
        condition = convert(condition, bool_)
    x, y = as_operand(input, "where"), as_operand(other, "where", 3)
    dtype = result_dtype(x, y)
    x, y = [
        promoted(a, dtype) if isinstance(a, TensorBase) else fitted(a, dtype.numpy) for a in (x, y)
    ]
    try:
        given, said = (condition, input, other), "Expected out type to be {want} but got {have}"
        return finish_same(select(condition, x, y), out, *given, message=said)
    except ValueError:
        shapes = [tuple(shape_of(a)) for a in (condition, x, y)]
        for a, b in ((0, 1), (0, 2), (1, 2)):
            message = mismatch(shapes[a], shapes[b])
            if message:
                raise RuntimeError(message) from None
        raise


def _where_operands(condition, input, other):
    taken = (TensorBase, int, float, complex, np.generic, np.ndarray)
    return (
        isinstance(condition, TensorBase) and isinstance(input, taken) and isinstance(other, taken)
    )


@directly(direct.masked_fill)
@composite()
def masked_fill(input, mask, value):
    """`value` where `mask` holds, the input elsewhere."""
    message = mismatch(tuple(shape_of(mask)), tuple(shape_of(input)))
    if message:
        raise RuntimeError(message)
    if element_type(mask).kind != "b":
        raise RuntimeError(
            "masked_fill_ only supports boolean masks, but got mask with dtype "
            f"{dtype_word(type_of(mask))}"
        )
    if isinstance(value, TensorBase):
        if ndim_of(value):
            raise RuntimeError(
                "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{ndim_of(value)} dimension(s)."
            )
        if type_of(value).is_complex and not type_of(input).is_complex:
            raise RuntimeError("value cannot be converted to type float without overflow")
        fill = convert(value, type_of(input))
    else:
        fill = _fill_number(input, mask, value)
    form = 1 if isinstance(value, TensorBase) else 0
    return named(select(mask, fill, contiguous(input)), f"MaskedFillBackward{form}")


def _fill_number(input, mask, value):
    """The number as an element of the input's type, if it has one."""
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (int, float, complex)):
        raise invalid_combination("masked_fill", mask, value)
    return fitted(value, element_type(input))


@composite("MaskedSelectBackward0")
def masked_select(input, mask, *, out=None):
    """The elements where `mask` holds, as a vector."""
    check_apart(out, input, mask)
    if element_type(mask).kind != "b":
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    shape = _shape_of_both(input, mask)
    picked = getitem(*[reshape(expand(t, shape), shape=shape or (1,)) for t in (input, mask)])
    message = "masked_select(): self and result must have the same scalar type"
    return finish_same(named(picked, "MaskedSelectBackward0"), out, message=message)


def _shape_of_both(input, mask):
    first, second = tuple(shape_of(mask)), tuple(shape_of(input))
    if message := mismatch(first, second):
        raise RuntimeError(message)
    return np.broadcast_shapes(first, second)


@composite("MaskedScatterBackward0")
def masked_scatter(input, mask, source):
    """The elements where `mask` holds replaced by those of `source`, in order."""
    if type_of(input) is not type_of(source):
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got"
            f"{scalar_name(type_of(input))} and {scalar_name(type_of(source))}"
        )
    if element_type(mask).kind != "b":
        raise RuntimeError(
            "masked_scatter_ only supports boolean masks, but got mask with dtype "
            f"{scalar_name(type_of(mask))}"
        )
    shape = _shape_of_both(input, mask)
    input, mask = expand(input, shape), expand(mask, shape)
    count = _count(mask)
    if count > math.prod(shape_of(source)):
        raise RuntimeError("Number of elements of source < number of ones in mask")
    if not shape:
        return (
            select(mask, reshape(source[(0,) * ndim_of(source)], shape=()), input)
            if count
            else input.clone()
        )
    flat = reshape(source, shape=(math.prod(shape_of(source)),))
    return in_order(put(input, *_mask_places(mask), slice_(flat, index=(slice(0, count),))))


def _mask_places(mask):
    places = [wrap(part) for part in np.nonzero(concrete(mask, "mask"))]
    return places, list(range(len(places)))


@directly(direct.nonzero)
@strict
def nonzero(input, *, out=None, as_tuple=False):
    """The indices of the nonzero elements: one row each, or a tuple with one vector per axis."""
    value = np.asarray(concrete(input, "nonzero"))
    if as_tuple:
        value = value.reshape(1) if value.ndim == 0 else value
        return tuple([wrap(part.copy()) for part in np.nonzero(value)])  # each in order
    message = "nonzero: Expected out tensor to have scalar type Long but got scalar type{have}"
    return finish_same(wrap(np.argwhere(value)), out, message=message)


@worded
@each_example
def argwhere(input):
    """The indices of the nonzero elements, one row each."""
    return nonzero(input)


# --- along one axis -----------------------------------------------------------------------------


def select_axis(input, dim, index):
    """The entry `index` of `dim`, a view without that axis."""
    rank = ndim_of(input)
    axis = normalize_axis(dim, rank)
    index = int(index)
    if not -shape_of(input)[axis] <= index < shape_of(input)[axis]:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(shape_of(input))} at "
            f"dimension {axis}"
        )
    lead = (slice(None),) * axis
    made = slice_(input, index=(*lead, index, ...))
    return named(made, "SelectBackward0", dim=dim, index=index)


@directly(direct.embedding)
@strict
def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0,
              scale_grad_by_freq=False, sparse=False):  # fmt: skip
    """Rows of `weight` (N, D) by index: shape (*input.shape, D)."""
    if len(shape_of(weight)) != 2:
        raise RuntimeError("'weight' must be 2-D")
    if element_type(input) not in (np.int64, np.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got torch.{_kind(input)} instead (while checking arguments for "
            "embedding)"
        )
    rows = _rows_of(weight, input)
    if padding_idx is not None:
        padding = padding_idx if padding_idx >= 0 else padding_idx + shape_of(weight)[0]
        keep = reshape(c.ne(input, padding), shape=(*tuple(shape_of(input)), 1))
        rows = select(keep, rows, rows.detach())
    if padding_idx is None:
        return named(rows, "EmbeddingBackward0")
    return named(rows, "EmbeddingBackward0", weight, indices=held(input, []),
                 padding_idx=padding_idx, scale_grad_by_freq=scale_grad_by_freq,
                 sparse=sparse)  # fmt: skip


def _rows_of(weight, input):
    """The rows, where unlike elsewhere a negative index does not count from the end."""
    value, count = input._value, shape_of(weight)[0]
    try:
        if plain(value) and value.size and value.min() < 0:
            raise IndexError
        return i.take(weight, not_from_the_end(input, count), dims=(0,))
    except IndexError:
        raise IndexError(
            hinted(
                "index out of range in self",
                f"the table has {count} rows; every index must lie in 0...{count - 1}.",
            )
        ) from None
