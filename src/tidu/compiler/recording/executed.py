"""Which code runs, and so which attributes it can have read."""

import os
import re
import types
from _lsprof import Profiler
from sys import getprofile, setprofile

import numpy as np

from ...base.frames import OURS
from ...base.instructions import steps
from ..machine import hearing
from .breaks import CHANGING, Unplaced

__all__ = ["Executed"]

_REFLECTING = {"__dict__", "vars", "getattr", "dir", "locals", "__getstate__", "__reduce_ex__",
               "attrgetter", "methodcaller", "hasattr", "asdict", "fields"}  # fmt: skip
_PACKAGES = os.sep + "site-packages" + os.sep
_WORDS = re.compile(r"[^\W\d]\w*")


class _Profiler(Profiler):
    """Hears of calls as `hearing.Hearing` does, until that is compiled."""

    of_programs = True

    def __init__(self):
        super().__init__(subcalls=False, builtins=False)

    def codes(self):
        return {e.code for e in self.getstats() if isinstance(e.code, types.CodeType)}


class Executed:
    """``with Executed() as it: ...; it.names()``: every name that the code mentions which ran.

    None where attributes may be read by names that are made at run time, where too much code ran,
    or where somebody else already listens to calls. With `lines` it hears from where each function
    was called, too, which takes three times as long as the run alone; asked without, it raises
    Unplaced.
    """

    def __init__(self, lines=True):
        self.lines, self.listening = lines, False
        self.codes = set()
        self.calls = {}  # code -> the calls of it: (code, line)
        self.profiler = None
        if not lines:
            self.profiler = hearing.Hearing() if hearing.at_hand() else _Profiler()

    def __enter__(self):
        if getprofile() is None:
            try:
                self.enable()
            except ValueError:  # a profiler that `getprofile` doesn't tell
                return self
            self.listening = True
        return self

    def __exit__(self, *error):
        if self.listening:
            self.disable()
            if self.profiler is not None:
                codes = self.profiler.codes()
                self.listening, self.codes = codes is not None, codes or set()
        return False

    def enable(self):
        if self.profiler is None:
            setprofile(self)
        else:
            self.profiler.enable()

    def disable(self):
        if self.profiler is None:
            setprofile(None)
        else:
            self.profiler.disable()

    def __call__(self, frame, event, argument):
        if event == "call":
            code, caller = frame.f_code, frame.f_back
            self.codes.add(code)
            self.calls.setdefault(code, set()).add((caller.f_code, caller.f_lineno))

    of_programs = True

    def changing(self, names):
        """Where something outside may have been changed, of these names if there are any: (code,
        line) of the statements, after those of the calls that led there."""
        own = {c for c in self.codes if is_program(c)}
        places = {c: _changes(c, names) for c in own}
        if not any(places.values()):
            places = {c: _changes(c, ()) for c in own}
        return self._leading_to(places)

    def mentioning(self, names):
        """The same of the lines that look up an attribute of these names."""
        own = {c for c in self.codes if is_program(c)}
        return self._leading_to({c: _looks_up(c, names) for c in own})

    def _leading_to(self, places):
        if not self.lines:
            raise Unplaced
        found, waiting = {}, [c for c in places if places[c]]
        ends = [(c, line) for c in waiting for line in sorted(places[c])]
        while waiting:
            for place in self.calls.get(waiting.pop(), ()):
                if place not in found:
                    found[place] = True
                    waiting.append(place[0])
        return [*[p for p in found if p not in ends][::-1], *ends]

    def names(self):
        """(those of all code that ran, those of the program's)."""
        if not self.listening:
            return None, None
        found, programs = set(), set()
        for code in self.codes:
            mentioned = _mentioned(code)
            if not OURS[code.co_filename]:
                if mentioned & _REFLECTING:
                    return None, None
                programs |= mentioned
            found |= mentioned
        return found, programs

    def asks_for_states(self):
        """Whether the program may have looked at gradients, or at what optimizers remember."""
        if not self.listening:
            return True
        for code in self.codes:
            if code.co_name in _TELLING:
                return True
            if is_program(code):  # packages read by such names what they are told to, if anything
                named = _PACKAGES in code.co_filename
                if _mentioned(code) & (_STATES if named else _STATES | _REFLECTING):
                    return True
        return False


_STATES = frozenset("grad _grad state _opt_called".split())
# Methods, by whatever code they are called, that tell all that an object has.
_TELLING = frozenset("state_dict load_state_dict __getstate__ __setstate__ __deepcopy__ "
                     "__reduce_ex__".split())  # fmt: skip

# What packages do to objects of their own is no statement of the program's.
_ELSEWHERE = tuple(os.path.dirname(str(module.__file__)) + os.sep for module in (np, os))


def is_program(code):
    """Whether a code is the user's program, not tidu, nor NumPy, nor Python's own library."""
    name = code.co_filename
    numpy, library = map(name.startswith, _ELSEWHERE)
    inside = numpy or (library and _PACKAGES not in name)
    return not (OURS[name] or inside or name.startswith("<frozen"))


def _changes(code, names):
    """The lines of a code that set an attribute or entry, or change a container."""
    found, line = set(), code.co_firstlineno
    for i in steps(code):
        line = i.line or line
        if i.opname in _SETTING and (not names or i.opname in _ENTRY or i.argval in names):
            found.add(line)
        elif i.opname == "LOAD_ATTR" and i.argval in CHANGING:
            found.add(line)
    return found


def _looks_up(code, names):
    """The lines of a code that look up an attribute of one of these names."""
    found, line = set(), code.co_firstlineno
    for i in steps(code):
        line = i.line or line
        if i.opname == "LOAD_ATTR" and i.argval in names:
            found.add(line)
    return found


_ENTRY = {"STORE_SUBSCR", "DELETE_SUBSCR"}
_SETTING = {"STORE_ATTR", "DELETE_ATTR", "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", *_ENTRY}


def _mentioned(code):
    found = set(code.co_names)
    for constant in code.co_consts:
        found |= _words(constant)
    return found


def _words(constant):
    if isinstance(constant, str):
        return set(_WORDS.findall(constant))
    if isinstance(constant, (tuple, frozenset)):
        return set().union(*map(_words, constant)) if constant else set()
    return _mentioned(constant) if isinstance(constant, types.CodeType) else set()
