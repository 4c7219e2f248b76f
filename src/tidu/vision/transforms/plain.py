"""Transforms without chance."""

import numbers

from ... import ops
from ...base import dtypes
from ...base.errors import hinted
from . import functional as F
from .base import Transform
from .conversion import InterpolationMode
from .geometry import mode_of

__all__ = [
    "CenterCrop", "ConvertImageDtype", "FiveCrop", "Grayscale", "LinearTransformation",
    "Normalize", "PILToTensor", "Pad", "Resize", "TenCrop", "ToPILImage", "ToTensor", "two_sizes",
]  # fmt: skip


def two_sizes(size):
    """(height, width) of one number or two."""
    if isinstance(size, numbers.Number):
        return int(size), int(size)
    if len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    return tuple(size)


class ToTensor:
    """A picture or an array (H, W, C) of bytes as a tensor (C, H, W) of numbers from 0 to 1.

    >>> import numpy as np
    >>> ToTensor()(np.full((2, 3, 1), 255, np.uint8)).shape
    torch.Size([1, 2, 3])
    """

    def __call__(self, pic):
        return F.to_tensor(pic)

    def __repr__(self):
        return f"{type(self).__name__}()"


class PILToTensor:
    """A picture as a tensor (C, H, W) of its own numbers."""

    def __call__(self, pic):
        return F.pil_to_tensor(pic)

    def __repr__(self):
        return f"{type(self).__name__}()"


class ToPILImage:
    """A tensor (C, H, W) or an array (H, W, C) as a picture."""

    def __init__(self, mode=None):
        self.mode = mode

    def __call__(self, pic):
        return F.to_pil_image(pic, self.mode)

    def __repr__(self):
        return f"{type(self).__name__}({f'mode={self.mode}' if self.mode is not None else ''})"


class ConvertImageDtype(Transform):
    """Another type, with the numbers scaled to it."""

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def change(self, image, drawn):
        return F.convert_image_dtype(image, self.dtype)


class Normalize(Transform):
    """(image - mean) / std, for each channel.

    >>> import tidu as torch
    >>> Normalize([0.5], [0.5])(torch.ones(1, 1, 1)).item()
    1.0
    """

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def change(self, image, drawn):
        return F.normalize(image, self.mean, self.std, self.inplace)

    def __repr__(self):
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


class Resize(Transform):
    """The image in another size: (height, width), or the length of the shorter side.

    >>> import tidu as torch
    >>> Resize(4)(torch.rand(3, 8, 16)).shape
    torch.Size([3, 4, 8])
    """

    resized = staticmethod(F.resize)

    length_words = "If size is a sequence, it should have 1 or 2 values"

    def __init__(self, size, interpolation=InterpolationMode.BILINEAR, max_size=None,
                 antialias=True):  # fmt: skip
        super().__init__()
        if not isinstance(size, (int, list, tuple)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if not isinstance(size, int) and len(size) not in (1, 2):
            raise ValueError(self.length_words.format(size))
        self.size = size
        self.max_size = max_size
        self.interpolation = mode_of(interpolation)
        self.antialias = antialias

    def change(self, image, drawn):
        return self.resized(image, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self):
        return (
            f"{type(self).__name__}(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )


class CenterCrop(Transform):
    """The middle of the image."""

    def __init__(self, size):
        super().__init__()
        self.size = two_sizes(size)

    def change(self, image, drawn):
        return F.center_crop(image, self.size)

    def __repr__(self):
        return f"{type(self).__name__}(size={self.size})"


class Pad(Transform):
    """A border around the image."""

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        if not isinstance(padding, (numbers.Number, tuple, list)):
            raise TypeError("Got inappropriate padding arg")
        if not isinstance(padding, numbers.Number) and len(padding) not in (1, 2, 4):
            raise ValueError(hinted(
                "Padding must be an int or a 1, 2, or 4 element tuple, not a "
                f"{len(padding)} element tuple",
                "two are left and right, top and bottom; four are left, top, right, bottom.",
            ))  # fmt: skip
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def change(self, image, drawn):
        return F.pad(image, self.padding, self.fill, self.padding_mode)

    def __repr__(self):
        return (
            f"{type(self).__name__}(padding={self.padding}, fill={self.fill}, "
            f"padding_mode={self.padding_mode})"
        )


class Grayscale(Transform):
    """Shades of grey."""

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def change(self, image, drawn):
        return F.rgb_to_grayscale(image, self.num_output_channels)

    def __repr__(self):
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"


class FiveCrop(Transform):
    """The four corners and the middle."""

    def __init__(self, size):
        super().__init__()
        self.size = two_sizes(size)

    def change(self, image, drawn):
        return F.five_crop(image, self.size)

    def __repr__(self):
        return f"{type(self).__name__}(size={self.size})"


class TenCrop(Transform):
    """Five crops of the image and of its mirror image."""

    def __init__(self, size, vertical_flip=False):
        super().__init__()
        self.size = two_sizes(size)
        self.vertical_flip = vertical_flip

    def change(self, image, drawn):
        return F.ten_crop(image, self.size, self.vertical_flip)

    def __repr__(self):
        return f"{type(self).__name__}(size={self.size}, vertical_flip={self.vertical_flip})"


class LinearTransformation(Transform):
    """(flattened image - mean) · matrix, in the image's shape: whitening, for instance."""

    def __init__(self, transformation_matrix, mean_vector):
        super().__init__()
        if transformation_matrix.size(0) != transformation_matrix.size(1):
            raise ValueError(
                "transformation_matrix should be square. Got "
                f"{tuple(transformation_matrix.size())} rectangular matrix."
            )
        if mean_vector.size(0) != transformation_matrix.size(0):
            raise ValueError(
                f"mean_vector should have the same length {mean_vector.size(0)} as any one of the "
                f"dimensions of the transformation_matrix [{tuple(transformation_matrix.size())}]"
            )
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def change(self, image, drawn):
        shape = image.shape
        flat = image.reshape(-1, shape[-3] * shape[-2] * shape[-1]) - self.mean_vector
        if not flat.is_floating_point():
            flat = flat.to(dtypes.float32)
        return ops.matmul(flat, self.transformation_matrix).reshape(shape)

    def __repr__(self):
        return (
            f"{type(self).__name__}(transformation_matrix="
            f"{self.transformation_matrix.tolist()}, mean_vector={self.mean_vector.tolist()})"
        )
