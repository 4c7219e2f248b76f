"""Pictures, arrays and tensors into each other, and what one asks of an image: size, channels."""

import enum

import numpy as np

from ... import ops
from ...base import dtypes
from ...base.errors import hinted
from ...frontend.tensor import Tensor
from ..pictures import image as pil_image
from ..pictures import is_picture

__all__ = [
    "InterpolationMode", "check_image", "convert_image_dtype", "get_dimensions",
    "get_image_num_channels", "get_image_size", "largest", "normalize", "pil_to_tensor",
    "to_pil_image", "to_tensor",
]  # fmt: skip

_TYPES = {"I": np.int32, "I;16": np.uint16, "F": np.float32}


class InterpolationMode(enum.Enum):
    """How new pixels are computed from old ones."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


def check_image(img, said="img should be PIL Image. Got"):
    """Refuse what is neither a picture nor a tensor of images."""
    if is_picture(img):
        return
    if not isinstance(img, Tensor):
        raise TypeError(
            hinted(
                f"{said} {type(img)}",
                "transforms take PIL pictures and tensors of shape (..., C, H, W).",
            )
        )
    if img.dim() < 2:
        raise TypeError("Tensor is not a torch image.")


def get_dimensions(img):
    """[channels, height, width]."""
    check_image(img, "Unexpected type")
    if is_picture(img):
        return [len(img.getbands()), img.height, img.width]
    channels = 1 if img.dim() == 2 else img.shape[-3]
    return [channels, *img.shape[-2:]]


def get_image_size(img):
    """[width, height]."""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img):
    """The number of channels."""
    return get_dimensions(img)[0]


def largest(dtype):
    """What white is in this type: 1.0, or the largest integer."""
    return 1 if dtype.is_floating_point else int(np.iinfo(dtype.numpy).max)


def pil_to_tensor(pic):
    """A picture as a tensor (C, H, W) of its own numbers, without scaling."""
    if not is_picture(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    array = np.array(pic, copy=True)
    if array.ndim == 2:
        array = array[:, :, None]
    return ops.from_array(np.ascontiguousarray(array.transpose(2, 0, 1)))


def _array_of(pic):
    """(H, W, C) numbers of a picture; 8-bit ones stay 8-bit, black and white become 0 and 255."""
    if pic.mode == "1":
        return 255 * np.array(pic, np.uint8)[:, :, None]
    if pic.mode in _TYPES:
        return np.array(pic, _TYPES[pic.mode], copy=True)[:, :, None]
    array = np.array(pic, copy=True)
    return array[:, :, None] if array.ndim == 2 else array


def to_tensor(pic):
    """A picture or an array (H, W, C) as a tensor (C, H, W); 8-bit numbers become 0 to 1."""
    if is_picture(pic):
        array = _array_of(pic)
    elif not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    elif pic.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    else:
        array = pic[:, :, None] if pic.ndim == 2 else pic
    tensor = ops.from_array(np.ascontiguousarray(array.transpose(2, 0, 1)))
    if array.dtype == np.uint8:
        return tensor.to(dtypes.default_dtype()).div(255)
    return tensor


def to_pil_image(pic, mode=None):
    """A tensor (C, H, W) or an array (H, W, C) as a picture; numbers 0 to 1 become 8-bit."""
    if isinstance(pic, Tensor):
        if pic.dim() not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.dim()} dimensions.")
        if pic.is_floating_point() and mode != "F":
            pic = pic.mul(255).byte()
        array = pic.detach().numpy()
        array = array[None] if array.ndim == 2 else array
        array = array.transpose(1, 2, 0)
    elif isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        array = pic[:, :, None] if pic.ndim == 2 else pic
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if array.shape[2] > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {array.shape[2]} channels.")
    return _picture(np.ascontiguousarray(array), mode)


_MODES = {1: ("L", "I", "F", "I;16", "1"), 2: ("LA",), 3: ("RGB", "YCbCr", "HSV"),
          4: ("RGBA", "CMYK", "RGBX")}  # fmt: skip


def _check_mode(channels, mode):
    """Refuse a mode that has another number of channels."""
    if channels > 1 and mode is not None and mode not in _MODES[channels]:
        raise ValueError(hinted(
            f"Only modes {list(_MODES[channels])} are supported for {channels}D inputs",
            "convert the picture afterwards: picture.convert(mode).",
        ))  # fmt: skip


def _picture(array, mode):
    _check_mode(array.shape[2], mode)
    if array.shape[2] == 1:
        array = array[:, :, 0]
        if array.dtype not in (np.uint8, np.int16, np.uint16, np.int32, np.float32):
            raise TypeError(f"Input type {array.dtype} is not supported")
    elif array.dtype != np.uint8:
        raise TypeError(f"Input type {array.dtype} is not supported")
    picture = pil_image.fromarray(array)
    return picture if mode is None or picture.mode == mode else picture.convert(mode)


def convert_image_dtype(image, dtype=dtypes.float32):
    """The image in another type, its numbers scaled: 255 of uint8 is 1.0 of float32."""
    if not isinstance(image, Tensor):
        raise TypeError(hinted(
            "Input img should be Tensor Image", "ToTensor() makes a tensor of a picture.",
        ))  # fmt: skip
    if image.dtype == dtype:
        return image
    old = image.dtype
    if old.is_floating_point:
        if dtype.is_floating_point:
            return image.to(dtype)
        digits = {dtypes.float16: 11, dtypes.bfloat16: 8, dtypes.float32: 24}.get(old, 53)
        if largest(dtype).bit_length() > digits:
            raise RuntimeError(f"The cast from {old} to {dtype} cannot be performed safely.")
        return image.mul(largest(dtype) + 1.0 - 1e-3).to(dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / largest(old)
    here, there = largest(old), largest(dtype)
    if here > there:
        return ops.div(image, (here + 1) // (there + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((there + 1) // (here + 1))


def normalize(tensor, mean, std, inplace=False):
    """(tensor - mean) / std, for each channel."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = "
            f"{tensor.size()}"
        )
    tensor = tensor if inplace else tensor.clone()
    mean = ops.as_tensor(mean, dtype=tensor.dtype)
    std = ops.as_tensor(std, dtype=tensor.dtype)
    if (std == 0).any():
        raise ValueError(
            f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by "
            "zero."
        )
    mean = mean.view(-1, 1, 1) if mean.ndim == 1 else mean
    std = std.view(-1, 1, 1) if std.ndim == 1 else std
    return tensor.sub_(mean).div_(std)
