"""Results that PyTorch tracks without a derivative: its backward pass refuses, or gives zeros."""

from functools import wraps

from ..base.errors import hinted
from ..core.handle import TensorBase, bottom, element_type
from ..core.levels import StandIn
from ..core.modes import grad_enabled
from ..core.node import Node
from ..primitives import underived as p
from ..transforms.batch import Batched
from .convert import named

__all__ = ["computed", "followed", "in_place", "no_derivative", "refuse_tracked",
           "underived", "zero_derivative"]  # fmt: skip


def followed(values):
    """The tensors among `values` whose gradient somebody may ask for; none where a program is
    being recorded that has the derivatives there are (a compiled function has not)."""
    found = []
    for t in values:
        if isinstance(t, TensorBase) and element_type(t).kind in "fcVW":
            inside = bottom(t)
            if isinstance(inside, StandIn) and not getattr(inside.level, "refusing", False):
                return []
            lifted = t._value.dtype is None and t._value is not inside
            if lifted or (t._node is not None and grad_enabled()):
                found.append(t)
    return found


def no_derivative(result, aten, *inputs, name=None, says=None):
    """`result` (of one or several tensors) with a node that refuses to go back to `inputs`.

    `aten`: PyTorch's name of the operation; `name`, `says`: of the node and its error, where
    PyTorch has a formula that says so.
    """
    if not (sources := followed(inputs)):
        return result
    if not isinstance(result, TensorBase):
        parts = [no_derivative(r, aten, *inputs, name=name, says=says) for r in result]
        return type(result)(parts)
    if element_type(result).kind not in "fcVW":
        return result
    kind = RuntimeError if name is None else NotImplementedError
    if says is None:
        says = f"derivative for {aten} is not implemented"
    out = p.refused(result.detach(), *sources, kind=kind, says=says, forward=aten)
    return named(out, name or "NotImplemented", *sources)


def zero_derivative(result, name, *inputs):
    """`result` with a node that sends zeros to `inputs`: it was drawn anew."""
    sources = followed(inputs)
    out = result
    for source in sources:
        out = p.unmoved(out, source)
    return named(out, name, *[t for t in inputs if isinstance(t, TensorBase)]) if sources else out


def underived(aten, name=None, says=None):
    """Decorates a function of which PyTorch has no derivative: see `no_derivative`."""

    def decorate(function):
        @wraps(function)
        def wrapper(*args, **kwargs):
            return computed(aten, function, args, kwargs, name, says)

        return wrapper

    return decorate


def computed(aten, function, args, kwargs, name=None, says=None):
    """What such a function gives, computed without history."""
    if not (sources := followed([*args, *kwargs.values()])):
        return function(*args, **kwargs)
    bare = [a.detach() if _is_one(a, sources) else a for a in args]
    words = {k: a.detach() if _is_one(a, sources) else a for k, a in kwargs.items()}
    return no_derivative(function(*bare, **words), aten, *sources, name=name, says=says)


def _is_one(value, sources):
    return any(value is source for source in sources)


def in_place(tensor):
    """`tensor` after a write by such a function: the name in its error has an underscore more."""
    node = tensor._node
    if node.__class__ is Node and node.prim is p.refused:
        says = node.params["says"].replace(" is not", "_ is not")
        node.params = {**node.params, "says": says}
    return tensor


def refuse_tracked(function, argument, tensor, under_vmap=()):
    """Refuse a tensor that needs a gradient where the function has none for that argument.

    Where one of the tensors `under_vmap` is batched, PyTorch computes by steps that have one.
    """
    if tensor is None or not followed([tensor]):
        return
    if not any(_is_batched(t) for t in under_vmap if isinstance(t, TensorBase)):
        raise RuntimeError(hinted(
            f"The function '{function}' is not differentiable with respect to argument "
            f"'{argument}'. This input cannot have requires_grad True.",
            f"{argument}.detach() keeps it constant.",
        ))  # fmt: skip


def _is_batched(tensor):
    value = tensor._value
    while value.dtype is None and value.__class__ is not Batched and hasattr(value, "tensor"):
        value = value.tensor._value
    return value.__class__ is Batched
