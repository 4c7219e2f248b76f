"""The instructions of a code in the same words for every version of Python."""

import dis
import re
from collections import namedtuple

__all__ = ["Step", "instructions", "steps"]

# `sign`: of an operation, as "+="; `effect`: how many more values are on the stack afterwards, None
# where that depends on the way taken; `start`: (line, column) of the text it belongs to, or None.
Step = namedtuple("Step", "opname argval sign effect offset line start")

_IDLE = {"CACHE", "COPY_FREE_VARS", "EXTENDED_ARG", "NOP", "NOT_TAKEN", "RESUME"}
_FOR_CALLS = {"KW_NAMES", "PRECALL", "PUSH_NULL"}
_SAME = {
    "LOAD_FAST_BORROW": "LOAD_FAST", "LOAD_FAST_CHECK": "LOAD_FAST", "LOAD_METHOD": "LOAD_ATTR",
    "LOAD_SMALL_INT": "LOAD_CONST",
}  # fmt: skip
_PAIR = re.compile(r"(LOAD|STORE)_FAST(?:_BORROW)?_(LOAD|STORE)_FAST(?:_BORROW)?")
_JUMPS = {*dis.hasjabs, *dis.hasjrel}
_BEHIND = (None, None)  # where the second one of a pair begins, which has the place of the first


def instructions(code):
    """A `Step` for each instruction that does something, named as in Python 3.11: one for each
    variable, and methods as attributes."""
    found = []
    for i in dis.get_instructions(code):
        name, at = i.opname, i.positions
        if name in _IDLE:
            continue
        where = i.offset, at and at.lineno, at and (at.lineno, at.col_offset)
        if found and found[-1].start is _BEHIND:  # an attribute's text begins with the variable's
            start = where[2] if name in ("LOAD_ATTR", "LOAD_METHOD") else None
            found[-1] = found[-1]._replace(start=start)
        if pair := _PAIR.fullmatch(name):
            first, second = [
                (f"{half}_FAST", variable, "", 1 if half == "LOAD" else -1)
                for half, variable in zip(pair.groups(), i.argval, strict=True)
            ]
            found += [Step(*first, *where), Step(*second, *where[:2], _BEHIND)]
            continue
        if name == "BINARY_OP" and i.argrepr == "[]":
            name = "BINARY_SUBSCR"
        effect = None if i.opcode in _JUMPS else dis.stack_effect(i.opcode, i.arg)
        found.append(Step(_SAME.get(name, name), i.argval, i.argrepr, effect, *where))
    return found


def steps(code):
    """The same without what only prepares calls."""
    found = []
    for step in instructions(code):
        if step.opname == "CALL_KW":
            found.pop()  # the names of arguments
            step = step._replace(opname="CALL")
        if step.opname not in _FOR_CALLS:
            found.append(step)
    return found
