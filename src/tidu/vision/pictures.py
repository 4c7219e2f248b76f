"""PIL's pictures, where Pillow is installed: the one file of the package that names it."""

import sys

from ..base.lazy import lazy_module

__all__ = ["image", "image_enhance", "image_ops", "is_picture", "open_rgb"]

_HINT = "pictures of files are read and written with Pillow: pip install pillow (tidu[vision])"

image = lazy_module("PIL.Image", _HINT)
image_enhance = lazy_module("PIL.ImageEnhance", _HINT)
image_ops = lazy_module("PIL.ImageOps", _HINT)


def is_picture(value):
    """Whether this is a PIL picture; asking does not load Pillow."""
    loaded = sys.modules.get("PIL.Image")
    return loaded is not None and isinstance(value, loaded.Image)


def open_rgb(path):
    """The picture in a file, as RGB."""
    with open(path, "rb") as file:
        return image.open(file).convert("RGB")
