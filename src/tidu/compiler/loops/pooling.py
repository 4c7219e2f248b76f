"""Pooling over the last one to three axes in generated code, forwards and backwards.

One vector is neighbouring windows of a row; their elements lie `stride` apart, so a whole run is
read and every stride-th element taken out of it. What is padding is masked. Cotangents are added in
the order of windows, as PyTorch adds them, and 16-bit floats are rounded after each. Each function
answers None where NumPy should do it. Read `_Pool` and then the writers below it.
"""

import math
import threading
from math import prod

import numpy as np

from ...base.process.forks import across
from ..machine import kernels, native
from ..machine.code import BYTES, HALVES, Code, Value, held_as, stored_as
from ..machine.pool import ensure
from .elements import half_serves
from .reductions import loop

__all__ = ["max_place", "max_pool", "max_positions", "max_taps", "mean_pool", "mean_spread",
           "taps_place", "taps_serve"]  # fmt: skip

LEAST = 1 << 12  # elements from which a compiled loop gains
_MOST = 1 << 31  # places in a row are 32 bits wide
_TYPES = (np.dtype(np.float32), np.dtype(np.float64))
_TAPS = 1 << 7  # elements of a window whose numbers are kept in 8 bits
_WIDEST, _APART = 11, 4  # of the last axis: elements of a window, stride
_LOCK = across(threading.Lock())
_KERNELS = {}
_NUMBERS = tuple([f"{name}{a}" for name in ("size", "out", "kernel", "stride", "before", "dilation")
                  for a in range(3)])  # fmt: skip


class _Pool:
    """A kernel over planes being written; `kernel`, `stride`, `dilation` of the last axis; `held`:
    what elements of the `kind` are computed with.

    `tiled`: windows lie side by side, all within the plane, and a row has at least one vector of
    so many of them (0: not so). Then nothing is masked: the last vector of a row takes in some of
    those before it.
    """

    def __init__(self, kind, pointers, kernel, stride, dilation, tiled=0):
        self.kind, self.kernel, self.stride, self.dilation = kind, kernel, stride, dilation
        self.tiled, self.held = tiled > 0, "f32" if kind in HALVES.values() else kind
        m = self.m = Code(lanes=tiled or native.HOST.vector_bytes // BYTES[self.held])
        self.kinds = ["ptr"] * len(pointers) + ["i64"] * len(_NUMBERS)
        names = [*pointers, *_NUMBERS]
        for name, value in zip(names, kernels.arguments(m, self.kinds), strict=True):
            setattr(self, name, value)
        self.zero = m.constant("i64", 0, 1)
        self.input = self.size0 * self.size1 * self.size2
        self.output = self.out0 * self.out1 * self.out2

    def variable(self, kind, number):
        """A vector that changes; set to `number` by `put`."""
        return self.m.slot(Value(self.m, kind, self.m.lanes, "").type, 64), kind, number

    def put(self, variable, value=None):
        slot, kind, number = variable
        self.m.store(self.m.constant(kind, number) if value is None else value, slot)

    def get(self, variable):
        return self.m.load(variable[0], variable[1])

    def order(self, lanes):
        numbers = ", ".join([f"i32 {i}" for i in range(lanes)])
        return Value(self.m, "i32", lanes, f"<{numbers}>")

    def below(self, index, end):
        """Whether 0 <= index < end, for each lane."""
        m = self.m
        if index.lanes > 1:
            end = m.splat(m.convert(end, "i32"), index.lanes)
        return m.put("i1", index.lanes, f"icmp ult {index}, {end.text}")

    def each_output(self, write):
        """``write(a, b, c, mask)`` for the vectors of outputs of a plane."""
        m, step = self.m, self.m.constant("i64", self.m.lanes, 1)

        def row(a, b):
            c, opened = m.loop_open(self.zero, self.out2, step)
            if self.tiled:
                last = self.out2 - m.lanes
                write(a, b, m.select(c < last, c, last), None)
            else:
                write(a, b, c, self.below(self.order(m.lanes) + m.convert(c, "i32"), self.out2))
            m.loop_close(opened)

        loop(m, self.zero, self.out0, lambda a: loop(m, self.zero, self.out1, lambda b: row(a, b)))

    def each_row(self, a, b, write):
        """``write(row of the plane, number of the first element)`` for a window's rows inside."""
        m = self.m

        def row(i, j):
            x = a * self.stride0 - self.before0 + i * self.dilation0
            y = b * self.stride1 - self.before1 + j * self.dilation1
            if self.tiled:
                return write(
                    (x * self.size1 + y) * self.size2, (i * self.kernel1 + j) * self.kernel
                )
            inside = self.below(x, self.size0) & self.below(y, self.size1)
            yes, done = m.fresh("inside"), m.fresh("outside")
            m.line(f"br {inside}, label %{yes}, label %{done}")
            m.label(yes)
            write((x * self.size1 + y) * self.size2, (i * self.kernel1 + j) * self.kernel)
            m.jump(done)
            m.label(done)

        loop(m, self.zero, self.kernel0,
             lambda i: loop(m, self.zero, self.kernel1, lambda j: row(i, j)))  # fmt: skip

    def start(self, c, tap):
        """Where in its row the first window's element `tap` lies."""
        return c * self.stride - self.before2 + tap * self.dilation

    def run(self, first):
        """Which elements of a run that begins at `first` are inside the row."""
        lanes = self.m.lanes * self.stride
        return self.below(self.order(lanes) + self.m.convert(first, "i32"), self.size2)

    def strided(self, value, first=0):
        """Every stride-th element."""
        if self.stride == 1:
            return value
        m = self.m
        numbers = ", ".join([f"i32 {i * self.stride + first}" for i in range(m.lanes)])
        kinds = f"<{m.lanes} x i32> <{numbers}>"
        return m.put(value.kind, m.lanes, f"shufflevector {value}, {value.type} poison, {kinds}")

    def spread(self, value, offset):
        """The reverse: zeros between, `offset` of them in front."""
        if self.stride == 1:
            return value
        m, lanes = self.m, self.m.lanes * self.stride
        places = [
            (i - offset) // self.stride if i >= offset and (i - offset) % self.stride == 0
            else m.lanes
            for i in range(lanes)
        ]  # fmt: skip
        numbers = ", ".join([f"i32 {i}" for i in places])
        text = f"shufflevector {value}, {value.type} zeroinitializer, <{lanes} x i32> <{numbers}>"
        return m.put(value.kind, lanes, text)

    def element(self, plane, row, c, tap):
        """(values, which are inside) of one element of each window."""
        first = self.start(c, tap)
        if self.tiled:  # the whole run, from the window's first element on
            place = self.m.at(plane, row + self.start(c, 0), self.kind)
            value = self.m.load(place, self.kind, self.m.lanes * self.stride)
            return self.strided(value, tap), None
        mask = self.run(first)
        place = self.m.at(plane, row + first, self.kind)
        value = self.m.load(place, self.kind, self.m.lanes * self.stride, mask)
        return self.strided(value), self.strided(mask)

    def write(self, value, place, mask=None):
        """Write what was computed, rounded."""
        if self.held != self.kind:
            value = self.m.stored(self.m.rounded(value, self.kind), self.kind)
        self.m.store(value, place, mask)

    def add_to(self, plane, row, c, parts):
        """Add to each element of the windows its part, given for every tap."""
        if self.dilation * (self.kernel - 1) < self.stride:
            total = self.spread(parts[0], 0)
            for tap, part in enumerate(parts[1:], 1):
                total = total + self.spread(part, tap * self.dilation)
            return self._add(plane, row, self.start(c, 0), total)
        for tap in reversed(range(self.kernel)):  # an element meets the first window's last tap
            self._add(plane, row, self.start(c, tap), self.spread(parts[tap], 0))

    def _add(self, plane, row, first, total):
        m = self.m
        place = m.at(plane, row + first, self.kind)
        if self.tiled:
            return self.write(total, place)
        mask = self.run(first)
        self.write(m.load(place, self.kind, total.lanes, mask) + total, place, mask)

    def best(self, plane, a, b, c, better):
        """Walk through the windows; ``better(tap number, row, tap, which, value)`` where an
        element is the first or larger than those before, or NaN: the one PyTorch takes."""
        m = self.m
        top, found = self.variable(self.held, -math.inf), self.variable("i8", 0)
        if self.tiled:
            corner = (a * self.stride0 * self.size1 + b * self.stride1) * self.size2
            self.put(top, self.element(plane, corner, c, 0)[0])
            better(self.zero, corner, 0, m.constant("i1", True), self.get(top))
        else:
            self.put(top)
            self.put(found)

        def row(r, number):
            for tap in range(self.kernel):
                value, inside = self.element(plane, r, c, tap)
                before = self.get(top)
                which = (value > before) | m.unordered(value, value)
                if not self.tiled:
                    which = inside & (which | (self.get(found) == 0))
                    self.put(found, m.convert(which, "i8") | self.get(found))
                better(number + tap, r, tap, which, value)
                self.put(top, m.select(which, value, before))

        self.each_row(a, b, row)
        return self.get(top)

    def chosen(self, plane, a, b, c, kind):
        """(the largest of each window, the number of its element, of this kind)."""
        m, number_of = self.m, self.variable(kind, 0)

        def better(number, row, tap, which, value):
            number = m.splat(m.convert(number, kind))
            self.put(number_of, m.select(which, number, self.get(number_of)))

        self.put(number_of)
        return self.best(plane, a, b, c, better), self.get(number_of)

    def give(self, plane, a, b, c, g, chosen):
        """Add each cotangent to the element of its window that was chosen."""
        m = self.m

        def row(r, number):
            numbers = [m.splat(m.convert(number + tap, chosen.kind)) for tap in range(self.kernel)]
            self.add_to(plane, r, c, [m.select(chosen == n, g, 0.0) for n in numbers])

        self.each_row(a, b, row)

    def finish(self, plane):
        """The built-in function that runs ``plane(number)`` for all planes."""
        m = self.m
        loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), plane)
        m.line("ret void")
        body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
        return kernels.Body(body, self.kinds, m.module, chunk=4, work=1 << 8)


def _max_pool(kind, *static):
    p = _Pool(kind, ("y", "x"), *static)

    def plane(n):
        source, target = p.m.at(p.x, n * p.input, kind), p.m.at(p.y, n * p.output, kind)

        def write(a, b, c, mask):
            top = p.best(source, a, b, c, lambda *_: None)
            p.write(top, p.m.at(target, (a * p.out1 + b) * p.out2 + c, kind), mask)

        p.each_output(write)

    return p.finish(plane)


def _max_positions(kind, *static):
    p = _Pool(kind, ("y", "x"), *static)
    m = p.m

    def plane(n):
        source, target = m.at(p.x, n * p.input, kind), m.at(p.y, n * p.output, "i64")
        place = p.variable("i64", 0)

        def write(a, b, c, mask):
            def better(number, row, tap, which, value):
                steps = m.convert(p.order(m.lanes) * p.stride, "i64")
                here = steps + (row + p.start(c, tap))
                p.put(place, m.select(which, here, p.get(place)))

            p.put(place)
            p.best(source, a, b, c, better)
            m.store(p.get(place), m.at(target, (a * p.out1 + b) * p.out2 + c, "i64"), mask)

        p.each_output(write)

    return p.finish(plane)


def _max_taps(kind, *static):
    p = _Pool(kind, ("y", "taps", "x"), *static)
    m = p.m

    def plane(n):
        source, target = m.at(p.x, n * p.input, kind), m.at(p.y, n * p.output, kind)
        taps = m.at(p.taps, n * p.output, "i8")

        def write(a, b, c, mask):
            place = (a * p.out1 + b) * p.out2 + c
            top, chosen = p.chosen(source, a, b, c, "i8")
            p.write(top, m.at(target, place, kind), mask)
            m.store(chosen, m.at(taps, place, "i8"), mask)

        p.each_output(write)

    return p.finish(plane)


def _taps_place(kind, *static):
    p = _Pool(kind, ("into", "g", "taps"), *static)
    m = p.m

    def plane(n):
        target, cotangent = m.at(p.into, n * p.input, kind), m.at(p.g, n * p.output, kind)
        taps = m.at(p.taps, n * p.output, "i8")

        def write(a, b, c, mask):
            place = (a * p.out1 + b) * p.out2 + c
            chosen = m.load(m.at(taps, place, "i8"), "i8", mask=mask)
            g = m.load(m.at(cotangent, place, kind), kind, mask=mask)
            p.give(target, a, b, c, g, chosen)

        p.each_output(write)

    return p.finish(plane)


def _max_place(kind, *static):
    p = _Pool(kind, ("into", "g", "x"), *static)
    m = p.m

    def plane(n):
        source, target = m.at(p.x, n * p.input, kind), m.at(p.into, n * p.input, kind)
        cotangent = m.at(p.g, n * p.output, kind)

        def write(a, b, c, mask):
            _, chosen = p.chosen(source, a, b, c, "i32")
            g = m.load(m.at(cotangent, (a * p.out1 + b) * p.out2 + c, kind), kind, mask=mask)
            p.give(target, a, b, c, g, chosen)

        p.each_output(write)

    return p.finish(plane)


def _share(p, a, b, c, mask):
    """What the outputs are divided by."""
    m = p.m
    outer = m.load(m.at(p.count0, a, p.kind), p.kind, 1) * m.load(
        m.at(p.count1, b, p.kind), p.kind, 1
    )
    whole = m.load(m.at(p.count2, c, p.kind), p.kind, mask=mask) * outer
    return whole if mask is None else m.select(mask, whole, 1.0)


def _mean_pool(kind, *static):
    p = _Pool(kind, ("y", "x", "count0", "count1", "count2"), *static)
    m = p.m

    def plane(n):
        source, target = m.at(p.x, n * p.input, kind), m.at(p.y, n * p.output, kind)
        total = p.variable(kind, 0)

        def write(a, b, c, mask):
            def row(r, number):
                for tap in range(p.kernel):
                    p.put(total, p.get(total) + p.element(source, r, c, tap)[0])

            p.put(total)
            p.each_row(a, b, row)
            value = p.get(total) / _share(p, a, b, c, mask)
            m.store(value, m.at(target, (a * p.out1 + b) * p.out2 + c, kind), mask)

        p.each_output(write)

    return p.finish(plane)


def _mean_spread(kind, *static):
    p = _Pool(kind, ("into", "g", "count0", "count1", "count2"), *static)
    m = p.m

    def plane(n):
        target, cotangent = m.at(p.into, n * p.input, kind), m.at(p.g, n * p.output, kind)

        def write(a, b, c, mask):
            g = m.load(m.at(cotangent, (a * p.out1 + b) * p.out2 + c, kind), kind, mask=mask)
            part = g / _share(p, a, b, c, mask)
            p.each_row(a, b, lambda row, number: p.add_to(target, row, c, [part] * p.kernel))

        p.each_output(write)

    return p.finish(plane)


# --- the doors ------------------------------------------------------------------------------------


def _tiled(dtype, sizes, outs, kernel, stride, padding, dilation):
    """How many windows a vector has, where they lie side by side and within the plane: as many as a
    register holds, or half or a quarter, where a row is shorter; else 0."""
    alone = kernel == stride and not any(padding) and all(d == 1 for d in dilation)
    inside = all(out * k <= size for size, out, k in zip(sizes, outs, kernel, strict=True))
    most = native.HOST.vector_bytes // BYTES[held_as(dtype)]
    fitting = [n for n in (most, most // 2, most // 4) if 1 < n <= outs[-1]]
    return fitting[0] if alone and inside and fitting else 0


def _kernel(make, dtype, kernel, stride, dilation, tiled):
    key = make, stored_as(dtype), kernel[-1], stride[-1], dilation[-1], tiled
    found = _KERNELS.get(key)
    if found is None:
        with _LOCK:
            found = _KERNELS[key] = kernels.made(make, *key[1:])
    ensure()
    return found


def _serves(dtype, count, kernel, stride):
    return (
        LEAST <= count < _MOST and len(kernel) <= 3
        and kernel[-1] <= _WIDEST and stride[-1] <= _APART and _loads(dtype)
    )  # fmt: skip


def _loads(dtype):
    return dtype in _TYPES or (dtype.name in HALVES and half_serves(dtype))


def taps_serve(dtype, count, kernel, stride):
    """Whether `max_taps` and `taps_place` are loops, for `count` elements."""
    return prod(kernel) <= _TAPS and _serves(dtype, count, kernel, stride)


def _numbers(sizes, outs, kernel, stride, padding, dilation):
    """The kernel's numbers, with axes of length 1 in front."""
    lists = (sizes, outs, kernel, stride, padding, dilation)
    blank = (1, 1, 1, 1, 0, 1)
    return [
        n for given, one in zip(lists, blank, strict=True)
        for n in (*[one] * (3 - len(kernel)), *given)
    ]  # fmt: skip


def _pooled(make, x, dtypes, kernel, stride, padding, dilation, size, *more, outs=None):
    """An array of each type, `outs` where those are given."""
    if not _serves(x.dtype, x.size, kernel, stride):
        return None
    lead = x.ndim - len(kernel)
    made = outs or [np.empty((*x.shape[:lead], *size), dtype) for dtype in dtypes]
    if made[0].size:
        given = x.shape[lead:], tuple(size), tuple(kernel), tuple(stride), padding, dilation
        numbers = _numbers(*given)
        run = _kernel(make, x.dtype, kernel, stride, dilation, _tiled(x.dtype, *given))
        run(*made, np.ascontiguousarray(x), *more, *numbers, prod(x.shape[:lead]))
    return made


def max_pool(x, kernel, stride, padding, dilation, size):
    made = _pooled(_max_pool, x, [x.dtype], kernel, stride, padding, dilation, size)
    return made and made[0]


def max_positions(x, kernel, stride, padding, dilation, size):
    made = _pooled(_max_positions, x, [np.int64], kernel, stride, padding, dilation, size)
    return made and made[0]


def max_taps(x, kernel, stride, padding, dilation, size, outs=None):
    """[the largest of each window, the number of its element in the window]; not for windows of
    more elements than `taps_serve` allows."""
    return _pooled(_max_taps, x, [x.dtype, np.int8], kernel, stride, padding, dilation, size,
                   outs=outs)  # fmt: skip


def mean_pool(x, kernel, stride, padding, size, divisor):
    if x.dtype not in _TYPES:
        return None
    counts = _counts(divisor, size, x.dtype)
    made = _pooled(_mean_pool, x, [x.dtype], kernel, stride, padding, (1,) * len(kernel), size,
                   *counts)  # fmt: skip
    return made and made[0]


def _spread(make, g, shape, kernel, stride, padding, dilation, *more, into=None):
    if not _serves(g.dtype, prod(shape), kernel, stride):
        return None
    lead = g.ndim - len(kernel)
    given = shape[lead:], g.shape[lead:], tuple(kernel), tuple(stride), padding, dilation
    tiled = _tiled(g.dtype, *given)
    covered = tiled and all(out * k == n for n, out, k in zip(*given[:3], strict=True))
    if into is None:
        into = (np.empty if covered else np.zeros)(shape, g.dtype)
    elif not covered:
        into.fill(0)
    if g.size:
        numbers = _numbers(*given)
        run = _kernel(make, g.dtype, kernel, stride, dilation, tiled)
        run(into, np.ascontiguousarray(g), *more, *numbers, prod(g.shape[:lead]))
    return into


def max_place(g, x, kernel, stride, padding, dilation):
    if x.dtype != g.dtype:
        return None
    return _spread(_max_place, g, x.shape, kernel, stride, padding, dilation,
                   np.ascontiguousarray(x))  # fmt: skip


def taps_place(g, taps, kernel, stride, padding, dilation, shape, into=None):
    """Each cotangent at the element of its window that has this number."""
    return _spread(_taps_place, g, shape, kernel, stride, padding, dilation,
                   np.ascontiguousarray(taps), into=into)  # fmt: skip


def mean_spread(g, kernel, stride, padding, shape, divisor):
    if g.dtype not in _TYPES:
        return None
    counts = _counts(divisor, g.shape[g.ndim - len(kernel) :], g.dtype)
    return _spread(_mean_spread, g, shape, kernel, stride, padding, (1,) * len(kernel), *counts)


def _counts(divisor, outs, dtype):
    """For each of three axes, what the outputs along it are divided by."""
    each = [np.array(c, dtype) for c in divisor] if isinstance(divisor, tuple) else [
        np.full(n, divisor if a == 0 else 1, dtype) for a, n in enumerate(outs)
    ]  # fmt: skip
    return (*[np.ones(1, dtype)] * (3 - len(outs)), *each)
