"""Attention as compiled loops: the scores of a block of rows, their softmax and its product with
the values while they are in the cache; and the way back, block by block.

Arrays are stacks of matrices whose rows lie densely, the stack in at most two runs. Each function
answers None where the arrays lie otherwise; then NumPy does it.
"""

import threading
from math import prod

import numpy as np

from ...base.process.forks import across
from ...core.blocks import THREADS
from ..machine import kernels, native
from ..machine.code import BYTES, Code, Value, kind_of
from ..machine.pool import ensure
from . import library
from .mathematics import FUNCTIONS
from .pointwise import over
from .reductions import loop
from .rows import Row

__all__ = ["attention", "attention_back"]

ROOM = 1 << 15  # elements of the stack for the scores' gradients of a block
BLOCK = 64  # rows at most; half of that where later places are hidden, which need no product
ALONE = 1 << 22  # multiplications which one thread may do alone
CHUNK = 1 << 21  # multiplications that a thread takes at a time
_TYPES = (np.dtype(np.float32), np.dtype(np.float64))
_PLAIN, _TURNED = 111, 112
_KERNELS: dict = {}
_LOCK = across(threading.Lock())
_SIZES = ["height", "width", "depth", "out_depth", "inner", "blocks", "rows"]


class _Body:
    """A kernel being written: its arguments by name, products of blocks, rows of scores."""

    def __init__(self, kind, scores, arrays, causal):
        self.kind, self.causal = kind, causal
        m = self.m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
        places = [f"{name}_{part}" for name in arrays for part in ("outer", "inner", "row")]
        names = [*scores, *arrays, *_SIZES, *places, "scale", "chunk"]
        count = len(scores) + len(arrays)
        self.kinds = ["ptr"] * count + ["i64"] * (len(names) - count - 2) + [kind, "i64"]
        for name, value in zip(names, kernels.arguments(m, self.kinds), strict=True):
            setattr(self, name, value)
        self.zero, self.one = m.constant("i64", 0, 1), m.constant(kind, 1, 1)
        self.blank = m.constant(kind, 0, 1)

    def rest(self, x, y):
        return self.m.put("i64", 1, f"srem {x}, {y.text}")

    def lesser(self, x, y):
        return self.m.select(x < y, x, y)

    def matrix(self, name, which, first=None):
        """(address of row `first` of a matrix of the stack, from one row to the next)."""
        outer, inner, row = [getattr(self, f"{name}_{part}") for part in ("outer", "inner", "row")]
        place = (which / self.inner) * outer + self.rest(which, self.inner) * inner
        place = place if first is None else place + first * row
        return self.m.at(getattr(self, name), place, self.kind), row

    def product(self, sizes, left, right, out, turned=(_PLAIN, _PLAIN), beta=None):
        """out = left · right (+ out where beta is 1), of (address, leading dimension)."""
        m = self.m
        orders = [m.constant("i32", n, 1) for n in (101, *turned)]
        given = [*orders, *sizes, self.one, *left, *right, self.blank if beta is None else beta,
                 *out]  # fmt: skip
        letter = "s" if self.kind == "f32" else "d"
        m.declare(f"declare void @{letter}gemm({', '.join([v.type for v in given])})")
        m.line(f"call void @{letter}gemm({', '.join(map(str, given))})")

    def block(self, number):
        """(first row, rows, places that the last of them sees) of a block."""
        first = number * self.rows
        count = self.lesser(self.height - first, self.rows)
        seen = self.lesser(first + count, self.width) if self.causal else self.width
        return first, count, seen

    def each_row(self, first, count, seen, at):
        """``at(r, width)`` for the rows of a block; width: the places that row sees."""
        loop(self.m, self.zero, count, lambda r: at(
            r, self.lesser(first + r + 1, self.width) if self.causal else seen))  # fmt: skip

    def clear(self, home, start, stop):
        m, blank = self.m, self.m.constant(self.kind, 0)
        over(m, start, stop, lambda i, mask: m.store(blank, m.at(home, i, self.kind), mask))

    def built(self, unit):
        m = self.m
        loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), unit)
        m.line("ret void")
        body = m.text("define internal void @body(ptr %args, i64 %start, i64 %stop)")
        return kernels.Body(body, self.kinds, m.module, chunk=None, work=1 << 12)


def _forward(kind, causal):
    """Unit u is one block of rows of one matrix."""
    b = _Body(kind, ["p"], ["out", "q", "k", "v"], causal)
    m = b.m

    def unit(u):
        which = u / b.blocks
        first, count, seen = b.block(b.rest(u, b.blocks))
        scores = m.at(b.p, (which * b.height + first) * b.width, kind)
        b.product((count, seen, b.depth), b.matrix("q", which, first), b.matrix("k", which),
                  (scores, b.width), (_PLAIN, _TURNED))  # fmt: skip

        def softmax(r, width):
            home = m.at(scores, r * b.width, kind)
            row = Row(m, kind, width, b.zero)
            top = row.largest(home)

            def exponentials(i, mask):
                value = FUNCTIONS["exp"](m, (row.read(home, i, mask) - top) * b.scale)
                row.write(value, home, i, mask)
                return [value]

            (total,) = row.sums(1, exponentials)
            share = b.one / total
            row.each(lambda i, mask: row.write(row.read(home, i, mask) * share, home, i, mask))
            if causal:
                b.clear(home, width, b.width)

        b.each_row(first, count, seen, softmax)
        b.product((count, b.out_depth, seen), (scores, b.width), b.matrix("v", which),
                  b.matrix("out", which, first))  # fmt: skip

    return b.built(unit)


def _backward(kind, causal):
    """Unit u is one matrix; the last block comes first, since it sees the most."""
    b = _Body(kind, ["p"], ["dq", "dk", "dv", "g", "q", "k", "v"], causal)
    m = b.m
    slope = m.slot(f"[{ROOM} x {'float' if kind == 'f32' else 'double'}]", 64)

    def unit(which):
        def block(n):
            first, count, seen = b.block(b.blocks - 1 - n)
            weights = m.at(b.p, (which * b.height + first) * b.width, kind)
            g = b.matrix("g", which, first)
            b.product((count, seen, b.out_depth), g, b.matrix("v", which), (slope, b.width),
                      (_PLAIN, _TURNED))  # fmt: skip

            def row_back(r, width):
                row = Row(m, kind, width, r * b.width)
                (along,) = row.sums(
                    1, lambda i, mask: [row.read(slope, i, mask) * row.read(weights, i, mask)]
                )

                def at(i, mask):
                    part = (row.read(slope, i, mask) - along) * row.read(weights, i, mask)
                    row.write(part * b.scale, slope, i, mask)

                row.each(at)
                if causal:
                    b.clear(m.at(slope, r * b.width, kind), width, seen)

            b.each_row(first, count, seen, row_back)
            beta = m.select(n == 0, b.blank, b.one)
            b.product((count, b.depth, seen), (slope, b.width), b.matrix("k", which),
                      b.matrix("dq", which, first))  # fmt: skip
            b.product((seen, b.depth, count), (slope, b.width), b.matrix("q", which, first),
                      b.matrix("dk", which), (_TURNED, _PLAIN), beta)  # fmt: skip
            b.product((seen, b.out_depth, count), (weights, b.width), g, b.matrix("dv", which),
                      (_TURNED, _PLAIN), beta)  # fmt: skip

        loop(m, b.zero, b.blocks, block)

    return b.built(unit)


def _kernel(make, dtype, causal):
    key = make, dtype.num, causal
    found = _KERNELS.get(key)
    if found is None:
        with _LOCK:
            letter = "s" if kind_of(dtype) == "f32" else "d"
            place = [(f"{letter}gemm", library.address(letter))]
            found = _KERNELS[key] = kernels.made(make, kind_of(dtype), causal, imports=place)
    ensure()
    return found


# --- for arrays -----------------------------------------------------------------------------------


def _laid(x):
    """The array, or a copy, whose rows lie densely, one after the other with room between them."""
    item, (row, column) = x.itemsize, x.strides[-2:]
    if column == item and row >= x.shape[-1] * item and row % item == 0 and x.flags.aligned:
        return x
    return np.ascontiguousarray(x)


def _places(arrays):
    """(length of the inner run, [outer step, inner step, row step] of each), or None."""
    item, lead = arrays[0].itemsize, arrays[0].shape[:-2]
    steps = [[s // item for s in x.strides[:-2]] for x in arrays]
    runs = library.runs(lead, *steps)
    if len(runs) > 2:
        return None
    none = (1, *[0] * len(arrays))
    outer, inner = [none] * (2 - len(runs)) + runs
    return inner[0], [
        (outer[i + 1], inner[i + 1], x.strides[-2] // item) for i, x in enumerate(arrays)
    ]


def _cut(height, width, causal):
    """Rows of a block, and blocks."""
    rows = min(BLOCK // 2 if causal else BLOCK, max(ROOM // width, 1), height)
    return rows, -(-height // rows)


def _called(make, scores, arrays, causal, scale, numbers, each):
    """Runs a kernel; False where the arrays have no place in it."""
    found = _places(arrays)
    if found is None:
        return False
    height, width, depth, out_depth = numbers
    rows, blocks = _cut(height, width, causal)
    inner, places = found
    count = prod(arrays[0].shape[:-2])
    pieces = blocks if each else 1
    work = max(height * width * (depth + out_depth) // pieces, 1)
    chunk = min(max(1, CHUNK // work), -(-count * pieces // THREADS.count))
    _kernel(make, scores.dtype, causal)(
        scores, *arrays, height, width, depth, out_depth, inner, blocks, rows,
        *[n for place in places for n in place], scale, chunk, count * pieces,
    )  # fmt: skip
    return True


def attention(q, k, v, out, scale, causal):
    """The weights of q (..., L, E), k (..., S, E), v (..., S, F), with `out` (..., L, F) written;
    None where there is no loop."""
    numbers = (*q.shape[-2:-1], *k.shape[-2:], v.shape[-1])
    if q.dtype not in _TYPES or not library.available() or numbers[1] > ROOM:
        return None
    p = np.empty((*q.shape[:-1], k.shape[-2]), q.dtype)
    arrays = [out, _laid(q), _laid(k), _laid(v)]
    return p if _called(_forward, p, arrays, causal, scale, numbers, True) else None


def attention_back(g, q, k, v, p, scale, causal):
    """The cotangents of q, k and v, or None."""
    numbers = (*p.shape[-2:], k.shape[-1], v.shape[-1])
    if q.dtype not in _TYPES or not library.available() or numbers[1] > ROOM:
        return None
    if not p.flags.c_contiguous or g.dtype is not q.dtype:
        return None
    if prod(q.shape[:-2]) < THREADS.count and prod(numbers[:3]) > ALONE:
        return None
    dq, dk, dv = (np.empty_like(_laid(x)) for x in (q, k, v))
    if causal and numbers[0] < numbers[1]:
        dk[...] = dv[...] = 0
    if not all(x.strides[-1] == x.itemsize for x in (dq, dk, dv)):
        dq, dk, dv = (np.empty(x.shape, x.dtype) for x in (q, k, v))
    arrays = [dq, dk, dv, *map(_laid, (g, q, k, v))]
    if not _called(_backward, p, arrays, causal, scale, numbers, False):
        return None
    return dq, dk, dv
