"""What networks use most, as single primitives: softmax, log-softmax, the mean squared error,
attention.

Each is one because the composition costs more than it computes: on a 32x1 loss three nodes and
five NumPy calls instead of one node and three.
"""

import math

import numpy as np

from ..core.handle import element_type, shape_of
from ..core.native import NATIVE
from .arithmetic import select
from .base import HALVES
from .composed import composed
from .contraction import matmul, swap_last
from .over_axes.operators import along, whole

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
        turned -= np.maximum.reduce(turned)
        np.exp(turned, turned)
        turned /= np.add.reduce(turned)
        return turned.T.copy()
    if x.ndim == 1:  # by numbers, which need not be spread over an axis
        out = x - np.maximum.reduce(x)
        np.exp(out, out)
        out /= np.add.reduce(out)
        return out
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
        turned -= np.maximum.reduce(turned)
        turned -= np.log(np.add.reduce(np.exp(turned)))
        return turned.T.copy()
    if x.ndim == 1:
        out = x - np.maximum.reduce(x)
        out -= np.log(np.add.reduce(np.exp(out)))
        return out
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


def _large(g, out):
    return g.__class__ is np.ndarray and out.__class__ is np.ndarray and g.size >= ROWS


def _softmax_back(t, out, axis):
    return NATIVE.softmax_back(t, out, axis) if _large(t, out) and NATIVE else None


def _log_softmax_back(t, out, axis):
    return NATIVE.log_softmax_back(t, out, axis) if _large(t, out) and NATIVE else None


softmax = along(
    "softmax", "exp(x - detach(amax(x, axis))) / sum(exp(x - detach(amax(x, axis))), axis)",
    _softmax, fast=_softmax_back, saves=("out",), tex="softmax(x, axis)",
)  # fmt: skip
log_softmax = along(
    "log_softmax",
    "x - detach(amax(x, axis)) - log(sum(exp(x - detach(amax(x, axis))), axis))",
    _log_softmax, fast=_log_softmax_back, saves=("out",), tex="log(softmax(x, axis))",
)  # fmt: skip


def _mse(x, y):
    off = (x - y).reshape(-1)
    if off.dtype in HALVES:
        wide = off.astype(np.float32)
        return (wide.dot(wide) / wide.size).astype(off.dtype)
    return off.dot(off) / off.size if off.size else off.dtype.type(np.nan)


mse = whole("mse_loss", "mean((x - y) * (x - y))", _mse, tex="mean((x - y)**2)")


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
    one_step=True,
)  # fmt: skip
