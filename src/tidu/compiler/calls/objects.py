"""How this interpreter lays objects out: where the slots of a tensor stand, how arrays begin.

Each assumption is tried on objects of its own; `layout()` is None where one does not hold.
"""

import ctypes
import gc
import sys
import types
from functools import lru_cache

import numpy as np

from ...core.handle import TensorBase
from ...core.node import Node

__all__ = ["COUNT_OF_VALUES", "TAGS", "TENSOR_SLOTS", "VALUES", "WORD", "dictionary_of",
           "has_version", "layout", "slot_address", "slots_of", "version_of"]  # fmt: skip

WORD = 8
# Where attributes stand that were set on an object: before it, in a dictionary or (until somebody
# asks for that) as values, of which a byte before them is the number.
TAGS, VALUES, COUNT_OF_VALUES = -3 * WORD, -4 * WORD, -2
TENSOR_SLOTS = ("_value", "_grad", "_node", "_view", "_extra")


class _Layout:
    """Offsets in bytes: of a tensor's slots, a node's name, a dictionary's version (None: there is
    none), the values that it has in common with an object (None: each change of these is told by
    the version, too) ...;
    `tags`: whether attributes stand where `TAGS` and `VALUES` say."""

    __slots__ = (
        "cell", "extra", "grad", "name", "node", "shared", "tags", "value", "version", "view",
    )  # fmt: skip


def words_of(thing, count):
    return list((ctypes.c_uint64 * count).from_address(id(thing)))


@lru_cache
def layout():
    """The `_Layout` of this interpreter, or None where an assumption does not hold."""
    if ctypes.sizeof(ctypes.c_void_p) != WORD or object.__basicsize__ != 2 * WORD:
        return None
    found = _Layout()
    for name, offset in slots_of(TensorBase, TENSOR_SLOTS).items():
        if offset is None:
            return None
        setattr(found, name[1:], offset)
    found.name = slots_of(Node, ["name"])["name"]
    if found.name is None:
        return None
    inside = object()
    cell = types.CellType(inside)
    if words_of(cell, 3)[2] != id(inside):
        return None
    found.cell = 2 * WORD
    found.version, found.tags, found.shared = _version_offset(), _tags_as_known(), None
    if found.version is not None and not _tells_of_attributes(found.version):
        found.shared = _SHARED
        if not _shared_as_known():
            found.version = found.shared = None
    return found if _lists_as_known() and _arrays_as_known() else None


def slots_of(kind, names):
    """The offset of each of these slots in an object of this class, by what stands there; None
    where it is not found."""
    marks = {name: object() for name in names}
    probe = object.__new__(kind)
    for name, mark in marks.items():
        setattr(probe, name, mark)
    words = words_of(probe, kind.__basicsize__ // WORD)
    return {name: words.index(id(mark)) * WORD if id(mark) in words else None
            for name, mark in marks.items()}  # fmt: skip


def _version_offset():
    """Where a dictionary keeps a number that each change makes another; None if nowhere."""
    probe = {"a": 1, "b": 2}
    seen = []
    for change in (lambda: None, lambda: probe.get("a"), lambda: probe.update(a=object()),
                   lambda: probe.update(c=3), lambda: probe.pop("b"), lambda: None):  # fmt: skip
        change()
        seen.append(words_of(probe, 4)[3])
    as_known = seen[0] == seen[1] and seen[4] == seen[5] and len(set(seen)) == 4
    return 3 * WORD if as_known else None


_SHARED = 5 * WORD  # in a dictionary: where the values are, if an object has them, too


class _Attributes:
    def __init__(self):
        self.first = self.second = None


def _tells_of_attributes(offset):
    """Whether the version of an object's dictionary changes with the object's attributes. (Python
    3.13 writes them past the dictionary.)"""
    told = []
    for write in (_write, _write, object.__setattr__):  # the second one is specialised
        thing = _Attributes()
        tags = vars(thing)
        for _ in range(64):
            before = version_of(tags, offset)
            write(thing, "first", object())
            told.append(version_of(tags, offset) != before)
    return all(told)


def _write(thing, name, value):
    thing.first = value


def _shared_as_known():
    """Whether a dictionary without values of an object has 0 there, and another has not."""
    thing, apart = _Attributes(), {"first": None, "second": None}
    return bool(version_of(vars(thing), _SHARED)) and not version_of(apart, _SHARED)


def _tags_as_known():
    kind = type("Probe", (TensorBase,), {})
    object.__new__(kind).first = None  # from now on the attributes of others are values
    probe = object.__new__(kind)

    def word(offset):
        return ctypes.c_uint64.from_address(id(probe) + offset).value

    def count():
        return ctypes.c_uint8.from_address(word(VALUES) + COUNT_OF_VALUES).value

    if sys.version_info[:2] != (3, 11) or word(TAGS) or not word(VALUES):
        return False
    counts = [count()]
    probe.first = probe.second = None
    counts.append(count())
    del probe.first, probe.second
    counts.append(count())
    tags = probe.__dict__
    return counts == [0, 2, 0] and word(TAGS) == id(tags) and not word(VALUES)


def _lists_as_known():
    items = [object() for _ in range(3)]
    words = words_of(items, 4)
    return words[2] == 3 and list((ctypes.c_uint64 * 3).from_address(words[3])) == list(
        map(id, items)
    )


def _arrays_as_known():
    array, scalar = np.zeros((3, 5), np.float32), np.float32(1.5)
    words = words_of(array, 9)
    sizes, steps = [list((ctypes.c_int64 * 2).from_address(words[i])) for i in (4, 5)]
    value = ctypes.c_float.from_address(id(scalar) + 2 * WORD).value
    return (words[2] == array.ctypes.data and words[3] & 0xFFFFFFFF == 2 and sizes == [3, 5]
            and steps == [20, 4] and words[6] == 0 and words[7] == id(array.dtype)
            and words[8] & 1 == 1 and value == 1.5)  # fmt: skip


def version_of(live, offset):
    return ctypes.c_uint64.from_address(id(live) + offset).value


def has_version(live):
    """Whether a dictionary's version tells of each change of its entries."""
    at = layout()
    return at.version is not None and (at.shared is None or not version_of(live, at.shared))


def slot_address(thing, value):
    """Where in an object the reference to `value` stands, if that can be told."""
    count = type(thing).__basicsize__ // WORD
    places = [i for i, word in enumerate(words_of(thing, count)) if word == id(value)]
    return id(thing) + places[0] * WORD if len(places) == 1 else None


def dictionary_of(kind):
    """The dictionary behind a class's read-only `__dict__`, or None."""
    found = gc.get_referents(vars(kind))
    return found[0] if len(found) == 1 and type(found[0]) is dict else None
