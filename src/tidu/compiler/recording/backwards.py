"""What is known of the passes back from a function's results before one begins."""

from ...core.handle import LEAF
from ...core.node import Packed
from ...primitives.underived import refused
from ...transforms.reverse import reachable

__all__ = ["calls_program", "edge", "fills", "refusal"]


def edge(tensor):
    """Where a gradient of the tensor goes: to itself, or to the node that computed it."""
    return tensor if tensor._node is LEAF else tensor._node


def refusal(tensor):
    """(kind, words) of the error that a pass back from a tensor is sure to end in, or None."""
    for node in reachable([(edge(tensor), None)]):
        if node.prim is refused:
            return node.params["kind"], node.params["says"]
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
