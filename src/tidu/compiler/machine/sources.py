"""A stamp of this library's own files, and text that need not be written for its key."""

import hashlib
import os
import platform
import sys
from functools import cache

import numpy as np

from ...primitives import kept
from . import cache as files

__all__ = ["Text", "stamp"]

_FOLDERS = ("base", "compiler", "core", "primitives", "program", "transforms")


@cache
def stamp():
    """The digest of what this library's files are, and of the interpreter and NumPy; None where its
    files are no files (a library in an archive)."""
    stamps = [sys.version, np.__version__, platform.machine()]
    root = os.path.dirname(sys.modules[__name__.partition(".")[0]].__file__)
    waiting = [os.path.join(root, name) for name in _FOLDERS]
    try:
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in sorted(entries, key=lambda e: e.name):
                    if entry.name.endswith(".py"):
                        status = entry.stat()
                        stamps.append((entry.path, status.st_size, status.st_mtime_ns))
                    elif entry.is_dir() and entry.name != "__pycache__":
                        waiting.append(entry.path)
    except OSError:
        return None
    return hashlib.sha256(repr(stamps).encode()).hexdigest()


class Text:
    """A module's text that ``write()`` gives; what decides it, besides this library and the
    processor, are the `decided`."""

    def __init__(self, write, *decided):
        self.write, self.decided = write, decided

    def named(self):
        """What stands for the text in the key of its code."""
        return self.write() if stamp() is None else repr((stamp(), self.decided))


# --- derived rules --------------------------------------------------------------------------------


def _read(key):
    return None if stamp() is None else files.read(files.key_of("rule", stamp(), key))


def _write(key, data):
    if stamp() is not None:
        files.write(files.key_of("rule", stamp(), key), data)


kept.reading.open(_read)
kept.writing.open(_write)
