"""What a function can reach: the tensors, containers and constants behind its names.

`Reach(function)` walks closures, defaults, the globals its code names, bound objects, attributes
and containers. It keeps the tensors; and copies of every dictionary and list, to undo what a trial
run did. `watches.py` asks later whether all is as it was.
"""

import sys
import types
import weakref
from collections import deque
from enum import EnumType
from functools import partial
from operator import attrgetter, is_, methodcaller

import numpy as np

from ...base import tree
from ...base.devices import device
from ...base.dtypes import dtype
from ...base.streams import Generator
from ...core.handle import TensorBase
from ...core.node import Node

__all__ = ["MISSING", "VARYING", "Attribute", "Containers", "Global", "Reach", "SlotOf",
           "hooks_at", "hooks_seen", "is_equal", "is_fixed", "names_in", "same_entries",
           "same_items", "tensors_in"]  # fmt: skip

_CONSTANTS = (int, float, complex, bool, str, bytes, type(None))
_LIMIT = 50_000
_DEPTH = 3  # modules inside modules that a function names
_OWN = __name__.partition(".")[0]
_OTHERS = {_OWN, "builtins", "abc", "typing", "collections", "enum", "types", "functools", "numpy"}


_OF_FUNCTIONS = [
    vars(types.FunctionType)[n] for n in ("__code__", "__defaults__", "__kwdefaults__")
]
_ASIDE = (type, types.ModuleType, types.BuiltinFunctionType, np.ndarray, Generator)


class Reach:
    """`tensors` in the order they were found, and what holds them. `hooks`: those of tensors are
    looked into as well."""

    def __init__(self, function, aside=(), names=None, hooks=False):
        self.root, self.hooks = function, hooks
        self.names = names  # of attributes of objects, those that matter; None: all
        self.attributes = set()  # ids of the dictionaries that hold an object's attributes
        self.functions, self.in_tuples = [], []
        self.aside = list(aside)  # lists that nobody watches, as they are only appended to
        self.tensors, self.dicts, self.lists, self.cells = [], [], [], []
        self.seen, self._classes = set(map(id, self.aside)), set()
        self.reflects = False  # whether it may read attributes whose names no code mentions
        self.whole = True  # whether all was seen: beyond a limit nobody watches
        self.passing = None  # what is another thing at each reading, in words
        self.optimizers = []  # that may be asked whether their first step is still to come
        self._walk(function)
        groups = [live for live, _ in self.dicts if _is_group(live)]
        self.rates = [(group, "lr") for group in groups]
        self.varying = set(map(id, groups))
        self._contents = [value for _, value in self.cells]

    def _walk(self, root):
        waiting = [root]
        while waiting:
            thing = waiting.pop()
            if id(thing) in self.seen or isinstance(thing, _CONSTANTS):
                continue
            self.seen.add(id(thing))
            if len(self.seen) > _LIMIT:
                self.whole = False
                return
            waiting.extend(self._parts(thing))

    def _parts(self, thing):
        """The things one step behind this one."""
        if isinstance(thing, TensorBase):
            self.tensors.append(thing)
            behind = [] if thing._grad is None else [thing._grad]
            behind += self._of_attributes(thing) if thing.__dict__ else ()
            return [*behind, *hooks_at(thing)] if self.hooks else behind
        if isinstance(thing, types.FunctionType):
            return self._of_function(thing)
        if isinstance(thing, types.MethodType):
            return [thing.__self__, thing.__func__]
        if isinstance(thing, dict):
            self.dicts.append((thing, dict(thing)))
            return [*thing.values(), *[k for k in thing if isinstance(k, TensorBase)]]
        if isinstance(thing, (list, tuple, set, frozenset, deque)):
            if not isinstance(thing, (tuple, frozenset)):
                self.lists.append((thing, copy(thing)))
            else:
                self.in_tuples += [part for part in thing if isinstance(part, list)]
            return list(thing)
        if isinstance(thing, type):
            return self._of_class(thing)
        if isinstance(thing, (attrgetter, methodcaller)):
            self.reflects = True
        if isinstance(thing, _HOLDERS):
            return _held_by(thing)
        if isinstance(thing, _ASIDE):
            if getattr(thing, "__module__", None) == "time":
                self.passing = "the clock"
            return []
        if hasattr(type(thing), "__next__"):
            self.passing = f"an iterator ({type(thing).__name__})"
            return []
        if hasattr(type(thing), "unwatched"):  # no program's business while it runs
            return []
        if hasattr(type(thing), "reach_through"):  # a compiled function: what matters is inside it
            return [thing.reach_through(), *self._of_names_set(thing)]
        if hasattr(type(thing), "never_stepped"):
            self.optimizers.append(thing)
        return [*self._of_attributes(thing), *self._of_slots(thing), *self._of_class(type(thing)),
                *getattr(type(thing), "reach_also", ())]  # fmt: skip

    def _of_attributes(self, thing):
        inner = getattr(thing, "__dict__", None)
        if not isinstance(inner, dict) or id(inner) in self.seen:
            return []
        self.attributes.add(id(inner))
        if self.names is None:
            return [inner]
        self.seen.add(id(inner))
        self.dicts.append((inner, dict(inner)))
        return [value for name, value in inner.items() if name in self.names]

    def _of_names_set(self, optimized):
        """What the user set as attributes of a compiled function."""
        found = []
        for name, value in vars(optimized).items():
            if name not in optimized.own:
                self.cells.append((Global(vars(optimized), name), value))
                found.append(value)
        return found

    def _of_slots(self, thing):
        """What an object keeps in slots."""
        found = []
        for base in type(thing).__mro__:
            if base.__module__.partition(".")[0] in _OTHERS:
                continue
            for member in vars(base).values():
                if isinstance(member, types.MemberDescriptorType):
                    cell = SlotOf(thing, member)
                    self.cells.append((cell, cell.cell_contents))
                    found.append(cell.cell_contents)
        return found

    def _of_class(self, kind):
        """The methods and attributes of a user's class and of those it inherits from."""
        found = []
        for base in kind.__mro__:
            if id(base) in self._classes or base.__module__.partition(".")[0] in _OTHERS:
                continue
            self._classes.add(id(base))
            for name, value in vars(base).items():
                value = getattr(value, "__func__", value)
                if isinstance(value, property):
                    value = value.fget
                if not name.startswith("__") or isinstance(value, types.FunctionType):
                    self.cells.append((Attribute(base, name), vars(base)[name]))
                    found.append(value)
        return found

    def _of_function(self, function):
        if (function.__module__ or "").partition(".")[0] == _OWN:
            return [c.cell_contents for c in function.__closure__ or () if _filled(c)]
        self.functions.append(function)
        found = [*(function.__defaults__ or ()), vars(function)]
        if function.__kwdefaults__:
            found.append(function.__kwdefaults__)
        for member in _OF_FUNCTIONS:  # which a program may replace
            cell = SlotOf(function, member)
            if cell.cell_contents is not None:
                self.cells.append((cell, cell.cell_contents))
        for cell in function.__closure__ or ():
            if _filled(cell):
                self.cells.append((cell, cell.cell_contents))
                found.append(cell.cell_contents)
        names = names_in(function.__code__)
        for name in names:
            if name in function.__globals__:
                found.extend(self._of_name(function.__globals__, name, names))
        return found

    def _of_name(self, space, name, names, depth=0):
        """A global variable; of a module that is the user's, what of it the function names."""
        value = space[name]
        if not isinstance(value, types.ModuleType):
            self.cells.append((Global(space, name), value))
            return [value]
        root = value.__name__.partition(".")[0]
        if root in _OTHERS or depth == _DEPTH:
            return []
        inner = [n for n in names if n in vars(value)]
        if root in sys.stdlib_module_names:  # its functions are not to be looked into
            return [v for n in inner if not callable(v := vars(value)[n]) or root == "time"]
        found = []
        for n in inner:
            found.extend(self._of_name(vars(value), n, names, depth + 1))
        return found

    def named(self, names):
        """What is reached by attributes of these names alone."""
        return self if names is None else Reach(self.root, self.aside, names, self.hooks)

    # --- asking and undoing ----------------------------------------------------------------

    def stores(self):
        """The entries (container, key) of dictionaries and lists that hold another tensor now;
        None if something else has changed that a later call could not do again."""
        found = []
        for live, copy in [*self.dicts, *self.lists]:
            if len(live) != len(copy) or (isinstance(live, set) and live != copy):
                return None
            if isinstance(live, set):
                continue
            for key, value in copy.items() if isinstance(copy, dict) else enumerate(copy):
                now = live.get(key, MISSING) if isinstance(copy, dict) else live[key]
                if now is value or is_equal(now, value):
                    continue
                if key in VARYING and id(live) in self.varying:
                    continue
                if not _replaceable(value, now):
                    return None
                found.append((live, key))
        same = all(map(is_, [cell.cell_contents for cell, _ in self.cells], self._contents))
        return found if same else None

    def undo(self):
        """Put every dictionary and list back to what it held."""
        for live, copy in [*self.dicts, *self.lists]:
            _put_back(live, copy)
        for cell, value in self.cells:
            if cell.cell_contents is not value:
                cell.cell_contents = value


_HOLDERS = partial, types.MappingProxyType, weakref.ref


def _held_by(thing):
    """What stands in an object of Python's own that no attribute shows."""
    if isinstance(thing, partial):
        return [thing.func, thing.args, thing.keywords, vars(thing)]
    return list(thing.values()) if isinstance(thing, types.MappingProxyType) else [thing()]


def _replaceable(before, now):
    """Whether an entry that held `before` may be given what is like `now` at each call: tensors, in
    the same containers. Where None was, the function may ask for None to make the first one."""
    olds, spec = tree.flatten(before)
    news, form = tree.flatten(now)
    return spec == form and all(isinstance(t, TensorBase) for t in (*olds, *news))


def hooks_at(tensor):
    """The dictionaries of hooks that see a gradient when it arrives at a leaf."""
    extra = tensor._extra
    if extra is None:
        return []
    ends = extra.accumulator
    found = [extra.hooks, extra.after_hooks, *(() if ends is None else (ends.pre, ends.post))]
    return [hooks for hooks in found if hooks is not None]


def hooks_seen(tensor):
    """What a gradient that arrives at a tensor meets there: dictionaries of hooks, or the Hooks of
    the node that computed it."""
    node = tensor._node
    if node.__class__ is not Node:
        return hooks_at(tensor)
    hooks = node.hooks
    return [] if hooks is None or not (hooks.tensor or hooks.pre or hooks.retained) else [hooks]


def tensors_in(leaves):
    """The tensors among arguments, in their order; then their gradients."""
    found = [a for a in leaves if isinstance(a, TensorBase)]
    for t in found:
        if t._grad is not None and not any(t._grad is other for other in found):
            found.append(t._grad)
    return found


class Containers:
    """The lists, dictionaries, sets and deques inside what a function is given."""

    def __init__(self, root):
        self.pairs, waiting, seen = [], [root], set()
        while waiting:
            thing = waiting.pop()
            if id(thing) in seen:
                continue
            seen.add(id(thing))
            if isinstance(thing, (dict, list, set, deque)):
                self.pairs.append((thing, copy(thing)))
            if isinstance(thing, dict):
                waiting.extend(thing.values())
            elif isinstance(thing, (list, tuple, deque)):
                waiting.extend(thing)

    def changed(self):
        return any(not same_entries(live, old) for live, old in self.pairs)

    def undo(self):
        for live, old in self.pairs:
            _put_back(live, old)


def copy(container):
    """The same entries in a dictionary, list or set of their own."""
    if isinstance(container, dict):
        return dict(container)
    return set(container) if isinstance(container, set) else list(container)


def same_entries(live, old):
    """Whether a container holds the very objects it held, in their order."""
    if len(live) != len(old):
        return False
    if isinstance(live, dict):
        return all(a is b and live[a] is old[b] for a, b in zip(live, old, strict=True))
    if isinstance(live, set):
        return all(item in old for item in live)
    return all(map(is_, live, old))


def _put_back(live, old):
    if same_entries(live, old):
        return
    live.clear()
    if isinstance(live, (dict, set)):
        live.update(old)
    else:
        live.extend(old)


def same_items(live, old):
    if isinstance(live, set):
        return live == old
    return len(live) == len(old) and all(
        a is b or is_equal(a, b) for a, b in zip(live, old, strict=True)
    )


_FIXED = (*_CONSTANTS, range, slice, type, types.ModuleType, types.BuiltinFunctionType, dtype,
          device, type(Ellipsis), np.dtype)  # fmt: skip


def is_fixed(thing):
    """Whether a thing that a function returns is the same at every call."""
    if isinstance(thing, frozenset):
        return all(map(is_fixed, thing))
    return isinstance(thing, _FIXED) or isinstance(type(thing), EnumType)


VARYING = ("lr", "initial_lr")  # what schedulers change at each step


def _is_group(thing):
    """Whether a dictionary is a parameter group, whose learning rate may change between calls."""
    return "params" in thing and isinstance(thing.get("lr"), float)


class Attribute:
    """An attribute of a class, read like a closure's cell."""

    __slots__ = ("kind", "name")

    def __init__(self, kind, name):
        self.kind, self.name = kind, name

    @property
    def cell_contents(self):
        return vars(self.kind).get(self.name, MISSING)

    @cell_contents.setter
    def cell_contents(self, value):
        setattr(self.kind, self.name, value)


class SlotOf:
    """What an object keeps in a slot, read like a closure's cell."""

    __slots__ = ("member", "thing")

    def __init__(self, thing, member):
        self.thing, self.member = thing, member

    @property
    def cell_contents(self):
        try:
            return self.member.__get__(self.thing)
        except AttributeError:
            return MISSING

    @cell_contents.setter
    def cell_contents(self, value):
        if value is MISSING:
            self.member.__delete__(self.thing)
        else:
            self.member.__set__(self.thing, value)


class Global:
    """A global variable, read like a closure's cell."""

    __slots__ = ("name", "names")

    def __init__(self, names, name):
        self.names, self.name = names, name

    @property
    def cell_contents(self):
        return self.names.get(self.name, MISSING)

    @cell_contents.setter
    def cell_contents(self, value):
        self.names[self.name] = value


MISSING = object()


def _filled(cell):
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def names_in(code):
    """The names that a function's code, and the functions written inside it, look up."""
    found = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found.extend(names_in(constant))
    return found


def is_equal(a, b):
    return isinstance(a, _CONSTANTS) and a.__class__ is b.__class__ and a == b
