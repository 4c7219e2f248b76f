"""Convolutions with one element of the kernel as plain matrix products, image by image.

out[n] = w · x[n], with channels as rows and pixels as columns, wherever they lie: where channels
lie last, the library reads the matrix the other way. Nothing is copied first.
"""

from math import prod

import numpy as np

__all__ = ["convolve", "input_gradient", "serves", "weight_gradient"]

FEW_CHANNELS = 16  # below, the library is not at its rate
_BIASED = 64  # the same for a bias, which direct sums add on their way out
_TOGETHER = 1 << 18  # elements of an image from which its bias is added while it is in a cache


def serves(shape, stride, padding, groups, bias=None):
    """For a weight of the shape (K, C / groups, *kernel)."""
    fewest = min(shape[0] // groups, shape[1])
    if bias is not None and fewest < _BIASED:
        return False
    plain = prod(shape[2:]) == 1 and prod(stride) == 1 and not any(padding)
    return plain and fewest >= FEW_CHANNELS


def _planes(x, groups):
    """(N, groups, channels, pixels), a view where the strides allow it."""
    return x.reshape(x.shape[0], groups, x.shape[1] // groups, -1)


def convolve(x, w, bias, groups):
    """(N, C, *size) -> (N, K, *size)."""
    return _products(w.reshape(groups, -1, w.shape[1]), x, bias)


def input_gradient(g, w, bias, groups):
    """(N, K, *size) -> (N, C, *size)."""
    return _products(w.reshape(groups, -1, w.shape[1]).swapaxes(1, 2), g, bias)


def _products(w, x, bias):
    y = np.empty((x.shape[0], w.shape[0] * w.shape[1], *x.shape[2:]), x.dtype)
    planes, out = _planes(x, w.shape[0]), _planes(y, w.shape[0])
    if bias is None:
        np.matmul(w, planes, out=out)
        return y
    upright = bias.reshape(w.shape[0], -1, 1)
    each = max(1, _TOGETHER // prod(out.shape[1:]))
    for first in range(0, len(x), each):
        part = out[first : first + each]
        np.matmul(w, planes[first : first + each], out=part)
        part += upright
    return y


def weight_gradient(x, g, groups):
    """(N, C, *size), (N, K, *size) -> (K, C / groups, 1, ...)."""
    planes, cotangents = _planes(x, groups).swapaxes(2, 3), _planes(g, groups)
    total = np.matmul(cotangents[0], planes[0])
    part = np.empty_like(total)
    for one, other in zip(cotangents[1:], planes[1:], strict=True):
        total += np.matmul(one, other, out=part)
    return total.reshape(g.shape[1], -1, *(1,) * (x.ndim - 2))
