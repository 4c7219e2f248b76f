"""torchvision.transforms.v2.functional: the same functions, some under two names."""

from ....base.dtypes import float32
from ..color import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    equalize,
    invert,
    posterize,
    rgb_to_grayscale,
    solarize,
    to_grayscale,
)  # fmt: skip
from ..conversion import (
    InterpolationMode,
    convert_image_dtype,
    get_dimensions,
    get_image_num_channels,
    get_image_size,
    normalize,
    pil_to_tensor,
    to_pil_image,
    to_tensor,
)  # fmt: skip
from ..geometry import (
    center_crop,
    crop,
    erase,
    five_crop,
    gaussian_blur,
    hflip,
    pad,
    ten_crop,
    vflip,
)  # fmt: skip
from ..warping import affine, elastic_transform, perspective
from .base import ToImage
from .boxes import clamp_bounding_boxes, convert_bounding_box_format
from .geometry import resize, resized_crop, rotate

__all__ = [
    "InterpolationMode", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue",
    "adjust_saturation", "adjust_sharpness", "affine", "autocontrast", "center_crop",
    "clamp_bounding_boxes", "convert_bounding_box_format", "convert_image_dtype", "crop",
    "elastic_transform", "equalize", "erase", "five_crop", "gaussian_blur", "get_dimensions",
    "get_image_num_channels",
    "get_image_size", "get_size", "hflip", "horizontal_flip", "invert", "normalize", "pad",
    "perspective", "pil_to_tensor", "posterize", "resize", "resized_crop", "rgb_to_grayscale",
    "rotate", "solarize", "ten_crop", "to_dtype", "to_grayscale", "to_image", "to_pil_image",
    "to_tensor", "vertical_flip", "vflip",
]  # fmt: skip


def to_image(inpt):
    """A picture, array or tensor as an `Image`."""
    return ToImage()(inpt)


def to_dtype(inpt, dtype=float32, scale=False):
    """An image in another type."""
    return convert_image_dtype(inpt, dtype) if scale else inpt.to(dtype)


def get_size(inpt):
    """[height, width]."""
    return get_dimensions(inpt)[1:]


horizontal_flip = hflip
vertical_flip = vflip
