"""adaptive_avg_pool*, adaptive_max_pool*: windows fitted to the size of the output.

Where they are equally long, they are the windows of an ordinary pooling.
"""

from functools import lru_cache
from math import prod

import numpy as np

from ..core.handle import shape_of
from ..primitives import base
from ..primitives import resampling as r
from ..primitives.indexing import gather, take
from ..primitives.pooling import max_pool, max_positions, mean_pool
from ..primitives.reductions import arg_extreme, mean
from .convert import Later, named, widely
from .formats import keeps_format, keeps_images, keeps_lines
from .pooling import called, refuse_type, wrong_rank

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d",
]  # fmt: skip


def _fitted(name, input, output_size, dims):
    """(shape, the output lengths) of an adaptive pooling; None keeps the input's length."""
    shape = tuple(shape_of(input))
    if len(shape) not in (dims + 1, dims + 2):
        if dims == 1:
            raise RuntimeError(wrong_rank(name, shape, 1))
        wanted = len(output_size) if isinstance(output_size, (tuple, list)) else 0
        if wanted and len(shape) <= wanted:
            raise ValueError(f"Input dimension should be at least {wanted + 1}")
        colon = ":" if "max" in name else ""
        raise RuntimeError(
            f"{name}(): Expected {dims + 1}D or {dims + 2}D tensor, but got{colon} {list(shape)}"
        )
    for axis in range(len(shape) - dims, len(shape)):
        if shape[axis] == 0:
            raise RuntimeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but "
                f"input has sizes {list(shape)} with dimension {axis} being empty"
            )
    sizes = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * dims
    if len(sizes) == 1:
        sizes *= dims
    if len(sizes) != dims:
        if name == "adaptive_avg_pool1d":
            raise RuntimeError(
                f"{name}() argument 'output_size' should contain one int (got {len(sizes)})"
            )
        inner = "(): internal error: output_size.size()" if "max" in name else ": output_size"
        raise RuntimeError(f"{name}{inner} must be {dims}")
    sizes = tuple(
        [n if size is None else int(size) for n, size in zip(shape[-dims:], sizes, strict=True)]
    )
    if min(sizes) < 0:
        raise RuntimeError(_negative_output(name, sizes))
    refuse_type(name, input, (2,))
    return shape, sizes


def _negative_output(name, sizes):
    """PyTorch's sentence: lengths are pooled as pictures, and one comma has no space."""
    if name == "adaptive_avg_pool1d":
        name, sizes = "adaptive_avg_pool2d", (1, *sizes)
    shown = ", ".join(map(str, sizes[:2])) + "".join([f",{n}" for n in sizes[2:]])
    return (
        f"{name}: elements of output_size must be greater than or equal to 0 but received "
        "{" + shown + "}"
    )


def _even(space, sizes):
    """The window lengths if they are the same everywhere, else None."""
    if 0 in sizes or any(n % out for n, out in zip(space, sizes, strict=True)):
        return None
    return tuple([n // out for n, out in zip(space, sizes, strict=True)])


def _adaptive_avg(dims, input, output_size):
    name = f"adaptive_avg_pool{dims}d"
    shape, sizes = _fitted(name, input, output_size, dims)
    if dims > 1 and set(sizes) == {1}:
        axes = tuple(range(len(shape) - dims, len(shape)))
        made = mean(input, axes=axes, keepdims=True)
        return named(made, "MeanBackward1", dim=tuple(range(-1, -dims - 1, -1)))
    plane = (lambda x: adaptive_avg_pool2d(x, (1, *sizes))) if dims == 1 else None
    kernel = _even(shape[-dims:], sizes)
    if kernel is not None:
        out = mean_pool(input, kernel=kernel, stride=kernel, padding=(0,) * dims, size=sizes,
                        divisor=prod(kernel))  # fmt: skip
        return called(out, "AdaptiveAvgPool{}D", dims, input, plane)
    areas = [("area", n) for n in shape[-dims:]]
    out = widely(r.along_axes, input, sizes, areas)
    return called(out, "AdaptiveAvgPool{}D", dims, input, plane)


@keeps_lines
def adaptive_avg_pool1d(input, output_size):
    """Means of windows chosen so that `output_size` of them cover the last axis.

    >>> import tidu as torch
    >>> torch.nn.functional.adaptive_avg_pool1d(torch.tensor([[1., 2., 3., 4.]]), 2)
    tensor([[1.5000, 3.5000]])
    """
    return _adaptive_avg(1, input, output_size)


@keeps_format
def adaptive_avg_pool2d(input, output_size):
    """Means of windows chosen so that `output_size` of them cover the plane; None keeps a length.

    >>> import tidu as torch
    >>> torch.nn.functional.adaptive_avg_pool2d(torch.ones(1, 3, 5, 7), (2, None)).shape
    torch.Size([1, 3, 2, 7])
    """
    return _adaptive_avg(2, input, output_size)


@keeps_images
def adaptive_avg_pool3d(input, output_size):
    """Means of windows chosen so that `output_size` of them cover the volume.

    >>> import tidu as torch
    >>> torch.nn.functional.adaptive_avg_pool3d(torch.ones(1, 3, 5, 7, 6), 2).shape
    torch.Size([1, 3, 2, 2, 2])
    """
    return _adaptive_avg(3, input, output_size)


def _fitted_places(x, sizes):
    """Of windows that cover the trailing axes in `sizes` parts: the flat place of each maximum."""
    dims, shape = len(sizes), tuple(shape_of(x))
    lead = shape[:-dims]
    indices, parts, places, width = _fitted_windows(shape[-dims:], tuple(sizes))
    for axis in range(dims - 1, -1, -1):
        x = take(x, indices[axis], dims=(len(lead) + axis,))
    order = (*range(len(lead)), *[len(lead) + part for part in parts])
    seen = base.reshape(base.transpose(x, axes=order), shape=(*lead, *sizes, width))
    largest = arg_extreme(seen, axis=len(lead) + dims, largest=True, keepdims=False)
    cell = np.arange(prod(sizes)).reshape(sizes) * width
    return take(places, largest + cell, dims=(0,))


@lru_cache(64)
def _fitted_windows(shape, sizes):
    """(for each axis the places of each window's elements; the order in which the axes of windows
    come before those of elements; the flat places in that order; how many a window has)."""
    indices, places, count = [], np.zeros((), np.int64), 1
    for n, out in zip(reversed(shape), reversed(sizes), strict=True):
        i = np.arange(out)
        first, last = i * n // out, -(-(i + 1) * n // out) - 1
        span = np.arange(int((last - first).max(initial=0)) + 1)
        # Shorter windows repeat their last element, which is never the first of equal ones.
        index = np.minimum(first[:, None] + span, last[:, None])
        indices.insert(0, index)
        places = index.reshape(*index.shape, *(1,) * places.ndim) * count + places
        count *= n
    parts = (*range(0, 2 * len(sizes), 2), *range(1, 2 * len(sizes), 2))
    width = prod([index.shape[1] for index in indices])
    return indices, parts, places.transpose(parts).reshape(-1), width


def _adaptive_max(dims, input, output_size, return_indices):
    name = f"adaptive_max_pool{dims}d"
    shape, sizes = _fitted(name, input, output_size, dims)
    plane = (lambda x: adaptive_max_pool2d(x, (1, *sizes))) if dims == 1 else None
    kernel = _even(shape[-dims:], sizes)
    if kernel is not None:
        params = dict(kernel=kernel, stride=kernel, padding=(0,) * dims, dilation=(1,) * dims,
                      size=sizes)  # fmt: skip
        places = Later(lambda x: max_positions(x, **params), input)
        out = max_pool(input, **params)
        out = called(out, "AdaptiveMaxPool{}D", dims, input, plane, result1=places)
        return (out, max_positions(input, **params)) if return_indices else out
    places = _fitted_places(input.detach(), sizes)
    lead = shape[:-dims]
    flat = gather(base.reshape(input, shape=(*lead, prod(shape[-dims:]))),
                  base.reshape(places, shape=(*lead, prod(sizes))), axis=len(lead))  # fmt: skip
    out = base.reshape(flat, shape=(*lead, *sizes))
    out = called(out, "AdaptiveMaxPool{}D", dims, input, plane, result1=places)
    return (out, places) if return_indices else out


@keeps_lines
def adaptive_max_pool1d(input, output_size, return_indices=False):
    """Maxima of windows chosen so that `output_size` of them cover the last axis.

    >>> import tidu as torch
    >>> torch.nn.functional.adaptive_max_pool1d(torch.tensor([[1., 5., 3., 4.]]), 2)
    tensor([[5., 4.]])
    """
    return _adaptive_max(1, input, output_size, return_indices)


@keeps_format
def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Maxima of windows chosen so that `output_size` of them cover the plane.

    >>> import tidu as torch
    >>> torch.nn.functional.adaptive_max_pool2d(torch.ones(1, 3, 5, 7), 2).shape
    torch.Size([1, 3, 2, 2])
    """
    return _adaptive_max(2, input, output_size, return_indices)


@keeps_images
def adaptive_max_pool3d(input, output_size, return_indices=False):
    """Maxima of windows chosen so that `output_size` of them cover the volume.

    >>> import tidu as torch
    >>> torch.nn.functional.adaptive_max_pool3d(torch.ones(1, 3, 5, 7, 6), 2).shape
    torch.Size([1, 3, 2, 2, 2])
    """
    return _adaptive_max(3, input, output_size, return_indices)
