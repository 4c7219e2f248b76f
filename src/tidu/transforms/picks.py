"""x[i] where i is an index tensor without axes whose value is not known, as in a recording.

Eagerly that is a view. Here it is a copy that knows its base: `pick` stands among the steps of a
view like a primitive, and writes to either reach the other (`scattered` in `mutation.py`).
"""

import numpy as np

from ..core.handle import TensorBase, shape_of
from ..primitives.indexing import take
from .trace import StandIn, Traced, memory_of

__all__ = ["first_pick", "pick", "unknown_place"]


def unknown_place(item):
    """Whether this is an index that takes away an axis, at a place which is told later."""
    if not isinstance(item, TensorBase) or item._value.dtype is not None or shape_of(item):
        return False
    value = item._value
    while not isinstance(value, StandIn):
        if value.dtype is not None or not hasattr(value, "tensor") or hasattr(value, "axis"):
            return False  # memory, or one for each of a batch
        value = value.tensor._value
    return value.element_type.kind in "iu" and value.element_type != np.uint8


def pick(tensor, *, axis, index):
    """The part of `tensor` at the place along `axis` that `index` has."""
    out = take(tensor, index, dims=(axis,))
    value, memory = out._value, memory_of(tensor)
    if value.__class__ is Traced and memory.__class__ is np.ndarray and memory.size:
        value.level.lies(value, memory[(slice(None),) * axis + (0,)])
    return out


def first_pick(steps):
    """The position of the first `pick` among the steps of a view; None if there is none."""
    return next((k for k, (step, _) in enumerate(steps) if step is pick), None)
