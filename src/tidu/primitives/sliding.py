"""Windows over trailing axes: their elements laid out (`window_values`), or added back where they
came from (`window_sum`); each is the other's transpose.

Both take kernel, stride, padding and dilation, one length for each pooled axis, and `size`: the
lengths of what `window_values` returns along those axes. Padding is never stored: `spans` leaves it
out.
"""

import numpy as np

from ..core.handle import element_type, shape_of
from .base import HALVES, fronted
from .convolution_kernels import padded, spans, windows
from .transposed import pair

__all__ = ["batch_leading", "shape_trailing", "tail", "window_sum", "window_values"]


def tail(shape, count):
    shape = tuple(shape)
    return shape[len(shape) - count :]


def batch_leading(prim, tensors, axes, params):
    """Only trailing axes are touched, so a batch axis in front is one more of the others."""
    return prim(*fronted(tensors, axes)[1], **params), 0


def shape_trailing(prim, args, params):
    lead = len(shape_of(args[0])) - len(params["kernel"])
    return (*tuple(shape_of(args[0]))[:lead], *params["size"]), element_type(args[0])


# --- the elements of each window ------------------------------------------------------------------


def _window_values(x, *, kernel, stride, padding, dilation, size):
    x = padded(x, [(p, p) for p in padding])
    return windows(x, kernel, stride, dilation, size).copy()


def _window_sum(g, *, kernel, stride, padding, dilation, size, shape):
    wide = np.float32 if g.dtype in HALVES else g.dtype
    total = np.zeros(shape, wide)
    every = (slice(None),) * (len(shape) - len(kernel))
    sizes = tail(shape, len(kernel))
    for place, there, here in spans(sizes, size, kernel, stride, padding, dilation):
        total[here] += g[(*every, *place)][there]
    return total.astype(g.dtype, copy=False)


def _values_shape(prim, args, params):
    shape, dtype = shape_trailing(prim, args, params)
    lead = len(shape) - len(params["size"])
    return (*shape[:lead], *params["kernel"], *params["size"]), dtype


window_values, window_sum = pair(
    "im2col", _window_values, "col2im", _window_sum, batched=dict, shape=_values_shape,
    torch_name="Im2Col", back_torch_name="Col2Im",
    tex=("windows(x, kernel)", "windows_back(g, kernel)"),
)  # fmt: skip
