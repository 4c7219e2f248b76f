"""What functions make of tensors without numbers: they run on stand-ins that know shape and type.

Nothing is computed and no random number drawn. Gradients have no numbers either, so the history of
a result is one node of any number of inputs, under the name PyTorch's node has.
"""

import numpy as np

from ..autograd.function import Function
from ..base import tree
from ..base.errors import ValueAsked, hinted
from ..core.handle import TensorBase, element_type, shape_of, wrap
from ..core.modes import LOCAL, grad_enabled
from ..core.node import name_of
from ..ops.convert import named
from ..transforms.trace import Traced, Tracer
from .tensor import INSTEAD, Meta, MetaTensor

__all__ = ["by_shape"]

_INDEXING = ("__getitem__", "getitem", "__setitem__", "setitem", "index_select", "index_put_",
             "take", "put")  # fmt: skip


class _Stage(Tracer):
    """A trace of which only the forms of the results are wanted."""

    def answer(self, variable, use):
        raise ValueAsked(use)

    def drawn(self, draw, shape, tensors=()):
        """What stands for random numbers: their type is that of none of them."""
        if shape is None:
            shapes = [tuple(shape_of(t)) for t in tensors if isinstance(t, TensorBase)]
            shape = np.broadcast_shapes(*shapes)
            nothing = [np.empty(0, element_type(t)) if isinstance(t, TensorBase) else t
                       for t in tensors]  # fmt: skip
            kind = draw(*nothing).dtype
        else:
            kind = draw((0,) * max(len(shape), 1)).dtype
        return wrap(Traced(self.graph.variable(tuple(shape), kind), self))


def by_shape(func, *args, **kwargs):
    """The result of a function of torch's, at least one of whose arguments has no numbers."""
    name, stage, inputs = getattr(func, "__name__", None) or func.name, _Stage(), {}

    def stand_in(value):
        if isinstance(value, MetaTensor):
            if id(value) not in inputs:
                made = stage.input(tuple(value._value.shape), element_type(value._value.inner))
                inputs[id(value)] = value, made.requires_grad_(value.requires_grad)
            return inputs[id(value)][1]
        if isinstance(value, TensorBase) and shape_of(value) and name not in _INDEXING:
            raise RuntimeError(hinted(
                f"Tensor on device {value.device} is not on the expected device meta!",
                "all tensors of a call must be on one device: x.to('meta') is without numbers.",
            ))  # fmt: skip
        return value

    places, words = tree.map(stand_in, (args, kwargs))
    outer, LOCAL.tracer = LOCAL.tracer, stage
    try:
        result = func(*places, **words)
    except ValueAsked:
        raise NotImplementedError(hinted(
            f"aten::{name}: attempted to run this operator with Meta tensors, but what it gives "
            "depends on numbers, which they have not.", INSTEAD,
        )) from None  # fmt: skip
    finally:
        LOCAL.tracer = outer
    given = [value for value, _ in inputs.values()]
    if name.endswith("_") and not name.endswith("__") or "out" in kwargs or "set" in name[:5]:
        return _written(kwargs.get("out", args[0]), result, given)
    return tree.map(lambda value: _made(value, given), result)


def _made(value, given):
    """A result without numbers, with a history where an input has one."""
    if not isinstance(value, TensorBase) or not _is_traced(value):
        return value
    return MetaTensor._of(Meta(_inner(value, given), _strides(value)))


def _is_traced(value):
    inside = value._value
    while getattr(inside, "tensor", None) is not None:
        inside = inside.tensor._value
    return inside.__class__ is Traced


def _strides(value):
    steps, size = [], 1
    for length in reversed(tuple(shape_of(value))):
        steps.append(size)
        size *= max(length, 1)
    return reversed(steps)


def _inner(value, given):
    spread = np.broadcast_to(np.zeros((), element_type(value)), tuple(shape_of(value)))
    tracked = [one._value.inner for one in given if one.requires_grad]
    if not (value.requires_grad and tracked and grad_enabled()):
        return wrap(spread)
    made = _Unknown.apply(spread, *tracked)
    node = value._node
    return named(made, name_of(node)) if hasattr(node, "prim") else made


def _written(target, result, given):
    """What is left of a write: the form that was there, and a new history."""
    value = result if isinstance(result, TensorBase) else target
    if isinstance(target, MetaTensor):
        version = target._value.version
        if grad_enabled() and value.requires_grad and _is_traced(value):
            target._value = Meta(_inner(value, given), target._value.steps)
        target._value.version = version + 1
    return None if result is None else target


class _Unknown(Function):
    """A result without numbers, of inputs whose gradients have none."""

    @staticmethod
    def forward(ctx, spread, *inputs):
        ctx.forms = [(tuple(shape_of(x)), element_type(x)) for x in inputs]
        return wrap(spread)

    @staticmethod
    def backward(ctx, g):
        return None, *[wrap(np.broadcast_to(np.zeros((), kind), form)) for form, kind in ctx.forms]
