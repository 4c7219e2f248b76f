"""What is known of the passes back from a function's results before one begins."""

from ...core.handle import LEAF, TensorBase
from ...core.node import Packed
from ...core.versions import CLOCK
from ...primitives.underived import refused
from ...transforms.changed import told
from ...transforms.reverse import reachable, saved_by
from ...transforms.trace import Traced
from .breaks import Break
from .written import CHANGED, Overwritten

__all__ = ["calls_program", "edge", "fills", "refusal"]


def edge(tensor):
    """Where a gradient of the tensor goes: to itself, or to the node that computed it."""
    return tensor if tensor._node is LEAF else tensor._node


def refusal(tensor, memory):
    """(kind, words, leaves that ask for it) of the error that a pass back from a tensor is sure to
    end in, or None. `memory`: the `Written` of the run."""
    nodes = reachable([(edge(tensor), None)])
    for node in reversed(nodes):
        if node.prim is refused:
            return node.params["kind"], node.params["says"], _leaves(nodes)
        if node.prim.keeps and CLOCK.last > node.seq and (found := _changed(node, memory)):
            leaves = _leaves(nodes)
            if leaves != _leaves(reachable([(node, None)])):  # others have a gradient
                raise Break(CHANGED)
            return RuntimeError, found, leaves
    return None


def _leaves(nodes):
    """The ids of the leaves to which nodes lead."""
    return {id(e) for node in nodes for e in node.edges if isinstance(e, TensorBase)}


def _changed(node, memory):
    """What a pass says of a node whose saved values were written; None where they were not."""
    for value, from_node in saved_by(node):
        if value.__class__ is not Traced or not memory.stale(value, node.seq, uncounted=True):
            continue
        versions_of = memory.stale(value, node.seq)
        if versions_of is None:  # nobody notices, and it has another gradient
            raise Break(CHANGED)
        saved = node, from_node, value.element_type, value.shape
        root = memory.owner(value)
        if root.__class__ is not Traced:
            raise Break(CHANGED)
        if root.variable not in root.level.graph.inputs:
            return told(*saved, versions_of)
        return Overwritten(told(*saved, ("{now}", "{then}")), root.variable, versions_of)
    return None


def calls_program(seeds):
    """Whether functions of the program run in a pass: hooks, or a Function's backward."""
    return any(
        node.hooks is not None or node.prim.name == "function" or isinstance(node.saved, Packed)
        for node in reachable(seeds)
    )


def fills(seeds):
    """Whether a rule of the program's own may be given zeros for a result that no gradient reaches:
    such a rule need not be linear, and gives zeros where others give nothing."""
    return any(
        node.prim.name == "function" and len(getattr(node, "outputs", ())) > 1
        for node in reachable(seeds)
    )
