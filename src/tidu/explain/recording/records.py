"""What a recording holds: operations and tensors as records, backward passes as steps.

Plain data, filled by `recorder.py` (while a program runs) or `after.py` (from a graph that stands),
read by everything that shows it.
"""

import linecache

import numpy as np

from .values import Snapshot

__all__ = ["Arrival", "BackwardPass", "Cut", "Message", "Record", "Recording", "Step", "summed"]


class Record:
    """One tensor and how it came about.

    kind: "op" (a recorded operation), "part" (one output of several), "leaf" (collects a gradient),
    "constant" (no gradient goes there).
    inputs: a Record, or a Python number, per argument; made: the values of several outputs.
    """

    __slots__ = (
        "bytes_saved", "face", "id", "index", "inputs", "kind", "kinks", "loops", "made",
        "made_in", "micros", "module", "names", "node", "op", "outputs", "params", "place", "prim",
        "retains", "role", "saved", "stack", "tensor", "torch_name", "value", "version",
    )  # fmt: skip

    def __init__(self, id, kind, op):
        self.id, self.kind, self.op = id, kind, op
        self.torch_name = self.node = self.prim = self.place = self.value = self.tensor = None
        self.made_in = self.face = self.index = self.role = None
        self.inputs, self.names, self.kinks, self.saved = [], [], [], []
        self.params, self.loops, self.stack, self.module = {}, (), (), ""
        self.bytes_saved = self.version = 0
        self.micros, self.retains, self.outputs, self.made = 0.0, False, (), ()

    @property
    def name(self):
        """The first name of the user's, or one of ours: v7."""
        return self.names[0] if self.names else f"v{self.id}"

    def add_name(self, name):
        if name not in self.names:
            self.names.append(name)


class Message:
    """What one operation sent to one of its inputs in a backward pass."""

    __slots__ = ("index", "source", "target", "value")

    def __init__(self, source, index, target, value):
        self.source, self.index, self.target, self.value = source, index, target, value


def summed(messages):
    """What messages add up to, in the order they came; a Snapshot, or None if one was not kept."""
    arrays = [message.value.array for message in messages]
    if not arrays or any(array is None for array in arrays):
        return messages[0].value if len(messages) == 1 else None
    total = arrays[0]
    for array in arrays[1:]:
        total = total + array
    return Snapshot(total)


class Step:
    """One operation visited by a backward pass: what arrived (a sum) and what it sent on."""

    __slots__ = ("freed", "gradient", "incoming", "record", "sent")

    def __init__(self, record, gradient, incoming, sent, freed):
        self.record, self.gradient, self.incoming = record, gradient, incoming
        self.sent, self.freed = sent, freed

    @property
    def hooked(self):
        """Whether what the operation got is not the sum of what was sent to it."""
        if isinstance(self.gradient, list) or self.gradient.array is None or not self.incoming:
            return False
        sent, got = summed(self.incoming), self.gradient.array
        if sent is None or sent.array is None:
            return False
        return not np.array_equal(sent.array, got, equal_nan=got.dtype.kind in "fc")


class Arrival:
    """A gradient that reached a leaf, and what `.grad` was before and after."""

    __slots__ = ("after", "before", "check", "gradient", "incoming", "leaf", "stored", "value")

    @property
    def hooked(self):
        """Whether what was stored is not what arrived: a hook of the program's changed it."""
        shots = [shot for shot in (self.before, self.gradient, self.after) if shot is not None]
        if not self.stored or self.after is None or any(shot.array is None for shot in shots):
            return False
        total, after = self.gradient.array, self.after.array
        if self.before is not None:
            total = self.before.array + total
        return total.dtype == after.dtype and not np.array_equal(
            total, after, equal_nan=after.dtype.kind in "fc"
        )

    def __init__(self, leaf, gradient, incoming, before, value):
        self.leaf, self.gradient, self.incoming = leaf, gradient, incoming
        self.before, self.value, self.after, self.stored = before, value, None, False
        self.check = None


class BackwardPass:
    """One call of backward() or autograd.grad()."""

    def __init__(self, index, call):
        self.index, self.call = index, call
        self.place, self.loops, self.seeds, self.steps, self.arrivals = None, (), [], [], []
        self.retain = self.create_graph = False
        self.error = None
        self.wanted = []


class Cut:
    """A place where the chain to a tracked tensor was cut: detach(), .data or no_grad().

    way: the operations from the source to the target, (primitive, which argument, the others,
    params), or None where they are not known; uncut: what leaves would have got without it.
    """

    __slots__ = ("how", "place", "source", "target", "uncut", "way")

    def __init__(self, how, source, target, place, way=()):
        self.how, self.source, self.target, self.place = how, source, target, place
        self.way, self.uncut = way, []


class Recording:
    """All records of a run, in order of creation."""

    def __init__(self):
        self.records, self.passes, self.cuts, self.modules = [], [], [], []
        self.error, self.failure, self.left_out, self.pauses = None, None, 0, []
        self.training, self.unplaced = None, 0
        self.parameters = []  # (name, Record or None, tensor)

    def new(self, kind, op):
        record = Record(len(self.records), kind, op)
        self.records.append(record)
        return record

    def of_pass(self, job, joined=None):
        """The records a backward pass concerns: all that its seeds were computed from.

        `joined` leads on from cut records: record id -> what it was cut off from.
        """
        found, waiting = {}, [seed for seed, _ in job.seeds if seed is not None]
        while waiting:
            record = waiting.pop()
            if record.id not in found:
                found[record.id] = record
                waiting.extend([i for i in record.inputs if isinstance(i, Record)])
                if joined and record.id in joined:
                    waiting.append(joined[record.id])
        return [found[key] for key in sorted(found)]

    @staticmethod
    def sources(path):
        """The lines of a file of the program."""
        return [line.rstrip("\n") for line in linecache.getlines(path)]
