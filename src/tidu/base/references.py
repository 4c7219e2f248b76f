"""How many references an object has, as `sys.getrefcount` counts them."""

from sys import getrefcount

__all__ = ["HELD_ONCE"]


def _held_once():
    thing = object()
    return getrefcount(thing)


# Of what one local variable alone holds: 2, as the call holds it, too; 1 where interpreters lend
# local variables to calls (Python 3.14).
HELD_ONCE = _held_once()
