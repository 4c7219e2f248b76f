"""The two loops of Winograd's F(2x2, 3x3), as LLVM text: read `correlate` and `weigh`.

Four outputs of a tile take 16 products instead of 36 (A. Lavin, S. Gray, 2015; B, G, A below):
y = Aᵀ [Σ over channels of (G w Gᵀ) ∘ (Bᵀ d B)] A, ∂w = Gᵀ [Σ over tiles of (A g Aᵀ) ∘ (Bᵀ d B)] G
for the 4x4 elements d under a tile. These are sixteen matrix products, taken for a block of tiles
at a time, so that what is transformed stays in the second cache. A vector holds the same element
of neighbouring tiles; `_Tiles` cuts a block into runs that fit a vector.
"""

from ..machine.code import Value
from .convolution_code import Body, lesser, multiply_add
from .convolution_epilogues import AHEAD, EPILOGUE, ask_for
from .pointwise import lanes_below
from .reductions import loop
from .tiles import turned
from .turns import shuffle

__all__ = ["PAD", "correlate", "largest", "transform", "weigh"]

_SHARED = ("slots", "slot", "groups", "blocks", "blocks_each", "fan_in", "fan_out", "across",
           "each", "tiles", "height", "width", "top", "left", "x_image", "x_channel", "x_row",
           "y_image", "y_channel", "y_row", "y_height", "y_width", "v_row", "v_step", "second",
           "m_step")  # fmt: skip
PAD = 16  # elements between matrices, so that they do not meet in the same lines of a cache
_RUN = 5  # numbers a run of tiles has: image, row, column, how many, where in the block


def _input_sums(d):
    """Bᵀ d, for four things."""
    return d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]


def _output_sums(m):
    """Aᵀ m, for four things."""
    return m[0] + m[1] + m[2], m[1] - m[2] - m[3]


def _cotangent_sums(g):
    """A g, for two things."""
    return g[0], g[0] + g[1], g[0] - g[1], -g[1]


class _Tiles:
    """A block of at most `span` tiles from `start` on, as runs of neighbours in one row."""

    def __init__(self, b, start, count, table):
        self.b, self.table = b, table
        m = b.m
        image, row, column = b.parts(start, b.each / b.across, b.across)
        state = [m.slot("i64") for _ in range(4)]
        for slot, value in zip(state, (image, row, column, b.zero), strict=True):
            m.store(value, slot)
        at, opened = m.loop_open(b.zero, count, None)
        image, row, column, number = [m.load(slot, "i64", 1) for slot in state]
        many = lesser(m, lesser(m, b.number(m.lanes), b.across - column), count - at)
        for i, value in enumerate((image, row, column, many, at)):
            m.store(value, m.at(table, number * _RUN + i, "i64"))
        ended = column + many == b.across
        last = ended & (row + 1 == b.each / b.across)
        m.store(image + m.convert(last, "i64"), state[0])
        m.store(m.select(last, b.zero, row + m.convert(ended, "i64")), state[1])
        m.store(m.select(ended, b.zero, column + many), state[2])
        m.store(number + 1, state[3])
        m.loop_close((*opened[:-1], many))
        self.count = m.load(state[3], "i64", 1)

    def each(self, write):
        """``write(image, row, column, many, at)`` for each run."""
        b = self.b
        loop(b.m, b.zero, self.count, lambda r: write(
            *[b.of_table(self.table, r * _RUN + i) for i in range(_RUN)]))  # fmt: skip


class _Winograd(Body):
    """What both loops have: blocks of tiles, their transforms and products."""

    def __init__(self, kind, pointers, span, more=()):
        super().__init__(kind, (*pointers, "blank", "scratch", "flags"), (*_SHARED, *more))
        self.span, self.table = span, self.m.slot(f"[{span * _RUN} x i64]", 64)
        self.numbers = Value(
            self.m, "i64", self.m.lanes,
            "<" + ", ".join([f"i64 {i}" for i in range(self.m.lanes)]) + ">",
        )  # fmt: skip

    def block(self, start, count):
        return _Tiles(self, start, count, self.table)

    def lines(self, home, rows, first, height, step, row_step, column):
        """(address, step to the next channel) of rows, zeros in place of those outside."""
        m, out = self.m, []
        for i in range(rows):
            row = first + i
            inside = (row >= self.zero) & (row < height)
            there = self.place(home, row * row_step + column)
            out.append((m.select(inside, there, self.blank), m.select(inside, step, self.zero)))
        return out

    def masks(self, column, width, places):
        """Which of the elements from each place on are inside of a row."""
        out = []
        for place in places:
            lanes = self.numbers + self.m.splat(column + place)
            out.append((lanes >= 0) & (lanes < self.m.splat(width)))
        return out

    def halves(self, low, high):
        """Elements of even and of odd number of two vectors."""
        lanes = self.m.lanes
        return [shuffle(self.m, low, high, range(i, 2 * lanes, 2)) for i in (0, 1)]

    def put(self, home, step, values):
        """Sixteen vectors, `step` elements apart."""
        for i, value in enumerate(values):
            self.m.store(value, self.place(home, step * i))

    def transform_input(self, tiles, group, target):
        """Bᵀ d B of all channels of a group: [16][channel][tile]."""
        m, lanes = self.m, self.m.lanes
        places = (0, lanes, 2, lanes + 2)

        def run(image, row, column, many, at):
            source = self.place(self.x, image * self.x_image + group * self.fan_in * self.x_channel)
            column = column * 2 - self.left
            lines = self.lines(source, 4, row * 2 - self.top, self.height, self.x_channel,
                               self.x_row, column)  # fmt: skip
            masks = self.masks(column, self.width, places)

            def channel(c):
                given = []
                for line, step in lines:
                    here = self.place(line, step * c)
                    ask_for(m, self.place(line, step * (c + AHEAD)), self.kind, 3)
                    given.append([self.load(here, self.number(p), mask)
                                  for p, mask in zip(places, masks, strict=True)])  # fmt: skip
                values = []
                for vectors in zip(*[_input_sums(d) for d in zip(*given, strict=True)],
                                   strict=True):  # fmt: skip
                    columns = [*self.halves(*vectors[:2]), *self.halves(*vectors[2:])]
                    values += _input_sums(columns)
                self.put(self.place(target, c * self.v_row + at), self.v_step, values)

            loop(m, self.zero, self.fan_in, channel)

        tiles.each(run)

    def product(self, rows, vectors, left, right, target, terms, add):
        """target[rows, vectors of columns] = (or +=) left · right; each matrix is (address, step to
        the next row, step to the next column), but the right one and the target have no last."""
        m, kind = self.m, self.kind
        (left, left_row, left_column), (right, right_row) = left, right
        target, target_row = target
        slots = self.accumulators(rows * vectors)

        def term(j):
            line = self.place(right, right_row * j)
            columns = [self.load(line, self.number(v * m.lanes)) for v in range(vectors)]
            place = self.place(left, left_column * j)
            for i in range(rows):
                factor = m.splat(self.scalar(place, left_row * i))
                for v, column in enumerate(columns):
                    slot = slots[i * vectors + v]
                    m.store(multiply_add(m, factor, column, m.load(slot, kind)), slot)

        loop(m, self.zero, terms, term)
        for i in range(rows):
            line = self.place(target, target_row * i)
            for v in range(vectors):
                value, place = m.load(slots[i * vectors + v], kind), self.number(v * m.lanes)
                if add:
                    value = value + self.load(line, place)
                m.store(value, self.place(line, place))


# --- weights --------------------------------------------------------------------------------------


def transform(kind, rows):
    """``kernel(out, w, *numbers)``: G w Gᵀ as [group][16][block][input channel][row], blocks of
    `rows` output channels, zeros behind the last; w has any strides."""
    b = Body(kind, ("out", "w"), ("blocks", "fan_in", "fan_out", "w_group", "w_out", "w_in",
                                  "w_row", "w_column"))  # fmt: skip
    m = b.m

    def one(group, block, c, r):
        channel = block * rows + r
        size = b.blocks * b.fan_in * rows + PAD
        target = b.place(b.out, group * 16 * size + (block * b.fan_in + c) * rows + r)
        source = b.place(b.w, group * b.w_group + channel * b.w_out + c * b.w_in)

        def inside():
            given = [[b.scalar(source, b.w_row * i + b.w_column * j) for j in range(3)]
                     for i in range(3)]  # fmt: skip
            columns = [_weight_sums(w) for w in zip(*given, strict=True)]
            give([_weight_sums(w) for w in zip(*columns, strict=True)])

        def give(lines):
            for i, value in enumerate([v for line in lines for v in line]):
                m.store(value, b.place(target, size * i))

        b.either(channel < b.fan_out, inside, lambda: give([[m.constant(kind, 0, 1)] * 4] * 4))

    def unit(u):
        group, block = b.parts(u, b.blocks)
        loop(m, b.zero, b.fan_in, lambda c: loop(
            m, b.zero, b.number(rows), lambda r: one(group, block, c, r)))  # fmt: skip

    loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), unit)
    m.line("ret void")
    return b.built()


def _weight_sums(w):
    """G w, for three numbers."""
    outer, inner = (w[0] + w[2]) * 0.5, w[1] * 0.5
    return w[0], outer + inner, outer - inner, w[2]


# --- outputs --------------------------------------------------------------------------------------


def correlate(kind, rows, vectors, span, biased):
    """``kernel(y, x, w, bias, broken, blank, scratch, flags, *numbers)``: `rows` output channels
    and `vectors` vectors of tiles at a time, blocks of `span` tiles. `broken` is set for images in
    which a result is not finite."""
    return _correlate(_Outputs, (), kind, rows, vectors, span, biased)


def largest(kind, rows, vectors, span, biased, places):
    """The same of ``kernel(y, [taps,] x, ...)``, where y has the largest of each tile, and the taps
    (if `places` are asked for) which one that is."""
    return _correlate(_Largest, ("taps",) * places, kind, rows, vectors, span, biased)


def _correlate(loop_of, more, kind, rows, vectors, span, biased):
    b = loop_of(kind, ("y", *more, "x", "w", "bias", "broken"), span, ("part", *EPILOGUE))
    b.shape, b.biased = (rows, vectors), biased
    return b.build(b.unit)


class _Outputs(_Winograd):
    """The loop of `correlate`, which sets `shape`: (rows, vectors), and `biased`."""

    def unit(self, u, buffer):
        m, span = self.m, self.span
        parts = (self.blocks + (self.part - 1)) / self.part
        block, group, part = self.parts(u, self.groups, parts)
        start = block * span
        count = lesser(m, self.number(span), self.tiles - start)
        tiles = self.block(start, count)
        self.transform_input(tiles, group, buffer)
        first = part * self.part
        end = lesser(m, first + self.part, self.blocks)
        chunks = (end - first + (self.blocks_each - 1)) / self.blocks_each

        def channels(chunk):
            here = first + chunk * self.blocks_each
            after = lesser(m, here + self.blocks_each, end)
            self.channels(tiles, count, group, buffer, here, after)

        loop(m, self.zero, chunks, channels)

    def channels(self, tiles, count, group, buffer, first, end):
        """All of a block of tiles for the blocks of output channels in [first, end)."""
        m, rows = self.m, self.shape[0]
        products = self.place(buffer, self.second)
        loop(m, self.zero, self.number(16), lambda xi: self.products_of(
            xi, count, group, first, end, buffer, products))  # fmt: skip
        last = lesser(m, end * rows, self.fan_out)
        tiles.each(lambda *run: self.give(*run, group * self.fan_out, first * rows, last, products))

    def products_of(self, xi, count, group, first, end, buffer, products):
        m, span, (rows, vectors) = self.m, self.span, self.shape
        width = vectors * m.lanes
        size = self.blocks * self.fan_in * rows + PAD
        weights = self.place(self.w, (group * 16 + xi) * size)
        source = self.place(buffer, xi * self.v_step)
        target = self.place(products, xi * self.m_step)

        def one(k, t):
            left = self.place(weights, k * self.fan_in * rows), self.number(1), self.number(rows)
            right = self.place(source, t * width), self.v_row
            out = self.place(target, (k - first) * (rows * span) + t * width), self.number(span)
            self.product(rows, vectors, left, right, out, self.fan_in, False)

        groups = (count + (width - 1)) / self.number(width)
        loop(m, first, end, lambda k: loop(m, self.zero, groups, lambda t: one(k, t)))

    def give(self, image, row, column, many, at, offset, first, last, products):
        """The outputs of a run of tiles in channels [first, last) of a group that begins at
        `offset`."""
        m, kind = self.m, self.kind
        checked = m.slot(Value(m, kind, m.lanes, "").type, 64)
        m.store(m.constant(kind, 0), checked)
        write = self.writer(image, row, column, many)

        def channel(k):
            values = self.outputs(self.place(products, (k - first) * self.span + at), offset + k)
            for v in (*values[0], *values[1]):
                m.store(multiply_add(m, v, m.constant(kind, 0), m.load(checked, kind)), checked)
            write(offset + k, values)

        loop(m, first, last, channel)
        self.go_on(image, row, column, many, offset + first, last - first)
        found = m.load(checked, kind)
        self.either(m.any(m.unordered(found, found)), lambda: m.store(
            self.number(1), m.at(self.broken, image, "i64")), lambda: None)  # fmt: skip

    def outputs(self, source, channel):
        """Two rows of (even, odd) outputs of a run of tiles."""
        found = [self.load(self.place(source, self.m_step * i)) for i in range(16)]
        half = [_output_sums(found[j::4]) for j in range(4)]
        values = [_output_sums([h[a] for h in half]) for a in (0, 1)]
        if not self.biased:
            return values
        bias = self.scalar(self.bias, channel)
        return [[v + bias for v in pair] for pair in values]

    def writer(self, image, row, column, many):
        """``write(channel, values)`` for the outputs of a run."""
        m = self.m
        home = self.place(self.y, image * self.y_image + row * 2 * self.y_row + column * 2)
        count = lesser(m, many * 2, self.y_width - column * 2)
        counts = count, m.select(row * 2 + 1 < self.y_height, count, self.zero)
        masks = [[lanes_below(m, n - i * m.lanes) for i in (0, 1)] for n in counts]
        whole = counts[1] == 2 * m.lanes

        def write(channel, values):
            target = self.place(home, channel * self.y_channel)
            pairs = [_interleaved(m, *pair) for pair in values]
            self.either(whole, lambda: self.write(pairs, target, [[None] * 2] * 2),
                        lambda: self.write(pairs, target, masks))  # fmt: skip

        return write

    def go_on(self, image, row, column, many, channel, channels):
        """With the results of a run in these channels."""
        m, first = self.m, row * 2 * self.y_row + column * 2
        rows = lesser(m, self.number(2), self.y_height - row * 2)
        count = lesser(m, many * 2, self.y_width - column * 2)
        self.epilogue_of(image, channel, channels, first, rows, self.y_row, count)

    def write(self, pairs, target, masks):
        for a in (0, 1):
            for i in (0, 1):
                place = self.place(target, self.y_row * a + i * self.m.lanes)
                self.m.store(pairs[a][i], place, masks[a][i])


class _Largest(_Outputs):
    """The loop of `largest`: `y_height` and `y_width` are those of the tiles' outputs."""

    def writer(self, image, row, column, many):
        m = self.m
        first = image * self.y_image + row * self.y_row + column
        count = lesser(m, many, self.y_width / self.number(2) - column)
        mask = lanes_below(m, m.select(row * 2 + 1 < self.y_height, count, self.zero))

        def write(channel, values):
            place = first + channel * self.y_channel
            top, taps = self.best([v for pair in values for v in pair])
            m.store(top, self.place(self.y, place), mask)
            if hasattr(self, "taps"):
                m.store(taps, m.at(self.taps, place, "i8"), mask)

        return write

    def best(self, values):
        """(the largest of four, which one): of equals the first. None of them is NaN, or its image
        is computed again."""
        m, top, taps = self.m, values[0], self.m.constant("i8", 0)
        for n, value in enumerate(values[1:], 1):
            which = value > top
            top = m.select(which, value, top)
            taps = m.select(which, m.constant("i8", n), taps)
        return top, taps

    def go_on(self, *run):
        """Nothing goes on with them here."""


def _interleaved(m, even, odd):
    """Elements of two vectors in turn, as two vectors."""
    lanes = m.lanes
    order = [i // 2 + i % 2 * lanes for i in range(2 * lanes)]
    return shuffle(m, even, odd, order[:lanes]), shuffle(m, even, odd, order[lanes:])


# --- the weight's gradient ------------------------------------------------------------------------


def weigh(kind, rows, vectors, span):
    """``kernel(out, x, g, blank, scratch, flags, *numbers)``: `rows` output channels and `vectors`
    vectors of input channels at a time, blocks of `span` tiles. Each unit adds to sums of its own
    (`share` tiles), so the order does not depend on threads."""
    b = _Weights(kind, ("out", "x", "g"), span, ("turn", "share", "depth"))
    b.shape = rows, vectors
    return b.build(b.unit)


class _Weights(_Winograd):
    """The loop of `weigh`; it sets `shape`: (rows, vectors)."""

    def unit(self, u, buffer):
        m, span, rows = self.m, self.span, self.shape[0]
        parts = (self.blocks + (self.blocks_each - 1)) / self.blocks_each
        share, group, part = self.parts(u, self.groups, parts)
        first = part * self.blocks_each
        end = lesser(m, first + self.blocks_each, self.blocks)
        size = self.blocks * rows * self.depth
        sums = self.place(self.out, (share * self.groups + group) * 16 * size)
        start = share * self.share
        stop = lesser(m, start + self.share, self.tiles)
        loop(m, self.zero, (stop - start + (span - 1)) / self.number(span),
             lambda i: self.one_block(start + i * span, stop, group, first, end, buffer, sums)
             )  # fmt: skip

    def one_block(self, start, stop, group, first, end, buffer, sums):
        m, rows = self.m, self.shape[0]
        count = lesser(m, self.number(self.span), stop - start)
        tiles = self.block(start, count)
        cotangent = self.place(buffer, self.second)
        self.transform_input(tiles, group, buffer)
        last = lesser(m, end * rows, self.fan_out)
        self.transform_cotangent(tiles, group, first * rows, last, cotangent)
        loop(m, self.zero, self.number(16), lambda xi: self.products_of(
            xi, first, end, count, buffer, cotangent, sums))  # fmt: skip

    def products_of(self, xi, first, end, count, buffer, cotangent, sums):
        m, (rows, vectors) = self.m, self.shape
        width = vectors * m.lanes
        turn = self.place(buffer, self.turn)
        self.turn_channels(self.place(buffer, xi * self.v_step), turn)
        source = self.place(cotangent, xi * self.m_step)
        target = self.place(sums, xi * self.blocks * rows * self.depth)

        def one(k, c):
            lines = self.place(source, (k - first) * rows * self.v_row)
            left = lines, self.v_row, self.number(1)
            right = self.place(turn, c * width), self.depth
            out = self.place(target, k * rows * self.depth + c * width), self.depth
            self.product(rows, vectors, left, right, out, count, True)

        loop(m, first, end, lambda k: loop(
            m, self.zero, self.depth / self.number(width), lambda c: one(k, c)))  # fmt: skip

    def turn_channels(self, source, target):
        """[channel][tile] to [tile][channel]."""
        m, lanes = self.m, self.m.lanes

        def square(t, c):
            here = self.place(source, c * lanes * self.v_row + t * lanes)
            lines = [self.load(self.place(here, self.v_row * i)) for i in range(lanes)]
            there = self.place(target, t * lanes * self.depth + c * lanes)
            for i, line in enumerate(turned(m, lines)):
                m.store(line, self.place(there, self.depth * i))

        loop(m, self.zero, self.number(self.span // lanes), lambda t: loop(
            m, self.zero, self.depth / self.number(lanes), lambda c: square(t, c)))  # fmt: skip

    def transform_cotangent(self, tiles, group, first, last, target):
        """A g Aᵀ of output channels: [16][channel][tile]."""
        places = 0, self.m.lanes

        def run(image, row, column, many, at):
            source = image * self.y_image + group * self.fan_out * self.y_channel
            lines = self.lines(self.place(self.g, source), 2, row * 2, self.y_height,
                               self.y_channel, self.y_row, column * 2)  # fmt: skip
            masks = self.masks(column * 2, self.y_width, places)

            def channel(k):
                given = []
                for line, step in lines:
                    here, pairs = self.place(line, step * k), zip(places, masks, strict=True)
                    ask_for(self.m, self.place(line, step * (k + AHEAD)), self.kind, 2)
                    vectors = [self.load(here, self.number(p), mask) for p, mask in pairs]
                    given.append(self.halves(*vectors))
                columns = [_cotangent_sums(g) for g in zip(*given, strict=True)]
                values = [v for pair in zip(*columns, strict=True) for v in _cotangent_sums(pair)]
                here = self.place(target, (k - first) * self.v_row + at)
                self.put(here, self.m_step, values)

            loop(self.m, first, last, channel)

        tiles.each(run)
