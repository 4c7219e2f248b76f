"""A matrix product in generated code, with the arguments of a BLAS: where the library is slower.

A panel of columns of the right matrix is laid out anew on the stack, a block of rows of it at a
time; a tile of a few rows by the panel's vectors stays in registers through the block. The left
matrix is read where it lies, once for each panel: a large one is left to the library. What is to be
done with a tile (`AFTER`) is done as soon as it is whole, while it lies in the nearest cache.
"""

from functools import lru_cache

from ..machine import native
from ..machine.code import BYTES, Code, Value
from ..machine.sources import Text
from .convolution_code import multiply_add
from .pointwise import lanes_below
from .reductions import loop
from .turns import turned

__all__ = ["AFTER", "address", "at_hand", "begin", "serves"]

ROWS, VECTORS = 6, 4  # of a tile: 24 of 32 registers hold sums
DEPTH = 256  # rows of the right matrix that are laid out at a time: 64 KiB
LARGEST = 1 << 19  # elements of a left matrix; one that lies turned may have half of them
FEW = 2  # panels for which a left matrix of any size may be read
PLAIN = 111  # CblasNoTrans
# The last arguments of a product with an epilogue: ``after(table, row, column, rows, columns)`` is
# called for each tile as soon as it is whole; `table` is handed on, `row` and `column` are those of
# the first element.
AFTER = (("after", "ptr"), ("table", "ptr"), ("row", "i64"), ("column", "i64"))


def serves():
    """Measured: with AVX-512 these loops take 0.8 to 0.9 of the library's time, with AVX2 the same
    and, of a left matrix that lies turned, more."""
    return native.HOST.vector_bytes == 64


def address(kind, library, epilogue=False):
    """The address of ``gemm(rows first, a turned, b turned, height, width, depth, 1, a, its leading
    dimension, b, its leading dimension, 0 or 1, c, its leading dimension)``; `library`: that of the
    function that takes large matrices. `epilogue`: the one with `AFTER` behind these arguments."""
    return _addresses(kind, library)[epilogue]


@lru_cache
def _addresses(kind, library):
    """(without, with the arguments `AFTER`): one function, in which `after` may be null."""
    _BEGUN.add(kind)
    names = [_name(kind), f"{_name(kind)}_epilogue"]
    return native.load(_text(kind), names, [(_LIBRARY, library)])


def _name(kind):
    return f"tidu_{kind}_product"


def _text(kind):
    decided = native.HOST.vector_bytes, ROWS, VECTORS, DEPTH, LARGEST, FEW
    return Text(lambda: _Product(kind).whole, "product", kind, *decided)


def begin(kind):
    """Have the loops compiled, see `native.begin`."""
    if kind not in _BEGUN:
        _BEGUN.add(kind)
        native.begin(_text(kind))


_BEGUN: set = set()


@lru_cache
def at_hand(kind):
    """Whether the loops need not be compiled: the cache has them, or they are loaded."""
    return kind in _BEGUN or native.is_kept(_text(kind))


_LIBRARY = "library_product"


class _Product:
    """The state of writing it."""

    def __init__(self, kind):
        self.kind, self.name = kind, _name(kind)
        m = self.m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
        self.lanes, self.zero = m.lanes, m.constant("i64", 0, 1)
        given = {name: Value(m, k, 1, f"%{name}") for name, k in (
            ("order", "i32"), ("ta", "i32"), ("tb", "i32"), ("height", "i64"), ("width", "i64"),
            ("depth", "i64"), ("alpha", kind), ("a", "ptr"), ("lda", "i64"), ("b", "ptr"),
            ("ldb", "i64"), ("beta", kind), ("c", "ptr"), ("ldc", "i64"))}  # fmt: skip
        library = list(given.values())
        given |= {name: Value(m, k, 1, f"%{name}") for name, k in AFTER}
        self.__dict__.update(given)
        self.wanted = m.put("i1", 1, f"icmp ne {self.after}, null")
        panel = Value(m, kind, self.lanes, "").type
        self.panel = m.slot(f"[{DEPTH * VECTORS} x {panel}]", 64)
        self.wide = VECTORS * self.lanes
        arguments = ", ".join(map(str, given.values()))
        m.declare(f"declare void @{_LIBRARY}({', '.join([v.type for v in library])})")
        most = m.select(self.ta == PLAIN, self.number(LARGEST), LARGEST // 2)
        panels = (self.width + (self.wide - 1)) / self.wide
        few = self.width <= FEW * self.wide
        self.either((self.height * self.depth <= most) | few,
                    lambda: loop(m, self.zero, panels, lambda j: self._panel(j * self.wide)),
                    lambda: self._by_library(library))  # fmt: skip
        m.line("ret void")
        text = m.text(f"define void @{self.name}_epilogue({arguments})")
        none = ", ".join([*map(str, library), "ptr null", "ptr null", "i64 0", "i64 0"])
        self.whole = "\n".join([
            *m.module, text, f"define void @{self.name}({', '.join(map(str, library))}) {{",
            f"  call void @{self.name}_epilogue({none})", "  ret void", "}",
        ])  # fmt: skip

    def _by_library(self, arguments):
        self.m.line(f"call void @{_LIBRARY}({', '.join(map(str, arguments))})")
        self.either(self.wanted, lambda: self._after(self.zero, self.zero, self.height, self.width),
                    lambda: None)  # fmt: skip

    def _after(self, row, column, rows, columns):
        """Go on with what has been computed there."""
        given = [self.table, self.row + row, self.column + column, rows, columns]
        self.m.line(f"call void {self.after.text}({', '.join(map(str, given))})")

    def number(self, n):
        return self.m.constant("i64", n, 1)

    def lesser(self, x, y):
        return self.m.select(x < y, x, self.m.like(y, x))

    def either(self, condition, yes, no):
        """Two ways to go on, and where they meet."""
        m = self.m
        first, second, done = m.fresh("yes"), m.fresh("no"), m.fresh("met")
        m.line(f"br {condition}, label %{first}, label %{second}")
        for label, write in ((first, yes), (second, no)):
            m.label(label)
            write()
            m.jump(done)
        m.label(done)

    def _panel(self, column):
        """All rows of the columns from `column` on, as many as a panel has."""
        m = self.m
        count = self.lesser(self.width - column, self.wide)

        def block(k):
            first = k * DEPTH
            depth = self.lesser(self.depth - first, DEPTH)
            self.either(self.tb == PLAIN, lambda: self._plain(column, count, first, depth),
                        lambda: self._turned(column, count, first, depth))  # fmt: skip
            starts = (first == 0) & (self.beta == 0.0)

            def width(vectors):
                if vectors == VECTORS:
                    return self._rows(column, count, first, depth, starts, vectors)
                return self.either(
                    count <= vectors * self.lanes,
                    lambda: self._rows(column, count, first, depth, starts, vectors),
                    lambda: width(vectors + 1))  # fmt: skip

            width(1)

        loop(m, self.zero, (self.depth + (DEPTH - 1)) / DEPTH, block)

    # --- the right matrix ------------------------------------------------------------------

    def _plain(self, column, count, first, depth):
        """Its rows, one after the other, zeros behind the last column."""
        m, kind = self.m, self.kind
        masks = [lanes_below(m, count - v * self.lanes) for v in range(VECTORS)]
        source = m.at(self.b, first * self.ldb + column, kind)

        def row(masked):
            def at(k):
                for v in range(VECTORS):
                    place = m.at(source, k * self.ldb + v * self.lanes, kind)
                    value = m.load(place, kind, mask=masks[v] if masked else None)
                    m.store(value, m.at(self.panel, k * self.wide + v * self.lanes, kind))

            return at

        self.either(count == self.wide, lambda: loop(m, self.zero, depth, row(False)),
                    lambda: loop(m, self.zero, depth, row(True)))  # fmt: skip

    def _turned(self, column, count, first, depth):
        """What lies in rows becomes columns, by square blocks in registers. Behind the last column
        stands that column again: nobody keeps what is computed with it."""
        m, kind, lanes = self.m, self.kind, self.lanes
        source = m.at(self.b, column * self.ldb + first, kind)

        def square(j, k, mask):
            lines = [self.lesser(j * lanes + i, count - 1) * self.ldb + k for i in range(lanes)]
            lines = [m.load(m.at(source, line, kind), kind, mask=mask) for line in lines]
            for i, line in enumerate(turned(m, lines)):
                m.store(line, m.at(self.panel, (k + i) * self.wide + j * lanes, kind))

        blocks, whole = (count + (lanes - 1)) / lanes, depth / lanes * lanes
        loop(
            m,
            self.zero,
            blocks,
            lambda j: (
                loop(m, self.zero, depth / lanes, lambda k: square(j, k * lanes, None)),
                self.either(
                    whole < depth,
                    lambda: square(j, whole, lanes_below(m, depth - whole)),
                    lambda: None,
                ),
            ),
        )

    # --- tiles -----------------------------------------------------------------------------

    def _rows(self, column, count, first, depth, starts, vectors):
        m = self.m
        mask = lanes_below(m, count - (vectors - 1) * self.lanes)
        last = (first + depth == self.depth) & self.wanted

        def epilogue(row):
            rows = self.lesser(self.height - row, ROWS)
            self.either(last, lambda: self._after(row, column, rows, count), lambda: None)

        def tile(t):
            lines = [self.lesser(t * ROWS + r, self.height - 1) for r in range(ROWS)]
            home = [m.at(self.c, line * self.ldc + column, self.kind) for line in lines]
            plain = [m.at(self.a, line * self.lda + first, self.kind) for line in lines]
            sums = [[m.slot(Value(m, self.kind, self.lanes, "").type, 64)
                     for _ in range(vectors)] for _ in lines]  # fmt: skip
            masks = [None] * (vectors - 1) + [mask]
            self._fetch(home, vectors)
            self.either(starts, lambda: self._blank(sums), lambda: self._before(sums, home, masks))
            self.either(self.ta == PLAIN, lambda: self._sums(sums, plain, depth, self.number(1)),
                        lambda: self._sums(sums, [m.at(self.a, first * self.lda + line, self.kind)
                                                  for line in lines], depth, self.lda))  # fmt: skip
            for row, place in zip(sums, home, strict=True):
                for v, slot in enumerate(row):
                    m.store(m.load(slot, self.kind), m.at(place, self.number(v * self.lanes),
                                                          self.kind), masks[v])  # fmt: skip
            epilogue(t * ROWS)

        loop(m, self.zero, (self.height + (ROWS - 1)) / ROWS, tile)

    def _fetch(self, home, vectors):
        """What is written at the end comes into the cache meanwhile: fresh memory seldom is."""
        m, line = self.m, 64 // BYTES[self.kind]
        m.declare("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        for place in home:
            for first in range(0, vectors * self.lanes, line):
                at = m.at(place, self.number(first), self.kind)
                m.line(f"call void @llvm.prefetch.p0({at}, i32 1, i32 3, i32 1)")

    def _blank(self, sums):
        for slot in [slot for row in sums for slot in row]:
            self.m.store(self.m.constant(self.kind, 0), slot)

    def _before(self, sums, home, masks):
        m = self.m
        for row, place in zip(sums, home, strict=True):
            for v, slot in enumerate(row):
                at = m.at(place, self.number(v * self.lanes), self.kind)
                m.store(m.load(at, self.kind, mask=masks[v]), slot)

    def _sums(self, sums, sources, depth, step):
        m, kind = self.m, self.kind

        def term(k):
            right = [m.load(m.at(self.panel, k * self.wide + v * self.lanes, kind), kind)
                     for v in range(len(sums[0]))]  # fmt: skip
            place = k if step.text == "1" else k * step
            for row, source in zip(sums, sources, strict=True):
                factor = m.splat(m.load(m.at(source, place, kind), kind, 1))
                for slot, vector in zip(row, right, strict=True):
                    m.store(multiply_add(m, factor, vector, m.load(slot, kind)), slot)

        loop(m, self.zero, depth, term)
