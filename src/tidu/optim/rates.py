"""Learning rates that are tensors, or numbers of NumPy's: arithmetic with them is of their type.

PyTorch computes `lr / (1 - beta1**step)` with a float32 tensor in float32. Here it is a NumPy
scalar for that long; formulas get Python's numbers again.
"""

import numpy as np

from .. import ops
from ..autograd import is_grad_enabled
from ..base.dtypes import float16, float32
from ..core.modes import LOCAL
from ..frontend.tensor import Tensor

__all__ = ["alike", "plain", "rate"]

_TYPES = {np.float32: float32, np.float16: float16}


def rate(group):
    """The learning rate of a group, as something to compute with."""
    lr = group["lr"]
    if lr.__class__ is float:
        return lr
    if not isinstance(lr, Tensor):
        kind = _TYPES.get(type(lr))
        # A recording knows tensors and Python's numbers.
        return lr if kind is None or LOCAL.tracer is None else ops.tensor(lr.item(), dtype=kind)
    # Inside a trace the learning rate is a variable, and what is computed from it is traced;
    # a differentiable optimizer leads gradients to it.
    value = lr._value
    if value.dtype is None or (lr.requires_grad and is_grad_enabled()):
        return lr.squeeze() if lr.dim() else lr
    number = value.reshape(())[()]
    if number.dtype.kind in "iu":
        return np.float32(number)
    return number if number.dtype.kind == "f" else lr.item()


def alike(lr, number):
    """A number to compute with beside a rate; traced ones take its type, as Python's do."""
    if isinstance(number, Tensor) and isinstance(lr, Tensor) and number.dtype is not lr.dtype:
        return number.to(lr.dtype)
    return number


def plain(number):
    """What an update formula is given: Python's number, or a traced one in place of it."""
    if isinstance(number, np.generic):
        return number.item()
    if isinstance(number, Tensor) and number._value.dtype is None and not number.requires_grad:
        return number.double()
    return number
