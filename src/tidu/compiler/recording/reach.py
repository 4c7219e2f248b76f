"""What a function can reach: the tensors, containers and constants behind its names.

`Reach(function)` walks closures, defaults, the globals its code names, bound objects, attributes
and containers. It keeps the tensors; and copies of every dictionary and list, to undo what a trial
run did. `watches.py` asks later whether all is as it was.
"""

import array
import contextvars
import functools
import random
import sys
import types
import weakref
from collections import deque
from enum import EnumType
from gc import get_referents
from operator import attrgetter, methodcaller

import numpy as np

from ...base import tree
from ...base.devices import device
from ...base.dtypes import dtype
from ...base.naming import RENAMED
from ...base.streams import Generator
from ...core.handle import TensorBase
from ...core.node import Node
from .cells import (
    MISSING,
    Attribute,
    Bases,
    Cached,
    ClassOf,
    Current,
    Global,
    Referent,
    SlotOf,
    contents,
    fill,
    globals_in,
    modules_in,
    names_in,
)
from .rates import VARYING, is_group, rates_of
from .replaced import tables
from .sameness import (
    CONSTANTS,
    entries_of,
    is_equal,
    put_back,
    same_entries,
    same_items,
    same_keys,
)

__all__ = ["Containers", "Reach", "hooks_at", "hooks_seen", "is_fixed",
           "tensors_in"]  # fmt: skip

_LIMIT = 50_000
_DEPTH = 3  # modules inside modules that a function names
_OWN = __name__.partition(".")[0]
_OTHERS = {_OWN, "builtins", "abc", "typing", "collections", "enum", "types", "functools", "numpy"}


_OF_FUNCTIONS = [
    vars(types.FunctionType)[n] for n in ("__code__", "__defaults__", "__kwdefaults__")
]
_ASIDE = (type, Generator)
_BUFFERS = (np.ndarray, bytearray, array.array, memoryview)
_SOURCES = (random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator)
_CACHING = type(functools.lru_cache(lambda: None))
# Objects of C that hold others which they never exchange.
_HOLDERS = (functools.partial, types.MappingProxyType, types.MethodWrapperType, staticmethod,
            classmethod, type({}.keys()), type({}.values()), type({}.items()))  # fmt: skip
_ASSIGNABLE = 1 << 9  # a flag of classes that are made by a program


class Reach:
    """`tensors` in the order they were found, and what holds them. `hooks`: those of tensors are
    looked into as well; `rated`: keys of parameter groups whose numbers are inputs."""

    def __init__(self, function, aside=(), names=None, hooks=False, rated=frozenset()):
        self.root, self.hooks, self.rated = function, hooks, rated
        self.names = names  # of attributes, those that matter; None: all
        self.attributes = set()  # ids of the dictionaries that hold an object's attributes
        self.functions, self.in_tuples = [], []
        self.aside = list(aside)  # lists that nobody watches, as they are only appended to
        self.tensors, self.dicts, self.lists, self.cells = [], [], [], []
        self.classes = []  # (class, the names it has)
        self.buffers = []  # arrays of NumPy and other memory
        self.sources = []  # of random numbers, of Python or NumPy
        self.seen, self._classes = set(map(id, self.aside)), set()
        self._globals, self._modules, self._words = set(), {}, {}
        self._asked = {}  # names of modules looked up in `sys.modules`; None: any may be
        self.reflects = False  # whether it may read attributes whose names no code mentions
        self.whole = True  # whether all was seen: beyond a limit nobody watches
        self.passing = None  # what is another thing at each reading, in words
        self.optimizers = []  # that may be asked whether their first step is still to come
        self.gradients = set()  # ids of those of tensors
        self._weak = set()  # ids of what weak references name
        self.cells += [(table, table.cell_contents) for table in tables()]
        self._classes.update(id(table.place) for table in tables())
        self._walk([function, *[f for table in tables() for f in table.functions()]])
        groups = [live for live, _ in self.dicts if is_group(live)]
        self.rates = [rate for group in groups for rate in rates_of(group, rated)]
        self.varying = {id(group): set(VARYING) for group in groups}  # keys nobody compares
        for rate in self.rates:
            self.varying[id(rate.group)].add(rate.key)

    def _walk(self, waiting):
        while waiting:
            thing = waiting.pop()
            if id(thing) not in self.seen and not isinstance(thing, CONSTANTS):
                self.seen.add(id(thing))
                if len(self.seen) > _LIMIT:
                    self.whole = False
                    return
                waiting.extend(self._parts(thing))
            if not waiting:  # of modules that were met, what the functions mention that were met
                waiting.extend(self._of_modules())

    def _parts(self, thing):
        """The things one step behind this one."""
        if isinstance(thing, TensorBase):
            return self._of_tensor(thing)
        if isinstance(thing, types.FunctionType):
            return self._of_function(thing)
        if isinstance(thing, types.MethodType):
            return [thing.__self__, thing.__func__]
        if isinstance(thing, dict):
            self.dicts.append((thing, dict(thing)))
            return [*thing.values(), *[k for k in thing if isinstance(k, TensorBase)]]
        if isinstance(thing, (list, tuple, set, frozenset, deque)):
            if not isinstance(thing, (tuple, frozenset)):
                self.lists.append((thing, entries_of(thing)))
            else:
                self.in_tuples += [part for part in thing if isinstance(part, list)]
            return list(thing)
        if isinstance(thing, type):
            return self._of_class(thing)
        if isinstance(thing, _BUFFERS):
            self.buffers.append(thing)
            return (
                list(thing.flat) if isinstance(thing, np.ndarray) and thing.dtype.hasobject else []
            )
        return self._of_object(thing)

    def _of_object(self, thing):
        """The same of what is no tensor, function, container or class."""
        if isinstance(thing, (attrgetter, methodcaller)):
            self.reflects = True
        if isinstance(thing, types.ModuleType):
            self._modules[id(thing)] = thing
            return []
        if isinstance(thing, types.BuiltinFunctionType):
            return self._of_builtin(thing)
        if isinstance(thing, _SOURCES):
            self.sources.append(thing)
            return []
        if isinstance(thing, _ASIDE):
            return []
        if hasattr(type(thing), "__next__"):
            self.passing = f"an iterator ({type(thing).__name__})"
            return []
        if isinstance(thing, _HOLDERS):
            return [part for part in get_referents(thing) if not isinstance(part, type)]
        if isinstance(thing, _CACHING):
            kept = Cached(thing)
            self.cells.append((kept, kept.cell_contents))
            return [thing.__wrapped__, *kept.cell_contents]
        if isinstance(thing, weakref.ReferenceType):
            kept = Referent(thing)  # which nothing here keeps alive
            self.cells.append((kept, kept.cell_contents))
            self._weak.add(id(thing()))
            return [thing()]
        if isinstance(thing, contextvars.ContextVar):
            self.cells.append((Current(thing), thing.get(MISSING)))
            return [thing.get(None)]
        if hasattr(type(thing), "unwatched"):  # no program's business while it runs
            return []
        if hasattr(type(thing), "reach_through"):  # a compiled function: what matters is inside it
            return [thing.reach_through(), *self._of_names_set(thing)]
        if hasattr(type(thing), "never_stepped"):
            self.optimizers.append(thing)
        if type(thing).__flags__ & _ASSIGNABLE and id(thing) not in self._weak:
            self.cells.append((ClassOf(thing), type(thing)))
        return [*self._of_attributes(thing), *self._of_slots(thing), *self._of_class(type(thing)),
                *getattr(type(thing), "reach_also", ())]  # fmt: skip

    def _of_tensor(self, tensor):
        self.tensors.append(tensor)
        behind = [] if tensor._grad is None else [tensor._grad]
        self.gradients.update(map(id, behind))
        if tensor.__dict__ or id(tensor) not in self.gradients:
            behind += self._of_attributes(tensor)
        if type(tensor) is not TensorBase.handle_class:
            behind += self._of_class(type(tensor))
        return [*behind, *hooks_at(tensor)] if self.hooks else behind

    def _of_builtin(self, function):
        """What a method of a built-in class is bound to."""
        if function.__module__ == "time":
            self.passing = "the clock"
        owner = function.__self__
        return [owner] if isinstance(owner, (dict, list, set, deque, *_SOURCES)) else []

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

    def _matters(self, name):
        return self.names is None or name in self.names or name.startswith("__")

    def _of_slots(self, thing):
        """What an object keeps in slots."""
        found = []
        for base in type(thing).__mro__:
            if _is_of_others(base):
                continue
            for name, member in vars(base).items():
                if isinstance(member, types.MemberDescriptorType) and self._matters(name):
                    cell = SlotOf(thing, member)
                    self.cells.append((cell, cell.cell_contents))
                    found.append(cell.cell_contents)
        return found

    def _of_class(self, kind):
        """The methods and attributes of a user's class and of those it inherits from."""
        found = []
        for base in kind.__mro__:
            if id(base) in self._classes or _is_of_others(base):
                continue
            self._classes.add(id(base))
            self.classes.append((base, frozenset(vars(base))))
            self.cells.append((Bases(base), base.__mro__))
            for name, value in vars(base).items():
                value = getattr(value, "__func__", value)
                if isinstance(value, property):
                    value = value.fget
                plain = not name.startswith("__") or isinstance(value, types.FunctionType)
                if plain and self._matters(name):
                    self.cells.append((Attribute(base, name), vars(base)[name]))
                    found.append(value)
        return found

    def _of_function(self, function):
        if (function.__module__ or "").partition(".")[0] == _OWN:
            inside = [contents(c) for c in function.__closure__ or ()]
            return [value for value in inside if value is not MISSING]
        self.functions.append(function)
        found = [*(function.__defaults__ or ()), vars(function)]
        if function.__kwdefaults__:
            found.append(function.__kwdefaults__)
        for member in _OF_FUNCTIONS:  # which a program may replace
            cell = SlotOf(function, member)
            if cell.cell_contents is not None:
                self.cells.append((cell, cell.cell_contents))
        for cell in function.__closure__ or ():
            self.cells.append((cell, contents(cell)))
            found.append(contents(cell))
        return [*found, *self._of_globals(function)]

    def _of_globals(self, function):
        """What a function looks up in its module, or would find there if it were, and what it
        imports."""
        space, found = function.__globals__, []
        words = names_in(function.__code__)
        self._words.update(dict.fromkeys(words))
        asked = modules_in(function.__code__)
        self._asked = (
            None if None in (asked, self._asked) else {**self._asked, **dict.fromkeys(asked)}
        )
        names, imports = globals_in(function.__code__)
        for name in names:
            if name in space:
                found.extend(self._of_name(space, name, words))
            else:
                self._global(space, name)
                self._global(function.__builtins__, name)
        for name in imports:
            module = sys.modules.get(name)
            if module is not None:
                self._modules[id(module)] = module
        return found

    def _global(self, space, name):
        if (id(space), name) not in self._globals:
            self._globals.add((id(space), name))
            self.cells.append((Global(space, name), space.get(name, MISSING)))

    def asks(self, settings):
        """Settings of the process matter, too: (dictionary or object, name)."""
        for table, name in settings:
            if isinstance(table, dict):
                self._global(table, name)
            else:
                cell = SlotOf(table, vars(type(table))[name])
                self.cells.append((cell, cell.cell_contents))

    def _of_name(self, space, name, names, depth=0):
        """A global variable; of a module, what of it the function names."""
        value = space[name]
        if not isinstance(value, types.ModuleType):
            self._global(space, name)
            return [value]
        return self._of_module(value, names, depth)

    def _of_module(self, module, names, depth=0):
        root = module.__name__.partition(".")[0]
        if module is sys.modules[_OWN]:  # under `tidu run` its name is torch
            root = _OWN
        if depth == _DEPTH:
            return []
        inner = [n for n in names if n in vars(module)]
        if root in sys.stdlib_module_names or root in _OTHERS and root != _OWN:
            for n in inner:  # its functions are not to be looked into
                self._global(vars(module), n)
        if root in _OTHERS and root != _OWN:
            return []
        if module is sys and self._asked is not None and "modules" in inner:
            inner.remove("modules")
            return [*self._of_modules_asked(), *self._of_module(module, inner, depth)]
        if root in sys.stdlib_module_names:
            return [v for n in inner if not callable(v := vars(module)[n]) or root == "time"]
        found = []
        for n in inner:
            found.extend(self._of_name(vars(module), n, names, depth + 1))
        if root == _OWN:  # whose functions a program may have replaced by its own
            return [v for v in found if not _is_own(v)]
        return found

    def _of_modules_asked(self):
        """Those that are looked up in `sys.modules` by names which the functions mention."""
        for name in self._asked:
            self._global(sys.modules, name)
        return [sys.modules[name] for name in self._asked if name in sys.modules]

    def _of_modules(self):
        """What the functions mention of modules that no global variable of theirs names."""
        words = list(self._words)
        found = [part for module in self._modules.values()
                 for part in self._of_module(module, words)]  # fmt: skip
        return [part for part in found
                if id(part) not in self.seen and not isinstance(part, CONSTANTS)]  # fmt: skip

    def named(self, names):
        """What is reached by attributes of these names alone."""
        if names is None:
            return self
        return Reach(self.root, self.aside, names, self.hooks, self.rated)

    # --- asking and undoing ----------------------------------------------------------------

    def stores(self):
        """The entries (container, key) of dictionaries and lists that hold another tensor now, or
        say that a module trains where it did not, or the reverse; None if something else has
        changed that a later call could not do again."""
        found = []
        for live, copy in [*self.dicts, *self.lists]:
            if len(live) != len(copy) or (isinstance(live, set) and not same_items(live, copy)):
                return None
            if isinstance(live, dict) and not same_keys(live, copy):
                return None
            if isinstance(live, set) or same_entries(live, copy):
                continue
            for key, value in copy.items() if isinstance(copy, dict) else enumerate(copy):
                now = live.get(key, MISSING) if isinstance(copy, dict) else live[key]
                if now is value or is_equal(now, value):
                    continue
                if key in self.varying.get(id(live), ()):
                    continue
                switched = key == "training" and type(value) is type(now) is bool
                if not switched and not _replaceable(value, now):
                    return None
                found.append((live, key))
        return None if any(map(_differs, self.cells)) else found

    def undo(self):
        """Put every dictionary and list back to what it held."""
        for live, copy in [*self.dicts, *self.lists]:
            put_back(live, copy)
        for cell, value in filter(_differs, self.cells):
            fill(cell, value)


def _differs(pair):
    """Whether a cell holds another thing than when it was found."""
    now, was = contents(pair[0]), pair[1]
    return now is not was and not is_equal(now, was)


def _is_of_others(kind):
    """Whether a class is none of the program's: Python's, NumPy's, tidu's under any name."""
    return kind.__module__.partition(".")[0] in _OTHERS or kind in RENAMED


def _is_own(value):
    if isinstance(value, type) and value in RENAMED:
        return True
    return (getattr(value, "__module__", None) or _OWN).partition(".")[0] == _OWN


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
                self.pairs.append((thing, entries_of(thing)))
            if isinstance(thing, dict):
                waiting.extend(thing.values())
            elif isinstance(thing, (list, tuple, deque)):
                waiting.extend(thing)

    def changed(self):
        return any(not same_entries(live, old) for live, old in self.pairs)

    def undo(self):
        for live, old in self.pairs:
            put_back(live, old)


_FIXED = (*CONSTANTS, range, slice, type, types.ModuleType, types.BuiltinFunctionType, dtype,
          device, type(Ellipsis), np.dtype)  # fmt: skip


def is_fixed(thing):
    """Whether a thing that a function returns is the same at every call."""
    if isinstance(thing, frozenset):
        return all(map(is_fixed, thing))
    return isinstance(thing, _FIXED) or isinstance(type(thing), EnumType)
