"""Which line saved a value and which changed it, when backward finds a saved value changed.

Nodes that save values and writes keep the instruction of the program that made them
(`core/places.py`); here it becomes a sentence.
"""

from ..core import versions
from ..frames import line_of
from ..whereabouts import Place

__all__ = ["line_of_node", "lines_of_change"]


def lines_of_change(node, array):
    """A sentence that names both lines, or the one that is known."""
    saved, changed = line_of_node(node), _place(versions.write_after(array, node.seq))
    if saved is not None and changed is not None:
        return f"\nIt was saved at {saved}\nand changed at {changed}."
    if saved is not None:
        return f"\nIt was saved at {saved}."
    return "" if changed is None else f"\nIt was changed at {changed}."


def line_of_node(node):
    """The line of the program that made a node, or None where that was not kept."""
    return _place(getattr(node, "place", None))


def _place(kept):
    found = None if kept is None else line_of(kept)
    return None if found is None else Place(*found)
