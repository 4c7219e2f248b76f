"""Which code runs, and so which attributes it can have read."""

import re
import sys
import types

__all__ = ["Executed"]

_PACKAGE = __file__.rpartition("compiler")[0]
_REFLECTING = {"__dict__", "vars", "getattr", "dir", "locals", "__getstate__", "__reduce_ex__",
               "attrgetter", "methodcaller", "hasattr", "asdict", "fields"}  # fmt: skip
_WORDS = re.compile(r"[^\W\d]\w*")


class Executed:
    """``with Executed() as it: ...; it.names()``: every name that the code mentions which ran.

    None where attributes may be read by names that are made at run time, or where somebody else
    already listens to calls.
    """

    def __init__(self):
        self.codes, self.listening = set(), False

    def __enter__(self):
        if sys.getprofile() is None:
            self.listening = True
            sys.setprofile(self._called)
        return self

    def __exit__(self, *error):
        if self.listening:
            sys.setprofile(None)
        return False

    def _called(self, frame, event, argument):
        if event == "call":
            self.codes.add(frame.f_code)

    def names(self):
        if not self.listening:
            return None
        found = set()
        for code in self.codes:
            mentioned = _mentioned(code)
            if not code.co_filename.startswith(_PACKAGE) and mentioned & _REFLECTING:
                return None
            found |= mentioned
        return found


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
