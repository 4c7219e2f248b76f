"""Memory that others have, too: arrays given to NumPy, and those that came from there."""

import weakref

from numpy import ndarray

from .versions import owner

__all__ = ["is_foreign", "note_foreign"]

_KNOWN: dict = {}  # id(owner) -> weak reference to it


def note_foreign(array):
    """The memory of `array` is in others' hands: no other can take its place unseen."""
    root = owner(array)
    key = id(root)
    if key not in _KNOWN and isinstance(root, ndarray):
        _KNOWN[key] = weakref.ref(root, lambda _: _KNOWN.pop(key, None))
    return array


def is_foreign(array):
    """Whether others were given the memory of `array`, or gave it."""
    return id(owner(array)) in _KNOWN
