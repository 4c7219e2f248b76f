"""torch.gather, scatter, index_select, index_add ...: places along one axis, named by integers."""

import math

import numpy as np

from ..base.dtypes import int64
from ..base.size import normalize_axis
from ..core.direct import array, directly, memory
from ..core.handle import TensorBase, concrete, element_type, shape_of, wrap
from ..core.modes import LOCAL
from ..primitives import comparison as c
from ..primitives import indexing as i
from ..primitives.arithmetic import select
from ..primitives.base import reshape
from ..transforms.write_checks import check_apart
from . import direct
from .convert import (
    composite,
    convert,
    finish_same,
    in_order,
    laid_as,
    named,
    ndim_of,
    one_node,
    require_tensor,
    scalar_name,
    type_of,
)  # fmt: skip
from .flags import strict
from .numbers import fitted
from .shapes import expand


def _vector(x):
    """A 0-dim tensor as one of length one: PyTorch indexes both alike."""
    return x if ndim_of(x) else reshape(x, shape=(1,))


def _require_index(function, index):
    require_tensor(function, index, "index", 3)
    if element_type(index).kind != "i" or element_type(index).itemsize < 4:
        raise RuntimeError(f"{function}(): Expected dtype int32/int64 for index")
    return convert(index, int64)


def _has_places(index):
    return math.prod(shape_of(index)) > 0


# --- gather -------------------------------------------------------------------------------------


@directly(direct.gather)
def gather(input, dim, index, *, sparse_grad=False, out=None):
    """out[i][j] = input[index[i][j]][j] for dim 0, and so on for other axes.

    >>> import tidu as torch
    >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    require_tensor("gather", index, "index", 3)
    check_apart(out, input, index)
    axis = normalize_axis(dim, ndim_of(input))
    if not _has_places(index):
        return finish_same(
            reshape(input.flatten()[:0], shape=tuple(shape_of(index))),
            out,
        )
    x, places = _vector(input), _vector(_require_index("gather", index))
    _check_ranks(x, places, "input")
    for a, (n, m) in enumerate(zip(shape_of(places), shape_of(x), strict=True)):
        if a != axis and n > m:
            raise RuntimeError(
                f"Size does not match at dimension {a} expected index {list(shape_of(index))} to "
                f"be no larger than self {list(shape_of(input))} apart from dimension {axis}"
            )
    result = named(i.gather(x, places, axis=axis), "GatherBackward0", self=input, dim=dim)
    return finish_same(result if ndim_of(index) else reshape(result, shape=()), out)


def _check_ranks(x, places, word):
    if ndim_of(x) != ndim_of(places):
        raise RuntimeError(f"Index tensor must have the same number of dimensions as {word} tensor")


def take_along_dim(input, indices, dim=None, *, out=None):
    """gather with broadcasting of `indices` against `input`; over the flat tensor without dim."""
    if element_type(require_tensor("take_along_dim", indices, "indices", 2)) != np.int64:
        raise RuntimeError(
            "torch.take_along_dim(): dtype of indices should be Long but got "
            f"{scalar_name(type_of(indices))}"
        )
    if dim is None:
        flat, places = [reshape(t, shape=(math.prod(shape_of(t)),)) for t in (input, indices)]
        return finish_same(_wrapped_gather(flat, 0, places), out)
    if ndim_of(input) != ndim_of(indices):
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {ndim_of(input)} dimensions for input, and {ndim_of(indices)} dimensions for "
            "indices"
        )
    axis = normalize_axis(dim, ndim_of(input))
    index_shape, shape = list(shape_of(indices)), list(shape_of(input))
    free = [[1 if a == axis else n for a, n in enumerate(s)] for s in (shape, index_shape)]
    wide = list(np.broadcast_shapes(*free))
    x = expand(input, (*wide[:axis], shape[axis], *wide[axis + 1 :]))
    places = expand(indices, (*wide[:axis], index_shape[axis], *wide[axis + 1 :]))
    return finish_same(_wrapped_gather(x, axis, places), out)


def _wrapped_gather(x, axis, places):
    """Negative places count from the end here, which gather itself refuses."""
    length = shape_of(x)[axis]
    return gather(x, axis, select(places < 0, places + length, places))


# --- scatter ------------------------------------------------------------------------------------


def _scatter_source(function, input, index, source):
    if isinstance(source, TensorBase):
        if type_of(source) is not type_of(input):
            raise RuntimeError(f"{function}(): Expected self.dtype to be equal to src.dtype")
        return source
    number = np.array(source).astype(element_type(input))
    return wrap(np.broadcast_to(number, tuple(shape_of(index))))


def _scattered(prim, function, input, dim, index, source, **params):
    """The primitive on operands checked as PyTorch checks them."""
    require_tensor(function, index, "index", 3)
    source = _scatter_source(function, input, index, source)
    axis = normalize_axis(dim, ndim_of(input))
    if not _has_places(index):
        return input.clone()
    index = _require_index(function, index)
    x, places, values = _vector(input), _vector(index), _vector(source)
    _check_ranks(x, places, "self")
    _check_ranks(values, places, "src")
    sizes = zip(shape_of(places), shape_of(x), shape_of(values), strict=True)
    if any((a != axis and n > m) or n > k for a, (n, m, k) in enumerate(sizes)):
        raise RuntimeError(
            f"Expected index {list(shape_of(index))} to be no larger than self "
            f"{list(shape_of(input))} apart from dimension {axis} and to be no larger size than "
            f"src {list(shape_of(source))}"
        )
    out = prim(x, places, values, axis=axis, **params)
    return out if ndim_of(input) else reshape(out, shape=())


@directly(direct.scatter)
def scatter(input, dim, index, src=None, *, value=None, reduce=None, out=None):
    """A copy of `input` with out[index[i][j]][j] = src[i][j] for dim 0, and so on."""
    source = value if src is None else src
    if isinstance(source, (int, float, complex)) and element_type(input).kind != "c":
        source = fitted(source, element_type(input)).item()
    if reduce is None:
        name = "ScatterBackward0" if isinstance(source, TensorBase) else "ScatterBackward1"
        result = _scattered(i.scatter, "scatter", input, dim, index, source)
        named(result, name, dim=dim)
        return finish_same(result, out)
    if reduce == "add":
        return finish_same(_scattered(i.scatter_add, "scatter", input, dim, index, source), out)
    if reduce == "multiply":
        return finish_same(_scattered(_multiplied, "scatter", input, dim, index, source), out)
    raise RuntimeError("reduce argument must be either add or multiply.")


def scatter_add(input, dim, index, src, *, out=None):
    """A copy of `input` with src[i][j] added at [index[i][j]][j] for dim 0, and so on."""
    return finish_same(_scattered(i.scatter_add, "scatter", input, dim, index, src), out)


@strict
@one_node("ScatterReduceBackward0")
def scatter_reduce(input, dim, index, src, reduce, *, include_self=True, out=None):
    """`src` combined into `input` at the indexed places: sum, mean, prod, amax or amin."""
    if reduce not in ("sum", "mean", "prod", "amax", "amin"):
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    start = input if include_self else _reset(input, dim, index, reduce)
    if reduce == "mean":
        result = _scattered_mean(start, dim, index, src, include_self)
    elif reduce == "sum":
        result = _scattered(i.scatter_add, "scatter", start, dim, index, src)
    elif reduce == "prod":
        result = _scattered(_multiplied, "scatter", start, dim, index, src)
    else:
        largest = reduce == "amax"
        result = _scattered(i.scatter_extreme, "scatter", start, dim, index, src, largest=largest)
    return finish_same(named(result, "ScatterReduceBackward0"), out)


def _reset(input, dim, index, reduce):
    """The input with the neutral element at the places written to."""
    fill = {"prod": 1, "amax": -math.inf, "amin": math.inf}.get(reduce, 0)
    if type_of(input).category < 2 and reduce in ("amax", "amin"):
        if element_type(input).kind == "b":
            return scatter(input, dim, index, value=reduce == "amin")
        info = np.iinfo(element_type(input))
        fill = info.min if reduce == "amax" else info.max
    return scatter(input, dim, index, value=fill)


def _scattered_mean(start, dim, index, src, include_self):
    total = _scattered(i.scatter_add, "scatter", start, dim, index, src)
    count = wrap(np.ones(tuple(shape_of(start)), element_type(start)))
    if not include_self:
        count = scatter(count, dim, index, value=0)
    ones = wrap(np.ones(tuple(shape_of(index)), element_type(start)))
    count = _scattered(i.scatter_add, "scatter", count, dim, index, ones)
    count = select(count == 0, count + 1, count)
    return total / count if type_of(start).category > 1 else total // count


def _multiplied(x, index, source, *, axis):
    """Products into places, a round for each repetition of a place: exact at zeros."""
    shape = tuple(shape_of(x))
    places = i.flat_places(concrete(index), shape, axis).reshape(-1)
    taken = source[tuple([slice(0, n) for n in shape_of(index)])]
    values = reshape(taken, shape=(places.size,))
    flat = reshape(x, shape=(math.prod(shape),))
    for chosen in _rounds(places):
        at = places[chosen]
        product = i.take(flat, at, dims=(0,)) * i.take(values, chosen, dims=(0,))
        flat = i.put(flat, product, at, dims=(0,))
    return reshape(flat, shape=shape)


def _rounds(places):
    """Positions of the first, second ... occurrence of each place."""
    order = np.argsort(places, kind="stable")
    ranked = places[order]
    fresh = np.concatenate(([True], ranked[1:] != ranked[:-1]))
    starts = np.flatnonzero(fresh)
    rank = np.arange(places.size) - np.repeat(starts, np.diff(np.append(starts, places.size)))
    return [order[rank == k] for k in range(int(rank.max(initial=-1)) + 1)]


# --- whole entries of an axis -------------------------------------------------------------------


def _selected(input, dim, index):
    """Of few places, for the fast path."""
    x, places = array(input), memory(index)
    if places.dtype is not I64 or places.ndim != 1 or not 0 < places.size <= _LISTED:
        return None
    axis, numbers = direct.axis_in(dim, x.ndim), places.tolist()
    if min(numbers) < 0 or max(numbers) >= x.shape[axis]:
        return None
    return x.take(places, axis)


I64, _LISTED = np.dtype(np.int64), 64  # so few numbers Python compares before NumPy has begun


@directly(_selected)
@one_node("IndexSelectBackward0")
def index_select(input, dim, index, *, out=None):
    """The entries of `dim` named by the vector `index`, in its order."""
    if ndim_of(require_tensor("index_select", index, "index", 3)) > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if element_type(index) not in (np.int64, np.int32):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    axis = normalize_axis(dim, ndim_of(input))
    check_apart(out, input, index)
    places = _vector(index)
    if not ndim_of(input) and shape_of(places)[0] != 1:
        raise RuntimeError(
            f"index_select(): Index to scalar can have only 1 value, got {shape_of(places)[0]} "
            "value(s)"
        )
    x = _vector(input)
    places = _refuse_outside(places, shape_of(x)[axis], "index out of range in self", IndexError)
    result = i.take(x, places, dims=(axis,))
    result = result if ndim_of(input) else reshape(result, shape=())
    message = "index_select(): self and result must have the same scalar type"
    return finish_same(named(result, "IndexSelectBackward0"), out, message=message)


def _refuse_outside(index, length, sentence, kind):
    """The places, which must lie in 0...length - 1; those of a batch are checked by the
    primitive."""
    values = index._value
    if values.dtype is None or not values.size:
        return not_from_the_end(index, length)
    if values.min() < 0 or values.max() >= length:
        bad = int(values[(values < 0) | (values >= length)].flat[0])
        raise kind(sentence.format(index=bad, length=length))
    return index


def not_from_the_end(index, length):
    """In a recorded program, where no value is known: negative places become one that is too
    large, which is found when the program runs."""
    if index._value.dtype is not None or LOCAL.tracer is None:
        return index
    return select(c.lt(index, 0), length, index)


_OUTSIDE = "index {index} is out of bounds for dimension %d with size {length}"


@one_node("IndexAddBackward0")
def index_add(input, dim, index, source, *, alpha=1, out=None):
    """A copy of `input` with alpha * source[k] added at entry index[k] of `dim`."""
    axis = normalize_axis(dim, ndim_of(input))
    _check_index_add(input, axis, index, source)
    x, places = _vector(input), _vector(index)
    line = ndim_of(input) == 1  # of which PyTorch's kernel speaks otherwise
    said = ("index out of range in self", IndexError) if line else (_OUTSIDE % axis, RuntimeError)
    places = _refuse_outside(places, shape_of(x)[axis], *said)
    scaled = source if alpha == 1 else source * alpha
    if not ndim_of(input):
        scaled = reshape(scaled, shape=(1,))
    added = i.put_add(scaled, places, dims=(axis,), shape=tuple(shape_of(x)))
    result = x + added
    result = result if ndim_of(input) else reshape(result, shape=())
    return finish_same(named(result, "IndexAddBackward0"), out)


def _check_index_add(input, axis, index, source):
    if ndim_of(index) > 1:
        raise IndexError(
            f"index_add_(): Index is supposed to be a vector, but got dim: {ndim_of(index)} with "
            f"type: {scalar_name(type_of(index))} and size: {list(shape_of(index))}"
        )
    if element_type(index) not in (np.int64, np.int32):
        raise RuntimeError(
            "index_add_(): Expected dtype int32/int64 for index but got: "
            f"{scalar_name(type_of(index))}"
        )
    if type_of(input) is not type_of(source):
        raise RuntimeError(
            f"index_add_(): self ({scalar_name(type_of(input))}) and source "
            f"({scalar_name(type_of(source))}) must have the same scalar type"
        )
    count = shape_of(source)[axis] if ndim_of(source) else 1
    if math.prod(shape_of(index)) != count:
        raise RuntimeError(
            f"index_add_(): Number of indices ({math.prod(shape_of(index))}) should be equal to "
            f"source.size(dim): ({count}), for dim: {axis}"
        )
    have, given = [[n for a, n in enumerate(shape_of(t)) if a != axis] for t in (input, source)]
    if have != given or ndim_of(input) != ndim_of(source):
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(shape_of(input))} source.shape = {list(shape_of(source))}"
        )


@one_node("IndexCopyBackward0")
def index_copy(input, dim, index, source, *, out=None):
    """A copy of `input` with entry index[k] of `dim` replaced by source[k]."""
    axis = normalize_axis(dim, ndim_of(input))
    _check_index_copy(input, axis, index, source)
    x, places = _vector(input), _vector(index)
    outside = "index_copy_(): " + _OUTSIDE % axis
    places = _refuse_outside(places, shape_of(x)[axis], outside, IndexError)
    part = source if ndim_of(source) or not ndim_of(input) else reshape(source, shape=(1,))
    result = in_order(i.put(x, part, places, dims=(axis,)))
    result = result if ndim_of(input) else reshape(result, shape=())
    return finish_same(named(result, "IndexCopyBackward0"), out)


def _check_index_copy(input, axis, index, source):
    if element_type(index) != np.int64:
        raise RuntimeError(
            "index_copy_(): Expected a long tensor for index, but got "
            f"{scalar_name(type_of(index))}"
        )
    if type_of(input) is not type_of(source):
        raise RuntimeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{scalar_name(type_of(input))} and (source) {scalar_name(type_of(source))}"
        )
    have, given = [[n for a, n in enumerate(shape_of(t)) if a != axis] for t in (input, source)]
    if ndim_of(source) and have != given:
        at = next(a for a, (n, m) in enumerate(zip(have, given, strict=False)) if n != m)
        raise RuntimeError(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination "
            f"slice shape: {' '.join(map(str, have))} at dimension {axis} and source slice shape: "
            f"{' '.join(map(str, given))} at dimension {at}."
        )
    count = shape_of(source)[axis] if ndim_of(source) else 1
    if math.prod(shape_of(index)) != count:
        raise IndexError(
            f"index_copy_(): Number of indices ({math.prod(shape_of(index))}) should be equal to "
            f"source.size(dim) ({count})"
        )


@one_node()
def index_fill(input, dim, index, value):
    """A copy of `input` with the entries index[k] of `dim` filled with `value`."""
    if element_type(index) != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    axis = normalize_axis(dim, ndim_of(input))
    if isinstance(value, TensorBase):
        if ndim_of(value):
            raise RuntimeError(
                "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{ndim_of(value)} dimension(s)."
            )
        fill = convert(value, type_of(input))
    else:
        if isinstance(value, complex) and not type_of(input).is_complex:
            raise RuntimeError(
                "index_fill_(): Converting complex Scalar to non-complex type is not supported"
            )
        fill = wrap(fitted(value, element_type(input)))
    places = _vector(index)
    if places._value.dtype is not None:  # a place counts once, however often it is named
        places = wrap(np.unique(places._array()))
    result = i.put(_vector(input), fill, places, dims=(axis,))
    result = result if ndim_of(input) else reshape(result, shape=())
    return named(result, "IndexFillBackward0")


# --- the flat tensor ----------------------------------------------------------------------------


def _flat(x):
    return reshape(x, shape=(math.prod(shape_of(x)),))


def _check_flat(function, input, index):
    if element_type(index) != np.int64:
        raise RuntimeError(
            f"{function}(): Expected a long tensor for index, but got {scalar_name(type_of(index))}"
        )
    count, values = math.prod(shape_of(input)), index._value
    if values.dtype is None or not values.size:
        return
    if values.min() < -count or values.max() >= count:
        bad = int(values[(values < -count) | (values >= count)].flat[0])
        raise IndexError(
            f"out of range: tried to access index {bad} on a tensor of {count} elements."
        )


@composite("TakeBackward0")
def take(input, index, *, out=None):
    """Elements of the flat input."""
    _check_flat("take", input, index)
    check_apart(out, input, index)
    if not math.prod(shape_of(input)) and math.prod(shape_of(index)):
        raise IndexError("take(): tried to take from an empty tensor")
    result = named(i.take(_flat(input), index, dims=(0,)), "TakeBackward0")
    return finish_same(result, out, message=_ANOTHER_TYPE)


_ANOTHER_TYPE = (
    "take(): self and out expected to have the same dtype, but got self.dtype = {want} and "
    "out.dtype = {have}"
)


@strict
@one_node("PutBackward0")
def put(input, index, source, accumulate=False):
    """A copy of `input` with source[k] at flat place index[k] (added there if `accumulate`)."""
    _check_flat("put_", input, index)
    if type_of(input) is not type_of(source):
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{scalar_name(type_of(input))} and source.dtype = {scalar_name(type_of(source))}"
        )
    places, values = _flat(index), _flat(source)
    if shape_of(places) != shape_of(values):
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {shape_of(values)[0]}, index.numel() = {shape_of(places)[0]}"
        )
    flat = _flat(input)
    if accumulate:
        flat = flat + i.put_add(values, places, dims=(0,), shape=tuple(shape_of(flat)))
    else:
        flat = i.put(flat, values, places, dims=(0,))
    result = laid_as(reshape(flat, shape=tuple(shape_of(input))), input)
    return named(result, "PutBackward0")
