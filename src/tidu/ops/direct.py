"""What the fast path (`core/direct.py`) knows of each operation: the plain cases, without messages.

Every function takes the user's arguments and gives the array of the result, computed as its
primitive computes it, or None for the general function.
"""

import math
from functools import lru_cache

import numpy as np

from ..base.dtypes import DEFAULT, KEPT
from ..core.blocks import LOOP_FROM, SHARED, copy, join, large, put, take
from ..core.direct import array, memory, recorded, tracked
from ..core.handle import edge_of
from ..core.modes import LOCAL, STATE
from ..core.native import NATIVE, SUM_FROM
from ..primitives import arithmetic as p
from ..primitives import indexing as i
from ..primitives import network as rows
from ..primitives import reductions as r
from ..primitives.contraction import matmul
from ..primitives.products import product
from ..primitives.ranks import ordered_along
from .convert import showing

F32, F64, I64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)
BOOL = np.dtype(bool)
FLOATS = (F32, F64)
_ALL = [tuple(range(n)) for n in range(65)]


def axis_in(dim, rank):
    """`dim` counted from the front; an IndexError if there is none."""
    if dim.__class__ is not int or not -rank <= dim < rank:
        raise IndexError
    return dim + rank if dim < 0 else dim


# --- joins --------------------------------------------------------------------------------------


def _alike(tensors):
    """The arrays of a list of tensors, in order in memory and of one type; else None."""
    if tensors.__class__ is not list and tensors.__class__ is not tuple:
        return None
    arrays, kind = [], None
    recording = not STATE.special or LOCAL.grad
    for t in tensors:  # as `array`, without its frame
        a = t._value
        if a.__class__ is not np.ndarray or (t._node is not None and recording):
            return None
        if a.dtype is not kind:
            if kind is not None or (KEPT and a.dtype in KEPT):
                return None
            kind = a.dtype
        if not a.flags.c_contiguous or a.shape == (0,):
            return None
        arrays.append(a)
    return arrays or None


def cat(tensors, dim=0):
    arrays = _alike(tensors)
    return None if arrays is None else join(arrays, axis_in(dim, arrays[0].ndim))


def clone(input):
    x = array(input)
    if x is not None:
        return copy(x) if x.flags.c_contiguous else None
    one = input._value  # of no axes, perhaps
    return one.copy() if isinstance(one, np.generic) and input._node is None else None


def stack(tensors, dim=0):
    arrays = _alike(tensors)
    if arrays is None:
        return None
    shape = arrays[0].shape
    for a in arrays:
        if a.shape != shape:
            return None
    axis = axis_in(dim, len(shape) + 1)
    if not axis and shape:
        return join(arrays, 0).reshape(len(arrays), *shape)
    rows = (*shape[:axis], 1, *shape[axis:])
    return join([a.reshape(rows) for a in arrays], axis)


def repeat(input, *sizes):
    """Each element once for every copy: an axis for the copies stands before each of its own."""
    x = array(input)
    if len(sizes) == 1 and sizes[0].__class__ is not int:
        (sizes,) = sizes
    shape = (1,) * (len(sizes) - x.ndim) + x.shape
    if len(sizes) != len(shape) or not shape:
        return None
    inner, spread, final = [], [], []
    for copies, n in zip(sizes, shape, strict=True):
        if copies.__class__ is not int or not 0 <= copies < _MANY:
            return None
        inner += (1, n)
        spread += (copies, n)
        final.append(copies * n)
    if math.prod(final) >= _MANY:
        return None
    out = np.empty(spread, x.dtype)
    if out.size < SHARED:
        out[...] = x.reshape(inner)
    else:
        put(out, np.broadcast_to(x.reshape(inner), spread))
    return out.reshape(final)


_MANY = 1 << 40  # elements; the general function knows how many there can be


# --- from nothing -------------------------------------------------------------------------------


def _is_sure(number):
    """Whether a value is a Python number that surely fits 64 bits."""
    kind = number.__class__
    return kind is float or (kind is int and -(1 << 53) < number < 1 << 53)


def arange(start, end=None, step=1):
    if end is None:
        start, end = 0, start
    for n in (start, end, step):
        if n.__class__ is not int or not _is_sure(n):
            return None
    return np.arange(start, end, step, I64) if step > 0 and end >= start else None


def linspace(start, end, steps):
    """As `creation._spaced`, each half for itself."""
    to = DEFAULT.numpy
    if to not in FLOATS or steps.__class__ is not int or not 2 <= steps < SUM_FROM:
        return None
    for n in (start, end):
        if not _is_sure(n):
            return None
    out, half = np.empty(steps, to), steps // 2
    if NATIVE.usable and NATIVE.spaced(out, start, end) is not None:  # only if it is there already
        return out
    kind, wide = (np.float32, np.float64) if to is F32 else (np.float64, np.longdouble)
    first, last = kind(start), kind(end)
    step = wide((last - first) / kind(steps - 1))
    index = np.arange(steps - half, dtype=wide)
    index *= step
    out[:half] = index[:half] + wide(first)
    out[: half - 1 : -1] = wide(last) - index
    return out


# --- elementwise --------------------------------------------------------------------------------


def clamp(input, min=None, max=None):
    x = array(input)
    if x.dtype not in FLOATS or (min is None and max is None):
        return None
    for bound in (min, max):
        if bound is not None and not _is_sure(bound):
            return None
    if x.size >= LOOP_FROM:
        return large(p.clamp, x, low=min, high=max)
    return p.clamp.eval(x, low=min, high=max)


def where(condition, input, other):
    chosen, x, y = memory(condition), array(input), array(other)
    if chosen.dtype.kind != "b" or x.dtype is not y.dtype or x.size >= SUM_FROM:
        return None
    return p.select.eval(chosen, x, y)


def masked_fill(input, mask, value):
    """With a number that is one of either type of floats."""
    x, chosen = array(input), memory(mask)
    if x.dtype not in FLOATS or chosen.dtype is not BOOL or not x.flags.c_contiguous:
        return None
    if (
        x.size >= SUM_FROM
        or not _is_sure(value)
        or not (abs(value) < 1e30 or abs(value) == math.inf)
    ):
        return None
    return p.select.eval(chosen, x.dtype.type(value), x)


def sort(input, dim=-1, descending=False, stable=False):
    """(values, indices)"""
    x = _in_order(input, "fiub")
    return by_rank(x, axis_in(dim, x.ndim), descending, "stable" if stable else "sort")


def argsort(input, dim=-1, descending=False, stable=False):
    x = _in_order(input, "fiub")
    how = "stable" if stable else "sort"
    return i.argsort.eval(x, axis=axis_in(dim, x.ndim), descending=descending, how=how)


def topk(input, k, dim=-1, largest=True, sorted=True):
    """(values, indices)"""
    x = _in_order(input, "fiu")
    axis = axis_in(dim, x.ndim)
    if k.__class__ is not int or not 0 <= k <= x.shape[axis]:
        return None
    return by_rank(x, axis, largest, "topk" if sorted else "topk unsorted", (0, k))


def kthvalue(input, k, dim=-1, keepdim=False):
    """(value, index) of each row, as the two after it."""
    x = _in_order(input, "fiu")
    axis = axis_in(dim, x.ndim)
    if k.__class__ is not int or not 1 <= k <= x.shape[axis]:
        return None
    return _one_of_each(x, axis, keepdim, "kthvalue", k - 1)


def median(input, dim=None, keepdim=False):
    """Of all elements one array."""
    x = _in_order(input, "fiu")
    if dim is None:
        return _one_of_all(x, keepdim, "middle", (x.size - 1) // 2)
    axis = axis_in(dim, x.ndim)
    return _one_of_each(x, axis, keepdim, "middle", (x.shape[axis] - 1) // 2)


def nanmedian(input, dim=None, keepdim=False):
    x = _in_order(input, "fiu")
    if dim is None:
        if not NATIVE and x.size and keepdim is False:
            return r.nanmedian.eval(x, axes=_ALL[x.ndim], keepdims=False)
        return _one_of_all(x, keepdim, "middle number", 0)
    return _one_of_each(x, axis_in(dim, x.ndim), keepdim, "middle number", 0)


def mode(input, dim=-1, keepdim=False):
    x = _in_order(input, "fiub")
    return _one_of_each(x, axis_in(dim, x.ndim), keepdim, "mode", 0)


def _in_order(input, kinds):
    """The array of a plain tensor that lies in order and is of one of these kinds; else None."""
    x = array(input)
    return x if x.dtype.kind in kinds and x.flags.c_contiguous else None


def by_rank(x, axis, descending, how, part=None):
    if descending.__class__ is not bool:
        return None
    values, places = ordered_along(x, axis, descending, how, part)
    if values is None:
        values = x.take(places) if x.ndim == 1 else np.take_along_axis(x, places, axis)
    return values, places


def _one_of_all(x, keepdim, how, rank):
    if not x.size or keepdim is not False or not NATIVE:
        return None
    row = x if x.ndim == 1 else x.reshape(-1)
    values, places = ordered_along(row, 0, False, how, (rank, rank + 1))
    return (row.take(places) if values is None else values).reshape(())


def _one_of_each(x, axis, keepdim, how, rank):
    if not x.shape[axis] or keepdim.__class__ is not bool:
        return None
    values, places = by_rank(x, axis, False, how, (rank, rank + 1))
    if keepdim:
        return values, places
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    return values.reshape(shape), places.reshape(shape)


def softmax(input, dim, dtype=None):
    return _of_rows(rows.softmax, array(input), dim, dtype)


def log_softmax(input, dim, dtype=None):
    return _of_rows(rows.log_softmax, array(input), dim, dtype)


def _of_rows(prim, x, dim, dtype):
    if x is None or dtype is not None or x.dtype not in FLOATS or not x.ndim:
        return None
    return prim.eval(x, axis=axis_in(dim, x.ndim))


def recorded_softmax(input, dim, dtype=None):
    return recorded_rows(rows.softmax, "SoftmaxBackward0", input, dim, dtype)


def recorded_log_softmax(input, dim, dtype=None):
    return recorded_rows(rows.log_softmax, "LogSoftmaxBackward0", input, dim, dtype)


def recorded_rows(prim, name, input, dim, dtype):
    x = tracked(input)
    if x is None or dtype is not None or not x.ndim:
        return None
    axis = axis_in(dim, x.ndim)
    out = prim.eval(x, axis=axis)
    return showing(recorded(prim, edge_of(input), (x,), {"axis": axis}, out), name, dim=dim)


def remainder(input, other):
    """Of integers or floats by a number other than 0."""
    x = memory(input) if other.__class__ is int else array(input)
    if x.dtype is I64 and other.__class__ is int and other:
        return np.remainder(x, other)
    if x.dtype in FLOATS and _is_sure(other) and other:
        return p.remainder.eval(array(input), x.dtype.type(other))
    return None


def triu(input, diagonal=0):
    return _triangle(array(input), diagonal, True)


def tril(input, diagonal=0):
    return _triangle(array(input), diagonal, False)


def _triangle(x, diagonal, upper):
    if x.dtype not in FLOATS or x.ndim != 2:
        return None
    diagonal = diagonal.__index__()
    if x.size <= _MASKED:
        out = np.zeros(x.shape, x.dtype)
        np.copyto(out, x, where=triangle_of(*x.shape, diagonal, upper))
        return out
    out = x.copy()
    for start in range(0, len(x), _STRIP):
        _cut_strip(out[start : start + _STRIP], diagonal + start + (not upper), upper)
    return out


# Masks are remembered up to this size; larger matrices are cut in strips of rows.
_MASKED, _STRIP = 1 << 17, 64


def _cut_strip(part, diagonal, upper):
    """Zeros in place before the diagonal (upper), or from it on."""
    rows, columns = part.shape
    first, last = [min(max(c, 0), columns) for c in (diagonal, diagonal + rows - 1)]
    corner = part[:, first:last]
    after = triangle_of(rows, last - first, diagonal - first, True)
    if upper:
        part[:, :first] = 0
        np.copyto(corner, 0, where=~after)
    else:
        part[:, last:] = 0
        np.copyto(corner, 0, where=after)


def triangle_of(rows, columns, diagonal, upper):
    """Where a matrix has its upper triangle, from this diagonal on, or its lower one."""
    if rows * columns > _MASKED:
        return _triangle_of(rows, columns, diagonal, upper)
    return _remembered(rows, columns, diagonal, upper)


def _triangle_of(rows, columns, diagonal, upper):
    below = np.tri(rows, columns, diagonal - upper, dtype=bool)
    found = np.logical_not(below, out=below) if upper else below
    found.flags.writeable = False  # it may be remembered
    return found


_remembered = lru_cache(16)(_triangle_of)


# --- reductions and scans -----------------------------------------------------------------------


def argmax(input, dim=None, keepdim=False):
    return _arg_extreme(memory(input), dim, keepdim, np.ndarray.argmax)


def argmin(input, dim=None, keepdim=False):
    return _arg_extreme(memory(input), dim, keepdim, np.ndarray.argmin)


def _arg_extreme(x, dim, keepdim, find):
    if (x.dtype not in FLOATS and x.dtype is not I64) or not x.size or not x.ndim or keepdim:
        return None
    return find(x) if dim is None else find(x, axis_in(dim, x.ndim))


def cumsum(input, dim):
    x = array(input)
    if x.dtype not in FLOATS and x.dtype is not I64:
        return None
    axis = axis_in(dim, x.ndim)
    return r.from_zero(np.add.accumulate(x, axis, out=np.empty(x.shape, x.dtype)), axis)


def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    x = array(input)
    if x.dtype not in FLOATS or not x.ndim or x.size >= SUM_FROM:
        return None
    if dim.__class__ is bool:
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    axes = _ALL[x.ndim] if dim is None else (axis_in(dim, x.ndim),)
    count = r.count_of(x.shape, axes)
    if count <= correction or not x.size:
        return None
    center = np.add.reduce(x, axes, keepdims=True) / count
    off = x - center
    off *= off
    total = np.add.reduce(off, axes, keepdims=keepdim)
    if _may_be_rounding(total, center, count):
        return None
    return r.in_order(total / (count - correction))


def _may_be_rounding(total, center, count):
    """As `r.is_rounding`, which decides in the end; for one number in Python's floats."""
    if total.__class__ is np.ndarray:
        return r.is_rounding(total, center, count)
    slip = center.item() * max(count, 8) * _EPSILON[center.dtype]
    return total.item() <= 1.001 * count * slip * slip


_EPSILON = {kind: float(np.finfo(kind).eps) for kind in FLOATS}


def std(*args, **words):
    variance = var(*args, **words)
    return None if variance is None else np.sqrt(variance)


def prod(input, dim=None, keepdim=False):
    """Of all elements, in the order of the axes."""
    x = array(input)
    if x.dtype not in FLOATS or not x.ndim or dim is not None or keepdim:
        return None
    return product.eval(x.reshape(x.size), axes=(0,), keepdims=False)


def norm(input, p="fro", dim=None, keepdim=False):
    x = array(input)
    if x.dtype not in FLOATS or dim is not None or keepdim or x.size >= SUM_FROM:
        return None
    return r.norm2.eval(x, axes=_ALL[x.ndim], keepdims=False) if p in ("fro", 2) else None


_DOTTED = (*FLOATS, I64, np.dtype(np.int32), np.dtype(np.complex64), np.dtype(np.complex128))


def dot(input, tensor, *, out=None):
    if out is not None:
        return None
    x, y = array(input), array(tensor)
    if x.dtype is not y.dtype or x.ndim != 1 or x.shape != y.shape or x.dtype not in _DOTTED:
        return None
    return matmul.eval(x.reshape(1, x.size), y.reshape(x.size, 1)).reshape(())


# --- by index -----------------------------------------------------------------------------------


def _places(index):
    """The array of an index tensor which names at least one place."""
    places = memory(index)
    return places if places.dtype is I64 and places.size else None


def taken(input, index):
    """x[index] for one index tensor, of places or of truth for each element."""
    places, x = memory(index), array(input)
    if places.dtype is I64:
        return take(x, places) if places.size else None
    if places.dtype is not BOOL or places.shape != x.shape or not x.ndim or x.size >= LOOP_FROM:
        return None
    return x[places]


def embedding(input, weight, padding_idx=None):
    places, table = _places(input), array(weight)
    if places is None or padding_idx is not None or table.ndim != 2:
        return None
    return None if np.minimum.reduce(places, None) < 0 else take(table, places)


def gather(input, dim, index):
    x, places = array(input), _places(index)
    if places is None or x.ndim != places.ndim or x.size >= SUM_FROM:
        return None
    axis = axis_in(dim, x.ndim)
    for a, (n, m) in enumerate(zip(places.shape, x.shape, strict=True)):
        if a != axis and n > m:
            return None
    return i.gather.eval(x, places, axis=axis)


def scatter(input, dim, index, src):
    x, places, source = array(input), _places(index), array(src)
    if places is None or x.ndim != places.ndim or x.ndim != source.ndim:
        return None
    if x.dtype is not source.dtype or x.size >= SUM_FROM:
        return None
    axis = axis_in(dim, x.ndim)
    for a, (n, m, k) in enumerate(zip(places.shape, x.shape, source.shape, strict=True)):
        if (a != axis and n > m) or n > k:
            return None
    return i.scatter.eval(x, places, source, axis=axis)


# --- searching and counting -----------------------------------------------------------------------

_WHOLE = (I64, np.dtype(np.int32))
_COMPARED = 1 << 12  # comparisons of all with all that cost less than a search


def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None):
    """In one row, which ends with no NaN."""
    table, number = memory(sorted_sequence), input.__class__ in (int, float)
    kind = table.dtype
    if number and (input.__class__ is int or kind in FLOATS):
        x = np.array(input, kind)
    else:
        x = memory(input)
    if table.ndim != 1 or not (x.ndim or number) or kind is not x.dtype or not table.size:
        return None
    if side is not None or (kind not in _WHOLE and (kind not in FLOATS or table[-1] != table[-1])):
        return None
    places = table.searchsorted(x, "right" if right else "left")
    return np.asarray(places, np.int32 if out_int32 else I64)


def bucketize(input, boundaries, *, out_int32=False, right=False):
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def bincount(input, weights=None, minlength=0):
    x = memory(input)
    if x.ndim != 1 or x.dtype.kind not in "iu" or minlength.__class__ is not int or not x.size:
        return None
    if weights is None:
        return np.bincount(x, None, minlength)  # which refuses what is negative
    w = array(weights)
    if w.dtype not in FLOATS or w.shape != x.shape:
        return None
    return np.bincount(x, w, minlength).astype(w.dtype, copy=False)


def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Among few elements."""
    x, tests = memory(elements), memory(test_elements)
    if x.dtype is not tests.dtype or x.dtype.kind not in "fiu" or not x.ndim:
        return None
    if not x.flags.c_contiguous:  # the result would lie as x does
        return None
    if not 0 < x.size * tests.size <= _COMPARED:
        return None
    same = np.logical_or.reduce(x[..., None] == tests.reshape(-1), -1)
    return np.logical_not(same, out=same) if invert else same


def nonzero(input):
    x = array(input)
    if not x.ndim:
        return None
    found = x.nonzero()
    return found[0].reshape(1, -1).T if x.ndim == 1 else np.array(found).T


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    x = array(input)
    if return_inverse or return_counts or dim is not None or x.dtype.kind not in "fiub":
        return None
    flat = x.reshape(-1)
    return flat[firsts(flat)] if flat.size else None


def firsts(flat):
    """Which elements of a vector are not as the one before them."""
    fresh = np.empty(flat.size, bool)
    fresh[:1] = True
    np.not_equal(flat[1:], flat[:-1], out=fresh[1:])
    return fresh
