"""Sums over axes as compiled loops: of x, or of x · y, over neighbouring or outermost axes.

An array is seen as (planes, rows, columns), summed over the rows, or as (outer, kept, inner),
summed over outer and inner. No more than 64 terms are
added in turn, then no more than 64 of their sums: the error grows with the logarithm of the count,
and does not depend on the number of threads.
"""

import threading
from contextlib import contextmanager
from math import prod

import numpy as np

from ...base.process.forks import across
from ...primitives.sums import runs
from ..machine import kernels
from ..machine.code import Code, Value, kind_of
from ..machine.pool import ensure
from .pointwise import over

__all__ = ["GROUPS", "columns", "in_groups", "loop", "narrow", "product_sum", "spans", "sum_"]

BLOCK = 1 << 12
FEW = 64
GROUPS = (FEW * FEW, FEW)  # terms of the widest pieces of a sum, and of those inside
STRIP, WIDE = 64, 256  # columns that are summed at a time; from where a masked rest is little
_TYPES = (np.dtype(np.float32), np.dtype(np.float64))
_KERNELS = {}
_LOCK = across(threading.Lock())


def sum_(x, axes, keepdims):
    """The sum over `axes`, or None where the layout is not one for it."""
    if x.dtype not in _TYPES or not x.flags.c_contiguous:
        return None
    return _reduced((x,), axes, keepdims)


def product_sum(x, y, axes, keepdims):
    """The sum of x · y over `axes`, or None."""
    if x.dtype not in _TYPES or y.dtype is not x.dtype or x.shape != y.shape:
        return None
    if not (x.flags.c_contiguous and y.flags.c_contiguous):
        return None
    return _reduced((x, y), axes, keepdims)


def _reduced(arrays, axes, keepdims):
    x = arrays[0]
    first, after = min(axes, default=0), max(axes, default=0) + 1
    width = prod(x.shape[after:])
    if after - first == len(axes) and width > 1:
        out = _columns(arrays, prod(x.shape[:first]), prod(x.shape[first:after]), width)
    else:
        out = _spans(arrays, runs(x.shape, axes))
    if out is None:
        return None
    shape = [1 if i in axes else n for i, n in enumerate(x.shape)]
    if not keepdims:
        shape = [n for i, n in enumerate(x.shape) if i not in axes]
    out = out.reshape(shape)
    return out if shape else out[()]


def _columns(arrays, planes, rows, width):
    if planes * width < 64 or not rows:
        return None
    fold = _fold(rows, width)
    if fold > 1:  # neighbouring rows as one, so that vectors are full; their parts are added below
        out = _columns(arrays, planes, rows // fold, fold * width)
        return np.add.reduce(out.reshape(planes, fold, width), 1)
    dtype = arrays[0].dtype
    out = np.empty(planes * width, dtype)
    strips = -(-width // STRIP)
    chunk = max(BLOCK // (rows * min(width, STRIP)), 1)
    kernel = _kernel("columns" if width >= WIDE else "narrow", len(arrays), dtype)
    kernel(out, *arrays, rows, width, strips, chunk, planes * strips)
    return out


def _fold(rows, width):
    """How many rows of a plane larger than the caches are taken as one, a divisor of all."""
    if not FEW // 4 <= width < WIDE or rows * width < 1 << 16:
        return 1
    most = min(-(-WIDE // width), rows // FEW)
    return next((k for k in range(most + 4, most - 1, -1) if k > 1 and rows % k == 0), 1)


def _spans(arrays, found):
    if found is None:
        return None
    outer, kept, inner = found
    dtype = arrays[0].dtype
    if kept == 1:
        outer, inner = 1, outer * inner
    if inner > BLOCK and outer == 1 and kept == 1:
        return _blocks(arrays, inner)
    if inner < 16 or inner > BLOCK or outer > BLOCK:
        return None
    out = np.empty(kept, dtype)
    _kernel("spans", len(arrays), dtype)(out, *arrays, outer, inner, kept * inner, kept)
    return out


def _blocks(arrays, size):
    """One sum of many terms: the blocks' sums, and theirs."""
    full = size // BLOCK
    dtype = arrays[0].dtype
    parts = np.empty(full + (size % BLOCK > 0), dtype)
    flat = [a.reshape(-1) for a in arrays]
    kernel = _kernel("spans", len(arrays), dtype)
    kernel(parts, *flat, 1, BLOCK, 0, full)
    if size % BLOCK:
        rest = [a[full * BLOCK :] for a in flat]
        kernel(parts[full:], *rest, 1, size % BLOCK, 0, 1)
    return np.add.reduce(parts, keepdims=True)


def _kernel(name, count, dtype):
    key = name, count, dtype.num
    found = _KERNELS.get(key)
    if found is None:
        make = {"spans": spans, "columns": columns, "narrow": narrow}[name]
        with _LOCK:
            found = _KERNELS[key] = kernels.made(make, count, kind_of(dtype))
    ensure()
    return found


def _term(values):
    return values[0] if len(values) == 1 else values[0] * values[1]


def spans(count, kind):
    """``kernel(out, *arrays, outer, inner, stride, kept)``: out[k] = Σ over o, i of the term at
    o·stride + k·inner + i."""
    m = Code(lanes=64 if kind == "f32" else 32)
    out, *homes, outer, inner, stride = kernels.arguments(m, ["ptr"] * (count + 1) + ["i64"] * 3)
    kinds = ["ptr"] * (count + 1) + ["i64"] * 3
    zero = m.constant("i64", 0, 1)

    def row(k):
        part = m.slot(Value(m, kind, m.lanes, "").type, 64)

        def line(o, add):
            m.store(m.constant(kind, 0), part)
            first = o * stride + k * inner

            def at(i, mask):
                values = [m.load(m.at(h, first + i, kind), kind, mask=mask) for h in homes]
                m.store(m.load(part, kind) + _term(values), part)

            over(m, zero, inner, at)
            add(m.load(part, kind))

        m.store(m.total(_total(m, kind, outer, line)), m.at(out, k, kind))

    loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), row)
    m.line("ret void")
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    return kernels.Body(body, kinds, m.module, chunk=4, work=1 << 10)


def _total(m, kind, count, line):
    """The sum of what ``line(index, add)`` adds for each index under `count`, in groups."""
    zero = m.constant("i64", 0, 1)

    def cleared():
        slot = m.slot(Value(m, kind, m.lanes, "").type, 64)
        m.store(m.constant(kind, 0), slot)
        return slot

    def into(slot, value):
        m.store(m.load(slot, kind) + value, slot)

    @contextmanager
    def apart(total):
        part = cleared()
        yield part
        into(total, m.load(part, kind))

    def run(low, high, part):
        loop(m, low, high, lambda i: line(i, lambda value: into(part, value)))

    total = cleared()
    in_groups(m, (zero, count), GROUPS, apart, total, run)
    return m.load(total, kind)


def in_groups(m, span, widths, apart, into, run):
    """``run(low, high, into)`` for the span (low, high) of indices, in pieces of the first of
    `widths`, those in pieces of the next: each piece adds to what ``apart(into)`` opens for it and
    at its end puts into `into`."""
    if not widths:
        return run(*span, into)
    (low, high), (width, *narrower) = span, widths

    def piece(k):
        first = low + k * width
        end = first + width
        end = m.select(end < high, end, high)
        with apart(into) as part:
            in_groups(m, (first, end), narrower, apart, part, run)

    loop(m, m.constant("i64", 0, 1), (high - low + (width - 1)) / width, piece)


def loop(m, start, stop, at):
    """``at(index)`` for each index of [start, stop), which may be empty."""
    if start.text.isdigit() and stop.text.isdigit() and int(start.text) < int(stop.text):
        i, opened = m.loop_open(start, stop, m.constant("i64", 1, 1))
        at(i)
        return m.loop_close(opened)
    enter, done = m.fresh("some"), m.fresh("none")
    m.line(f"br {start < stop}, label %{enter}, label %{done}")
    m.label(enter)
    i, opened = m.loop_open(start, stop, m.constant("i64", 1, 1))
    at(i)
    m.loop_close(opened)
    m.jump(done)
    m.label(done)


def columns(count, kind, lanes=32):
    """``kernel(out, *arrays, rows, columns, strips, chunk, size)``: out[p, j] = Σ over r of the
    term at [p, r, j]; unit p·strips + s is strip s of plane p."""
    m = Code(lanes=lanes if kind == "f32" else lanes // 2)
    kinds = ["ptr"] * (count + 1) + ["i64"] * 4
    out, *homes, rows, width, strips, _ = kernels.arguments(m, kinds)

    def strip(unit):
        plane = m.put("i64", 1, f"sdiv {unit}, {strips.text}")
        low = (unit - plane * strips) * STRIP
        high = m.select(low + STRIP < width, low + STRIP, width)
        first = plane * rows * width

        def at(j, mask):
            def line(r, add):
                place = first + r * width + j
                add(_term([m.load(m.at(h, place, kind), kind, mask=mask) for h in homes]))

            m.store(_total(m, kind, rows, line), m.at(out, plane * width + j, kind), mask)

        over(m, low, high, at)

    loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), strip)
    m.line("ret void")
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    return kernels.Body(body, kinds, m.module, chunk=None, work=1 << 8)


def narrow(count, kind):
    """`columns` of few columns."""
    return columns(count, kind, lanes=8)
