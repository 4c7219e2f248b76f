"""How the program wrote the call that is running: `x + 1`, `x.add(1)` or `torch.add(x, 1)`, and the
variable its result goes to. Functions and methods are one object here, so the bytecode tells.
"""

import operator
import sys
import traceback
from bisect import bisect_left, bisect_right
from functools import lru_cache
from types import ModuleType

from ..base.instructions import instructions

__all__ = ["CallSite", "caller_of"]

_BINARY = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "**": "pow",
    "@": "matmul", "&": "and_", "|": "or_", "^": "xor", "<<": "lshift", ">>": "rshift",
}  # fmt: skip
_OTHERS = {
    "UNARY_NEGATIVE": operator.neg, "UNARY_INVERT": operator.invert, "UNARY_POSITIVE": operator.pos,
    "BINARY_SUBSCR": operator.getitem, "BINARY_SLICE": operator.getitem,
    "STORE_SUBSCR": operator.setitem, "STORE_SLICE": operator.setitem,
}  # fmt: skip
_NAMES = ("LOAD_FAST", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF")
_UNKNOWN = object()


@lru_cache(256)
def _steps(code):
    """The instructions that do something, and where each begins."""
    found = instructions(code)
    return found, [step.offset for step in found]


def caller_of(code):
    """The CallSite of the running function that has this code."""
    frame = sys._getframe(1)
    while frame.f_code is not code:
        frame = frame.f_back
    return CallSite(frame.f_back)


class CallSite:
    """The instruction at which `frame` stands."""

    def __init__(self, frame):
        self.frame = frame
        self.steps, self.offsets = _steps(frame.f_code)
        self.place = (
            bisect_right(self.offsets, frame.f_lasti) - 1
        )  # which may stand behind its start
        self.step = self.steps[self.place] if self.place >= 0 else None

    def operation(self):
        """The function of `operator` that the instruction stands for; None where it calls."""
        if self.step is None:
            return None
        if self.step.opname == "BINARY_OP":
            sign = self.step.sign
            name = _BINARY[sign.removesuffix("=")]
            return getattr(operator, f"i{name.rstrip('_')}" if sign.endswith("=") else name)
        return _OTHERS.get(self.step.opname)

    def is_reflected(self, own):
        """Whether `own`, whose method runs, is the right operand, the left one being no tensor."""
        first = self._first_of_right()
        if first is None or first == 0:
            return False
        left = self.steps[first - 1]
        if left.opname.startswith("LOAD_CONST"):
            return True
        found = self._named(left)
        if found is not _UNKNOWN:
            return found is not own
        right = self._named(self.steps[self.place - 1])
        return right is own

    def _first_of_right(self):
        """Where the right operand of a binary instruction begins; None where nobody can tell."""
        height = 0
        for place in range(self.place - 1, -1, -1):
            step = self.steps[place]
            if step.effect is None:
                return None
            height += step.effect
            if height == 1:
                return place
        return None

    def method(self):
        """The name after the dot where the call is one of a method; None: it is a function's."""
        callee = self._callee()
        if callee is None:
            return None
        step = self.steps[callee]
        return step.argval if step.opname == "LOAD_ATTR" and not self._in_module(callee) else None

    def _callee(self):
        """Where what is called was loaded: the last name or attribute that begins where the call
        begins."""
        if self.step is None or not self.step.opname.startswith("CALL"):
            return None
        start = self.step.start
        for place in range(self.place - 1, -1, -1):
            step = self.steps[place]
            if step.opname in (*_NAMES, "LOAD_ATTR") and step.start == start:
                return place
        return None

    def _in_module(self, place):
        """Whether what stands before the last dot is a module: `torch.nn.functional`."""
        names, place = [], place - 1
        while self.steps[place].opname == "LOAD_ATTR":
            names.append(self.steps[place].argval)
            place -= 1
        found = self._named(self.steps[place])
        for name in reversed(names):
            if not isinstance(found, ModuleType):
                return False
            found = getattr(found, name, None)
        return isinstance(found, ModuleType)

    def _named(self, step):
        """The value of a variable that an instruction loads."""
        if step.opname not in _NAMES:
            return _UNKNOWN
        for space in (self.frame.f_locals, self.frame.f_globals, self.frame.f_builtins):
            if step.argval in space:
                return space[step.argval]
        return _UNKNOWN

    def _next(self, offset=1):
        place = self.place + offset
        step = self.steps[place] if 0 < place < len(self.steps) else None
        if step is not None and step.opname == "JUMP_FORWARD":
            return self.steps[bisect_left(self.offsets, step.argval)]
        return step

    def target(self, until):
        """The variable to which the result goes, in this frame or, handed on by `return`, in one
        that called it, but for the frame of code `until`; or a list of variables; or None."""
        site = self
        while site.step is not None and site.frame.f_code is not until:
            step = site._next()
            if step is None:
                return None
            if step.opname == "STORE_FAST":
                return step.argval
            if step.opname == "UNPACK_SEQUENCE":
                taken = [site._next(2 + i) for i in range(step.argval)]
                return [t.argval if t is not None and t.opname == "STORE_FAST" else None
                        for t in taken]  # fmt: skip
            if step.opname != "RETURN_VALUE" or site.frame.f_back is None:
                return None
            site = CallSite(site.frame.f_back)
        return None

    def trace(self, until):
        """The lines that led here from the frame of code `until`, as a traceback shows them."""
        found, frame = [], self.frame
        while frame is not None and frame.f_code is not until:
            found.append((frame, frame.f_lineno))
            frame = frame.f_back
        return "".join(traceback.StackSummary.extract(found[::-1]).format())
