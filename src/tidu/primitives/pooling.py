"""Pooling over trailing axes: the maximum or the mean of each window, and their transposes.

All take kernel, stride, padding and dilation, one length for each pooled axis, and `size`: the
lengths of what is pooled. Padding is never stored: windows are cut where they leave the input.
A maximum sends its gradient to the first element that equals it, found again from the input alone:
the output may be written to before the backward pass, as by `nn.ReLU(inplace=True)`.
"""

from math import prod

import numpy as np

from ..core.native import NATIVE
from .base import HALVES
from .composed import composed
from .convolution_kernels import span, spans
from .define import nondifferentiable
from .sliding import batch_leading, shape_trailing, tail
from .transposed import pair

__all__ = ["max_pick", "max_place", "max_pool", "max_positions", "mean_pool", "mean_spread"]


def _along(x, axis, ufunc, start, k, s, p, d, out):
    """`ufunc` over the windows along one axis; `start` where padding leaves them open."""
    index = [slice(None)] * x.ndim

    def part(array, where):
        index[axis] = where
        return array[tuple(index)]

    half = x.dtype == np.float16  # of equals (0 and -0) NumPy gives the second, of halves the first
    pairs = [pair for r in range(k) if (pair := span(x.shape[axis], out, r * d - p, s))]
    if len(pairs) > 1 and all(there == slice(0, out) for there, _ in pairs):
        first, second = part(x, pairs[0][1]), part(x, pairs[1][1])
        result = ufunc(first, second) if half else ufunc(second, first)
        pairs = pairs[2:]
    else:
        result = np.full((*x.shape[:axis], out, *x.shape[axis + 1 :]), start, x.dtype)
    for there, here in pairs:
        target = part(result, there)
        new = part(x, here)
        ufunc(*((target, new) if half else (new, target)), out=target)
    return result


def _over_windows(x, ufunc, start, kernel, stride, padding, dilation, size):
    # Axis by axis: k + k steps instead of k * k, the first with long contiguous rows.
    first = x.ndim - len(kernel)
    for i, lengths in enumerate(zip(kernel, stride, padding, dilation, size, strict=True)):
        x = _along(x, first + i, ufunc, start, *lengths)
    return x


# --- maxima -------------------------------------------------------------------------------------


def _lowest(dtype):
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _max_pool(x, *, kernel, stride, padding, dilation, size):
    if NATIVE and (y := NATIVE.max_pool(x, kernel, stride, padding, dilation, size)) is not None:
        return y
    return _over_windows(x, np.maximum, _lowest(x.dtype), kernel, stride, padding, dilation, size)


def _hits(x, out, kernel, stride, padding, dilation):
    """For each kernel element: (output index, input index, where it is its window's maximum)."""
    k = len(kernel)
    free = None
    broken = x.dtype.kind in "fV" and np.isnan(np.add.reduce(out, axis=None))
    sizes, outs = x.shape[x.ndim - k :], out.shape[out.ndim - k :]
    steps = list(spans(sizes, outs, kernel, stride, padding, dilation))
    last = _last_nan(x, out.shape, steps) if broken else None
    for i, (_, there, here) in enumerate(steps):
        hit = x[here] == out[there]
        if free is None and i + 1 < len(steps):
            free = np.ones(out.shape, bool)
            free[there] = ~hit
        elif free is not None:
            hit &= free[there]
            if i + 1 < len(steps):
                free[there] ^= hit
        yield there, here, hit if last is None else hit | (last[there] == i)


def _last_nan(x, shape, steps):
    """Which kernel element is the last NaN of each window, -1 for none: that one is its maximum."""
    last = np.full(shape, -1)
    for i, (_, there, here) in enumerate(steps):
        np.copyto(last[there], i, where=np.isnan(x[here]))
    return last


def _max_place(g_, x, *, kernel, stride, padding, dilation, size, shape):
    """Each cotangent where its window's maximum is; the transpose of `_max_pick`."""
    if NATIVE and (y := NATIVE.max_place(g_, x, kernel, stride, padding, dilation)) is not None:
        return y
    g = g_
    out = _max_pool(x, kernel=kernel, stride=stride, padding=padding, dilation=dilation, size=size)
    result = np.zeros(x.shape, g.dtype)
    apart = all(s > d * (k - 1) for s, d, k in zip(stride, dilation, kernel, strict=True))
    # Masked writes cost three times a product, which serves unless 0 * inf would spoil it.
    finite = g.dtype.kind == "f" and np.isfinite(np.add.reduce(g, axis=None))
    hits = _hits(x, out, kernel, stride, padding, dilation)
    if (
        not apart
    ):  # cotangents are added in the order of windows: an element is the first one's last
        hits = reversed(list(hits))
    for there, here, hit in hits:
        target = result[here]
        if finite and apart:
            np.multiply(g[there], hit, out=target)
        elif finite:
            target += g[there] * hit
        elif apart:
            np.copyto(target, g[there], where=hit)
        else:
            np.add(target, g[there], out=target, where=hit)
    return result


def _max_pick(t_, x, *, kernel, stride, padding, dilation, size):
    out = _max_pool(x, kernel=kernel, stride=stride, padding=padding, dilation=dilation, size=size)
    result = np.zeros(out.shape, t_.dtype)
    for there, here, hit in _hits(x, out, kernel, stride, padding, dilation):
        np.copyto(result[there], t_[here], where=hit)
    return result


# Where the maximum lies is constant between ties, so x and the maximum get no gradient here.
max_pick, max_place = pair(
    "max_pick", _max_pick, "max_pool_backward", _max_place, batched=dict, shape=shape_trailing,
    back_torch_name="MaxPool2DWithIndicesBackward", tex=("max_pick(t_, x)", "max_pool_back(g_, x)"),
)  # fmt: skip


def _pool_back(g, saved, params, needs):
    x = saved[0]
    return (max_place.eval(g, x, **params, shape=x.shape),)


max_pool = composed(
    "max_pool", _max_pool, ("x",), lambda x, **params: max_pick(x, x, **params), back=_pool_back,
    saves={"x": ("x",)}, loops={0: 0}, shape=shape_trailing, torch_name="MaxPool2DWithIndices",
    tex="max_pool(x, kernel)",
)  # fmt: skip


def _max_positions(x, *, kernel, stride, padding, dilation, size):
    """The flat place of each window's maximum within the pooled axes of `x`."""
    if NATIVE:
        found = NATIVE.max_positions(x, kernel, stride, padding, dilation, size)
        if found is not None:
            return found
    k = len(kernel)
    sizes = x.shape[x.ndim - k :]
    best = np.full((*x.shape[: x.ndim - k], *size), _lowest(x.dtype), x.dtype)
    position = np.empty(best.shape, np.int64)
    position[...] = _first_places(sizes, size, stride, padding, dilation)
    flat = np.arange(prod(sizes)).reshape(sizes)
    for _, there, here in spans(sizes, size, kernel, stride, padding, dilation):
        seen, target = x[here], best[there]
        better = (seen > target) | (seen != seen)
        np.copyto(target, seen, where=better)
        np.copyto(position[there], flat[here[1:]], where=better)
    return position


def _first_places(sizes, size, stride, padding, dilation):
    """The flat place of each window's first element inside the input."""
    places = 0
    for n, out, s, p, d in zip(sizes, size, stride, padding, dilation, strict=True):
        start = np.arange(out) * s - p
        start = np.where(start < 0, start + -(start // d) * d, start)
        places = np.asarray(places)[..., None] * n + start
    return places


max_positions = nondifferentiable(
    "max_positions", _max_positions, ("x",), batch=batch_leading,
    shape=lambda prim, args, params: (
        shape_trailing(prim, args, params)[0], np.dtype(np.int64)),
    tex="max_positions(x, kernel)",
)  # fmt: skip


# --- means: `divisor` is a number, or for each axis how many elements each window counts ----------


def _counted(divisor, dtype):
    if not isinstance(divisor, tuple):
        return dtype.type(divisor)
    total = np.ones((), dtype)
    for counts in divisor:
        total = total[..., None] * np.array(counts, dtype)
    return total


def _mean_pool(x, *, kernel, stride, padding, size, divisor):
    if x.dtype in HALVES:
        wide = x.astype(np.float32)
        return _mean_pool(wide, kernel=kernel, stride=stride, padding=padding, size=size,
                          divisor=divisor).astype(x.dtype)  # fmt: skip
    if NATIVE and (y := NATIVE.mean_pool(x, kernel, stride, padding, size, divisor)) is not None:
        return y
    total = _over_windows(x, np.add, 0, kernel, stride, padding, (1,) * len(kernel), size)
    if x.dtype.kind in "iu":
        return np.trunc(total / _counted(divisor, x.dtype)).astype(x.dtype)
    total /= _counted(divisor, x.dtype)
    return total


def _mean_spread(g, *, kernel, stride, padding, size, divisor, shape):
    """The transpose: each cotangent, divided, at every element of its window."""
    if NATIVE and (y := NATIVE.mean_spread(g, kernel, stride, padding, shape, divisor)) is not None:
        return y
    k, size = len(kernel), tail(shape, len(kernel))
    shares = g / _counted(divisor, g.dtype)
    for i in range(k):
        axis = g.ndim - k + i
        shares = _spread_along(shares, axis, kernel[i], stride[i], padding[i], size[i])
    return shares


def _spread_along(g, axis, k, s, p, size):
    lead = (slice(None),) * axis
    if k == s and p == 0 and size == k * g.shape[axis]:
        return np.repeat(g, k, axis)
    result = np.zeros((*g.shape[:axis], size, *g.shape[axis + 1 :]), g.dtype)
    for r in range(k):
        pair = span(size, g.shape[axis], r - p, s)
        if pair:
            result[(*lead, pair[1])] += g[(*lead, pair[0])]
    return result


mean_pool, mean_spread = pair(
    "avg_pool", _mean_pool, "avg_pool_backward", _mean_spread, batched=dict, shape=shape_trailing,
    torch_name="AvgPool2D", tex=("avg_pool(x, kernel)", "avg_pool_back(g, kernel)"),
)  # fmt: skip
