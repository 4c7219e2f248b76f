"""Whether things are what they were: constants by what they are to Python in every respect
(`-0.0` is not `0.0`, `True` is not `1`, nan is nan), containers by the objects in them."""

from operator import is_

import numpy as np

__all__ = ["CONSTANTS", "entries_of", "is_equal", "put_back", "same_entries", "same_items",
           "same_keys"]  # fmt: skip

CONSTANTS = (int, float, complex, bool, str, bytes, type(None))
_PLAIN = frozenset(CONSTANTS)
_RANGES = (range, slice)


def is_equal(a, b):
    """Whether two constants, or tuples of them, cannot be told apart but by identity."""
    kind = a.__class__
    if kind is not b.__class__:
        return False
    if kind in (float, complex):
        return repr(a) == repr(b)
    if kind in _PLAIN:
        return a == b
    if kind is tuple:
        return len(a) == len(b) and all(x is y or is_equal(x, y) for x, y in zip(a, b, strict=True))
    if kind in _RANGES:
        return is_equal((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    return isinstance(a, np.generic) and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def entries_of(container):
    """The same entries in a dictionary of their own; of any other container, a list of them."""
    return dict(container) if isinstance(container, dict) else list(container)


def same_keys(live, old):
    """Whether a dictionary has the keys it had, in their order."""
    return len(live) == len(old) and all(a is b or is_equal(a, b)
                                         for a, b in zip(live, old, strict=True))  # fmt: skip


def same_entries(live, old):
    """Whether a container holds the very objects it held, in their order."""
    if len(live) != len(old):
        return False
    if isinstance(live, dict):
        return all(map(is_, live, old)) and all(map(is_, live.values(), old.values()))
    return all(map(is_, live, old))


def same_items(live, old):
    """The same of a list, set or deque, where equal constants are the same."""
    return len(live) == len(old) and all(
        a is b or is_equal(a, b) for a, b in zip(live, old, strict=True)
    )


def put_back(live, old):
    if same_entries(live, old):
        return
    live.clear()
    if isinstance(live, (dict, set)):
        live.update(old)
    else:
        live.extend(old)
