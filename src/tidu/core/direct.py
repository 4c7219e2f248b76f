"""The eager fast path of everything else: a result computed from plain memory. One template; each
operation brings a function of arrays (`ops/direct.py`), for calls of which no gradient is wanted.
What networks use most brings another, which records (`tracked`, `recorded`)."""

from numpy import ndarray

from ..base.dtypes import KEPT
from .dispatch import saved_for
from .fast import F32, F64, _named, strange
from .handle import TensorBase, is_inference
from .modes import LOCAL, STATE
from .node import Node
from .retries import worded
from .versions import clock

__all__ = ["FOR_SLOW", "array", "directly", "kept_out", "memory", "recorded", "tracked"]

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


def tracked(tensor):
    """The array of a plain tensor of floats through which a gradient is wanted, where no thread has
    left the default (no hooks on what is saved, no other mode); else None."""
    value, node = tensor._value, tensor._node
    if node is None or value.__class__ is not ndarray or STATE.special:
        return None
    if (value.dtype is not F32 and value.dtype is not F64) or kept_out(tensor):
        return None
    return value


def kept_out(tensor):
    """Whether a tensor may not be saved, as it was made in inference mode."""
    return STATE.inference and is_inference(tensor)


def recorded(prim, edge, values, params, out):
    """The tensor of `out` with a node, as `dispatch.record` makes it: a primitive of which the
    first of one or two values is tracked, and `edge` is where its gradient goes."""
    edges = (edge,) if len(values) == 1 else (edge, None)
    handle = _handle(out)
    handle._node = Node(clock(), prim, edges, saved_for(prim, edges, values, out), params)
    return handle


def _handle(value):
    handle = _new(TensorBase.handle_class)
    handle._value = value
    handle._node = handle._grad = handle._view = handle._extra = None
    return handle


def directly(compute, several=None, recording=None, rewords=True):
    """Decorates a function: `compute`, with its arguments, gives the array of the result, or None
    for what it leaves to the function. It may raise where the function has the better message.
    `several(values, places)` puts two results together; `recording` is asked where `compute` gives
    None, and gives a tensor with its history, or None. `rewords`: errors that arguments explain
    become those of torch's function of this name."""

    def dress(slow):
        flags = getattr(slow, "flags", None)  # which arguments must be bools
        first = 1 << 30 if flags is None else flags.first
        general = worded(slow) if rewords else slow

        def fast(*args, **words):
            if STATE.listeners:
                return general(*args, **words)
            if (len(args) > first or (words and flags is not None)) and not flags.fit(args, words):
                return general(*args, **words)
            try:
                out = compute(*args, **words)
                if out is None and recording is not None:
                    if (done := recording(*args, **words)) is not None:
                        return done
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
