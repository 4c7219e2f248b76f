"""torch.unique, bincount, searchsorted, isin, one_hot ...: which values there are, and how often."""

import numpy as np

from ..core.handle import TensorBase, concrete, shape_of, wrap
from ..primitives import indexing as i
from ..size import normalize_axis
from .convert import named, ndim_of


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


