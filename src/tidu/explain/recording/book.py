"""Book: one record for each node, leaf and constant met, whoever meets it first.

`adopt` enters nodes that were made while nobody listened, from the graph alone.
"""

import weakref

import numpy as np

from ...core.handle import LEAF, TensorBase
from ...core.node import FREED, Node, name_of
from ...core.versions import version
from .records import Record
from .values import Snapshot

__all__ = ["Book"]

BUDGET = 64_000_000  # bytes of copies; beyond it only small values are copied


class Book:
    """Records by the identity of what they stand for."""

    def __init__(self, recording):
        self.recording = recording
        self.by_id, self.kept, self.guards, self.arrays = {}, 0, {}, {}
        self.leaves = []

    def snapshot(self, value):
        shot = Snapshot(value) if self.kept < BUDGET else Snapshot(value, keep=1024)
        if shot.array is not None:
            self.kept += shot.array.nbytes
        return shot

    # --- what an argument is ---------------------------------------------------------------------

    def argument(self, a, edge=None):
        """The Record of a tensor, or the number itself."""
        if isinstance(a, TensorBase):
            if edge.__class__ is Node:
                return self.of_node(edge, a)
            return self.leaf(a) if edge is a or a._node is LEAF else self.constant(a)
        if isinstance(a, (np.ndarray, np.generic)):
            return self.array(a)
        return a

    def of_node(self, node, handle=None):
        record = self.by_id.get(id(node)) or self.adopt(node)
        if record.value is None and handle is not None:
            record.value = self.snapshot(handle)
        return record

    def of_edge(self, edge):
        return self.leaf(edge) if isinstance(edge, TensorBase) else self.of_node(edge)

    def leaf(self, handle):
        record = self.by_id.get(id(handle))
        if record is None:
            record = self.by_id[id(handle)] = self.recording.new("leaf", "leaf")
            record.tensor = handle
            self.leaves.append(record)
            record.torch_name = "AccumulateGrad"
            record.value = self.snapshot(handle)
        return record

    def constant(self, handle):
        """A tensor through which no gradient goes; forgotten when the program forgets it."""
        key = id(handle)
        record = self.by_id.get(key)
        if record is None:
            record = self.by_id[key] = self.recording.new("constant", "constant")
            record.value = self.snapshot(handle)
            self.guards[key] = weakref.ref(handle, lambda _: self._forget(key))
            record.face = self.guards[key]
        return record

    def _forget(self, key):
        self.by_id.pop(key, None)
        self.guards.pop(key, None)

    def array(self, value):
        """Memory without a handle, such as an operand that a node kept."""
        held, record = self.arrays.get(id(value), (None, None))
        if held is not value:
            record = self.recording.new("constant", "constant")
            record.value = self.snapshot(value)
            self.arrays[id(value)] = (value, record)
        return record

    def name_arrays(self, variables):
        """Names for such memory, from variables whose tensors lie in it."""
        for name, tensor in list(variables.items()):
            if isinstance(tensor, TensorBase) and not name.startswith("_"):
                held, record = self.arrays.get(id(tensor._value), (None, None))
                if held is not None and held is tensor._value:
                    record.add_name(name)

    # --- operations ------------------------------------------------------------------------------

    def operation(self, node, inputs, params):
        record = self.by_id[id(node)] = self.recording.new("op", node.prim.name)
        record.node, record.prim, record.params = node, node.prim, params or {}
        record.inputs = inputs
        self.note_saved(record, node)
        return record

    def part(self, node, handle=None):
        """One output of an operation with several."""
        record = self.by_id[id(node)] = self.recording.new("part", "output")
        source = self.by_id[id(node.edges[0])]
        record.node, record.prim, record.index = node, node.prim, node.params
        record.inputs = [source]
        source.outputs = (*source.outputs, record)
        if handle is not None:
            record.value = self.snapshot(handle)
        return record

    def note_saved(self, record, node):
        if node.saved is FREED or node.saved is None:
            return
        names = getattr(node.prim, "inputs", ())
        for i, value in enumerate(node.saved[: len(node.edges) + 1]):
            parts = value if value.__class__ is tuple else (value,)
            for part in parts:
                if isinstance(part, (np.ndarray, np.generic)):
                    is_out = i == len(node.edges)
                    what = "out" if is_out else names[i] if i < len(names) else f"input {i}"
                    source = record if is_out else record.inputs[i]
                    held = source.id if isinstance(source, Record) else record.id
                    record.saved.append((what, held, int(part.nbytes)))
        record.bytes_saved = sum(size for _, _, size in record.saved)

    def adopt(self, node):
        """Records for a node and all below it that have none yet, inputs first."""
        stack = [node]
        while stack:
            top = stack[-1]
            if id(top) in self.by_id:
                stack.pop()
                continue
            missing = [
                e for e in top.edges if e.__class__ is Node and id(e) not in self.by_id
            ]  # fmt: skip
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            self._adopt_one(top)
        return self.by_id[id(node)]

    def _adopt_one(self, node):
        if node.prim.name == "output_of":
            self.part(node)
            return
        inputs = []
        for i, edge in enumerate(node.edges):
            saved = None if node.saved is FREED or node.saved is None else node.saved[i]
            if edge is not None:
                record = self.of_edge(edge)
                if record.value is None and isinstance(saved, (np.ndarray, np.generic)):
                    record.value = self.snapshot(saved)
                inputs.append(record)
            elif isinstance(saved, (np.ndarray, np.generic, TensorBase)):
                inputs.append(self.array(saved))
            elif saved is None:
                inputs.append(self._unknown())
            else:
                inputs.append(saved)
        params = node.params if isinstance(node.params, dict) else {}
        record = self.operation(node, inputs, params)
        out = None if node.saved is FREED or node.saved is None else node.saved[len(node.edges)]
        if isinstance(out, (np.ndarray, np.generic)):
            record.value = self.snapshot(out)

    def _unknown(self):
        """An operand that nothing kept: its value is not known."""
        record = self.recording.new("constant", "constant")
        record.role = "unknown"
        return record

    def finish(self, names):
        """What is known only at the end: PyTorch's names, the user's, versions, retained grads."""
        for record in self.recording.records:
            node = record.node
            if node is not None:
                record.torch_name = name_of(node)
                record.retains = node.hooks is not None and bool(node.hooks.retained)
                key = id(node)
            else:
                held = record.tensor
                if held is None and record.face is not None:
                    held = record.face()
                key = id(held) if held is not None else None
                if record.tensor is not None and held._value.dtype is not None:
                    record.version = version(held._value)
            for name in names.known(key) if key is not None else ():
                record.add_name(name)
