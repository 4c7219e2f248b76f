"""torch.sort, topk, median, quantile ...: by rank among the elements of an axis."""

import math
from operator import index as whole

import numpy as np

from ..base.errors import hinted
from ..base.size import normalize_axis
from ..core.direct import array, directly
from ..core.handle import TensorBase, concrete, element_type, shape_of, wrap
from ..core.retries import worded
from ..primitives import arithmetic as p
from ..primitives import comparison as c
from ..primitives import reductions as r
from ..primitives.base import reshape
from ..primitives.indexing import argsort as argsort_prim
from ..primitives.indexing import gather as gather_prim
from ..primitives.structural import slice_
from ..transforms.write_checks import check_apart
from . import direct
from .convert import (
    EXPECTED,
    finish_same,
    laid_as,
    named,
    ndim_of,
    one_node,
    refuse,
    require_tensor,
    type_of,
)
from .joining import stack
from .reductions import dropped, pair, picked, values_indices


@directly(direct.argsort)
def argsort(input, dim=-1, descending=False, stable=False):
    """The indices that sort the tensor along `dim`."""
    _refuse_complex(input)
    axis = normalize_axis(dim, ndim_of(input))
    if not ndim_of(input):
        return wrap(np.int64(0))
    return laid_as(argsort_prim(input, axis=axis, descending=descending, how=_way(stable)), input)


def _way(stable):
    return "stable" if stable else "sort"


def _refuse_complex(input):
    if type_of(input).is_complex:
        raise RuntimeError(" Sort does not support complex dtypes on CPU")


def _pairs(name):
    """What makes a result of this name of values and indices."""
    kind, make = values_indices[name], tuple.__new__
    return lambda values, indices: make(kind, (values, indices))


@directly(direct.sort, _pairs("sort"))
@one_node("SortBackward0")
def sort(input, dim=-1, descending=False, stable=False, *, out=None):
    """(values, indices) sorted along `dim`.

    >>> import tidu as torch
    >>> torch.sort(torch.tensor([3., 1., 2.])).indices
    tensor([1, 2, 0])
    """
    axis = normalize_axis(dim, ndim_of(require_tensor("sort", input)))
    if not ndim_of(input):
        return _outs("sort", input.clone(), wrap(np.int64(0)), out)
    _refuse_complex(input)
    order = argsort_prim(input, axis=axis, descending=descending, how=_way(stable))
    values = named(gather_prim(input, order, axis=axis), "SortBackward0")
    return _outs("sort", laid_as(values, input), laid_as(order, input), out)


def _outs(name, values, indices, out):
    if out is not None:
        finish_values = finish_same(values, out[0], message=_OUTPUTS.get(name, EXPECTED))
        return pair(name, finish_values, finish_same(indices, out[1]))
    return pair(name, values, indices)


_OUTPUTS = {  # what PyTorch says of values of another type than the input's
    "kthvalue": "output values must be of same type as input",
    "mode": "expected scalar type '{want}' but got '{have}' for values output",
    "median": "Expected tensor for 'values' to have the same type as tensor for argument #2 'self'",
}


@worded
def msort(input, *, out=None):
    """The tensor sorted along its first axis."""
    return finish_same(sort(input, 0).values, out)


@directly(direct.topk, _pairs("topk"))
def topk(input, k, dim=-1, largest=True, sorted=True, *, out=None):
    """(values, indices) of the k largest (or smallest) along `dim`."""
    if not ndim_of(require_tensor("topk", input)):
        normalize_axis(dim, 0)
        if not 0 <= k <= 1:
            raise RuntimeError("selected index k out of range")
        return _outs("topk", input.clone(), wrap(np.int64(0)), out)
    axis = normalize_axis(dim, ndim_of(input))
    k = whole(k)
    if not 0 <= k <= shape_of(input)[axis]:
        raise RuntimeError("selected index k out of range")
    if type_of(input).category in (0, 3):
        word = "complex" if type_of(input).is_complex else "bool"
        raise RuntimeError(f"topk does not support {word} dtypes on CPU")
    how = "topk" if sorted else "topk unsorted"
    order = argsort_prim(input, axis=axis, descending=largest, how=how, part=(0, k))
    return _outs(
        "topk", named(gather_prim(input, order, axis=axis), "TopkBackward0", dim=dim), order, out
    )


@directly(direct.kthvalue, _pairs("kthvalue"))
@one_node("KthvalueBackward0")
def kthvalue(input, k, dim=-1, keepdim=False, *, out=None):
    """(value, index) of the k-th smallest along `dim`."""
    if out is not None:
        check_apart(out[0], input)
    refuse(type_of(require_tensor("kthvalue", input)), {0: "kthvalue_cpu", 3: "kthvalue_cpu"})
    if not ndim_of(input):
        normalize_axis(dim, 0)
        if k != 1:
            raise RuntimeError("kthvalue(): selected number k out of range for dimension 0")
        return _outs("kthvalue", input.clone(), wrap(np.int64(0)), out)
    axis = normalize_axis(dim, ndim_of(input))
    _refuse_no_elements("kthvalue", input, axis)
    k = whole(k)
    if not 1 <= k <= shape_of(input)[axis]:
        raise RuntimeError("kthvalue(): selected number k out of range for dimension " + str(axis))
    index = argsort_prim(input, axis=axis, descending=False, how="kthvalue", part=(k - 1, k))
    values = named(picked(input, index, axis, keepdim), "KthvalueBackward0")
    return _outs("kthvalue", values, index if keepdim else dropped(index, axis), out)


@directly(direct.median, _pairs("median"))
@one_node()
def median(input, dim=None, keepdim=False, *, out=None):
    """The lower median: of all elements, or (values, indices) along `dim`."""
    refuse(type_of(require_tensor("median", input)), {0: "median_cpu", 3: "median_cpu"})
    _require_dim("median", dim, out)
    if dim is None:
        flat = reshape(input, shape=(math.prod(shape_of(input)),))
        if not shape_of(flat)[0]:
            return wrap(np.array(np.nan, element_type(input)))
        return r.median(flat, axes=(0,), keepdims=False)
    axis = normalize_axis(dim, ndim_of(input))
    if not ndim_of(input):
        return _outs("median", input.clone(), wrap(np.int64(0)), out)
    _refuse_no_elements("median", input, axis)
    return _outs("median", *_middle(input, axis, keepdim), out)


def _require_dim(name, dim, out):
    if dim is None and out is not None:
        raise TypeError(hinted(
            f'{name}() missing 1 required positional arguments: "dim"',
            "out= takes the values and the indices along one dim.",
        ))  # fmt: skip


def _refuse_no_elements(name, input, axis):
    if shape_of(input)[axis] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")


def _middle(input, axis, keepdim):
    """The lower median along `axis`; where there is a NaN, the first NaN."""
    rank = (shape_of(input)[axis] - 1) // 2
    part = (rank, rank + 1)
    index = argsort_prim(input, axis=axis, descending=False, how="middle", part=part)
    values = named(picked(input, index, axis, keepdim), "MedianBackward1")
    return values, index if keepdim else dropped(index, axis)


@directly(direct.nanmedian, _pairs("nanmedian"))
@one_node()
def nanmedian(input, dim=None, keepdim=False, *, out=None):
    """The lower median of the elements that are not NaN."""
    _require_dim("nanmedian", dim, out)
    if dim is None:
        if 0 in shape_of(input):
            return median(input)
        return r.nanmedian(input, axes=tuple(range(ndim_of(input))), keepdims=False)
    axis = normalize_axis(dim, ndim_of(input))
    if not ndim_of(input):
        return _outs("nanmedian", input.clone(), wrap(np.int64(0)), out)
    _refuse_no_elements("median", input, axis)
    way = {"descending": False, "how": "middle number", "part": (0, 1)}
    index = argsort_prim(input, axis=axis, **way)
    values = picked(input, index, axis, keepdim)
    return _outs("nanmedian", values, index if keepdim else dropped(index, axis), out)


@directly(direct.mode, _pairs("mode"))
@one_node("ModeBackward0")
def mode(input, dim=-1, keepdim=False, *, out=None):
    """(values, indices) of the most frequent value along `dim` (the smallest among equals)."""
    axis = normalize_axis(dim, ndim_of(input))
    if not ndim_of(input):
        return _outs("mode", input.clone(), wrap(np.int64(0)), out)
    refuse(type_of(input), {3: "mode_cpu"})
    _refuse_no_elements("mode", input, axis)
    index = argsort_prim(input, axis=axis, descending=False, how="mode", part=(0, 1))
    values = named(picked(input, index, axis, keepdim), "ModeBackward0")
    return _outs("mode", values, index if keepdim else dropped(index, axis), out)


def _plain_quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """For the fast path: as the general function computes them, of rows in order."""
    x, fractions = _given(input, q, dim, keepdim)
    if interpolation not in INTERPOLATIONS:
        return None
    rows, steps, kind = _sorted(x), x.shape[-1] - 1, x.dtype.type
    parts = [_between(rows, place_of(f, steps, kind), interpolation) for f in fractions]
    last = rows[..., -1]
    if (holes := last != last).any():
        parts = [np.where(holes, kind(math.nan), part) for part in parts]
    return _together(parts, q)


def plain_nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """For the fast path: of one row, at whose end NaN stand."""
    x, fractions = _given(input, q, dim, keepdim)
    if x.ndim != 1 or interpolation not in INTERPOLATIONS:
        return None
    row = _sorted(x)
    last = row.dtype.type(max(np.count_nonzero(row == row) - 1, 0))
    parts = [_between(row, last * f, interpolation) for f in fractions]
    return np.asarray(_together(parts, q))


def _given(input, q, dim, keepdim):
    """(an array whose rows are asked for, the fractions); an error for what others know."""
    x = array(input)
    if x.dtype not in direct.FLOATS or not x.size or not x.ndim or keepdim is not False:
        raise TypeError
    if dim is None:
        x = x.reshape(-1)
    elif dim.__class__ is not int or dim not in (-1, x.ndim - 1):
        raise TypeError
    if q.__class__ is float or q.__class__ is int:
        fractions = [float(x.dtype.type(q))]
    else:
        given = array(q)
        if given.dtype is not x.dtype or given.ndim > 1 or not given.size:
            raise TypeError
        fractions = given.reshape(-1).tolist()
    for fraction in fractions:
        if not 0 <= fraction <= 1:
            raise ValueError
    return x, fractions


def _sorted(x):
    return direct.by_rank(x, x.ndim - 1, False, "sort")[0]


def _between(rows, place, interpolation):
    if interpolation in PICKED:
        return rows[..., PICKED[interpolation](place)].copy()
    low = math.floor(place)
    below, above = rows[..., low], rows[..., math.ceil(place)]
    return mixed(below, above, place - low if interpolation == "linear" else 0.5)


def place_of(fraction, steps, kind):
    """Where a fraction of so many steps is, which PyTorch computes in the elements' type."""
    return float(kind(fraction) * steps)


def mixed(below, above, weight):
    """Between the two, counted from the nearer."""
    step = above - below
    return below + step * weight if weight < 0.5 else above - step * (1 - weight)


PICKED = {"lower": math.floor, "higher": math.ceil, "nearest": round}
MIXED = ("linear", "midpoint")
INTERPOLATIONS = {*PICKED, *MIXED}


def _together(parts, q):
    if q.__class__ is float or q.__class__ is int or not q._value.ndim:
        return parts[0]
    return np.array(parts)


@directly(_plain_quantile)
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The q-th quantiles along `dim` (of all elements without it)."""
    rank = ndim_of(require_tensor("quantile", input))
    if type_of(input).category != 2 or type_of(input).itemsize < 4:
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if 0 in shape_of(input):
        raise RuntimeError("quantile() input tensor must be non-empty")
    x, axis = along(input, dim)
    ordered = sort(x, axis).values
    holes = r.any_(c.isnan(x), axes=(axis,), keepdims=True)
    last = slice_(ordered, index=(*[slice(None)] * axis, slice(-1, None), ...))
    ordered = p.select(holes, last, ordered)  # NaN, which comes last, has the gradient
    fractions = concrete(q) if isinstance(q, TensorBase) else np.asarray(q, element_type(input))
    if np.any((fractions < 0) | (fractions > 1)):
        if not isinstance(q, TensorBase):
            raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q:g}")
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    parts = [
        _quantile_at(ordered, float(one), axis, interpolation) for one in fractions.reshape(-1)
    ]
    if interpolation == "linear" and isinstance(q, TensorBase) and q._node is not None:
        parts = slopes_by_fraction(q, parts, ordered, axis)
    if keepdim:
        parts = [kept(part, dim, axis, rank) for part in parts]
    result = stack(parts, 0) if fractions.ndim else parts[0]
    if result._node is not None and getattr(q, "_node", None) is None:
        show_quantile(result, input, dim, axis, interpolation, fractions.ndim)
    message = "quantile() out tensor must be same dtype as the input tensor"
    return finish_same(result, out, message=message)


def show_quantile(result, input, dim, axis, interpolation, several):
    """The steps PyTorch has: the axis comes last, values are taken, and mixed where it asks."""
    last = axis == ndim_of(input) - 1
    x = ("View", input) if dim is None else input if last else ("Transpose", ("Unsqueeze", input))
    taken = ("Gather", ("View", ("Sort", x)))
    if interpolation in MIXED:
        taken = ("LerpBackward1", taken, taken, None)
    if several:
        taken = ("TransposeBackward1", ("UnsqueezeBackward1", taken))
    named(result, "SqueezeBackward4", taken)


def slopes_by_fraction(q, parts, ordered, axis):
    """The same quantiles, with what they change by when their fraction moves."""
    size = shape_of(ordered)[axis]
    moved = reshape(q - q.detach(), shape=(len(parts),)) * (size - 1)
    lead, out = (slice(None),) * axis, []
    for k, part in enumerate(parts):
        low = math.floor(_place_of(concrete(q).reshape(-1)[k], ordered, axis))
        above = slice_(ordered, index=(*lead, min(low + 1, size - 1), ...))
        step = above.detach() - slice_(ordered, index=(*lead, low, ...)).detach()
        out.append(part + slice_(moved, index=(k, ...)) * step)
    return out


def along(input, dim):
    """(the tensor, the axis): flat where `dim` is None or the tensor is a number."""
    axis = 0 if dim is None else normalize_axis(dim, ndim_of(input))
    if dim is None or not ndim_of(input):
        return reshape(input, shape=(math.prod(shape_of(input)),)), 0
    return input, axis


def kept(part, dim, axis, rank):
    """A quantile with its axis back, of length one."""
    if dim is None or not rank:
        return reshape(part, shape=(1,) * rank)
    shape = tuple(shape_of(part))
    return reshape(part, shape=(*shape[:axis], 1, *shape[axis:]))


def require_interpolation(interpolation):
    if interpolation not in INTERPOLATIONS:
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )


def _place_of(fraction, ordered, axis):
    return place_of(fraction, shape_of(ordered)[axis] - 1, element_type(ordered).type)


def _quantile_at(ordered, fraction, axis, interpolation):
    place = _place_of(fraction, ordered, axis)
    require_interpolation(interpolation)
    lead = (slice(None),) * axis
    if interpolation in PICKED:
        return slice_(ordered, index=(*lead, PICKED[interpolation](place), ...)).clone()
    low = math.floor(place)
    below = slice_(ordered, index=(*lead, low, ...))
    above = slice_(ordered, index=(*lead, math.ceil(place), ...))
    return mixed(below, above, place - low if interpolation == "linear" else 0.5)
