"""Python's operators on tensors. Each gives way (NotImplemented) to an operand it cannot take, so
that Python asks the operand's own operator and, where there is none, words the refusal."""

import numpy as np

from ..base.dtypes import OF_NUMPY
from ..base.errors import hinted
from ..core import fast
from ..core.handle import TensorBase, wrap
from ..primitives import functions
from . import linalg
from .arithmetic import pow_general
from .comparison import bitwise_not
from .convert import is_operand, named, type_of
from .elementwise import BOOL

__all__ = ["invert", "matmul", "operator", "power", "reflected", "rmatmul"]


def _is_tensor(value):
    return isinstance(value, TensorBase | np.ndarray)


def operator(function, takes=is_operand):
    """The method of an operator: function(self, other)."""
    general, numbers = getattr(function, "general", function), takes is is_operand

    def method(self, other, *, out=None):
        kind = other.__class__
        if kind is TensorBase.handle_class or (numbers and (kind is float or kind is int)):
            return general(self, other)  # at once: operators in place have no path before this
        if _is_numpys(self, other):
            return general(*_as_numpy(self, other, function.__name__))
        return general(self, other) if takes(other) else _other_class(method, self, other)

    method.__name__ = method.__qualname__ = function.__name__
    method.__doc__ = function.__doc__
    prim = getattr(function, "prim", None)
    template = getattr(function, "template", fast.binary)
    return _taking(method if prim is None else template(prim, method), takes)


def reflected(function, name=None, takes=is_operand):
    """The method of an operator whose tensor is on the right: function(other, self)."""

    def method(self, other):
        if not takes(other):
            return _other_class(method, other, self)
        result = function(other, self)
        return result if name is None else named(result, name)

    method.__name__ = method.__qualname__ = function.__name__
    return _taking(method, takes)


def _taking(method, takes):
    """The method of an operator, which gives way to operands for which `takes` is false."""
    method.takes = takes
    return method


def _is_numpys(tensor, array):
    """Whether NumPy computes what is written, in PyTorch: `tensor * array`."""
    return isinstance(array, np.ndarray) and type_of(tensor).numpy.kind in "biufc"


def _as_numpy(tensor, array, name):
    """Both in the type in which NumPy computes with them, as it does in PyTorch."""
    kind = np.result_type(tensor.dtype.numpy, array.dtype)
    if name in _QUOTIENTS and kind.kind in "biu":
        kind = np.dtype(np.float64)
    return tensor.to(OF_NUMPY[kind]), wrap(array.astype(kind, copy=False))


_QUOTIENTS = ("div", "true_divide", "divide")


def _other_class(method, left, right):
    """What the class of an operand that is no tensor says, if it wants to be asked."""
    return fast.strange(method, lambda *args: NotImplemented, (left, right), {})


matmul, rmatmul = operator(linalg.matmul, _is_tensor), reflected(linalg.matmul, takes=_is_tensor)


def invert(self):
    """~self: the bits inverted, for bool not."""
    if type_of(self).category > BOOL + 1:
        raise TypeError(hinted(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors",
            "compare first, as in ~(x > 0); for the opposite number write -x.",
        ))  # fmt: skip
    return bitwise_not(self)


_taking(invert, lambda x: type_of(x).category <= BOOL + 1)


def _power(self, other, *, out=None):
    """self ** other."""
    if _is_numpys(self, other):
        return pow_general(*_as_numpy(self, other, "pow"))
    return pow_general(self, other) if is_operand(other) else NotImplemented


power = _taking(fast.binary(functions.pow, _power, two=pow_general), is_operand)
