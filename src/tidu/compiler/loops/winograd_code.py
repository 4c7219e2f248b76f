"""The two loops of Winograd's F(2x2, 3x3), as LLVM text: read `correlate` and `weigh`.

Four outputs beside each other, a tile, take sixteen products instead of 36:

    y = Aᵀ [Σ over channels of (G w Gᵀ) ∘ (Bᵀ d B)] A
    ∂w = Gᵀ [Σ over tiles of (A g Aᵀ) ∘ (Bᵀ d B)] G

for the 4x4 elements d of the image under a tile (A. Lavin, S. Gray, 2015). So there are sixteen
matrix products. They are taken for some tiles at a time, those of one row and the next ones as they
follow each other, so that what is transformed stays in the second cache. A vector holds the same
element of neighbouring tiles; `_Tiles` cuts a block of tiles into runs that fit a vector.
"""

from ..machine.code import Value
from .convolution_code import Body, lanes_of, lesser, multiply_add, shuffle
from .pointwise import lanes_below
from .reductions import loop
from .tiles import turned

__all__ = ["correlate", "weigh"]

_SHARED = ("slots", "slot", "groups", "blocks", "blocks_each", "fan_in", "fan_out", "across",
           "each", "tiles", "height", "width", "top", "left", "x_image", "x_channel", "x_row",
           "y_image", "y_channel", "y_row", "y_height", "y_width", "v_row", "v_step", "second",
           "m_step")  # fmt: skip
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


# --- outputs --------------------------------------------------------------------------------------


def correlate(kind, rows, vectors, span, biased):
    """``kernel(y, x, w, bias, broken, blank, scratch, flags, *numbers)``: `rows` output channels
    and `vectors` vectors of tiles at a time, blocks of `span` tiles. `broken` is set for images in
    which a result is not finite."""
    b = _Winograd(kind, ("y", "x", "w", "bias", "broken"), span)
    m, width = b.m, vectors * lanes_of(kind)

    def unit(u, buffer):
        block, group = b.parts(u, b.groups)
        start = block * span
        tiles = b.block(start, lesser(m, b.number(span), b.tiles - start))
        b.transform_input(tiles, group, buffer)
        chunks = (b.blocks + (b.blocks_each - 1)) / b.blocks_each
        loop(m, b.zero, chunks, lambda chunk: channels(
            tiles, group, buffer, chunk * b.blocks_each))  # fmt: skip

    def channels(tiles, group, buffer, first):
        end = lesser(m, first + b.blocks_each, b.blocks)
        products = b.place(buffer, b.second)

        def products_of(xi):
            weights = b.place(b.w, (group * 16 + xi) * b.blocks * b.fan_in * rows)
            source = b.place(buffer, xi * b.v_step)
            target = b.place(products, xi * b.m_step)
            loop(m, first, end, lambda k: loop(
                m, b.zero, b.number(span // width), lambda t: b.product(
                    rows, vectors,
                    (b.place(weights, k * b.fan_in * rows), b.number(1), b.number(rows)),
                    (b.place(source, t * width), b.v_row),
                    (b.place(target, (k - first) * (rows * span) + t * width), b.number(span)),
                    b.fan_in, False)))  # fmt: skip

        loop(m, b.zero, b.number(16), products_of)
        last = lesser(m, end * rows, b.fan_out)
        tiles.each(lambda *run: give(*run, group * b.fan_out, first * rows, last, products))

    def give(image, row, column, many, at, offset, first, last, products):
        home = b.place(b.y, image * b.y_image + row * 2 * b.y_row + column * 2)
        checked = m.slot(Value(m, kind, m.lanes, "").type, 64)
        m.store(m.constant(kind, 0), checked)
        below = row * 2 + 1 < b.y_height
        count = lesser(m, many * 2, b.y_width - column * 2)
        counts = count, m.select(below, count, b.zero)
        masks = [[lanes_below(m, n - i * m.lanes) for i in (0, 1)] for n in counts]
        whole = counts[1] == 2 * m.lanes

        def channel(k):
            source = b.place(products, (k - first) * span + at)
            found = [b.load(b.place(source, b.m_step * i)) for i in range(16)]
            half = [_output_sums(found[j::4]) for j in range(4)]
            values = [_output_sums([h[a] for h in half]) for a in (0, 1)]
            if biased:
                bias = b.scalar(b.bias, offset + k)
                values = [[v + bias for v in pair] for pair in values]
            for v in (*values[0], *values[1]):
                m.store(m.fma(v, m.constant(kind, 0), m.load(checked, kind)), checked)
            target = b.place(home, (offset + k) * b.y_channel)
            places = [[b.place(target, b.y_row * a + i * m.lanes) for i in (0, 1)] for a in (0, 1)]
            pairs = [_interleaved(m, *pair) for pair in values]

            def write(masks):
                for row_of in zip(pairs, places, masks, strict=True):
                    for value, place, mask in zip(*row_of, strict=True):
                        m.store(value, place, mask)

            b.either(whole, lambda: write([[None] * 2] * 2), lambda: write(masks))

        loop(m, first, last, channel)
        found = m.load(checked, kind)
        b.either(m.any(m.unordered(found, found)), lambda: m.store(
            b.number(1), m.at(b.broken, image, "i64")), lambda: None)  # fmt: skip

    return b.build(unit)


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
    b = _Winograd(kind, ("out", "x", "g"), span, ("turn", "share", "depth"))
    m, lanes = b.m, b.m.lanes
    width = vectors * lanes

    def unit(u, buffer):
        parts = (b.blocks + (b.blocks_each - 1)) / b.blocks_each
        share, group, part = b.parts(u, b.groups, parts)
        first = part * b.blocks_each
        end = lesser(m, first + b.blocks_each, b.blocks)
        sums = b.place(b.out, (share * b.groups + group) * 16 * b.blocks * rows * b.depth)
        start = share * b.share
        stop = lesser(m, start + b.share, b.tiles)
        loop(m, b.zero, (stop - start + (span - 1)) / b.number(span), lambda i: one_block(
            start + i * span, stop, group, first, end, buffer, sums))  # fmt: skip

    def one_block(start, stop, group, first, end, buffer, sums):
        count = lesser(m, b.number(span), stop - start)
        tiles = b.block(start, count)
        cotangent = b.place(buffer, b.second)
        turn = b.place(buffer, b.turn)
        b.transform_input(tiles, group, buffer)
        channels = first * rows, lesser(m, end * rows, b.fan_out)
        transform_cotangent(tiles, group, *channels, cotangent)

        def products_of(xi):
            turn_channels(b.place(buffer, xi * b.v_step), turn)
            source = b.place(cotangent, xi * b.m_step)
            target = b.place(sums, xi * b.blocks * rows * b.depth)
            loop(m, first, end, lambda k: loop(
                m, b.zero, b.depth / b.number(width), lambda c: b.product(
                    rows, vectors,
                    (b.place(source, (k - first) * rows * b.v_row), b.v_row, b.number(1)),
                    (b.place(turn, c * width), b.depth),
                    (b.place(target, k * rows * b.depth + c * width), b.depth),
                    count, True)))  # fmt: skip

        loop(m, b.zero, b.number(16), products_of)

    def turn_channels(source, target):
        """[channel][tile] to [tile][channel]."""

        def square(t, c):
            here = b.place(source, c * lanes * b.v_row + t * lanes)
            lines = [b.load(b.place(here, b.v_row * i)) for i in range(lanes)]
            there = b.place(target, t * lanes * b.depth + c * lanes)
            for i, line in enumerate(turned(m, lines)):
                m.store(line, b.place(there, b.depth * i))

        loop(m, b.zero, b.number(span // lanes), lambda t: loop(
            m, b.zero, b.depth / b.number(lanes), lambda c: square(t, c)))  # fmt: skip

    def transform_cotangent(tiles, group, first, last, target):
        """A g Aᵀ of output channels: [16][channel][tile]."""
        places = 0, lanes

        def run(image, row, column, many, at):
            source = b.place(b.g, image * b.y_image + group * b.fan_out * b.y_channel)
            lines = b.lines(source, 2, row * 2, b.y_height, b.y_channel, b.y_row, column * 2)
            masks = b.masks(column * 2, b.y_width, places)

            def channel(k):
                given = []
                for line, step in lines:
                    here = b.place(line, step * k)
                    pairs = zip(places, masks, strict=True)
                    given.append(b.halves(*[b.load(here, b.number(p), mask) for p, mask in pairs]))
                columns = [_cotangent_sums(g) for g in zip(*given, strict=True)]
                values = [v for pair in zip(*columns, strict=True) for v in _cotangent_sums(pair)]
                b.put(b.place(target, (k - first) * b.v_row + at), b.m_step, values)

            loop(m, first, last, channel)

        tiles.each(run)

    return b.build(unit)
