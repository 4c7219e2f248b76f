"""Convolution, its transpose and its weight's gradient in generated code, for float32 and float64.

`convolve`, `input_gradient` and `weight_gradient` take what their namesakes in
`primitives/convolution_kernels.py` take, and answer None where NumPy should do it.
"""

from itertools import product
from math import ceil, prod

import numpy as np

from ...core.blocks import THREADS
from ..machine.code import kind_of
from ..machine.pool import ensure
from . import convolution_products as products
from . import maxima, winograd
from .convolution_code import correlate, panels, weigh
from .convolution_epilogues import Results
from .convolution_plan import Plan, forward_axis, transposed_axes
from .convolution_sizes import (
    LINE,
    SHARES,
    SUMS,
    kernel_of,
    lanes_of,
    scratch,
    strides_of,
    tile_of,
    up,
    wide,
)

__all__ = ["convolve", "input_gradient", "into", "largest", "serves", "weight_gradient"]

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
LEAST = 1 << 16  # multiplications below which the tables cost more than they gain
FEW = 12  # pixels of an image below which vectors of them are mostly empty
_INPUT, _FLAT, _SHORT = 1 << 17, 1 << 12, 1 << 10  # elements of a band: input, output, cotangent
_OUTPUT = 1 << 17  # elements of a band in all channels
_PLANS = {}
_MANY = 512  # plans kept
_COPIED = 128  # multiplications in whose time a number of the table of rows is gone by
_PHASES = 64  # a transposed convolution is one loop for each


def _usable(*arrays):
    first = arrays[0].dtype
    return (first is F32 or first is F64) and all(
        a is None or (a.dtype is first and a.flags.aligned) for a in arrays
    )


def _kept(key, make):
    """What `make` gives for the sizes that are the key."""
    found = _PLANS.get(key)
    if found is None:
        if len(_PLANS) >= _MANY:
            _PLANS.clear()
        found = _PLANS[key] = make()
    return found


# --- out = w * buffer -----------------------------------------------------------------------------


class _Job:
    """One correlation with all that does not depend on the data."""

    __slots__ = ("biased", "blocks", "kernel", "numbers", "offsets", "plan", "rows", "slot",
                 "units")  # fmt: skip

    def __init__(self, axes, x, y_shape, y_strides, dtype, groups, fan_in, biased):
        lanes = lanes_of(kind_of(dtype))
        fan_out = y_shape[1] // groups
        plan = self.plan = Plan(axes, x[1][2:], y_strides[2:], _band(axes, fan_in, fan_out))
        self.rows, vectors = tile_of(fan_out, plan.widest, lanes)
        self.blocks = ceil(fan_out / self.rows)
        self.biased = biased
        self.kernel = kernel_of(correlate, dtype, self.rows, vectors, biased)
        taps = np.array(plan.offsets, np.int64)
        self.offsets = (np.arange(fan_in)[:, None] * plan.plane + taps).reshape(-1)
        width = vectors * lanes
        second_stride = up(plan.widest, width)
        second = up(fan_in * plan.plane + plan.tail + width, LINE)
        bands = len(plan.bands) // 7
        parts = max(1, min(self.blocks, self._most() // max(1, x[0][0] * groups * bands)))
        each = ceil(self.blocks / parts)
        parts = ceil(self.blocks / each)
        self.units = x[0][0] * groups * bands * parts
        self.slot = second + each * self.rows * second_stride
        self.numbers = (
            self.slot, groups, bands, parts, self.blocks, each, fan_in, fan_out, plan.plane,
            len(self.offsets), second, second_stride, *x[1][:2], plan.x_step, *y_strides[:2],
            plan.y_step,
        )  # fmt: skip

    def _most(self):
        """Units that are worth it: each that shares an image copies all of its rows."""
        rows = len(self.plan.rows_in) * len(self.offsets) // len(self.plan.offsets)
        sums = self.blocks * self.rows * len(self.offsets) * self.plan.widest
        return THREADS.count if rows * _COPIED * 4 * THREADS.count > sums else 4 * THREADS.count

    def _packed(self, w):
        """[group][block][input channel][element of the kernel][row of a block]."""
        groups, fan_out, fan_in, *sizes = w.shape
        out = np.empty((groups, self.blocks, fan_in, *sizes, self.rows), w.dtype)
        steps, more = strides_of(w), 3 - len(sizes)
        ensure()
        kernel_of(panels, w.dtype, self.rows)(
            out, w, self.blocks, fan_in, fan_out, *(1,) * more, *sizes, *steps[:3], *(0,) * more,
            *steps[3:], groups * self.blocks,
        )  # fmt: skip
        return out

    def run(self, x, w, bias, y, epilogue):
        """`w` is (groups, output channels, input channels, *elements of the kernel)."""
        packed = self._packed(w)
        threads, plan = THREADS.count, self.plan
        room = scratch(threads * self.slot, w.dtype)
        flags = np.zeros(threads * 8, np.int64)
        ensure()  # the plan may be older than this process
        self.kernel(
            y, x, packed, bias if self.biased else y, self.offsets, plan.rows_in, plan.rows_out,
            plan.bands, room, flags, threads, *self.numbers, *epilogue, self.units,
        )  # fmt: skip


def _band(axes, fan_in, fan_out):
    """How many rows of output to compute at a time."""
    if len(axes) == 1:
        return axes[0].out
    row = prod([axis.span for axis in axes[1:]])
    phases = prod([len(axis.phases) for axis in axes])
    by_input = _INPUT // max(1, fan_in * row * phases) - (axes[0].span - axes[0].out)
    return max(1, min(axes[0].out, by_input, _FLAT // row, _OUTPUT // (fan_out * row)))


def serves(count, weight, size):
    """Whether generated loops are worth it: images, the weight's shape, lengths of a plane."""
    return prod(weight) * count * prod(size) >= LEAST


def into(results, transposed, x, w, bias=None, *, stride, padding, dilation, groups, size):
    """A convolution, or a transposed one, as the primitives have it: its results, or None."""
    if transposed:
        return input_gradient(x, w, bias, stride, padding, dilation, groups, size, results)
    pads = [(p, p) for p in padding]
    return convolve(x, w, bias, stride, pads, dilation, groups, size, results)


def convolve(x, w, bias, stride, pads, dilation, groups, out, results=None):
    """(N, C, *in) * (K, C / groups, *kernel) -> (N, K, *out), in `results` where those are given:
    what is to be done with them is done then."""
    if not (serves(len(x), w.shape, out) and _usable(x, w, bias)) or prod(out) < FEW:
        return None
    shape = x.shape[0], w.shape[0], *out
    results = Results(np.empty(shape, x.dtype)) if results is None else results
    before = tuple([p for p, _ in pads])
    if products.serves(w.shape, stride, before, groups, bias) and out == x.shape[2:]:
        products.convolve(x, w, bias, groups, results)
        return results.y

    def directly(x, results):
        _convolve(x, w, bias, stride, before, dilation, groups, results)

    if winograd.serves(x, w.shape[0], out, w.shape[2:], stride, dilation, groups):
        parted = w.reshape(groups, -1, *w.shape[1:])
        _mend(x, winograd.convolve(x, parted, bias, before, groups, results), results, directly)
    else:
        directly(x, results)
    return results.y


def _mend(x, broken, results, directly):
    """Images with elements that are not finite as they are without Winograd's sums."""
    if broken.size:
        again = Results(np.empty((len(broken), *results.y.shape[1:]), x.dtype))
        directly(x[broken], again)
        results.y[broken] = again.y
        for image in broken.tolist():
            results.finish(image, 1)


def largest(outs, x, w, bias, stride, padding, dilation, groups, size):
    """The largest of each window of 2x2, side by side, of a convolution of this size, and which one
    that is: in `outs`, one array or two. None where Winograd's sums do not serve, of which that is
    asked in registers."""
    if not (serves(len(x), w.shape, size) and _usable(x, w, bias)) or prod(size) < FEW:
        return None
    if not winograd.serves(x, w.shape[0], size, w.shape[2:], stride, dilation, groups):
        return None
    parted, shape = w.reshape(groups, -1, *w.shape[1:]), (len(x), w.shape[0], *size)
    broken = winograd.largest_of(x, parted, bias, padding, groups, shape, outs)
    if broken.size:
        again = Results(np.empty((len(broken), *shape[1:]), x.dtype))
        _convolve(x[broken], w, bias, stride, padding, dilation, groups, again)
        for out, part in zip(outs, maxima.largest_of(again.y, len(outs) > 1), strict=True):
            out[broken] = part
    return outs


def _convolve(x, w, bias, stride, before, dilation, groups, results):
    y, out = results.y, results.y.shape[2:]
    key = ("convolve", x.shape, x.strides, w.shape, stride, before, dilation, groups, out,
           x.dtype.num, bias is None, THREADS.count)  # fmt: skip

    def make():
        axes = [
            forward_axis(*a)
            for a in zip(x.shape[2:], w.shape[2:], stride, before, dilation, out, strict=True)
        ]
        return _Job(axes, (x.shape, strides_of(x)), y.shape, strides_of(y), x.dtype, groups,
                    w.shape[1], bias is not None)  # fmt: skip

    _kept(key, make).run(x, w.reshape(groups, -1, *w.shape[1:]), bias, y, results.epilogue)


def input_gradient(g, w, bias, stride, padding, dilation, groups, size, results=None):
    """(N, K, *out), (K, C / groups, *kernel) -> (N, C, *size); `results` as in `convolve`."""
    if not (serves(len(g), w.shape, g.shape[2:]) and _usable(g, w, bias)):
        return None
    if prod(stride) > _PHASES or prod(size) < FEW:
        return None
    channels = groups * w.shape[1]
    shape = g.shape[0], channels, *size
    results = Results(np.empty(shape, g.dtype)) if results is None else results
    if products.serves(w.shape, stride, padding, groups, bias) and size == g.shape[2:]:
        products.input_gradient(g, w, bias, groups, results)
        return results.y

    def directly(g, results):
        _input_gradient(g, w, bias, stride, padding, dilation, groups, results)

    if winograd.serves(g, channels, size, w.shape[2:], stride, dilation, groups):
        turned = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)[..., ::-1, ::-1]
        before = tuple([2 - p for p in padding])
        _mend(g, winograd.convolve(g, turned, bias, before, groups, results), results, directly)
    else:
        directly(g, results)
    return results.y


def _input_gradient(g, w, bias, stride, padding, dilation, groups, results):
    y, shape, size = results.y, results.y.shape, results.y.shape[2:]
    key = ("back", g.shape, g.strides, w.shape, stride, padding, dilation, groups, size,
           g.dtype.num, bias is None, THREADS.count)  # fmt: skip

    def make():
        along = [
            transposed_axes(*a)
            for a in zip(g.shape[2:], w.shape[2:], stride, padding, dilation, size, strict=True)
        ]
        return [
            (tuple([_sliced(places) for places, _ in phases]),
             _Job([axis for _, axis in phases], (g.shape, strides_of(g)), shape,
                  _dense_strides(shape), g.dtype, groups, w.shape[0] // groups, bias is not None))
            for phases in product(*along)
        ]  # fmt: skip

    jobs, strided = _kept(key, make), any(s > 1 for s in stride)
    if len(jobs) < prod(stride):  # some elements may meet no element of the kernel
        y[...] = 0 if bias is None else bias.reshape(-1, *(1,) * len(size))
    turned = w.reshape(groups, w.shape[0] // groups, *w.shape[1:]).swapaxes(1, 2)
    for places, job in jobs:
        job.run(
            g, turned[(slice(None),) * 3 + places], bias, y, (0, 0) if strided else results.epilogue
        )
    if strided:  # each job has written some elements of each row
        results.finish()


def _sliced(places):
    """Places at equal distances, as a slice."""
    return slice(places[0], places[-1] + 1, (places[1:] or [places[0] + 1])[0] - places[0])


def _dense_strides(shape):
    return [prod(shape[i + 1 :]) for i in range(len(shape))]


# --- the weight's gradient ------------------------------------------------------------------------


def weight_gradient(x, g, stride, padding, dilation, groups, kernel):
    """(N, C, *in), (N, K, *out) -> (K, C / groups, *kernel)."""
    fan_in, fan_out = x.shape[1] // groups, g.shape[1] // groups
    if fan_in * prod(kernel) * prod(g.shape) < LEAST or not _usable(x, g):
        return None
    if prod(g.shape[2:]) < FEW:
        return None
    if products.serves((g.shape[1], fan_in, *kernel), stride, padding, groups):
        return products.weight_gradient(x, g, groups)
    if winograd.serves(x, g.shape[1], g.shape[2:], kernel, stride, dilation, groups, True):
        total = winograd.weight_gradient(x, g, padding, groups)
        if np.isfinite(total).all():
            return total
    key = ("weight", x.shape, x.strides, g.shape, g.strides, stride, padding, dilation, groups,
           kernel, x.dtype.num, THREADS.count)  # fmt: skip
    job = _kept(key, lambda: _Weigh(x, g, stride, padding, dilation, groups, kernel))
    total = job.run(x, g)
    if not np.isfinite(total).all():
        return None  # between two rows the loop multiplies by zero, which NaN and inf do not bear
    return total.reshape(groups * fan_out, fan_in, *kernel)


class _Weigh:
    """A weight's gradient with all that does not depend on the data."""

    def __init__(self, x, g, stride, padding, dilation, groups, kernel):
        lanes = lanes_of(kind_of(x.dtype))
        axes = [
            forward_axis(*a)
            for a in zip(x.shape[2:], kernel, stride, padding, dilation, g.shape[2:], strict=True)
        ]
        row = prod([axis.span for axis in axes[1:]])
        band = max(1, _SHORT // row) if len(axes) > 1 else axes[0].out
        gs = strides_of(g)
        plan = self.plan = Plan(axes, strides_of(x)[2:], gs[2:], band)
        self.fan_in, self.fan_out = x.shape[1] // groups, g.shape[1] // groups
        rows, columns = self.tile = _weight_tile(self.fan_out)
        taps = np.array(plan.offsets, np.int64)
        offsets = (np.arange(self.fan_in)[:, None] * plan.plane + taps).reshape(-1)
        self.terms = len(offsets)
        self.offsets = np.zeros(ceil(self.terms / columns) * columns, np.int64)
        self.offsets[: self.terms] = offsets
        blocks = self.blocks = ceil(self.fan_out / rows)
        count = x.shape[0]
        sums = groups * blocks * rows * len(self.offsets)
        shares = max(1, min(count, SHARES, SUMS // sums))
        images_each = ceil(count / shares)
        self.shares = shares = ceil(count / images_each)
        parts = max(1, min(blocks, 8 // (shares * groups)))
        each = ceil(blocks / parts)
        parts = ceil(blocks / each)
        self.groups, self.units = groups, shares * groups * parts
        second = up(self.fan_in * plan.plane + plan.tail + lanes, LINE)
        second_stride = up(plan.widest, lanes) + lanes
        self.slot = second + each * rows * second_stride
        self.kernel = kernel_of(weigh, x.dtype, rows, columns)
        self.numbers = (
            self.slot, groups, len(plan.bands) // 7, parts, blocks, each, self.fan_in,
            self.fan_out, plan.plane, len(self.offsets), second, second_stride,
            *strides_of(x)[:2], plan.x_step, *gs[:2], plan.y_step, count, images_each,
        )  # fmt: skip

    def run(self, x, g):
        rows = self.blocks * self.tile[0]
        sums = np.zeros((self.shares, self.groups, rows, len(self.offsets)), x.dtype)
        threads, plan = THREADS.count, self.plan
        room = scratch(threads * self.slot, x.dtype)
        flags = np.zeros(threads * 8, np.int64)
        ensure()  # the plan may be older than this process
        self.kernel(
            sums, x, g, self.offsets, plan.rows_in, plan.rows_out, plan.bands, room, flags,
            threads, *self.numbers, self.units,
        )  # fmt: skip
        total = sums[0] if self.shares == 1 else np.add.reduce(sums, axis=0)
        return np.ascontiguousarray(total[:, : self.fan_out, : self.terms])


def _weight_tile(channels):
    """(output channels, elements of the kernel) at a time."""
    if channels <= 2:
        return channels, 8
    return (6, 4) if wide() else (4, 2)
