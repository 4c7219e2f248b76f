"""torch._higher_order_ops.scan: a loop over slices that carries values along."""

import builtins

from ..base import tree
from ..base.errors import hinted
from ..core.handle import TensorBase, shape_of
from ..primitives.base import move_batch, transpose
from ..transforms import loops
from .body import Body, described, specs

__all__ = ["along", "compare", "scan", "slices"]


def scan(combine_fn, init, xs, *, dim=0, reverse=False):
    """Runs ``carry, y = combine_fn(carry, x)`` along `dim` of `xs`; returns (last carry, all y).

    `init` and `xs` are tensors in nested containers; `carry` keeps its shapes and types. The y of
    all steps are stacked along `dim` (size n, as that of `xs` there). `reverse=True` begins with
    the last slice. A compiled function keeps the loop as one operation. Gradients of every order
    pass through; the backward pass keeps the carried values and computes each step again.

    >>> import tidu as torch
    >>> from tidu._higher_order_ops import scan
    >>> scan(lambda total, x: (total + x, total * x), torch.tensor(0.), torch.tensor([1., 2., 3.]))
    (tensor(6.), tensor([0., 2., 9.]))
    """
    if not callable(combine_fn):
        raise RuntimeError(f"Combine_fn must be a callable, but got {combine_fn}")
    if not isinstance(dim, int):
        raise RuntimeError(f"Dim must be an int, but got {type(dim)}")
    if not isinstance(reverse, bool):
        raise RuntimeError(f"Reverse must be a bool, but got {type(reverse)}")
    starts, carry_spec = tree.flatten(init)
    if not starts:
        raise RuntimeError("scan() operator requires init leaves.")
    for leaf in starts:
        if not isinstance(leaf, TensorBase):
            raise RuntimeError(f"All init leaves must be a Tensor but got {leaf}")
    leaves, _spec = tree.flatten(xs)
    if not leaves:
        return init, []
    given, length = slices("scan", leaves, dim)
    structure = tree.flatten((init, xs))[1]
    body = Body("scan", combine_fn, specs(starts) + [(s[1:], k) for s, k in specs(given)],
                structure, "carried values")  # fmt: skip
    _check(body, carry_spec, starts)
    n = len(starts)
    graph = outside_first(body, n + len(given))
    outs = loops.scan(
        *body.outside, *starts, *given, body=graph, sizes=(len(body.outside), n), length=length,
        reverse=reverse, kept=False, draws=(body.draws,),
    )  # fmt: skip
    carry, ys = body.spec.children_specs
    last = tree.unflatten(carry, list(outs[:n]))
    count = len(body.outputs)
    return last, tree.unflatten(ys, [along(y, dim) for y in outs[n:count]])


def outside_first(body, count):
    """The graph with the tensors from outside before its own inputs."""
    graph = body.graph
    graph.inputs = [*graph.inputs[count:], *graph.inputs[:count]]
    return graph


def slices(name, leaves, dim):
    """(tensors with the axis that is gone through in front, its size)."""
    given, sizes = [], []
    for leaf in leaves:
        if not isinstance(leaf, TensorBase):
            raise RuntimeError(f"All xs leaves must be a Tensor but got {leaf}")
        shape = tuple(shape_of(leaf))
        if not -len(shape) <= dim < len(shape):
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-max(len(shape), 1)}, "
                f"{max(len(shape) - 1, 0)}], but got {dim})"
            )
        given.append(move_batch(leaf, dim % len(shape)))
        sizes.append(shape[dim % len(shape)])
    if sizes[0] == 0:
        raise RuntimeError(
            "All xs leaves must at least have 'dim' number of dimensions and scan dimension > 0"
        )
    if len(set(sizes)) > 1:
        raise RuntimeError(
            f"All xs leaves must have the same size along the scan dimension, but got {sizes}."
        )
    return given, sizes[0]


def along(y, dim):
    """The stacked results with their leading axis at `dim`."""
    rank = len(shape_of(y))
    place = dim % rank if -rank <= dim < rank else 0
    if place == 0:
        return y
    order = list(builtins.range(1, rank))
    order.insert(place, 0)
    return transpose(y, axes=tuple(order))


def _check(body, carry_spec, starts):
    parts = body.spec.children_specs
    if body.spec.type is not tuple or len(parts) != 2:
        raise RuntimeError(
            hinted(
                "torch.scan: improper combine_fn number of returns",
                "combine_fn returns a tuple of two things: the next carry, and y.",
            )
        )
    if parts[0] != carry_spec:
        raise RuntimeError(
            "Expected init and carry to have same structure but found: "
            f"{carry_spec} and {parts[0]}."
        )
    compare("init and carry", "init", "carry", specs(starts), body.outputs)


def compare(what, first, second, wanted, outputs):
    """Refuse carried values that change their shape or type."""
    for i, ((shape, kind), out) in enumerate(zip(wanted, outputs, strict=False)):
        if (shape, kind) != (out.shape, out.element_type):
            known = type(out)("", shape, kind)
            raise RuntimeError(
                hinted(
                    f"Expected {what} to have same metadata but found: pair[{i}] differ in "
                    f"{'shape' if shape != out.shape else 'dtype'}.",
                    f"{first} is {described(known)}, {second} {described(out)}; carried values "
                    "must keep their shapes and types.",
                )
            )
