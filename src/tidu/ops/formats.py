"""Results that lie in memory as their inputs do: images and volumes with their channels last.

NumPy's own functions keep the order of the axes; these are for what is computed otherwise.
"""

from functools import wraps

import numpy as np

from ..core.handle import TensorBase
from ..core.node import FREED, Node

__all__ = ["channels_last", "keeps_format", "laid_as"]


def channels_last(value):
    """Whether an array of images or volumes has its channels last in memory, and no C order."""
    if value.__class__ is not np.ndarray or value.ndim not in (4, 5) or value.flags.c_contiguous:
        return False
    return np.moveaxis(value, 1, -1).flags.c_contiguous


def keeps_format(function):
    """Decorates f(input, ...): where the input, or the second of the arguments, has its channels
    last, so has the result."""

    @wraps(function)
    def keeping(input, *args, **words):
        result = function(input, *args, **words)
        models = (input, *args[:1], words.get("weight"))
        if any(isinstance(x, TensorBase) and channels_last(x._value) for x in models):
            for part in result if isinstance(result, tuple) else (result,):
                value = part._value
                if value.__class__ is np.ndarray and value.ndim in (4, 5):
                    last = np.ascontiguousarray(np.moveaxis(value, 1, -1))
                    _lie(part, np.moveaxis(last, -1, 1))
        return result

    return keeping


def laid_as(result, model):
    """The result, its axes in memory in the order in which those of `model` lie."""
    value, like = result._value, model._value
    if like.__class__ is np.ndarray and not like.flags.c_contiguous and value.dtype is not None:
        fresh = np.empty_like(like, value.dtype, order="K")
        fresh[...] = value
        _lie(result, fresh)
    return result


def _lie(handle, fresh):
    """Give a new tensor the same numbers in other memory, which its node may have saved."""
    old, handle._value = handle._value, fresh
    node = handle._node
    if node.__class__ is Node and node.saved is not FREED and node.saved is not None:
        node.saved = type(node.saved)([fresh if s is old else s for s in node.saved])
