"""Learning rates that are tensors, or numbers of NumPy's: arithmetic with them is of their type.

PyTorch computes `lr / (1 - beta1**step)` with a float32 tensor in float32. Here it is `Rounded` for
that long; formulas get Python's numbers again.
"""

import operator

import numpy as np

from .. import ops
from ..autograd import is_grad_enabled
from ..base.dtypes import float16, float32
from ..core.modes import LOCAL
from ..frontend.tensor import Tensor

__all__ = ["Rounded", "alike", "plain", "rate"]

_TYPES = {np.float32: float32, np.float16: float16}


def _rounding(name, turned=False):
    apply = getattr(operator, name)

    def method(self, other):
        value = self.value
        if not isinstance(other, Tensor):
            other = type(value)(other.value if isinstance(other, Rounded) else other)
        out = apply(other, value) if turned else apply(value, other)
        return out if isinstance(out, Tensor) else Rounded(out)

    return method


class Rounded:
    """A NumPy scalar; arithmetic with any number is of its type. Of NumPy alone that is not so:
    `np.float32(1) / 3.0` is a float64 in NumPy 1, and `np.float32(1) / np.float64(3)` always."""

    __slots__ = ("value",)
    __array_ufunc__ = None  # NumPy's numbers leave arithmetic to this class

    def __init__(self, value):
        self.value = value

    __add__, __radd__ = _rounding("add"), _rounding("add", True)
    __sub__, __rsub__ = _rounding("sub"), _rounding("sub", True)
    __mul__, __rmul__ = _rounding("mul"), _rounding("mul", True)
    __truediv__, __rtruediv__ = _rounding("truediv"), _rounding("truediv", True)
    __pow__, __rpow__ = _rounding("pow"), _rounding("pow", True)

    def __neg__(self):
        return Rounded(-self.value)

    def __float__(self):
        return float(self.value)

    def __lt__(self, other):
        return float(self) < other

    def __gt__(self, other):
        return float(self) > other


def _computing(number):
    return Rounded(number) if type(number) in _TYPES else number


def rate(group):
    """The learning rate of a group, as something to compute with."""
    lr = group["lr"]
    if lr.__class__ is float:
        return lr
    if not isinstance(lr, Tensor):
        kind = _TYPES.get(type(lr))
        # A recording knows tensors and Python's numbers.
        if kind is None or LOCAL.tracer is None:
            return _computing(lr)
        return ops.tensor(lr.item(), dtype=kind)
    # Inside a trace the learning rate is a variable, and what is computed from it is traced;
    # a differentiable optimizer leads gradients to it.
    value = lr._value
    if value.dtype is None or (lr.requires_grad and is_grad_enabled()):
        return lr.squeeze() if lr.dim() else lr
    number = value.reshape(())[()]
    if number.dtype.kind in "iu":
        return Rounded(np.float32(number))
    return _computing(number) if number.dtype.kind == "f" else lr.item()


def alike(lr, number):
    """A number to compute with beside a rate; traced ones take its type, as Python's do."""
    if isinstance(number, Tensor) and isinstance(lr, Tensor) and number.dtype is not lr.dtype:
        return number.to(lr.dtype)
    return number


def plain(number):
    """What an update formula is given: Python's number, or a traced one in place of it."""
    if isinstance(number, Rounded):
        return number.value.item()
    if isinstance(number, np.generic):
        return number.item()
    if isinstance(number, Tensor) and number._value.dtype is None and not number.requires_grad:
        return number.double()
    return number
