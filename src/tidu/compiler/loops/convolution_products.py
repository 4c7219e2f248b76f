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
_SUMS = 1 << 18  # elements of the images' gradients of a weight that are kept before they are added
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
    if bias is None and not any(results.epilogue):
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
    """All images, those that are left over one by one: each is cut for all threads."""
    rest = len(out) % THREADS.count if len(w) == 1 else 0
    whole = len(out) - rest
    for part in (slice(whole), *[slice(k, k + 1) for k in range(whole, len(out))]):
        if len(out[part]):
            _stack(w, planes[part], out[part])


def _stack(x, y, out):
    """By the library whose calls the threads of our own loops share: NumPy's has threads that go on
    spinning when those begin."""
    if library.stack(x, y, out) is None:
        np.matmul(x, y, out=out)


def weight_gradient(x, g, groups):
    """(N, C, *size), (N, K, *size) -> (K, C / groups, 1, ...)."""
    planes, cotangents = _planes(x, groups).swapaxes(2, 3), _planes(g, groups)
    shape = groups, cotangents.shape[2], planes.shape[3]
    each = max(1, min(len(x), _SUMS // prod(shape)))  # small products for one thread each
    total, parts = np.zeros(shape, x.dtype), np.empty((each, *shape), x.dtype)
    for first in range(0, len(x), each):
        one, other = cotangents[first : first + each], planes[first : first + each]
        _stack(one, other, parts[: len(one)])
        for part in parts[: len(one)]:
            total += part
    return total.reshape(g.shape[1], -1, *(1,) * (x.ndim - 2))
