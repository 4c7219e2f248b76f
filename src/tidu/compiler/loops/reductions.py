"""Sums over axes as compiled loops: of x, or of x · y, over any leading and trailing axes.

An array is seen as (outer, kept, inner), summed over outer and inner. No more than 64 terms are
added in turn, then no more than 64 of their sums: the error grows with the logarithm of the count,
and does not depend on the number of threads.
"""

import threading

import numpy as np

from ...primitives.sums import runs
from ..machine import kernels
from ..machine.code import Code, Value, kind_of
from ..machine.pool import ensure
from .pointwise import over

__all__ = ["columns", "loop", "product_sum", "spans", "sum_"]

BLOCK = 1 << 12
FEW = 64
_TYPES = (np.dtype(np.float32), np.dtype(np.float64))
_KERNELS = {}
_LOCK = threading.Lock()


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
    found = runs(x.shape, axes)
    if found is None:
        return None
    outer, kept, inner = found
    if kept == 1:
        outer, inner = 1, outer * inner
    if inner == 1:
        if kept < 64:
            return None
        out = np.empty(kept, x.dtype)
        _kernel("columns", len(arrays), x.dtype)(out, *arrays, outer, kept)
    elif inner > BLOCK and outer == 1 and kept == 1:
        out = _blocks(arrays, inner)
    elif inner < 16 or inner > BLOCK or outer > BLOCK:
        return None
    else:
        out = np.empty(kept, x.dtype)
        _kernel("spans", len(arrays), x.dtype)(out, *arrays, outer, inner, kept * inner, kept)
    shape = [1 if i in axes else n for i, n in enumerate(x.shape)]
    if not keepdims:
        shape = [n for i, n in enumerate(x.shape) if i not in axes]
    out = out.reshape(shape)
    return out if shape else out[()]


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
        make = {"spans": spans, "columns": columns}[name]
        with _LOCK:
            found = _KERNELS[key] = make(count, kind_of(dtype))
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

        m.store(m.total(_in_groups(m, kind, outer, line)), m.at(out, k, kind))

    loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), row)
    m.line("ret void")
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    return kernels.build(body, kinds, m.module, chunk=4, work=1 << 10)


def _in_groups(m, kind, count, line):
    """The sum of what ``line(index, add)`` adds for each index under `count`: of groups of groups
    of `FEW`."""
    zero, few, many = [m.constant("i64", n, 1) for n in (0, FEW, FEW * FEW)]
    total, middle, part = [m.slot(Value(m, kind, m.lanes, "").type, 64) for _ in range(3)]

    def cleared(slot):
        m.store(m.constant(kind, 0), slot)

    def into(slot, value):
        m.store(m.load(slot, kind) + value, slot)

    def span(first, size, end):
        return m.select(first + size < end, first + size, end)

    def group(g):
        low = g * many
        high = span(low, many, count)
        cleared(middle)

        def block(b):
            first = low + b * few
            cleared(part)
            loop(m, first, span(first, few, high), lambda i: line(i, lambda v: into(part, v)))
            into(middle, m.load(part, kind))

        loop(m, zero, m.put("i64", 1, f"sdiv {high - low + (FEW - 1)}, {FEW}"), block)
        into(total, m.load(middle, kind))

    cleared(total)
    loop(m, zero, m.put("i64", 1, f"sdiv {count + (FEW * FEW - 1)}, {FEW * FEW}"), group)
    return m.load(total, kind)


def loop(m, start, stop, at):
    """``at(index)`` for each index of [start, stop), which may be empty."""
    enter, done = m.fresh("some"), m.fresh("none")
    m.line(f"br {start < stop}, label %{enter}, label %{done}")
    m.label(enter)
    i, opened = m.loop_open(start, stop, m.constant("i64", 1, 1))
    at(i)
    m.loop_close(opened)
    m.jump(done)
    m.label(done)


def columns(count, kind):
    """``kernel(out, *arrays, rows, columns)``: out[j] = Σ over r of the term at r·columns + j."""
    m = Code(lanes=32 if kind == "f32" else 16)
    kinds = ["ptr"] * (count + 1) + ["i64"] * 2
    out, *homes, rows, width = kernels.arguments(m, [*kinds])

    def strip(j, mask):
        def line(r, add):
            place = r * width + j
            add(_term([m.load(m.at(h, place, kind), kind, mask=mask) for h in homes]))

        m.store(_in_groups(m, kind, rows, line), m.at(out, j, kind), mask)

    over(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), strip)
    m.line("ret void")
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    # The last argument is both the width and the size.
    return _with_width(kernels.build(body, kinds, m.module, chunk=64, work=1 << 8))


def _with_width(kernel):
    return lambda *given: kernel(*given, given[-1])
