"""How many versions of a function are made, and what runs eagerly instead.

`made` is the dictionary of a function's versions: kind of call (see `keys.py`) -> list of versions.
"""

from .keys import loosened
from .ways import WAYS

__all__ = ["QUICK", "TRIALS", "known", "too_many", "varies", "waits"]

TRIALS = 3  # calls that may change their surroundings (an optimizer's first step) before that
QUICK = 8  # fast paths that are tried before the general one
_KEPT = 8  # versions for one kind of call before it runs eagerly
_KINDS = 32  # kinds of calls: types, numbers of axes, constants
_SIZES = 8  # sizes of one kind that are compiled when they are first met; others when met again
_ALL_SIZES = 256
_EXACT = 2  # versions for one kind of call that have code of their own


def known(made, key):
    """For how many sizes of this kind of call there are versions."""
    return _kinds(made).count(loosened(key))


def varies(made, key):
    """Whether the next version is made to serve other sizes: where there is one for another size,
    or where something that is no argument changes again and again."""
    return known(made, key) > bool(made.get(key)) or len(made.get(key, ())) > _EXACT


def waits(made, met, key):
    """Whether a size runs eagerly this time: of many sizes those are compiled that come again.
    What a new one costs (a trial run) is then never more than a small share of all calls."""
    if made.get(key) or key in met or known(made, key) < _SIZES:
        return False
    met.add(key)
    return True


def too_many(made, key, kept, answers):
    """Why no other version is made, in words; None if one may be."""
    if answers and len(kept) >= WAYS:
        return f"values decided {WAYS} times that it went another way"
    if not answers and len(kept) >= _KEPT:
        return f"it was compiled {_KEPT} times"
    kinds = _kinds(made)
    if kinds.count(loosened(key)) >= _ALL_SIZES:
        return f"it was compiled for {_ALL_SIZES} sizes"
    if len(set(kinds)) >= _KINDS:
        return f"it was compiled for {_KINDS} kinds of arguments"
    return None


def _kinds(made):
    return [loosened(key) for key, kept in made.items() if kept]
