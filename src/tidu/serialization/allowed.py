"""PyTorch's list of additional types that a file may name: kept for programs which set it.

Nothing is ever imported or called because a class stands on this list; files that hold objects of
such classes are refused by `load` with an error that says so.
"""

from __future__ import annotations

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "safe_globals"]

_LIST: list = []


def add_safe_globals(safe_globals: list) -> None:
    """Add classes to the list. It does not change what `load` accepts: plain data only."""
    for kind in safe_globals:
        if kind not in _LIST:
            _LIST.append(kind)


def get_safe_globals() -> list:
    """The classes that were added."""
    return list(_LIST)


def clear_safe_globals() -> None:
    """Empty the list."""
    _LIST.clear()


class safe_globals:
    """Classes on the list for the length of a `with` block."""

    def __init__(self, safe_globals: list):
        self.added = safe_globals

    def __enter__(self):
        self.before = get_safe_globals()
        add_safe_globals(self.added)

    def __exit__(self, *exc):
        _LIST[:] = self.before
