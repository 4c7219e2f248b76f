"""autograd.graph: edges of the recorded graph, hooks on several tensors, memory of saved values."""

import threading

from ..core.handle import TensorBase
from ..core.versions import stamp
from .faces import GraphNode, RemovableHandle, accumulator_of, face_of

__all__ = ["GradientEdge", "Node", "disable_saved_tensors_hooks", "get_gradient_edge",
           "increment_version", "register_multi_grad_hook", "save_on_cpu",
           "saved_tensors_hooks"]  # fmt: skip

Node = GraphNode


class GradientEdge(tuple):
    """Where a gradient flows: (node, output number)."""

    __slots__ = ()

    def __new__(cls, node, output_nr):
        return tuple.__new__(cls, (node, output_nr))

    node = property(lambda self: self[0])
    output_nr = property(lambda self: self[1])


def get_gradient_edge(tensor):
    """The edge through which the gradient of `tensor` comes."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not "
                           "require gradients")  # fmt: skip
    if tensor.is_leaf:
        return GradientEdge(accumulator_of(tensor), 0)
    node = tensor._node
    return GradientEdge(face_of(node), node.params if node.prim.name == "output_of" else 0)


def increment_version(tensor):
    """Note that the memory of these tensors was written by other means."""
    for t in (tensor,) if isinstance(tensor, TensorBase) else tensor:
        stamp(t._array())


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """fn(gradients) once all tensors have theirs ("all"), or fn(gradient) at the first ("any")."""
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    tensors, lock = tuple(tensors), threading.Lock()
    state = {"found": {}}

    def arrived(place, g):
        with lock:
            found = state["found"]
            first = not found
            found[place] = g
            complete = len(found) == len(tensors)
            if complete:
                state["found"] = {}
        if mode == "any" and first:
            fn(g)
        if mode == "all" and complete:
            fn([found.get(i) for i in range(len(tensors))])

    handles = [t.register_hook(lambda g, i=i: arrived(i, g)) for i, t in enumerate(tensors)]
    return _Handles(handles)


class _Handles(RemovableHandle):
    def __init__(self, handles):
        self.handles = handles

    def remove(self):
        for handle in self.handles:
            handle.remove()


class _Nothing:
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False


class save_on_cpu(_Nothing):
    """Saved values are kept on the CPU; here they always are."""

    def __init__(self, pin_memory=False, device_type="cuda"):
        pass


class disable_saved_tensors_hooks(_Nothing):
    """Nothing to disable: saved values are kept as they are."""

    def __init__(self, error_message):
        pass


class saved_tensors_hooks:
    """Packing saved values is not available: an operation keeps arrays, which have no hooks."""

    def __init__(self, pack_hook, unpack_hook):
        raise NotImplementedError(
            "saved_tensors_hooks is not available: saved values are kept as they are. To save "
            "memory use torch.utils.checkpoint.checkpoint."
        )
