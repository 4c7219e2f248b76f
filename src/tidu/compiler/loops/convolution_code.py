"""The two loops of convolution, as LLVM text: read `correlate` and `weigh`.

Both work on one image at a time, copied into a buffer in which an element of the kernel is an
offset: out[k, p] = Σ over j of w[k, j] · buffer[offset[j] + p]. So a vector holds neighbouring
pixels, and strides, padding and dilation are in the tables that say which row goes where
(`convolution_plan.py`). What is computed between two rows is left behind when rows are copied out.
"""

from ..machine import kernels, native
from ..machine.code import Code, Value
from .convolution_epilogues import EPILOGUE
from .convolution_sizes import lanes_of
from .pointwise import over
from .reductions import loop
from .turns import shuffle

__all__ = ["Body", "correlate", "lesser", "multiply_add", "panels", "weigh"]

ALWAYS = 1 << 15  # work of one unit: any number of them is worth the threads


def multiply_add(m, x, y, z):
    """x · y + z; without the instruction for it LLVM would call a function."""
    fused = native.HOST.vector_bytes > 16 or not native.HOST.triple.startswith("x86")
    return m.fma(x, y, z) if fused else m.splat(x) * m.splat(y) + z


class Body:
    """A kernel being written: its arguments by name, loops and copies."""

    def __init__(self, kind, pointers, numbers):
        self.kind, self.m = kind, Code(lanes=lanes_of(kind))
        self.kinds = ["ptr"] * len(pointers) + ["i64"] * len(numbers)
        names = [*pointers, *numbers]
        for name, value in zip(names, kernels.arguments(self.m, self.kinds), strict=True):
            setattr(self, name, value)
        self.zero = self.number(0)

    def number(self, n):
        return self.m.constant("i64", n, 1)

    def of_table(self, table, index):
        return self.m.load(self.m.at(table, index, "i64"), "i64", 1)

    def place(self, home, index):
        return self.m.at(home, index, self.kind)

    def load(self, home, index=None, mask=None):
        place = home if index is None else self.place(home, index)
        return self.m.load(place, self.kind, mask=mask)

    def scalar(self, home, index):
        return self.m.load(self.place(home, index), self.kind, 1)

    def parts(self, unit, *counts):
        """The digits of a unit's number: of the first count slowest, of the last fastest."""
        m, out = self.m, []
        for count in reversed(counts):
            out.append(m.put("i64", 1, f"srem {unit}, {count.text}"))
            unit = unit / count
        return [unit, *reversed(out)]

    def either(self, condition, first, second):
        m = self.m
        yes, no, done = m.fresh("yes"), m.fresh("no"), m.fresh("either")
        m.line(f"br {condition}, label %{yes}, label %{no}")
        for label, write in ((yes, first), (no, second)):
            m.label(label)
            write()
            m.jump(done)
        m.label(done)

    def rows(self, table, first, count, write):
        """``write(source, target, count)`` for rows of a table."""

        def row(r):
            write(*[self.of_table(table, r * 3 + i) for i in range(3)])

        loop(self.m, first, first + count, row)

    def copy(self, source, target, count, step_in, step_out, change=lambda value: value):
        """A row; the elements lie `step_in` and `step_out` apart."""
        m = self.m

        def dense():
            over(m, self.zero, count, lambda i, mask: m.store(
                change(self.load(source, i, mask)), self.place(target, i), mask))  # fmt: skip

        def sparse():
            loop(m, self.zero, count, lambda i: m.store(
                change(self.scalar(source, i * step_in)), self.place(target, i * step_out)
            ))  # fmt: skip

        self.either((step_in == 1) & (step_out == 1), dense, sparse)

    def clear(self, target, count):
        m = self.m
        nothing = m.constant(self.kind, 0)
        over(m, self.zero, count, lambda i, mask: m.store(nothing, self.place(target, i), mask))

    def claim(self):
        """The address of a buffer no other thread has; `release` gives it back."""
        m = self.m
        before = m.block
        look, busy, mine = [m.fresh(s) for s in ("look", "busy", "mine")]
        m.jump(look)
        m.label(look)
        i, after = "%" + m.fresh("slot"), "%" + m.fresh("slot")
        m.line(f"{i} = phi i64 [0, %{before}], [{after}, %{busy}]")
        index = Value(m, "i64", 1, i)
        flag = m.at(self.flags, index * 8, "i64")
        pair = m.fresh("pair")
        m.line(f"%{pair} = cmpxchg {flag}, i64 0, i64 1 seq_cst seq_cst")
        won = m.put("i1", 1, f"extractvalue {{ i64, i1 }} %{pair}, 1")
        m.line(f"br {won}, label %{mine}, label %{busy}")
        m.label(busy)
        following = index + 1
        end = following == self.slots
        m.line(f"{after} = select {end}, i64 0, {following}")
        m.jump(look)
        m.label(mine)
        return flag, self.place(self.scratch, index * self.slot)

    def release(self, flag):
        self.m.line(f"store atomic i64 0, {flag} seq_cst, align 8")

    def epilogue_of(self, *numbers):
        """Goes on with a part of the results, if there is something to be done with them."""
        m = self.m
        given = ", ".join(map(str, [self.buffers, *numbers]))

        def call():
            m.line(f"call void {m.put('ptr', 1, f'inttoptr {self.epilogue} to ptr').text}({given})")

        self.either(self.epilogue != 0, call, lambda: None)

    def accumulators(self, count):
        m = self.m
        slots = [m.slot(Value(m, self.kind, m.lanes, "").type, 64) for _ in range(count)]
        for slot in slots:
            m.store(m.constant(self.kind, 0), slot)
        return slots

    def fetch(self, channels, first, source, channel_step, step, target, start, count):
        """The rows of `channels` planes into the buffer."""
        m = self.m

        def plane(c):
            there, here = source, target
            there = self.place(there, c * channel_step)
            here = self.place(here, c * first)
            self.rows(
                self.rows_in, start, count,
                lambda s, t, n: self.copy(
                    self.place(there, s), self.place(here, t), n, step, self.number(1)
                ),
            )  # fmt: skip

        loop(m, self.zero, channels, plane)

    def build(self, unit):
        """The built-in function that does ``unit(number, buffer)`` for all units."""
        m = self.m
        flag, buffer = self.claim()
        loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"),
             lambda u: unit(u, buffer))  # fmt: skip
        self.release(flag)
        m.line("ret void")
        return self.built()

    def built(self):
        """The built-in function of what has been written."""
        m = self.m
        body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
        return kernels.Body(body, self.kinds, m.module, chunk=1, work=ALWAYS)


# --- out[k, p] = Σ over j of w[k, j] · buffer[offset[j] + p] --------------------------------------

_SHARED = ("slots", "slot", "groups", "bands_count", "part_count", "blocks", "blocks_each",
           "fan_in", "fan_out", "plane", "terms", "second", "second_stride", "x_image", "x_channel",
           "x_step", "y_image", "y_channel", "y_step")  # fmt: skip
_BAND = 7  # numbers a band has in the table; see `convolution_plan.Bands`


def correlate(kind, rows, vectors, biased):
    """``kernel(y, x, w, bias, offsets, rows_in, rows_out, bands, scratch, flags, *numbers)``:
    `rows` output channels and `vectors` vectors of pixels at a time."""
    b = Body(kind, ("y", "x", "w", "bias", "offsets", "rows_in", "rows_out", "bands", "scratch",
                     "flags"), (*_SHARED, *EPILOGUE))  # fmt: skip
    m, width = b.m, vectors * lanes_of(kind)

    def unit(u, buffer):
        image, group, band, part = b.parts(u, b.groups, b.bands_count, b.part_count)
        numbers = _band(b, band)
        _fetch_input(b, image, group, numbers, buffer)
        products = b.place(buffer, b.second)
        first = part * b.blocks_each
        end = lesser(m, first + b.blocks_each, b.blocks)
        tiles = (numbers[6] + (width - 1)) / b.number(width)
        # The pixels of a tile stay in the nearest cache while the weights of all channels pass.
        loop(m, b.zero, tiles, lambda t: loop(m, first, end, lambda block: tile(
            b.place(b.w, (group * b.blocks + block) * b.terms * rows),
            b.place(buffer, t * width),
            b.place(products, (block - first) * rows * b.second_stride + t * width))))  # fmt: skip
        last = lesser(m, end * rows, b.fan_out)
        loop(m, first * rows, last, lambda k: give(
            image, group * b.fan_out + k, numbers,
            b.place(products, (k - first * rows) * b.second_stride)))  # fmt: skip

    def tile(weights, source, target):
        slots = b.accumulators(rows * vectors)

        def term(j):
            place = b.place(source, b.of_table(b.offsets, j))
            columns = [b.load(place, b.number(v * m.lanes)) for v in range(vectors)]
            line = b.place(weights, j * rows)
            for i in range(rows):
                factor = m.splat(b.scalar(line, b.number(i)))
                for v, column in enumerate(columns):
                    slot = slots[i * vectors + v]
                    m.store(multiply_add(m, factor, column, m.load(slot, kind)), slot)

        loop(m, b.zero, b.terms, term)
        for i in range(rows):
            line = b.place(target, b.second_stride * i)
            for v in range(vectors):
                m.store(m.load(slots[i * vectors + v], kind), b.place(line, b.number(v * m.lanes)))

    def give(image, channel, numbers, products):
        target = b.place(b.y, image * b.y_image + channel * b.y_channel)
        change = lambda value: value
        if biased:
            bias = b.scalar(b.bias, channel)
            change = lambda value: value + bias
        b.rows(b.rows_out, numbers[4], numbers[5], lambda s, t, n: b.copy(
            b.place(products, s), b.place(target, t), n, b.number(1), b.y_step, change
        ))  # fmt: skip
        # Where something is to be done with them, a band's rows follow one another.
        start, last = [b.of_table(b.rows_out, row * 3 + 1)
                       for row in (numbers[4], numbers[4] + numbers[5] - 1)]  # fmt: skip
        end = last + b.of_table(b.rows_out, (numbers[4] + numbers[5]) * 3 - 1)
        b.epilogue_of(image, channel, b.number(1), start, b.number(1), b.zero, end - start)

    return b.build(unit)


def panels(kind, rows):
    """``kernel(out, w, *numbers)``: w of any strides as [group][block][input channel][element of
    the kernel][row], blocks of `rows` output channels, zeros behind the last."""
    numbers = ("blocks", "fan_in", "fan_out", "size0", "size1", "size2", "w_group", "w_out", "w_in",
               "step0", "step1", "step2")  # fmt: skip
    b = Body(kind, ("out", "w"), numbers)
    m, nothing = b.m, b.m.constant(kind, 0, 1)

    def elements(target, source, write):
        """`write` for the rows of each input channel and element of the kernel."""

        def one(c, i, j, k):
            place = ((c * b.size0 + i) * b.size1 + j) * b.size2 + k
            there = c * b.w_in + i * b.step0 + j * b.step1 + k * b.step2
            write(b.place(target, place * rows), b.place(source, there))

        every = lambda count, at: loop(m, b.zero, count, at)
        every(b.fan_in, lambda c: every(b.size0, lambda i: every(
            b.size1, lambda j: every(b.size2, lambda k: one(c, i, j, k)))))  # fmt: skip

    def whole(target, source):
        for r in range(rows):
            m.store(b.scalar(source, b.w_out * r), b.place(target, b.number(r)))

    def unit(u):
        group, block = b.parts(u, b.blocks)
        count = b.fan_out - block * rows
        source = b.place(b.w, group * b.w_group + block * rows * b.w_out)
        target = b.place(b.out, u * b.fan_in * b.size0 * b.size1 * b.size2 * rows)

        def rest(target, source):
            loop(m, b.zero, count, lambda r: m.store(
                b.scalar(source, b.w_out * r), b.place(target, r)))  # fmt: skip
            loop(m, count, b.number(rows), lambda r: m.store(nothing, b.place(target, r)))

        b.either(count >= rows, lambda: elements(target, source, whole),
                 lambda: elements(target, source, rest))  # fmt: skip

    loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), unit)
    m.line("ret void")
    return b.built()


def _band(b, band):
    return [b.of_table(b.bands, band * _BAND + i) for i in range(_BAND)]


def lesser(m, x, y):
    return m.select(x < y, x, y)


def _fetch_input(b, image, group, numbers, buffer):
    """The rows of one image and group, and zeros where padding takes another band's place."""
    source = b.place(b.x, image * b.x_image + group * b.fan_in * b.x_channel)
    b.fetch(b.fan_in, b.plane, source, b.x_channel, b.x_step, buffer, numbers[0], numbers[1])

    def blank(c):
        plane = b.place(buffer, c * b.plane)
        b.rows(b.rows_in, numbers[2], numbers[3], lambda s, t, n: b.clear(b.place(plane, t), n))

    b.either(numbers[3] > 0, lambda: loop(b.m, b.zero, b.fan_in, blank), lambda: None)


# --- out[k, j] = Σ over images and p of g[k, p] · buffer[offset[j] + p] ---------------------------


def weigh(kind, rows, columns):
    """``kernel(out, x, g, offsets, rows_in, rows_out, bands, scratch, flags, *numbers)``: `rows`
    output channels and `columns` (a power of two) elements of the kernel at a time, a partial sum
    in each lane. Each unit adds to sums of its own, so the order does not depend on threads."""
    b = Body(kind, ("out", "x", "g", "offsets", "rows_in", "rows_out", "bands", "scratch",
                     "flags"), (*_SHARED, "images", "images_each"))  # fmt: skip
    m = b.m

    def unit(u, buffer):
        share, group, part = b.parts(u, b.groups, b.part_count)
        sums = b.place(b.out, (share * b.groups + group) * b.blocks * rows * b.terms)
        first = share * b.images_each

        def one_image(image):
            loop(m, b.zero, b.bands_count, lambda band: one_band(
                image, group, part, _band(b, band), buffer, sums))  # fmt: skip

        loop(m, first, lesser(m, first + b.images_each, b.images), one_image)

    def one_band(image, group, part, numbers, buffer, sums):
        _fetch_input(b, image, group, numbers, buffer)
        cotangent = b.place(buffer, b.second)
        first = part * b.blocks_each
        end = lesser(m, first + b.blocks_each, b.blocks)
        fetch_cotangent(image, group, first * rows, lesser(m, end * rows, b.fan_out), numbers,
                        cotangent)  # fmt: skip

        def block(k):
            line = b.place(cotangent, (k - first) * rows * b.second_stride)
            target = b.place(sums, k * rows * b.terms)
            loop(m, b.zero, b.terms / b.number(columns), lambda j: _weigh_tile(
                b, rows, columns, line, buffer, j * columns, numbers[6],
                b.place(target, j * columns)))  # fmt: skip

        loop(m, first, end, block)

    def fetch_cotangent(image, group, first, end, numbers, target):
        source = b.place(b.g, image * b.y_image + group * b.fan_out * b.y_channel)

        def plane(k):
            there = b.place(source, k * b.y_channel)
            here = b.place(target, (k - first) * b.second_stride)
            m.store(m.constant(kind, 0), b.place(here, numbers[6]))  # what is read past the end
            b.rows(b.rows_out, numbers[4], numbers[5], lambda s, t, n: b.copy(
                b.place(there, t), b.place(here, s), n, b.y_step, b.number(1)))  # fmt: skip

        loop(m, first, end, plane)

    return b.build(unit)


def _weigh_tile(b, rows, columns, line, buffer, j, length, target):
    """Add to `target` what the rows of g from `line` on make with elements j, j + 1, ..."""
    m, kind = b.m, b.kind
    slots = b.accumulators(rows * columns)
    starts = [b.place(buffer, b.of_table(b.offsets, j + c)) for c in range(columns)]
    lines = [b.place(line, b.second_stride * i) for i in range(rows)]
    p, opened = m.loop_open(b.zero, length, m.constant("i64", m.lanes, 1))
    right = [b.load(start, p) for start in starts]
    for i in range(rows):
        left = b.load(lines[i], p)
        for c in range(columns):
            slot = slots[i * columns + c]
            m.store(multiply_add(m, left, right[c], m.load(slot, kind)), slot)
    m.loop_close(opened)
    many = min(columns, m.lanes)
    for first in range(0, rows * columns, many):
        total = _lane_sums(m, [m.load(s, kind) for s in slots[first : first + many]])
        place = b.place(b.place(target, b.terms * (first // columns)), b.number(first % columns))
        m.store(m.load(place, kind, many) + total, place)


def _lane_sums(m, vectors):
    """The sum of the lanes of each of 2ⁿ vectors, at most one for each lane, as lanes of one."""
    period, lanes = 1, vectors[0].lanes
    count = len(vectors)
    while len(vectors) > 1:
        even, odd = [
            [
                (i // (2 * period) * 2 + half) * period + i % period
                + (lanes if i % (2 * period) >= period else 0)
                for i in range(lanes)
            ]
            for half in (0, 1)
        ]  # fmt: skip
        vectors = [
            shuffle(m, a, b, even) + shuffle(m, a, b, odd)
            for a, b in zip(vectors[::2], vectors[1::2], strict=True)
        ]
        period *= 2
    (out,) = vectors
    while out.lanes > count:
        half = out.lanes // 2
        out = shuffle(m, out, out, range(half)) + shuffle(m, out, out, range(half, 2 * half))
    return out
