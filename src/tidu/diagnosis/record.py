"""`diagnose()`: notes the line of every operation and every write while it is active.

It listens to operations; outside the context nothing is noted and nothing is paid.
"""

import weakref

from ..core import versions
from ..core.handle import TensorBase
from ..core.modes import listen, unlisten
from ..core.node import Node
from ..whereabouts import place_of, user_frame

__all__ = ["RECORD", "diagnose", "line_of_node", "line_of_write"]


class _Record:
    """Lines by node, and of the last writes by the time of the write."""

    def __init__(self):
        self.nodes = weakref.WeakKeyDictionary()
        self.writes = {}
        self.running = 0


RECORD = _Record()


def line_of_node(node):
    """Where a node was made, if that was noted."""
    return RECORD.nodes.get(node)


def line_of_write(time):
    """Where the write at this time was made, if that was noted."""
    return RECORD.writes.get(time)


class diagnose:
    """Inside, errors about changed values and `tidu.why` name the exact lines.

    Every operation costs some microseconds more. Outside, the same messages name the lines which
    the program's text and its variables suggest.

    >>> import tidu as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.diagnose():
    ...     y = x.exp()
    """

    def __enter__(self):
        listen(self)
        if not RECORD.running:
            versions.WATCHERS.append(_note_write)
        RECORD.running += 1
        return self

    def __exit__(self, *exc):
        unlisten(self)
        RECORD.running -= 1
        if not RECORD.running:
            versions.WATCHERS.remove(_note_write)
        return False

    def applied(self, prim, args, params, result):
        place = None
        for part in result if isinstance(result, tuple) else (result,):
            node = part._node if isinstance(part, TensorBase) else None
            if node.__class__ is Node and node not in RECORD.nodes:
                place = place or place_of(user_frame(2))
                RECORD.nodes[node] = place

    def pass_begins(self, job, seeds):
        pass

    def visited(self, job, node, g, out):
        pass

    def pass_ends(self, job):
        pass


def _note_write(array, time):
    if len(RECORD.writes) > 100_000:
        RECORD.writes.clear()
    RECORD.writes[time] = place_of(user_frame(2))
