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


def refusal(tensor, memory, outside):
    """(kind, words, leaves that ask for it) of the error that a pass back from a tensor is sure to
    end in, or None. `memory`: the `Written` of the run. `outside`: the ids of leaves that others
    know; what leads to none of these changes no gradient."""
    nodes = reachable([(edge(tensor), None)])
    for node in reversed(nodes):
        if node.prim is refused:
            return node.params["kind"], node.params["says"], _leaves(nodes)
        if node.prim.keeps and CLOCK.last > node.seq and (found := _written(node, memory)):
            leaves, through = _leaves(nodes), _leaves(reachable([(node, None)]))
            if through & outside == leaves & outside:
                return RuntimeError, _words(node, *found, memory), leaves
            if through & outside:  # others have a gradient
                raise Break(CHANGED)
    return None


def _leaves(nodes):
    """The ids of the leaves to which nodes lead."""
    return {id(e) for node in nodes for e in node.edges if isinstance(e, TensorBase)}


def _written(node, memory):
    """The first value that a node saved and that was written since, with what made it; or None."""
    for value, from_node in saved_by(node):
        if value.__class__ is Traced and memory.stale(value, node.seq, uncounted=True):
            return value, from_node
    return None


def _words(node, value, from_node, memory):
    """What a pass says of it."""
    versions_of, root = memory.stale(value, node.seq), memory.owner(value)
    if versions_of is None or root.__class__ is not Traced:  # where none is, nobody notices
        raise Break(CHANGED)
    saved = node, from_node, value.element_type, value.shape
    if root.variable not in root.level.graph.inputs:
        return told(*saved, versions_of)
    return Overwritten(told(*saved, ("{now}", "{then}")), root.variable, versions_of)


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
