"""One node of the tape called by itself: `grad_fn(gradient)`."""

from collections import Counter

from ..base.errors import hinted
from ..core.handle import TensorBase
from ..core.node import Node, name_of, past_casts
from ..transforms.reverse import run_between, sent_by
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
    grads = _for_all_outputs(node, grads)
    if all(g is None for g in grads):
        sent = [None] * len(shown)
    else:
        sent = _sent(node, shown, tuple(grads) if len(grads) > 1 else grads[0])
    return sent[0] if len(sent) == 1 else tuple(sent)


def _sent(node, shown, g):
    """One gradient for each shown edge: the node's own, or those of a composition's inputs."""
    given = [edge for edge in shown if edge is not None]
    edges = list(map(past_casts, node.edges))  # as in PyTorch, where a pass casts what arrives
    if Counter(map(id, given)) == Counter([id(edge) for edge in edges if edge is not None]):
        return _in_turn(shown, zip(edges, sent_by(node, g), strict=True))
    if len({id(edge) for edge in given}) < len(given) or not all(map(_is_real, given)):
        raise NotImplementedError(hinted(
            f"{name_of(node)} and the steps below it are one node in tidu",
            "torch.autograd.grad(y, inputs, gradient) goes through all of them.",
        ))  # fmt: skip
    sent = zip(node.edges, sent_by(node, g, summed=True), strict=True)
    found = run_between(list(sent), given)
    return [None if edge is None else found.get(id(edge)) for edge in shown]


_ONE_SEEN = ("NativeLayerNormBackward0", "NativeBatchNormBackward0")  # the rest is for the rule


def _for_all_outputs(node, grads):
    """The gradients of all outputs, for those of the ones that have any."""
    count = len(getattr(node, "outputs", (None,)))
    without = node.prim.nondiff_outputs if count > 1 else ()
    if name_of(node) in _ONE_SEEN and count > 1:
        without = range(1, count)
    if len(grads) != count:
        _require(grads, count - len(without))
        left = iter(grads)
        return tuple([None if i in without else next(left) for i in range(count)])
    _require(grads, count)
    return grads


def _in_turn(shown, sent):
    """What was sent along each of the shown edges; an edge may be there twice."""
    left = {}
    for edge, part in sent:
        left.setdefault(id(edge), []).append(part)
    return [None if edge is None else left[id(edge)].pop(0) for edge in shown]


def _is_real(edge):
    """Whether an edge leads to something that runs, and is not only drawn."""
    return edge.__class__ is not Node or edge.prim.name != "drawn"


def accumulated(leaf, grads):
    """The end of the graph: the gradient is added to the leaf's."""
    _require(grads, 1)
    if grads[0] is not None:
        tensor_backward(leaf, grads[0])
    return ()


def _require(grads, count):
    if len(grads) != count:
        raise TypeError(f"expected {count} arguments, got {len(grads)} instead")
    for i, g in enumerate(grads):
        if not (g is None or isinstance(g, TensorBase)):
            raise TypeError(f"argument {i} is not a Variable")
