"""torch.cat, stack, split, chunk, unbind ...: several tensors become one, and one several."""

import itertools
import math

import numpy as np

from ..base.errors import hinted, require_memory
from ..base.frames import warn_once
from ..base.size import checked_size, normalize_axis
from ..core.direct import directly
from ..core.handle import TensorBase, element_type, shape_of
from ..core.looks import looks
from ..core.modes import STATE
from ..core.retries import worded
from ..primitives import base
from ..primitives import structural as s
from ..primitives.indexing import take
from ..transforms.write_checks import check_apart
from . import arrangements as arranged
from . import direct
from .convert import (
    composite,
    convert,
    finish,
    fits_out,
    named,
    ndim_of,
    one_node,
    require_tensor,
    require_tensors,
    result_dtype,
    scalar_name,
    type_of,
)
from .flags import strict
from .shapes import expand, reshape, unsqueeze


@directly(direct.cat)
@one_node("CatBackward0")
def cat(tensors, dim=0, *, out=None):
    """The tensors one after another along `dim`; other lengths must agree.

    >>> import tidu as torch
    >>> torch.cat([torch.zeros(2), torch.ones(1)])
    tensor([0., 0., 1.])
    """
    tensors = _list_of("cat", tensors)
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    check_apart(out, *tensors)
    dtype = _joined_type(tensors, out)
    real = [t for t in tensors if tuple(shape_of(t)) != (0,)] or tensors
    if any(not shape_of(t) for t in tensors):
        at = next(i for i, t in enumerate(tensors) if not shape_of(t))
        raise RuntimeError(f"zero-dimensional tensor (at position {at}) cannot be concatenated")
    first = tuple(shape_of(real[0]))
    axis = normalize_axis(dim, len(first))
    for i, other in enumerate(real[1:], 1):
        _check_join(first, tuple(shape_of(other)), axis, i)
    length = sum([tuple(shape_of(t))[axis] for t in real])
    checked_size((*first[:axis], length, *first[axis + 1 :]))
    nothing = (*first[:axis], 0, *first[axis + 1 :])
    # Empty vectors join anything; they stay on the tape, with a gradient as empty as they are.
    parts = [reshape(t, nothing) if tuple(shape_of(t)) == (0,) else t for t in tensors]
    joined = s.concatenate(*[convert(t, dtype) for t in parts], axis=axis)
    return finish(joined, out)


concat = concatenate = cat


def _joined_type(tensors, out):
    dtype = result_dtype(*tensors)
    if not fits_out(dtype, out):
        raise TypeError(
            "torch.cat(): input types can't be cast to the desired output type "
            f"{scalar_name(type_of(out))}"
        )
    return dtype


def _list_of(function, tensors):
    if isinstance(tensors, TensorBase):
        raise TypeError(
            f"{function}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor"
        )
    tensors = list(tensors)
    for i, t in enumerate(tensors):
        if not isinstance(t, TensorBase):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}"
            )
    return tensors


def _check_join(first, other, axis, position):
    if len(first) != len(other):
        raise RuntimeError(
            f"Tensors must have same number of dimensions: got {len(first)} and {len(other)}"
        )
    for a, (n, m) in enumerate(zip(first, other, strict=True)):
        if a != axis and n != m:
            raise RuntimeError(
                hinted(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {n} "
                    "but "
                    f"got size {m} for tensor number {position} in the list.",
                    f"tensor 0 has shape {list(first)}, tensor {position} has shape {list(other)}.",
                )
            )


@directly(direct.stack)
@one_node("StackBackward0")
def stack(tensors, dim=0, *, out=None):
    """The tensors, all of one shape, along a new axis `dim`."""
    tensors = _list_of("stack", tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = tuple(shape_of(tensors[0]))
    for i, other in enumerate(tensors):
        if tuple(shape_of(other)) != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 "
                f"and {list(shape_of(other))} at entry {i}"
            )
    axis = normalize_axis(dim, len(first) + 1)
    dtype = _joined_type(tensors, out)
    parts = [convert(t, dtype) for t in tensors]
    if axis < len(first) and not STATE.listeners:
        # One after another along the axis, which is then cut into rows; but who follows samples
        # along that axis would see them mix.
        shape = (*first[:axis], len(parts), *first[axis:])
        joined = base.reshape(s.concatenate(*parts, axis=axis), shape=shape)
    else:
        parts = [base.reshape(t, shape=(*first[:axis], 1, *first[axis:])) for t in parts]
        joined = s.concatenate(*parts, axis=axis)
    return finish(named(joined, "StackBackward0"), out)


def narrow(input, dim, start, length):
    """`length` entries from `start` along `dim`, as a view."""
    shape = tuple(shape_of(input))
    axis = normalize_axis(dim, len(shape))
    if isinstance(start, TensorBase):
        if ndim_of(start) or element_type(start).kind not in "iu":
            raise RuntimeError("start must be an 0-dim integral Tensor.")
        start = int(start)
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -shape[axis] <= start <= shape[axis]:
        raise IndexError(
            f"start out of range (expected to be in range of [{-shape[axis]}, {shape[axis]}], but "
            "got "
            f"{start})"
        )
    start = start + shape[axis] if start < 0 else start
    if start + length > shape[axis]:
        raise RuntimeError(
            f"start ({start}) + length ({length}) exceeds dimension size ({shape[axis]})."
        )
    part = _span(input, axis, start, start + length)
    return named(part, "SliceBackward0", dim=dim, start=start, end=start + length)


def _span(input, axis, start, stop):
    return s.slice_(input, index=(slice(None),) * axis + (slice(start, stop),))


@looks(s.slice_, arranged.split)
def split(tensor, split_size_or_sections, dim=0):
    """Views along `dim`: each `split_size` long (the last may be shorter), or of given lengths."""
    shape = tuple(shape_of(require_tensor("split", tensor)))
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    axis = normalize_axis(dim, len(shape))
    size = split_size_or_sections
    if isinstance(size, (list, tuple)):
        if sum(size) != shape[axis] or min(size, default=0) < 0:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {shape[axis]} (input "
                f"tensor's size at dimension {axis}), but got split_sizes={list(size)}"
            )
        lengths = list(size)
    else:
        if not hasattr(size, "__index__"):
            raise TypeError(
                "split_with_sizes(): argument 'split_sizes' (position 2) must be tuple of ints, "
                f"not {type(size).__name__}"
            )
        if size < 0:
            raise RuntimeError(
                f"split expects split_size be non-negative, but got split_size={size}"
            )
        if size == 0 and shape[axis]:
            raise RuntimeError(
                "split_size can only be 0 if dimension size is 0, but got dimension size of "
                f"{shape[axis]}"
            )
        count = max(1, -(-shape[axis] // size)) if size else 1
        lengths = [min(size, shape[axis] - i * size) for i in range(count)]
    if not lengths:
        return ()
    parts = s.split(tensor, axis=axis, lengths=tuple(lengths))
    listed = size.__class__ is not int
    named(parts[0], "SplitWithSizesBackward0" if listed else "SplitBackward0", dim=dim)
    return _made_together(parts)


def _made_together(views):
    """Several views from one operation, to which PyTorch refuses to write while it records."""
    for i, view in enumerate(views):
        if view._view is not None:
            view._view.part = i
    return tuple(views)


split_with_sizes = split


@looks(s.slice_, arranged.chunked)
def chunk(input, chunks, dim=0):
    """About `chunks` views of equal length along `dim` (fewer if it does not divide)."""
    if not ndim_of(input):
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    length = shape_of(input)[normalize_axis(dim, ndim_of(input))]
    return split(input, max(1, -(-length // chunks)), dim)


def tensor_split(input, indices_or_sections, dim=0):
    """Views along `dim`: a number of nearly equal parts, or split at indices."""
    if not ndim_of(input):
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    length = shape_of(input)[normalize_axis(dim, ndim_of(input))]
    if isinstance(indices_or_sections, TensorBase):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        n = indices_or_sections
        if n <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {n}")
        small, extra = divmod(length, n)
        cuts = [i * small + min(i, extra) for i in range(1, n)]
    else:
        cuts = list(indices_or_sections)
    axis = normalize_axis(dim, ndim_of(input))
    edges = [0, *cuts, length]
    return tuple(
        [_span(input, axis, *slice(a, b).indices(length)[:2]) for a, b in itertools.pairwise(edges)]
    )


@looks(s.slice_, arranged.unbound)
def unbind(input, dim=0):
    """The slices along `dim`, each a view without that axis."""
    shape = tuple(shape_of(input))
    if not shape:
        normalize_axis(dim, 0)
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    axis = normalize_axis(dim, len(shape))
    if not shape[axis]:
        return ()
    parts = s.unbind(input, axis=axis, count=shape[axis])
    named(parts[0], "UnbindBackward0", dim=dim)
    return _made_together(parts)


def _stacked(function, axis, lift):
    def join(tensors, *, out=None):
        if not _list_of(function, tensors):
            raise RuntimeError(f"{function} expects a non-empty TensorList")
        return cat([lift(t) for t in tensors], axis, out=out)

    join.__name__ = join.__qualname__ = function
    join.__doc__ = f"torch.{function}: the tensors joined as {function} does in NumPy."
    return worded(join)


@worded
def atleast_1d(*tensors):
    return _each(tensors, lambda x: x if ndim_of(x) else reshape(x, (1,)))


@worded
def atleast_2d(*tensors):
    return _each(tensors, lambda x: x if ndim_of(x) > 1 else unsqueeze(atleast_1d(x), 0))


@worded
def atleast_3d(*tensors):
    return _each(tensors, lambda x: x if ndim_of(x) > 2 else unsqueeze(atleast_2d(x), -1))


def _each(tensors, function):
    if len(tensors) == 1 and isinstance(tensors[0], TensorBase):
        return function(tensors[0])
    items = tensors[0] if len(tensors) == 1 else tensors
    return tuple([function(x) for x in items])


vstack = row_stack = _stacked("vstack", 0, atleast_2d)
dstack = _stacked("dstack", 2, atleast_3d)
column_stack = _stacked("column_stack", 1, lambda x: x if ndim_of(x) > 1 else reshape(x, (-1, 1)))


@worded
def hstack(tensors, *, out=None):
    """The tensors side by side: along axis 1, or axis 0 for vectors."""
    if not _list_of("hstack", tensors):
        raise RuntimeError("hstack expects a non-empty TensorList")
    parts = [atleast_1d(x) for x in tensors]
    return cat(parts, 0 if ndim_of(parts[0]) == 1 else 1, out=out)


def _split_along(function, axis_of, least):
    def split_along(input, indices_or_sections):
        rank = ndim_of(input)
        if rank < least:
            raise RuntimeError(
                f"torch.{function} requires a tensor with at least {least} dimension"
                f"{'s' * (least > 1)}, but got a tensor with {rank} dimensions!"
            )
        sections, axis = indices_or_sections, axis_of(rank)
        if isinstance(sections, int) and (sections <= 0 or shape_of(input)[axis] % sections):
            raise RuntimeError(
                f"torch.{function} attempted to split along dimension {axis}, but the size of the "
                f"dimension {shape_of(input)[axis]} is not divisible by the split_size {sections}!"
            )
        return tensor_split(input, sections, axis)

    split_along.__name__ = split_along.__qualname__ = function
    split_along.__doc__ = f"torch.{function}: parts of equal size, or split at indices."
    return worded(split_along)


hsplit = _split_along("hsplit", lambda rank: 0 if rank == 1 else 1, 1)
vsplit = _split_along("vsplit", lambda rank: 0, 2)
dsplit = _split_along("dsplit", lambda rank: 2, 3)


# --- products of sets ---------------------------------------------------------------------------


@worded
def meshgrid(*tensors, indexing=None):
    """Grids of coordinates: one tensor for each vector, all of the shape of their product.

    >>> import tidu as torch
    >>> x, y = torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")
    >>> y.shape
    torch.Size([2, 3])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    require_tensors(tensors)
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if any(type_of(x) is not type_of(tensors[0]) for x in tensors):
        raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    if any(ndim_of(x) > 1 for x in tensors):
        raise RuntimeError(
            "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: "
            + " ".join([f" {shape_of(x)[0] if ndim_of(x) else 1}" for x in tensors])
        )
    if indexing is None:
        warn_once(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            'argument. Write indexing="ij" for what is done now.'
        )
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            'torch.meshgrid: indexing must be one of "xy" or "ij", but received: ' + str(indexing)
        )
    swap = indexing == "xy" and len(tensors) > 1
    order = (tensors[1], tensors[0], *tensors[2:]) if swap else tensors
    shape = tuple([math.prod(shape_of(x)) for x in order])
    grids = [
        expand(reshape(x, (-1,) + (1,) * (len(shape) - 1 - k)), shape) for k, x in enumerate(order)
    ]
    return tuple([grids[1], grids[0], *grids[2:]] if swap else grids)


@worded
def cartesian_prod(*tensors):
    """All choices of one element from each vector, one a row."""
    for x in tensors:
        if ndim_of(x) != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(shape_of(x))}")
    if len(tensors) == 1:
        return tensors[0]
    return stack([reshape(g, (-1,)) for g in meshgrid(*tensors, indexing="ij")], 1)


@strict
def combinations(input, r=2, with_replacement=False):
    """All choices of r elements of a vector, one a row."""
    if ndim_of(input) != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(shape_of(input))}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    if not r:  # PyTorch's answer: no row of nothing
        return input[:0]
    n = shape_of(input)[0]
    count = math.comb(n + r - 1, r) if with_replacement and n else math.comb(n, r)
    require_memory((count, r), np.int64)
    rows = list(choose(range(n), r))
    index = np.array(rows, np.int64).reshape(len(rows), r)
    return take(input, index, dims=(0,))


@composite("BlockDiagBackward0")
def block_diag(*tensors):
    """The matrices along the diagonal of one large matrix of zeros."""
    require_tensors(tensors)
    for k, x in enumerate(tensors):
        if ndim_of(x) > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. "
                f"Input {k} has {ndim_of(x)} dimensions"
            )
    parts = [atleast_2d(x) for x in tensors]
    dtype = result_dtype(*parts)
    rows, columns = [sum([shape_of(x)[k] for x in parts]) for k in (0, 1)]
    total, top, left = None, 0, 0
    for x in parts:
        n, m = tuple(shape_of(x))
        index = (slice(top, top + n), slice(left, left + m))
        placed = s.embed(convert(x, dtype), index=index, shape=(rows, columns))
        total = placed if total is None else total + placed
        top, left = top + n, left + m
    return total
