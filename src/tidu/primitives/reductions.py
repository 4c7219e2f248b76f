"""Reductions and scans along axes: mean, extrema, products, counts, running sums."""

from functools import lru_cache

import numpy as np

from ..core.blocks import in_pieces
from ..core.handle import TensorBase, element_type, shape_of
from ..core.native import NATIVE, SUM_FROM
from ..core.primitive import Primitive
from .arithmetic import masked, select, zeros_like
from .base import (
    HALVES,
    broadcast_to,
    in_order,
    move_batch,
    reshape,
)  # fmt: skip
from .define import Conjugated, linear, nondifferentiable
from .functions import exp, log
from .over_axes.operators import Extreme, Reduction, places, question, reduction
from .structural import flip
from .sums import total

__all__ = [
    "all_", "amax", "amin", "any_", "arg_extreme", "count_of", "cumsum", "is_rounding", "keep_axes",
    "largest", "log_scan", "mean", "median", "multiply_scan", "nanmedian", "norm2", "quotient",
    "running_place", "smallest", "spread", "variance",
]  # fmt: skip


def keep_axes(g, shape, axes, keepdims):
    """`g` of a reduction with its reduced axes back, of length one."""
    if keepdims or not axes:
        return g
    return reshape(g, shape=tuple([1 if i in axes else n for i, n in enumerate(shape)]))


def spread(g, shape, axes, keepdims):
    """`g` of a reduction repeated along the reduced axes."""
    shape = tuple(shape)
    if not shape:
        return g
    return broadcast_to(keep_axes(g, shape, axes, keepdims), shape=shape)


def count_of(shape, axes):
    n = 1
    for a in axes:
        n *= shape[a]
    return n


def quotient(x, y):
    """x / y, and zero where y is."""
    if isinstance(x, TensorBase) or isinstance(y, TensorBase):
        there = y != 0  # first, so that one compiled loop does the rest
        return masked(x / y, there)
    return x / np.where(y == 0, y.dtype.type(np.inf), y)


# --- mean ---------------------------------------------------------------------------------------


def _mean(x, *, axes, keepdims):
    dtype = x.dtype
    wide = np.float32 if dtype in HALVES else None
    added = total(x, axes, keepdims, wide)
    n = count_of(x.shape, axes)
    out = in_order(added / n if n else added * np.nan)
    return out.astype(dtype) if wide else out


mean = reduction("mean", "sum(x, axes) / n", _mean, tex="mean(x, axes)")
mean.kind = "linear"


def is_rounding(total, center, count):
    """Whether a sum of squared distances may be what the rounding of the mean left; of values."""
    if total.dtype is None or center.dtype is None:
        return False
    # Sums of `count` equal numbers one after another are off by up to that many roundings.
    slip = np.abs(center).reshape(np.shape(total)) * (max(count, 8) * _epsilon(center.dtype))
    return bool((total <= count * slip * slip).any())


@lru_cache(None)
def _epsilon(dtype):
    return np.finfo(dtype).eps


# --- the variance of real numbers ---------------------------------------------------------------


def _squares(off, axes, keepdims):
    if off.size >= SUM_FROM and NATIVE:
        found = NATIVE.product_sum(off, off, axes, keepdims)
        if found is not None:
            return found
    return total(off * off, axes, keepdims)


def _variance(x, *, axes, keepdims, free):
    center = _mean(x, axes=axes, keepdims=True)
    off = x - center
    added = _squares(off, axes, keepdims)
    if is_rounding(added, center, count_of(x.shape, axes)):
        # The mean of equal numbers need not be that number: the rest is in their distances to it.
        off -= _mean(off, axes=axes, keepdims=True)
        added = _squares(off, axes, keepdims)
    return in_order(added / x.dtype.type(free))


def _variance_back(t, x, axes, free):
    """t times twice the distances to one mean, in pieces."""
    if t.size != 1:
        return None
    one, at = t.flat[0] * (2.0 / free), _mean(x, axes=axes, keepdims=True).flat[0]

    def compute(x):
        off = x - at
        off *= one
        return off

    return in_pieces(compute, [x])


variance = reduction(
    "var", "sum((x - mean(x, axes)) * (x - mean(x, axes)), axes) / free", _variance,
    fast=_variance_back, params=("free",), saves=("x",), tex="var(x, axes)",
)  # fmt: skip


# --- extrema: ties share the gradient evenly ----------------------------------------------------


def _extreme(name, ufunc, tex, nan=True, kind=Reduction):
    def compute(x, *, axes, keepdims):
        return in_order(ufunc.reduce(x, axis=axes, keepdims=keepdims))

    return _chosen(name, compute, tex, nan, kind)


def _chosen(name, compute, tex, nan=True, kind=Reduction):
    """A reduction to one of the elements: the mean of those which are as the value. `nan`: a NaN
    takes part as any other; else all get NaN, which is the difference between PyTorch's max and
    amax."""
    same = "((x == out) | (x != x) & (out != out))" if nan else "(x == out)"
    return reduction(name, f"sum(x * {same}, axes) / sum({same}, axes)", compute,
                     kind=kind, saves=("x", "out"), tex=tex)  # fmt: skip


def _rows(x, axes):
    """The reduced axes as one, at the end."""
    rest = [a for a in range(x.ndim) if a not in axes]
    return x.transpose(*rest, *axes).reshape([x.shape[a] for a in rest] + [-1])


def _lower_nanmedian(x, *, axes, keepdims):
    rows = np.sort(_rows(x.astype(np.float32) if x.dtype in HALVES else x, axes), -1)
    count = np.count_nonzero(rows == rows, axis=-1, keepdims=True)
    rank = np.maximum(count - 1, 0) // 2
    out = np.take_along_axis(rows, rank, -1)
    if (out == 0).any():  # of zeros of both signs it is that which a stable order has there
        out = np.take_along_axis(np.sort(_rows(x, axes).astype(rows.dtype), -1, "stable"), rank, -1)
    shape = [1 if a in axes else n for a, n in enumerate(x.shape)] if keepdims else rows.shape[:-1]
    return out.astype(x.dtype).reshape(shape)


def _lower_median(x, *, axes, keepdims):
    rows = _rows(x, axes)
    rank = (rows.shape[-1] - 1) // 2
    wide = rows.astype(np.float32) if x.dtype in HALVES else rows
    out = np.partition(wide, rank, -1)[..., rank]
    if x.dtype.kind in "fV" and (out == 0).any():  # of zeros of both signs, as above
        out = np.sort(wide, -1, "stable")[..., rank]
    if x.dtype.kind in "fV":
        out = np.where(np.isnan(rows).any(-1), out.dtype.type(np.nan), out)
    shape = [1 if a in axes else n for a, n in enumerate(x.shape)] if keepdims else out.shape
    return out.astype(x.dtype).reshape(shape)


median = _chosen("median", _lower_median, "median(x, axes)")
nanmedian = _chosen("nanmedian", _lower_nanmedian, "nanmedian(x, axes)")
largest = _extreme("max", np.maximum, "amax(x, axes)")
smallest = _extreme("min", np.minimum, "amin(x, axes)")
amax = _extreme("amax", np.maximum, "amax(x, axes)", nan=False, kind=Extreme)
amin = _extreme("amin", np.minimum, "amin(x, axes)", nan=False)


any_ = question(
    "any", "amax(x != 0, axes)",
    lambda x, *, axes, keepdims: in_order(np.logical_or.reduce(x, axis=axes, keepdims=keepdims)),
    tex="any(x, axes)",
)  # fmt: skip
all_ = question(
    "all", "not amax(x == 0, axes)",
    lambda x, *, axes, keepdims: in_order(np.logical_and.reduce(x, axis=axes, keepdims=keepdims)),
    tex="all(x, axes)",
)  # fmt: skip


# --- where the extreme is -----------------------------------------------------------------------


def _arg_extreme(x, *, axis, largest, keepdims):
    if x.dtype not in HALVES:
        return (np.argmax if largest else np.argmin)(x, axis, keepdims=keepdims)
    return (np.argmax if largest else np.argmin)(x.astype(np.float32), axis, keepdims=keepdims)


arg_extreme = places(
    "arg_extreme", lambda largest:
    f"amin(place if (x == {'amax' if largest else 'amin'}(x, axis)) | (x != x) else n, axis)",
    _arg_extreme, params=("largest",),
    tex=lambda largest, **rest: "argmax(x, axis)" if largest else "argmin(x, axis)",
)  # fmt: skip


def _running_place(x, *, axis, largest):
    """Where the running extreme was found last; NaN counts as the extreme once it is met."""
    wide = x.astype(np.float32) if x.dtype in HALVES else x
    best = (np.maximum if largest else np.minimum).accumulate(wide, axis)
    places = np.arange(x.shape[axis]).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
    hit = wide == best
    if wide.dtype.kind == "f":
        hit |= np.isnan(wide)
    return np.maximum.accumulate(np.where(hit, places, 0), axis, out=np.empty(x.shape, np.int64))


running_place = nondifferentiable(
    "running_place", _running_place, ("x",),
    batch=lambda prim, tensors, axes, params: (
        prim(move_batch(tensors[0], axes[0]), **{**params, "axis": params["axis"] + 1}), 0),
    shape=lambda prim, args, params: (shape_of(args[0]), np.dtype(np.int64)),
    tex="running_place(x, axis)",
)  # fmt: skip


# --- running sums -------------------------------------------------------------------------------


def _cumsum(x, *, axis):
    if x.dtype in HALVES:
        return from_zero(np.add.accumulate(x.astype(np.float32), axis), axis).astype(x.dtype)
    return from_zero(np.add.accumulate(x, axis, out=np.empty(x.shape, x.dtype)), axis)


def from_zero(sums, axis):
    """Running sums as PyTorch's, which begin with 0.: what begins with -0. is 0."""
    if sums.dtype.kind not in "fc":
        return sums
    if sums.size >= _LOOKED_AT:
        first = sums[(slice(None),) * axis + (slice(0, 1),)]
        if not (first == 0).any():
            return sums
    sums += 0
    return sums


_LOOKED_AT = 1 << 12  # elements from which a look at the first ones costs less than an addition


def _batch_scan(prim, tensors, axes, params):
    return prim(move_batch(tensors[0], axes[0]), axis=params["axis"] + 1), 0


def _reverse_cumsum(g, axis):
    return flip(cumsum(flip(g, axes=(axis,)), axis=axis), axes=(axis,))


cumsum = linear(
    "cumsum",
    _cumsum,
    _reverse_cumsum,
    batch=_batch_scan,
    shape=lambda prim, args, params: (shape_of(args[0]), element_type(args[0])),
    tex="cumsum(x, axis)",
)


# --- running products, for untracked values; `ops` builds the differentiable ones from `mul` ------


def _multiply_scan(x, *, axis):
    if x.dtype in HALVES:
        return _multiply_scan(x.astype(np.float32), axis=axis).astype(x.dtype)
    return np.multiply.accumulate(x, axis, out=np.empty(x.shape, x.dtype))


multiply_scan = nondifferentiable(
    "cumprod", _multiply_scan, ("x",), batch=_batch_scan,
    shape=lambda prim, args, params: (shape_of(args[0]), element_type(args[0])),
    tex="cumprod(x, axis)",
)  # fmt: skip


# --- running logarithms of sums of exponentials: each step joins two, so that none overflows -----


def _log_scan(x, *, axis):
    if x.dtype.kind == "c":
        return _complex_log_scan(x, axis)
    wide = x.astype(np.float64) if x.dtype.itemsize < 8 else x
    return np.ascontiguousarray(np.logaddexp.accumulate(wide, axis).astype(x.dtype, copy=False))


def _complex_log_scan(x, axis):
    """By steps of 1, 2, 4 ... places, of which the larger real part is taken out."""
    out, step = np.moveaxis(x, axis, 0), 1
    while step < len(out):
        here, before = out[step:], out[:-step]
        swap = here.real < before.real
        large, small = np.where(swap, before, here), np.where(swap, here, before)
        joined = np.where(large.real == -np.inf, large, large + np.log1p(np.exp(small - large)))
        out, step = np.concatenate([out[:step], joined]), step * 2
    return np.moveaxis(out, 0, axis)


def _logarithms(t):
    """(sign, logarithm) of the positive and of the negative part of each number."""
    if element_type(t).kind == "c":
        return [(1, log(t))]
    return [(1, _positive_log(t)), (-1, _positive_log(-t))]


def _positive_log(t):
    there = t > 0
    return select(there, log(select(there, t, zeros_like(t) + 1)), zeros_like(t) - np.inf)


def _less(part, out):
    """part - out; what has no share in a sum that is zero has none."""
    return select(out == -np.inf, zeros_like(out) - np.inf, part - out)


def _log_scan_back(g, x, out, axis):
    """Σ over later places of g·exp(x - out), from logarithms in the order of PyTorch's."""
    total, back = None, (axis,)
    for sign, part in _logarithms(g):
        part = flip(_less(part, out), axes=back)
        term = exp(flip(log_scan(part, axis=axis), axes=back) + x)
        total = term if total is None else total + sign * term
    return total


def _log_scan_tangent(tangents, primals, out, params):
    total = None
    for sign, part in _logarithms(tangents[0]):
        term = exp(_less(log_scan(part + primals[0], **params), out))
        total = term if total is None else total + sign * term
    return total


log_scan = Primitive(
    "logcumsumexp", _log_scan, ("x",), vjp={"x": _log_scan_back}, jvp=_log_scan_tangent,
    batch=_batch_scan, tex="logcumsumexp(x, axis)",
    shape=lambda prim, args, params: (shape_of(args[0]), element_type(args[0])),
)  # fmt: skip
log_scan.conjugated = Conjugated(log_scan)


# --- the Euclidean norm: its derivative at 0 is 0 -----------------------------------------------


def _norm2(x, *, axes, keepdims):
    if x.dtype in HALVES:
        return _norm2(x.astype(np.float32), axes=axes, keepdims=keepdims).astype(x.dtype)
    if x.size >= SUM_FROM and NATIVE:
        found = NATIVE.product_sum(x, x, axes, keepdims)
        if found is not None:
            return np.sqrt(found)
    square = x.real * x.real + x.imag * x.imag if x.dtype.kind == "c" else x * x
    return in_order(np.sqrt(total(square, axes, keepdims)))


norm2 = reduction("linalg_vector_norm", "root(sum(x * x, axes))", _norm2, saves=("x", "out"),
                  tex="norm(x, axes)")  # fmt: skip
