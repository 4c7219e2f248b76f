"""Machine code shared by texts that differ in numbers alone: the same steps for other sizes.

The first text of a form is compiled as it is. The second is compiled with the numbers in which
the two differ read from the table of the program that calls, and so serves every text that differs
from it in these. Only texts come here that are written for any size (`Nest.varying`). Nothing is
assumed of how numbers follow from sizes: each program's own text says what they are. Read `load`.
"""

import hashlib
import re
import struct
import threading
from bisect import bisect_right
from contextlib import contextmanager

from ...base.process.forks import across
from . import native

__all__ = ["COUNTS", "forget", "load", "noting"]

COUNTS = {"compiled": 0, "shared": 0}  # texts given to LLVM, and those that needed it no more
_LOCK = across(threading.Lock())
_NOTING: list = []
_FORMS: dict = {}
_SLACK = 64

# A number that an instruction reads, and the type it has there: a value of the table can stand for
# it. Others (lane numbers, masks, alignments, what a phi starts from, the second splat of an
# instruction) belong to the form.
_NUMBER = re.compile(
    r"(?P<splat><(?P<lanes>\d+) x (?P<many>float|double|i64)> [^<>\n]*?splat \((?P=many) )"
    r"(?P<inside>-?\d+|0x[0-9A-F]+)(?P<close>\))"
    r"|(?P<typed>(?<=[(, ])(?<!splat \()(?P<one>float|double|i64) )"
    r"(?P<given>-?\d+|0x[0-9A-F]+)(?=[,)]|$)"
    r"|(?P<second>= (?:add|sub|mul|icmp \w+|sdiv|udiv|srem|urem|fadd|fsub|fmul|fdiv)"
    r"(?: [a-z]+)*? (?P<kind>float|double|i64) %[\w.]+, )(?P<last>-?\d+|0x[0-9A-F]+)$"
    r"|(?P<both>= icmp \w+ i64 -?\d+, )(?P<right>-?\d+)$",
    re.MULTILINE,
)
_ANY = re.compile(r" (?:-?\d+|0x[0-9A-F]+)(?:[,)]|$)")
_FIXED = re.compile(r"alloca|switch|phi|<i64 |\[i64 |^@|shufflevector")
_HEAD = re.compile(r"^define [^\n]*\{$", re.MULTILINE)


class _Number:
    """Where a number stands in a text, and of which type it is."""

    __slots__ = ("end", "lanes", "prefix", "start", "text", "type")

    def __init__(self, found):
        name = found.lastgroup if found.lastgroup != "close" else "inside"
        self.start, self.end = found.span(name)
        self.text, self.lanes = found[name], found["lanes"]
        self.type = found["many"] or found["one"] or found["kind"] or "i64"
        # A splat is replaced whole.
        self.prefix = len(f"splat ({self.type} ") if self.lanes else 0

    def word(self):
        """The eight bytes that stand for it in a table."""
        if self.type == "i64":
            return int(self.text)
        (value,) = struct.unpack(">d", bytes.fromhex(self.text[2:].rjust(16, "0")))
        if self.type == "double":
            return struct.unpack("<q", struct.pack("<d", value))[0]
        return struct.unpack("<q", struct.pack("<f", value) + bytes(4))[0]


class _Form:
    """What is known of a form: the numbers first met, and code with some of them left open."""

    __slots__ = ("addresses", "codes", "first")

    def __init__(self, first):
        self.first, self.addresses, self.codes = first, None, []


class _Code:
    """Machine code for a form in which the numbers at `places` are read from the table, from word
    `base` on; all others are as in `numbers`."""

    __slots__ = ("addresses", "base", "numbers", "places")

    def __init__(self, numbers, places, base, addresses):
        self.numbers, self.places, self.base = numbers, places, base
        self.addresses = addresses

    def serves(self, numbers, base):
        return self.base >= base and all(
            numbers[i] == was for i, was in enumerate(self.numbers) if i not in self.places
        )


def forget():
    """Forget the forms; the code stays where it is, as programs may hold it."""
    with _LOCK:
        _FORMS.clear()


@contextmanager
def noting():
    """Texts are looked at and not compiled, so that the next of their form leaves open in what it
    differs."""
    _NOTING.append(True)
    try:
        yield
    finally:
        _NOTING.pop()


def load(text, names, imported, base):
    """(addresses of the functions named, words): the words belong into the table from word `base`
    on, for as long as the functions are called."""
    found = _numbers(text)
    numbers = [n.text for n in found]
    key = _form_of(text, found, names)
    with _LOCK:
        form = _FORMS.get(key)
        if form is None:
            form = _FORMS[key] = _Form(numbers)
        if _NOTING:
            return [0] * len(names), []
        if form.first == numbers and not form.codes:
            COUNTS["shared" if form.addresses else "compiled"] += 1
            form.addresses = form.addresses or native.load(text, names, imported)
            return form.addresses, []
        code = next((c for c in form.codes if c.serves(numbers, base)), None)
        if code is None:
            code = _opened(form, text, found, numbers, names, imported, base)
        else:
            COUNTS["shared"] += 1
    if code is None:
        return native.load(text, names, imported), []
    words = [0] * (code.base - base) + [found[i].word() for i in sorted(code.places)]
    return code.addresses, words


def _numbers(text):
    found, at = [], 0
    for line in text.split("\n"):
        start, at = at, at + len(line) + 1
        if line.startswith("  ") and _has_number(line) and not _FIXED.search(line):
            found += [_Number(m) for m in _NUMBER.finditer(text, start, at - 1)]
    return found


def _has_number(line):
    """Whether a line may have one, which is soon seen."""
    end = line.rfind(", align ")
    return _ANY.search(line, 0, len(line) if end < 0 else end)


def _form_of(text, found, names):
    digest, at = hashlib.sha256(repr(names).encode()), 0
    for n in found:
        digest.update(text[at : n.start].encode() + b"#")
        at = n.end
    digest.update(text[at:].encode())
    return digest.digest()


def _opened(form, text, found, numbers, names, imported, base):
    """Code for a form met with other numbers; None where one of them can't be read from a table."""
    places = {i for i, (a, b) in enumerate(zip(form.first, numbers, strict=True)) if a != b}
    for code in form.codes:
        places |= code.places
    COUNTS["compiled"] += 1
    base = -(-base // _SLACK) * _SLACK  # another program may have more words before these
    opened = _with_loads(text, found, sorted(places), base)
    if opened is None:
        return None
    made = _Code(numbers, places, base, native.load(opened, names, imported))
    form.codes.insert(0, made)
    return made


def _with_loads(text, found, places, base):
    """The text with these numbers read from the table; None where a function has no table."""
    heads = [m.start() for m in _HEAD.finditer(text)]
    loads, cuts = {}, []
    for k, i in enumerate(places):
        n = found[i]
        home = heads[bisect_right(heads, n.start) - 1]
        name = f"%open{k}"
        loads.setdefault(home, []).extend(_load(name, n, base + k))
        cuts.append((n.start - n.prefix, n.end + bool(n.lanes), name))
    for home, lines in loads.items():
        at = _entry_of(text, home)
        if at is None:
            return None
        cuts.append((at, at, "\n".join(lines) + "\n"))
    out, at = [], 0
    for start, end, new in sorted(cuts):
        out += [text[at:start], new]
        at = end
    return "".join([*out, text[at:]])


def _load(name, number, word):
    kind, last = number.type, name if not number.lanes else f"{name}s"
    lines = [f"  {name}p = getelementptr i64, ptr %table, i64 {word}",
             f"  {last} = load {kind}, ptr {name}p"]  # fmt: skip
    if number.lanes:
        vector, mask = f"<{number.lanes} x {kind}>", f"<{number.lanes} x i32> zeroinitializer"
        lines += [
            f"  {name}i = insertelement {vector} poison, {kind} {last}, i32 0",
            f"  {name} = shufflevector {vector} {name}i, {vector} poison, {mask}",
        ]
    return lines


def _entry_of(text, home):
    """Where the first instruction stands that may read %table, in the function that begins here."""
    head = text[home : text.index("\n", home)]
    if "%table" in head:
        after = text.index("\n", home) + 1
        line = text[after : text.index("\n", after)]
        return text.index("\n", after) + 1 if line.endswith(":") else after
    end = text.index("\n}", home)
    made = text.find("  %table = load ptr", home, end)
    return None if made < 0 else text.index("\n", made) + 1
