"""autograd.Variable: the name tensors had before they could differentiate themselves."""

from ..core.handle import TensorBase, wrap

__all__ = ["Variable"]


class _VariableMeta(type):
    def __instancecheck__(cls, other):
        return isinstance(other, TensorBase)


class Variable(metaclass=_VariableMeta):
    """Variable(tensor, requires_grad=False) is a tensor with the same memory.

    >>> import tidu as torch
    >>> torch.autograd.Variable(torch.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data=None, requires_grad=None, volatile=None):
        if not isinstance(data, TensorBase):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        if requires_grad is None and not volatile:
            return data
        result = wrap(data._array() if data._value.dtype is not None else data._value)
        if requires_grad:
            result.requires_grad_()
        return result
