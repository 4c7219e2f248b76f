"""One node of the tape called by itself: `grad_fn(gradient)`."""

from ..base.errors import hinted
from ..core.handle import TensorBase
from ..core.node import Node, name_of
from ..transforms.reverse import sent_by
from .engine import tensor_backward

__all__ = ["accumulated", "called"]


def called(node, shown, grads):
    """What a node sends to its inputs when its outputs get `grads`: a tensor, or a tuple.

    `shown` are its edges as users see them. No hook runs, and nothing is added to a leaf.
    """
    if getattr(node.prim, "ctx", None) is not None:
        raise TypeError(hinted(
            f"'{name_of(node)}' object is not callable",
            "this node is a Function of the program; torch.autograd.grad goes through it.",
        ))  # fmt: skip
    _require(grads, len(getattr(node, "outputs", (None,))))
    if any(edge.__class__ is Node and not _among(edge, node.edges) for edge in shown):
        raise NotImplementedError(hinted(
            f"{name_of(node)} and the steps below it are one node in tidu",
            "torch.autograd.grad(y, inputs, gradient) goes through all of them.",
        ))  # fmt: skip
    if all(g is None for g in grads):
        parts = [None] * len(node.edges)
    else:
        parts = sent_by(node, tuple(grads) if len(grads) > 1 else grads[0])
    sent = [part for edge, part in zip(node.edges, parts, strict=True) if _among(edge, shown)]
    return sent[0] if len(sent) == 1 else tuple(sent)


def accumulated(leaf, grads):
    """The end of the graph: the gradient is added to the leaf's."""
    _require(grads, 1)
    if grads[0] is not None:
        tensor_backward(leaf, grads[0])
    return ()


def _among(edge, edges):
    return any(edge is each for each in edges)


def _require(grads, count):
    if len(grads) != count:
        raise TypeError(f"expected {count} arguments, got {len(grads)} instead")
    for i, g in enumerate(grads):
        if not (g is None or isinstance(g, TensorBase)):
            raise TypeError(f"argument {i} is not a Variable")
