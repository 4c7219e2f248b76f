"""The memory that a program needs while it runs: large pieces are shared by programs in turn.

Nothing in an arena outlives a run. So the versions of one function, of which one runs at a time,
need the room of the largest.
"""

import threading
import weakref

import numpy as np

from ...base.process.memory import empty

__all__ = ["SHARED_FROM", "Arena", "arena_for", "empty_idle"]

SHARED_FROM = 1 << 22  # bytes from which an arena is shared
_SHARED = weakref.WeakSet()


class Arena:
    """Bytes, and whether a run has them. Pages that are never touched cost nothing."""

    __slots__ = ("__weakref__", "array", "lock")

    def __init__(self, size):
        self.array, self.lock = np.empty(size, np.uint8), threading.Lock()
        self.acquire()

    def acquire(self):
        """Whether the run that asks has it now."""
        return self.lock.acquire(blocking=False)

    def release(self):
        self.lock.release()


def empty_idle():
    """Give the pages of arenas that no run uses back to the system, before room is needed."""
    for arena in list(_SHARED):
        if arena.acquire():
            empty(arena.array)
            arena.release()


def arena_for(size):
    """An arena, acquired: if it is large one that no run uses now, or a new one with some room."""
    if size < SHARED_FROM:
        return Arena(size)
    for arena in sorted(_SHARED, key=lambda a: a.array.size):
        if arena.array.size >= size and arena.acquire():
            return arena
    made = Arena(size + (size >> 1))
    _SHARED.add(made)
    return made
