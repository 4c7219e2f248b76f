"""max_unpool*: the maxima of a pooling back where they were."""

from math import prod

import numpy as np

from ..core.handle import concrete, element_type, plain, shape_of
from ..core.node import Node
from ..core.retries import asked
from ..primitives import base
from ..primitives.indexing import scatter
from .convert import Replay, held, named, scalar_name, type_of
from .pooling import check_input, lengths_of

__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]


def _max_unpool(dims, input, indices, kernel_size, stride, padding, output_size):
    name = f"max_unpool{dims}d"
    shape = check_input(name, input, dims)
    if element_type(indices) != np.int64:
        got = "" if dims == 3 else f" but got: {scalar_name(type_of(indices))}"
        raise RuntimeError(f"elements in indices should be type int64{got}")
    if tuple(shape_of(indices)) != shape:
        have, found = [list(s) + [1] * (dims == 1) for s in (shape, shape_of(indices))]
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({have}) but "
            f"got indices tensor with shape: {found}"
        )
    kernel = lengths_of(name, "kernel_size", kernel_size, dims)
    stride = kernel if stride is None else lengths_of(name, "stride", stride, dims)
    padding = lengths_of(name, "padding", padding, dims)
    sizes = _unpooled(shape[-dims:], kernel, stride, padding, output_size, dims)
    lead, volume = shape[:-dims], prod(sizes)
    _check_places(indices, sizes, volume)
    flat = (*lead, prod(shape[-dims:]))
    zeros = np.zeros((*lead, volume), element_type(input))
    out = scatter(zeros, base.reshape(indices, shape=flat), base.reshape(input, shape=flat),
                  axis=len(lead))  # fmt: skip
    out = base.reshape(out, shape=(*lead, *sizes))
    if dims > 1:
        return named(out, f"MaxUnpool{dims}DBackward0", input, indices=held(indices, []))
    node = out._node
    if node.__class__ is Node:
        node.name, node.shown = "SqueezeBackward1", Replay(
            _as_plane, [held(input), indices, (*kernel, 1), (*stride, 1), (*padding, 0),
                        (*sizes, 1)], {}, None)  # fmt: skip
    return out


def _as_plane(input, indices, *settings):
    out = max_unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), *settings)
    return out.squeeze(-1)


def _check_places(indices, sizes, volume):
    places = concrete(indices) if plain(indices._value) else None
    if places is not None and places.size and (places.min() < 0 or places.max() >= volume):
        bad = int(places.max() if places.max() >= volume else places.min())
        raise RuntimeError(
            f"Found an invalid max index: {bad} (output volumes are of size "
            f"{'x'.join(map(str, sizes))})"
        )


def _unpooled(space, kernel, stride, padding, output_size, dims):
    default = tuple(
        [(n - 1) * s - 2 * p + k for n, k, s, p in zip(space, kernel, stride, padding, strict=True)]
    )
    if output_size is None:
        return default
    sizes = tuple(output_size)[-dims:]
    if len(sizes) != dims:
        raise ValueError(
            f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it "
            f"has a length of '{len(tuple(output_size))}'"
        )
    for d, (size, normal, s) in enumerate(zip(sizes, default, stride, strict=True)):
        if not normal - s < size < normal + s:
            raise ValueError(
                f'invalid output_size "{sizes}" (dim {d} must be between {normal - s} and '
                f"{normal + s})"
            )
    return sizes


@asked
def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Each value at the place max_pool1d found it, zeros elsewhere."""
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


@asked
def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Each value at the place max_pool2d found it, zeros elsewhere.

    >>> import tidu as torch
    >>> F = torch.nn.functional
    >>> out, places = F.max_pool2d(torch.arange(4.).reshape(1, 2, 2), 2, return_indices=True)
    >>> F.max_unpool2d(out, places, 2)
    tensor([[[0., 0.],
             [0., 3.]]])
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


@asked
def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Each value at the place max_pool3d found it, zeros elsewhere."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
