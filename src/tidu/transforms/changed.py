"""What backward says when a saved value was changed, and which line saved it, which changed it.

Nodes that save values and writes keep the instruction of the program that made them
(`base/frames.py`); here it becomes a sentence.
"""

from ..base.dtypes import tensor_type
from ..base.errors import hinted
from ..base.frames import line_of
from ..base.whereabouts import Place
from ..core import versions
from ..core.node import Node, name_of

__all__ = ["line_of_node", "message", "told"]


def message(node, from_node, array):
    """The error of a node whose saved value `array`, which `from_node` made, was changed."""
    versions_of = versions.version(array), versions.version_at(array, node.seq)
    return told(node, from_node, array.dtype, array.shape, versions_of, _lines(node, array))


def told(node, from_node, dtype, shape, versions_of, lines=""):
    """The same of any value; `versions_of` it now, and as it was saved."""
    made_by, (now, then) = "", versions_of
    if isinstance(from_node, Node):
        made_by = f", which is output 0 of {name_of(from_node).partition('Backward')[0]},"
    return hinted(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{tensor_type(dtype)} {list(shape)}]{made_by} is at version "
        f"{now}; expected version {then} instead.",
        f"{name_of(node)} needs the value as it was in the forward pass. Write the changing "
        "line without in-place (y = y + 1 instead of y += 1), or clone() the tensor before it."
        + lines,
    )


def _lines(node, array):
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
