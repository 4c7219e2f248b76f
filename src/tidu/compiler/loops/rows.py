"""Softmax, log-softmax and normalisation of rows as compiled loops: a row stays in the cache.

Each function answers None where the arrays are not rows that lie densely; then NumPy does it. The
rows are (count, width), one after the other.
"""

import math
import threading

import numpy as np

from ...base.process.forks import across
from ...core.blocks import THREADS
from ..machine import kernels, native
from ..machine.code import BYTES, Code, Value, kind_of
from ..machine.pool import ensure
from .mathematics import FUNCTIONS
from .pointwise import over
from .reductions import loop

__all__ = ["log_softmax", "log_softmax_back", "normalize", "normalize_back", "softmax",
           "softmax_back"]  # fmt: skip

LONGEST = 1 << 16  # longer rows are summed pairwise by NumPy
_TYPES = (np.dtype(np.float32), np.dtype(np.float64))
_LINE, _PIECES = 16, 4  # float32 numbers of a cache line, pieces for each thread
_KERNELS = {}
_LOCK = across(threading.Lock())


class Row:
    """Reads, writes and reduces one row at a time; what the kernels below are written with."""

    def __init__(self, m, kind, width, first):
        self.m, self.kind, self.width, self.first = m, kind, width, first
        self.zero = m.constant("i64", 0, 1)

    def read(self, home, i, mask):
        return self.m.load(self.m.at(home, self.first + i, self.kind), self.kind, mask=mask)

    def across(self, home, i, mask):
        """Of an array that is the same for all rows."""
        return self.m.load(self.m.at(home, i, self.kind), self.kind, mask=mask)

    def write(self, value, home, i, mask):
        self.m.store(value, self.m.at(home, self.first + i, self.kind), mask)

    def each(self, at):
        over(self.m, self.zero, self.width, at)

    def sums(self, count, terms):
        """Σ over the row of each of the values ``terms(i, mask)`` gives."""
        m = self.m
        slots = [m.slot(Value(m, self.kind, m.lanes, "").type, 64) for _ in range(count)]
        for slot in slots:
            m.store(m.constant(self.kind, 0), slot)

        def at(i, mask):
            for slot, term in zip(slots, terms(i, mask), strict=True):
                if mask is not None:
                    term = m.select(mask, term, 0.0)
                m.store(m.load(slot, self.kind) + term, slot)

        self.each(at)
        return [m.total(m.load(slot, self.kind)) for slot in slots]

    def largest(self, home):
        """The largest element; NaN if there is one."""
        m = self.m
        slot = m.slot(Value(m, self.kind, m.lanes, "").type, 64)
        m.store(m.constant(self.kind, -math.inf), slot)

        def at(i, mask):
            value = self.read(home, i, mask)
            if mask is not None:
                value = m.select(mask, value, -math.inf)
            m.store(m.maximum(m.load(slot, self.kind), value), slot)

        self.each(at)
        return m.fold(m.load(slot, self.kind), m.maximum)


def _kernel(name, dtype, *options):
    key = name, dtype.num, options
    found = _KERNELS.get(key)
    if found is None:
        with _LOCK:
            found = _KERNELS[key] = kernels.made(_written, name, kind_of(dtype), options)
    ensure()
    return found


def _written(name, kind, options):
    pointers, numbers, write = _WRITERS[name]
    m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
    kinds = ["ptr"] * pointers + [kind] * numbers + ["i64"] * 2
    given = kernels.arguments(m, kinds)
    *given, width, _ = given

    def row(r):
        write(Row(m, kind, width, r * width), r, *given, *options)

    loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), row)
    m.line("ret void")
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    return kernels.Body(body, kinds, m.module, chunk=None, work=1 << 8)


def _shared(count):
    """(rows that a thread takes at a time, rows): few pieces, so that threads seldom write to
    neighbouring cache lines; each a multiple of 16, whose means fill a line."""
    return max(_LINE * -(-count // (_LINE * _PIECES * THREADS.count)), _LINE), count


def _softmax(row, r, out, x):
    m, top = row.m, row.largest(x)

    def exponentials(i, mask):
        value = FUNCTIONS["exp"](m, row.read(x, i, mask) - top)
        row.write(value, out, i, mask)
        return [value]

    (total,) = row.sums(1, exponentials)
    row.each(lambda i, mask: row.write(row.read(out, i, mask) / total, out, i, mask))


def _log_softmax(row, r, out, x):
    m, top = row.m, row.largest(x)
    (total,) = row.sums(1, lambda i, mask: [FUNCTIONS["exp"](m, row.read(x, i, mask) - top)])
    log_total = FUNCTIONS["log"](m, total)
    row.each(lambda i, mask: row.write((row.read(x, i, mask) - top) - log_total, out, i, mask))


def _softmax_back(row, r, into, g, out):
    (along,) = row.sums(1, lambda i, mask: [row.read(g, i, mask) * row.read(out, i, mask)])

    def at(i, mask):
        row.write(row.read(out, i, mask) * (row.read(g, i, mask) - along), into, i, mask)

    row.each(at)


def _log_softmax_back(row, r, into, g, out):
    m = row.m
    (total,) = row.sums(1, lambda i, mask: [row.read(g, i, mask)])

    def at(i, mask):
        share = FUNCTIONS["exp"](m, row.read(out, i, mask))
        row.write(row.read(g, i, mask) - share * total, into, i, mask)

    row.each(at)


def _normalize(row, r, y, unit, centre, var, x, weight, bias, eps, share, *options):
    centred, scaled, shifted = options
    m = row.m
    mean = m.constant(row.kind, 0, 1)
    if centred:
        (total,) = row.sums(1, lambda i, mask: [row.read(x, i, mask)])
        mean = total * share

    def squares(i, mask):
        off = row.read(x, i, mask) - mean
        return [off * off]

    (square,) = row.sums(1, squares)
    spread = square * share
    m.store(mean, m.at(centre, r, row.kind))
    m.store(spread, m.at(var, r, row.kind))
    scale = 1.0 / m.sqrt(spread + eps)

    def at(i, mask):
        value = (row.read(x, i, mask) - mean) * scale
        row.write(value, unit, i, mask)
        if scaled:
            value = value * row.across(weight, i, mask)
        if shifted:
            value = value + row.across(bias, i, mask)
        row.write(value, y, i, mask)

    row.each(at)


def _normalize_back(row, r, into, g, unit, var, weight, eps, share, *options):
    centred, scaled = options
    m = row.m

    def along(i, mask):
        value = row.read(g, i, mask)
        return value * row.across(weight, i, mask) if scaled else value

    def terms(i, mask):
        value = along(i, mask)
        parts = [value * row.read(unit, i, mask)]
        return [*parts, value] if centred else parts

    sums = [s * share for s in row.sums(2 if centred else 1, terms)]
    scale = 1.0 / m.sqrt(m.load(m.at(var, r, row.kind), row.kind, 1) + eps)

    def at(i, mask):
        value = along(i, mask) - row.read(unit, i, mask) * sums[0]
        if centred:
            value = value - sums[1]
        row.write(value * scale, into, i, mask)

    row.each(at)


_WRITERS = {  # name: arrays, numbers, what writes a row
    "softmax": (2, 0, _softmax),
    "log_softmax": (2, 0, _log_softmax),
    "softmax_back": (3, 0, _softmax_back),
    "log_softmax_back": (3, 0, _log_softmax_back),
    "normalize": (7, 2, _normalize),
    "normalize_back": (5, 2, _normalize_back),
}


def _dense(axis, *arrays):
    """Whether the arrays are alike and the axis is their last, not too long."""
    x = arrays[0]
    if x.ndim == 0 or axis not in (-1, x.ndim - 1) or not 0 < x.shape[-1] <= LONGEST:
        return False
    return x.dtype in _TYPES and all(
        a.dtype is x.dtype and a.shape == x.shape and a.flags.c_contiguous for a in arrays
    )


def _along_rows(name, axis, *arrays):
    x = arrays[0]
    if not _dense(axis, *arrays):
        return None
    out = np.empty(x.shape, x.dtype)
    width = x.shape[-1]
    _kernel(name, x.dtype)(out, *arrays, width, *_shared(x.size // width))
    return out


def softmax(x, axis):
    return _along_rows("softmax", axis, x)


def log_softmax(x, axis):
    return _along_rows("log_softmax", axis, x)


def softmax_back(g, out, axis):
    return _along_rows("softmax_back", axis, g, out)


def log_softmax_back(g, out, axis):
    return _along_rows("log_softmax_back", axis, g, out)


def _trailing(x, axes):
    """The width of the rows that the axes, the last of x, make; None for others."""
    first = x.ndim - len(axes)
    if not axes or tuple(axes) != tuple(range(first, x.ndim)):
        return None
    width = math.prod(x.shape[first:])
    return width if 0 < width <= LONGEST and x.dtype in _TYPES and x.flags.c_contiguous else None


def _alike(x, width, *affine):
    return all(a.dtype is x.dtype and a.size == width and a.flags.c_contiguous for a in affine)


def normalize(x, affine, axes, eps, centred, scaled, shifted):
    """(y, x̂, mean, var) of rows made of the last axes, or None."""
    width = _trailing(x, axes)
    if width is None or not _alike(x, width, *affine):
        return None
    shape = [1 if i in axes else n for i, n in enumerate(x.shape)]
    y, unit = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
    centre, var = np.empty(shape, x.dtype), np.empty(shape, x.dtype)
    weight, bias = affine[0] if scaled else x, affine[-1] if shifted else x
    kernel = _kernel("normalize", x.dtype, centred, scaled, shifted)
    kernel(y, unit, centre, var, x, weight, bias, float(eps), 1 / width, width,
           *_shared(x.size // width))  # fmt: skip
    return y, unit, centre, var


def normalize_back(g, unit, var, weight, axes, eps, centred):
    """The cotangent of x from that of y; `weight` is None where there is none."""
    width = _trailing(unit, axes)
    scaled = weight is not None
    if width is None or g.dtype is not unit.dtype or not g.flags.c_contiguous:
        return None
    if (scaled and not _alike(unit, width, weight)) or g.shape != unit.shape:
        return None
    into = np.empty(unit.shape, unit.dtype)
    kernel = _kernel("normalize_back", unit.dtype, centred, scaled)
    weight = weight if scaled else unit
    kernel(into, g, unit, var, weight, float(eps), 1 / width, width,
           *_shared(unit.size // width))  # fmt: skip
    return into
