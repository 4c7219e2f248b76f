"""The only place where serialization touches tensors: from arrays and back."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..nn.parameter import Parameter
from ..tensor import Tensor

__all__ = [
    "Parameter",
    "Tensor",
    "array_of",
    "attributes_of",
    "from_array",
    "is_tensor",
    "parameter",
]


def from_array(array: np.ndarray, requires_grad: bool) -> Tensor:
    """A tensor over this memory."""
    tensor = ops.from_array(array)
    return tensor.requires_grad_() if requires_grad else tensor


def parameter(data: Tensor, requires_grad: bool) -> Parameter:
    """A parameter that shares the memory of `data`."""
    return Parameter(data.detach(), requires_grad)


def is_tensor(value) -> bool:
    """Whether a value is a tensor (a parameter, too)."""
    return isinstance(value, Tensor)


def array_of(tensor: Tensor) -> np.ndarray:
    """The memory of a tensor."""
    return tensor.detach()._array()


def attributes_of(tensor: Tensor) -> dict:
    """What the user has set on a tensor, apart from what it is."""
    state = getattr(tensor, "__dict__", None) or {}
    return {name: value for name, value in state.items() if not name.startswith("_")}
