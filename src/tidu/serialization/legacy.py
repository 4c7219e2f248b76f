"""Files of PyTorch before 1.6: pickles one after another, then the storages' bytes."""

from __future__ import annotations

import numpy as np

from .allowed import Calls
from .names import Storage, StorageType
from .opcodes import PickleReader
from .problems import bad_file

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


def load(data: bytes, place, names):
    """The object of a file in the old format; `place` is as `files.mapper` makes it."""
    calls = Calls(names)
    if not data.startswith(b"\x80"):
        raise bad_file("invalid load key: the file is no checkpoint of PyTorch")
    storages = _Storages(place, len(data))
    magic, at = _one(data, 0, _refuse, names, calls)
    if magic.__class__ is not int or magic != _MAGIC:
        raise bad_file("Invalid magic number; corrupt file?")
    protocol, at = _one(data, at, _refuse, names, calls)
    if protocol.__class__ is not int or protocol != _PROTOCOL:
        raise bad_file(f"Invalid protocol version: {str(protocol)[:40]}")
    system, at = _one(data, at, _refuse, names, calls)
    if not isinstance(system, dict) or system.get("little_endian", True) is not True:
        raise bad_file("the file was written on a big-endian machine", "save it again as a zip.")
    start = at
    _, at = _one(data, start, storages, names, _Skimmed(names))
    keys, at = _one(data, at, _refuse, names, calls)
    storages.fill(data, at, keys)
    # Once more, now with the storages' bytes: what a tensor puts off (conjugation) asks for them.
    return _one(data, start, storages, names, calls)[0]


class _Skimmed(Calls):
    """Of the pickle read for its storages alone, whose bytes are not there yet: what cannot be made
    without them is None."""

    def get(self, key):
        builder = super().get(key)
        if builder is None:
            return (lambda *args: None) if key == ("build", type(None)) else None

        def made(*args):
            try:
                return builder(*args)
            except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
                return None

        return made


def _one(data: bytes, at: int, persistent, names, calls):
    reader = PickleReader(data, names, calls, persistent, at)
    return reader.load(), reader.position


def _refuse(reference):
    raise bad_file("the pickle refers to a storage where none can be")


class _Storages:
    """Storages named by the pickle before their bytes are reached; filled afterwards."""

    def __init__(self, place, room: int):
        self.place = place
        self.made: dict = {}
        self.room = room

    def __call__(self, reference) -> Storage:
        if isinstance(reference, tuple) and len(reference) == 4 and reference[0] == "module":
            return reference[1]  # a class, with the text of its file, which is not read
        if not (isinstance(reference, tuple) and len(reference) == 6):
            raise bad_file("the pickle refers to a malformed storage")
        mark, kind, key, location, count, view = reference
        well_formed = (
            mark == "storage" and isinstance(kind, StorageType) and kind.dtype is not None
            and isinstance(key, str) and isinstance(location, str)
            and count.__class__ is int and 0 <= count and view is None
        )  # fmt: skip
        if not well_formed:
            raise bad_file("the pickle refers to a malformed storage")
        if key not in self.made:
            self.made[key] = self._new(kind.dtype, location, count)
        return self.made[key]

    def _new(self, dtype, location: str, count: int) -> Storage:
        self.room -= count * dtype.itemsize
        if self.room < 0:
            raise bad_file("the storages of the file are larger than the file")
        data = np.zeros(count * dtype.itemsize, np.uint8)
        return self.place(Storage(data, dtype, location), location)

    def fill(self, data: bytes, at: int, keys) -> None:
        """Copy the bytes of each storage: 8 bytes of length, then the elements."""
        if not isinstance(keys, list) or set(map(str, keys)) != set(self.made):
            raise bad_file("the list of storages does not fit the pickle")
        for key in keys:
            storage = self.made[key]
            size = storage.data.size
            if len(data) - at < 8 + size:
                raise bad_file("the file ends before its storages do")
            count = int.from_bytes(data[at : at + 8], "little", signed=True)
            if count * storage.kind.itemsize != size:
                raise bad_file(f"storage {key!r} has a wrong length")
            storage.data[:] = np.frombuffer(data, np.uint8, size, at + 8)
            at += 8 + size
