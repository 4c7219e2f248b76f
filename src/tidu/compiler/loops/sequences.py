"""Evenly spaced numbers in generated code, each rounded once; one number over and over; copies,
of rows too."""

import threading

import numpy as np

from ...base.process.forks import across
from ..machine import kernels, native
from ..machine.code import BYTES, Code, Value, kind_of
from ..machine.pool import ensure
from .pointwise import over

__all__ = ["copied", "filled", "rows_taken", "spaced"]

_LOCK = across(threading.Lock())
_KERNELS: dict = {}


def spaced(out, first, last):
    """Fill `out`, of two or more numbers in order, from `first` upwards and, from its middle on,
    from `last` downwards."""
    size = out.size
    kernel = _KERNELS.get((_spaced, out.dtype)) or _kernel(_spaced, out.dtype)
    ensure()
    kernel(out, first, last, size, size)
    return out


def filled(out, number):
    """Fill `out`, whose elements lie in order, with a number."""
    kernel = _KERNELS.get((_filled, out.dtype)) or _kernel(_filled, out.dtype)
    ensure()
    kernel(out, number, out.size)
    return out


def copied(out, x):
    """Copy `x` to `out`, of one type and as many elements, both without gaps."""
    kernel = _KERNELS.get((_copied, _WORD)) or _kernel(_copied, _WORD)
    ensure()
    kernel(out, x, out.nbytes // _WORD.itemsize)
    return out


_WORD = np.dtype(np.int32)


def rows_taken(out, table, places):
    """Copy the rows of `table` at `places`, which must be there, to `out`; all without gaps."""
    kernel = _KERNELS.get((_rows_taken, _WORD)) or _kernel(_rows_taken, _WORD)
    ensure()
    width = out.nbytes // places.size
    kernel(out, table, places, width, max(1, _PIECE // width), places.size)
    return out


_PIECE = 1 << 16  # bytes a thread copies at a time


def _kernel(write, dtype):
    with _LOCK:
        kernel = _KERNELS[write, dtype] = kernels.made(write, kind_of(dtype))
    return kernel


def _copied(kind):
    kinds = ["ptr", "ptr"]
    m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
    out, x = kernels.arguments(m, kinds)

    def at(index, mask):
        m.store(m.load(m.at(x, index, kind), kind, mask=mask), m.at(out, index, kind), mask)

    return _finish(m, kinds, at)


def _rows_taken(kind):
    kinds = ["ptr", "ptr", "ptr", "i64", "i64"]
    m = Code()
    out, table, places, width, _ = kernels.arguments(m, kinds)
    start, stop = Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop")
    m.declare("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
    i, loop = m.loop_open(start, stop, m.constant("i64", 1, 1))
    row = m.load(m.at(places, i, "i64"), "i64")
    to, source = m.at(out, i * width, "i8"), m.at(table, row * width, "i8")
    m.line(f"call void @llvm.memcpy.p0.p0.i64({to}, {source}, {width}, i1 false)")
    m.loop_close(loop)
    m.line("ret void")
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    return kernels.Body(body, kinds, m.module, chunk=None, work=1 << 8)


def _filled(kind):
    kinds = ["ptr", kind]
    m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
    out, number = kernels.arguments(m, kinds)
    many = m.splat(number)
    return _finish(m, kinds, lambda index, mask: m.store(many, m.at(out, index, kind), mask))


def _spaced(kind):
    kinds = ["ptr", kind, kind, "i64"]
    m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
    out, first, last, size = kernels.arguments(m, kinds)
    step = (last - first) / m.convert(size - 1, kind)
    numbers = ", ".join([f"i64 {i}" for i in range(m.lanes)])
    order = Value(m, "i64", m.lanes, f"<{numbers}>")
    half = m.put("i64", 1, f"sdiv {size}, 2")

    def at(index, mask):
        place = order + m.splat(index)
        rising = place < m.splat(half)
        count = m.select(rising, place, m.splat(size - 1) - place)
        start, sign = m.select(rising, first, last), m.select(rising, step, -step)
        m.store(m.fma(m.convert(count, kind), sign, start), m.at(out, index, kind), mask)

    return _finish(m, kinds, at)


def _finish(m, kinds, at):
    over(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), at)
    m.line("ret void")
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    return kernels.Body(body, kinds, m.module)
