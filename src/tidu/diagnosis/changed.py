"""Which line saved a value and which changed it, when backward finds a saved value changed.

Both are known while places are kept (`core/places.py`). In a program that ran well for long, the
variables that hold the memory are found in the running frames, and the lines that use and change
them in the program's text; from then on places are kept again.
"""

import numpy as np

from ..core import versions
from ..core.handle import TensorBase
from ..core.node import name_of
from ..core.places import NOTES, line_of
from ..whereabouts import Place, program_frames, steps_of

__all__ = ["line_of_node", "lines_of_change"]

_SIGNS = {"mul": "*", "div": "/", "pow": "**", "mm": "@", "bmm": "@", "sub": "-", "add": "+"}


def lines_of_change(node, array):
    """A sentence that names both lines, or '' where they cannot be told."""
    try:
        return _lines_of_change(node, array)
    except Exception:  # strange objects in a program's frames must not hide the error itself
        return ""


def line_of_node(node):
    """The line of the program that made a node, or None where that was not kept."""
    return _place(getattr(node, "place", None))


def _place(kept):
    found = None if kept is None else line_of(kept)
    return None if found is None else Place(*found)


def _lines_of_change(node, array):
    saved, changed = line_of_node(node), _place(versions.write_after(array, node.seq))
    if saved is not None and changed is not None:
        return f"\nIt was saved at {saved}\nand changed at {changed}."
    NOTES.begin()
    for frame in program_frames(3):
        names = _holders(frame, array)
        found = _lines(steps_of(frame), names, node, frame.f_lineno) if names else None
        if found is not None:
            return found
    return "" if changed is None else f"\nIt was changed at {changed}."


def _holders(frame, array):
    """The names in a frame, `x` or `self.x`, whose tensor lies in this memory."""
    root, names = versions.owner(array), set()
    for word, value in frame.f_locals.items():
        if _holds(value, root):
            names.add(word)
        for inner, part in _attributes(value).items():
            if _holds(part, root):
                names.add(f"{word}.{inner}")
    return names


def _attributes(value):
    """An object's own attributes, without asking the object."""
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}


def _holds(value, root):
    held = value._value if isinstance(value, TensorBase) else value
    return isinstance(held, (np.ndarray, np.generic)) and versions.owner(held) is root


def _lines(steps, names, node, until):
    changes = [s for s in steps if names & s.changes]
    if not changes:
        return None
    change = _best(changes, until)
    word = name_of(node).partition("Backward")[0].lower().strip("_")
    uses = [s for s in steps if (names & (s.reads | s.names)) and s is not change
            and (word in s.text.lower() or _SIGNS.get(word, "\n") in s.text)]  # fmt: skip
    before = [s for s in uses if s.line < change.line] or uses
    text = f"\nProbably the line that changed it is {change.place}"
    if before:
        text += f"\nand the line that saved it is {before[-1].place}"
    return text + "\n(as the program's text has it: it ran well too long for notes to be kept)."


def _best(changes, until):
    before = [s for s in changes if s.line <= until]
    return (before or changes)[-1]
