"""What a program puts in the place of the library's own functions: `torch.relu`, `F.gelu`,
`Tensor.add`.

`Table` is a cell like those of `cells.py` for a whole module or class of the library: it holds what
stands there of others. Names that are loaded when they are first asked for change nothing.
"""

import sys
import types
from functools import lru_cache
from gc import get_referents

from ...core.handle import TensorBase
from .cells import MISSING

__all__ = ["Table", "tables"]

_OWN = __name__.partition(".")[0]


class Table:
    """`place`: a module or class; `live`: its dictionary."""

    __slots__ = ("known", "live", "place", "values")

    def __init__(self, place):
        self.place = place
        self.live = vars(place) if isinstance(place, types.ModuleType) else _behind(vars(place))
        self._note(dict(self.live))

    def _note(self, known):
        self.known, self.values = known, list(known.values())

    @property
    def cell_contents(self):
        """(name, value) of each entry that is not the library's, value MISSING where it is gone."""
        live, known = self.live, self.known
        if len(live) == len(known) and list(live.values()) == self.values:
            return ()
        found, late = [], {}
        for name, value in [*live.items()]:
            was = known.get(name, MISSING)
            if (was is MISSING and self._is_late(value)) or _stood_for(was, value):
                late[name] = value
            elif was is not value:
                found.append((name, value))
        found += [(name, MISSING) for name in known.keys() - live.keys()]
        self._note({**known, **late} if found else dict(live))
        return tuple(found)

    @cell_contents.setter
    def cell_contents(self, value):
        wanted = {**self.known, **dict(value)}
        for name in {**dict(self.cell_contents), **dict(value)}:
            if wanted.get(name, MISSING) is not MISSING:
                setattr(self.place, name, wanted[name])
            elif name in self.live:
                delattr(self.place, name)

    def _is_late(self, value):
        """Whether a new entry may be one that the library has just loaded."""
        return _is_own(value) and (hasattr(value, "__module__") or self.place.__class__ is not type)

    def functions(self):
        """The program's functions among what stands here."""
        given = [*self.values, *[value for _, value in self.cell_contents]]
        return [v for v in given if isinstance(v, types.FunctionType) and not _is_own(v)]

    def names(self, was, now):
        """The names of what differs between two contents, as a user writes them."""
        was, now = dict(was), dict(now)
        differ = [n for n in {**was, **now}
                  if was.get(n, MISSING) is not now.get(n, MISSING)]  # fmt: skip
        return ", ".join(f"{self.place.__name__}.{name}" for name in differ)


def _stood_for(was, value):
    """Whether a method that loads another at its first call has been replaced by that one."""
    loaded = getattr(was, "stands_for", None)
    return loaded is not None and was is not value and loaded() is value


def _is_own(value):
    root = (getattr(value, "__module__", None) or _OWN).partition(".")[0]
    return root in (_OWN, "torch")


def _behind(proxy):
    """The dictionary of a class."""
    return get_referents(proxy)[0]


@lru_cache
def _table(place):
    return Table(place)


def tables():
    """Those of the package, of its functions of networks, and of the class of tensors."""
    modules = [sys.modules.get(name) for name in (_OWN, f"{_OWN}.nn.functional")]
    classes = [kind for kind in TensorBase.handle_class.__mro__ if kind is not object]
    return [_table(place) for place in (*modules, *classes) if place is not None]
