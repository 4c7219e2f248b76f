"""LLVM text, written with Python's operators: a `Value` is one lane or a vector of lanes.

    f = Code("f", lanes=16)
    y = x * 2 + f.sqrt(x)        # three instructions

Numbers become constants of the other operand's kind. Kinds: f32 f64 i1 i8 i16 i32 i64 ptr.
"""

import struct
from functools import lru_cache

import numpy as np

__all__ = ["HALVES", "KINDS", "Code", "Value", "held_as", "kind_of", "stored_as"]

KINDS = {"f32": "float", "f64": "double", "i1": "i1", "i8": "i8", "i16": "i16", "i32": "i32",
         "i64": "i64", "ptr": "ptr", "h16": "i16", "b16": "i16"}  # fmt: skip
BYTES = {"f32": 4, "f64": 8, "i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "ptr": 8, "h16": 2,
         "b16": 2}  # fmt: skip
# float16 and bfloat16, in memory alone: what is computed with is the float32 of the same value.
HALVES = {"float16": "h16", "bfloat16": "b16"}
_OF_DTYPE = {"f4": "f32", "f8": "f64", "b1": "i1", "i1": "i8", "i2": "i16", "i4": "i32",
             "i8": "i64"}  # fmt: skip


@lru_cache(maxsize=256)
def kind_of(dtype):
    """The kind that stands for a NumPy type; None where the compiler has none."""
    return _OF_DTYPE.get(np.dtype(dtype).str[1:])


def stored_as(dtype):
    """The kind of an element in memory: that of `kind_of`, or one of `HALVES`."""
    return HALVES.get(np.dtype(dtype).name) or kind_of(dtype)


def held_as(dtype):
    """The kind of a value that is computed with."""
    return "f32" if np.dtype(dtype).name in HALVES else kind_of(dtype)


class _Types(dict):
    """(kind, lanes) -> LLVM's name of the type."""

    def __missing__(self, key):
        kind, lanes = key
        name = KINDS[kind]
        found = self[key] = name if lanes == 1 else f"<{lanes} x {name}>"
        return found


_TYPES = _Types()


class Value:
    """The result of an instruction (or a constant), with Python's operators."""

    __slots__ = ("code", "kind", "lanes", "text")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, code, kind, lanes, text):
        self.code, self.kind, self.lanes, self.text = code, kind, lanes, text

    @property
    def type(self):
        return _TYPES[self.kind, self.lanes]

    @property
    def floating(self):
        return self.kind[0] == "f"

    def __str__(self):
        return f"{_TYPES[self.kind, self.lanes]} {self.text}"

    def __add__(self, other):
        return self.code.binary("add", self, other)

    def __sub__(self, other):
        return self.code.binary("sub", self, other)

    def __mul__(self, other):
        return self.code.binary("mul", self, other)

    def __truediv__(self, other):
        return self.code.binary("div", self, other)

    def __and__(self, other):
        return self.code.binary("and", self, other)

    def __or__(self, other):
        return self.code.binary("or", self, other)

    def __xor__(self, other):
        return self.code.binary("xor", self, other)

    def __lshift__(self, other):
        return self.code.binary("shl", self, other)

    def __rshift__(self, other):
        return self.code.binary("ashr", self, other)

    def __radd__(self, other):
        return self.code.like(other, self) + self

    def __rsub__(self, other):
        return self.code.like(other, self) - self

    def __rmul__(self, other):
        return self.code.like(other, self) * self

    def __rtruediv__(self, other):
        return self.code.like(other, self) / self

    def __neg__(self):
        if self.floating:
            return self.code.put(self.kind, self.lanes, f"fneg {self}")
        return self.code.like(0, self) - self

    def __invert__(self):
        return self ^ (True if self.kind == "i1" else -1)

    def __lt__(self, other):
        return self.code.compare("lt", self, other)

    def __le__(self, other):
        return self.code.compare("le", self, other)

    def __gt__(self, other):
        return self.code.compare("gt", self, other)

    def __ge__(self, other):
        return self.code.compare("ge", self, other)

    def __eq__(self, other):
        return self.code.compare("eq", self, other)

    def __ne__(self, other):
        return self.code.compare("ne", self, other)


class Code:
    """The instructions of one function, with fresh names; `module` collects declarations."""

    def __init__(self, lanes=1, module=None):
        self.lanes, self.lines, self.block = lanes, [], "entry"
        self.slots = []  # memory of the function's own, reserved once in its first block
        self.module = {} if module is None else module
        self._count, self._known = 0, {}

    # --- text ------------------------------------------------------------------------------

    def fresh(self, stem="v"):
        self._count += 1
        return f"{stem}{self._count}"

    def line(self, text):
        self.lines.append("  " + text)

    def label(self, name):
        self.lines.append(f"{name}:")
        self.block = name

    def slot(self, type, align=8):
        """The address of room for one value of `type`."""
        name = "%" + self.fresh("slot")
        self.slots.append(f"  {name} = alloca {type}, align {align}")
        return Value(self, "ptr", 1, name)

    def text(self, header):
        """The whole function: `header` is its define line without the brace."""
        return "\n".join([header + " {", "entry:", *self.slots, *self.lines, "}"])

    def jump(self, name):
        self.line(f"br label %{name}")

    def loop_open(self, start, stop, step):
        """(index, end) of a loop ``for index in range(start, stop, step)``, tested at its end:
        it runs at least once."""
        before, head = self.block, self.fresh("loop")
        self.jump(head)
        self.label(head)
        name = "%" + self.fresh("i")
        hole = len(self.lines)
        self.lines.append("")
        return Value(self, "i64", 1, name), (name, hole, before, head, start, stop, step)

    def loop_close(self, loop):
        name, hole, before, head, start, stop, step = loop
        following = self.put("i64", 1, f"add i64 {name}, {step.text}")
        self.lines[hole] = (
            f"  {name} = phi i64 [{start.text}, %{before}], [{following.text}, %{self.block}]"
        )
        more = following < stop
        after = self.fresh("after")
        self.line(f"br {more}, label %{head}, label %{after}")
        self.label(after)

    def put(self, kind, lanes, text):
        """A new value computed by the instruction `text`."""
        self._count = count = self._count + 1
        self.lines.append(f"  %v{count} = {text}")
        return Value(self, kind, lanes, f"%v{count}")

    def declare(self, text):
        """A line of the module's own, once: a declaration or a constant."""
        self.module[text] = None

    def call(self, kind, lanes, name, *arguments):
        """The result of a function, declared by the types of its arguments."""
        result = _TYPES[kind, lanes]
        self.declare(f"declare {result} @{name}({', '.join(a.type for a in arguments)})")
        return self.put(kind, lanes, f"call {result} @{name}({', '.join(map(str, arguments))})")

    def intrinsic(self, name, *arguments):
        """An LLVM intrinsic overloaded on the type of its first argument, which it returns."""
        first = arguments[0]
        suffix = first.kind if first.lanes == 1 else f"v{first.lanes}{first.kind}"
        return self.call(first.kind, first.lanes, f"llvm.{name}.{suffix}", *arguments)

    def once(self, key, compute):
        """What ``compute()`` gives, or gave for this key (a name, then values) since the last
        label: what stands there is certain to have run."""
        name, *values = key
        key = name, self.block, *[(v.kind, v.lanes, v.text) for v in values]
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    # --- constants -------------------------------------------------------------------------

    def constant(self, kind, number, lanes=None):
        lanes = self.lanes if lanes is None else lanes
        text = _literal(kind, number)
        if lanes > 1:
            text = f"splat ({KINDS[kind]} {text})"
        return Value(self, kind, lanes, text)

    def like(self, number, value):
        if isinstance(number, Value):
            return number
        return self.constant(value.kind, number, value.lanes)

    # --- instructions ----------------------------------------------------------------------

    def binary(self, name, x, y):
        if not isinstance(y, Value):
            y = self.constant(x.kind, y, x.lanes)
        x, y = self.matched(x, y)
        if x.floating:
            name = "f" + name
        elif name == "div":
            name = "sdiv"
        return self.put(x.kind, x.lanes, f"{name} {x}, {y.text}")

    def matched(self, x, y):
        """Both with as many lanes as the wider of them."""
        if x.lanes == y.lanes:
            return x, y
        return (self.splat(x, y.lanes), y) if x.lanes == 1 else (x, self.splat(y, x.lanes))

    def splat(self, x, lanes=None):
        """One lane in every lane."""
        lanes = self.lanes if lanes is None else lanes
        if x.lanes == lanes:
            return x
        kind = f"<{lanes} x {KINDS[x.kind]}>"
        first = self.put(x.kind, lanes, f"insertelement {kind} poison, {x}, i64 0")
        zeros = f"<{lanes} x i32> zeroinitializer"
        return self.put(x.kind, lanes, f"shufflevector {first}, {kind} poison, {zeros}")

    def compare(self, name, x, y):
        if not isinstance(y, Value):
            y = self.constant(x.kind, y, x.lanes)
        x, y = self.matched(x, y)
        if x.floating:
            name = "une" if name == "ne" else "o" + name
            return self.put("i1", x.lanes, f"fcmp {name} {x}, {y.text}")
        unsigned = x.kind == "i1"
        name = name if name in ("eq", "ne") else ("u" if unsigned else "s") + name
        return self.put("i1", x.lanes, f"icmp {name} {x}, {y.text}")

    def select(self, condition, x, y):
        if not isinstance(x, Value):
            x = self.like(x, y)
        y = self.like(y, x)
        x, y = self.matched(x, y)
        if condition.lanes != x.lanes:
            if condition.lanes == 1:
                condition = self.splat(condition, x.lanes)
            else:
                x, y = self.splat(x, condition.lanes), self.splat(y, condition.lanes)
        return self.put(x.kind, x.lanes, f"select {condition}, {x}, {y}")

    def fma(self, x, y, z):
        """x · y + z, rounded once."""
        like = next(v for v in (x, y, z) if isinstance(v, Value))
        x, y, z = [self.like(v, like) for v in (x, y, z)]
        lanes = max(v.lanes for v in (x, y, z))
        return self.intrinsic("fma", *[self.splat(v, lanes) for v in (x, y, z)])

    def sqrt(self, x):
        return self.intrinsic("sqrt", x)

    def fabs(self, x):
        return self.intrinsic("fabs", x)

    def absolute(self, x):
        return self.fabs(x) if x.floating else self.select(x < 0, -x, x)

    def floor(self, x):
        return self.intrinsic("floor", x) if x.floating else x

    def ceil(self, x):
        return self.intrinsic("ceil", x) if x.floating else x

    def trunc(self, x):
        return self.intrinsic("trunc", x) if x.floating else x

    def rint(self, x):
        return self.intrinsic("rint", x) if x.floating else x

    def copysign(self, x, y):
        x, y = self.matched(x, self.like(y, x))
        return self.intrinsic("copysign", x, y)

    def maximum(self, x, y):
        """The larger; NaN where either is."""
        y = self.like(y, x)
        if not x.floating:
            return self.select(x < y, y, x)
        larger = self.select(x > y, x, y)  # y where either is NaN
        return self.select(self.unordered(x, x), x, larger)

    def minimum(self, x, y):
        y = self.like(y, x)
        if not x.floating:
            return self.select(x > y, y, x)
        smaller = self.select(x < y, x, y)
        return self.select(self.unordered(x, x), x, smaller)

    def unordered(self, x, y):
        x, y = self.matched(x, y)
        return self.put("i1", x.lanes, f"fcmp uno {x}, {y.text}")

    def bits(self, x):
        """The same bits as an integer, or of an integer as a floating-point number."""
        kind = {"f32": "i32", "f64": "i64", "i32": "f32", "i64": "f64"}[x.kind]
        return self.put(kind, x.lanes, f"bitcast {x} to {Value(self, kind, x.lanes, '').type}")

    def convert(self, x, kind):
        """The value in another kind, as C converts it (to i1: whether it is not zero)."""
        if x.kind == kind:
            return x
        if kind == "i1":
            return x != 0
        to = _TYPES[kind, x.lanes]
        if x.floating:
            same = "fpext" if BYTES[kind] > BYTES[x.kind] else "fptrunc"
            word = same if kind[0] == "f" else "fptosi"
            if kind in ("i8", "i16"):  # what is too large for them loses its upper bits, as in C
                return self.convert(self.convert(x, "i32"), kind)
        elif kind[0] == "f":
            word = "uitofp" if x.kind == "i1" else "sitofp"
        elif BYTES[kind] > BYTES[x.kind] or x.kind == "i1":
            word = "zext" if x.kind == "i1" else "sext"
        else:
            word = "trunc"
        return self.put(kind, x.lanes, f"{word} {x} to {to}")

    # --- 16-bit floats ---------------------------------------------------------------------

    def rounded(self, x, kind):
        """A float32 rounded to what a kind of `HALVES` can hold."""
        if kind == "h16":
            return self.put("f32", x.lanes, f"fpext {self._half(x)} to {x.type}")
        bits = self.bits(x)
        odd = (bits >> 16) & 1
        near = self.bits((bits + odd + 0x7FFF) & -0x10000)
        return self.select(self.unordered(x, x), self.bits((bits & -0x80000000) | 0x7FC00000), near)

    def stored(self, x, kind):
        """What is written of a value of `kind`: of a float32 that has been rounded, its bits."""
        if kind not in HALVES.values():
            return x
        if kind == "b16":
            return self.convert(self.bits(x) >> 16, "i16")
        return self.put("i16", x.lanes, f"bitcast {self._half(x)} to {_TYPES['i16', x.lanes]}")

    def _half(self, x):
        to = "half" if x.lanes == 1 else f"<{x.lanes} x half>"
        return f"{to} {self.put('f32', x.lanes, f'fptrunc {x} to {to}').text}"

    def _held(self, x, kind):
        """The float32 of bits that were read."""
        if kind == "b16":
            return self.bits(self.convert(x, "i32") << 16)
        to = "half" if x.lanes == 1 else f"<{x.lanes} x half>"
        half = self.put("f32", x.lanes, f"bitcast {x} to {to}").text
        return self.put("f32", x.lanes, f"fpext {to} {half} to {_TYPES['f32', x.lanes]}")

    # --- memory ----------------------------------------------------------------------------

    def at(self, pointer, index, kind):
        """The address of element `index`."""
        element = "i8" if kind == "i1" else KINDS[kind]
        return self.put("ptr", 1, f"getelementptr {element}, {pointer}, {index}")

    def load(self, pointer, kind, lanes=None, mask=None):
        lanes = self.lanes if lanes is None else lanes
        if kind in HALVES.values():
            return self._held(self.load(pointer, "i16", lanes, mask), kind)
        stored = "i8" if kind == "i1" else kind
        to = _TYPES[stored, lanes]
        align = BYTES[stored]
        if mask is None:
            value = self.put(stored, lanes, f"load {to}, {pointer}, align {align}")
        else:
            name = f"llvm.masked.load.v{lanes}{stored}.p0"
            blank = Value(self, stored, lanes, "zeroinitializer")
            value = self.masked(name, stored, lanes, pointer, align, mask, blank)
        if kind != "i1":
            return value
        return value != 0

    def masked(self, name, kind, lanes, pointer, align, mask, blank):
        to = _TYPES[kind, lanes]
        self.declare(f"declare {to} @{name}(ptr, i32, <{lanes} x i1>, {to})")
        return self.put(kind, lanes, f"call {to} @{name}({pointer}, i32 {align}, {mask}, {blank})")

    def store(self, value, pointer, mask=None):
        if value.kind == "i1":
            value = self.convert(value, "i8")
        align = BYTES[value.kind]
        if mask is None:
            return self.line(f"store {value}, {pointer}, align {align}")
        name = f"llvm.masked.store.v{value.lanes}{value.kind}.p0"
        self.declare(f"declare void @{name}({value.type}, ptr, i32, <{value.lanes} x i1>)")
        self.line(f"call void @{name}({value}, {pointer}, i32 {align}, {mask})")

    def _spread(self, pointer, kind, stride):
        """The addresses of the lanes, `stride` elements apart."""
        numbers = ", ".join([f"i64 {i * stride}" for i in range(self.lanes)])
        element = "i8" if kind == "i1" else KINDS[kind]
        order = f"<{self.lanes} x i64> <{numbers}>"
        return self.put("ptr", self.lanes, f"getelementptr {element}, {pointer}, {order}")

    def every(self, mask):
        return Value(self, "i1", self.lanes, "splat (i1 true)") if mask is None else mask

    def gather(self, pointer, kind, stride, mask=None):
        """Elements `stride` apart, one to a lane."""
        if kind in HALVES.values():
            return self._held(self.gather(pointer, "i16", stride, mask), kind)
        stored = "i8" if kind == "i1" else kind
        to = _TYPES[stored, self.lanes]
        places, mask = self._spread(pointer, kind, stride), self.every(mask)
        name = f"llvm.masked.gather.v{self.lanes}{stored}.v{self.lanes}p0"
        self.declare(f"declare {to} @{name}({places.type}, i32, {mask.type}, {to})")
        align = BYTES[stored]
        value = self.put(
            stored, self.lanes,
            f"call {to} @{name}({places}, i32 {align}, {mask}, {to} zeroinitializer)",
        )  # fmt: skip
        return value != 0 if kind == "i1" else value

    def scatter(self, value, pointer, kind, stride, mask=None):
        """Each lane to a place, `stride` apart."""
        if value.kind == "i1":
            value = self.convert(value, "i8")
        places, mask = self._spread(pointer, kind, stride), self.every(mask)
        name = f"llvm.masked.scatter.v{self.lanes}{value.kind}.v{self.lanes}p0"
        self.declare(f"declare void @{name}({value.type}, {places.type}, i32, {mask.type})")
        align = BYTES[value.kind]
        self.line(f"call void @{name}({value}, {places}, i32 {align}, {mask})")

    # --- all lanes -------------------------------------------------------------------------

    def total(self, x):
        """The sum of the lanes, pairwise."""
        return self.fold(x, lambda a, b: a + b)

    def fold(self, x, combine):
        """The lanes combined in halves."""
        lanes = x.lanes
        while lanes > 1:
            lanes //= 2
            low, high = [
                self.put(x.kind, lanes, f"shufflevector {x}, {x.type} poison, {_run(s, lanes)}")
                if lanes > 1
                else self.put(x.kind, 1, f"extractelement {x}, i64 {s}")
                for s in (0, lanes)
            ]
            x = combine(low, high)
        return x

    def any(self, mask):
        """Whether any lane of a mask is set."""
        if mask.lanes == 1:
            return mask
        name = f"llvm.vector.reduce.or.v{mask.lanes}i1"
        self.declare(f"declare i1 @{name}(<{mask.lanes} x i1>)")
        return self.put("i1", 1, f"call i1 @{name}({mask})")


def _run(start, count):
    numbers = ", ".join([f"i32 {i}" for i in range(start, start + count)])
    return f"<{count} x i32> <{numbers}>"


def _literal(kind, number):
    if kind == "i1":
        return "true" if number else "false"
    if kind[0] == "i":
        return str(number if number.__class__ is int else int(number))
    exact = float(np.float32(number)) if kind == "f32" else float(number)
    (bits,) = struct.unpack("<Q", struct.pack("<d", exact))
    return f"0x{bits:016X}"
