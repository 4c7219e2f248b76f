"""Tensors as instances of a user's subclass."""

from ..base.errors import hinted
from ..core.handle import TensorBase, note_view
from ..ops.convert import named
from ..ops.shapes import view_as

__all__ = ["as_subclass", "of_class"]


def of_class(cls, tensor):
    """The same value as a new instance of a class."""
    handle = object.__new__(cls)
    handle._value, handle._node = tensor._value, tensor._node
    handle._grad = handle._view = handle._extra = None
    return handle


def as_subclass(self, cls):
    """The same memory as an instance of `cls`; gradients pass through."""
    if not isinstance(cls, type) or not issubclass(cls, TensorBase):
        raise TypeError(hinted(
            "Creating a Tensor subclass from a class that does not inherit from Tensor is not "
            "possible. Make sure your class inherits from Tensor.",
            "write class T(torch.Tensor).",
        ))  # fmt: skip
    if self._node is None:
        return of_class(cls, self)
    view = named(view_as(self, self), "AliasBackward0")
    made = of_class(cls, view)
    made._view = view._view
    if made._view is not None:
        note_view(made._view.base, made)
    return made
