"""Where in the user's program an operation was called: file, line, the very expression, the loop.

The interpreter knows the columns of each instruction, so `z = x**2 + y**3` gives three operations
three different pieces of text. Read `Places.here`.
"""

import ast
import linecache
import os
import sysconfig
from functools import cache
from pathlib import Path

from ...base.frames import OURS

__all__ = ["Place", "Places", "caller", "user_frames"]

VIEWS = str(Path(__file__).parents[1])
OUTSIDE = ("<frozen", "<string>-")
STANDARD = sysconfig.get_path("stdlib") + os.sep
INSTALLED = ("site-packages", "dist-packages")  # may lie inside it


@cache
def is_users(file):
    """Whether a file is neither ours nor of Python's own library."""
    if OURS[file] or file.startswith(OUTSIDE):
        return False
    return not file.startswith(STANDARD) or any(part in file for part in INSTALLED)


def user_frames(frame, last=0):
    """The frames of the user's program, innermost first, up to the frame with the id `last`."""
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            yield frame
        if id(frame) == last:
            return
        frame = frame.f_back


def caller(frame):
    """The frame that called into this package of views."""
    while frame is not None and frame.f_code.co_filename.startswith(VIEWS):
        frame = frame.f_back
    return frame


class Place:
    """One instruction of the program: where its expression stands and what it is assigned to."""

    __slots__ = (
        "column", "end", "file", "function", "index", "is_call", "line", "loops", "target", "text",
    )  # fmt: skip

    def __init__(self, file, line, end, column, text, target, loops, function):
        self.file, self.line, self.end, self.column = file, line, end, column
        self.text, self.target, self.loops, self.function = text, target, loops, function
        self.index, self.is_call = 0, False


class Places:
    """The places met so far, and how often the loops around them have come round."""

    def __init__(self):
        self.known, self.sources, self.turns, self.latest = {}, {}, {}, {}
        self.variables = {}  # (id of a frame, loop) -> what the loop's variable held
        self.stack = {}  # id -> frame, of those the last operation was called in: none is freed

    def all(self, frames, mark):
        """`here` for each frame, innermost first.

        A call that runs many operations stays at one instruction. Whether its loop has come round
        is told by the variable of the loop; without one, by its first operation (`mark`) coming
        again, and further out by the function within being entered anew.
        """
        found, held, again = [], {id(frame): frame for frame in frames}, None
        for frame in frames:
            fresh = self.stack.get(id(frame)) is not frame
            if fresh:
                self.latest.pop(id(frame), None)
                self.turns.pop(id(frame), None)
            found.append(self.here(frame, mark, again))
            again = fresh
        self.stack = held
        return found

    def here(self, frame, mark=None, again=None):
        """(Place, loops as ((line, step), ...)) of a frame of the user's program."""
        code, last = frame.f_code, frame.f_lasti
        place = self.known.get((code, last))
        if place is None:
            place = self.known[code, last] = self._place(code, last, frame.f_lineno)
        return place, self._steps(frame, place, last, mark, again) if place.loops else ()

    def _place(self, code, last, line):
        source = self.source(code.co_filename)
        positions = _position(code, last)
        line, end, column, stop = positions if positions[0] else (line, line, None, None)
        text = source.segment(line, end, column, stop)
        target = source.targets.get((line, column, end, stop), ())
        loops = source.loops_around(line, code.co_firstlineno)
        place = Place(code.co_filename, line, end, column, text, target, loops, code.co_name)
        place.is_call = (line, column, end, stop) in source.calls
        return place

    def line(self, file, span):
        """The place of whole lines, where the instruction is not known."""
        found = self.known.get((file, span))
        if found is None:
            source = self.source(file)
            text = source.segment(span[0], span[1], None, None)
            found = Place(file, *span, None, text, (), (), "")
            self.known[file, span] = found
        return found

    def expression(self, file, node, function=""):
        """The place of an expression of the program's text."""
        span = (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
        found = self.known.get((file, span))
        if found is None:
            source = self.source(file)
            line, column, end, stop = span
            text = source.segment(line, end, column, stop)
            found = Place(file, line, end, column, text, source.targets.get(span, ()), (), function)
            self.known[file, span] = found
        return found

    def source(self, file):
        found = self.sources.get(file)
        if found is None:
            found = self.sources[file] = Source(file)
        return found

    def _steps(self, frame, place, last, mark, same):
        """Count the turns of each loop: an instruction that comes again begins another one."""
        key = id(frame)
        before, loops_before, first = self.latest.get(key, (-1, (), None))
        common = [loop for loop in place.loops if loop in loops_before]
        turns = self.turns.setdefault(key, {})
        for loop in place.loops:
            if loop not in loops_before:
                turns[loop] = 0
        if common and last == before:
            same = self._came_round(frame, common, mark == first and same is not False)
        again = last < before or (last == before and same)
        if common and again:
            turned = self._turned(frame, common)
            turns[turned] += 1
            for inner in place.loops[place.loops.index(turned) + 1 :]:
                turns[inner] = 0
        self._note_variables(frame, place.loops)
        self.latest[key] = (last, place.loops, mark if again or last != before else first)
        return tuple([(loop, turns[loop]) for loop in place.loops])

    def _variable(self, frame, loop):
        """What the variable of a `for` holds: a number or text, else which object."""
        name = self.source(frame.f_code.co_filename).variables.get(loop)
        value = frame.f_locals.get(name) if name is not None else None
        return value if isinstance(value, (int, float, str)) else id(value)

    def _note_variables(self, frame, loops):
        for loop in loops:
            self.variables[id(frame), loop] = self._variable(frame, loop)

    def _came_round(self, frame, loops, looks_so):
        """Whether the same instruction is reached in another turn: loop variables tell."""
        known = [loop for loop in loops if self._named(frame, loop)]
        if not known:
            return looks_so
        changed = any(self.variables.get((id(frame), loop)) != self._variable(frame, loop)
                      for loop in known)  # fmt: skip
        counting = self.source(frame.f_code.co_filename).counting
        # What is no counter may have the same value twice.
        return changed or (looks_so and not any(loop in counting for loop in known))

    def _named(self, frame, loop):
        return self.source(frame.f_code.co_filename).variables.get(loop) is not None

    def _turned(self, frame, loops):
        """Which loop came round: the outermost whose variable has changed, else the innermost."""
        for loop in loops[:-1]:
            if self.variables.get((id(frame), loop)) != self._variable(frame, loop):
                return loop
        return loops[-1]


def _position(code, last):
    """(line, end line, column, end column) of the instruction at byte `last`."""
    for index, position in enumerate(code.co_positions()):
        if index * 2 == last:
            return position
    return (None, None, None, None)


class Source:
    """A file of the program: its lines, its assignments and its loops."""

    def __init__(self, file):
        self.lines = [line.rstrip("\n") for line in linecache.getlines(file)]
        self.targets, self.loops, self.assignments, self.calls = {}, [], {}, set()
        self.tree, self.variables, self.counting = None, {}, set()
        try:
            self.tree = ast.parse("\n".join(self.lines)) if self.lines else None
        except (SyntaxError, ValueError):
            return
        for node in ast.walk(self.tree) if self.tree is not None else ():
            self._note(node)

    def _note(self, node):
        if isinstance(node, (ast.For, ast.While, ast.AsyncFor)):
            self.loops.append((node.lineno, node.end_lineno))
            names = [] if isinstance(node, ast.While) else _names(node.target)
            if names:
                self.variables[node.lineno] = names[0]
                called = getattr(getattr(node.iter, "func", None), "id", None)
                if called in ("range", "enumerate"):
                    self.counting.add(node.lineno)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [name for target in targets for name in _names(target)]
            value = node.value
            place = (value.lineno, value.col_offset, value.end_lineno, value.end_col_offset)
            if isinstance(value, ast.Call):
                self.calls.add(place)
            self.targets[place] = tuple([n for t in targets for n in _single(t)])
            for name in names:
                self.assignments.setdefault(name, []).append((node.lineno, node.end_lineno))
        elif isinstance(node, ast.AugAssign):
            for name in _names(node.target):
                self.assignments.setdefault(name, []).append((node.lineno, node.end_lineno))

    def loops_around(self, line, first):
        """The header lines of the loops around a line, in the function that begins at `first`."""
        found = [start for start, end in self.loops if first <= start < line <= end]
        return tuple(sorted(found))

    def segment(self, line, end, column, stop):
        """The text of an expression; the whole line where its columns are not known."""
        if not 0 < line <= len(self.lines):
            return ""
        if column is None or end is None or end > len(self.lines):
            return self.lines[line - 1].strip()
        # Columns count bytes of UTF-8.
        rows = [text.encode() for text in self.lines[line - 1 : end]]
        rows[-1] = rows[-1][:stop]
        rows[0] = rows[0][column:]
        return " ".join([row.decode("utf-8", "replace").strip() for row in rows])

    def assigned(self, name, before):
        """The lines of the last assignment to `name` at or above line `before`."""
        spans = [span for span in self.assignments.get(name, ()) if span[0] <= before]
        return max(spans) if spans else None


def _names(target):
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]


def _single(target):
    """The name a value as a whole gets: none for `a, b = ...`."""
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, ast.Attribute):
        return [ast.unparse(target)]
    return []
