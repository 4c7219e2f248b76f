"""Registry: a module's dictionary of parameters, buffers or submodules, mirrored into `__dict__`.

Every entry also stands in the module's instance dictionary, so that reading ``self.weight`` is an
ordinary attribute read. All ways of writing to the dictionary keep the two alike. Only a class with
a `__getattr__` of its own has no mirror: it expects to be asked for parameters.
"""

import copy
import weakref

__all__ = ["Registry"]

_missing = object()


class Registry(dict):
    """A dict that repeats each of its entries in the owner's `__dict__`."""

    __slots__ = ("_owner",)

    def __init__(self, owner, entries=()):
        dict.__init__(self, entries)
        self._owner = weakref.ref(owner)

    def _mirror(self):
        owner = self._owner()
        return owner.__dict__ if owner is not None and type(owner)._mirrored else {}

    def __setitem__(self, name, value):
        dict.__setitem__(self, name, value)
        self._mirror()[name] = value

    def __delitem__(self, name):
        dict.__delitem__(self, name)
        self._mirror().pop(name, None)

    def pop(self, name, default=_missing):
        if default is _missing:
            value = dict.pop(self, name)
        else:
            value = dict.pop(self, name, default)
        self._mirror().pop(name, None)
        return value

    def popitem(self, last=True):
        name = next(reversed(self)) if last else next(iter(self))
        return name, self.pop(name)

    def clear(self):
        for name in list(self):
            del self[name]

    def update(self, *args, **kwargs):
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def setdefault(self, name, default=None):
        if name not in self:
            self[name] = default
        return self[name]

    def move_to_end(self, name, last=True):
        """Put an entry at the end (or the beginning) of the order."""
        value = dict.pop(self, name)
        entries = [] if last else list(self.items())
        for other, _ in entries:
            dict.pop(self, other)
        dict.__setitem__(self, name, value)
        for other, kept in entries:
            dict.__setitem__(self, other, kept)

    def __ior__(self, other):  # type: ignore[misc]
        self.update(other)
        return self

    def copy(self):
        return dict(self)

    def __reduce_ex__(self, protocol):
        owner = self._owner()  # in a pickle of its module, which is known there by now
        return (dict, (dict(self),)) if owner is None else (Registry, (owner, dict(self)))

    def __deepcopy__(self, memo):
        owner = memo.get(id(self._owner()))
        entries = copy.deepcopy(dict(self), memo)
        return entries if owner is None else Registry(owner, entries)
