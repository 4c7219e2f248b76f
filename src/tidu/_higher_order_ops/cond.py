"""torch.cond: one of two functions, chosen by a tensor."""

from ..base import tree
from ..base.errors import hinted
from ..core.handle import TensorBase, element_type, shape_of
from ..primitives.base import cast, reshape
from ..transforms import control
from .body import Body, described, start

__all__ = ["cond", "one_truth"]


def cond(pred, true_fn, false_fn, operands=()):
    """`true_fn(*operands)` if `pred` holds, else `false_fn(*operands)`.

    `pred` is a bool or a tensor of one element; `operands` are tensors, in nested containers; both
    functions return tensors of the same shapes and types in the same structure. With a tensor as
    predicate both are recorded, and one runs, so a compiled function keeps both; under vmap, where
    the predicate differs between examples, both run and each example takes its own result.
    Gradients of every order pass through, also to tensors that the functions use from outside.

    >>> import tidu as torch
    >>> x = torch.tensor([1., 2.])
    >>> torch.cond(x.sum() > 5, lambda x: x.sin(), lambda x: x * 2, (x,))
    tensor([2., 4.])
    """
    if not isinstance(pred, (bool, int, float, TensorBase)):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred}.")
    if not callable(true_fn) or not callable(false_fn):
        raise RuntimeError("Expect both branches to be callable.")
    if not isinstance(operands, (tuple, list)):
        raise RuntimeError(_operands(operands))
    leaves, specs, structure = start("torch.cond", operands, lambda leaf: _operands(operands))
    if not isinstance(pred, TensorBase):
        return (true_fn if pred else false_fn)(*operands)
    pred = one_truth(pred, f"Expected pred to be bool or single-element tensor, but got {pred}."
                     if pred._value.dtype is not None else _ELEMENTS)  # fmt: skip
    true = Body("torch.cond", true_fn, specs, structure)
    false = Body("torch.cond", false_fn, specs, structure)
    _check(true, false)
    true.with_more([], false.outside, 0)
    false.with_more(true.outside, [], len(leaves))
    outs = control.cond(
        pred, *leaves, *true.outside, *false.outside, true=true.graph, false=false.graph,
        draws=(true.draws, false.draws),
    )  # fmt: skip
    return tree.unflatten(true.spec, list(outs[: len(true.outputs)]))


_ELEMENTS = "Expected pred to be bool or single-element tensor, but it has several elements."


def one_truth(pred, message):
    """The predicate as a boolean tensor of no dimension."""
    shape = tuple(shape_of(pred))
    if any(n != 1 for n in shape):
        raise RuntimeError(message)
    if shape:
        pred = reshape(pred, shape=())
    kind = element_type(pred)
    return pred if kind.kind == "b" else cast(pred, to=_BOOL, origin=kind)


_BOOL = control.np.dtype(bool)


def _operands(operands):
    return (
        "Expect operands to be a tuple of possibly nested dict/list/tuple that only consists of "
        f"tensor leaves, but got {operands}."
    )


def _check(true, false):
    if true.spec != false.spec:
        raise RuntimeError(
            hinted(
                "Unmatched output spec from torch.cond branches: true branch tree_spec "
                f"{true.spec} vs false branch tree_spec {false.spec}.",
                "both functions must return the same number of tensors in the same containers.",
            )
        )
    for a, b in zip(true.outputs, false.outputs, strict=True):
        if (a.shape, a.element_type) != (b.shape, b.element_type):
            what, x, y = _difference(a, b)
            raise RuntimeError(
                hinted(
                    "When merging two branches' output in torch.cond,  expected same "
                    f"{what} but got {x} and {y}.",
                    f"true_fn returns {described(a)}, false_fn {described(b)}.",
                )
            )


def _difference(a, b):
    if a.element_type != b.element_type:
        return "dtype", *[described(v).partition(" ")[0] for v in (a, b)]
    if len(a.shape) != len(b.shape):
        return "dim", len(a.shape), len(b.shape)
    return "shape", list(a.shape), list(b.shape)
