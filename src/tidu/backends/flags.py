"""A context that sets switches of a module for a while."""

from contextlib import contextmanager

__all__ = ["setting"]


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
