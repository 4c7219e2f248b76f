"""Where the rows of a convolution go: tables for the loops of `convolution_code.py`.

A padded image is cut, for stride s, into s · s images of every s-th pixel; in them the stride is 1
and an element of the kernel is an offset. `Axis` says this for one axis, `forward_axis` and
`transposed_axes` make it, `Plan` holds the tables. Tall images are worked on in bands of rows.
"""

from itertools import product
from math import prod

import numpy as np

__all__ = ["Axis", "Plan", "forward_axis", "transposed_axes"]


class Axis:
    """`length` elements, read `stride` apart; output o reads element o + shift of the part that
    starts at `phase`, for each of `taps` (phase, shift), `before` elements of padding in front.
    Outputs are `out` in number, the first at `first`, `step` apart."""

    __slots__ = ("before", "first", "length", "out", "phases", "span", "step", "stride", "taps")

    def __init__(self, length, taps, stride, before, out, first=0, step=1):
        self.length, self.taps, self.stride, self.before = length, taps, stride, before
        self.out, self.first, self.step = out, first, step
        self.phases = sorted({phase for phase, _ in taps})
        self.span = out + max(shift for _, shift in taps)

    def source(self, phase, index):
        """The element at `index` of a part, outside [0, length) in the padding."""
        return index * self.stride + phase - self.before

    def inside(self, phase):
        """(first, count) of the indices of a part that are not padding."""
        low = max(0, -((phase - self.before) // self.stride))
        high = min(self.span, (self.length - 1 + self.before - phase) // self.stride + 1)
        return low, max(0, high - low)

    def shared(self):
        """How many elements of padding behind a row may be those before the next one."""
        places = [self.inside(phase) for phase in self.phases]
        return min([min(low, self.span - low - n) for low, n in places if n], default=0)


def forward_axis(length, kernel, stride, before, dilation, out):
    taps = [divmod(r * dilation, stride)[::-1] for r in range(kernel)]
    return Axis(length, taps, stride, before, out)


def transposed_axes(length, kernel, stride, before, dilation, size):
    """For each phase of the output of a transposed convolution: (elements of the kernel, Axis).

    Output x gets g[o]·w[r] where x + before = o · stride + r · dilation, so all outputs of one
    phase (x + before) mod stride use the same elements of the kernel, at whole shifts.
    """
    out = []
    for phase in range(stride):
        places = [r for r in range(kernel) if r * dilation % stride == phase]
        low = -((phase - before) // stride)  # the first m with m · stride + phase >= before
        count = (size - 1 + before - phase) // stride - low + 1
        if not places or count <= 0:
            continue
        shifts = [(r * dilation - phase) // stride for r in places]
        most = max(shifts)
        taps = [(0, most - shift) for shift in shifts]
        first = low * stride + phase - before
        out.append((places, Axis(length, taps, 1, most - low, count, first, stride)))
    return out


class Plan:
    """The tables for axes, the strides (in elements) of input and output, and rows of a band.

    What is padding behind one row and before the next lies in the buffer once; behind the last
    plane follow `tail` elements of it.
    """

    __slots__ = ("bands", "offsets", "plane", "reach", "rows_in", "rows_out", "tail", "widest",
                 "x_step", "y_step")  # fmt: skip

    def __init__(self, axes, x_strides, y_strides, band):
        self.x_step = axes[-1].stride * x_strides[-1]
        self.y_step = axes[-1].step * y_strides[-1]
        spans = [axis.span for axis in axes]
        self.tail = axes[-1].shared() if len(axes) > 1 else 0
        spans[-1] -= self.tail
        band = min(band, axes[0].out)
        spans[0] += band - axes[0].out
        steps = [prod(spans[a + 1 :]) for a in range(len(axes))]
        parts = {p: i for i, p in enumerate(product(*[axis.phases for axis in axes]))}
        size = prod(spans)
        self.plane = size * len(parts)
        self.offsets = [
            parts[tuple([phase for phase, _ in taps])] * size
            + sum([shift * step for (_, shift), step in zip(taps, steps, strict=True)])
            for taps in product(*[axis.taps for axis in axes])
        ]
        self.reach = max(self.offsets)
        self._make_bands(axes, x_strides, y_strides, band, spans, steps, parts)

    def _make_bands(self, axes, x_strides, y_strides, band, spans, steps, parts):
        rows_in, rows_out, bands = [], [], []
        inner = sum([(axis.out - 1) * s for axis, s in zip(axes[1:], steps[1:], strict=True)]) + 1
        self.widest = 0
        for start in range(0, axes[0].out, band):
            count = min(band, axes[0].out - start)
            reads, zeros = _reads(axes, x_strides, start, spans, steps, parts)
            writes = _writes(axes, y_strides, start, count, steps)
            reads, writes = _merged(reads, self.x_step), _merged(writes, self.y_step)
            zeros = zeros if band < axes[0].out else []
            flat = (count - 1) * steps[0] + inner
            self.widest = max(self.widest, flat)
            at = len(rows_in)
            bands.append([at, len(reads), at + len(reads), len(zeros), len(rows_out), len(writes),
                          flat])  # fmt: skip
            rows_in += reads + zeros
            rows_out += writes
        self.rows_in, self.rows_out, self.bands = [
            np.array(table, np.int64).reshape(-1) for table in (rows_in, rows_out, bands)
        ]


def _reads(axes, strides, start, spans, steps, parts):
    """(rows from the image into the buffer, rows of the buffer that are padding)."""
    reads, zeros = [], []
    outer, last, size = axes[:-1], axes[-1], prod(spans)
    for phases, part in parts.items():
        low, count = last.inside(phases[-1])
        first = last.source(phases[-1], low) * strides[-1]
        for places in product(*[range(n) for n in spans[:-1]]):
            target = part * size + sum([p * s for p, s in zip(places, steps, strict=False)])
            inside, source = count > 0, first
            for a, (axis, place) in enumerate(zip(outer, places, strict=True)):
                x = axis.source(phases[a], place + start if a == 0 else place)
                inside = inside and 0 <= x < axis.length
                source += x * strides[a]
            if inside:
                reads.append((source, target + low, count))
            else:
                zeros.append((0, target, spans[-1]))
    return reads, zeros


def _writes(axes, strides, start, count, steps):
    """Rows from the products into the output."""
    writes = []
    last = axes[-1]
    ranges = [range(axis.out) for axis in axes[:-1]]
    if ranges:
        ranges[0] = range(count)
    for places in product(*ranges):
        source, target = 0, last.first * strides[-1]
        for a, place in enumerate(places):
            source += place * steps[a]
            at = place + start if a == 0 else place
            target += (axes[a].first + at * axes[a].step) * strides[a]
        writes.append((source, target, last.out))
    return writes


def _merged(rows, step):
    """Rows that follow one another on both sides as one."""
    out = []
    for source, target, count in rows:
        if out and step == 1:
            s, t, n = out[-1]
            if s + n == source and t + n == target:
                out[-1] = s, t, n + count
                continue
        out.append((source, target, count))
    return out
