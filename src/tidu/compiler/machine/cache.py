"""Machine code kept between processes: private to the user, and verified before it is loaded.

One file a module, named by the digest of all that decides its content, written beside and moved
into place, so that any number of processes may read and write at once. A file that another user
could have written, or whose digest does not match its content, is not used. What was not used for
longest goes when there is more than `TIDU_CACHE_SIZE` says: bytes, or with K, M or G; 256M where
it says nothing.
"""

import contextlib
import hashlib
import os
import re
import stat
import sys
import time
from functools import lru_cache

from ...base.errors import hinted

__all__ = ["USED", "directory", "key_of", "most", "prune", "read", "write"]

_MAGIC = b"tidu-code-3\n"
_SIZE = re.compile(r"(\d+)\s*([kmg]?)(?:i?b)?", re.IGNORECASE)
_UNITS = {"": 0, "k": 10, "m": 20, "g": 30}
_LOOKS = 64  # looks at the whole in the time in which as many bytes are written
_NEW, _BINARY = ".new-", getattr(os, "O_BINARY", 0)
USED: set = set()  # the names of all that this process has read or written
_HOUR, _DAY = 3600, 86400  # seconds: how exactly a file tells when it was last used is the first


def key_of(*parts):
    """The name for code made from these texts."""
    digest = hashlib.sha256()
    for part in parts:
        data = str(part).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def directory():
    """Where the files are: `TIDU_CACHE_DIR`, or the user's cache folder; None where it is off."""
    chosen = os.environ.get("TIDU_CACHE_DIR")
    if chosen is not None:
        return os.path.join(chosen, "code") if chosen else None
    home = os.path.expanduser("~")
    if sys.platform == "darwin":
        base = os.path.join(home, "Library", "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return os.path.join(base, "tidu", "code")


def most():
    """How many bytes are kept."""
    return _bytes(os.environ.get("TIDU_CACHE_SIZE") or "256M")


@lru_cache
def _bytes(text):
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(hinted(f"TIDU_CACHE_SIZE: {text!r} is no number of bytes",
                                "write 100000000, 100M or 1G; 0 keeps nothing."))  # fmt: skip
    return int(found[1]) << _UNITS[found[2].lower()]


def read(key):
    """The code of this name, or None."""
    folder = directory()
    if folder is None or not _private(folder):
        return None
    try:
        with open(os.path.join(folder, key), "rb") as file:
            status = os.fstat(file.fileno())
            if not _owned(status):
                return None
            data = file.read()
    except OSError:
        return None
    if time.time() - status.st_mtime > _HOUR:
        with contextlib.suppress(OSError):
            os.utime(os.path.join(folder, key))
    head = len(_MAGIC) + 32
    code = data[head:]
    if not data.startswith(_MAGIC) or data[len(_MAGIC) : head] != _digest(key, code):
        return None
    USED.add(key)
    return code


def write(key, code):
    """Keep it; a cache that can't be written is no error."""
    folder = directory()
    if folder is None:
        return
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not _private(folder):
            return
        path = os.path.join(folder, _NEW + os.urandom(8).hex())
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _BINARY, 0o600)
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + _digest(key, code) + code)
        os.replace(path, os.path.join(folder, key))
        USED.add(key)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(path)
    if _is_due(key, len(code)):
        prune(folder)


def _is_due(key, size):
    """Whether this write looks at the whole folder: by chance, _LOOKS times in the time in which as
    much is written as is kept, as a look at tens of thousands of files takes longer than to compile
    a module."""
    return int(key[:8], 16) * most() <= (size << 32) * _LOOKS


def prune(folder):
    """What writers that died have left goes, and where files take more than is kept those used
    longest ago, down to three quarters of it."""
    bound, files = most(), []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                files.append((status.st_mtime, status.st_size, entry.path))
    total = sum(size for _, size, _ in files)
    target = bound * 3 // 4 if total > bound else total
    for used, size, path in sorted(files):
        unfinished = os.path.basename(path).startswith(_NEW) and time.time() - used > _DAY
        if unfinished or total > target:
            with contextlib.suppress(OSError):
                os.unlink(path)
                total -= size


def _digest(key, code):
    return hashlib.sha256(key.encode() + code).digest()


def _private(folder):
    try:
        return _owned(os.lstat(folder))
    except OSError:
        return False


def _owned(status):
    """Ours alone to write. (Windows has no owners of this kind: the folder is in the profile.)"""
    if not hasattr(os, "getuid"):
        return True
    others = stat.S_IWGRP | stat.S_IWOTH
    return status.st_uid == os.getuid() and not status.st_mode & others
