"""Names of generated functions for `perf`: the file it reads of code that stands in no library.

Written where `TIDU_PERF=1`, or where the interpreter itself supports perf (`-X perf`). The names
are those of the object file (ELF, 64 bits, as Linux has them).
"""

import os
import struct
import sys

__all__ = ["first", "note", "wanted"]


def wanted():
    chosen = os.environ.get("TIDU_PERF")
    if chosen is not None:
        return chosen == "1"
    return getattr(sys, "is_stack_trampoline_active", bool)()


def first(code, names):
    """A function of an object file that can be looked up: one of these, or in a piece of a larger
    module any."""
    found = [name for _, _, name in _functions(code)]
    return next((name for name in found if name in names), found[0] if found else names[0])


def note(code, name, address):
    """Append the functions of an object file, of which `name` was loaded at `address`."""
    found = list(_functions(code))
    shift = next((address - at for at, _, known in found if known == name), None)
    if shift is None:
        return
    lines = [f"{at + shift:x} {size:x} tidu:{known}\n" for at, size, known in found]
    with open(f"/tmp/perf-{os.getpid()}.map", "a", encoding="utf-8") as file:
        file.write("".join(lines))


def _functions(code):
    """(offset, size, name) of each function of the text section."""
    if code[:5] != b"\x7fELF\x02":
        return
    (start,) = struct.unpack_from("<Q", code, 0x28)
    each, count = struct.unpack_from("<HH", code, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", code, start + k * each) for k in range(count)]
    for _, kind, _, _, offset, size, link, _, _, entry in sections:
        if kind != 2:  # SHT_SYMTAB
            continue
        names = sections[link][4]
        for at in range(offset, offset + size, entry):
            name, info, _, _, value, length = struct.unpack_from("<IBBHQQ", code, at)
            if info & 15 == 2:  # STT_FUNC
                end = code.index(b"\0", names + name)
                yield value, length, code[names + name : end].decode()
