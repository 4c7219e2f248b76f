"""Convolution on NumPy arrays: windows as strided views, the arithmetic in a few matrix products.

Three layouts of the unfolded input. Rows: windows are unfolded along all axes but the first, and
each output row reads its kernel rows as one matrix. Stacked: all images are one matrix. Image:
one matrix each, whose product is already in place. Read `convolve`.
"""

from itertools import product
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..core.native import NATIVE
from .base import HALVES

__all__ = ["convolve", "input_gradient", "span", "spans", "weight_gradient", "windows"]

BLOCK = 1 << 21  # elements unfolded at a time: beyond, pages and caches cost more than the loop
SMALL = 200  # columns below which a product of one image alone is inefficient


def span(size, out, offset, stride):
    """(output slice, input slice): windows whose element at `offset` lies inside [0, size)."""
    low = max(0, -(offset // stride)) if offset < 0 else 0
    high = min(out, (size - 1 - offset) // stride + 1)
    if high <= low:
        return None
    first = low * stride + offset
    return slice(low, high), slice(first, first + (high - low - 1) * stride + 1, stride)


def spans(sizes, outs, kernel, stride, padding, dilation):
    """For each element of the kernel: (its place, output index, input index), all trailing axes."""
    along = [
        [(r, span(n, o, r * d - p, s)) for r in range(k)]
        for n, o, k, s, p, d in zip(sizes, outs, kernel, stride, padding, dilation, strict=True)
    ]
    for combination in product(*along):
        if all(pair is not None for _, pair in combination):
            places = tuple([r for r, _ in combination])
            yield (places, (..., *[pair[0] for _, pair in combination]),
                   (..., *[pair[1] for _, pair in combination]))  # fmt: skip


def windows(x, kernel, stride, dilation, out):
    """A view (*lead, *kernel, *out) of what each window sees, axes trailing in `x`."""
    lead = x.ndim - len(kernel)
    steps = x.strides[lead:]
    shape = (*x.shape[:lead], *kernel, *out)
    strides = (*x.strides[:lead], *[s * d for s, d in zip(steps, dilation, strict=True)],
               *[s * t for s, t in zip(steps, stride, strict=True)])  # fmt: skip
    if x.flags.c_contiguous:
        return np.ndarray(shape, x.dtype, x, 0, strides)
    return as_strided(x, shape, strides)


def padded(x, pads):
    """`x` with zeros around its trailing axes; negative widths cut."""
    for before, after in pads:
        if before or after:
            break
    else:
        return x
    lead = (slice(None),) * (x.ndim - len(pads))
    sizes = x.shape[len(lead) :]
    cut = [
        slice(max(0, -before), n - max(0, -after))
        for n, (before, after) in zip(sizes, pads, strict=True)
    ]
    x = x[(*lead, *cut)]
    widths = [(max(0, before), max(0, after)) for before, after in pads]
    shape = [n + sum(w) for n, w in zip(x.shape[len(lead) :], widths, strict=True)]
    out = np.zeros((*x.shape[: len(lead)], *shape), x.dtype)
    inside = [slice(w[0], w[0] + n) for n, w in zip(x.shape[len(lead) :], widths, strict=True)]
    out[(*lead, *inside)] = x
    return out


def _blocks(count, each):
    """Slices of the batch with about BLOCK unfolded elements in each."""
    if count * each <= BLOCK:
        return [slice(0, count)]
    step = max(1, min(count, BLOCK // max(each, 1)))
    return [slice(i, min(i + step, count)) for i in range(0, count, step)]


class _Shared:
    """Row layout: (rows, channels x kernel columns, images x output columns), rows shared."""

    def __init__(self, x_shape, w_shape, stride, dilation, out):
        self.kernel, self.out, self.step = w_shape[2:], out, stride[0]
        self.stride, self.dilation = stride[1:], dilation[1:]
        self.channels = x_shape[1]
        self.each = x_shape[1] * x_shape[2] * prod(self.kernel[1:]) * prod(out[1:])
        self.rows = self.kernel[0] * x_shape[1] * prod(self.kernel[1:])

    def matrix(self, w):
        """The weight as (output channels, kernel rows x channels x kernel columns)."""
        return w.swapaxes(1, 2).reshape(w.shape[0], -1)

    def unmatrix(self, m):
        shape = (m.shape[0], self.kernel[0], self.channels, *self.kernel[1:])
        return np.ascontiguousarray(m.reshape(shape).swapaxes(1, 2))

    def columns(self, x):
        """One matrix for each output row, from a block of images."""
        view = windows(x, self.kernel[1:], self.stride, self.dilation, self.out[1:])
        k = len(self.kernel) - 1
        order = (2, 1, *range(3, 3 + k), 0, *range(3 + k, 3 + 2 * k))
        col = np.ascontiguousarray(view.transpose(order)).reshape(x.shape[2], -1)
        width = x.shape[0] * prod(self.out[1:])
        taps, step = self.kernel[0], self.step
        return [
            col[p * step : p * step + taps].reshape(self.rows, width) for p in range(self.out[0])
        ]

    def split(self, y):
        """(images, channels, output rows, output columns) as (rows, channels, images, columns)."""
        return y.reshape(*y.shape[:3], -1).transpose(2, 1, 0, 3)


class _Stacked:
    """One matrix for all images of a block: (channels x kernel, images x outputs)."""

    def __init__(self, w_shape, stride, dilation, out):
        self.kernel, self.out, self.stride, self.dilation = w_shape[2:], out, stride, dilation
        self.w_shape = w_shape
        self.rows = prod(w_shape[1:])
        self.each = self.rows * prod(out)

    def matrix(self, w):
        return w.reshape(w.shape[0], -1)

    def unmatrix(self, m):
        return np.ascontiguousarray(m).reshape(self.w_shape)

    def columns(self, x):
        view = windows(x, self.kernel, self.stride, self.dilation, self.out)
        k = len(self.kernel)
        order = (1, *range(2, 2 + k), 0, *range(2 + k, 2 + 2 * k))
        return [view.transpose(order).reshape(self.rows, -1)]

    def split(self, y):
        return y.reshape(*y.shape[:2], 1, -1).transpose(2, 1, 0, 3)


def _layout(x_shape, w_shape, stride, pads, dilation, out, groups):
    """The layout that is fastest for these sizes; None: image by image."""
    kernel, count, outputs = w_shape[2:], x_shape[0], prod(out)
    if groups > 1:
        return None
    shares = len(kernel) > 1 and dilation[0] == 1 and stride[0] < kernel[0]
    if shares and count * prod(out[1:]) >= SMALL and prod(w_shape[1:]) >= 64:
        rows = x_shape[2] + sum(pads[0])
        return _Shared((*x_shape[:2], rows), w_shape, stride, dilation, out)
    if count > 1 and outputs < SMALL:
        return _Stacked(w_shape, stride, dilation, out)
    return None


# --- forward ------------------------------------------------------------------------------------


def convolve(x, w, bias, stride, pads, dilation, groups, out):
    """(N, C, *in) * (K, C / groups, *kernel) -> (N, K, *out); `pads` are (before, after) pairs."""
    if x.dtype in HALVES:
        wide = [a if a is None else a.astype(np.float32) for a in (x, w, bias)]
        return convolve(*wide, stride, pads, dilation, groups, out).astype(x.dtype)
    if (
        NATIVE
        and (y := NATIVE.convolve(x, w, bias, stride, pads, dilation, groups, out)) is not None
    ):
        return y
    result = np.empty((x.shape[0], w.shape[0], *out), x.dtype)
    if result.size == 0 or w.size == 0:
        result[...] = 0 if bias is None else _upright(bias, len(out))
    elif groups > 1 and w.shape[1] == 1:
        _depthwise(x, w, bias, stride, pads, dilation, groups, result)
    else:
        layout = _layout(x.shape, w.shape, stride, pads, dilation, out, groups)
        if layout is None:
            _by_image(x, w, bias, stride, pads, dilation, groups, result)
        else:
            _by_layout(layout, x, w, bias, pads, result)
    return result


def _upright(bias, axes):
    return bias.reshape(-1, *(1,) * axes)


def _by_layout(layout, x, w, bias, pads, result):
    matrix = layout.matrix(w)
    for block in _blocks(x.shape[0], layout.each):
        columns = layout.columns(padded(x[block], pads))
        y = np.empty((len(columns), matrix.shape[0], columns[0].shape[1]), x.dtype)
        for row, col in zip(y, columns, strict=True):
            np.matmul(matrix, col, out=row)  # not `dot`, which takes one element for a number
            if bias is not None:
                row += bias[:, None]  # here, while the row is in the cache
        target = layout.split(result[block])
        np.copyto(target, y.reshape(target.shape))


def _by_image(x, w, bias, stride, pads, dilation, groups, result):
    kernel, out = w.shape[2:], result.shape[2:]
    matrix = w.reshape(groups, w.shape[0] // groups, -1)
    flat = result.reshape(x.shape[0], groups, matrix.shape[1], -1)
    # Half a block: columns and products should stay in the cache together.
    for block in _blocks(x.shape[0], 4 * x.shape[1] * prod(kernel) * prod(out)):
        view = windows(padded(x[block], pads), kernel, stride, dilation, out)
        columns = view.reshape(view.shape[0], groups, matrix.shape[2], -1)
        np.matmul(matrix, columns, out=flat[block])
        if bias is not None:
            result[block] += _upright(bias, len(out))


def _depthwise(x, w, bias, stride, pads, dilation, groups, result):
    """One input channel a group: sums of shifted multiples, no matrices.

    With stride 1 each padded plane is one long row in which a shift is an offset: what wraps from
    row to row is computed too, and left out at the end.
    """
    kernel, out = w.shape[2:], result.shape[2:]
    taps = w.reshape(groups, -1, prod(kernel))
    flat = result.reshape(x.shape[0], groups, taps.shape[1], *out)
    for block in _blocks(x.shape[0], 16 * w.shape[0] * prod(out)):
        target = flat[block]
        images = np.ascontiguousarray(padded(x[block], pads))
        if all(s == 1 for s in stride):
            total = _along_planes(images, taps, kernel, dilation, out)
            inside = [slice(0, n) for n in out]
            target[...] = total.reshape(*total.shape[:3], *images.shape[2:])[(..., *inside)]
        else:
            view = windows(images, kernel, stride, dilation, out)
            places = list(np.ndindex(*kernel))
            seen = [view[(slice(None), slice(None), *p)][:, :, None] for p in places]
            _weighted_sum(seen, taps, len(out), target)
        if bias is not None:
            result[block] += _upright(bias, len(out))


def _along_planes(images, taps, kernel, dilation, out):
    count, channels, *space = images.shape
    rows = images.reshape(count, channels, 1, -1)
    steps = [prod(space[i + 1 :]) for i in range(len(space))]
    length = sum((n - 1) * step for n, step in zip(out, steps, strict=True)) + 1
    offsets = [
        sum(r * d * step for r, d, step in zip(place, dilation, steps, strict=True))
        for place in np.ndindex(*kernel)
    ]
    total = np.empty((count, channels, taps.shape[1], rows.shape[3]), images.dtype)
    _weighted_sum([rows[..., o : o + length] for o in offsets], taps, 1, total[..., :length])
    return total


def _weighted_sum(seen, taps, axes, target):
    """target = sum of seen[i] * taps[..., i], one factor for each channel."""
    part = np.empty(target.shape, target.dtype)
    for i, values in enumerate(seen):
        factor = taps[..., i].reshape(*taps.shape[:2], *(1,) * axes)
        if i == 0:
            np.multiply(values, factor, out=target)
        else:
            np.multiply(values, factor, out=part)
            target += part


# --- gradient of the weight ---------------------------------------------------------------------


def weight_gradient(x, g, stride, padding, dilation, groups, kernel):
    """(N, C, *in), (N, K, *out) -> (K, C / groups, *kernel)."""
    if x.dtype in HALVES:
        wide = [a.astype(np.float32) for a in (x, g)]
        return weight_gradient(*wide, stride, padding, dilation, groups, kernel).astype(x.dtype)
    if NATIVE:
        total = NATIVE.weight_gradient(x, g, stride, padding, dilation, groups, kernel)
        if total is not None:
            return total
    shape = (g.shape[1], x.shape[1] // groups, *kernel)
    if x.size == 0 or g.size == 0:
        return np.zeros(shape, x.dtype)
    out = g.shape[2:]
    pads = [
        (p, max(0, (o - 1) * s + d * (k - 1) + 1 - n - p))
        for o, s, d, k, n, p in zip(
            out, stride, dilation, kernel, x.shape[2:], padding, strict=True
        )
    ]
    if groups > 1 and shape[1] == 1:
        return _depthwise_weight(x, g, stride, pads, dilation, groups, shape)
    layout = _layout(x.shape, shape, stride, pads, dilation, out, groups)
    if layout is None:
        return _weight_by_image(x, g, stride, pads, dilation, groups, shape)
    total = np.zeros((layout.rows, shape[0]), x.dtype)
    for block in _blocks(x.shape[0], layout.each):
        columns = layout.columns(padded(x[block], pads))
        rows = layout.split(g[block]).transpose(0, 2, 3, 1).reshape(len(columns), -1, shape[0])
        for col, row in zip(columns, rows, strict=True):
            total += np.matmul(col, row)
    return layout.unmatrix(total.T)


def _weight_by_image(x, g, stride, pads, dilation, groups, shape):
    kernel, out = shape[2:], g.shape[2:]
    total = np.zeros((groups, shape[0] // groups, prod(shape[1:])), x.dtype)
    each = max(x.shape[1] * prod(kernel) * prod(out), prod(shape))
    for block in _blocks(x.shape[0], each):
        view = windows(padded(x[block], pads), kernel, stride, dilation, out)
        columns = view.reshape(view.shape[0], groups, total.shape[2], -1)
        cotangent = g[block].reshape(view.shape[0], groups, total.shape[1], -1)
        total += np.add.reduce(np.matmul(cotangent, columns.swapaxes(-1, -2)), axis=0)
    return total.reshape(shape)


def _depthwise_weight(x, g, stride, pads, dilation, groups, shape):
    kernel, out = shape[2:], g.shape[2:]
    view = windows(padded(x, pads), kernel, stride, dilation, out)
    cotangent = g.reshape(g.shape[0], groups, -1, *out)
    result = np.empty((groups, shape[0] // groups, *kernel), x.dtype)
    axes = list(range(3, 3 + len(out)))
    for place in np.ndindex(*kernel):
        seen = view[(slice(None), slice(None), *place)]
        result[(slice(None), slice(None), *place)] = np.einsum(
            seen, [0, 1, *axes], cotangent, [0, 1, 2, *axes], [1, 2]
        )
    return result.reshape(shape)


# --- gradient of the input, which is the transposed convolution -----------------------------------


def input_gradient(g, w, bias, stride, padding, dilation, groups, size):
    """(N, K, *out), (K, C / groups, *kernel) -> (N, C, *size)."""
    if g.dtype in HALVES:
        wide = [a if a is None else a.astype(np.float32) for a in (g, w, bias)]
        return input_gradient(*wide, stride, padding, dilation, groups, size).astype(g.dtype)
    if NATIVE:
        back = NATIVE.input_gradient(g, w, bias, stride, padding, dilation, groups, size)
        if back is not None:
            return back
    kernel, out = w.shape[2:], g.shape[2:]
    if all(s == 1 for s in stride):
        reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        pads = [(r - p, n + p - o) for r, p, n, o in zip(reach, padding, size, out, strict=True)]
        return convolve(g, _turned(w, groups), bias, stride, pads, dilation, groups, size)
    result = np.zeros((g.shape[0], groups * w.shape[1], *size), g.dtype)
    if g.size and w.size:
        places = list(spans(size, out, kernel, stride, padding, dilation))
        for block in _blocks(g.shape[0], result.shape[1] * prod(kernel) * prod(out)):
            parts = _window_parts(g[block], w, groups)
            target = result[block]
            for place, there, here in places:
                target[here] += parts[(slice(None), slice(None), *place)][there]
    if bias is not None:
        result += _upright(bias, len(size))
    return result


def _turned(w, groups):
    """The weight with its channels exchanged and its kernel reversed along each axis."""
    shape = w.shape
    parts = w.reshape(groups, shape[0] // groups, *shape[1:]).swapaxes(1, 2)
    parts = parts[(..., *(slice(None, None, -1),) * (len(shape) - 2))]
    return parts.reshape(groups * shape[1], shape[0] // groups, *shape[2:])


def _window_parts(g, w, groups):
    """What each output sends to each element of its window: (N, C, *kernel, *out)."""
    count, out, kernel = g.shape[0], g.shape[2:], w.shape[2:]
    channels = groups * w.shape[1]
    if groups == 1 and count > 1 and prod(out) < SMALL:
        flat = g.reshape(count, g.shape[1], -1).swapaxes(0, 1).reshape(g.shape[1], -1)
        parts = np.matmul(w.reshape(w.shape[0], -1).T, flat)
        parts = parts.reshape(channels, *kernel, count, *out)
        return np.moveaxis(parts, 1 + len(kernel), 0)
    matrix = w.reshape(groups, w.shape[0] // groups, -1).swapaxes(1, 2)
    flat = g.reshape(count, groups, g.shape[1] // groups, -1)
    return np.matmul(matrix, flat).reshape(count, channels, *kernel, *out)
