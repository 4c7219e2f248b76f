"""Which memory the values of a recorded function would lie in, and when it would be written.

A graph's values never change; memory does. Where a node saved a value whose memory is written after
that, the eager pass back is an error, so a recorded one is, too. Read `Written.stale`.
"""

from bisect import bisect_right

import numpy as np

from ...core import versions
from ...core.handle import wrap
from ...core.node import FREED, Node
from ...core.versions import CLOCK, clock
from ...transforms.trace import Traced

__all__ = ["CHANGED", "Overwritten", "Written"]

CHANGED = "it writes into a tensor whose value was saved for the backward pass"


class Written:
    """`owners`: {id of a stand-in: (it, what owns its memory, since when it lies there)}; one that
    is not among them has memory of its own. `counted`: when that of an owner was written, as
    versions count; `all`: these, and when it was written through `.data`, which eager passes do
    not notice."""

    def __init__(self):
        self.owners, self.counted, self.all = {}, {}, {}

    def looks_into(self, value, source):
        """A stand-in is a view of the memory of another value."""
        self.owners[id(value)] = value, self.owner(source), 0

    def owner(self, value):
        if value.__class__ is np.ndarray:
            return versions.owner(value)
        known = self.owners.get(id(value))
        return value if known is None else known[1]

    def lies_in(self, value, memory):
        """Another stand-in for `value`, from now on in the memory of the value `memory`; itself if
        it lies there."""
        if id(value) in self.owners and self.owner(value) is self.owner(memory):
            return value
        fresh = Traced(value.variable, value.level)
        self.owners[id(fresh)] = fresh, self.owner(memory), clock()
        return fresh

    def note(self, memory, told=True):
        """The memory of a value is written now; not `told` where no version counts it."""
        root = self.owner(memory)
        CLOCK.last = clock()
        for times in (self.counted, self.all) if told else (self.all,):
            times.setdefault(id(root), (root, []))[1].append(CLOCK.last)
        if memory.__class__ is np.ndarray and told:
            versions.stamp(memory)
        return root

    def write(self, memory, out, since, told):
        """`note`, where it is written with what `out` holds. The nodes that computed `out` keep
        what they saved: another stand-in for a value that is overwritten, as eager keeps a copy of
        it; for `out` itself the one that lies in this memory from now on."""
        root = self.note(memory, told)
        start = out._node.seq if since is None and out._node.__class__ is Node else since
        waiting, seen = [out._node], set()
        while waiting:
            node = waiting.pop()
            if node.__class__ is not Node or node.seq < start or node.seq in seen:
                continue
            seen.add(node.seq)
            if node.saved is not FREED and node.saved is not None:
                kept = [self._kept(entry, root, out._value) for entry in node.saved]
                node.saved = type(node.saved)(kept)
            waiting.extend(node.edges)

    def _kept(self, entry, root, new):
        value = getattr(entry, "_value", None)
        if value.__class__ is not Traced:
            return entry
        if value is new:
            value = self.lies_in(value, root)
        elif self.owner(value) is root:
            value = Traced(value.variable, value.level)
        else:
            return entry
        return wrap(value)

    def stale(self, value, time, uncounted=False):
        """Whether memory of a stand-in was written after a node saved it at `time`: (how often it
        was by now, how often then), or None. `uncounted`: writes that no version counts are some,
        too."""
        _, root, since = self.owners.get(id(value), (value, value, 0))
        _, times = (self.all if uncounted else self.counted).get(id(root), (root, ()))
        then = bisect_right(times, max(time, since))
        return (len(times), then) if then < len(times) else None


class Overwritten:
    """What a pass back says of a tensor that each call is given and writes: `variable` in the
    graph. Its version differs from call to call."""

    __slots__ = ("then", "variable", "words", "writes")

    def __init__(self, words, variable, versions_of):
        self.words, self.variable = words, variable
        self.writes, self.then = versions_of

    def of(self, array):
        """The words, to be asked for later, for a call that has just written an array. It has
        written it once, however often the function did."""
        then = versions.version(array) - 1 + self.then

        def says():
            now = versions.version(array) - 1 + self.writes
            return self.words.replace("{now}", str(now)).replace("{then}", str(then))

        return says
