"""Reductions and normalisations of the elements where a boolean mask holds.

An element that is masked out counts as the identity of the operation.
"""

import math

from .. import ops
from ..base.dtypes import iinfo, int64
from ..ops.convert import convert, type_of

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp",
    "logsumexp", "mean", "median", "norm", "normalize", "prod", "softmax", "softmin", "std", "sum",
    "var",
]  # fmt: skip


def _filled(input, mask, value):
    """`input` with `value` where the mask does not hold."""
    if mask is None:
        return input
    return ops.where(ops.broadcast_to(mask, input.shape), input, ops.full_like(input, value))


def _largest(dtype, sign):
    if dtype.is_floating_point:
        return sign * math.inf
    if dtype.name == "bool":
        return sign > 0
    limits = iinfo(dtype)
    return limits.max if sign > 0 else limits.min


def _typed(input, dtype, whole=False):
    if dtype is None and whole and type_of(input).category < 2:
        dtype = int64
    return input if dtype is None else convert(input, dtype)


def _axes(input, dim):
    if dim is None or dim == ():
        return tuple(range(input.dim()))
    return (dim,) if isinstance(dim, int) else tuple(dim)


def _reduced(function, input, dim, keepdim):
    """`function` over several axes, one after the other, where it takes only one at a time."""
    for axis in sorted([a % max(input.dim(), 1) for a in _axes(input, dim)], reverse=True):
        input = function(input, axis, keepdim=keepdim)
    return input


def sum(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The sum of the elements where the mask holds."""
    x = _typed(input, dtype, True)
    return ops.sum(_filled(x, mask, 0), _axes(x, dim), keepdim, dtype=dtype)


def prod(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The product of the elements where the mask holds."""
    return _reduced(ops.prod, _filled(_typed(input, dtype, True), mask, 1), dim, keepdim)


def amax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The largest element where the mask holds."""
    x = _typed(input, dtype)
    return ops.amax(_filled(x, mask, _largest(type_of(x), -1)), _axes(x, dim), keepdim)


def amin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The smallest element where the mask holds."""
    x = _typed(input, dtype)
    return ops.amin(_filled(x, mask, _largest(type_of(x), 1)), _axes(x, dim), keepdim)


def argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The place of the largest element where the mask holds."""
    x = _typed(input, dtype)
    found = ops.argmax(_filled(x, mask, _largest(type_of(x), -1)), dim, keepdim)
    return convert(found, type_of(x))


def argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The place of the smallest element where the mask holds."""
    x = _typed(input, dtype)
    found = ops.argmin(_filled(x, mask, _largest(type_of(x), 1)), dim, keepdim)
    return convert(found, type_of(x))


def cumsum(input, dim, *, dtype=None, mask=None):
    """Running sums of the elements where the mask holds."""
    return ops.cumsum(_filled(_typed(input, dtype, True), mask, 0), dim)


def cumprod(input, dim, *, dtype=None, mask=None):
    """Running products of the elements where the mask holds."""
    return ops.cumprod(_filled(_typed(input, dtype, True), mask, 1), dim)


def logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """log Σ exp(x) of the elements where the mask holds."""
    x = _typed(input, dtype)
    least = -math.inf if type_of(x).category > 1 else _largest(type_of(x), -1)
    return convert(ops.logsumexp(_filled(x, mask, least), _axes(x, dim), keepdim), type_of(x))


def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """log(exp(x) + exp(y)), either side without what its mask excludes."""
    x, y = _typed(input, dtype), _typed(other, dtype)
    return ops.logaddexp(_filled(x, input_mask, -math.inf), _filled(y, other_mask, -math.inf))


def softmax(input, dim, *, dtype=None, mask=None):
    """The softmax of the elements where the mask holds; the others get 0."""
    x = _typed(input, dtype)
    return ops.softmax(_filled(x, mask, -math.inf), dim)


def log_softmax(input, dim, *, dtype=None, mask=None):
    """The logarithm of the softmax of the elements where the mask holds."""
    x = _typed(input, dtype)
    return ops.log_softmax(_filled(x, mask, -math.inf), dim)


def softmin(input, dim, *, dtype=None, mask=None):
    """The softmin of the elements where the mask holds."""
    x = _typed(input, dtype)
    return ops.softmax(-_filled(x, mask, math.inf), dim)


def _count(input, dim, keepdim, mask):
    """How many elements the mask leaves."""
    ones = ops.ones(input.shape, dtype=int64)
    return ops.sum(_filled(ones, mask, 0), _axes(input, dim), keepdim)


def mean(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The mean of the elements where the mask holds; NaN where it holds nowhere."""
    x = _typed(input, dtype)
    return sum(x, dim, keepdim=keepdim, mask=mask) / _count(x, dim, keepdim, mask)


def median(input, dim=-1, *, keepdim=False, dtype=None, mask=None):
    """The lower median of the elements where the mask holds."""
    x = _typed(input, dtype)
    if not type_of(x).is_floating_point:
        raise ValueError(f"input must be floating point, got {type_of(x)}")
    if x.dim() == 0:
        return _filled(x, mask, math.nan)
    return ops.nanmedian(_filled(x, mask, math.nan), dim, keepdim).values


def norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The vector norm of the elements where the mask holds."""
    x = _typed(input, dtype)
    identity = math.inf if ord < 0 else 0.0
    return ops.vector_norm(_filled(x, mask, identity), ord, _axes(x, dim), keepdim, dtype=dtype)


def normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None):
    """The elements over their norm where the mask holds, which is at least `eps`."""
    x = _typed(input, dtype)
    size = norm(x, ord, dim, keepdim=True, mask=mask)
    return _filled(x, mask, 0) / ops.maximum(size, ops.full_like(size, eps))


def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The variance of the elements where the mask holds."""
    x = _typed(input, dtype)
    if type_of(x).category < 2:
        x = x.to(ops.ones(()).dtype)
    if correction is None:
        correction = 0 if unbiased is False else 1
    count = _count(x, dim, True, mask)
    middle = ops.sum(_filled(x, mask, 0), _axes(x, dim), True) / count
    gap = _filled(x - middle, mask, 0)
    square = (gap * gap.conj()).real if type_of(gap).is_complex else gap * gap
    total = ops.sum(square, _axes(x, dim), keepdim)
    count = count if keepdim else _count(x, dim, False, mask)
    return (total / ops.maximum(count - correction, ops.zeros_like(count))).to(x.dtype)


def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The standard deviation of the elements where the mask holds."""
    return ops.sqrt(var(input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype,
                        mask=mask))  # fmt: skip
