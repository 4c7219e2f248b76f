"""Object files as Linux has them (ELF, 64 bits): their sections, symbols and addresses."""

import struct
from typing import NamedTuple

__all__ = ["File", "Unknown", "is_file"]

_X86_64 = 62
_CONTENT, _SYMBOLS, _ADDRESSES, _EMPTY, _UNWINDING = 1, 2, 4, 8, 0x70000001  # kinds of sections
_WRITTEN, _LIES, _OF_THREADS = 1, 2, 0x400  # their flags
_ADDRESSES_ALONE, _WEAK = 9, 2  # a kind of sections and one of symbols
_PAGE = 4096
_NAMED = 0xFF00  # numbers of sections from here on are no sections
_WHOLE = 1  # R_X86_64_64: the whole address, in eight bytes
_FUNCTION = 2


class Unknown(Exception):
    """The file has something that is not understood here."""


def is_file(code):
    return code[:6] == b"\x7fELF\x02\x01"


class Section:
    """A part of a file; `lies`: it lies in memory when the code runs."""

    __slots__ = ("alignment", "code", "entry", "kind", "lies", "link", "of", "offset", "size",
                 "written")  # fmt: skip

    def __init__(self, code, head):
        _, self.kind, flags, _, self.offset, self.size, self.link, self.of, align, self.entry = head
        self.code, self.alignment = code, max(align, 1)
        # What tells how to unwind the stack is left out: nothing is thrown through generated code.
        self.lies = bool(flags & _LIES) and self.kind != _UNWINDING
        self.written = bool(flags & _WRITTEN)
        if self.lies and (flags & _OF_THREADS or self.kind not in (_CONTENT, _EMPTY)):
            raise Unknown
        if self.kind == _ADDRESSES_ALONE or (self.lies and align > _PAGE):
            raise Unknown

    def content(self):
        if self.kind == _EMPTY:
            return bytes(self.size)
        return self.code[self.offset : self.offset + self.size]


class Symbol(NamedTuple):
    """A name for a place in a section; section 0: the place is elsewhere. `shared`: other files
    know the name, too."""

    name: str
    section: int
    value: int
    size: int
    function: bool
    shared: bool


class File:
    def __init__(self, code):
        self.code = code
        (start,) = struct.unpack_from("<Q", code, 0x28)
        each, count = struct.unpack_from("<HH", code, 0x3A)
        heads = [struct.unpack_from("<IIQQQQIIQQ", code, start + k * each) for k in range(count)]
        self.sections = [Section(code, head) for head in heads]
        self.symbols = []
        for section in self.sections:
            if section.kind == _SYMBOLS:
                self.symbols = list(self._symbols(section))

    def _symbols(self, section):
        names, end = self.sections[section.link].offset, section.offset + section.size
        for at in range(section.offset, end, section.entry):
            name, info, _, home, value, size = struct.unpack_from("<IBBHQQ", self.code, at)
            text = self.code[names + name : self.code.index(b"\0", names + name)].decode()
            if info >> 4 == _WEAK:
                raise Unknown
            yield Symbol(text, home, value, size, info & 15 == _FUNCTION, info >> 4 == 1)

    def functions(self):
        """The symbols that are functions of this file."""
        return [s for s in self.symbols if s.function and 0 < s.section < _NAMED]

    def home_of(self, symbol):
        """The section of a symbol; None where it is in none."""
        return self.sections[symbol.section] if 0 < symbol.section < _NAMED else None

    def addresses(self):
        """(section, place in it, symbol, addend) of each address that is known when the code is
        placed."""
        if struct.unpack_from("<H", self.code, 0x12) != (_X86_64,):
            raise Unknown
        for table in self.sections:
            section = self.sections[table.of] if table.kind == _ADDRESSES else None
            if section is None or not section.lies:
                continue
            for at in range(table.offset, table.offset + table.size, table.entry):
                place, info, addend = struct.unpack_from("<QQq", self.code, at)
                if info & 0xFFFFFFFF != _WHOLE:
                    raise Unknown
                yield section, place, self.symbols[info >> 32], addend
