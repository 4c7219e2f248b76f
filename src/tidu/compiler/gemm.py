"""Products of matrices in generated code, for sizes at which OpenBLAS would start its threads.

OpenBLAS's threads go on spinning after each product and take turns with the workers of `pool.py`;
so products that are worth threads are computed on those. Both matrices are packed into panels as
wide as a tile (`pack`), of which `multiply` keeps one product in the registers.
"""

import threading
from math import ceil

import numpy as np

from ..core.blocks import THREADS
from . import kernels, native
from .code import BYTES, Code, Value, kind_of
from .convolution_code import multiply_add, shuffle
from .pointwise import lanes_below
from .pool import ensure
from .reductions import loop

__all__ = ["product"]

LEAST = 1 << 18  # multiplications up to which OpenBLAS uses one thread, and is good at it
_FEWEST = 4  # lines of a matrix from which packing the other pays
_ROOM = 1 << 19  # elements of both matrices packed at a time: they fit the second cache
_DEPTH = 512  # of a panel: with its width it fits the first cache
_ONCE = 4  # panels of the other matrix up to which lines are read where they lie
_BESIDE = 4  # panels of columns that stay together
_LINES = 16  # a unit of packing takes, of those that are cut up; a divisor of the depth
_TYPES = (np.dtype(np.float32), np.dtype(np.float64))
_TILES = ((14, 2), (13, 2), (12, 2), (11, 2), (8, 3), (8, 2), (6, 4), (4, 4), (14, 1), (8, 1))
_FEW = ((6, 2), (4, 2), (2, 4), (8, 1))  # where there are 16 registers
_KERNELS = {}
_LOCK = threading.Lock()


# --- into panels: out[depth block][panel][k][lane], zeros where the matrix ends -------------------


def pack(kind, width, along):
    """``kernel(out, x, step, depth, length, panels, units)``: element (i, k) of x, of which
    panels take `width` in i, lies at i·step + k if `along` (k runs along memory), else k·step + i.
    """
    m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
    names = ["ptr"] * 2 + ["i64"] * 4
    matrix = kernels.arguments(m, names)
    write = _pack_along if along else _pack_across
    return _finished(m, lambda u: write(m, kind, width, u, *matrix), names, chunk=1)


def _lesser(m, x, y):
    y = m.like(y, x)
    return m.select(x < y, x, y)


def _finished(m, unit, names, chunk):
    loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), unit)
    m.line("ret void")
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    return kernels.build(body, names, m.module, chunk=chunk, work=1 << 15)


def _vectors(m, width):
    """(first lane, how many) of the vectors a panel's row is made of."""
    return [(v, min(m.lanes, width - v)) for v in range(0, width, m.lanes)]


def _pack_across(m, kind, width, u, out, x, step, depth, length, panels):
    """Lines of the matrix are cut up among the panels, a few lines a unit."""
    zero, few = m.constant("i64", 0, 1), m.constant("i64", _LINES, 1)
    first = u * few
    slab = first / m.constant("i64", _DEPTH, 1)

    def piece(k, panel):
        valid = length - panel * width
        row = (slab * panels + panel) * _DEPTH + (k - slab * _DEPTH)
        for start, many in _vectors(m, width):
            place = m.at(x, k * step + panel * width + start, kind)
            value = m.load(place, kind, mask=lanes_below(m, _lesser(m, valid - start, many)))
            here = m.at(out, row * width + start, kind)
            m.store(value, here, None if many == m.lanes else _first(m, many))

    loop(m, first, _lesser(m, first + few, depth),
         lambda k: loop(m, zero, panels, lambda panel: piece(k, panel)))  # fmt: skip


def _first(m, many):
    return lanes_below(m, m.constant("i64", many, 1))


def _pack_along(m, kind, width, u, out, x, step, depth, length, panels):
    """One panel a unit; squares of lanes · lanes elements are transposed in the registers."""
    lanes, zero = m.lanes, m.constant("i64", 0, 1)
    slab = u / panels
    start, first_line = slab * _DEPTH, m.put("i64", 1, f"srem {u}, {panels.text}") * width
    count, valid = _lesser(m, depth - start, _DEPTH), _lesser(m, length - first_line, width)
    target = m.at(out, u * (_DEPTH * width), kind)
    source = m.at(x, first_line * step + start, kind)
    squares = (count + (lanes - 1)) / m.constant("i64", lanes, 1)

    def square(s):
        k = s * lanes
        mask = lanes_below(m, count - k)
        for first, many in _vectors(m, width):
            lines = []
            for i in range(lanes):
                # A line after the last is read as the last: what comes of it is not used.
                line = _lesser(m, m.constant("i64", first + min(i, many - 1), 1), valid - 1)
                lines.append(m.load(m.at(source, line * step + k, kind), kind, mask=mask))
            for i, value in enumerate(_transposed(m, lines)):
                here = m.at(target, (k + i) * width + first, kind)
                m.store(value, here, None if many == lanes else _first(m, many))

    loop(m, zero, squares, square)


def _transposed(m, lines):
    bit = 1
    while bit < len(lines):
        out = list(lines)
        for i, a in enumerate(lines):
            if i & bit:
                continue
            b = lines[i | bit]
            lanes = range(len(lines))
            out[i] = shuffle(m, a, b, [j if not j & bit else len(lines) + j - bit for j in lanes])
            out[i | bit] = shuffle(
                m, a, b, [j + bit if not j & bit else len(lines) + j for j in lanes]
            )
        lines, bit = out, bit * 2
    return lines


# --- the product of panels ------------------------------------------------------------------------


def multiply(kind, rows, vectors, biased, direct):
    """``kernel(c, a, b, bias, begun, step, height, width, depth, panels_a, panels_b, a_each,
    b_each, shares, units)``: c (height, width) from packed panels of `rows` and of `vectors`
    vectors, or more of it where it has `begun`; a unit makes `a_each` panels of rows by `b_each` of
    columns. If `direct`, a is not packed: its element (i, k) lies at k·step + i, and the last panel
    begins earlier where it would not be full."""
    m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
    wide = vectors * m.lanes
    names = ["ptr"] * 4 + ["i64"] * 10
    c, a, b, bias, begun, step, height, *given = kernels.arguments(m, names)
    width, depth, panels_a, panels_b, a_each, b_each, shares = given
    zero, lines = m.constant("i64", 0, 1), [m.constant("i64", r, 1) for r in range(rows)]
    slots = [m.slot(Value(m, kind, m.lanes, "").type, 64) for _ in range(rows * vectors)]

    def unit(u):
        first_a = (u / shares) * a_each
        first_b = m.put("i64", 1, f"srem {u}, {shares.text}") * b_each
        last_a, last_b = _lesser(m, first_a + a_each, panels_a), first_b + b_each
        last_b = _lesser(m, last_b, panels_b)
        slabs = (depth + (_DEPTH - 1)) / m.constant("i64", _DEPTH, 1)
        loop(m, zero, slabs, lambda s: loop(m, first_b, last_b, lambda j: loop(
            m, first_a, last_a, lambda i: tile(s, i, j))))  # fmt: skip

    def tile(s, i, j):
        first = i * rows
        if direct:
            first = _lesser(m, first, height - rows)
            left = m.at(a, s * _DEPTH * step + first, kind)
            valid = [r >= i * rows - first for r in lines]
        else:
            left = m.at(a, (s * panels_a + i) * (_DEPTH * rows), kind)
            valid = [r < height - first for r in lines]
        right = m.at(b, (s * panels_b + j) * (_DEPTH * wide), kind)
        masks = [lanes_below(m, width - j * wide - v * m.lanes) for v in range(vectors)]
        home = m.at(c, first * width + j * wide, kind)
        begin(s, j * wide, masks)
        terms = _lesser(m, depth - s * _DEPTH, _DEPTH)
        loop(m, zero, terms, lambda k: _term(
            m, kind, slots, k * (step if direct else rows), left, m.at(right, k * wide, kind),
            vectors))  # fmt: skip
        leave(home, s, valid, masks)

    def begin(s, column, masks):
        """The sums start with the bias, in the first slab."""
        for v in range(vectors):
            start = m.constant(kind, 0)
            if biased:
                place = m.at(bias, column + v * m.lanes, kind)
                mask = masks[v] & m.splat((s + begun) == 0)
                start = m.load(place, kind, mask=mask)
            for i in range(rows):
                m.store(start, slots[i * vectors + v])

    def leave(home, s, valid, masks):
        again = m.splat((s + begun) > 0)
        for i in range(rows):
            for v in range(vectors):
                place = m.at(m.at(home, width * i, kind), m.constant("i64", v * m.lanes, 1), kind)
                inside = masks[v] & m.splat(valid[i])
                value = m.load(slots[i * vectors + v], kind)
                before = m.load(place, kind, mask=inside & again)
                m.store(value + before, place, inside)

    return _finished(m, unit, names, chunk=1)


def _term(m, kind, slots, place, left, other, vectors):
    """Add to the tile the product of a column of one panel and a row of the other."""
    rows = len(slots) // vectors
    line = m.at(left, place, kind)
    columns = [
        m.load(m.at(other, m.constant("i64", v * m.lanes, 1), kind), kind) for v in range(vectors)
    ]
    for i in range(rows):
        factor = m.splat(m.load(m.at(line, m.constant("i64", i, 1), kind), kind, 1))
        for v in range(vectors):
            slot = slots[i * vectors + v]
            m.store(multiply_add(m, factor, columns[v], m.load(slot, kind)), slot)


# --- the door -------------------------------------------------------------------------------------


def _kernel(make, dtype, *options):
    key = make, dtype.num, options
    found = _KERNELS.get(key)
    if found is None:
        with _LOCK:
            found = _KERNELS[key] = make(kind_of(dtype), *options)
    return found


def _line(x, across):
    """The step between lines of x, if its elements lie one after the other along an axis."""
    along, other = x.strides[1 - across], x.strides[across]
    if along == x.itemsize or x.shape[1 - across] == 1:
        return other // x.itemsize
    return None


_ROOMS: list = []  # memory for panels that nobody uses now: what was used last is in the cache


def _room(size):
    """At least `size` bytes that begin at a multiple of 64."""
    try:
        room = _ROOMS.pop()
        if room.nbytes >= size:
            return room
    except IndexError:
        pass
    room = np.empty(max(size, 1 << 20) + 64, np.uint8)
    return room[-room.ctypes.data % 64 :]


class _Panels:
    """A matrix packed along `axis`, which panels are `width` wide in, a part of its depth at a
    time; `step` is None where its elements do not lie in lines."""

    __slots__ = ("along", "axis", "count", "room", "step", "width", "x")

    def __init__(self, x, axis, width):
        self.x, self.axis, self.width = x, axis, width
        self.step, self.along = _line(x, axis), True
        if self.step is None:
            self.step, self.along = _line(x, 1 - axis), False
        self.count = ceil(x.shape[axis] / width)
        self.room = None

    def reserve(self, most):
        """Memory for panels `most` deep."""
        x, axis, width = self.x, self.axis, self.width
        slabs = ceil(min(most, x.shape[1 - axis]) / _DEPTH)
        self.room = _room(slabs * self.count * _DEPTH * width * x.itemsize)

    def part(self, start, depth):
        """The panels of [start, start + depth), or that part of the matrix if none are needed."""
        part = slice(start, start + depth)
        x = self.x[part] if self.axis else self.x[:, part]
        if self.room is None:
            return x
        units = ceil(depth / _DEPTH) * self.count if self.along else ceil(depth / _LINES)
        _kernel(pack, x.dtype, self.width, self.along)(
            self.room, x, self.step, depth, self.x.shape[self.axis], self.count, units
        )
        return self.room


def _tile(height, width, lanes):
    wide = native.HOST.vector_bytes == 64 or not native.HOST.triple.startswith("x86")

    def cost(tile):
        rows, vectors = tile
        work = max(rows * vectors / 2, (rows + vectors) / 2, 4) + 0.5
        return ceil(height / rows) * ceil(width / (vectors * lanes)) * work

    return min(_TILES if wide else _FEW, key=cost)


def product(x, y, bias=None):
    """x · y (+ bias) of two matrices, or None."""
    (height, depth), width = x.shape, y.shape[1]
    dtype = x.dtype
    if height * depth * width <= LEAST or dtype not in _TYPES or y.dtype is not dtype:
        return None
    if min(height, width) < _FEWEST:
        return None
    if not (x.flags.aligned and y.flags.aligned):
        return None
    if bias is not None and (bias.dtype is not dtype or not bias.flags.c_contiguous):
        return None
    ensure()
    rows, vectors = _tile(height, width, native.HOST.vector_bytes // dtype.itemsize)
    columns = vectors * (native.HOST.vector_bytes // dtype.itemsize)
    most = max(1, _ROOM // ((height + width) * _DEPTH)) * _DEPTH
    a, b = _Panels(x, 0, rows), _Panels(y, 1, columns)
    if a.step is None or b.step is None:
        return None
    direct = not a.along and b.count <= _ONCE and height >= rows
    if not direct:
        a.reserve(most)
    b.reserve(most)
    c = np.empty((height, width), dtype)
    run = _kernel(multiply, dtype, rows, vectors, bias is not None, direct)
    a_each, b_each = _shares(a.count, b.count)
    shares = ceil(b.count / b_each)
    units = ceil(a.count / a_each) * shares
    for start in range(0, depth, most):
        deep = min(most, depth - start)
        left, right = a.part(start, deep), b.part(start, deep)
        run(c, left, right, c if bias is None else bias, start, a.step, height, width, deep,
            a.count, b.count, a_each, b_each, shares, units)  # fmt: skip
    if len(_ROOMS) < 8:
        _ROOMS.extend([p.room for p in (a, b) if p.room is not None])
    return c


def _shares(count_a, count_b):
    """How many panels of each a unit takes: a few units for each thread. Columns are cut last and
    not finely, because units beside each other write into the same cache lines."""
    wanted = 4 * THREADS.count
    b_each = max(ceil(count_b / wanted), min(count_b, _BESIDE))
    a_each = ceil(count_a / ceil(wanted / ceil(count_b / b_each)))
    return a_each, b_each
