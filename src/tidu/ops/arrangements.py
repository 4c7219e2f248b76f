"""What the fast path of views (`core/looks.py`) knows of each: the plain cases, without messages.

Every function is (array, the user's arguments) -> (view, parameters of the primitive, name of the
node or None), or None for the general function, which also says what is wrong.
"""

from functools import lru_cache
from math import prod

from numpy import ndarray

from ..base.size import WIDEST
from ..primitives.base import strided

__all__ = ["chunked", "expanded", "flattened", "indexed", "permuted", "reshaped", "split",
           "squeezed", "transposed", "turned", "unbound", "unsqueezed"]  # fmt: skip


def reshaped(value, *shape):
    """reshape and view of elements that lie in order, which need no copy."""
    if len(shape) == 1 and shape[0].__class__ is not int:
        (shape,) = shape
        if not isinstance(shape, (tuple, list)):
            return None
    for n in shape:
        if n.__class__ is not int or n < -1:
            return None
    if not value.flags.c_contiguous or not value.size:
        return None
    out = value.reshape(shape)
    return out, {"shape": out.shape}, None


def flattened(value, start_dim=0, end_dim=-1):
    rank = value.ndim
    if start_dim.__class__ is not int or end_dim.__class__ is not int or rank < 2:
        return None
    first = start_dim + rank if start_dim < 0 else start_dim
    last = end_dim + rank if end_dim < 0 else end_dim
    if not 0 <= first < last < rank or not value.flags.c_contiguous:
        return None
    have = value.shape
    shape = (*have[:first], prod(have[first : last + 1]), *have[last + 1 :])
    return value.reshape(shape), {"shape": shape}, None


def unsqueezed(value, dim):
    shape = value.shape
    rank = len(shape) + 1
    if dim.__class__ is not int or not -rank <= dim < rank:
        return None
    axis = dim + rank if dim < 0 else dim
    shape = (*shape[:axis], 1, *shape[axis:])
    return value.reshape(shape), {"shape": shape}, "UnsqueezeBackward0"


def squeezed(value, dim=None):
    shape = value.shape
    if dim is None:
        kept = tuple([n for n in shape if n != 1])
        return value.reshape(kept), {"shape": kept}, "SqueezeBackward0"
    rank = len(shape)
    if dim.__class__ is not int or not -rank <= dim < rank:
        return None
    axis = dim + rank if dim < 0 else dim
    kept = (*shape[:axis], *shape[axis + 1 :]) if shape[axis] == 1 else shape
    return value.reshape(kept), {"shape": kept}, "SqueezeBackward1"


def permuted(value, *dims):
    if len(dims) == 1 and dims[0].__class__ is not int:
        (dims,) = dims
    axes = _axes(value.ndim, *dims)
    return value.transpose(axes), {"axes": axes}, None


@lru_cache(256, typed=True)
def _axes(rank, *dims):
    """The axes that are named, counted from the front; an error (which is not remembered, so that
    no tensor is) if they are not all axes."""
    axes = []
    for d in dims:
        if d.__class__ is not int or not -rank <= d < rank:
            raise IndexError
        axes.append(d + rank if d < 0 else d)
    if len(axes) != rank or len(set(axes)) != rank:
        raise IndexError
    return tuple(axes)


def transposed(value, dim0, dim1):
    axes = _exchanged(value.ndim, dim0, dim1)
    return value.transpose(axes), {"axes": axes}, "TransposeBackward0"


@lru_cache(256, typed=True)
def _exchanged(rank, dim0, dim1):
    if dim0.__class__ is not int or dim1.__class__ is not int:
        raise IndexError
    if not -rank <= dim0 < rank or not -rank <= dim1 < rank:
        raise IndexError
    order = list(range(rank))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return tuple(order)


_TURNED = [(), (0,), (1, 0)]


def turned(value):
    """The transpose of a matrix."""
    axes = _TURNED[value.ndim]
    return value.transpose(axes), {"axes": axes}, "TBackward0"


def indexed(value, index):
    """x[index] by ints, slices, None and Ellipsis."""
    kind = index.__class__
    if kind is int:
        return value[(index, ...)], {"index": (index, ...)}, "SelectBackward0"
    if kind is slice:
        if not _plain(index):
            return None
        items = (index, ...)
        return value[items], {"index": items}, "SliceBackward0"
    if kind is not tuple:
        return None
    for item in index:
        kind = item.__class__
        if kind is slice:
            if item != _ALL and not _plain(item):
                return None
        elif kind is not int and item is not None:
            return None if item is not Ellipsis else _spread(value, index)
    items = (*index, ...)
    return value[items], {"index": items}, index_name(index, value.shape)


def index_name(items, shape):
    """The node of x[items]: the last step, one item after the other, whole slices for nothing."""
    name, axis = "AliasBackward0", 0
    for item in items:
        if item.__class__ is int:
            name, axis = "SelectBackward0", axis + 1
        elif item is None:
            name = "UnsqueezeBackward0"
        elif item is not Ellipsis:
            if item != _ALL and item.indices(shape[axis]) != (0, shape[axis], 1):
                name = "SliceBackward0"
            axis += 1
    return name


_ALL = slice(None)


def _plain(item):
    """Whether a slice has ints and counts forward, and is not all of an axis."""
    start, stop, step = item.start, item.stop, item.step
    return (
        (start is None or start.__class__ is int)
        and (stop is None or stop.__class__ is int)
        and (step is None or (step.__class__ is int and 0 < step < WIDEST))
        and not (start is None and stop is None and step is None)
    )


def _spread(value, index):
    """x[index] with one Ellipsis, which becomes as many whole axes."""
    if len([1 for item in index if item is Ellipsis]) != 1:
        return None
    axes = len([1 for item in index if item is not None]) - 1
    at = index.index(Ellipsis)
    whole = (_ALL,) * (value.ndim - axes)
    return indexed(value, (*index[:at], *whole, *index[at + 1 :]))


def expanded(value, *sizes):
    if len(sizes) == 1 and sizes[0].__class__ is not int:
        (sizes,) = sizes
    full, extra, again = _expansion(value.shape, *sizes)
    steps = value.strides
    if extra or again:
        steps = [0] * extra + [0 if n in again else s for n, s in enumerate(steps)]
    if value.flags.c_contiguous:  # the answer stays inside of it: no need to look for the owner
        out = ndarray(full, value.dtype, value, 0, steps)
    else:
        out = strided(value, full, tuple(steps))
    return out, {"shape": full}, None


@lru_cache(256, typed=True)
def _expansion(shape, *sizes):
    """(the whole size, how many axes are new, which of the others are repeated)."""
    full, extra = [], len(sizes) - len(shape)
    if extra < 0:
        raise ValueError
    for n, have in zip(sizes, (1,) * extra + shape, strict=True):
        if n.__class__ is not int or n < 0:
            if n.__class__ is not int or n != -1 or len(full) < extra:
                raise ValueError
            n = have
        elif have not in (1, n):
            raise ValueError
        full.append(n)
    if prod(full) >= _MANY:
        raise ValueError
    again = [k for k, have in enumerate(shape) if have != full[extra + k]]
    return tuple(full), extra, frozenset(again)


_MANY = 1 << 40  # elements; the general function knows how many there can be


# --- several views: the index of each, or None --------------------------------------------------


def split(value, size, dim=0):
    rank = value.ndim
    if dim.__class__ is not int or not -rank <= dim < rank or size.__class__ is not int:
        return None
    axis = dim + rank if dim < 0 else dim
    n, lead = value.shape[axis], (_ALL,) * axis
    if size <= 0 or not n:
        return None
    return [(*lead, slice(i, min(i + size, n))) for i in range(0, n, size)]


def chunked(value, chunks, dim=0):
    if chunks.__class__ is not int or chunks <= 0 or dim.__class__ is not int or not value.ndim:
        return None
    return split(value, max(1, -(-value.shape[dim] // chunks)), dim)


def unbound(value, dim=0):
    rank = value.ndim
    if dim.__class__ is not int or not -rank <= dim < rank:
        return None
    axis = dim + rank if dim < 0 else dim
    lead = (_ALL,) * axis
    return [(*lead, i, ...) for i in range(value.shape[axis])]
