"""By which words of the program a thing is reached: `model.layers[0].weight`, `config['rate']`.

`Changed` says of a difference where it is; the way there is looked for when the text is asked for.
"""

import types
from collections import deque
from functools import partial

from ...base.frames import OURS
from ...core.handle import TensorBase
from .breaks import of_python
from .cells import MISSING, Attribute, Bases, ClassOf, Global, SlotOf, contents, globals_in
from .replaced import Table
from .sameness import CONSTANTS

__all__ = ["Changed", "Told", "path_to", "short"]

_LIMIT = 20_000
_FOLDED = {"_parameters", "_buffers", "_modules"}  # whose entries are attributes to a user
_PARTS = {"__code__": "the code of {}", "__defaults__": "the defaults of {}",
          "__kwdefaults__": "the defaults of {}"}  # fmt: skip


class Changed:
    """That something is not as it was. `place`: a cell, dictionary or list; `key`: of an entry."""

    __slots__ = ("key", "now", "place", "root", "was")

    def __init__(self, root, place, key, now, was):
        self.root, self.place, self.key, self.now, self.was = root, place, key, now, was

    def __str__(self):
        where = self._where()
        if isinstance(self.place, Bases):
            return f"{where} inherits from other classes than it did"
        if isinstance(self.place, Table):
            return f"{self.place.names(self.was, self.now)} is replaced by a program, or was"
        if isinstance(self.place, ClassOf):
            return f"{where} is of class {self.now.__qualname__}, it was {self.was.__qualname__}"
        if self.was is MISSING:
            return f"{where} is new: {short(self.now)}"
        if self.now is MISSING:
            return f"{where} is gone, it was {short(self.was)}"
        several = where.startswith("the defaults")
        verbs = ("are", "were") if several else ("is", "was")
        subject = "they" if several else "it"
        return f"{where} {verbs[0]} now {short(self.now)}, {subject} {verbs[1]} {short(self.was)}"

    def _where(self):
        place, key = self.place, self.key
        if isinstance(place, types.CellType):
            return f"the variable {_variable(self.root, place) or 'of a function'}"
        if isinstance(place, Global):
            space = place.names.get("__name__")
            if space in (None, "__main__"):
                return f"the {'global variable' if space else 'setting'} {place.name}"
            return f"{space}.{place.name}"
        if isinstance(place, Attribute):
            return f"{_class(place.kind)}.{place.name}"
        if isinstance(place, Bases):
            return f"the class {_class(place.kind)}"
        if isinstance(place, (ClassOf, SlotOf)):
            path = path_to(self.root, place.thing) or _kind(place.thing)
            name = None if isinstance(place, ClassOf) else place.member.__name__
            if name in _PARTS:
                return _PARTS[name].format(path)
            return path if name is None else f"{path}.{name}"
        path = path_to(self.root, place)
        if path is None:
            return "an entry" if key is None else repr(key)
        return path if key is None else _entry(path, key)


class Told:
    """What is to be said of a tensor."""

    __slots__ = ("root", "tensor", "what")

    def __init__(self, root, tensor, what):
        self.root, self.tensor, self.what = root, tensor, what

    def __str__(self):
        return f"{path_to(self.root, self.tensor) or 'a tensor'} is {self.what}"


def short(value):
    """A value in a few words, on one line."""
    if isinstance(value, TensorBase):
        return f"a tensor {value._value.dtype}{list(value._value.shape)}"
    if isinstance(value, (types.FunctionType, types.MethodType, type)):
        kind = "class" if isinstance(value, type) else "function"
        return f"another {kind} {value.__name__}" if value.__name__ != "<lambda>" else "a lambda"
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else text[:37] + "..."


def path_to(root, target):
    """How a user writes what leads from `root` to the object, dictionary or list `target`; None
    where no way is found."""
    waiting, seen = deque([(root, "")]), set()
    while waiting and len(seen) < _LIMIT:
        thing, path = waiting.popleft()
        if thing is target:
            return path or _kind(thing)
        if isinstance(thing, CONSTANTS) or id(thing) in seen:
            continue
        seen.add(id(thing))
        if getattr(thing, "__dict__", None) is target and not isinstance(thing, type):
            return _Object(path or _kind(thing))
        waiting.extend(_behind(thing, path))
    return None


class _Object(str):
    """The path of an object whose attributes are looked for."""

    __slots__ = ()


def _entry(path, key):
    if isinstance(path, _Object) and isinstance(key, str):
        return f"{path}.{key}"
    head, dot, tail = path.rpartition(".")
    if dot and tail in _FOLDED and isinstance(key, str):
        return f"{head}.{key}"
    return f"{path}[{key!r}]"


def _behind(thing, path):
    """(thing, path) of what is one step behind."""
    if isinstance(thing, types.FunctionType):
        return _of_function(thing, path)
    if isinstance(thing, types.ModuleType) and _of_library(getattr(thing, "__file__", None) or ""):
        return []
    if isinstance(thing, types.MethodType):
        return [(thing.__self__, "self"), (thing.__func__, path)]
    if isinstance(thing, dict):
        return [(value, _entry(path, key)) for key, value in thing.items()]
    if isinstance(thing, (list, tuple)):
        return [(value, f"{path}[{i}]" if path else "") for i, value in enumerate(thing)]
    if isinstance(thing, partial):
        return [(thing.func, path), (thing.args, f"{path}.args"),
                (thing.keywords, f"{path}.keywords")]  # fmt: skip
    if hasattr(type(thing), "reach_through"):
        return [(thing.reach_through(), path)]
    if isinstance(thing, TensorBase):
        return [(thing._grad, f"{path}.grad")]
    name = "self" if not path else path
    inner = getattr(thing, "__dict__", None)
    if isinstance(thing, type) or not isinstance(inner, dict):
        inner = {}
    found = [(value, f"{name}.{key}") for key, value in inner.items()]
    if not isinstance(thing, (type, types.ModuleType)):
        found += _of_class(type(thing), name)
    return found


def _of_library(file):
    """Whether a file's variables are none that a program sets."""
    return OURS[file] or of_python(file)


def _of_class(kind, name):
    return [(value, f"{name}.{key}") for base in kind.__mro__ if base is not object
            for key, value in vars(base).items()
            if not key.startswith("__") or isinstance(value, types.FunctionType)]  # fmt: skip


def _of_function(function, path):
    code = function.__code__
    found = [(contents(cell), name) for name, cell in
             zip(code.co_freevars, function.__closure__ or (), strict=True)]  # fmt: skip
    if not _of_library(code.co_filename):
        names, _ = globals_in(code)
        space = function.__globals__
        found += [(space[name], name) for name in names if name in space]
    given = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    found += zip(defaults[::-1], given[::-1], strict=False)
    found += [(value, name) for name, value in (function.__kwdefaults__ or {}).items()]
    own = path or function.__name__
    return [*found, *[(value, f"{own}.{name}") for name, value in vars(function).items()]]


def _variable(root, wanted):
    """The name of a closure's cell."""
    waiting, seen = deque([root]), set()
    while waiting and len(seen) < _LIMIT:
        thing = waiting.popleft()
        if isinstance(thing, CONSTANTS) or id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, types.FunctionType):
            cells = zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True)
            for name, cell in cells:
                if cell is wanted:
                    return name
        waiting.extend(value for value, _ in _behind(thing, ""))
    return None


def _class(kind):
    return kind.__qualname__.rpartition("<locals>.")[2]


def _kind(thing):
    name = getattr(thing, "__name__", None)
    return name if isinstance(name, str) else f"an object of class {_class(type(thing))}"
