"""A stable sort of one long row of integers by their digits of eight bits, on all threads.

A key is an element less the least one (descending: the greatest less an element), so that there are
as many digits as the range of the elements has. For each digit, the lowest first, every thread
counts those of its part of the row, and moves what lies there to where it belongs: the first pass
reads the elements themselves, the last writes elements and places.
"""

import threading

import numpy as np

from ...base.process.forks import across
from ...core.blocks import THREADS
from ..machine import kernels
from ..machine.code import Code
from ..machine.pool import ensure

__all__ = ["by_digits"]

_LOCK = across(threading.Lock())
_KERNELS: dict = {}
_SHARED = 1 << 15  # elements from which more than one thread is asked

# How %key and %place lie in the arrays %a and %b between two passes: in one number where the key
# has at most 32 bits ("packed"), else beside each other; and how they are read from the row
# ("row") and written to it in the end.
_READ = {
    "row": """
  %ra = getelementptr WORD, ptr %a, i64 %i
  %x = load WORD, ptr %ra
  %x1 = WIDENED WORD %x to i64
  %x2 = xor i64 %x1, %flip
  %key = sub i64 %x2, %base
  %place = add i64 %i, 0""",
    "packed": """
  %ra = getelementptr i64, ptr %a, i64 %i
  %both = load i64, ptr %ra
  %key = lshr i64 %both, 32
  %place = and i64 %both, 4294967295""",
    "wide": """
  %ra = getelementptr i64, ptr %a, i64 %i
  %key = load i64, ptr %ra
  %rb = getelementptr i32, ptr %b, i64 %i
  %short = load i32, ptr %rb
  %place = zext i32 %short to i64""",
}
_WRITE = {
    "row": """
  %y = add i64 %key, %base
  %y1 = xor i64 %y, %flip
  %y2 = NARROWED i64 %y1 to WORD
  %wa = getelementptr WORD, ptr %c, i64 %to
  store WORD %y2, ptr %wa
  %wb = getelementptr i64, ptr %d, i64 %to
  store i64 %place, ptr %wb""",
    "packed": """
  %high = shl i64 %key, 32
  %joined = or i64 %high, %place
  %wa = getelementptr i64, ptr %c, i64 %to
  store i64 %joined, ptr %wa""",
    "wide": """
  %wa = getelementptr i64, ptr %c, i64 %to
  store i64 %key, ptr %wa
  %wb = getelementptr i32, ptr %d, i64 %to
  %cut = trunc i64 %place to i32
  store i32 %cut, ptr %wb""",
    "counts": "",
}
# A part's table says how often each digit occurs, or where the next element with it goes.
_PARTS = """
  br label %parts
parts:
  %p = phi i64 [%start, %entry], [%following, %next]
  %p1 = add i64 %p, 1
  %first0 = mul i64 %p, %n
  %first = udiv i64 %first0, %count
  %last0 = mul i64 %p1, %n
  %last = udiv i64 %last0, %count
  %row = shl i64 %p, 8
  %t = getelementptr i64, ptr %table, i64 %row
  br label %loop
loop:
  %i = phi i64 [%first, %parts], [%i1, %loop]
READ
  %shifted = lshr i64 %key, %shift
  %digit = and i64 %shifted, 255
  %at = getelementptr i64, ptr %t, i64 %digit
  %to = load i64, ptr %at
  %then = add i64 %to, 1
  store i64 %then, ptr %at
WRITE
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, %last
  br i1 %more, label %loop, label %next
next:
  %following = add i64 %p, 1
  %left = icmp slt i64 %following, %stop
  br i1 %left, label %parts, label %done
done:
  ret void
}"""
_ARGUMENTS = ("a", "b", "c", "d", "table", "shift", "base", "flip", "n", "count")


def by_digits(x, descending):
    """(elements, places) of a vector of integers (or truths) in stable order."""
    if x.dtype.kind == "b":
        values, places = by_digits(x.view(np.uint8), descending)
        return values.view(bool), places
    n, low, high = x.size, int(x.min()), int(x.max())
    shifts = range(0, (high - low).bit_length(), 8)
    values, places = np.empty(n, x.dtype), np.empty(n, np.int64)
    if not shifts:
        values[:] = x
        places[:] = np.arange(n)
        return values, places
    form = "packed" if high - low < 1 << 32 and n <= 1 << 32 else "wide"
    rooms = [_room(form, n) for _ in range(min(len(shifts) - 1, 2))]
    flip, base = (-1, ~high) if descending else (0, low)
    numbers = flip, n, THREADS.count if n >= _SHARED else 1
    base = (base + (1 << 63)) % (1 << 64) - (1 << 63)  # as 64 bits with a sign
    source, here = (x, x), "row"
    ensure()
    for k, shift in enumerate(shifts):
        last = k == len(shifts) - 1
        target, there = ((values, places), "row") if last else (rooms[k % 2], form)
        _moved(source, target, here, there, shift, base, *numbers)
        source, here = target, there
    return values, places


def _room(form, n):
    keys = np.empty(n, np.int64)
    return keys, keys if form == "packed" else np.empty(n, np.int32)


def _moved(source, target, here, there, shift, base, flip, n, count):
    """One pass: the elements of `source` to `target` in the order of one digit."""
    row = (source if here == "row" else target)[0].dtype
    table = np.zeros((count, 256), np.int64)
    given = shift, base, flip, n, count, 1, count
    _kernel(here, "counts", row)(*source, *target, table, *given)
    counts = table.T.reshape(-1)
    table[:] = (np.cumsum(counts) - counts).reshape(256, count).T
    _kernel(here, there, row)(*source, *target, table, *given)


def _kernel(here, there, row):
    if here != "row" != there:
        row = None
    found = _KERNELS.get((here, there, row))
    if found is None:
        with _LOCK:
            found = _KERNELS[here, there, row] = kernels.made(_written, here, there, row)
    return found


def _written(here, there, row):
    """``kernel(a, b, c, d, table, shift, base, flip, elements, parts, chunk, parts)``"""
    kinds = ["ptr"] * 5 + ["i64"] * 6
    m = Code()
    given = kernels.arguments(m, kinds)
    text = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    parts = _PARTS.replace("READ", _READ[here]).replace("WRITE", _WRITE[there])
    if row is not None:
        word = f"i{8 * row.itemsize}"
        same = row.itemsize == 8
        parts = parts.replace("WIDENED", "bitcast" if same else
                              "sext" if row.kind == "i" else "zext")  # fmt: skip
        parts = parts.replace("NARROWED", "bitcast" if same else "trunc").replace("WORD", word)
    named = [f"  %{name} = {'getelementptr i8,' if value.kind == 'ptr' else 'add'} {value}, "
             f"{'i64 ' if value.kind == 'ptr' else ''}0"
             for name, value in zip(_ARGUMENTS, given, strict=False)]  # fmt: skip
    body = text.removesuffix("}") + "\n".join(named) + parts
    return kernels.Body(body, kinds, [], chunk=None, work=_SHARED)
