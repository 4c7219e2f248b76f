"""torch.unique, bincount, searchsorted, isin, one_hot ...: which values, how often."""

import math
from functools import lru_cache

import numpy as np

from ..base.dtypes import DEFAULT, int32, int64
from ..base.frames import warn_once
from ..base.lazy import lazy_module
from ..base.size import checked_size, normalize_axis
from ..core.direct import array, directly
from ..core.handle import TensorBase, concrete, element_type, plain, shape_of, wrap
from ..core.retries import worded
from ..primitives import comparison as c
from ..primitives import indexing as i
from ..primitives.base import reshape
from ..primitives.ranks import ordered_along
from ..transforms.trace import Traced
from . import direct
from .convert import (
    convert,
    finish_same,
    invalid_combination,
    named,
    ndim_of,
    refuse,
    require_tensor,
    scalar_name,
    type_of,
)
from .examples import each_example
from .flags import strict

underived = lazy_module(f"{__package__}.underived")


def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each entry of `dim` repeated `repeats` times (a number or one per entry)."""
    if repeats is None:
        counts = _repeats(input)
        return wrap(np.repeat(np.arange(counts.size), counts))
    if dim is None:
        input, dim = input.flatten(), 0
    axis = normalize_axis(dim, ndim_of(input))
    length = shape_of(input)[axis]
    counts = _repeats(repeats) if isinstance(repeats, TensorBase) else np.asarray(repeats)
    if counts.size not in (1, length):
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{counts.size} and input.size({axis}) = {length}"
        )
    if counts.size and counts.min() < 0:
        raise RuntimeError("Repeats must be non-negative")
    checked_size((int(np.asarray(counts, object).sum()) * (length if counts.size == 1 else 1),))
    order = np.repeat(np.arange(length), counts)
    return named(i.take(input, order, dims=(axis,)), "IndexSelectBackward0")


def _repeats(tensor):
    counts = concrete(tensor)
    if counts.ndim > 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    if counts.dtype not in (np.int64, np.int32):
        raise NotImplementedError(
            f"\"repeat_interleave_cpu\" not implemented for '{scalar_name(type_of(tensor))}'"
        )
    if counts.size and counts.min() < 0:
        raise RuntimeError("repeats can not be negative")
    return counts


@directly(direct.bincount)
def bincount(input, weights=None, minlength=0):
    """How often each non-negative integer occurs (or the sum of its weights)."""
    return underived.computed("aten::bincount", _counted, (input, weights, minlength), {})


@each_example
def _counted(input, weights, minlength):
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    refuse(type_of(require_tensor("bincount", input)), dict.fromkeys((0, 2, 3), "bincount_cpu"))
    x = concrete(input)
    if x.ndim != 1 or (x.size and x.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    w = None if weights is None else concrete(weights)
    if w is not None and w.shape != x.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    out = np.bincount(x, None if w is None else w.astype(np.float64), minlength)
    return wrap(
        out if w is None else out.astype(np.float32 if w.dtype == np.float32 else np.float64)
    )


def _plain_histc(input, bins=100, min=0, max=0):
    """Of few numbers, for the fast path."""
    x = array(input)
    if x.dtype.char not in "fd" or bins.__class__ is not int or not 0 < x.size <= _FEW:
        return None
    if bins <= 0 or not {min.__class__, max.__class__} <= _NUMBERS:
        return None
    return _in_bins(x.reshape(-1), bins, min, max)


@directly(_plain_histc)
@each_example
def histc(input, bins=100, min=0, max=0, *, out=None):
    """Counts in `bins` equal bins between min and max (of the data if both are 0)."""
    x = concrete(input).reshape(-1)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if x.dtype.kind != "f":
        raise NotImplementedError(
            f"\"histogram_cpu\" not implemented for '{scalar_name(type_of(input))}'"
        )
    return finish_same(wrap(_in_bins(x, bins, min, max)), out, message=_UNLIKE)


def _in_bins(x, bins, min, max):
    low, high = (x.min(), x.max()) if min == max and x.size else (min, max)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("torch.histc: max must be larger than min")
    if low == high:
        low, high = low - 1, high + 1
    count = _in_few_bins if x.size <= _FEW else np.histogram
    return count(x, bins, (low, high))[0].astype(x.dtype)


_NUMBERS = {int, float}
_FEW = 1 << 11  # elements for which a search among the edges is quicker than arithmetic


def _in_few_bins(x, bins, ends):
    """`np.histogram`: what lies on an edge is in the bin above it, and the last bin has its end."""
    low, high = ends
    edges = _edges(low, high, bins, np.result_type(low, high, x))
    counts = np.bincount(edges.searchsorted(x, "right"), None, bins + 2)[1 : bins + 1]
    counts[-1] += np.count_nonzero(x == edges[-1])
    return counts, edges


@lru_cache(64)
def _edges(low, high, bins, kind):
    return np.linspace(low, high, bins + 1, dtype=kind)


_UNLIKE = (
    "torch.histogram: input tensor and hist tensor should have the same dtype, but got input "
    "{want_word} and hist {have_word}"
)


def _distinct(values, name, input):
    node = "".join(map(str.capitalize, name.split("_"))) + "Backward0"
    says = f"the derivative for '{name}' is not implemented."
    return underived.no_derivative(wrap(values), name, input, name=node, says=says)


def _plain_unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The elements alone, for the fast path."""
    if return_inverse or return_counts or dim is not None:
        return None
    return _distinct_elements(array(input), False, False)[0]


@directly(_plain_unique)
@strict(name="_unique2")
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements (or entries of `dim`), ascending; on request inverse and counts."""
    x = concrete(input)
    if dim is None:
        values, inverse, counts = _distinct_elements(x, return_inverse, return_counts)
    else:
        axis = normalize_axis(dim, x.ndim)
        values, inverse, counts = np.unique(
            x, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
        )
        inverse = inverse.reshape(-1)
    parts = [_distinct(values, "_unique2" if dim is None else "unique_dim", input)]
    if return_inverse:
        parts.append(wrap(inverse))
    if return_counts:
        parts.append(wrap(counts))
    return parts[0] if len(parts) == 1 else tuple(parts)


# From so many integers on they are counted in a table, if it has at most so many places for each.
_COUNTED, _ROOM = 1 << 12, 4


def _distinct_elements(x, with_inverse, with_counts):
    """(values, inverse, counts), of the last two those that are asked for; NaN equals nothing."""
    flat = x.reshape(-1)
    if x.dtype.kind == "b":
        values, inverse, counts = _distinct_truths(flat, with_inverse)
    elif x.size >= _COUNTED and x.dtype.kind in "iu" and (width := _width(flat)) <= _ROOM * x.size:
        values, inverse, counts = _distinct_by_table(flat, width, with_inverse)
    else:
        values, inverse, counts = _distinct_by_order(flat, with_inverse, with_counts)
    return values, None if inverse is None else inverse.reshape(x.shape), counts


def _width(flat):
    return int(flat.max()) - int(flat.min()) + 1


def _distinct_truths(flat, with_inverse):
    true = np.count_nonzero(flat)
    counts = [flat.size - true, true]
    inverse = flat.astype(np.int64) if with_inverse else None
    if with_inverse and not counts[0]:
        inverse[:] = 0
    values = np.array([k for k in (False, True) if counts[k]], bool)
    return values, inverse, np.array([n for n in counts if n], np.int64)


def _distinct_by_table(flat, width, with_inverse):
    """Of integers that lie close together: each is counted in its place."""
    least = flat.min()
    if flat.dtype.itemsize < 8:
        places = flat.astype(np.int64)
        places -= int(least)
    else:
        places = (flat - least).view(np.int64)
    counts = np.bincount(places, minlength=width)
    there = np.flatnonzero(counts)
    values = there.astype(flat.dtype)
    values += least
    inverse = None
    if with_inverse:
        ranks = np.empty(width, np.int64)
        ranks[there] = np.arange(there.size)
        inverse = ranks.take(places)
    return values, inverse, counts[there]


def _needs_order(flat):
    """Whether PyTorch's order says which of 0 and -0 is given, or is found faster than NumPy's."""
    if flat.dtype.kind in "iu":
        return flat.size >= _COUNTED
    if flat.dtype.kind not in "fV":
        return False
    zeros = np.signbit(flat[flat == 0])
    return zeros.size > 1 and zeros.any() and not zeros.all()


def _distinct_by_order(flat, with_inverse, with_counts):
    """Neighbours in order are compared; 0 is -0 where that comes first in PyTorch's order."""
    sorted_ = order = None
    if with_inverse or _needs_order(flat):
        sorted_, order = ordered_along(flat, 0, False, "sort")
    if sorted_ is None:
        sorted_ = np.sort(flat) if order is None else flat.take(order)
    fresh = direct.firsts(sorted_)
    values, inverse, counts = sorted_[fresh], None, None
    if with_inverse:
        inverse = np.empty(flat.size, np.int64)
        inverse[order] = np.cumsum(fresh) - 1
    if with_counts:
        counts = _lengths(fresh)
    return values, inverse, counts


def _lengths(fresh):
    """How many follow each of the first ones, itself included."""
    starts = np.flatnonzero(fresh)
    counts = np.empty(starts.size, np.int64)
    np.subtract(starts[1:], starts[:-1], out=counts[:-1])
    counts[-1:] = fresh.size - starts[-1:]
    return counts


@directly(direct.unique_consecutive)
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """Runs of equal elements made one."""
    x = concrete(input) if dim is not None else concrete(input).reshape(-1)
    axis = 0 if dim is None else normalize_axis(dim, x.ndim)
    rows = np.moveaxis(x, axis, 0)
    flat = rows.reshape(rows.shape[0], math.prod(rows.shape[1:]))
    starts = (
        np.concatenate([[True], (flat[1:] != flat[:-1]).any(1)]) if len(flat) else np.zeros(0, bool)
    )
    parts = [_distinct(np.moveaxis(rows[starts], 0, axis), "unique_consecutive", input)]
    if return_inverse:
        inverse = np.cumsum(starts) - 1
        parts.append(wrap(inverse.reshape(tuple(shape_of(input))) if dim is None else inverse))
    if return_counts:
        parts.append(wrap(_lengths(starts)))
    return parts[0] if len(parts) == 1 else tuple(parts)


@directly(direct.isin)
@strict
def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Where the elements are among the test elements."""
    for given in (elements, test_elements):
        if not isinstance(given, (TensorBase, int, float, complex)):
            raise invalid_combination("isin", elements, test_elements)
    x = elements if isinstance(elements, TensorBase) else wrap(np.asarray(elements))
    tests = (
        test_elements if isinstance(test_elements, TensorBase) else wrap(np.asarray(test_elements))
    )
    if x._value.dtype is None or tests._value.dtype is None:
        # Inside a transform: compare with each test element.
        flat = tests.reshape(-1)
        found = (x.unsqueeze(-1) == flat).any(-1)
    else:
        found = wrap(np.isin(concrete(x), concrete(tests)))
    return finish_same(found.logical_not() if invert else found, out)


@directly(direct.searchsorted)
@strict
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None,
                 out=None):  # fmt: skip
    """Where `input` would be inserted to keep the last axis of the sequence in order.

    >>> import tidu as torch
    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 6]))
    tensor([1, 3])
    """
    if side not in (None, "left", "right"):
        raise RuntimeError(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}"
        )
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left "
            "while right was True"
        )
    x = input if isinstance(input, TensorBase) else _number_beside(sorted_sequence, input)
    table = sorted_sequence if sorter is None else _ordered(sorted_sequence, sorter)
    a, b = tuple(shape_of(table)), tuple(shape_of(x))
    if not b and len(a) != 1:
        raise RuntimeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor "
            f"dimension is 1, but we got boundaries tensor dim({len(a)}) and input value's dim(0) "
            "numel(1)"
        )
    if len(a) != 1 and (len(a) != len(b) or a[:-1] != b[:-1]):
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
            "dimensions of boundaries tensor and input value tensor must match, but we got "
            f"boundaries tensor {list(a)} and input value tensor {list(b)}"
        )
    for given, words in ((x, "input value"), (table, "boundary")):
        if not given.is_contiguous():
            warn_once(_IN_PARTS.format(words))
    places = i.search(table, x, right=right or side == "right")
    message = f"{_PLACES} {out_int32}"
    return finish_same(convert(places, int32) if out_int32 else places, out, message=message)


def _number_beside(table, number):
    """A number as a tensor of the table's type, unless that has no room for its fraction."""
    kind = element_type(table)
    if kind.kind in "biu":
        kind = DEFAULT.numpy if isinstance(number, float) else int64.numpy
    return wrap(np.asarray(number, kind))


_IN_PARTS = (
    "torch.searchsorted(): {0} tensor is non-contiguous, this will lower the performance due to "
    "extra data copy when converting non-contiguous tensor to contiguous, please use contiguous "
    "{0} tensor if possible. This message will only appear once per program."
)
_PLACES = (
    "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or "
    "Long(int64) depending on whether out_int32 flag is True, but we got output tensor's dtype "
    "{have} and out_int32 flag is"
)


def _ordered(sequence, sorter):
    """The sequence in the order of the places in `sorter`."""
    have, want = tuple(shape_of(sequence)), tuple(shape_of(sorter))
    if have != want:
        raise RuntimeError(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary "
            f"tensor {list(have)}and got sorter tensor {list(want)}"
        )
    if type_of(sorter) is not int64:
        raise RuntimeError(
            "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype "
            f"{scalar_name(type_of(sorter))}"
        )
    places = sorter._value
    if places.dtype is not None and places.size:
        if places.min() < 0 or places.max() >= have[-1]:
            raise RuntimeError("torch.searchsorted(): sorter index out of range")
    return sequence.gather(-1, sorter)


@directly(direct.bucketize)
@strict
def bucketize(input, boundaries, *, out_int32=False, right=False, out=None):
    """The bucket of each element among ascending boundaries."""
    if ndim_of(boundaries) != 1:
        raise RuntimeError(
            f"boundaries tensor must be 1 dimension, but got dim({ndim_of(boundaries)})"
        )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


def _negative_class():
    return RuntimeError("Class values must be non-negative.")


def _large():
    return RuntimeError("Class values must be smaller than num_classes.")


def _one_hot_unseen(tensor, num_classes):
    if num_classes <= 0:
        raise RuntimeError(
            "When vmap-ing torch.nn.functional.one_hot, please provide an explicit positive "
            "num_classes argument."
        )
    if tensor._value.__class__ is Traced:
        for holds, error in (
            (c.ge(tensor, 0), _negative_class),
            (c.lt(tensor, num_classes), _large),
        ):
            holds._value.level.demand(holds._value.variable, np.all, error)
    column = reshape(tensor, shape=(*tuple(shape_of(tensor)), 1))
    return convert(c.eq(column, np.arange(num_classes)), int64)


@worded
def one_hot(tensor, num_classes=-1):
    """Rows of zeros with a one at each class index."""
    if element_type(tensor) != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not plain(tensor._value):  # its numbers are many at once, or not known yet
        return _one_hot_unseen(tensor, num_classes)
    x = tensor._value
    if x.size == 0 and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if x.size and x.min() < 0:
        raise _negative_class()
    count = int(x.max()) + 1 if num_classes == -1 else num_classes
    if x.size and x.max() >= count:
        raise _large()
    return wrap((x[..., None] == np.arange(count)).astype(np.int64))
