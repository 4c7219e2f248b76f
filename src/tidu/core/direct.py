"""The eager fast path of everything else: a result computed from plain memory, of which no gradient
is wanted. One template; each operation brings a function of arrays (`ops/direct.py`)."""

from numpy import ndarray

from ..base.dtypes import KEPT
from .fast import _named, strange
from .handle import TensorBase
from .modes import LOCAL, STATE
from .retries import worded

__all__ = ["FOR_SLOW", "array", "directly", "memory"]

_new = object.__new__
FOR_SLOW = (AttributeError, IndexError, OverflowError, TypeError, ValueError, MemoryError)


def array(tensor):
    """The array of a plain tensor through which no gradient is wanted, else None."""
    value = tensor._value
    if value.__class__ is not ndarray:
        return None
    if tensor._node is not None and (not STATE.special or LOCAL.grad):
        return None
    if KEPT and value.dtype in KEPT:
        return None
    return value


def memory(tensor):
    """The array of a plain tensor of which no gradient can be wanted (indices, masks), or None."""
    value = tensor._value
    return value if value.__class__ is ndarray else None


def _handle(value):
    handle = _new(TensorBase.handle_class)
    handle._value = value
    handle._node = handle._grad = handle._view = handle._extra = None
    return handle


def directly(compute, several=None):
    """Decorates a function: `compute`, with its arguments, gives the array of the result, or None
    for what it leaves to the function. It may raise where the function has the better message.
    `several(values, places)` puts two results together."""

    def dress(slow):
        flags = getattr(slow, "flags", None)  # which arguments must be bools
        first = 1 << 30 if flags is None else flags.first
        general = worded(slow)

        def fast(*args, **words):
            if STATE.listeners:
                return general(*args, **words)
            if (len(args) > first or (words and flags is not None)) and not flags.fit(args, words):
                return general(*args, **words)
            try:
                out = compute(*args, **words)
            except FOR_SLOW:
                out = None
            if out is None:
                return strange(fast, general, args, words)
            if out.__class__ is tuple:
                values, places = out
                return several(_handle(values), _handle(places))
            handle = _new(TensorBase.handle_class)
            handle._value = out
            handle._node = handle._grad = handle._view = handle._extra = None
            return handle

        fast.__wrapped__, fast.dress = slow, dress  # for signatures, and other spellings
        return _named(fast, slow)

    return dress
