"""The zip archive of a checkpoint, read with suspicion and written in order.

Only what PyTorch writes is accepted: stored (not compressed) members with plain names, none twice,
none overlapping, all inside the file. Nothing is extracted. Read `Archive` and `write_archive`.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from .problems import bad_file

_END = struct.Struct("<4s4H2LH")
_END64_PLACE = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_ALIGNMENT = 64
_UTF8 = 0x800
_1980 = 33  # 1 January 1980 as zip writes dates


def _broken(detail: str):
    return bad_file(f"PytorchStreamReader failed reading zip archive: {detail}")


class FileSource:
    """Bytes of an open binary file of known size."""

    def __init__(self, file):
        self.file = file
        self.size = file.seek(0, 2)

    def read(self, start: int, count: int) -> np.ndarray:
        """`count` bytes from `start` as a new writable uint8 array; both are inside the file."""
        out = np.empty(count, np.uint8)
        self.file.seek(start)
        if self.file.readinto(memoryview(out)) != count:  # type: ignore[arg-type]
            raise _broken("the file ends too early")
        return out


class BytesSource:
    """Bytes in memory."""

    def __init__(self, data: bytes):
        self.data = np.frombuffer(data, np.uint8)
        self.size = len(data)

    def read(self, start: int, count: int) -> np.ndarray:
        return self.data[start : start + count].copy()


class MappedSource:
    """A file mapped into memory: pages are read when touched, and writes stay private."""

    def __init__(self, path):
        self.data = np.memmap(path, np.uint8, mode="c")
        self.size = self.data.size

    def read(self, start: int, count: int) -> np.ndarray:
        return self.data[start : start + count].view(np.ndarray)


class Archive:
    """The members of a zip file, by their names without the leading folder."""

    def __init__(self, source, check_sums: bool = True):
        self.source = source
        self.check_sums = check_sums
        entries = _entries(source)
        self._check_overlaps(entries.values())
        self.members = self._without_folder(entries)

    def _check_overlaps(self, entries) -> None:
        end = 0
        for start, stop, _, name in sorted(entries):
            if start < end:
                raise _broken(f"member {name!r} overlaps another one")
            end = stop

    def _without_folder(self, entries) -> dict:
        folders = [n[: -len("data.pkl")] for n in entries if n.endswith("/data.pkl")]
        folders = [folder for folder in folders if folder.count("/") == 1]
        if len(folders) != 1:
            raise _broken("it must hold one member named <folder>/data.pkl")
        folder = folders[0]
        return {n.removeprefix(folder): e for n, e in entries.items() if n.startswith(folder)}

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def size(self, name: str) -> int:
        start, stop, _, _ = self._member(name)
        return stop - start

    def read(self, name: str) -> np.ndarray:
        """The bytes of a member, their check sum compared."""
        start, stop, check_sum, _ = self._member(name)
        data = self.source.read(start, stop - start)
        if self.check_sums and zlib.crc32(data) != check_sum:
            raise _broken(f"the check sum of member {name!r} is wrong")
        return data

    def _member(self, name: str):
        member = self.members.get(name)
        if member is None:
            raise _broken(f"member {name!r} is missing")
        if member[2] is None:
            raise _broken(f"member {name!r} is compressed or encrypted")
        return member


def is_archive(source) -> bool:
    """Whether the file starts as a zip file does."""
    return source.size >= 4 and bytes(source.read(0, 4)) == b"PK\x03\x04"


def _entries(source) -> dict:
    """(start, stop, check sum, name) of each member's data, by name; no sum if it is compressed."""
    count, start, size = _directory_place(source)
    directory = bytes(source.read(start, size))
    entries, at = {}, 0
    for _ in range(count):
        entry, at = _entry(source, directory, at, start)
        if entry[3] in entries:
            raise _broken(f"member {entry[3]!r} is there twice")
        entries[entry[3]] = entry
    return entries


def _directory_place(source) -> tuple[int, int, int]:
    tail_size = min(source.size, _END.size + _FULL16)
    tail_start = source.size - tail_size
    tail = bytes(source.read(tail_start, tail_size))
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise _broken("failed finding central directory")
    _, disk, first_disk, here, count, size, start, comment = _END.unpack_from(tail, at)
    end = tail_start + at
    if at + _END.size + comment != len(tail):
        raise _broken("bytes follow the end of the archive")
    if _FULL16 in (here, count) or _FULL32 in (size, start):
        disk, first_disk, here, count, size, start, end = _directory_place64(source, end)
    if disk or first_disk or here != count or start + size > end or count * _ENTRY.size > size:
        raise _broken("the central directory does not fit the file")
    return count, start, size


def _directory_place64(source, end: int):
    place = end - _END64_PLACE.size
    if place < 0:
        raise _broken("the zip64 directory is missing")
    mark, _, at, _ = _END64_PLACE.unpack(bytes(source.read(place, _END64_PLACE.size)))
    if mark != b"PK\x06\x07" or at + _END64.size > place:
        raise _broken("the zip64 directory is missing")
    fields = _END64.unpack(bytes(source.read(at, _END64.size)))
    if fields[0] != b"PK\x06\x06":
        raise _broken("the zip64 directory is missing")
    return (*fields[4:], at)


def _entry(source, directory: bytes, at: int, limit: int):
    if len(directory) - at < _ENTRY.size:
        raise _broken("the central directory ends too early")
    fields = _ENTRY.unpack_from(directory, at)
    mark, flags, method, check_sum, packed, size = fields[0], *fields[3:5], *fields[7:10]
    name_size, extra_size, comment_size = fields[10:13]
    header = fields[16]
    name_at = at + _ENTRY.size
    extra_at = name_at + name_size
    stop = extra_at + extra_size + comment_size
    if mark != b"PK\x01\x02" or stop > len(directory):
        raise _broken("an entry of the central directory is malformed")
    name = _checked_name(directory[name_at:extra_at])
    extra = directory[extra_at : extra_at + extra_size]
    size, packed, header = _long_fields(extra, size, packed, header)
    stored = method == 0 and not flags & 1
    if stored and size != packed:
        raise _broken(f"member {name!r} has two sizes")
    data = _data_start(source, header, limit)
    if data + packed > limit:
        raise _broken(f"member {name!r} reaches past the end of the file")
    return (data, data + packed, check_sum if stored else None, name), stop


def _checked_name(raw: bytes) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _broken("a member's name is not UTF-8") from None
    parts = name.split("/")
    if not name or "\\" in name or "\0" in name or ":" in parts[0] or {"", ".", ".."} & set(parts):
        raise _broken(f"member name {name!r} is not a plain relative path")
    return name


def _long_fields(extra: bytes, size: int, packed: int, header: int):
    """Replace fields that are full by those of the zip64 extra block."""
    if _FULL32 not in (size, packed, header):
        return size, packed, header
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            block = extra[at + 4 : at + 4 + length]
            fields = [size, packed, header]
            for i, field in enumerate(fields):
                if field == _FULL32:
                    if len(block) < 8:
                        break
                    fields[i], block = int.from_bytes(block[:8], "little"), block[8:]
            return tuple(fields)
        at += 4 + length
    return size, packed, header


def _data_start(source, header: int, limit: int) -> int:
    if header + _LOCAL.size > limit:
        raise _broken("a member starts outside the file")
    fields = _LOCAL.unpack(bytes(source.read(header, _LOCAL.size)))
    if fields[0] != b"PK\x03\x04":
        raise _broken("a member does not start where the directory says")
    return header + _LOCAL.size + fields[9] + fields[10]


# -- writing ------------------------------------------------------------------------------------


def write_archive(write, folder: str, members) -> None:
    """Write `members`, pairs of a name and bytes (anything with a buffer), with `write(bytes)`."""
    at, directory = 0, []
    for name, data in members:
        data = memoryview(data).cast("B")
        full_name = f"{folder}/{name}".encode()
        check_sum = zlib.crc32(data)
        header = _local_header(at, full_name, check_sum, data.nbytes)
        write(header)
        write(data)
        directory.append(_directory_entry(at, full_name, check_sum, data.nbytes))
        at += len(header) + data.nbytes
    entries = b"".join(directory)
    write(entries)
    write(_ending(len(directory), len(entries), at))


def _local_header(at: int, name: bytes, check_sum: int, size: int) -> bytes:
    long = struct.pack("<HHQQ", 1, 16, size, size) if size >= _FULL32 else b""
    start = at + _LOCAL.size + len(name) + len(long)
    # PyTorch lets data start at multiples of 64, behind an extra block named FB.
    padding = -(start + 4) % _ALIGNMENT
    extra = long + struct.pack("<2sH", b"FB", padding) + b"Z" * padding
    short_size = min(size, _FULL32)
    return (
        _LOCAL.pack(b"PK\x03\x04", 45 if long else 20, _UTF8, 0, 0, _1980, check_sum, short_size,
                    short_size, len(name), len(extra)) + name + extra
    )  # fmt: skip


def _directory_entry(at: int, name: bytes, check_sum: int, size: int) -> bytes:
    large = [n for n in (size, size, at) if n >= _FULL32]
    extra = struct.pack(f"<HH{len(large)}Q", 1, 8 * len(large), *large) if large else b""
    version = 45 if large else 20
    short_size = min(size, _FULL32)
    return (
        _ENTRY.pack(b"PK\x01\x02", version, version, _UTF8, 0, 0, _1980, check_sum, short_size,
                    short_size, len(name), len(extra), 0, 0, 0, 0, min(at, _FULL32)) + name + extra
    )  # fmt: skip


def _ending(count: int, size: int, start: int) -> bytes:
    end = b""
    if count >= _FULL16 or start + size >= _FULL32:
        end = _END64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
        end += _END64_PLACE.pack(b"PK\x06\x07", 0, start + size, 1)
    count16 = min(count, _FULL16)
    return end + _END.pack(
        b"PK\x05\x06", 0, 0, count16, count16, min(size, _FULL32), min(start, _FULL32), 0
    )
