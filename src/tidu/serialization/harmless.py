"""Classes of Python's library that hold nothing but data, each made from checked arguments.

They are for `weights_only=False`; making one of them runs no code of a file and takes no time or
memory that the file does not have. Also the program's own classes, whose objects are made empty
and filled, if that runs no code of theirs.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import enum
import fractions
import functools
import pathlib
import sys
import sysconfig
import types
import uuid

from ..base.frames import OURS
from .problems import bad_file

__all__ = ["HARMLESS", "filled", "maker_of_own", "own_class"]

_LONGEST = 4000  # digits and letters of a number written as text


def _of(kind, *types_allowed):
    """A builder that passes on arguments of these types only."""

    def make(*arguments):
        if not all(isinstance(a, types_allowed) for a in arguments):
            raise bad_file(f"the file makes a {kind.__name__} of something else")
        return kind(*arguments)

    return make


def _number_from_text(kind):
    def make(*arguments):
        for a in arguments:
            text = a.__class__ is str and len(a) <= _LONGEST
            # An exponent can stand for a number that fills the memory.
            if not (
                a.__class__ is int or text and (kind is decimal.Decimal or "e" not in a.lower())
            ):
                raise bad_file(f"the file makes a {kind.__name__} of something else")
        return kind(*arguments)

    return make


def _deque(items=(), maxlen=None):
    if not isinstance(items, (list, tuple)) or not (maxlen is None or maxlen.__class__ is int):
        raise bad_file("the file makes a deque of something else")
    return collections.deque(items, maxlen)


def _partial(function, *rest):
    """A partial as yet without arguments; only functions that a file may name come here."""
    if rest or not callable(function):
        raise bad_file("the file makes a partial of something else")
    return functools.partial(function)


_DATES = (int, str, bytes, datetime.timedelta, datetime.tzinfo, type(None))
_CALLED: dict = {
    slice: _of(slice, int, float, str, type(None)),
    range: _of(range, int),
    datetime.datetime: _of(datetime.datetime, *_DATES),
    datetime.date: _of(datetime.date, *_DATES),
    datetime.time: _of(datetime.time, *_DATES),
    datetime.timedelta: _of(datetime.timedelta, int),
    datetime.timezone: _of(datetime.timezone, datetime.timedelta, str),
    decimal.Decimal: _number_from_text(decimal.Decimal),
    fractions.Fraction: _number_from_text(fractions.Fraction),
    collections.deque: _deque,
    functools.partial: _partial,
    types.SimpleNamespace: _of(types.SimpleNamespace),
    **{kind: _of(kind, str) for kind in (
        pathlib.PurePosixPath, pathlib.PureWindowsPath, type(pathlib.Path()))},
}  # fmt: skip


def _fill_namespace(target, state):
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise bad_file("the state of an object is a dict of its attributes")
    vars(target).update(state)
    return target


def _fill_partial(target, state):
    function, arguments, keywords, attributes = state
    if function is not target.func or not isinstance(arguments, tuple):
        raise bad_file("the state of a partial does not fit it")
    made = functools.partial(function, *arguments, **(keywords or {}))
    return _fill_namespace(made, attributes or {})


def _fill_uuid(target, state):
    return uuid.UUID(int=state["int"])


def _empty(kind):
    return lambda: object.__new__(kind)


def _place(kind):
    # Newer releases of Python have paths in a module of their own.
    return kind.__module__.partition("._")[0], kind.__qualname__


_NEW = {argparse.Namespace: _fill_namespace, collections.ChainMap: _fill_namespace,
        uuid.UUID: _fill_uuid}  # fmt: skip

# (module, name) -> value; what a call of it makes; what an object of it is filled by.
HARMLESS = {_place(kind): kind for kind in (*_CALLED, *_NEW)}
HARMLESS["builtins", "xrange"] = range  # as older pickles name it
HARMLESS |= {("builtins", "Ellipsis"): Ellipsis, ("builtins", "NotImplemented"): NotImplemented}
HARMLESS |= {("pathlib._local", name): kind for (module, name), kind in HARMLESS.items()
             if module == "pathlib"}  # fmt: skip
ACTIONS: dict = {("call", kind): builder for kind, builder in _CALLED.items()}
ACTIONS |= {("new", kind): _empty(kind) for kind in _NEW}
ACTIONS |= {("build", kind): filler for kind, filler in _NEW.items()}
ACTIONS["build", types.SimpleNamespace] = _fill_namespace
ACTIONS["build", functools.partial] = _fill_partial


# -- the program's own classes ------------------------------------------------------------------

_FOREIGN = tuple({
    sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")
})  # fmt: skip
_RUNS_CODE = ("__new__", "__setstate__", "__del__", "__setitem__", "__init_subclass__",
              "append", "extend", "update", "add")  # fmt: skip
_BASES = (object, dict, list, tuple)


def own_class(kind) -> bool:
    """Whether this is a class of the program or of tidu, not of another installed package, and can
    be filled without running code of its own."""
    if not isinstance(kind, type):
        return False
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    if module is None or (kind.__module__ != "__main__" and (file is None or _installed(file))):
        return False
    if issubclass(kind, enum.Enum):
        return True
    own = [c for c in kind.__mro__ if c not in _BASES]
    if any(c.__module__ != "__main__" and c.__module__ in sys.stdlib_module_names for c in own):
        return False
    named_tuple = issubclass(kind, tuple) and hasattr(kind, "_fields")
    defined = set().union(*(vars(c) for c in own))
    return not defined.intersection(_RUNS_CODE[1:] if named_tuple else _RUNS_CODE)


def _installed(file: str) -> bool:
    return file.startswith(_FOREIGN) and not OURS[file]


def maker_of_own(kind, how: str):
    """How an object of one of the program's classes is made; None if not in this way."""
    if issubclass(kind, enum.Enum):
        return (lambda value: kind._value2member_map_[value]) if how == "call" else None
    if how != "new":
        return None
    base = next(b for b in (dict, list, tuple, object) if issubclass(kind, b))
    if base is tuple:
        return lambda *fields: tuple.__new__(kind, fields)
    return lambda: base.__new__(kind)


def filled(target, state):
    """Attributes, in __dict__ and in slots; no method of the class is called."""
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if state:
        vars(target).update(state)
    for name, value in (slots or {}).items():
        object.__setattr__(target, name, value)
    return target
