"""Fractional max pooling (Graham 2015): windows whose places are drawn by chance."""

import numpy as np

from ... import ops
from ...core.retries import asked
from ...ops.convert import named

__all__ = [
    "fractional_max_pool2d", "fractional_max_pool2d_with_indices", "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
]  # fmt: skip


def _all(value, dims):
    return (value,) * dims if isinstance(value, (int, float)) else tuple(value)


def _starts(sample, length, new, window):
    """Where the windows begin along one axis: (N·C, new) of samples (N·C,)."""
    last = length - window
    if new == 1:
        return np.full((len(sample), 1), last)
    alpha = sample.dtype.type(last / (new - 1))
    i = np.arange(new - 1, dtype=sample.dtype)
    begin = ((i + sample[:, None]) * alpha).astype(np.int64)
    begin -= (sample[:, None] * alpha).astype(np.int64)
    return np.concatenate([begin, np.full((len(sample), 1), last)], 1)


def _pool(input, dims, kernel_size, output_size, output_ratio, samples):
    """(values, places in the flattened image)."""
    name = f"fractional_max_pool{dims}d"
    if output_size is None and output_ratio is None:
        raise ValueError(
            f"{name} requires specifying either an output_size or an output_ratio"
        )  # fmt: skip
    input.size(-dims - 1)
    if input.dim() not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"{name}(): Expected {dims + 1}D or {dims + 2}D tensor, but got: {list(input.shape)}"
        )
    spatial, window = tuple(input.shape[-dims:]), _all(kernel_size, dims)
    if output_size is None:
        ratio = _all(output_ratio, dims)
        output_size = [int(n * r) for n, r in zip(spatial, ratio, strict=True)]
    new = _all(output_size, dims)
    axes = ("time", "height", "width")[-dims:]
    for axis, length, wanted, width in zip(axes, spatial, new, window, strict=True):
        if wanted + width - 1 > length:
            raise RuntimeError(
                f"{name}(): pool {axis} {width} too large relative to input {axis} {length}"
            )
    lead = tuple(input.shape[:-dims])
    batch = lead if len(lead) == 2 else (1, *lead)
    if samples is None:
        samples = ops.rand(*batch, dims, dtype=input.dtype)
    planes = input.reshape(-1, *spatial)
    # The samples stand for the axes from the last to the first, but in 3-D from the first.
    drawn = samples.detach().numpy().reshape(-1, dims)
    drawn = drawn[:, ::-1] if dims == 2 else drawn
    places = _places(drawn, spatial, new, window)
    values, found = _largest(planes, ops.from_array(places), (*lead, *new))
    return named(values, f"FractionalMaxPool{dims}DBackward0", input, kernel=window, size=new,
                 places=found), found  # fmt: skip


def _places(drawn, spatial, new, window):
    """For each plane and each place of the result, the flat numbers of its window's pixels."""
    dims, total = len(spatial), np.int64(0)
    for axis, (length, wanted, width) in enumerate(zip(spatial, new, window, strict=True)):
        begin = _starts(drawn[:, axis], length, wanted, width)
        each = begin[:, :, None] + np.arange(width)
        shape = [len(drawn)] + [1] * (2 * dims)
        shape[1 + axis], shape[1 + dims + axis] = wanted, width
        total = total * length + each.reshape(shape)
    return np.ascontiguousarray(total).reshape(len(drawn), int(np.prod(new)), int(np.prod(window)))


def _largest(planes, places, shape):
    flat = planes.flatten(1)
    seen = flat.detach().gather(1, places.flatten(1)).reshape(places.shape)
    which = seen.argmax(-1, keepdim=True)
    chosen = places.gather(-1, which).squeeze(-1)
    return flat.gather(1, chosen).reshape(shape), chosen.reshape(shape)


@asked
def fractional_max_pool2d_with_indices(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
    _random_samples=None,
):  # fmt: skip
    """(values, places) of `fractional_max_pool2d`."""
    return _pool(input, 2, kernel_size, output_size, output_ratio, _random_samples)


@asked
def fractional_max_pool3d_with_indices(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
    _random_samples=None,
):  # fmt: skip
    """(values, places) of `fractional_max_pool3d`."""
    return _pool(input, 3, kernel_size, output_size, output_ratio, _random_samples)


@asked
def fractional_max_pool2d(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
    _random_samples=None,
):  # fmt: skip
    """The largest number of windows at random places, of (N, C, H, W).

    >>> import tidu as torch
    >>> fractional_max_pool2d(torch.rand(1, 2, 9, 9), 2, output_ratio=0.5).shape
    torch.Size([1, 2, 4, 4])
    """
    both = _pool(input, 2, kernel_size, output_size, output_ratio, _random_samples)
    return both if return_indices else both[0]


@asked
def fractional_max_pool3d(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
    _random_samples=None,
):  # fmt: skip
    """The largest number of windows at random places, of (N, C, D, H, W)."""
    both = _pool(input, 3, kernel_size, output_size, output_ratio, _random_samples)
    return both if return_indices else both[0]
