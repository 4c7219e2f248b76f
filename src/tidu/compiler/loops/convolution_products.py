"""Convolutions with one element of the kernel as plain matrix products, image by image.

out[n] = w · x[n], with channels as rows and pixels as columns, wherever they lie: where channels
lie last, the library reads the matrix the other way. Nothing is copied first.
"""

from math import prod

import numpy as np

from ...core.blocks import THREADS
from . import library

__all__ = ["convolve", "input_gradient", "serves", "weight_gradient"]

FEW_CHANNELS = 16  # below, the library is not at its rate
_BIASED = 64  # the same for a bias, which direct sums add on their way out
_FEW_PIXELS = 64  # of which NumPy's library multiplies a weight that lies turned in less time
_TOGETHER = 1 << 20  # elements that are gone on with while they are in a cache


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


def convolve(x, w, bias, groups, results):
    """(N, C, *size) -> (N, K, *size)."""
    _products(w.reshape(groups, -1, w.shape[1]), x, bias, results)


def input_gradient(g, w, bias, groups, results):
    """(N, K, *size) -> (N, C, *size)."""
    _products(w.reshape(groups, -1, w.shape[1]).swapaxes(1, 2), g, bias, results)


def _products(w, x, bias, results):
    planes, out = _planes(x, w.shape[0]), _planes(results.y, w.shape[0])
    if bias is None and not any(results.after):
        _multiply(w, planes, out)
        return
    upright = None if bias is None else bias.reshape(w.shape[0], -1, 1)
    each = max(1, _TOGETHER // prod(out.shape[1:]))
    if each > THREADS.count:  # as many images for each of them
        each -= each % THREADS.count
    for first in range(0, len(x), each):
        part = out[first : first + each]
        _multiply(w, planes[first : first + each], part)
        if upright is not None:
            part += upright
        results.finish(first, len(part))


def _multiply(w, planes, out):
    """The library whose calls the threads of our own loops share; NumPy's has threads that go on
    spinning when those begin."""
    turned_few = w.strides[-1] != w.itemsize and planes.shape[-1] < _FEW_PIXELS
    if turned_few or library.stack(w, planes, out) is None:
        np.matmul(w, planes, out=out)


def weight_gradient(x, g, groups):
    """(N, C, *size), (N, K, *size) -> (K, C / groups, 1, ...)."""
    planes, cotangents = _planes(x, groups).swapaxes(2, 3), _planes(g, groups)
    total = np.matmul(cotangents[0], planes[0])
    part = np.empty_like(total)
    for one, other in zip(cotangents[1:], planes[1:], strict=True):
        total += np.matmul(one, other, out=part)
    return total.reshape(g.shape[1], -1, *(1,) * (x.ndim - 2))
