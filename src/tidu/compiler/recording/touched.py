"""Tensors with memory of their own that a trial run writes into, or gives a gradient.

What the run has made itself goes when it is over, or is a result. What stays was there before, in a
place that `reach.py` does not look into (a variable of a context): later calls could not write
there, so the run is given up, and such a tensor is again what it was.
"""

import weakref
from sys import getrefcount

import numpy as np

from ...core.handle import HELD_ONCE, TensorBase
from ...transforms.reverse import reachable
from ...transforms.trace import Traced

__all__ = ["Touched"]

_SLOTS = "_value", "_node", "_grad", "_view", "_extra"


class Touched:
    """What tensors were before they were written; `note(handle)` comes before a write."""

    def __init__(self):
        self.before = {}  # id -> (weak reference, what its slots held, a copy of its numbers)

    def note(self, handle):
        if handle._value.__class__ is Traced:
            return
        known = self.before.get(id(handle))
        if known is None or known[0]() is not handle:
            state = [getattr(handle, name) for name in _SLOTS]
            numbers = handle._value.copy() if handle._value.__class__ is np.ndarray else None
            self.before[id(handle)] = weakref.ref(handle), state, numbers

    def note_leaves(self, seeds):
        """Those that a pass from `seeds` would bring a gradient."""
        for node in reachable(seeds):
            for edge in node.edges:
                if isinstance(edge, TensorBase):
                    self.note(edge)

    def outside(self, homes):
        """Whether one of them was there before the run, which is over; `homes`: the tensors, or
        None, that are kept of its results."""
        while True:  # a state may be all that keeps another tensor
            gone = [key for key, (ref, *_) in self.before.items() if ref() is None]
            if not gone:
                break
            for key in gone:
                del self.before[key]
        return any(self._held_elsewhere(ref, homes) for ref, *_ in self.before.values())

    @staticmethod
    def _held_elsewhere(ref, homes):
        handle = ref()
        known = 2 * sum([home is handle for home in homes])  # in this list, and where it came from
        return getrefcount(handle) > HELD_ONCE + known

    def restore(self):
        """Make them again what they were."""
        for ref, state, numbers in self.before.values():
            handle = ref()
            if handle is None:
                continue
            for name, value in zip(_SLOTS, state, strict=True):
                setattr(handle, name, value)
            if numbers is not None:
                handle._value[...] = numbers
