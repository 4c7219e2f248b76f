"""Functions that are called by a statement which runs eagerly, as it stopped a recording in one of
them: each is compiled by itself, so that it is cut where it stopped, too.

Modules are told by `_calls_forward`: whether a call of one is a call of its `forward` alone.
"""

import types

from ...base.frames import OURS
from ..recording.breaks import code_of

__all__ = ["Callees"]

_MOST = 256  # functions of one statement, as some are made anew at each call


class Callees:
    """``callees(f)``: what to call in the place of f. `codes`: those in which it stopped;
    ``compiled(function)`` compiles."""

    def __init__(self, codes, compiled):
        self.codes = {c for c in codes if not OURS[c.co_filename]}
        self.compiled, self.kept = compiled, {}

    def __call__(self, f):
        function = self._wanted(f)
        if function is None:
            return f
        plain = getattr(function, "__func__", function)
        key = id(plain), id(getattr(function, "__self__", None))
        if key not in self.kept:
            if len(self.kept) >= _MOST:
                return f
            self.kept[key] = function, self.compiled(function)  # the ids stay theirs
        return self.kept[key][1]

    def _wanted(self, f):
        """The function in Python that a call of f calls, if it is to be compiled."""
        if f.__class__ in (types.FunctionType, types.MethodType):
            return f if code_of(f) in self.codes else None
        if getattr(type(f), "_calls_forward", None) is None or not f._calls_forward:
            return None
        return f.forward if code_of(f.forward) is not None else None
