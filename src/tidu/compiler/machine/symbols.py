"""Names of generated functions for `perf`: the file it reads of code that stands in no library.

Written where `TIDU_PERF=1`, or where the interpreter itself supports perf (`-X perf`).
"""

import contextlib
import os
import sys

from . import elf

__all__ = ["exported", "note", "of_objects", "wanted"]


def wanted():
    chosen = os.environ.get("TIDU_PERF")
    if chosen is not None:
        return chosen == "1"
    return getattr(sys, "is_stack_trampoline_active", bool)()


def note(functions):
    """Append functions, as (address, size, name)."""
    lines = [f"{address:x} {size:x} tidu:{name}\n" for address, size, name in functions]
    with contextlib.suppress(OSError):  # profiles then lack the names, and nothing else does
        handle = os.open(f"/tmp/perf-{os.getpid()}.map", _APPEND, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write("".join(lines))


# Not through a link, which somebody else may have put there.
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)


def of_objects(objects, addresses):
    """The functions of object files that were loaded, of which `addresses` ({name: address}) are
    known: at least one of each file."""
    found = []
    for file in map(elf.File, filter(elf.is_file, objects)):
        own = file.functions()
        known = next((s for s in own if s.name in addresses), None)
        if known is not None:
            shift = addresses[known.name] - known.value
            found += [(s.value + shift, s.size, s.name) for s in own]
    return found


def exported(objects):
    """A function of each object file that can be looked up."""
    files = map(elf.File, filter(elf.is_file, objects))
    firsts = [next((s.name for s in file.functions() if s.shared), None) for file in files]
    return [name for name in firsts if name is not None]
