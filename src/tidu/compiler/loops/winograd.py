"""Convolutions of 3x3 by Winograd's F(2x2, 3x3), where that is faster: float32, stride 1.

What they give is as exact as direct sums are (docs/decisions/0027), but an infinity or NaN reaches
all of its tile: `convolution.py` computes directly what is not finite. `TIDU_WINOGRAD=0` in the
environment: never.
"""

import os
from math import ceil, prod

import numpy as np

from ...core.blocks import THREADS
from ..machine.code import kind_of
from ..machine.pool import ensure
from .convolution_epilogues import Results
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
)
from .winograd_code import PAD, correlate, largest, transform, weigh

__all__ = ["convolve", "largest_of", "serves", "weight_gradient"]

F32 = np.dtype(np.float32)
SPAN = 48  # tiles of a block
WEIGHT_SPAN = 96
_GROUP = 1 << 17  # elements of products that are kept until they are outputs
_UNITS = 8  # to share among threads

_HALF = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], F32)
_KERNEL = np.kron(_HALF, _HALF)  # the 16 elements of G w Gᵀ from the 9 of w


# The time of the parts, in multiplications of a direct convolution; measured on Zen 4.
_LEAST = 1 << 22  # below, what is done once a call is too much
_TRANSFORM, _BACK = 100, 160  # of a tile and channel: for outputs, for a weight's gradient
_WEIGHT, _SUM = 1200, 2000  # of a pair of channels: of the weight; of its gradient, for each share
_GAIN = 0.85


def serves(x, channels, out, kernel, stride, dilation, groups, weigh=False):
    """Whether this is the faster way, for an array x; `channels` of the output."""
    return x.dtype is F32 and gains(x.shape, channels, out, kernel, stride, dilation, groups, weigh)


def gains(shape, channels, out, kernel, stride, dilation, groups, weigh=False):
    """The same of float32 images of a shape."""
    direct = 9 * shape[0] * prod(out) * shape[1] * channels // groups
    if direct < _LEAST or kernel != (3, 3) or stride != (1, 1) or dilation != (1, 1):
        return False
    if os.environ.get("TIDU_WINOGRAD") == "0":
        return False
    lanes, across = lanes_of("f32"), ceil(out[1] / 2)
    tiles = shape[0] * ceil(out[0] / 2) * across
    cost = tiles * (shape[1] + channels) * (up(across, lanes) / across)
    if weigh:
        fan_in, fan_out = shape[1] // groups, channels // groups
        shares = min(SHARES, max(1, SUMS // (16 * groups * fan_in * fan_out)))
        pair = (_SUM * (shares + 1) + 16 * tiles) * up(fan_in, 2 * lanes) * channels
        return cost * _BACK + pair < _GAIN * direct
    pair = (_WEIGHT + 16 * tiles) * shape[1] * channels // groups
    between = 1 + 2 / out[1]  # what direct sums compute between two rows
    return cost * _TRANSFORM + pair < _GAIN * between * direct


class _Sizes:
    """What both directions have: tiles of an output, strides of the input."""

    def __init__(self, x, shape, before, groups):
        self.x, self.groups = _rows(x), groups
        self.count, _, self.height, self.width = shape
        self.across = ceil(self.width / 2)
        self.each = ceil(self.height / 2) * self.across
        self.tiles = self.each * self.count
        self.fan_in, self.fan_out = x.shape[1] // groups, shape[1] // groups
        self.before = before

    def numbers(self, slot, blocks, blocks_each, strides, v_row, v_step, second, m_step):
        return (
            slot, self.groups, blocks, blocks_each, self.fan_in, self.fan_out, self.across,
            self.each, self.tiles, *self.x.shape[2:], *self.before, *strides_of(self.x)[:3],
            *strides, self.height, self.width, v_row, v_step, second, m_step,
        )  # fmt: skip


def _rows(x):
    """The array, or a copy, with elements of a row side by side."""
    return x if x.strides[-1] == x.itemsize and x.flags.aligned else np.ascontiguousarray(x)


def _scratch(slot):
    """(zeros for what lies outside, scratch memory, flags of who uses it)."""
    ensure()
    threads = THREADS.count
    return (
        np.zeros(64, F32), scratch(threads * slot, F32), np.zeros(threads * 8, np.int64), threads
    )  # fmt: skip


# --- outputs --------------------------------------------------------------------------------------


def convolve(x, w, bias, before, groups, results):
    """The images that have elements that are not finite, for `w` of (groups, output channels,
    input channels, 3, 3); `results`: where they go, and what is done with them."""
    y = results.y
    return _correlate(x, w, bias, before, groups, y.shape, (y,), correlate, results.epilogue)


def largest_of(x, w, bias, before, groups, shape, outs):
    """The same for the largest of each tile of what has this shape, and which one that is: `outs`
    are one array or two."""
    return _correlate(
        x, w, bias, before, groups, shape, outs, largest, Results.epilogue, len(outs) - 1
    )


def _correlate(x, w, bias, before, groups, shape, outs, make, epilogue, *options):
    y = outs[0]
    sizes, lanes = _Sizes(x, shape, before, groups), lanes_of(kind_of(F32))
    rows, vectors = tile_of(sizes.fan_out, SPAN, lanes)
    span = up(SPAN, vectors * lanes)
    blocks = ceil(sizes.fan_out / rows)
    together = ceil(sizes.tiles / span) * groups
    part = ceil(blocks / min(blocks, ceil(_UNITS / together)))
    each = max(1, min(part, _GROUP // (16 * rows * span)))
    v_row, v_step = span + lanes, sizes.fan_in * (span + lanes) + PAD
    m_step, second = each * rows * span + PAD, up(16 * v_step, LINE)
    slot = up(second + 16 * m_step + lanes, LINE)
    broken = np.zeros(len(y), np.int64)
    kernel = kernel_of(make, F32, rows, vectors, span, bias is not None, *options)
    numbers = sizes.numbers(slot, blocks, each, strides_of(y)[:3], v_row, v_step, second, m_step)
    kernel(
        *outs, sizes.x, _weights(w, rows, blocks), y if bias is None else bias, broken,
        *_scratch(slot), *numbers, part, *epilogue, together * ceil(blocks / part),
    )  # fmt: skip
    return np.flatnonzero(broken)


def _weights(w, rows, blocks):
    """G w Gᵀ as (groups, 16, blocks of output channels · input channels · rows of a block)."""
    groups, fan_out, fan_in = w.shape[:3]
    packed = np.empty((groups, 16, blocks * fan_in * rows + PAD), F32)
    ensure()
    kernel = kernel_of(transform, F32, rows)
    kernel(packed, w, blocks, fan_in, fan_out, *strides_of(w), groups * blocks)
    return packed


# --- the weight's gradient ------------------------------------------------------------------------


def weight_gradient(x, g, before, groups):
    """(K, C / groups, 3, 3) from (N, C, *in), (N, K, *out)."""
    g = _rows(g)
    sizes, lanes = _Sizes(x, g.shape, before, groups), lanes_of(kind_of(F32))
    depth = up(sizes.fan_in, lanes)
    rows, vectors = tile_of(sizes.fan_out, depth, lanes)
    depth = up(depth, vectors * lanes)
    blocks, span = ceil(sizes.fan_out / rows), up(WEIGHT_SPAN, lanes)
    sums = groups * 16 * blocks * rows * depth
    share = up(ceil(sizes.tiles / max(1, min(SHARES, SUMS // sums))), span)
    shares = ceil(sizes.tiles / share)
    each = ceil(blocks / max(1, min(blocks, SHARES // (shares * groups))))
    v_row = span + lanes
    v_step, m_step = depth * v_row + PAD, each * rows * v_row + PAD
    second = up(16 * v_step, LINE)
    turn = up(second + 16 * m_step, LINE)
    slot = up(turn + span * depth, LINE)
    kernel = kernel_of(weigh, F32, rows, vectors, span)
    numbers = sizes.numbers(slot, blocks, each, strides_of(g)[:3], v_row, v_step, second, m_step)
    out = np.zeros((shares, groups, 16, blocks * rows, depth), F32)
    kernel(
        out, sizes.x, g, *_scratch(slot), *numbers, turn, share, depth,
        shares * groups * ceil(blocks / each),
    )  # fmt: skip
    total = out[0] if shares == 1 else np.add.reduce(out, axis=0)
    total = total[:, :, : sizes.fan_out, : sizes.fan_in].swapaxes(0, 1)
    made = _KERNEL.T @ total.reshape(16, -1)
    return np.ascontiguousarray(made.reshape(9, -1).T).reshape(-1, sizes.fan_in, 3, 3)
