"""torch.while_loop: a loop that runs while a function of the carried tensors holds."""

import math

import numpy as np

from ..base import tree
from ..base.dtypes import from_numpy_dtype
from ..base.errors import hinted
from ..core.handle import TensorBase, element_type, shape_of, wrap
from ..primitives.base import reshape
from ..transforms import repeat
from .body import Body, is_known, specs
from .scan import compare, outside_first

__all__ = ["while_loop"]


def while_loop(cond_fn, body_fn, carried_inputs, *, max_steps=None):
    """Runs ``carried = body_fn(*carried)`` while ``cond_fn(*carried)`` holds; returns `carried`.

    `carried_inputs` is a tuple or list of tensors (and ints), in nested containers, whose shapes
    and types stay as they are; `cond_fn` returns a boolean tensor of one element. A compiled
    function keeps the loop as one operation; under vmap each example runs as often as it must.
    Gradients pass through once, in memory for about the square root of the number of steps, as
    the steps are computed again on the way back. With `max_steps=N` (not in PyTorch) the loop ends
    after at most N steps, and has derivatives of every order.

    >>> import tidu as torch
    >>> x = torch.tensor(1., requires_grad=True)
    >>> (y,) = torch.while_loop(lambda y: y < 100, lambda y: (y * 3,), (x * 1,))
    >>> y.backward()
    >>> y, x.grad
    (tensor(243., grad_fn=<WhileLoopAutogradOpBackward>), tensor(243.))
    """
    if not callable(cond_fn) or not callable(body_fn):
        raise RuntimeError("Expect cond_fn and body_fn to be callable.")
    if not isinstance(carried_inputs, (tuple, list, dict)):
        raise RuntimeError(
            f"carried_inputs must be a tuple or list of tensors, but got {type(carried_inputs)}."
        )
    given = tuple(carried_inputs)
    leaves, structure = tree.flatten(given)
    numbers = [i for i, leaf in enumerate(leaves) if isinstance(leaf, int)]
    leaves = [wrap(np.asarray(x)) if isinstance(x, int) else x for x in leaves]
    for leaf in leaves:
        if not isinstance(leaf, TensorBase):
            raise RuntimeError(
                "carried_inputs must be a tuple of possibly nested dict/list/tuple that only "
                f"consists of tensors and ints, but got {leaf}."
            )
    out = _loop(cond_fn, body_fn, leaves, structure, max_steps)
    out = [int(o._value) if i in numbers and is_known(o) and o._value.dtype is not None else o
           for i, o in enumerate(out)]  # fmt: skip
    return tree.unflatten(structure, out)


def _loop(cond_fn, body_fn, leaves, structure, max_steps):
    kinds, n = specs(leaves), len(leaves)
    ask = Body("while_loop", _condition(cond_fn), kinds, structure)
    body = Body("while_loop", _tensors(body_fn), kinds, structure, "carried values")
    _check(body, structure, kinds)
    first, second = outside_first(ask, n), outside_first(body, n)
    if ask.draws:
        raise RuntimeError("while_loop: cond_fn draws random numbers. Draw them in body_fn.")
    if max_steps is not None:
        if not isinstance(max_steps, int) or max_steps < 0:
            raise ValueError(f"while_loop: max_steps must be a number of steps, got {max_steps}.")
        second.outputs = body.outputs
        return list(repeat.bounded(ask.outside, body.outside, leaves, first, second, max_steps))
    second.outputs = body.outputs
    sizes = len(ask.outside), len(body.outside)
    out = repeat.repeat(*ask.outside, *body.outside, *leaves, cond=first, body=second, sizes=sizes,
                        random=bool(body.draws))  # fmt: skip
    return list(out[:-1])


def _condition(cond_fn):
    """cond_fn as a function that returns one boolean tensor of no dimension."""

    def call(*carried):
        out = cond_fn(*carried)
        if isinstance(out, bool):
            out = wrap(np.asarray(out))
        if not isinstance(out, TensorBase) or element_type(out).kind != "b":
            told = out if not isinstance(out, TensorBase) else from_numpy_dtype(element_type(out))
            raise RuntimeError(_ONE.format(told))
        if math.prod(shape_of(out)) != 1:
            raise RuntimeError(_ONE.format(f"a tensor of shape {list(shape_of(out))}"))
        return reshape(out, shape=())

    return call


def _tensors(body_fn):
    """body_fn as a function whose ints are tensors."""

    def call(*carried):
        return tree.map(lambda x: wrap(np.asarray(x)) if isinstance(x, int) else x,
                        body_fn(*carried))  # fmt: skip

    return call


_ONE = "cond_fn must return a boolean scalar tensor or a boolean but got {}"


def _check(body, structure, kinds):
    if len(body.outputs) != len(kinds):
        raise RuntimeError(
            hinted(
                "Expected body_fn_output and carried_inputs to have same number of outputs but got "
                f"lhs:{len(body.outputs)} and rhs:{len(kinds)}",
                "body_fn returns a tuple with the next value of each carried tensor.",
            )
        )
    if tuple(body.spec.children_specs) != tuple(structure.children_specs):
        raise RuntimeError(
            "Expected body_fn_output and carried_inputs to have same structure but found: "
            f"{body.spec} and {structure}."
        )
    compare("body_fn_output and carried_inputs", "the carried input", "what body_fn returns",
            kinds, body.outputs)  # fmt: skip
