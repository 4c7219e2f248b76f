"""Machine code that a process places by itself, so that code which is kept needs no LLVM.

An image is what object files hold as it lies in memory, and where addresses stand in it: its own
and those of what it imports. `image` makes one of them, once; `place` writes it into memory, with
the addresses it has there. For x86-64 under Linux, whose code LLVM writes with whole addresses
alone; other object files have no image, and LLVM links them.
"""

import ctypes
import marshal
import mmap
import os
import struct
import sys
from functools import cache

from . import elf, symbols

__all__ = ["FORMAT", "image", "is_image", "may_run", "place"]

FORMAT = b"tidu-image-1\n"
_BLOCK = 1 << 20  # bytes of memory taken at a time; what is not written takes none
_ADDRESS = struct.Struct("<Q")
_READ_AND_RUN = 5  # PROT_READ | PROT_EXEC of <sys/mman.h>


def image(objects):
    """The image of object files that belong together, or None where they have none."""
    if not sys.platform.startswith("linux"):
        return None
    if not objects or not all(map(elf.is_file, objects)):
        return None
    try:
        return FORMAT + marshal.dumps(_Layout([elf.File(code) for code in objects]).told())
    except elf.Unknown:
        return None


@cache
def may_run():
    """Whether the system lets code run that a program has written; hardened ones do not."""
    if not sys.platform.startswith("linux"):
        return True
    block = _new_block(mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(block))
    return not _protect(start, mmap.PAGESIZE, _READ_AND_RUN)


def is_image(code):
    return code.startswith(FORMAT)


class _Layout:
    """Where the sections of files lie, those that are written behind all others, on other pages."""

    def __init__(self, files):
        self.files, self.bytes, self.at = files, bytearray(), {}
        self._lay(False)
        self._fill(mmap.PAGESIZE)
        self.fixed = len(self.bytes)
        self._lay(True)
        self.defined = {
            symbol.name: self._place(file, symbol)
            for file in files for symbol in file.symbols if symbol.section and symbol.shared
        }  # fmt: skip

    def _lay(self, written):
        for file in self.files:
            for section in file.sections:
                if section.lies and section.written == written:
                    self._fill(section.alignment)
                    self.at[id(section)] = len(self.bytes)
                    self.bytes += section.content()

    def _fill(self, alignment):
        self.bytes += bytes(-len(self.bytes) % alignment)

    def _place(self, file, symbol):
        home = file.home_of(symbol)
        if id(home) not in self.at:
            raise elf.Unknown
        return self.at[id(home)] + symbol.value

    def told(self):
        own, imports, functions = [], {}, []
        for file in self.files:
            for section, place, symbol, addend in file.addresses():
                at = self.at[id(section)] + place
                if symbol.section:
                    own.append((at, self._place(file, symbol) + addend))
                elif symbol.name in self.defined:
                    own.append((at, self.defined[symbol.name] + addend))
                else:
                    imports.setdefault(symbol.name, []).append((at, addend))
            functions += [(self._place(file, s), s.size, s.name) for s in file.functions()]
        return self.fixed, bytes(self.bytes), own, imports, self.defined, functions


class _Memory:
    """Pages for images; code is not written once it may run."""

    def __init__(self):
        self.now = None, 0, 0  # the block, its address, and what of it is taken

    def take(self, size):
        """(address, a view to write) of so many bytes, on pages of their own. What the garbage
        collector runs meanwhile may take some, too: then it is looked again."""
        size += -size % mmap.PAGESIZE
        while True:
            before = self.now
            block, start, at = before
            if block is None or at + size > len(block):
                block, at = _new_block(max(size, _BLOCK)), 0
                start = ctypes.addressof(ctypes.c_char.from_buffer(block))
            after = block, start, at + size
            if self.now is before:
                self.now = after
                return start + at, memoryview(block)[at : at + size]


_BLOCKS: list = []  # code in use is never unmapped
_MEMORY = _Memory()


def _new_block(size):
    try:
        block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(f"no {size} bytes of memory for machine code") from error
    _BLOCKS.append(block)
    return block


def place(code, imported, names):
    """({name: address}, functions) of an image, ready to run: functions as (address, size, name),
    where `symbols` wants them. `imported`: {name: address}, before what the process has under a
    name. `names` must be among what is found. Who calls holds a lock."""
    fixed, content, own, imports, defined, functions = marshal.loads(memoryview(code)[_HEAD:])
    addresses = {name: imported.get(name) or _of_process(name) for name in imports}
    start, memory = _MEMORY.take(len(content))
    memory[: len(content)] = content
    for at, target in own:
        _ADDRESS.pack_into(memory, at, start + target)
    for name, places in imports.items():
        for at, addend in places:
            _ADDRESS.pack_into(memory, at, addresses[name] + addend & _ALL)
    if fixed and _protect(start, fixed, _READ_AND_RUN):
        why = os.strerror(ctypes.get_errno())
        raise RuntimeError(f"the system does not let generated code run: {why}")
    found = {name: start + defined[name] for name in names}
    if not symbols.wanted():
        return found, []
    return found, [(start + at, size, name) for at, size, name in functions]


_HEAD, _ALL = len(FORMAT), (1 << 64) - 1


def _protect(start, size, how):
    return _mprotect()(start, size, how)


@cache
def _mprotect():
    function = ctypes.CDLL(None, use_errno=True).mprotect
    function.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return function


@cache
def _of_process(name):
    """The address of what the process has under a name."""
    try:
        return ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, name))
    except ValueError:
        raise RuntimeError(f"no library of this process has {name}") from None
