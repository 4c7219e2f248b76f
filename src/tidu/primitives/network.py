"""What networks use most, as single primitives: softmax, log-softmax, the mean squared error,
attention.

Each is one because the composition costs more than it computes: on a 32x1 loss three nodes and
five NumPy calls instead of one node and three.
"""

import math

import numpy as np

from ..core.handle import element_type, shape_of
from ..core.native import NATIVE
from ..core.primitive import Primitive
from .arithmetic import select
from .base import HALVES, move_batch, reduce_sum
from .composed import composed
from .contraction import matmul, swap_last
from .functions import exp

__all__ = ["attention", "log_softmax", "mse", "softmax"]

ROWS = 1 << 11  # elements from which a compiled loop gains
SHORT = 64  # rows up to this long cost NumPy more to begin than to reduce


def _short_rows(x, axis):
    return x.ndim == 2 and axis == 1 and x.shape[1] <= SHORT


def _largest(x, axis):
    return np.maximum.reduce(x, axis=axis, keepdims=True)


def _total(x, axis):
    return np.add.reduce(x, axis=axis, keepdims=True)


def _softmax(x, *, axis):
    if x.dtype in HALVES:
        return _narrow_softmax(x, axis)
    if x.shape[axis] == 0:
        return x.copy()
    if x.size >= ROWS and NATIVE and (out := NATIVE.softmax(x, axis)) is not None:
        return out
    if _short_rows(x, axis):
        turned = x.T.copy()
        turned -= np.maximum.reduce(turned, axis=0)
        np.exp(turned, out=turned)
        turned /= np.add.reduce(turned, axis=0)
        return turned.T.copy()
    out = np.subtract(x, _largest(x, axis), out=np.empty(x.shape, x.dtype))
    np.exp(out, out=out)
    out /= _total(out, axis)
    return out


def _narrow_softmax(x, axis):
    """In float32. Along other axes than the last, PyTorch rounds in the middle where its vectors of
    16 do not fit."""
    wide = x.astype(np.float32)
    out = _softmax(wide, axis=axis).astype(x.dtype)
    rest = math.prod(x.shape[axis:][1:])
    if rest == 1 or not rest % 16 or not x.size:
        return out
    powers = np.exp(wide - _largest(wide, axis))
    rounded = (powers.astype(x.dtype) / _total(powers, axis)).astype(x.dtype)
    columns = (*x.shape[: axis % x.ndim + 1], rest)
    out, rounded = out.reshape(columns), rounded.reshape(columns)
    out[..., rest - rest % 16 :] = rounded[..., rest - rest % 16 :]
    return out.reshape(x.shape)


def _log_softmax(x, *, axis):
    if x.dtype in HALVES:
        return _narrow_log_softmax(x, axis)
    if x.shape[axis] == 0:
        return x.copy()
    if x.size >= ROWS and NATIVE and (out := NATIVE.log_softmax(x, axis)) is not None:
        return out
    if _short_rows(x, axis):
        turned = x.T.copy()
        turned -= np.maximum.reduce(turned, axis=0)
        turned -= np.log(np.add.reduce(np.exp(turned), axis=0))
        return turned.T.copy()
    out = np.subtract(x, _largest(x, axis), out=np.empty(x.shape, x.dtype))
    out -= np.log(_total(np.exp(out), axis))
    return out


def _narrow_log_softmax(x, axis):
    """In float32. Along the last axis PyTorch rounds the sum and its logarithm in the middle."""
    wide = x.astype(np.float32)
    if axis % x.ndim != x.ndim - 1 or not x.size:
        return _log_softmax(wide, axis=axis).astype(x.dtype)
    wide -= _largest(wide, axis)
    total = _total(np.exp(wide), axis).astype(x.dtype).astype(np.float32)
    wide -= np.log(total).astype(x.dtype).astype(np.float32)
    return wide.astype(x.dtype)


def _batch_axis(prim, tensors, axes, params):
    return prim(move_batch(tensors[0], axes[0]), axis=params["axis"] + 1), 0


def _same(prim, args, params):
    return shape_of(args[0]), element_type(args[0])


def _large(g, out):
    return g.__class__ is np.ndarray and out.__class__ is np.ndarray and g.size >= ROWS


def _softmax_map(t, out, axis):
    if _large(t, out) and NATIVE and (back := NATIVE.softmax_back(t, out, axis)) is not None:
        return back
    return out * (t - reduce_sum(t * out, axes=(axis,), keepdims=True))


def _log_softmax_map(g, out, axis):
    if _large(g, out) and NATIVE and (back := NATIVE.log_softmax_back(g, out, axis)) is not None:
        return back
    return g - exp(out) * reduce_sum(g, axes=(axis,), keepdims=True)


softmax = Primitive(
    "softmax", _softmax, ("x",), vjp={"x": _softmax_map}, batch=_batch_axis, shape=_same,
    jvp=lambda t, primals, out, params: _softmax_map(t[0], out, **params),
    tex="softmax(x, axis)",
)  # fmt: skip
log_softmax = Primitive(
    "log_softmax", _log_softmax, ("x",), batch=_batch_axis, shape=_same,
    vjp={"x": _log_softmax_map},
    jvp=lambda t, primals, out, params: t[0] - reduce_sum(
        exp(out) * t[0], axes=(params["axis"],), keepdims=True),
    tex="log(softmax(x, axis))",
)  # fmt: skip


def _mse(x, y):
    off = (x - y).reshape(-1)
    if off.dtype in HALVES:
        wide = off.astype(np.float32)
        return (wide.dot(wide) / wide.size).astype(off.dtype)
    return off.dot(off) / off.size if off.size else off.dtype.type(np.nan)


def _mse_slope(t, x, y):
    n = max(math.prod(shape_of(x)), 1)
    return (t * (2.0 / n)) * (x - y)


def _mse_tangent(tangents, primals, out, params):
    x, y = primals
    n = max(math.prod(shape_of(x)), 1)
    tx, ty = tangents
    change = tx if ty is None else -ty if tx is None else tx - ty
    axes = tuple(range(len(shape_of(x))))
    return reduce_sum((x - y) * change, axes=axes, keepdims=False) * (2.0 / n)


def _mse_batch(prim, tensors, axes, params):
    x, y = [t if a is None else move_batch(t, a) for t, a in zip(tensors, axes, strict=True)]
    off = x - y
    rest = tuple(range(1, len(shape_of(off))))
    n = max(math.prod(shape_of(off)[1:]), 1)

    return reduce_sum(off * off, axes=rest, keepdims=False) / n, 0


class _Mse(Primitive):
    """Both rules read both inputs, and share the slope."""

    __slots__ = ()

    def keep(self, x, y, edges):
        return (x, y, None, None)

    def backward(self, g, saved, params, edges):
        slope = _mse_slope(g, saved[0], saved[1])
        x, y = edges
        return (None if x is None else slope, None if y is None else -slope)


mse = _Mse(
    "mse_loss", _mse, ("x", "y"), jvp=_mse_tangent, batch=_mse_batch,
    vjp={"x": _mse_slope, "y": lambda g, x, y: -_mse_slope(g, x, y)},
    shape=lambda prim, args, params: ((), element_type(args[0])),
    tex="mean((x - y)**2)",
)  # fmt: skip


# --- attention --------------------------------------------------------------------------------
# (y, weights): weights = softmax(q kᵀ · scale), y = weights · v. The weights are kept, never y.
# Only eager calls come here: what is compiled, transformed or watched is made of the parts.


def _attention(q, k, v, *, scale, causal):
    out = _room(q, v)
    if NATIVE:
        weights = NATIVE.attention(q, k, v, out, scale, causal)
        if weights is not None:
            return out, weights
    scores = matmul.eval(q * q.dtype.type(scale), np.swapaxes(k, -1, -2))
    if causal:
        scores = np.where(
            np.tri(*scores.shape[-2:], dtype=bool), scores, scores.dtype.type(-np.inf)
        )
    weights = softmax.eval(scores, axis=-1)
    out[...] = matmul.eval(weights, v)
    return out, weights


def _room(q, v):
    """The result's memory: laid out as q, as PyTorch's fused kernel has it."""
    if q.ndim == 4 and q.shape[-1] == v.shape[-1]:
        out = np.empty_like(q)
        if out.strides[-1] == out.itemsize:
            return out
    return np.empty((*q.shape[:-1], v.shape[-1]), q.dtype)


def _attention_back(g, saved, params, needs):
    gy, gweights = g
    if gweights is not None or not NATIVE:
        return None
    q, k, v, (_, weights), _ = saved
    return NATIVE.attention_back(gy, q, k, v, weights, params["scale"], params["causal"])


def _attended(q, k, v, *, scale, causal):
    scores = matmul(q * scale, swap_last(k))
    if causal:
        n, m = shape_of(scores)[-2:]
        scores = select(np.tri(n, m, dtype=bool), scores, element_type(q).type(-np.inf))
    weights = softmax(scores, axis=len(shape_of(scores)) - 1)
    return matmul(weights, v), weights


def _attention_shape(prim, args, params):
    q, k, v = [tuple(shape_of(a)) for a in args]
    kind = element_type(args[0])
    return [((*q[:-1], v[-1]), kind), ((*q[:-1], k[-2]), kind)]


attention = composed(
    "attention", _attention, ("q", "k", "v"), _attended, back=_attention_back,
    saves=dict.fromkeys("qkv", ("q", "k", "v", "out")), kept_outputs=(1,), shape=_attention_shape,
    torch_name="ScaledDotProductFlashAttentionForCpu", tex="softmax(q @ k.T * scale) @ v",
)  # fmt: skip
