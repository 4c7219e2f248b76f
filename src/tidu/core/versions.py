"""When memory was last written, so that a saved value which changed since is noticed.

Nodes and writes draw from one clock. A value saved by a node is stale when the memory it lies in
was written after the node was made. Memory is told by the array that owns it, so views, `detach()`
and saved arrays all agree; NumPy scalars own themselves.
"""

import weakref
from collections import deque
from itertools import count

from numpy import ndarray

from .places import NOTES, user_place

__all__ = ["CLOCK", "clock", "owner", "stale", "stamp", "version", "version_at",
           "WATCHERS", "write_after", "writes_of"]  # fmt: skip

clock = count(1).__next__


class _Clock:
    """`last`: the time of the last write anywhere; older than a node, no check is needed."""

    __slots__ = ("last",)
    last: int


CLOCK = _Clock()
CLOCK.last = 0

WATCHERS: list = []  # told of each write (array, time)

# id(owner) -> [number of writes, times of the last few, weak reference to the owner, their places]
_WRITES = {}
_SCALARS = deque(maxlen=4096)  # keeps overwritten scalars alive while their id is in use above
_REMEMBERED = 8


def owner(array):
    """The array that owns the memory of `array`."""
    base = array.base
    while base is not None and isinstance(base, ndarray):
        array, base = base, base.base
    return array


def stamp(array, place=None):
    """Note that the memory of `array` was written now, by the user's line `place`."""
    if array.base is not None:
        array = owner(array)
    key = id(array)
    CLOCK.last = now = clock()
    if WATCHERS:
        for watch in WATCHERS:
            watch(array, now)
    entry = _WRITES.get(key)
    if entry is None:
        entry = _WRITES[key] = [
            0,
            deque(maxlen=_REMEMBERED),
            _keep(array, key),
            deque(maxlen=_REMEMBERED),
        ]
    entry[0] += 1
    entry[1].append(now)
    if NOTES.passes_left > 0:
        place = place or user_place(2)
    entry[3].append(place)


def _keep(array, key):
    if isinstance(array, ndarray):
        return weakref.ref(array, lambda _: _WRITES.pop(key, None))
    if len(_SCALARS) == _SCALARS.maxlen:
        _WRITES.pop(id(_SCALARS[0]), None)
    _SCALARS.append(array)
    return None


def moved(old, new):
    """The writes noted for `old` hold for `new` too (a scalar which became an array)."""
    entry = _WRITES.get(id(owner(old)))
    if entry is not None:
        new = owner(new)
        times, places = [deque(part, _REMEMBERED) for part in (entry[1], entry[3])]
        _WRITES[id(new)] = [entry[0], times, _keep(new, id(new)), places]


def version(array):
    """How often the memory of `array` was written in place."""
    entry = _WRITES.get(id(owner(array)))
    return 0 if entry is None else entry[0]


def writes_of(array):
    """The times of the last writes to the memory of `array`."""
    entry = _WRITES.get(id(owner(array)))
    return () if entry is None else tuple(entry[1])


def write_after(array, time):
    """The place of the first remembered write to the memory of `array` after `time`, or None."""
    entry = _WRITES.get(id(owner(array)))
    if entry is None:
        return None
    return next((p for t, p in zip(entry[1], entry[3], strict=True) if t > time), None)


def version_at(array, time):
    """The version at an earlier time."""
    entry = _WRITES.get(id(owner(array)))
    return 0 if entry is None else entry[0] - sum(1 for t in entry[1] if t > time)


def stale(array, time):
    """Whether the memory of `array` was written after `time`."""
    entry = _WRITES.get(id(owner(array)))
    return entry is not None and entry[1][-1] > time
