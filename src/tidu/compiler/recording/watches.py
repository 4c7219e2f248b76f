"""What must still hold of all that a function reaches, as one table: `Watches`.

`changed()` asks it in Python and says what is not as it was; `quick.py` writes the same table as
records for generated code. Of an object's attributes those are watched whose names the code that
ran mentions: a counter that others advance makes nothing void.
"""

from itertools import chain
from operator import is_

from .buffers import Buffer
from .cells import MISSING, Attribute, contents
from .paths import Changed
from .rates import Rated
from .sameness import is_equal, same_items, same_keys

__all__ = ["Watches"]


class _Mapping:
    """A dictionary. `keys`: those that matter (None: all); `rates`: whether it has learning rates,
    which are read anew when it has changed."""

    __slots__ = ("copy", "keys", "live", "rates")

    def __init__(self, live, copy, keys, rates):
        self.live, self.copy, self.keys, self.rates = live, copy, keys, rates

    def difference(self):
        """(key, what is there, what was there) of the first entry that is not as it was; None."""
        live, copy = self.live, self.copy
        if len(live) != len(copy):
            return self._other_keys() or (None, f"of {len(live)} entries", f"of {len(copy)}")
        for key in self.changed_keys():
            return key, live.get(key, MISSING), copy[key]
        if self.keys is None and not same_keys(live, copy):
            return self._other_keys() or (None, f"in the order {list(live)}", f"{list(copy)}")
        return None

    def _other_keys(self):
        """The same of the first key that is new or gone, if there is one."""
        for key in [*self.live, *self.copy]:
            now, was = self.live.get(key, MISSING), self.copy.get(key, MISSING)
            if now is MISSING or was is MISSING:
                return key, now, was
        return None

    def changed_keys(self):
        for key in self.copy if self.keys is None else self.keys:
            now, was = self.live.get(key, MISSING), self.copy[key]
            if now is not was and not is_equal(now, was):
                yield key

    def switches(self):
        """The modes that a call has left as others than it found."""
        return [key for key in self.changed_keys() if type(self.copy[key]) is bool]


class _Sequence:
    """A list, set or deque, but for the places `but`, which each call fills."""

    __slots__ = ("but", "copy", "live")

    def __init__(self, live, copy, but=()):
        self.live, self.copy, self.but = live, copy, frozenset(but)

    def difference(self):
        """As of a dictionary."""
        live, copy = self.live, self.copy
        if not self.but and same_items(live, copy):
            return None
        if len(live) != len(copy):
            return None, _Items(len(live)), _Items(len(copy))
        for i, (now, was) in enumerate(zip(live, copy, strict=True)):
            if i not in self.but and now is not was and not is_equal(now, was):
                return i, now, was
        return None


class _Items(int):
    """A number of items, in words."""

    def __repr__(self):
        return f"of {int(self)} items"


class Watches:
    """The table, from a Reach after a trial run; `stores`: entries that each call replaces."""

    def __init__(self, reach, stores=()):
        self.root, held = reach.root, {}
        copies = {id(live): copy for live, copy in reach.dicts}
        for live, key in stores:
            if type(copies.get(id(live), {}).get(key)) is not bool:  # a mode decides what is done
                held.setdefault(id(live), set()).add(key)
        self.mappings, self.sequences = [], []
        for live, copy in reach.dicts:
            self.mappings.append(self._mapping(reach, live, copy, held.get(id(live), set())))
        for live, copy in reach.lists:
            self.sequences.append(_Sequence(live, copy, held.get(id(live), ())))
        keys = {(id(r.group), r.key): r for r in reach.rates}
        self.rated = [Rated(r.group, r.key, copies[id(r.group)][r.key]) for r in keys.values()]
        self.cells, self.names = reach.cells, reach.names
        self.classes = [(vars(kind), kind, names) for kind, names in reach.classes]
        self.buffers = [Buffer(thing) for thing in reach.buffers]
        self._contents = [value for _, value in self.cells]
        # Most are compared whole, object by object and by built-in functions alone.
        everything = (*self.mappings, *self.sequences)
        self._whole = [w for w in everything if id(w.live) not in held
                       and id(w.live) not in reach.varying]  # fmt: skip
        whole = set(map(id, self._whole))
        self._rest = [*[w for w in everything if id(w) not in whole], *self.rated]
        self._note()

    def _note(self):
        """Everything as it is."""
        self._live = [w.live for w in self._whole]
        self._maps = [m.live for m in self._whole if isinstance(m, _Mapping)]
        self._sizes = list(map(len, self._live))
        self._items = list(chain.from_iterable(self._live))
        self._values = list(chain.from_iterable(map(dict.values, self._maps)))
        self._counts = [len(space) for space, _, _ in self.classes]

    @staticmethod
    def _mapping(reach, live, copy, held):
        keys = None
        if id(live) in reach.attributes and reach.names is not None:
            keys = [k for k in copy if k in reach.names]
        varying = reach.varying.get(id(live), set())
        if held or varying:
            keys = [k for k in (copy if keys is None else keys) if k not in held | varying]
        return _Mapping(live, copy, keys, bool(varying))

    def changed(self):
        """The first thing that is not as it was found, as a Changed; None if all is."""
        if self._same() and not any(w.difference() for w in self._rest):
            return None
        return self.difference()

    def _same(self):
        """Whether these very objects stand where they stood."""
        try:
            return (
                list(map(len, self._live)) == self._sizes
                and all(map(is_, chain.from_iterable(self._live), self._items))
                and all(map(is_, chain.from_iterable(map(dict.values, self._maps)), self._values))
                and all(map(is_, [cell.cell_contents for cell, _ in self.cells], self._contents))
                and [len(space) for space, _, _ in self.classes] == self._counts
                and not any(b.differs() for b in self.buffers)
            )
        except ValueError:  # the cell of a variable that has no value any more
            return False

    def difference(self):
        """The same, entry by entry."""
        for cell, value in self.cells:
            now = contents(cell)
            if now is not value and not is_equal(now, value):
                return Changed(self.root, cell, None, now, value)
        for space, kind, names in self.classes:
            for name in space.keys() - names:
                if self.names is None or name in self.names or name in _LOOKED_UP:
                    return Changed(self.root, Attribute(kind, name), None, space[name], MISSING)
        for watched in (*self.mappings, *self.sequences, *self.rated):
            why = watched.difference()
            if why is not None:
                return Changed(self.root, watched.live, *why)
        for buffer in self.buffers:
            if buffer.differs():
                return Changed(self.root, buffer.thing, None, buffer.thing, "of other numbers")
        self._note()  # what is equal, or what nobody reads, is another object from now on
        return None

    def changed_names(self):
        """The attributes and other entries that are not what they were, by their names."""
        found = set()
        for m in self.mappings:
            found.update(m.changed_keys(), m.live.keys() - m.copy.keys())
        return {name for name in found if isinstance(name, str)}


# Methods that Python looks up without a word in any code.
_LOOKED_UP = frozenset(dir(int) + dir(list) + dir(float)) | {"__call__", "__getattr__", "__bool__"}
