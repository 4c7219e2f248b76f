"""Contexts of backends that are not here: switches set for a while, and their talk."""

from contextlib import contextmanager

__all__ = ["Verbose", "setting"]


def setting(names):
    """flags(**values): the context for switches kept in the module dictionary `names`."""

    @contextmanager
    def flags(**values):
        """Set the named switches inside the context."""
        was = {name: names[name] for name in values}
        names.update(values)
        try:
            yield
        finally:
            names.update(was)

    return flags


class Verbose:
    """A context that would print what the library does."""

    def __init__(self, enable):
        self.enable = enable

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False
