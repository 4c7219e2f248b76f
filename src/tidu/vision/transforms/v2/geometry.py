"""Sizes and quarter turns as v2 has them: bytes stay bytes, quarter turns only move pixels."""

from .... import ops
from ....base import dtypes
from ....frontend.tensor import Tensor
from ....nn import functional as nn_functional
from .. import geometry, warping
from ..conversion import InterpolationMode, get_dimensions
from ..geometry import crop, mode_of

__all__ = ["resize", "resized_crop", "rotate"]


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """`transforms.functional.resize`, but bytes are mixed in whole numbers, without floats.

    >>> import tidu as torch
    >>> resize(torch.zeros(3, 8, 16, dtype=torch.uint8), [4]).shape
    torch.Size([3, 4, 8])
    """
    mode = mode_of(interpolation)
    smooth = mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
    if not (smooth and isinstance(img, Tensor) and img.dtype is dtypes.uint8 and img.numel()):
        return geometry.resize(img, size, interpolation, max_size, antialias)
    _, height, width = get_dimensions(img)
    new = geometry.wanted_size(height, width, size, max_size)
    if new == (height, width):
        return img
    resized = nn_functional.interpolate(
        img.reshape(-1, *img.shape[-3:]), size=new, mode=mode.value, align_corners=False,
        antialias=bool(antialias),
    )  # fmt: skip
    return resized.reshape(*img.shape[:-2], *new)


def resized_crop(img, top, left, height, width, size,
                 interpolation=InterpolationMode.BILINEAR, antialias=True):  # fmt: skip
    """A rectangle of the image, resized."""
    return resize(crop(img, top, left, height, width), size, interpolation, None, antialias)


def rotate(img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None,
           fill=None):  # fmt: skip
    """`transforms.functional.rotate`; of tensors, quarter turns about the middle are exact."""
    if isinstance(img, Tensor) and isinstance(angle, (int, float)) and center is None:
        quarters, rest = divmod(angle % 360, 90)
        square = expand or img.shape[-1] == img.shape[-2]
        if rest == 0 and (square or quarters % 2 == 0):
            return ops.rot90(img, int(quarters), (-2, -1)) if quarters else img.clone()
    return warping.rotate(img, angle, interpolation, expand, center, fill)
