"""Why a function cannot be recorded as one graph, and at which of its statements."""

import ast
import dis
import linecache
import sys
import time
from pathlib import Path

from ...base.frames import OURS
from ...base.process.handlers import by_handler, code_of

__all__ = ["CLOCK", "Behind", "Break", "Hooked", "Surroundings", "Undecided", "Unplaced",
           "Wanted", "code_of", "codes_below", "frames_here", "frames_of", "from_outside",
           "of_python", "stops_of"]  # fmt: skip

CLOCK = frozenset(n for n in dir(time) if not n.startswith("_")) | {"time"}
_PYTHON = str(Path(ast.__file__).parent)
CHANGING = frozenset("append extend insert pop popitem remove clear update add discard setdefault "
                     "sort reverse appendleft popleft".split())  # fmt: skip


class Break(Exception):
    """The reason is for the user. Where in the function it was is told by `frames` (pairs of code
    and line, the outermost first), or by what its statements mention (`names`), or, for what is
    made to be given back, by `returns`."""

    def __init__(self, reason, frames=(), names=frozenset(), returns=False):
        super().__init__(reason)
        self.reason, self.frames, self.names, self.returns = reason, list(frames), names, returns

    @property
    def line(self):
        """The user's innermost line, as text; one of Python's library where there is no other."""
        others = [(c.co_filename, n) for c, n in self.frames if not OURS[c.co_filename]]
        for file, number in reversed([o for o in others if not of_python(o[0])] or others):
            return f"{file}:{number}: {linecache.getline(file, number).strip()}"
        return None


def of_python(file):
    """Whether a file is of Python's own library."""
    return file.startswith((_PYTHON, "<frozen")) and "site-packages" not in file


class Surroundings(Break):
    """It changes what it reaches: the next call may find all as it is then (an optimizer's first
    step makes its state)."""


class Behind(Break):
    """It goes back beyond a tensor that it was given. In a stretch that follows from the cut."""


class Wanted(Break):
    """The program asks for it: nobody need be warned."""


class Hooked(Break):
    """A gradient arrives at a leaf with hooks, which nobody has looked into so far."""

    def __init__(self):
        super().__init__("a gradient arrives at a tensor with hooks")


class Unplaced(Exception):
    """A Break whose place in the program is to be told, which takes a run that notes lines."""


class Undecided(Exception):
    """Python asked for a value for which no answer is known (`if loss > 1:`).

    `variable` of `graph`, which was recorded up to there, is that value; `inputs` are the arrays
    of the graph's inputs, from which it can be computed; `truth`: only whether it is true was
    asked. `frames` as in Break."""

    def __init__(self, variable, truth, graph):
        super().__init__(str(variable))
        self.variable, self.truth, self.graph = variable, truth, graph
        self.inputs, self.frames = None, []


def frames_of(error):
    """Where an error was raised: (code, line) of each frame, the outermost first."""
    found, step = [], error.__traceback__
    while step is not None:
        found.append((step.tb_frame.f_code, step.tb_lineno))
        step = step.tb_next
    return found


def frames_here():
    """The same of the frame that calls."""
    found, frame = [], sys._getframe(1)
    while frame is not None:
        found.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return found[::-1]


def codes_below(reason, code):
    """The codes in which a Break happened, called by `code` or by what it calls."""
    codes = [own for own, _ in reason.frames]
    return set(codes[codes.index(code) + 1 :]) if code in codes else set()


def stops_of(reason, code):
    """``stops(node)``: whether a node of the syntax tree of `code` is what a Break is about; None
    where nothing tells."""
    lines = {line for own, line in reason.frames if own is code}
    changes = isinstance(reason, Surroundings)
    if not (lines or reason.names or reason.returns or changes):
        return None

    def stops(node):
        if isinstance(node, ast.stmt) and lines and _header(node) & lines:
            return True
        if reason.returns and isinstance(node, ast.Return):
            return True
        if isinstance(node, ast.Name) and node.id in reason.names:
            return True
        if isinstance(node, ast.Attribute) and node.attr in reason.names:
            return True
        return changes and _changes(node)

    return stops


def _header(node):
    """The lines of a statement without those of the blocks in it."""
    blocks = [part for name in ("body", "orelse", "finalbody", "handlers", "cases")
              for part in getattr(node, name, ())]  # fmt: skip
    first = [getattr(b, "pattern", b).lineno for b in blocks]  # a case stands at its pattern
    last = min(first, default=node.end_lineno + 1) - 1
    return set(range(node.lineno, max(last, node.lineno) + 1))


def _changes(node):
    """Whether something outside of the function may be changed."""
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        return isinstance(node.ctx, ast.Store) and not _is_gradient(node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in CHANGING
    return isinstance(node, (ast.Global, ast.Nonlocal))


def _is_gradient(node):
    return isinstance(node, ast.Attribute) and node.attr in ("grad", "data")


def from_outside(error):
    """Whether what ended a run has nothing to do with its code: Ctrl-C, or what a handler of a
    signal raised."""
    if by_handler(error):
        return True
    if not isinstance(error, KeyboardInterrupt):
        return False
    place = error.__traceback__
    while place.tb_next is not None:
        place = place.tb_next
    return dis.opname[place.tb_frame.f_code.co_code[place.tb_lasti]] != "RAISE_VARARGS"
