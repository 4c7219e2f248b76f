"""The eager fast path: one closure template per arity, for float32 and float64.

On plain memory each does what `below` would, without the search for transforms. Under a transform
it goes to `below` at once where nothing is to be promoted. Every other case is for `slow`. A test
runs every operator both ways.

`slow` is never called while an exception is handled: the user would see NumPy's beside ours.
"""

import operator

import numpy as np
from numpy import ndarray

from ..base.lazy import Door
from .blocks import LOOP_FROM, large, loop_from
from .dispatch import below
from .handle import LEAF, TensorBase, element_type, is_inference, wrap
from .modes import LOCAL, STATE
from .node import Node
from .primitive import OUT
from .retries import worded
from .versions import clock

__all__ = ["ASKED", "answer", "binary", "pair", "product", "reduction", "strange", "triple",
           "unary"]  # fmt: skip

_new = object.__new__
F32, F64, I64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)


_FLOATS = (F32, F64)
_UNKNOWN = object()  # instead of a dtype: no tensor
_ARRAY, _MANY = np.zeros(0), (0,) * 9


def _transformed(prim, value, other, args, numbers):
    """prim(*args) by the level that handles it, `value` being one operand, of a transform, and
    `other` the other; None where these need promotion or messages."""
    kind, level = value.element_type, value.level
    if kind is not F32 and kind is not F64:
        return None
    if isinstance(other, TensorBase):
        second = other._value
        dtype = second.dtype
        shape, other_shape = value.shape, second.shape
        if other_shape != shape and other_shape != () and shape != ():
            return None
        if (second.element_type if dtype is None else dtype) is not kind:
            return None
        if dtype is None and second.level.depth > level.depth:
            level = second.level
    elif not numbers or (other.__class__ is not float and other.__class__ is not int):
        return None
    elif other.__class__ is int and not -_2_53 < other < _2_53:
        return None
    return below(prim, args, {}) if STATE.listeners else level.pair(prim, *args)


_REFUSALS = (ValueError, OverflowError, ZeroDivisionError, MemoryError)  # shapes, numbers, sizes
_2_53 = 1 << 53  # beyond, a Python number may not fit a float


def _multiplied(x, y):
    """Whether two values, one of a transform, are a matrix and what it may be multiplied with."""
    kind, other = element_type(x), element_type(y)
    a, b = x.shape, y.shape
    return kind is other and kind in _FLOATS and len(a) == 2 and len(b) in (1, 2) and a[1] == b[0]


def unary(prim, slow):
    """f(x) for an elementwise primitive; `slow` is the general function."""
    compute, slow = prim.eval, worded(slow)
    keeps_x, keeps_out = 0 in prim.uses[0], OUT in prim.uses[0]
    from_f32, from_f64 = loop_from(prim)

    def fast(input, *, out=None):
        x = input
        try:
            value = x._value
            dtype = value.dtype
        except AttributeError:
            dtype = _UNKNOWN
        if (dtype is not F32 and dtype is not F64) or out is not None or STATE.listeners:
            if dtype is None and out is None and value.element_type in _FLOATS:
                return (
                    below(prim, (x,), {})
                    if STATE.listeners
                    else value.level.process(prim, (x,), {})
                )
            if dtype is _UNKNOWN:
                return strange(fast, slow, (x,), {"out": out})
            return slow(x, out=out)
        try:
            few = value.size < (from_f32 if dtype is F32 else from_f64)
            out = compute(value) if few else large(prim, value)
        except MemoryError:
            out = None
        if out is None:
            return slow(x)
        handle = _new(TensorBase.handle_class)
        handle._value = out
        handle._grad = handle._view = handle._extra = None
        node = x._node
        if node is not None and STATE.special and not LOCAL.grad:
            node = None
        if node is not None:
            saved = (value if keeps_x else None, out if keeps_out else None, None)
            edge = x if node is LEAF else node
            node = Node(clock(), prim, (edge,), saved, None)
        handle._node = node
        return handle

    fast.kernel = {F32: (compute, from_f32), F64: (compute, from_f64)}  # of fewer elements
    return _named(fast, slow)


def binary(prim, slow, numbers=True, two=None):
    """f(x, y) for an elementwise primitive of two inputs, a tensor and a tensor or number.
    `two`: the function of two tensors, where that is another operation."""
    compute, slow = prim.eval, worded(slow)
    (uses_x, uses_y), (from_f32, from_f64) = prim.uses, loop_from(prim)
    x_for_x, y_for_x, out_for_x = 0 in uses_x, 1 in uses_x, OUT in uses_x
    x_for_y, y_for_y, out_for_y = 0 in uses_y, 1 in uses_y, OUT in uses_y

    def fast(input, other, *, out=None):
        x, y = input, other
        try:
            dtype = (xv := x._value).dtype
        except AttributeError:
            dtype = _UNKNOWN
        if (dtype is not F32 and dtype is not F64) or out is not None or STATE.listeners:
            if out is None and (dtype is None or (dtype is I64 and compute in _ON_WHOLE)):
                if two is not None and isinstance(y, TensorBase):
                    return two(x, y)
                done = (_of_whole if dtype is I64 else _transformed)(prim, xv, y, (x, y), numbers)
                if done is not None:
                    return done
            if dtype is _UNKNOWN:
                return strange(fast, slow, (x, y), {"out": out})
            return slow(x, y, out=out)
        xn = x._node
        if isinstance(y, TensorBase):
            if two is not None:
                return two(x, y)
            yv, yn = y._value, y._node
            if yv.dtype is not dtype:
                done = _transformed(prim, yv, x, (x, y), False) if yv.dtype is None else None
                return slow(x, y) if done is None else done
        elif numbers and (y.__class__ is float or (y.__class__ is int and -_2_53 < y < _2_53)):
            yv, yn = y, None
        else:
            return strange(fast, slow, (x, y), {})
        try:
            few = xv.size < (from_f32 if dtype is F32 else from_f64)
            out = compute(xv, yv) if few else large(prim, xv, yv)
        except _REFUSALS:
            pass
        if out is None:
            return slow(x, y)
        handle = _new(TensorBase.handle_class)
        handle._value = out
        handle._grad = handle._view = handle._extra = handle._node = None
        if (xn is None and yn is None) or (STATE.special and not LOCAL.grad):
            return handle
        if STATE.inference and (is_inference(x) or is_inference(y)):
            return slow(x, y)  # refuses, if the rules must keep it
        shapes = (xv.shape, yv.shape) if yv is not y and xv.shape != yv.shape else None
        saved = (
            xv if (x_for_x and xn is not None) or (x_for_y and yn is not None) else None,
            yv if (y_for_x and xn is not None) or (y_for_y and yn is not None) else None,
            out if (out_for_x and xn is not None) or (out_for_y and yn is not None) else None,
            shapes,
        )
        edges = (x if xn is LEAF else xn, y if yn is LEAF else yn)
        handle._node = Node(clock(), prim, edges, saved, None)
        return handle

    return _named(fast, slow)


_ON_WHOLE = (operator.add, operator.sub, operator.mul)  # which give whole numbers of whole numbers


def _of_whole(prim, value, other, args, numbers):
    """prim(*args) on few int64, of which there is no gradient, the other a tensor of the same or
    a number; None for what `slow` knows."""
    if isinstance(other, TensorBase):
        other = other._value
        if other.dtype is not I64:
            return None
    elif not numbers or other.__class__ is not int or not -_2_53 < other < _2_53:
        return None
    if STATE.listeners or value.__class__ is not ndarray:
        return None
    if not value.ndim or value.size >= LOOP_FROM:
        return None  # of no axes: NumPy warns of an overflow
    try:
        return wrap(prim.eval(value, other))
    except _REFUSALS:
        return None


def answer(prim, slow):
    """f(x, y) for a comparison: a tensor and a tensor or number, and no gradient."""
    compute, slow = prim.eval, worded(slow)

    def fast(input, other, *, out=None):
        try:
            value = input._value
            dtype = value.dtype
        except AttributeError:
            dtype = _UNKNOWN
        floating = dtype is F32 or dtype is F64
        if (not floating and dtype is not I64) or out is not None or STATE.listeners:
            if dtype is None and out is None:
                done = _transformed(prim, value, other, (input, other), True)
                if done is not None:
                    return done
            if dtype is _UNKNOWN:
                return strange(fast, slow, (input, other), {"out": out})
            return slow(input, other, out=out)
        if isinstance(other, TensorBase):
            second = other._value
            if second.dtype is not dtype:
                return slow(input, other)
        elif other.__class__ is float and floating:
            second = other
        elif other.__class__ is int and -_2_53 < other < _2_53:
            second = float(other) if floating else other
        else:
            return strange(fast, slow, (input, other), {})
        if value.size < LOOP_FROM:
            try:
                out = compute(value, second)
            except ValueError:
                pass
        if out is None:
            return slow(input, other)
        handle = _new(TensorBase.handle_class)
        handle._value = out
        handle._node = handle._grad = handle._view = handle._extra = None
        return handle

    return _named(fast, slow)


def pair(prim, slow):
    """f(x, y) for a primitive of two tensors which keeps both: no numbers, no broadcasting."""
    compute, slow = prim.eval, worded(slow)

    def fast(x, y):
        out = None
        try:
            xv, yv = x._value, y._value
            if (dtype := xv.dtype) is yv.dtype and (dtype is F32 or dtype is F64):
                out = None if STATE.listeners else compute(xv, yv)
        except (AttributeError, ValueError, IndexError, MemoryError):
            pass
        return slow(x, y) if out is None else _kept(prim, out, x, y)

    return _named(fast, slow)


def product(matrix, vector, slow):
    """f(x, y) for a matrix times a matrix or a vector, each a primitive that needs no numbers."""
    slow = worded(slow)

    def fast(input, other, *, out=None):
        x, y = input, other
        try:
            xv, yv = x._value, y._value
            dtype = xv.dtype
        except AttributeError:
            yv, dtype = _ARRAY, _UNKNOWN
        if yv.dtype is not dtype or (dtype is not F32 and dtype is not F64) or STATE.listeners:
            if out is None and (dtype is None or yv.dtype is None) and _multiplied(xv, yv):
                return below(matrix if len(yv.shape) == 2 else vector, (x, y), {})
            if dtype is _UNKNOWN:
                return strange(fast, slow, (x, y), {"out": out})
            return slow(x, y, out=out)
        if out is not None or xv.ndim != 2 or (prim := products.get(yv.ndim)) is None:
            return slow(x, y, out=out)
        if STATE.inference and (is_inference(x) or is_inference(y)):
            return slow(x, y)
        try:
            out = prim.eval(xv, yv)
        except (ValueError, MemoryError):
            pass
        return slow(x, y) if out is None else _kept(prim, out, x, y)

    products = {2: matrix, 1: vector}
    return _named(fast, slow)


def _kept(prim, out, x, y):
    """The result of a product or a pair, with a node that keeps what its rules ask for."""
    handle = _new(TensorBase.handle_class)
    handle._value = out
    handle._node = handle._grad = handle._view = handle._extra = None
    xn, yn = x._node, y._node
    if (xn is not None or yn is not None) and not (STATE.special and not LOCAL.grad):
        edges = (x if xn is LEAF else xn, y if yn is LEAF else yn)
        kept = prim.keep(x._value, y._value, edges)
        handle._node = Node(clock(), prim, edges, kept, None)
    return handle


def triple(prim, slow):
    """f(x, y, z) for a primitive of three tensors, as `pair`."""
    compute, slow = prim.eval, worded(slow)

    def fast(x, y, z):
        out = None
        try:
            xv, yv, zv = x._value, y._value, z._value
            same = (dtype := xv.dtype) is yv.dtype and dtype is zv.dtype
            if same and (dtype is F32 or dtype is F64):
                out = None if STATE.listeners else compute(xv, yv, zv)
        except (AttributeError, ValueError, IndexError, MemoryError):
            pass
        if out is None:
            return slow(x, y, z)
        handle = _new(TensorBase.handle_class)
        handle._value = out
        handle._node = handle._grad = handle._view = handle._extra = None
        xn, yn, zn = x._node, y._node, z._node
        tracked = xn is not None or yn is not None or zn is not None
        if tracked and not (STATE.special and not LOCAL.grad):
            edges = (x if xn is LEAF else xn, y if yn is LEAF else yn, z if zn is LEAF else zn)
            handle._node = Node(clock(), prim, edges, prim.keep(xv, yv, edges, zv), None)
        return handle

    return _named(fast, slow)


def reduction(prim, slow):
    """f(x) for a reduction over all axes whose rule asks for the shape alone; else `slow`."""
    compute, slow = prim.eval, worded(slow)
    params_of = [{"axes": tuple(range(n)), "keepdims": False} for n in range(9)]

    def fast(input, dim=None, keepdim=False, *, dtype=None, out=None, **numpy_words):
        x = input
        if numpy_words:
            dim, keepdim = numpy_words.pop("axis", dim), numpy_words.pop("keepdims", keepdim)
            return slow(x, dim, keepdim, dtype=dtype, out=out, **numpy_words)
        try:
            value = x._value
            kind, shape = value.dtype, value.shape
        except AttributeError:
            kind, shape = _UNKNOWN, _MANY
        if (dim is not None or keepdim is not False or dtype is not None or out is not None
                or len(shape) > 8):  # fmt: skip
            if kind is _UNKNOWN:
                words = {"dim": dim, "keepdim": keepdim, "dtype": dtype, "out": out}
                return strange(fast, slow, (x,), words)
            if dtype is None and out is None and (kind is F32 or kind is F64):
                if (found := _along(compute, x, dim, keepdim)) is not None:
                    return found
            return slow(x, dim, keepdim, dtype=dtype, out=out)
        params = params_of[len(shape)]
        if (kind is not F32 and kind is not F64) or STATE.listeners:
            if kind is None and value.element_type in _FLOATS:
                return below(prim, (x,), params)
            return slow(x, dim, keepdim, dtype=dtype, out=out)
        handle = _new(TensorBase.handle_class)
        handle._value = compute(value, **params) if shape else value[()] + 0
        handle._node = handle._grad = handle._view = handle._extra = None
        node = x._node
        if node is not None and not (STATE.special and not LOCAL.grad):
            edge = x if node is LEAF else node
            handle._node = Node(clock(), prim, (edge,), (None, None, (shape,)), params)
        return handle

    return _named(fast, slow)


def _along(compute, x, dim, keepdim):
    """The same along one axis, where no gradient is wanted; None for what `slow` knows."""
    rank = x._value.ndim
    if STATE.listeners or dim.__class__ is not int or keepdim.__class__ is not bool:
        return None
    if not -rank <= dim < rank or (x._node is not None and not (STATE.special and not LOCAL.grad)):
        return None
    try:
        out = compute(x._value, axes=(dim % rank,), keepdims=keepdim)
    except MemoryError:
        return None
    handle = _new(TensorBase.handle_class)
    handle._value = out
    handle._node = handle._grad = handle._view = handle._extra = None
    return handle


# Gives a call to the class that wants it; opened by `asking`.
ASKED = Door(lambda fast, slow, args, words: slow(*args, **words))


def strange(fast, slow, args, words):
    """slow(*args, **words); where a class that is no tensor wants the call, it gets it.

    Functions do not look for such classes until one was met, and operators never do.
    """
    for a in args:
        for value in a if a.__class__ in (list, tuple) else (a,):
            if hasattr(type(value), "__torch_function__") and not isinstance(value, TensorBase):
                given = {name: word for name, word in words.items() if word}
                return ASKED(fast, slow, args, given)
    return slow(*args, **words)


def _named(fast, slow):
    fast.__name__, fast.__doc__, fast.__module__ = slow.__name__, slow.__doc__, slow.__module__
    fast.__qualname__ = slow.__qualname__
    return fast
