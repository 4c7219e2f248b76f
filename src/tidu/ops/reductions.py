"""torch.sum, mean, max, std, norm, cumsum, sort, topk ...: many elements become fewer, or ordered."""

import math
from collections import namedtuple

import numpy as np

from ..core.handle import TensorBase, concrete, element_type, shape_of, wrap
from ..dtypes import DEFAULT, bool_, int64, uint8
from ..errors import hinted
from ..primitives import arithmetic as p
from ..primitives import comparison as c
from ..primitives import functions as f
from ..primitives import reductions as r
from ..primitives.base import reduce_sum, reshape
from ..primitives.indexing import argsort as argsort_prim
from ..primitives.indexing import gather as gather_prim
from ..primitives.structural import slice_
from ..size import normalize_axes, normalize_axis
from .convert import (
    convert, finish, named, ndim_of, promote, require_tensor, scalar_name, type_of,
)  # fmt: skip
from .shapes import cat, stack

values_indices = {
    name: namedtuple(name, "values indices")
    for name in ("max", "min", "sort", "topk", "median", "nanmedian", "mode", "kthvalue", "cummax", "cummin")
}
for _name, _kind in values_indices.items():
    _kind.__module__ = "torch.return_types"


def _pair(name, values, indices):
    return values_indices[name](values, indices)


def _axes(input, dim):
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim_of(input)))
    return normalize_axes(dim, ndim_of(input))


def _widened(input, dtype):
    """Integers and bools are summed as int64."""
    if dtype is not None:
        return convert(input, dtype)
    return convert(input, int64) if type_of(input).category < 2 else input


def sum(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The sum of all elements, or along `dim` (an int or several).

    >>> import tidu as torch
    >>> torch.sum(torch.ones(2, 3), dim=1)
    tensor([3., 3.])
    """
    x = _widened(require_tensor("sum", input), dtype)
    axes = _axes(x, dim)
    result = reduce_sum(x, axes=axes, keepdims=keepdim)
    return finish(result if dim is None else named(result, "SumBackward1"), out)


def mean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The mean of all elements, or along `dim`. The input must be floating point or complex."""
    x = require_tensor("mean", input) if dtype is None else convert(input, dtype)
    if type_of(x).category < 2:
        raise RuntimeError(hinted(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or "
            f"complex dtype. Got: {scalar_name(type_of(x))}",
            "write x.float().mean(), or x.mean(dtype=torch.float32).",
        ))
    result = r.mean(x, axes=_axes(x, dim), keepdims=keepdim)
    return finish(result if dim is None else named(result, "MeanBackward1"), out)


def nansum(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The sum with NaN counted as zero."""
    clean = p.select(c.isnan(input), p.zeros_like(input), input)
    return sum(clean, dim, keepdim, dtype=dtype, out=out)


def nanmean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The mean of the elements that are not NaN."""
    there = convert(c.logical_not(c.isnan(input)), type_of(input))
    return finish(nansum(input, dim, keepdim, dtype=dtype) / sum(there, dim, keepdim), out)


def prod(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The product of all elements, or along one `dim`."""
    x = _widened(require_tensor("prod", input), dtype)
    if dim is None:
        x, axis = reshape(x, shape=(math.prod(shape_of(x)),)), 0
        keepdim = False
    else:
        axis = normalize_axis(dim, ndim_of(x))
        if not ndim_of(x):
            return finish(x.clone(), out)
    return finish(named(_product(x, axis, keepdim), "ProdBackward0"), out)


def untracked(x):
    """Whether nothing is derived through `x`, so that a direct kernel may be used."""
    return x._node is None and x._value.dtype is not None


def _product(x, axis, keepdim):
    """Products of halves, again and again: exact at zeros, and differentiable as it stands."""
    if untracked(x) or not shape_of(x)[axis]:
        return r.multiply_reduce(x, axes=(axis,), keepdims=keepdim)
    lead = (slice(None),) * axis
    while (n := shape_of(x)[axis]) > 1:
        half = n // 2
        pairs = slice_(x, index=(*lead, slice(0, half))) * slice_(x, index=(*lead, slice(half, 2 * half)))
        x = cat([pairs, slice_(x, index=(*lead, slice(2 * half, n)))], axis) if n % 2 else pairs
    return x if keepdim else _dropped(x, axis)


def _running_product(x, axis):
    """Each step multiplies by what lies 1, 2, 4 ... places back."""
    if untracked(x):
        return r.multiply_scan(x, axis=axis)
    n, step, lead = shape_of(x)[axis], 1, (slice(None),) * axis
    while step < n:
        head = slice_(x, index=(*lead, slice(0, step)))
        rest = slice_(x, index=(*lead, slice(step, n))) * slice_(x, index=(*lead, slice(0, n - step)))
        x, step = cat([head, rest], axis), step * 2
    return x


# --- truth --------------------------------------------------------------------------------------


def _truth(name, prim):
    def reduce(input, dim=None, keepdim=False, *, out=None):
        result = prim(require_tensor(name, input), axes=_axes(input, dim), keepdims=keepdim)
        return finish(convert(result, uint8) if type_of(input) is uint8 else result, out)

    reduce.__name__ = reduce.__qualname__ = name
    reduce.__doc__ = f"torch.{name}: whether {name} element is nonzero, of the whole or along `dim`."
    return reduce


all, any = _truth("all", r.all_), _truth("any", r.any_)


def count_nonzero(input, dim=None):
    """How many elements are not zero."""
    return sum(c.ne(input, 0), dim)


# --- extrema ------------------------------------------------------------------------------------


def _amax(name, prim):
    def reduce(input, dim=(), keepdim=False, *, out=None):
        _refuse_empty(name, input, dim)
        return finish(prim(input, axes=_axes(input, dim), keepdims=keepdim), out)

    reduce.__name__ = reduce.__qualname__ = name
    reduce.__doc__ = f"torch.{name}: the extreme along `dim`; equal extremes share the gradient."
    return reduce


def _refuse_empty(name, input, dim):
    shape = tuple(shape_of(require_tensor(name, input)))
    axes = _axes(input, dim if dim != () else None)
    for axis in axes:
        if shape[axis] == 0:
            if dim is None or dim == ():
                raise RuntimeError(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                    "Specify the reduction dim with the 'dim' argument."
                )
            raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")


amax, amin = _amax("amax", r.amax), _amax("amin", r.amin)


def aminmax(input, *, dim=None, keepdim=False):
    """(min, max) of the whole or along `dim`."""
    dims = () if dim is None else dim
    return AMINMAX(amin(input, dims, keepdim), amax(input, dims, keepdim))


AMINMAX = namedtuple("aminmax", "min max")


def _arg(name, largest):
    def where_extreme(input, dim=None, keepdim=False):
        x = require_tensor(name, input)
        if type_of(x) is bool_:
            x = convert(x, uint8)
        if dim is None:
            _refuse_empty(name, x, None)
            rank = ndim_of(x)
            flat = reshape(x, shape=(math.prod(shape_of(x)),))
            out = r.arg_extreme(flat, axis=0, largest=largest, keepdims=False)
            return reshape(out, shape=(1,) * rank) if keepdim else out
        axis = normalize_axis(dim, ndim_of(x))
        if not ndim_of(x):
            return wrap(np.int64(0))
        _refuse_empty(name, x, axis)
        return r.arg_extreme(x, axis=axis, largest=largest, keepdims=keepdim)

    where_extreme.__name__ = where_extreme.__qualname__ = name
    where_extreme.__doc__ = f"torch.{name}: the index of the extreme, of the flat tensor or along `dim`."
    return where_extreme


argmax, argmin = _arg("argmax", True), _arg("argmin", False)


def _extreme(name, largest, whole, pairwise):
    def extreme(input, *args, out=None, **kwargs):
        require_tensor(name, input)
        other = args[0] if args else kwargs.get("other", kwargs.get("dim"))
        if isinstance(other, TensorBase):
            return pairwise(input, other, out=out)
        dim = other
        keepdim = kwargs.get("keepdim", args[1] if len(args) > 1 else False)
        if dim is None:
            _refuse_empty(name, input, None)
            result = whole(input, axes=tuple(range(ndim_of(input))), keepdims=False)
            return finish(named(result, f"{name.capitalize()}Backward1"), out)
        axis = normalize_axis(dim, ndim_of(input))
        if not ndim_of(input):
            return _pair(name, input.clone(), wrap(np.int64(0)))
        _refuse_empty(name, input, axis)
        x = convert(input, uint8) if type_of(input) is bool_ else input
        index = r.arg_extreme(x, axis=axis, largest=largest, keepdims=True)
        values = _picked(input, index, axis, keepdim)
        result = _pair(name, named(values, f"{name.capitalize()}Backward0"),
                       index if keepdim else _dropped(index, axis))  # fmt: skip
        if out is not None:
            return _pair(name, finish(result[0], out[0]), finish(result[1], out[1]))
        return result

    extreme.__name__ = extreme.__qualname__ = name
    extreme.__doc__ = (
        f"torch.{name}(x), torch.{name}(x, dim, keepdim) -> (values, indices), or "
        f"torch.{name}(x, other) elementwise."
    )
    return extreme


def _dropped(x, axis):
    shape = tuple(shape_of(x))
    return reshape(x, shape=shape[:axis] + shape[axis + 1 :])


def _picked(input, index, axis, keepdim):
    values = gather_prim(input, index, axis=axis)
    return values if keepdim else _dropped(values, axis)


max = _extreme("max", True, r.amax, lambda x, y, out: finish(p.maximum(*promote(x, y)), out))
min = _extreme("min", False, r.amin, lambda x, y, out: finish(p.minimum(*promote(x, y)), out))


# --- spread -------------------------------------------------------------------------------------


def _arguments(dim, unbiased, correction):
    """var(x, True), var(x, dim, unbiased, keepdim) and var(x, dim, correction=...)."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    return dim, correction


def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
    """The variance: squared distance to the mean over (count - correction).

    >>> import tidu as torch
    >>> torch.var(torch.tensor([1., 2., 3.]))
    tensor(1.)
    """
    dim, correction = _arguments(dim, unbiased, correction)
    return finish(named(_variance(input, dim, correction, keepdim)[0], "VarBackward0"), out)


def _variance(input, dim, correction, keepdim):
    if type_of(require_tensor("var", input)).category < 2:
        raise RuntimeError("std and var only support floating point and complex dtypes")
    axes = _axes(input, dim)
    center = r.mean(input, axes=axes, keepdims=True)
    off = input - center
    if element_type(off).kind == "c":
        square = p.real(off) * p.real(off) + p.imag(off) * p.imag(off)
    else:
        square = off * off
    count = r.count_of(shape_of(input), axes)
    free = count - correction
    total = reduce_sum(square, axes=axes, keepdims=keepdim)
    result = total / free if free > 0 else total / 0.0 * (0.0 if free <= 0 and count == 0 else 1.0)
    kept = center if keepdim else reshape(
        center, shape=tuple([n for a, n in enumerate(shape_of(input)) if a not in axes]))
    return result, kept


def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
    """The standard deviation: the root of `var`; its gradient at 0 is 0."""
    dim, correction = _arguments(dim, unbiased, correction)
    variance, _ = _variance(input, dim, correction, keepdim)
    return finish(named(_root(variance), "StdBackward0"), out)


def _root(variance):
    """sqrt whose derivative at 0 is taken as 0."""
    if not isinstance(variance, TensorBase) or variance._node is None and variance._value.dtype is not None:
        return f.sqrt(variance)
    at_zero = c.eq(variance, 0)
    return p.select(at_zero, p.zeros_like(variance), f.sqrt(p.select(at_zero, variance * 0 + 1, variance)))


def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """(variance, mean)."""
    dim, correction = _arguments(dim, unbiased, correction)
    return _variance(input, dim, correction, keepdim)


def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """(standard deviation, mean)."""
    dim, correction = _arguments(dim, unbiased, correction)
    variance, center = _variance(input, dim, correction, keepdim)
    return _root(variance), center


# --- log-sum-exp and softmax --------------------------------------------------------------------


def logsumexp(input, dim, keepdim=False, *, out=None):
    """log(sum(exp(input))) along `dim`, without overflow."""
    x = convert(input, DEFAULT.dtype) if type_of(input).category < 2 else input
    axes = _axes(x, dim)
    if math.prod(shape_of(x)) == 0:
        return finish(f.log(reduce_sum(f.exp(x), axes=axes, keepdims=keepdim)), out)
    peak = r.amax(x.detach(), axes=axes, keepdims=True)
    peak = p.select(c.isfinite(peak), peak, p.zeros_like(peak))
    total = f.log(reduce_sum(f.exp(x - peak), axes=axes, keepdims=keepdim))
    shift = peak if keepdim else reshape(peak, shape=tuple(shape_of(total)))
    return finish(named(total + shift, "LogsumexpBackward0"), out)


# --- running totals -----------------------------------------------------------------------------


def cumsum(input, dim, *, dtype=None, out=None):
    """Running sums along `dim`."""
    x = _widened(require_tensor("cumsum", input), dtype)
    axis = normalize_axis(dim, ndim_of(x))
    return finish(r.cumsum(x, axis=axis) if ndim_of(x) else x.clone(), out)


def cumprod(input, dim, *, dtype=None, out=None):
    """Running products along `dim`."""
    x = _widened(require_tensor("cumprod", input), dtype)
    axis = normalize_axis(dim, ndim_of(x))
    return finish(named(_running_product(x, axis), "CumprodBackward0") if ndim_of(x) else x.clone(), out)


def logcumsumexp(input, dim, *, out=None):
    """log of running sums of exponentials along `dim`, without overflow."""
    axis = normalize_axis(dim, ndim_of(input))
    peak = r.amax(input.detach(), axes=(axis,), keepdims=True)
    peak = p.select(c.isfinite(peak), peak, p.zeros_like(peak))
    return finish(f.log(r.cumsum(f.exp(input - peak), axis=axis)) + peak, out)


def _running_extreme(name, ufunc, better):
    def running(input, dim, *, out=None):
        axis = normalize_axis(dim, ndim_of(input))
        x = concrete(input)
        best = ufunc.accumulate(x, axis)
        places = np.arange(x.shape[axis]).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
        here = np.where((x == best) | (np.isnan(x) if x.dtype.kind == "f" else False), places, 0)
        index = wrap(np.maximum.accumulate(here, axis))
        return _pair(name, gather_prim(input, index, axis=axis), index)

    running.__name__ = running.__qualname__ = name
    running.__doc__ = f"torch.{name}: the running extreme along `dim` and where it was found."
    return running


cummax = _running_extreme("cummax", np.maximum, np.greater_equal)
cummin = _running_extreme("cummin", np.minimum, np.less_equal)


def diff(input, n=1, dim=-1, prepend=None, append=None):
    """Differences of neighbours along `dim`, n times."""
    axis = normalize_axis(dim, ndim_of(input))
    parts = [part for part in (prepend, input, append) if part is not None]
    if len(parts) > 1:
        input = cat(parts, axis)
    for _ in range(n):
        length = shape_of(input)[axis]
        lead = (slice(None),) * axis
        upper = slice_(input, index=(*lead, slice(1, None)))
        lower = slice_(input, index=(*lead, slice(0, length - 1)))
        input = c.ne(upper, lower) if type_of(input) is bool_ else upper - lower
    return input


# --- order --------------------------------------------------------------------------------------


def argsort(input, dim=-1, descending=False, stable=False):
    """The indices that sort the tensor along `dim`."""
    axis = normalize_axis(dim, ndim_of(input))
    if not ndim_of(input):
        return wrap(np.int64(0))
    return argsort_prim(input, axis=axis, descending=descending, stable=stable)


def sort(input, dim=-1, descending=False, stable=False, *, out=None):
    """(values, indices) sorted along `dim`.

    >>> import tidu as torch
    >>> torch.sort(torch.tensor([3., 1., 2.])).indices
    tensor([1, 2, 0])
    """
    axis = normalize_axis(dim, ndim_of(require_tensor("sort", input)))
    if not ndim_of(input):
        return _pair("sort", input.clone(), wrap(np.int64(0)))
    order = argsort_prim(input, axis=axis, descending=descending, stable=True)
    values = named(gather_prim(input, order, axis=axis), "SortBackward0")
    return _outs("sort", values, order, out)


def _outs(name, values, indices, out):
    if out is not None:
        return _pair(name, finish(values, out[0]), finish(indices, out[1]))
    return _pair(name, values, indices)


def msort(input):
    return sort(input, 0).values


def topk(input, k, dim=-1, largest=True, sorted=True, *, out=None):
    """(values, indices) of the k largest (or smallest) along `dim`."""
    if not ndim_of(require_tensor("topk", input)):
        return _pair("topk", input.clone(), wrap(np.int64(0)))
    axis = normalize_axis(dim, ndim_of(input))
    if not 0 <= k <= shape_of(input)[axis]:
        raise RuntimeError("selected index k out of range")
    order = argsort_prim(input, axis=axis, descending=largest, stable=True)
    order = slice_(order, index=(slice(None),) * axis + (slice(0, k),))
    return _outs("topk", named(gather_prim(input, order, axis=axis), "TopkBackward0"), order, out)


def kthvalue(input, k, dim=-1, keepdim=False, *, out=None):
    """(value, index) of the k-th smallest along `dim`."""
    if not ndim_of(input):
        return _pair("kthvalue", input.clone(), wrap(np.int64(0)))
    axis = normalize_axis(dim, ndim_of(input))
    if not 1 <= k <= shape_of(input)[axis]:
        raise RuntimeError("kthvalue(): selected number k out of range for dimension " + str(axis))
    return _ranked("kthvalue", input, axis, k - 1, keepdim)


def _ranked(name, input, axis, rank, keepdim):
    order = argsort_prim(input, axis=axis, descending=False, stable=True)
    index = slice_(order, index=(slice(None),) * axis + (slice(rank, rank + 1),))
    values = named(_picked(input, index, axis, keepdim), f"{name.capitalize()}Backward0")
    return _pair(name, values, index if keepdim else _dropped(index, axis))


def median(input, dim=None, keepdim=False, *, out=None):
    """The lower median: of all elements, or (values, indices) along `dim`."""
    if dim is None:
        flat = reshape(input, shape=(math.prod(shape_of(input)),))
        if not shape_of(flat)[0]:
            return wrap(np.array(np.nan, element_type(input)))
        if bool(any(c.isnan(flat))) if type_of(input).category == 2 else False:
            return named(flat[int(argmax(convert(c.isnan(flat), uint8)))], "MedianBackward0")
        return named(_ranked("median", flat, 0, (shape_of(flat)[0] - 1) // 2, False)[0], "MedianBackward0")
    if not ndim_of(input):
        return _pair("median", input.clone(), wrap(np.int64(0)))
    axis = normalize_axis(dim, ndim_of(input))
    if type_of(input).category == 2 and bool(any(c.isnan(input))):
        return _nan_median(input, axis, keepdim)
    return _ranked("median", input, axis, (shape_of(input)[axis] - 1) // 2, keepdim)


def _nan_median(input, axis, keepdim):
    holes = c.isnan(input)
    rank = (shape_of(input)[axis] - 1) // 2
    order = argsort_prim(input, axis=axis, descending=False, stable=True)
    index = slice_(order, index=(slice(None),) * axis + (slice(rank, rank + 1),))
    first = r.arg_extreme(convert(holes, uint8), axis=axis, largest=True, keepdims=True)
    index = p.select(r.any_(holes, axes=(axis,), keepdims=True), first, index)
    return _pair("median", _picked(input, index, axis, keepdim), index if keepdim else _dropped(index, axis))


def nanmedian(input, dim=None, keepdim=False):
    """The lower median of the elements that are not NaN."""
    axis = 0 if dim is None else normalize_axis(dim, ndim_of(input))
    x = reshape(input, shape=(math.prod(shape_of(input)),)) if dim is None else input
    there = reduce_sum(convert(c.logical_not(c.isnan(x)), int64), axes=(axis,), keepdims=True)
    rank = c.floor_divide(p.select(c.eq(there, 0), 0 * there, there - 1), 2)
    order = argsort_prim(x, axis=axis, descending=False, stable=True)
    index = gather_prim(order, rank, axis=axis)
    values = _picked(x, index, axis, keepdim and dim is not None)
    if dim is None:
        return values
    return _pair("nanmedian", values, index if keepdim else _dropped(index, axis))


def mode(input, dim=-1, keepdim=False, *, out=None):
    """(values, indices) of the most frequent value along `dim` (the smallest among equals)."""
    if not ndim_of(input):
        return _pair("mode", input.clone(), wrap(np.int64(0)))
    axis = normalize_axis(dim, ndim_of(input))
    rows = np.moveaxis(concrete(input), axis, -1)
    index = np.empty(rows.shape[:-1], np.int64)
    for place in np.ndindex(index.shape):
        kinds, counts = np.unique(rows[place], return_counts=True)
        index[place] = np.flatnonzero(rows[place] == kinds[np.argmax(counts)])[-1]
    index = wrap(np.expand_dims(index, axis))
    return _pair("mode", _picked(input, index, axis, keepdim), index if keepdim else _dropped(index, axis))


def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The q-th quantiles along `dim` (of all elements without it)."""
    rank = ndim_of(input)
    x = reshape(input, shape=(math.prod(shape_of(input)),)) if dim is None else input
    axis = 0 if dim is None else normalize_axis(dim, rank)
    ordered = sort(x, axis).values
    ordered = p.select(r.any_(c.isnan(x), axes=(axis,), keepdims=True), math.nan, ordered)
    fractions = concrete(q) if isinstance(q, TensorBase) else np.asarray(q, element_type(input))
    if np.any((fractions < 0) | (fractions > 1)):
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    parts = [_quantile_at(ordered, float(one), axis, interpolation) for one in fractions.reshape(-1)]
    if keepdim:
        parts = [reshape(part, shape=(1,) * rank) if dim is None else _kept(part, axis) for part in parts]
    if fractions.ndim == 0:
        return finish(parts[0], out)
    return finish(stack(parts, 0), out)


def _kept(part, axis):
    shape = tuple(shape_of(part))
    return reshape(part, shape=(*shape[:axis], 1, *shape[axis:]))


def _quantile_at(ordered, fraction, axis, interpolation):
    place = fraction * (shape_of(ordered)[axis] - 1)
    low, high = math.floor(place), math.ceil(place)
    weight = {"linear": place - low, "lower": 0.0, "higher": 1.0, "midpoint": 0.5 * (high > low),
              "nearest": float(round(place) - low)}.get(interpolation)  # fmt: skip
    if weight is None:
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    lead = (slice(None),) * axis
    below = slice_(ordered, index=(*lead, low, ...))
    above = slice_(ordered, index=(*lead, high, ...))
    return below + (above - below) * weight


# --- norms --------------------------------------------------------------------------------------


def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """The `ord`-norm of all elements or along `dim`; the 2-norm's gradient at 0 is 0."""
    x = convert(x, dtype) if dtype is not None else x
    if type_of(x).category < 2:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{scalar_name(type_of(x))}"
        )
    axes = _axes(x, dim)
    size = p.absolute(x) if ord != 2 or type_of(x).is_complex else x
    if ord == math.inf:
        result = r.amax(size, axes=axes, keepdims=keepdim)
    elif ord == -math.inf:
        result = r.amin(size, axes=axes, keepdims=keepdim)
    elif ord == 0:
        result = reduce_sum(convert(c.ne(size, 0), type_of(size)), axes=axes, keepdims=keepdim)
    elif ord == 1:
        result = reduce_sum(size, axes=axes, keepdims=keepdim)
    elif ord == 2:
        result = r.norm2(size, axes=axes, keepdims=keepdim)
    else:
        positive = p.select(c.eq(size, 0), p.zeros_like(size), size)
        total = reduce_sum(f.pow(positive, float(ord)), axes=axes, keepdims=keepdim)
        at_zero = c.eq(total, 0)
        result = p.select(at_zero, p.zeros_like(total), f.pow(p.select(at_zero, total * 0 + 1, total), 1.0 / ord))
    return finish(named(result, "LinalgVectorNormBackward0"), out)


def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """torch.norm: the 2-norm by default, `p` a number, 'fro' or 'nuc'."""
    if p is None or p == "fro":
        p = 2
    if p == "nuc":
        raise NotImplementedError("norm with p='nuc': use torch.linalg.matrix_norm(x, 'nuc').")
    return vector_norm(input, float(p), dim, keepdim, dtype=dtype, out=out)


def dist(input, other, p=2):
    """The p-norm of input - other."""
    return vector_norm(input - other, float(p))
