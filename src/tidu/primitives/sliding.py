"""Windows over trailing axes: their elements laid out (`window_values`), or added back where they
came from (`window_sum`); each is the other's transpose.

Both take kernel, stride, padding and dilation, one length for each pooled axis, and `size`: the
lengths of what they return along those axes. Padding is never stored: `spans` leaves it out.
"""

import numpy as np

from ..core.handle import element_type, shape_of
from .base import HALVES, move_batch
from .convolution_kernels import padded, spans, windows
from .define import linear
from .structural import spread_batch

__all__ = ["batch_leading", "shape_trailing", "tail", "window_sum", "window_values"]


def tail(shape, count):
    shape = tuple(shape)
    return shape[len(shape) - count :]


def batch_leading(prim, tensors, axes, params):
    """Only trailing axes are touched, so a batch axis in front is one more of the others."""
    size = next(shape_of(t)[a] for t, a in zip(tensors, axes, strict=True) if a is not None)
    fronted = [
        spread_batch(t, size) if a is None else move_batch(t, a)
        for t, a in zip(tensors, axes, strict=True)
    ]
    return prim(*fronted, **params), 0


def shape_trailing(prim, args, params):
    lead = len(shape_of(args[0])) - len(params["kernel"])
    return (*tuple(shape_of(args[0]))[:lead], *params["size"]), element_type(args[0])


# --- the elements of each window ------------------------------------------------------------------


def _window_values(x, *, kernel, stride, padding, dilation, size):
    x = padded(x, [(p, p) for p in padding])
    return windows(x, kernel, stride, dilation, size).copy()


def _window_sum(g, *, kernel, stride, padding, dilation, size):
    k = len(kernel)
    out = g.shape[g.ndim - k :]
    lead = g.shape[: g.ndim - 2 * k]
    wide = np.float32 if g.dtype in HALVES else g.dtype
    total = np.zeros((*lead, *size), wide)
    every = (slice(None),) * len(lead)
    for place, there, here in spans(size, out, kernel, stride, padding, dilation):
        total[here] += g[(*every, *place)][there]
    return total.astype(g.dtype, copy=False)


def _values_shape(prim, args, params):
    shape, dtype = shape_trailing(prim, args, params)
    lead = len(shape) - len(params["size"])
    return (*shape[:lead], *params["kernel"], *params["size"]), dtype


def _sum_shape(prim, args, params):
    lead = len(shape_of(args[0])) - 2 * len(params["kernel"])
    return (*tuple(shape_of(args[0]))[:lead], *params["size"]), element_type(args[0])


window_values = linear(
    "im2col", _window_values, batch=batch_leading, shape=_values_shape, torch_name="Im2Col",
    transpose=lambda g, x_shape, kernel, stride, padding, dilation: window_sum(
        g, kernel=kernel, stride=stride, padding=padding, dilation=dilation,
        size=tail(x_shape, len(kernel))),
    tex="windows(x, kernel)",
)  # fmt: skip
window_sum = linear(
    "col2im", _window_sum, batch=batch_leading, shape=_sum_shape, torch_name="Col2Im",
    transpose=lambda g, g_shape, kernel, stride, padding, dilation: window_values(
        g, kernel=kernel, stride=stride, padding=padding, dilation=dilation,
        size=tail(g_shape, len(kernel))),
    tex="windows_back(g, kernel)",
)  # fmt: skip
