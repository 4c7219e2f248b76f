"""torch._higher_order_ops.map: a function on each slice of its first argument."""

from ..base import tree
from ..core.handle import TensorBase, shape_of
from ..transforms import loops
from .body import Body, specs
from .scan import outside_first

__all__ = ["map"]


def map(f, xs, *args):
    """``f(x, *args)`` for each slice x of `xs` along its first axis, the results stacked.

    `xs` are tensors in nested containers with first axes of one size n > 0; each result gets a
    leading axis of size n. One operation in a compiled function; gradients pass through.

    >>> import tidu as torch
    >>> from tidu._higher_order_ops import map
    >>> map(lambda row, w: row @ w, torch.ones(2, 3), torch.tensor([1., 2., 3.]))
    tensor([6., 6.])
    """
    if not callable(f):
        raise RuntimeError(f"map: the first argument must be a function, but got {f}.")
    leaves = tree.leaves(xs)
    others = tree.leaves(args)
    for leaf in (*leaves, *others):
        if not isinstance(leaf, TensorBase):
            raise RuntimeError(f"Mapped xs can only consist of tensors. Got xs {leaf}.")
    shapes = [tuple(shape_of(leaf)) for leaf in leaves]
    if not shapes:
        raise RuntimeError("map() must be called with at least one tensor to go through.")
    if any(not shape for shape in shapes):
        raise IndexError("tuple index out of range")
    if any(shape[0] == 0 for shape in shapes):
        raise RuntimeError("Leading dimensions of mapped xs cannot be 0.")
    if len({shape[0] for shape in shapes}) > 1:
        told = ", ".join([f"torch.Size({list(shape)})" for shape in shapes])
        raise RuntimeError(
            f"Leading dimensions of mapped xs must be consistent. Got shapes [{told}]."
        )
    structure = tree.flatten((xs, *args))[1]
    given = [(s[1:], k) for s, k in specs(leaves)] + specs(others)
    body = Body("map", f, given, structure)
    graph = outside_first(body, len(given))
    n, m = len(body.outside), len(leaves)
    ins = graph.inputs
    graph.inputs = [*ins[:n], *ins[n + m :], *ins[n : n + m]]
    outs = loops.scan(
        *body.outside, *others, *leaves, body=graph, sizes=(n + len(others), 0),
        length=shapes[0][0], reverse=False, kept=False, draws=(body.draws,),
    )  # fmt: skip
    return tree.unflatten(body.spec, list(outs[: len(body.outputs)]))
