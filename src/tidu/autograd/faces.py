"""What users see of the tape: `grad_fn` with PyTorch's names, `next_functions`, hooks' handles."""

import weakref

from ..core.handle import TensorBase, wrap
from ..core.node import FREED, hooks_of, name_of
from ..transforms.reverse import SECOND_TIME

__all__ = ["AccumulateGrad", "GraphNode", "RemovableHandle", "face_of"]

_CLASSES = {}


class RemovableHandle:
    """Removes a hook; also a context that removes it at its end."""

    next_id = 0

    def __init__(self, hooks):
        self.hooks = weakref.ref(hooks) if hasattr(hooks, "__weakref__") else lambda: hooks
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1

    def remove(self):
        hooks = self.hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


class GraphNode:
    """A recorded operation: `name()`, `next_functions`, `metadata`, hooks, `_saved_...`."""

    def __init__(self, node):
        self._node = node

    def name(self):
        name = name_of(self._node)
        return f"torch::autograd::{name}" if name == "CopySlices" else name

    @property
    def next_functions(self):
        node = self._node
        while node.prim.name == "output_of":
            node = node.edges[0]
        found = []
        for edge in node.edges:
            if edge is None:
                found.append((None, 0))
            elif isinstance(edge, TensorBase):
                found.append((accumulator_of(edge), 0))
            else:
                found.append((face_of(edge), edge.params if edge.prim.name == "output_of" else 0))
        return tuple(found)

    @property
    def metadata(self):
        hooks = hooks_of(self._node)
        if hooks.metadata is None:
            hooks.metadata = {}
        return hooks.metadata

    def _sequence_nr(self):
        return self._node.seq

    def register_hook(self, hook):
        """hook(grad_inputs, grad_outputs) after the node has run; may return new grad_inputs."""
        return _added(hooks_of(self._node).post, hook)

    def register_prehook(self, hook):
        """hook(grad_outputs) before the node runs; may return new grad_outputs."""
        return _added(hooks_of(self._node).pre, hook)

    def __getattr__(self, name):
        if not name.startswith("_saved_"):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        node, wanted = self._node, name[7:]
        if node.saved is FREED:
            raise RuntimeError(SECOND_TIME)
        places = {"self": 0, "result": -2, "other": 1, "input": 0, "exponent": 1, "mat2": 1}
        place = places.get(wanted)
        if place is None and wanted in node.prim.inputs:
            place = node.prim.inputs.index(wanted)
        if place is None or node.saved[place] is None:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        value = node.saved[place]
        return (
            value if not hasattr(value, "dtype") or isinstance(value, TensorBase) else wrap(value)
        )

    def __repr__(self):
        return f"<{type(self).__name__} object at {id(self._node):#x}>"


def _added(hooks, hook):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


def face_of(node):
    """The user's object for a node, the same one as long as somebody holds it."""
    hooks = hooks_of(node)
    face = hooks.face() if hooks.face is not None else None
    if face is None:
        name = name_of(node)
        kind = _CLASSES.get(name)
        if kind is None:
            kind = _CLASSES[name] = type(name, (GraphNode,), {})
        face = kind(node)
        hooks.face = weakref.ref(face)
    return face


class AccumulateGrad:
    """Where a gradient ends: the leaf is `variable`."""

    def __init__(self, leaf):
        self.variable = leaf

    next_functions = ()

    def name(self):
        return "torch::autograd::AccumulateGrad"

    def __eq__(self, other):
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self):
        return id(self.variable)

    def register_hook(self, hook):
        raise NotImplementedError("use Tensor.register_post_accumulate_grad_hook on the leaf.")

    def __repr__(self):
        return f"<AccumulateGrad object at {id(self.variable):#x}>"


accumulator_of = AccumulateGrad
