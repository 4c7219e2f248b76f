"""Which frames are the program's, and which instruction of it is running.

An instruction is a code object and an offset, nothing more: a frame would keep its variables
alive, and a line number costs twice as much. Nodes that save values and writes keep one, so that
the error about a saved value that was changed can name both lines; `line_of` finds them.
"""

import itertools
import linecache
import os
import warnings
from functools import wraps
from sys import _getframe, getprofile

__all__ = ["OURS", "compile_source", "last_of_program", "line_of", "placed", "unheard",
           "user_depth", "user_frame", "user_place", "warn_always", "warn_once"]  # fmt: skip

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_COUNT = itertools.count(1)


class _Files(dict):
    """file name of a code object: whether it belongs to this package."""

    def __missing__(self, name):
        ours = self[name] = name.startswith(_HERE)
        return ours


OURS = _Files()  # a look-up takes a quarter of the time that the comparison does


def user_frame(skip=1):
    """The innermost frame outside this package, or None."""
    frame = _getframe(skip)
    while frame is not None and OURS[frame.f_code.co_filename]:
        frame = frame.f_back
    return frame


def last_of_program(traceback):
    """The innermost part of a traceback outside this package; its frame may have gone on."""
    found = None
    while traceback is not None:
        if not OURS[traceback.tb_frame.f_code.co_filename]:
            found = traceback
        traceback = traceback.tb_next
    return found


def user_place(depth=2):
    """(code, offset) of the innermost frame outside this package, from `depth` frames up; of the
    outermost frame if there is none."""
    frame = _getframe(depth)
    code = frame.f_code
    while OURS[code.co_filename] and (above := frame.f_back) is not None:
        frame = above
        code = frame.f_code
    return code, frame.f_lasti


def user_depth():
    """How many frames above its caller's the user's line is, as `warnings.warn` counts."""
    count, frame = 1, _getframe(1)
    while frame is not None and OURS[frame.f_code.co_filename]:
        frame, count = frame.f_back, count + 1
    return count


_WARNED = set()
_ALWAYS = [False]


def warn_once(text):
    """A UserWarning at the user's line, given once in a process (PyTorch's TORCH_WARN_ONCE)."""
    if text not in _WARNED or _ALWAYS[0]:
        _WARNED.add(text)
        warnings.warn(text, UserWarning, stacklevel=user_depth())


def warn_always(always=None):
    """Whether what is said once is said each time; it is set if `always` is given."""
    if always is not None:
        _ALWAYS[0] = bool(always)
    return _ALWAYS[0]


def line_of(place):
    """(file, line) of a place; None where it is unknown."""
    code, offset = place
    if OURS[code.co_filename]:
        return None
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return code.co_filename, line
    return code.co_filename, code.co_firstlineno


def unheard(function):
    """A function that reads nothing of the program's: who listens to the calls of programs alone
    (`of_programs`, in the compiler) does not hear of those it makes, each of which costs time."""

    @wraps(function)
    def call(*args):
        listener = getprofile()
        if not getattr(listener, "of_programs", False):
            return function(*args)
        listener.disable()
        try:
            return function(*args)
        finally:
            listener.enable()

    return call


def compile_source(text, mode="exec"):
    """The code of a text that tidu wrote. Tracebacks show its lines, and its frames are tidu's: it
    has the name of a file in tidu's folder, under which `linecache` finds the text."""
    return compile(text, _file_of(text), mode)


def placed(code, text):
    """The code of a function in such a text, made by another process, as one of this process."""
    return code.replace(co_filename=_file_of(text))


def _file_of(text):
    file = f"{_HERE}generated-{next(_COUNT)}.py"
    linecache.cache[file] = len(text), None, text.splitlines(True), file
    return file
