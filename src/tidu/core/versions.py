"""When memory was last written, so that a saved value which changed since is noticed.

Nodes and writes draw from one clock. A value saved by a node is stale when the memory it lies in
was written after the node was made. Memory is told by the array that owns it, so views, `detach()`
and saved arrays all agree; NumPy scalars own themselves.
"""

import weakref
from collections import deque
from functools import partial
from itertools import count
from sys import _getframe

from numpy import int64, ndarray, zeros

from ..base.frames import OURS, user_place

__all__ = [
    "CLOCK",
    "REMEMBERED",
    "WATCHERS",
    "Together",
    "clock",
    "is_foreign",
    "note_foreign",
    "owner",
    "stale",
    "stamp",
    "version",
    "version_at",
    "write_after",
    "writes_of",
]

clock = count(1).__next__


class _Clock:
    """`last`: the time of the last write anywhere; older than a node, no check is needed."""

    __slots__ = ("last",)
    last: int


CLOCK = _Clock()
CLOCK.last = 0

WATCHERS: list = []  # told of each write (array, time)

# id(owner) -> [number of writes, times of the last few, their places, weak reference to the owner,
# the Togethers it belongs to]
_WRITES = {}
_SCALARS = deque(maxlen=4096)  # keeps overwritten scalars alive while their id is in use above
REMEMBERED = 8


def owner(array):
    """The array that owns the memory of `array`."""
    base = array.base
    while base is not None and isinstance(base, ndarray):
        array, base = base, base.base
    return array


_FOREIGN: dict = {}  # id(owner) -> weak reference to it


def note_foreign(array):
    """The memory of `array` is in others' hands, NumPy's: no other can take its place unseen."""
    root = owner(array)
    key = id(root)
    if key not in _FOREIGN and isinstance(root, ndarray):
        _FOREIGN[key] = weakref.ref(root, partial(_FOREIGN.pop, key))  # no call of Python's
    return array


def is_foreign(array):
    """Whether others were given the memory of `array`, or gave it."""
    return id(owner(array)) in _FOREIGN


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
        entry = _entry(array, key)
    entry[0] += 1
    entry[1].append(now)
    entry[2].append(user_place(3) if place is None else place)


def _entry(array, key):
    entry = _WRITES.get(key)
    if entry is None:
        times, places = deque(maxlen=REMEMBERED), deque(maxlen=REMEMBERED)
        entry = _WRITES[key] = [0, times, places, _keep(array, key), ()]
    return entry


class Together:
    """Arrays that are always written together: one stamp serves all of them.

    The last few stamps are words of `ring`: how many there were, the place `expected` next, and
    (time, code, offset) of each. Generated code writes them where a call comes from that place and
    nobody watches (`compiler/calls/finishing.py`), else `stamp` does.
    """

    __slots__ = ("__weakref__", "arrays", "codes", "depths", "ring")

    def __init__(self, arrays):
        self.ring = zeros(_HEAD + 3 * REMEMBERED, int64)
        self.codes, self.depths = {}, [0]
        owners = {id(a): a for a in map(owner, arrays)}
        self.arrays = [weakref.ref(a) for a in owners.values()]
        for key, array in owners.items():
            entry = _entry(array, key)
            entry[4] = (*entry[4], self)

    @property
    def count(self):
        """How often they were written."""
        return int(self.ring[0])

    @property
    def noted(self):
        """(time, place) of the last few writes, the oldest first."""
        words, count = self.ring.tolist(), self.count
        found = []
        for k in range(max(0, count - REMEMBERED), count):
            time, code, offset = words[_HEAD + 3 * (k % REMEMBERED) :][:3]
            found.append((time, (self.codes[code], offset)))
        return found

    def last(self):
        """When they were written last; 0: never."""
        count = self.count
        return int(self.ring[_HEAD + 3 * ((count - 1) % REMEMBERED)]) if count else 0

    def stamp(self):
        """Note a write now, by the program's line: that is where a compiled function was called,
        and where it is expected to be called again."""
        CLOCK.last = now = clock()
        for watch in WATCHERS:
            for array in self.arrays:
                if array() is not None:
                    watch(array(), now)
        frame, depth = _getframe(1), 0
        while OURS[frame.f_code.co_filename] and (above := frame.f_back) is not None:
            frame, depth = above, depth + 1
        self._note(now, frame.f_code, frame.f_lasti, depth)

    def _note(self, now, code, offset, depth):
        count, kept = self.count, set(self.ring[_HEAD + 1 :: 3].tolist())
        at = _HEAD + 3 * (count % REMEMBERED)
        self.codes = {key: c for key, c in self.codes.items() if key in kept}
        self.codes[id(code)], self.depths = code, [depth]
        self.ring[at : at + 3] = now, id(code), offset
        self.ring[:_HEAD] = count + 1, id(code), id(depth)


_HEAD = 3  # words of a ring before its stamps


class _Owner(weakref.ref):
    """A weak reference to an array that owns memory, with its key in `_WRITES`."""

    __slots__ = ("key",)


def _forget(reference):
    _WRITES.pop(reference.key, None)


def _keep(array, key):
    if isinstance(array, ndarray):
        reference = _Owner(array, _forget)
        reference.key = key
        return reference
    if len(_SCALARS) == _SCALARS.maxlen:
        _WRITES.pop(id(_SCALARS[0]), None)
    _SCALARS.append(array)
    return None


def moved(old, new):
    """The writes noted for `old` hold for `new` too (a scalar which became an array)."""
    entry = _WRITES.get(id(owner(old)))
    if entry is not None:
        new = owner(new)
        times, places = entry[1].copy(), entry[2].copy()
        _WRITES[id(new)] = [entry[0], times, places, _keep(new, id(new)), entry[4]]


def version(array):
    """How often the memory of `array` was written in place."""
    entry = _WRITES.get(id(owner(array)))
    return 0 if entry is None else entry[0] + sum([t.count for t in entry[4]])


def writes_of(array):
    """The times of the last writes to the memory of `array`."""
    entry = _WRITES.get(id(owner(array)))
    if entry is None:
        return ()
    return tuple(sorted([*entry[1], *[time for t in entry[4] for time, _ in t.noted]]))


def write_after(array, time):
    """The place of the first remembered write to the memory of `array` after `time`, or None."""
    entry = _WRITES.get(id(owner(array)))
    if entry is None:
        return None
    noted = [*zip(entry[1], entry[2], strict=True)]
    for together in entry[4]:
        noted += together.noted
    later = [(t, place) for t, place in noted if t > time]
    return min(later, key=lambda one: one[0])[1] if later else None


def version_at(array, time):
    """The version at an earlier time."""
    return version(array) - sum(1 for t in writes_of(array) if t > time)


def stale(array, time):
    """Whether the memory of `array` was written after `time`."""
    entry = _WRITES.get(id(owner(array)))
    if entry is None:
        return False
    if entry[1] and entry[1][-1] > time:
        return True
    return any(t.last() > time for t in entry[4])
