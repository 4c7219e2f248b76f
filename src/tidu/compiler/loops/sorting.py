"""Orders of rows as PyTorch's algorithms leave them, equal elements included, in generated code.

Each row's elements become int64 keys, which go through std::sort, std::partial_sort or
std::nth_element of the GNU C++ library, or Hoare's quickselect, step by step, or through a stable
sort by digits; the places follow the keys. `primitives/ranks.py` tells which of them PyTorch takes,
and does the same without LLVM.
"""

import threading

import numpy as np

from ...base.process.forks import across
from ..machine import kernels
from ..machine.code import Code
from ..machine.pool import ensure
from .rows_code import CALLS, FUNCTIONS, ROOMY, SPREAD, TAKEN
from .sorting_code import ALGORITHMS

__all__ = ["SHORT", "ordered", "short"]

I64 = np.dtype(np.int64)
_LOCK = across(threading.Lock())
_KERNELS: dict = {}
_PIECE = 1 << 12  # elements of rows that a thread takes at a time
SHORT = 1 << 10  # elements up to which a row's keys lie on the stack, and one function does it all


def ordered(rows, shape, descending, how, number=0, start=0):
    """(elements, places) of each row after `how`, a name of `CALLS`: the ranks from `start` on, as
    many as results of this shape have room for. The rows lie in order along the last axis.

    `number`: how many are sorted ("partial sort"), else the rank that is to stand where it belongs;
    "select and sort" sorts what comes before it. One place alone, which stands in front, is what
    "place", "middle" (a median: the first NaN if there is one), "middle number" (a median of what
    is no NaN) and "mode" find. Of a "mode" it is
    -1, and there are no elements, where rows have NaN.
    """
    size, total = rows.shape[-1], rows.size
    if size <= SHORT:
        return _of_short_rows(rows, shape, descending, how, number, start)
    spread, order, taken = _kernels(rows.dtype, how)
    keys, places = np.empty(total, I64), np.empty(total, I64)
    rooms = (np.empty(total, I64), np.empty(total, I64)) if how in ROOMY else (keys, places)
    chunk = size * max(1, _PIECE // size)
    ensure()
    spread(rows, keys, places, -1 if descending else 0, size, chunk, total)
    order(keys, places, *rooms, number, size, chunk, total)
    if how == "mode" and number and (places[::size] < 0).any():
        return None, places[::size].reshape(shape)
    found, values = np.empty(shape, I64), np.empty(shape, rows.dtype)
    taken(rows, places, found, values, start, shape[-1], size, chunk, total)
    return values, found


def _of_short_rows(rows, shape, descending, how, number, start):
    size, count = rows.shape[-1], shape[-1]
    found, values = np.empty(shape, I64), np.empty(shape, rows.dtype)
    chunk = size * max(1, _PIECE // size)
    ensure()
    short(rows.dtype, how)(rows, found, values, -1 if descending else 0, number, start, count,
                           size, chunk, rows.size)  # fmt: skip
    if how == "mode" and number and (found < 0).any():
        return None, found
    return values, found


def short(dtype, how):
    """What orders rows of up to `SHORT` elements: ``kernel(rows, places out, elements out, flip,
    number, from, count, size, chunk, elements)``"""
    try:
        return _KERNELS[dtype, how]
    except KeyError:
        pass
    with _LOCK:
        if (dtype, how) not in _KERNELS:
            _KERNELS[dtype, how] = kernels.made(_short, dtype, how)
    return _KERNELS[dtype, how]


def _kernels(dtype, how):
    try:
        return _KERNELS[dtype], _KERNELS[how], _KERNELS[dtype.itemsize]
    except KeyError:
        pass
    with _LOCK:
        for key, make in ((dtype, _spread), (how, _order), (dtype.itemsize, _taken)):
            if key not in _KERNELS:
                _KERNELS[key] = kernels.made(make, key)
    return _KERNELS[dtype], _KERNELS[how], _KERNELS[dtype.itemsize]


def _order(how):
    """``kernel(keys, places, keys' room, places' room, number, size, chunk, elements)``"""
    kinds, widths = ["ptr"] * 4 + ["i64"] * 3, ["i64"] * 4
    function = f"""
define internal void @row(ptr %k, ptr %o, ptr %k2, ptr %o2, i64 %number, i64 %size) {{
  {CALLS[how]}
  ret void
}}"""
    return _by_rows(kinds, widths, [None] * 4, (4, 5), [*FUNCTIONS, function])


def _short(dtype, how):
    kind, spread = _spreading(dtype)
    word = f"i{8 * dtype.itemsize}"
    rooms = ("k", "o", "k2", "o2") if how in ROOMY else ("k", "o")
    slots = "\n".join([f"  %{name} = alloca [{SHORT} x i64], align 64" for name in rooms])
    function = f"""
define internal void @row(ptr %x, ptr %places, ptr %values, i64 %flip, i64 %number, i64 %from,
                          i64 %count, i64 %size) {{
{slots}
  call void @spread(ptr %x, ptr %k, ptr %o, i64 %flip, i64 %size)
  {CALLS[how]}
  call void @taken(ptr %x, ptr %o, ptr %places, ptr %values, i64 %from, i64 %count)
  ret void
}}"""
    kinds, widths = ["ptr"] * 3 + ["i64"] * 6, [kind, "i64", word]
    functions = [*FUNCTIONS, spread, TAKEN.replace("WORD", word), function]
    return _by_rows(kinds, widths, [None, 6, 6], (3, 4, 5, 6, 7), functions)


def _spreading(dtype):
    """(LLVM's type of the elements, the function `@spread` for them)"""
    kind = f"i{8 * dtype.itemsize}"
    if dtype.kind == "f":
        kind = {4: "float", 8: "double"}[dtype.itemsize]
    text = SPREAD.replace("KEYS", _key(dtype, _EIGHT)).replace("KEY", _key(dtype, ""))
    return kind, text.replace("LOADED", kind)


def _spread(dtype):
    """``kernel(rows, keys, places, flip, size, chunk, elements)``"""
    kind, text = _spreading(dtype)
    text = text.replace("@spread", "@row")
    return _by_rows(
        ["ptr"] * 3 + ["i64"] * 3, [kind, "i64", "i64"], [None] * 3, (3, 4), [*ALGORITHMS, text]
    )


_EIGHT = "<8 x {}>"


def _key(dtype, many):
    """The text that makes %key of %v; of vectors, where `many` says of which."""

    def of(kind):
        return many.format(kind) if many else kind

    def constant(kind, value):
        return f"<{', '.join([f'{kind} {value}'] * 8)}>" if many else value

    bits = 8 * dtype.itemsize
    word, wide = f"i{bits}", of("i64")
    if dtype.kind == "f":
        real, most = "float" if bits == 32 else "double", (1 << (bits - 1)) - 1
        zero = constant(real, "0.0")
        to_wide = f"sext {of(word)} %whole to {wide}" if bits == 32 else (
            f"add {wide} %whole, {constant('i64', 0)}")  # fmt: skip
        return f"""
  %plus = fadd {of(real)} %v, {zero} ; -0 becomes 0
  %b = bitcast {of(real)} %plus to {of(word)}
  %sign = ashr {of(word)} %b, {constant(word, bits - 1)}
  %mask = and {of(word)} %sign, {constant(word, most)}
  %whole = xor {of(word)} %b, %mask
  %wide = {to_wide}
  %hole = fcmp uno {of(real)} %v, {zero}
  %key = select {of("i1")} %hole, {wide} {constant("i64", (1 << 63) - 1)}, {wide} %wide"""
    if bits == 64:
        turned = constant("i64", -(1 << 63) if dtype.kind == "u" else 0)
        return f"  %key = xor {wide} %v, {turned}"
    return f"  %key = {'sext' if dtype.kind == 'i' else 'zext'} {of(word)} %v to {wide}"


def _taken(itemsize):
    """``kernel(rows, places, places out, elements out, from, count, size, chunk, elements)``"""
    word = f"i{8 * itemsize}"
    text = TAKEN.replace("WORD", word).replace("@taken", "@row")
    kinds, widths = ["ptr"] * 4 + ["i64"] * 4, [word, "i64", "i64", word]
    return _by_rows(kinds, widths, [None, None, 5, 5], (4, 5), [*ALGORITHMS, text])


def _by_rows(kinds, widths, lengths, passed, functions):
    """The built-in function that calls `@row` for each row, given its arrays' parts and the
    numbers `passed`. `widths`: the arrays' types; `lengths`: which argument is the length of their
    rows, where it is not the last before the chunk."""
    m = Code()
    given = kernels.arguments(m, kinds)
    size = given[-2]
    lines = []
    for i, width in enumerate(widths):
        length = given[-2 if lengths[i] is None else lengths[i]]
        lines.append(f"  %s{i} = mul i64 %row, {length.text}")
        lines.append(f"  %p{i} = getelementptr {width}, {given[i]}, i64 %s{i}")
    arrays = ", ".join([f"ptr %p{i}" for i in range(len(widths))])
    numbers = ", ".join([str(given[i]) for i in passed])
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    body = body.removesuffix("}") + "\n".join([
        f"  %first = sdiv i64 %start, {size.text}", f"  %last = sdiv i64 %stop, {size.text}",
        "  br label %rows", "rows:", "  %row = phi i64 [%first, %entry], [%following, %rows]",
        *lines, f"  call void @row({arrays}, {numbers})", "  %following = add i64 %row, 1",
        "  %more = icmp slt i64 %following, %last", "  br i1 %more, label %rows, label %done",
        "done:", "  ret void", "}",
    ])  # fmt: skip
    return kernels.Body(body, kinds, functions, chunk=None)
