"""A stamp of this library's own files, and text that need not be written for its key."""

import hashlib
import os
import platform
import sys
import types
from functools import cache
from operator import is_

import numpy as np

from ...primitives import kept
from ...program.encoding import Encoder, Unknown
from . import cache as files

__all__ = ["Text", "Watched", "decided", "stamp"]

_FOLDERS = ("base", "compiler", "core", "optim", "primitives", "program", "transforms")


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


class Watched:
    """Modules whose names begin with one of `homes`, and what stood in them when they were first
    seen: code found by its key is not used where somebody has put something of their own there."""

    def __init__(self, homes, besides=()):
        self.homes, self.besides = homes, besides
        self.seen, self.known, self.count = [], set(), 0
        self._look()

    def _look(self):
        found = [name for name in sys.modules if name.startswith(self.homes)]
        self.count = len(sys.modules)
        for name in set(found).difference(self.known, self.besides):
            here = vars(sys.modules[name])
            self.seen.append((here, dict(here)))
            self.known.add(name)

    def changed(self):
        """Whether one has another thing under one of its names."""
        if self.count != len(sys.modules):
            self._look()
        return any(not all(map(is_, map(now.get, then), then.values())) for now, then in self.seen)


_PACKAGE = __name__.rpartition(".machine")[0]
_WRITERS = Watched((f"{_PACKAGE}.machine.", f"{_PACKAGE}.loops."))


def decided(write, given):
    """A text that stands for what ``write(*given)`` writes; None where there is none."""
    if stamp() is None or _WRITERS.changed():
        return None
    made = Encoder()
    try:
        made.thing([_named(part) if isinstance(part, types.FunctionType) else part
                    for part in (write, *given)])  # fmt: skip
    except Unknown:
        return None
    return made.text()


def _named(function):
    """The name under which a function of this library stands."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    known = str(module).startswith(tuple([f"{_ROOT}.{folder}." for folder in _FOLDERS]))
    found = sys.modules.get(module) if known else None
    for part in name.split(".") if found is not None else ():
        found = getattr(found, part, None)
    if found is None or found is not function:
        raise Unknown(str(name))
    return module, name


_ROOT = __name__.partition(".")[0]


# --- derived rules --------------------------------------------------------------------------------


def _read(key):
    return None if stamp() is None else files.read(files.key_of("rule", stamp(), key))


def _write(key, data):
    if stamp() is not None:
        files.write(files.key_of("rule", stamp(), key), data)


kept.reading.open(_read)
kept.writing.open(_write)
