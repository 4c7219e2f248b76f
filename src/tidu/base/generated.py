"""Python code that tidu writes itself: a traceback shows its lines, as of any other file.

The names of these files lie in tidu's folder, so that their frames are not taken for the program's.
"""

import linecache
from itertools import count
from os.path import dirname, join

__all__ = ["code_of"]

_FOLDER = join(dirname(dirname(__file__)), "generated")
_COUNT = count(1)


def code_of(text, mode="exec"):
    """The code of a text, under a name by which `linecache` finds the text."""
    file = f"{_FOLDER}-{next(_COUNT)}.py"
    linecache.cache[file] = len(text), None, text.splitlines(True), file
    return compile(text, file, mode)
