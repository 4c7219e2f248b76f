"""Evenly spaced numbers in generated code, each rounded once."""

import threading

from ..machine import kernels, native
from ..machine.code import BYTES, Code, Value, kind_of
from ..machine.pool import ensure
from .pointwise import over

__all__ = ["spaced"]

_LOCK = threading.Lock()
_KERNELS: dict = {}


def spaced(out, first, last, step):
    """Fill `out` from `first` upwards and, from its middle on, from `last` downwards."""
    kind = kind_of(out.dtype)
    kernel = _KERNELS.get(kind)
    if kernel is None:
        with _LOCK:
            kernel = _KERNELS[kind] = _build(kind)
    ensure()
    kernel(out, first, last, step, out.size, out.size)


def _build(kind):
    kinds = ["ptr", kind, kind, kind, "i64"]
    m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
    out, first, last, step, size = kernels.arguments(m, kinds)
    numbers = ", ".join([f"i64 {i}" for i in range(m.lanes)])
    order = Value(m, "i64", m.lanes, f"<{numbers}>")
    half = m.put("i64", 1, f"sdiv {size}, 2")

    def at(index, mask):
        place = order + m.splat(index)
        rising = place < m.splat(half)
        count = m.select(rising, place, m.splat(size - 1) - place)
        start, sign = m.select(rising, first, last), m.select(rising, step, -step)
        m.store(m.fma(m.convert(count, kind), sign, start), m.at(out, index, kind), mask)

    over(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), at)
    m.line("ret void")
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    return kernels.build(body, kinds, m.module)
