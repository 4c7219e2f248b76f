"""What a gradient would have been without `detach()`: the full derivative beside the cut one.

The recorded graph is computed again with each cut tensor joined to what it came from, and small
leaves are moved a little to either side. Read `note_uncut`.
"""

from time import perf_counter

import numpy as np

from .numeric import ELEMENTS, NOISE, PASSES, SECONDS, Replay, Unknown, wide

__all__ = ["Uncut", "note_uncut"]

LEAVES = 4


class Uncut:
    """One leaf of a pass: what it got, and what it would have got without the cut."""

    __slots__ = ("call", "full", "got", "leaf")

    def __init__(self, call, leaf, got, full):
        self.call, self.leaf, self.got, self.full = call, leaf, got, full


def note_uncut(recording):
    """Fill `uncut` of each cut: for each leaf of the first pass in which the cut matters."""
    until = perf_counter() + SECONDS
    told = set()
    for call in recording.passes[:PASSES]:
        for cut in recording.cuts:
            key = cut.how, cut.source.name, cut.target.name, cut.place and cut.place.line
            if key in told or not _joins(cut):
                continue
            if perf_counter() > until:
                return
            try:
                cut.uncut = list(Joined(recording, call, cut).changed())[:LEAVES]
            except (Unknown, ArithmeticError, KeyError):
                continue
            if cut.uncut:
                told.add(key)


def _joins(cut):
    """Whether the way from the source to the cut tensor is known: it gives the tensor's value."""
    a, b = cut.source.value, cut.target.value
    if cut.way is None or a is None or b is None or a.array is None or b.array is None:
        return False
    try:
        found = along(cut, wide(a.array))
    except Unknown:
        return False
    close = np.shape(found) == b.shape and np.allclose(found, wide(b.array), 1e-4, equal_nan=True)
    return close and b.dtype.kind == "f"


def along(cut, value):
    """The value of the cut tensor, computed from its source's."""
    for prim, place, others, params in cut.way:
        if prim.name in ("to_copy", "detach", "alias"):
            continue
        given = [value[()] if k == place else wide(a) if isinstance(a, np.ndarray) else a
                 for k, a in enumerate(others)]  # fmt: skip
        try:
            value = np.asarray(prim.eval(*given, **params))
        except Exception as error:
            raise Unknown from error
    return value


class Joined(Replay):
    """The graph of a pass with one cut undone."""

    def __init__(self, recording, call, cut):
        self.cut = cut
        super().__init__(recording, call)
        if cut.target.id not in self.base:
            raise Unknown  # of another pass
        del self.base[cut.target.id]
        self.confirm()

    def reached(self, recording, call):
        return recording.of_pass(call, {self.cut.target.id: self.cut.source})

    def _computed(self, record, values):
        if record is self.cut.target:
            return along(self.cut, values[self.cut.source.id])
        return super()._computed(record, values)

    def changed(self):
        """The leaves whose derivative is another one without the cut."""
        arrived = {arrival.leaf.id: arrival.gradient for arrival in self.call.arrivals}
        for leaf in [record for record in self.records if record.kind == "leaf"]:
            start, shot = self.base[leaf.id], arrived.get(leaf.id)
            if start.dtype.kind != "f" or not 0 < start.size <= ELEMENTS:
                continue
            if shot is not None and (shot.array is None or shot.shape != start.shape):
                continue
            got = np.zeros(start.shape) if shot is None else wide(shot.array)
            full = self.slopes(leaf, start)
            scale = max(np.max(np.abs(full)), np.max(np.abs(got)), NOISE)
            if np.isfinite(full).all() and np.max(np.abs(full - got)) > 1e-3 * scale:
                yield Uncut(self.call, leaf, shot, full)
