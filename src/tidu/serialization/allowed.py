"""Which classes a file may name besides plain data, and how their objects are made.

Nothing is ever imported for a file, and no function is called because a file names it. With
`weights_only=False` the classes of torch and of the program itself are found where they stand, and
their objects are made empty and filled: no code of the program runs. `harmless` has what else is
data and nothing more.
What `add_safe_globals` was given may also be made by its own constructor, as in PyTorch.
"""

from __future__ import annotations

import collections
import sys

from .. import nn, ops
from ..base.lazy import lazy_module
from ..base.naming import Named
from ..nn import functional
from ..nn.modules.module import Module
from .harmless import ACTIONS, HARMLESS, filled, maker_of_own, own_class
from .names import CALLS, NAMES
from .things import THING_ACTIONS, late_classes, torch_values

__all__ = ["Calls", "Names", "add_safe_globals", "clear_safe_globals", "get_safe_globals",
           "public_name", "safe_globals"]  # fmt: skip

NEW_OBJECT = object().__reduce_ex__(2)[0]  # how `__reduce_ex__` says cls.__new__(cls)
_LIST: list = []


def add_safe_globals(safe_globals: list) -> None:
    """Let `load` make objects of these classes; a pair is (class, "the name files have for it").

    >>> import argparse, io
    >>> import tidu as torch
    >>> buffer = io.BytesIO()
    >>> torch.save(argparse.Namespace(lr=0.1), buffer)
    >>> _ = buffer.seek(0)
    >>> with torch.serialization.safe_globals([argparse.Namespace]):
    ...     torch.load(buffer)
    Namespace(lr=0.1)
    """
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


def _own_package(module) -> bool:
    return isinstance(module, str) and module.partition(".")[0] == __name__.partition(".")[0]


def public_name(value) -> tuple[str, str] | None:
    """(module, name) under which a file names a class or function; None if it leads nowhere."""
    name = getattr(value, "__qualname__", None)
    module = getattr(value, "__module__", None)
    if not isinstance(name, str) or not isinstance(module, str):
        return None
    place, module = module, str(module)
    short = getattr(value, "__name__", name)
    if not isinstance(value, type) and getattr(functional, short, None) == value:
        return "torch.nn.functional", short
    root = sys.modules.get(__name__.partition(".")[0])
    if not isinstance(value, type) and _own_package(module) and getattr(root, short, None) == value:
        return "torch", short
    if not isinstance(value, type) and _own_package(module):
        for space, part in _SPACES.items():
            if getattr(part, short, None) is value:
                return space, short
    if torch_values.get((module, name)) is value:
        return module, name
    if isinstance(value, type) and _class_of_torch(module, name) is value:
        return module, name
    return (module, name) if _standing(place, name) is value else None


# Functions that files name by where programs find them, and PyTorch's own names for some.
_ROOT = __name__.partition(".")[0]
_SPACES = {
    f"torch.{name}": lazy_module(f"{_ROOT}.{name}")
    for name in ("linalg", "fft", "special", "nn.init")
}


def _function(module: str, name: str):
    """A function of torch in one of these namespaces, or a class that torch itself has."""
    if module == "torch":
        kind = vars(sys.modules[_ROOT]).get(name)
        return kind if isinstance(kind, type) and str(kind.__module__) == "torch" else None
    space = module.replace("torch._C._", "torch.")
    if space not in _SPACES:
        return None
    short = name.removeprefix(f"{space.rpartition('.')[2]}_") if space != module else name
    found = getattr(_SPACES[space], short, None) if not short.startswith("_") else None
    return found if _own_package(getattr(found, "__module__", None)) else None


def _standing(module: str, name: str):
    """What the program has under a name; nothing is imported and no attribute hook runs."""
    space: dict = vars(sys.modules[module]) if module in sys.modules else {}
    value = None
    for part in name.split("."):
        value = space.get(part)
        space = dict(vars(value)) if isinstance(value, type) else {}
    return value


def _class_of_torch(module: str, name: str):
    """The class that PyTorch has under this name, if it is loaded: a layer, an optimizer ..."""
    if not isinstance(module, str) or not module.startswith("torch."):
        return None
    if (module, name) not in _TORCH:
        for kind in _below(Named):
            if "_tidu_home" in vars(kind):
                _TORCH[str(kind.__module__), kind.__qualname__] = kind
    return _TORCH.get((module, name))


def _below(kind):
    yield kind
    for inner in type.__subclasses__(kind):
        yield from _below(inner)


_ = nn
_TORCH: dict = {}


def _listed() -> dict:
    named = {}
    for entry in _LIST:
        kind, text = entry if isinstance(entry, tuple) else (entry, None)
        own = getattr(kind, "__module__", ""), getattr(kind, "__qualname__", "")
        name = text or ".".join(public_name(kind) or own)
        named[name] = kind
    return named


class Names:
    """(module, name) -> value, for one load; KeyError for what may not be named."""

    def __init__(self, weights_only: bool):
        self.weights_only = weights_only
        self.listed = _listed()

    def __getitem__(self, place):
        module, name = place
        if place in NAMES:
            return NAMES[place]
        if f"{module}.{name}" in self.listed:
            return self.listed[f"{module}.{name}"]
        if self.weights_only:
            raise KeyError(place)
        if place in HARMLESS:
            return HARMLESS[place]
        if place in torch_values:
            return torch_values[place]
        late_classes(module)
        if module == "torch" and name in ops.__all__:
            return getattr(ops, name)
        kind = _class_of_torch(module, name)
        if kind is not None:
            return kind
        if module == "torch.nn.functional" and name in functional.__all__:
            return getattr(functional, name)
        if (found := _function(module, name)) is not None:
            return found
        kind = _standing(module, name)
        if own_class(kind) or isinstance(kind, type) and issubclass(kind, Module):
            return kind
        raise KeyError(place)


class Calls:
    """What may be made, and how, for one load: as the table CALLS, and the classes allowed."""

    def __init__(self, names: Names):
        self.kinds = tuple(kind for kind in names.listed.values() if isinstance(kind, type))
        self.more = not names.weights_only
        if self.more:
            self.kinds += (collections.deque,)
        self.own = {id(kind) for kind in self.kinds}
        self.named = names

    def get(self, key):
        """The builder of a value that is called, or of ("build", class), which gets a state."""
        if not isinstance(key, tuple):
            return CALLS.get(key)
        what, kind = key
        try:
            if what in ("build", "new") and (known := CALLS.get(key)) is not None:
                return known
            if self.more and (known := ACTIONS.get(key) or THING_ACTIONS.get(key)):
                return known
        except TypeError:  # what is called has no hash
            return None
        if what == "call":
            if isinstance(kind, type) and id(kind) in self.own:
                return kind
            return maker_of_own(kind, "call") if self.more and own_class(kind) else None
        if what == "new":
            return self._maker(kind)
        return self._filler(kind)

    def _maker(self, kind):
        if not isinstance(kind, type):
            return None
        if id(kind) in self.own and not issubclass(kind, Module):
            return lambda *args: kind.__new__(kind, *args)
        if issubclass(kind, Module):
            return lambda: object.__new__(kind)
        if self.more and issubclass(kind, Named) and "_tidu_home" in vars(kind):
            base = tuple if issubclass(kind, tuple) else object
            return lambda *fields: base.__new__(kind, *([fields] if base is tuple else []))
        return maker_of_own(kind, "new") if self.more and own_class(kind) else None

    def _filler(self, kind):
        listed = id(kind) in self.own
        if listed and "__setstate__" in _attributes(kind):
            return _set_state
        if issubclass(kind, Module):
            return _fill_module
        if self.more and issubclass(kind, Named) and "_tidu_home" in vars(kind):
            return _set_state if "__setstate__" in _attributes(kind) else filled
        return filled if listed or self.more and own_class(kind) else None


def _attributes(kind) -> set:
    own = [c for c in kind.__mro__ if c is not object]
    return set().union(*(vars(c) for c in own))


def _set_state(target, state):
    target.__setstate__(state)
    return target


def _fill_module(target, state):
    """The attributes of a module, by torch.nn's own way to take them."""
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise TypeError("the state of a module is a dict of its attributes")
    for kind in type(target).__mro__:
        if kind.__module__.startswith("torch.") and "__setstate__" in vars(kind):
            kind.__setstate__(target, state)
            return target
    raise TypeError("the object is no module")
