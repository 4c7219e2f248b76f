"""What `print(tensor)` says: PyTorch's words, of values and of what a transform stands for."""

from textwrap import indent

import numpy as np

from ..base.dtypes import DEFAULT
from ..base.printing import tensor_text
from ..core.handle import Unresolved, bottom, settle
from ..core.modes import LOCAL
from .tensor import Tensor

__all__ = ["text_of"]


def text_of(tensor):
    value = settle(tensor)
    under = value.dtype is None and value.__class__ is not Unresolved
    return _text_under(value) if under else _plain_text(tensor, ())


def _plain_text(tensor, after):
    kind, plain = type(tensor), getattr(tensor.__torch_function__, "plain_results", False)
    grad_fn = None if tensor.is_leaf else tensor.grad_fn.name().rpartition("::")[2]
    return tensor_text(
        np.asarray(bottom(tensor)), default_dtype=DEFAULT.dtype.name,
        requires_grad=tensor.is_leaf and tensor.requires_grad, grad_fn=grad_fn, after=after,
        prefix="tensor(" if plain or kind is Tensor else f"{kind.__name__}(",
    )  # fmt: skip


def _text_under(value):
    """The text of what a transform stands for, as PyTorch words it."""
    inner = getattr(value, "tensor", None)
    if inner is None:
        if LOCAL.tracer is not None:
            LOCAL.tracer.refuse("it prints a tensor, or makes text of one")
        return f"{type(value).__name__}(shape={list(value.shape)}, level={value.level.depth})"
    axis, text = getattr(value, "axis", None), repr(inner)
    if value.level.by_hand:
        shown = value.level.alive and inner._value.dtype is not None
        return _plain_text(inner, (f"tangent={value.tangent!r}",)) if shown else text
    kind = "GradTrackingTensor(" if axis is None else "BatchedTensor("
    place = "" if axis is None else f", bdim={axis}"
    return f"{kind}lvl={value.level.depth}{place}, value=\n{indent(text, '    ')}\n)"
