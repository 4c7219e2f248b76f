"""Images and volumes whose channels lie last in memory: functions that keep them so."""

from functools import wraps

import numpy as np

from ..core.handle import TensorBase
from .convert import lie

__all__ = ["channels_last", "keeps_format"]


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
                    lie(part, np.moveaxis(last, -1, 1))
        return result

    return keeping
