"""x[...], x[...] = v, where, gather, scatter, masked_fill, index_select ...: by position and mask.

`getitem` splits an index into its basic part (a view) and its index tensors (a copy).
"""

import math

import numpy as np

from ..core.handle import TensorBase, concrete, element_type, shape_of, wrap
from ..dtypes import bool_, int64, uint8
from ..errors import hinted
from ..primitives import indexing as i
from ..primitives.arithmetic import select, zeros_like
from ..primitives.base import reduce_sum, reshape, transpose
from ..primitives.structural import slice_
from ..size import normalize_axis
from ..transforms.mutation import write
from .convert import (
    as_operand, convert, finish, mismatch, named, ndim_of, promote, require_tensor, result_dtype,
    scalar_name, type_of,
)  # fmt: skip
from .shapes import cat, expand


def getitem(input, index):
    """x[index]: a view for integers, slices, None and Ellipsis; a copy for masks and tensors."""
    kind = index.__class__
    if kind is int:
        return _select_first(input, index)
    basic, indices, dims = split_index(input, index)
    out = input
    if basic is not None:
        out = slice_(input, index=basic)
        name = "SelectBackward0" if any(b.__class__ is int for b in basic) else "SliceBackward0"
        named(out, name)
    elif indices is None:
        return input.alias()
    if indices:
        out = named(_take(out, indices, dims), "IndexBackward0")
    return out


def _select_first(input, index):
    shape = input._value.shape
    if not shape:
        raise IndexError(_ZERO_DIM)
    if not -shape[0] <= index < shape[0]:
        raise IndexError(f"index {index} is out of bounds for dimension 0 with size {shape[0]}")
    return named(slice_(input, index=(index, ...)), "SelectBackward0")


_ZERO_DIM = hinted(
    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ "
    "to convert a 0-dim tensor to a number",
    "this tensor has no axes to index; x.item() gives its number.",
)


def _take(x, indices, dims):
    return i.take(x, *indices, dims=tuple(dims))


def split_index(input, index):
    """(basic index or None, index tensors, the axes they belong to after the basic part)."""
    shape = tuple(shape_of(input))
    items = index if isinstance(index, tuple) else _as_items(index)
    items = [_normal(item) for item in items]
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
        return (None if advanced or not items else (...,)), [t for _, t in advanced], [a for a, _ in advanced]
    return tuple(basic), [t for _, t in advanced], [a for a, _ in advanced]


def _as_items(index):
    if isinstance(index, list):
        if any(isinstance(part, (slice, type(Ellipsis), type(None))) for part in index):
            return tuple(index)
        return (index,)
    return (index,)


def _normal(item):
    if item is None or item is Ellipsis or item.__class__ in (int, slice, bool):
        return item
    if isinstance(item, TensorBase):
        value = item._value
        if value.dtype is not None and value.shape == () and value.dtype.kind in "iu":
            return int(value)
        return item
    if isinstance(item, (list, tuple, range)):
        parts = [concrete(part).item() if isinstance(part, TensorBase) else part for part in item]
        array = np.array(parts) if parts else np.array(parts, np.int64)
        return wrap(array)
    if isinstance(item, np.ndarray):
        return int(item) if item.shape == () and item.dtype.kind in "iu" else wrap(item)
    if isinstance(item, (np.bool_, np.integer)):
        return item.item()
    if hasattr(item, "__index__"):
        return item.__index__()
    raise TypeError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
        f"indices (got {type(item).__name__})"
    )


def _axes_used(item):
    if item is None or item is Ellipsis or item.__class__ is bool:
        return 0
    if isinstance(item, TensorBase) and element_type(item).kind == "b":
        return ndim_of(item)
    if isinstance(item, TensorBase) and element_type(item) == np.uint8:
        return ndim_of(item)
    return 1


def _checked_slice(item):
    if item.step is not None and _plain_int(item.step) <= 0:
        raise ValueError("step must be greater than zero")
    if item.start is None and item.stop is None and item.step is None:
        return item
    return slice(_plain_int(item.start), _plain_int(item.stop), _plain_int(item.step))


def _plain_int(value):
    if value is None or value.__class__ is int:
        return value
    return int(concrete(value)) if isinstance(value, TensorBase) else value.__index__()


def _check_int(item, axis, shape):
    if not -shape[axis] <= item < shape[axis]:
        raise IndexError(
            f"index {item} is out of bounds for dimension {axis} with size {shape[axis]}"
        )


def _index_tensors(item, shape, axis):
    kind = element_type(item).kind
    if kind == "b" or element_type(item) == np.uint8:
        mask_shape = tuple(shape_of(item))
        if mask_shape != shape[axis : axis + len(mask_shape)]:
            bad = next(k for k, n in enumerate(mask_shape) if n != shape[axis + k])
            raise IndexError(
                f"The shape of the mask {list(mask_shape)} at index {bad} does not match the shape "
                f"of the indexed tensor {list(shape)} at index {axis + bad}"
            )
        return [wrap(part) for part in np.nonzero(concrete(item))]
    if kind not in "iu":
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return [item]


def _count(mask):
    return int(np.count_nonzero(concrete(mask)))


# --- assignment ---------------------------------------------------------------------------------


def setitem(input, index, value):
    """x[index] = value, for a number or a tensor that broadcasts to what is indexed."""
    basic, indices, dims = split_index(input, index)
    target = input if basic is None else slice_(input, index=basic)
    if indices:
        value = _as_source(value, target, None)
        return write(target, put(target, indices, dims, value))
    source = _as_source(value, target, tuple(shape_of(target)))
    return write(target, source)


def _as_source(value, target, shape):
    """What is assigned, as a tensor of the target's type that broadcasts to `shape`."""
    dtype = type_of(target)
    if isinstance(value, np.ndarray):
        value = wrap(value)
    if not isinstance(value, TensorBase):
        number = value.item() if isinstance(value, np.generic) else value
        if isinstance(number, (list, tuple, str)) or number is None:
            raise TypeError(f"can't assign a {type(value).__name__} to a torch.{_kind(target)}")
        if isinstance(number, complex) and not dtype.is_complex:
            raise RuntimeError("value cannot be converted to type float without overflow")
        with np.errstate(all="ignore"):
            value = wrap(np.array(number).astype(dtype.numpy)[()])
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
            raise RuntimeError(_assign_mismatch(shape, have)) from None
    return value


def _assign_mismatch(shape, have):
    for k in range(1, min(len(shape), len(have)) + 1):
        if have[-k] not in (1, shape[-k]):
            return hinted(
                f"The expanded size of the tensor ({shape[-k]}) must match the existing size "
                f"({have[-k]}) at non-singleton dimension {len(shape) - k}.  Target sizes: "
                f"{list(shape)}.  Tensor sizes: {list(have)}",
                "the value assigned must broadcast to the place it is assigned to.",
            )
    return (
        f"expand(torch.FloatTensor{{{list(have)}}}, size={list(shape)}): the number of sizes "
        f"provided ({len(shape)}) must be greater or equal to the number of dimensions in the "
        f"tensor ({len(have)})"
    )


def _kind(target):
    return scalar_name(type_of(target)) + "Tensor"


def put(x, indices, dims, value, accumulate=False):
    """x with `value` at the indexed places (added to what is there if `accumulate`)."""
    try:
        if not accumulate:
            return i.put(x, value, *indices, dims=tuple(dims))
        shape = tuple(shape_of(_take(x, indices, dims)))
        added = i.put_add(expand(value, shape), *indices, dims=tuple(dims), shape=tuple(shape_of(x)))
        return x + added
    except ValueError:
        shape = tuple(shape_of(_take(x, indices, dims)))
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(shape_of(value))} cannot be broadcast to "
            f"indexing result of shape {list(shape)}"
        ) from None


def index_put(input, indices, values, accumulate=False):
    """x[indices] = values, or += with `accumulate` (repeated places add up)."""
    basic, tensors, dims = split_index(input, tuple(indices))
    if basic is not None:
        raise IndexError("index_put: indices must be tensors or None")
    return put(input, tensors, dims, convert(values, type_of(input)), accumulate)


# --- selection by mask --------------------------------------------------------------------------


def where(condition, input=None, other=None, *, out=None):
    """Elements of `input` where `condition` holds, else of `other`; alone: nonzero as a tuple.

    >>> import tidu as torch
    >>> torch.where(torch.tensor([True, False]), 1.0, 2.0)
    tensor([1., 2.])
    """
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    require_tensor("where", condition, "condition")
    kind = element_type(condition)
    if kind.kind != "b" and kind != np.uint8:
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{scalar_name(type_of(condition))}"
        )
    if kind.kind != "b":
        condition = convert(condition, bool_)
    x, y = as_operand(input, "where"), as_operand(other, "where", 3)
    dtype = result_dtype(x, y)
    x, y = [
        convert(a, dtype) if isinstance(a, TensorBase) else dtype.numpy.type(a) for a in (x, y)
    ]
    try:
        return finish(select(condition, x, y), out)
    except ValueError:
        shapes = [tuple(shape_of(a)) for a in (condition, x, y)]
        for a, b in ((0, 1), (0, 2), (1, 2)):
            message = mismatch(shapes[a], shapes[b])
            if message:
                raise RuntimeError(message) from None
        raise


def masked_fill(input, mask, value):
    """`value` where `mask` holds, the input elsewhere."""
    if element_type(mask).kind != "b":
        raise RuntimeError(
            "masked_fill only supports boolean masks, but got mask with dtype "
            f"{scalar_name(type_of(mask)).lower()}"
        )
    if isinstance(value, TensorBase):
        if ndim_of(value):
            raise RuntimeError(
                "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
                f"{ndim_of(value)} dimension(s)."
            )
        fill = convert(value, type_of(input))
    else:
        if isinstance(value, float) and type_of(input).category < 2 and not value.is_integer():
            raise RuntimeError("value cannot be converted to type int64_t without overflow")
        fill = element_type(input).type(value)
    try:
        return named(select(mask, fill, input), "MaskedFillBackward0")
    except ValueError:
        raise RuntimeError(mismatch(tuple(shape_of(input)), tuple(shape_of(mask)))) from None


def masked_select(input, mask, *, out=None):
    """The elements where `mask` holds, as a vector."""
    if element_type(mask).kind != "b":
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    shape = np.broadcast_shapes(tuple(shape_of(input)), tuple(shape_of(mask)))
    picked = getitem(expand(input, shape), expand(mask, shape))
    return finish(named(picked, "MaskedSelectBackward0"), out)


def masked_scatter(input, mask, source):
    """The elements where `mask` holds replaced by those of `source`, in order."""
    mask = expand(mask, tuple(shape_of(input)))
    count = _count(mask)
    flat = reshape(source, shape=(math.prod(shape_of(source)),))
    return put(input, *_mask_places(mask), slice_(flat, index=(slice(0, count),)))


def _mask_places(mask):
    places = [wrap(part) for part in np.nonzero(concrete(mask))]
    return places, list(range(len(places)))


def nonzero(input, *, out=None, as_tuple=False):
    """The indices of the nonzero elements: one row each, or a tuple with one vector per axis."""
    value = np.asarray(concrete(input))
    if as_tuple:
        value = value.reshape(1) if value.ndim == 0 else value
        return tuple([wrap(part) for part in np.nonzero(value)])
    return finish(wrap(np.argwhere(value)), out)


argwhere = nonzero


# --- along one axis -----------------------------------------------------------------------------


def _require_index(function, index):
    if element_type(index).kind not in "iu" or element_type(index).itemsize < 4:
        raise RuntimeError(f"{function}(): Expected dtype int64 for index")


def gather(input, dim, index, *, sparse_grad=False, out=None):
    """out[i][j] = input[index[i][j]][j] for dim 0, and so on for other axes."""
    _require_index("gather", index)
    if not ndim_of(input) or not ndim_of(index):
        return finish(reshape(input.flatten()[index.flatten()], shape=tuple(shape_of(index))), out)
    axis = normalize_axis(dim, ndim_of(input))
    _check_index_shape("gather", input, index, axis)
    return finish(i.gather(input, index, axis=axis), out)


def _check_index_shape(function, input, index, axis):
    if ndim_of(input) != ndim_of(index):
        raise RuntimeError(
            "Index tensor must have the same number of dimensions as input tensor"
        )
    for a, (n, m) in enumerate(zip(shape_of(index), shape_of(input), strict=True)):
        if a != axis and n > m:
            raise RuntimeError(
                f"Size does not match at dimension {a} expected index {list(shape_of(index))} to "
                f"be no larger than self {list(shape_of(input))} apart from dimension {axis}"
            )


def take_along_dim(input, indices, dim=None):
    """gather with broadcasting of `indices` against `input`; over the flat tensor without dim."""
    if dim is None:
        return gather(input.flatten(), 0, indices.flatten())
    axis = normalize_axis(dim, ndim_of(input))
    index_shape, shape = list(shape_of(indices)), list(shape_of(input))
    free = [1 if a == axis else n for a, n in enumerate(shape)]
    wide = list(np.broadcast_shapes(free, [1 if a == axis else n for a, n in enumerate(index_shape)]))
    x = expand(input, (*wide[:axis], shape[axis], *wide[axis + 1 :]))
    return gather(x, axis, expand(indices, (*wide[:axis], index_shape[axis], *wide[axis + 1 :])))


def _scatter_source(input, index, source):
    if isinstance(source, TensorBase):
        if type_of(source) is not type_of(input):
            raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
        return source
    return wrap(np.broadcast_to(element_type(input).type(source), tuple(shape_of(index))))


def scatter(input, dim, index, src=None, *, value=None, reduce=None, out=None):
    """A copy of `input` with out[index[i][j]][j] = src[i][j] for dim 0, and so on."""
    _require_index("scatter", index)
    source = _scatter_source(input, index, value if src is None else src)
    axis = normalize_axis(dim, ndim_of(input))
    if reduce == "add":
        return finish(i.scatter_add(input, index, source, axis=axis), out)
    if reduce == "multiply":
        return finish(scatter_reduce(input, dim, index, source, "prod"), out)
    return finish(i.scatter(input, index, source, axis=axis), out)


def scatter_add(input, dim, index, src, *, out=None):
    """A copy of `input` with src[i][j] added at [index[i][j]][j] for dim 0, and so on."""
    _require_index("scatter_add", index)
    source = _scatter_source(input, index, src)
    return finish(i.scatter_add(input, index, source, axis=normalize_axis(dim, ndim_of(input))), out)


def scatter_reduce(input, dim, index, src, reduce, *, include_self=True, out=None):
    """`src` combined into `input` at the indexed places: sum, mean, prod, amax or amin."""
    axis = normalize_axis(dim, ndim_of(input))
    if not include_self:
        fill = {"prod": 1, "amax": -math.inf, "amin": math.inf}.get(reduce, 0)
        if type_of(input).category < 2 and reduce in ("amax", "amin"):
            info = np.iinfo(element_type(input))
            fill = info.min if reduce == "amax" else info.max
        input = scatter(input, axis, index, value=fill)
    if reduce == "sum":
        return finish(i.scatter_add(input, index, src, axis=axis), out)
    if reduce == "mean":
        total = i.scatter_add(input, index, src, axis=axis)
        ones = wrap(np.ones(tuple(shape_of(index)), element_type(input)))
        start = wrap(np.ones(tuple(shape_of(input)), element_type(input)))
        if not include_self:
            start = scatter(start, axis, index, value=0)
        count = i.scatter_add(start, index, ones, axis=axis)
        count = select(count == 0, count + 1, count)
        return finish(total / count if type_of(input).category > 1 else total // count, out)
    return finish(_scatter_extreme(input, axis, index, src, reduce), out)


def _scatter_extreme(input, axis, index, src, reduce):
    """prod, amax and amin: each place gathers its candidates, then reduces them."""
    raise NotImplementedError(
        f"scatter_reduce with reduce='{reduce}' is not available yet; 'sum' and 'mean' are."
    )


def index_select(input, dim, index, *, out=None):
    """The entries of `dim` named by the vector `index`, in its order."""
    if ndim_of(index) > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if element_type(index) not in (np.int64, np.int32):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    if not ndim_of(input):
        return input.clone()
    axis = normalize_axis(dim, ndim_of(input))
    index = index if ndim_of(index) else reshape(index, shape=(1,))
    return finish(named(i.take(input, index, dims=(axis,)), "IndexSelectBackward0"), out)


def _lanes(input, dim, index):
    axis = normalize_axis(dim, ndim_of(input))
    return [index if ndim_of(index) else reshape(index, shape=(1,))], [axis], axis


def index_add(input, dim, index, source, *, alpha=1, out=None):
    """A copy of `input` with alpha * source[k] added at entry index[k] of `dim`."""
    indices, dims, axis = _lanes(input, dim, index)
    scaled = source if alpha == 1 else source * alpha
    added = i.put_add(scaled, *indices, dims=tuple(dims), shape=tuple(shape_of(input)))
    return finish(named(input + added, "IndexAddBackward0"), out)


def index_copy(input, dim, index, source, *, out=None):
    """A copy of `input` with entry index[k] of `dim` replaced by source[k]."""
    indices, dims, _ = _lanes(input, dim, index)
    return finish(i.put(input, source, *indices, dims=tuple(dims)), out)


def index_fill(input, dim, index, value):
    """A copy of `input` with the entries index[k] of `dim` filled with `value`."""
    indices, dims, _ = _lanes(input, dim, index)
    fill = value if isinstance(value, TensorBase) else wrap(element_type(input).type(value))
    return i.put(input, fill, *indices, dims=tuple(dims))


def take(input, index):
    """Elements of the flat input."""
    flat = reshape(input, shape=(math.prod(shape_of(input)),))
    return i.take(flat, index, dims=(0,))


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
    return named(slice_(input, index=(*lead, index, ...)), "SelectBackward0")


# --- repeats, bins, sets ------------------------------------------------------------------------


def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each entry of `dim` repeated `repeats` times (a number or one per entry)."""
    if repeats is None:
        counts = concrete(input)
        return wrap(np.repeat(np.arange(counts.size), counts))
    if dim is None:
        input, dim = input.flatten(), 0
    axis = normalize_axis(dim, ndim_of(input))
    counts = concrete(repeats) if isinstance(repeats, TensorBase) else repeats
    order = np.repeat(np.arange(shape_of(input)[axis]), counts)
    return named(i.take(input, order, dims=(axis,)), "IndexSelectBackward0")


def bincount(input, weights=None, minlength=0):
    """How often each non-negative integer occurs (or the sum of its weights)."""
    x = concrete(input)
    if x.ndim != 1 or (x.size and x.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    w = None if weights is None else concrete(weights)
    out = np.bincount(x, w, minlength)
    return wrap(out if w is None else out.astype(w.dtype if w.dtype.kind == "f" else np.float64))


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements (or entries of `dim`), ascending; on request inverse and counts."""
    x = concrete(input)
    axis = None if dim is None else normalize_axis(dim, x.ndim)
    values, inverse, counts = np.unique(
        x, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    parts = [wrap(values)]
    if return_inverse:
        parts.append(wrap(inverse.reshape(x.shape if axis is None else -1)))
    if return_counts:
        parts.append(wrap(counts))
    return parts[0] if len(parts) == 1 else tuple(parts)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """Runs of equal elements made one."""
    x = concrete(input) if dim is not None else concrete(input).reshape(-1)
    axis = 0 if dim is None else normalize_axis(dim, x.ndim)
    rows = np.moveaxis(x, axis, 0)
    flat = rows.reshape(rows.shape[0], -1)
    starts = np.concatenate([[True], (flat[1:] != flat[:-1]).any(1)]) if len(flat) else np.zeros(0, bool)
    parts = [wrap(np.moveaxis(rows[starts], 0, axis))]
    if return_inverse:
        inverse = np.cumsum(starts) - 1
        parts.append(wrap(inverse.reshape(tuple(shape_of(input))) if dim is None else inverse))
    if return_counts:
        parts.append(wrap(np.diff(np.append(np.flatnonzero(starts), len(flat)))))
    return parts[0] if len(parts) == 1 else tuple(parts)


def isin(elements, test_elements, *, invert=False):
    """Where the elements are among the test elements."""
    x, y = [concrete(a) if isinstance(a, TensorBase) else a for a in (elements, test_elements)]
    return wrap(np.isin(x, y, invert=invert))


def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None):
    """Where `input` would be inserted to keep the last axis of the sequence in order."""
    right = side == "right" if side is not None else right
    table = concrete(sorted_sequence)
    x = concrete(input) if isinstance(input, TensorBase) else np.asarray(input)
    word = "right" if right else "left"
    if table.ndim == 1:
        out = np.asarray(np.searchsorted(table, x, word))
    else:
        rows = zip(table.reshape(-1, table.shape[-1]), x.reshape(-1, x.shape[-1]), strict=True)
        out = np.stack([np.searchsorted(row, values, word) for row, values in rows]).reshape(x.shape)
    return wrap(out.astype(np.int32 if out_int32 else np.int64))


def bucketize(input, boundaries, *, out_int32=False, right=False):
    """The bucket of each element among ascending boundaries."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def one_hot(tensor, num_classes=-1):
    """Rows of zeros with a one at each class index."""
    x = concrete(tensor)
    if x.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if x.size == 0 and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if x.size and x.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    count = int(x.max()) + 1 if num_classes == -1 else num_classes
    if x.size and x.max() >= count:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return wrap((x[..., None] == np.arange(count)).astype(np.int64))


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0,
              scale_grad_by_freq=False, sparse=False):  # fmt: skip
    """Rows of `weight` (N, D) by index: shape (*input.shape, D)."""
    if element_type(input).kind not in "iu":
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got torch.{_kind(input)} instead (while checking arguments for "
            "embedding)"
        )
    if padding_idx is not None:
        frozen = weight.detach()
        keep = concrete(input) != (padding_idx if padding_idx >= 0 else padding_idx + shape_of(weight)[0])
        rows = i.take(weight, input, dims=(0,))
        return named(select(keep[..., None], rows, i.take(frozen, input, dims=(0,))), "EmbeddingBackward0")
    try:
        return named(i.take(weight, input, dims=(0,)), "EmbeddingBackward0")
    except IndexError:
        raise IndexError(hinted(
            "index out of range in self",
            f"the table has {shape_of(weight)[0]} rows; every index must lie in 0..."
            f"{shape_of(weight)[0] - 1}.",
        )) from None
