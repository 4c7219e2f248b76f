"""What a tensor is as numbers of Python's: `item`, `float(t)`, an index, a condition."""

import numpy as np

from ..base.errors import hinted
from ..base.frames import warn_once
from ..core.handle import concrete
from ..core.modes import LOCAL, grad_enabled

__all__ = ["ToNumbers"]


class ToNumbers:
    """The methods of Tensor that leave tensors behind."""

    __slots__ = ()

    def item(self):
        """The one element as a Python number."""
        value = self._value
        if value.dtype is None:
            if LOCAL.tracer and (later := LOCAL.tracer.later(self)) is not None:
                return later
            value = concrete(self)
        if value.size != 1:
            raise RuntimeError(f"a Tensor with {value.size} elements cannot be converted to Scalar")
        number = value.item()
        return float(number) if value.dtype.kind == "V" else number

    def tolist(self):
        """Nested lists of Python numbers."""
        value = concrete(self)
        return value.astype(np.float32).tolist() if value.dtype.kind == "V" else value.tolist()

    def __bool__(self):
        value = concrete(self, "bool")
        if value.size != 1:
            if value.size == 0:
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            raise RuntimeError(
                hinted(
                    "Boolean value of Tensor with more than one value is ambiguous",
                    "use .all() or .any(), or torch.where for a choice per element.",
                )
            )
        return bool(value)

    def __float__(self):
        _warn_of_history(self)
        return float(self._number())

    def __int__(self):
        return int(self._number())

    def __complex__(self):
        _warn_of_history(self)
        return complex(self._number())

    def _number(self):
        if self.numel() != 1:
            raise ValueError(
                hinted(
                    "only one element tensors can be converted to Python scalars",
                    f"reduce the {self.numel()} elements first (.sum(), .mean()), or take "
                    ".tolist().",
                )
            )
        return self.item()

    def __index__(self):
        value = concrete(self)
        if value.size != 1 or value.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(value)


def _warn_of_history(tensor):
    """The gradient ends at a number, which is easily overlooked; of integers there is none."""
    if tensor._node is not None and grad_enabled():
        warn_once(
            "Converting a tensor with requires_grad=True to a scalar may lead to unexpected "
            "behavior.\nConsider using tensor.detach() first."
        )
