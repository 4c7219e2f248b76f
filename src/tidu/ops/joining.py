"""torch.cat, stack, split, chunk, unbind ...: several tensors become one, and one several."""

from ..core.handle import TensorBase, shape_of
from ..errors import hinted
from ..primitives import base
from ..primitives import structural as s
from ..size import normalize_axis
from .convert import convert, finish, named, ndim_of, require_tensor, result_dtype
from .shapes import reshape, unsqueeze


def cat(tensors, dim=0, *, out=None):
    """The tensors one after another along `dim`; other lengths must agree.

    >>> import tidu as torch
    >>> torch.cat([torch.zeros(2), torch.ones(1)])
    tensor([0., 0., 1.])
    """
    tensors = _list_of("cat", tensors)
    if not tensors:
        raise RuntimeError("torch.cat(): expected a non-empty list of Tensors")
    dtype = result_dtype(*[t if shape_of(t) else t for t in tensors])
    real = [t for t in tensors if tuple(shape_of(t)) != (0,)] or tensors[:1]
    if any(not shape_of(t) for t in tensors):
        at = next(i for i, t in enumerate(tensors) if not shape_of(t))
        raise RuntimeError(f"zero-dimensional tensor (at position {at}) cannot be concatenated")
    first = tuple(shape_of(real[0]))
    axis = normalize_axis(dim, len(first))
    for i, other in enumerate(real[1:], 1):
        _check_join(first, tuple(shape_of(other)), axis, i)
    joined = s.concatenate(*[convert(t, dtype) for t in real], axis=axis)
    return finish(joined, out)


concat = concatenate = cat


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
            raise RuntimeError(hinted(
                f"Sizes of tensors must match except in dimension {axis}. Expected size {n} but "
                f"got size {m} for tensor number {position} in the list.",
                f"tensor 0 has shape {list(first)}, tensor {position} has shape {list(other)}.",
            ))


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
    dtype = result_dtype(*tensors)
    rows = (*first[:axis], 1, *first[axis:])
    parts = [base.reshape(convert(t, dtype), shape=rows) for t in tensors]
    return finish(named(s.concatenate(*parts, axis=axis), "StackBackward0"), out)


def narrow(input, dim, start, length):
    """`length` entries from `start` along `dim`, as a view."""
    shape = tuple(shape_of(input))
    axis = normalize_axis(dim, len(shape))
    start = int(start)
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -shape[axis] <= start <= shape[axis]:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-shape[axis]}, {shape[axis]}], "
            f"but got {start})"
        )
    start = start + shape[axis] if start < 0 else start
    if start + length > shape[axis]:
        raise RuntimeError(
            f"start ({start}) + length ({length}) exceeds dimension size ({shape[axis]})."
        )
    return _span(input, axis, start, start + length)


def _span(input, axis, start, stop):
    return s.slice_(input, index=(slice(None),) * axis + (slice(start, stop),))


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
        if size < 0 or (size == 0 and shape[axis]):
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
        count = max(1, -(-shape[axis] // size)) if size else 1
        lengths = [min(size, shape[axis] - i * size) for i in range(count)]
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    return tuple([
        named(_span(tensor, axis, a, a + n), "SplitBackward0")
        for a, n in zip(starts, lengths, strict=True)
    ])


split_with_sizes = split


def chunk(input, chunks, dim=0):
    """About `chunks` views of equal length along `dim` (fewer if it does not divide)."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    length = shape_of(input)[normalize_axis(dim, ndim_of(input))]
    return split(input, max(1, -(-length // chunks)), dim)


def tensor_split(input, indices_or_sections, dim=0):
    """Views along `dim`: a number of nearly equal parts, or split at indices."""
    length = shape_of(input)[normalize_axis(dim, ndim_of(input))]
    if isinstance(indices_or_sections, TensorBase):
        indices_or_sections = indices_or_sections._value.tolist()
    if isinstance(indices_or_sections, int):
        n = indices_or_sections
        small, extra = divmod(length, n)
        cuts = [i * small + min(i, extra) for i in range(1, n)]
    else:
        cuts = list(indices_or_sections)
    axis = normalize_axis(dim, ndim_of(input))
    edges = [0, *cuts, length]
    return tuple([
        _span(input, axis, *slice(a, b).indices(length)[:2]) for a, b in zip(edges, edges[1:], strict=False)
    ])


def unbind(input, dim=0):
    """The slices along `dim`, each a view without that axis."""
    shape = tuple(shape_of(input))
    if not shape:
        raise RuntimeError("Dimension specified as 0 but tensor has no dimensions")
    axis = normalize_axis(dim, len(shape))
    lead = (slice(None),) * axis
    return tuple([
        named(s.slice_(input, index=(*lead, i, ...)), "UnbindBackward0") for i in range(shape[axis])
    ])


def _stacked(function, axis, lift):
    def join(tensors, *, out=None):
        return cat([lift(t) for t in tensors], axis, out=out)

    join.__name__ = join.__qualname__ = function
    join.__doc__ = f"torch.{function}: the tensors joined as {function} does in NumPy."
    return join


def atleast_1d(*tensors):
    return _each(tensors, lambda x: x if ndim_of(x) else reshape(x, (1,)))


def atleast_2d(*tensors):
    return _each(tensors, lambda x: x if ndim_of(x) > 1 else unsqueeze(atleast_1d(x), 0))


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


def hstack(tensors, *, out=None):
    """The tensors side by side: along axis 1, or axis 0 for vectors."""
    parts = [atleast_1d(x) for x in tensors]
    return cat(parts, 0 if ndim_of(parts[0]) == 1 else 1, out=out)


