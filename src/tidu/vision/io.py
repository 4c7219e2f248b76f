"""torchvision.io: pictures read from files and written to them, through Pillow."""

import enum
import os

from ..frontend.tensor import Tensor
from .pictures import image as pil_image
from .transforms.functional import pil_to_tensor, to_pil_image

__all__ = ["ImageReadMode", "decode_image", "read_image", "write_jpeg", "write_png"]


class ImageReadMode(enum.Enum):
    """Which channels a picture is read with."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


_MODES = {"GRAY": "L", "GRAY_ALPHA": "LA", "RGB": "RGB", "RGB_ALPHA": "RGBA"}


def read_image(path, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """The picture in a file as a tensor (C, H, W) of bytes."""
    mode = ImageReadMode[mode] if isinstance(mode, str) else mode
    with pil_image.open(os.fspath(path)) as picture:
        wanted = _MODES.get(mode.name)
        if wanted is None and picture.mode == "P":
            wanted = "RGB"
        return pil_to_tensor(picture.convert(wanted) if wanted else picture)


def decode_image(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """The picture in a file named by a path."""
    if isinstance(input, Tensor):
        raise TypeError("decode_image takes the path of a file here; write the bytes to one.")
    return read_image(input, mode, apply_exif_orientation)


def write_png(input, filename, compression_level=6):
    """Write a tensor (C, H, W) of bytes as PNG."""
    to_pil_image(input).save(filename, format="png", compress_level=compression_level)


def write_jpeg(input, filename, quality=75):
    """Write a tensor (C, H, W) of bytes as JPEG."""
    to_pil_image(input).save(filename, format="jpeg", quality=quality)
