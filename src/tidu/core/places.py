"""Which instruction of the user's program is running: a code object and an offset, nothing more.

Kept for nodes that save values and for writes while `NOTES.passes_left` backward passes of the
program are still to come, so that an error found then can name both lines. A frame would keep its
variables alive, and a line number costs twice as much; `line_of` finds it.
"""

import os
from sys import _getframe

__all__ = ["NOTES", "OURS", "YOUNG", "line_of", "user_place"]

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_FAR = 24  # frames of this package on top of one another; deeper, the place is not sought


YOUNG = 200  # backward passes that end well before nothing is noted any more


class _Notes:
    """Whether places are kept. A program whose first passes end well hardly fails later; then
    nodes and writes cost nothing more (10 % of the smallest training steps otherwise)."""

    __slots__ = ("changed", "passes_left")

    def __init__(self):
        self.passes_left = YOUNG
        self.changed = []  # told when noting ends or begins again

    def begin(self):
        """Keep places (again)."""
        was, self.passes_left = self.passes_left, YOUNG
        if was <= 0:
            self.tell()

    def tell(self):
        for told in self.changed:
            told()


NOTES = _Notes()


class _Files(dict):
    """file name of a code object: whether it belongs to this package."""

    def __missing__(self, name):
        ours = self[name] = name.startswith(_HERE)
        return ours


OURS = _Files()  # a look-up takes a quarter of the time that the comparison does


def user_place(depth=2):
    """(code, offset) of the innermost frame outside this package, from `depth` frames up."""
    frame = _getframe(depth)
    for _ in range(_FAR):
        code = frame.f_code
        if not OURS[code.co_filename]:
            return code, frame.f_lasti
        frame = frame.f_back
        if frame is None:
            break
    return None, 0


def line_of(place):
    """(file, line) of a place; None where it is unknown."""
    code, offset = place
    if code is None:
        return None
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return code.co_filename, line
    return code.co_filename, code.co_firstlineno
