"""autograd.graph: edges of the recorded graph, hooks on several tensors, memory of saved values."""

import threading
import weakref
from collections.abc import Iterable

from ..base.errors import hinted
from ..core.handle import TensorBase
from ..core.modes import LOCAL
from ..core.versions import stamp
from ..transforms.reverse import reachable
from .engine import edge_to
from .faces import GradientEdge, GraphNode, gradient_edge
from .removable import RemovableHandle
from .saved import (
    allow_mutation_on_saved_tensors,
    disable_saved_tensors_hooks,
    save_on_cpu,
    saved_tensors_hooks,
)

__all__ = ["GradientEdge", "Node", "allow_mutation_on_saved_tensors",
           "disable_saved_tensors_hooks", "get_gradient_edge", "increment_version",
           "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks"]  # fmt: skip

Node = GraphNode


def get_gradient_edge(tensor):
    """The edge through which the gradient of `tensor` comes: its GradientEdge."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not "
                           "require gradients")  # fmt: skip
    return gradient_edge(tensor)


def increment_version(tensor):
    """Note that the memory of these tensors was written by other means."""
    tensors = (tensor,) if isinstance(tensor, TensorBase) else tensor
    if not isinstance(tensors, Iterable):
        raise RuntimeError("increment_version expect a Iterable[Tensor] as input")
    for t in tensors:
        stamp(t._array())


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """fn(gradients) once all tensors have theirs ("all"), or fn(gradient) at the first ("any").

    Tensors that a backward pass does not reach are not waited for: their gradient is None.
    "all" raises AssertionError if one of them does not require gradients; "any" leaves it out.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    tensors = tuple(tensors)
    tracked = [isinstance(t, GradientEdge) or t.requires_grad for t in tensors]
    if mode == "any":
        tensors = tuple([t for t, there in zip(tensors, tracked, strict=True) if there])
    elif not all(tracked):
        raise AssertionError(hinted(
            "Expected gradient function to be set",
            f"tensor {tracked.index(False)} does not require gradients; leave it out.",
        ))  # fmt: skip
    watch = _Watch(tensors, fn, mode)
    places = [t if isinstance(t, TensorBase) else t.node for t in watch.tensors]
    return _MultiHandle(
        [
            t.register_hook(lambda g, i=i: watch.arrived(i, g))
            if isinstance(t, TensorBase)
            else t.register_prehook(lambda gs, i=i, t=e: watch.arrived(i, gs[t.output_nr]))
            for i, (t, e) in enumerate(zip(places, watch.tensors, strict=True))
        ]
    )


class _Watch:
    """Gathers the gradients of several tensors; one list for each pass that runs."""

    def __init__(self, tensors, fn, mode):
        self.tensors, self.fn, self.mode = tensors, fn, mode
        self.lock, self.passes = threading.Lock(), weakref.WeakKeyDictionary()

    def arrived(self, place, g):
        job = LOCAL.job
        with self.lock:
            entry = self.passes.get(job)
            first = entry is None
            if first:
                expected = _reached(self.tensors, job) if self.mode == "all" else 0
                entry = self.passes[job] = [expected, [None] * len(self.tensors)]
            entry[0] -= 1
            entry[1][place] = g
        if self.mode == "any":
            if first:
                self.fn(g)
        elif entry[0] == 0:
            self.fn(entry[1])


def _reached(tensors, job):
    """How many of the tensors a pass comes to; one for certain inputs only goes no other way."""
    nodes = reachable(job.seeds)
    if job.wanted is None:
        ends = {id(edge) for node in nodes for edge in node.edges}
        ends.update([id(edge) for edge, _ in job.seeds], map(id, nodes))
    else:
        ends = job.wanted | {id(node) for node in nodes if node.seq in job.needed}
    return sum(1 for t in tensors if id(edge_to(t)) in ends)


class _MultiHandle(RemovableHandle):
    """Removes several hooks."""

    def __init__(self, handles):
        self.handles = tuple(handles)

    def remove(self):
        for handle in self.handles:
            handle.remove()

    def __getstate__(self):
        return self.handles

    def __setstate__(self, state):
        self.handles = state
