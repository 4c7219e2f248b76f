"""Resizing, cutting, padding and mirroring of pictures and tensors (..., C, H, W)."""

import numbers

import numpy as np

from ... import ops
from ...base import dtypes
from ...base.errors import hinted
from ...nn import functional as F
from ..pictures import image as pil_image
from ..pictures import image_ops, is_picture
from .conversion import (
    InterpolationMode,
    check_image,
    get_dimensions,
    pil_to_tensor,
    to_pil_image,
)  # fmt: skip

__all__ = [
    "center_crop", "crop", "erase", "five_crop", "gaussian_blur", "hflip", "pad", "pil_mode",
    "resize", "resized_crop", "ten_crop", "vflip", "with_batch",
]  # fmt: skip

_OLD_NUMBERS = {0: "NEAREST", 2: "BILINEAR", 3: "BICUBIC", 4: "BOX", 5: "HAMMING", 1: "LANCZOS"}


def mode_of(interpolation):
    """The InterpolationMode meant by one, or by PIL's number for it."""
    if isinstance(interpolation, int) or type(interpolation).__name__ == "Resampling":
        return InterpolationMode[_OLD_NUMBERS[int(interpolation)]]
    return interpolation


def pil_mode(interpolation):
    """Pillow's name of an InterpolationMode."""
    name = mode_of(interpolation).name
    return getattr(pil_image.Resampling, "NEAREST" if name == "NEAREST_EXACT" else name)


def with_batch(function, img):
    """Call on a floating-point (N, C, H, W), and give the answer the image's shape and type."""
    kind, shape = img.dtype, img.shape
    flat = img.reshape(-1, *shape[-3:]) if img.dim() >= 3 else img[None, None]
    flat = flat if img.is_floating_point() else flat.to(dtypes.float32)
    result = function(flat)
    result = result if kind.is_floating_point else result.round()
    if kind == dtypes.uint8:
        result = result.clamp(0, 255)
    lead = shape[:-3] if img.dim() >= 3 else ()
    channels = result.shape[-3:] if img.dim() >= 3 else result.shape[-2:]
    return result.to(kind).reshape(*lead, *channels)


def _two(value, message="Please provide only two dimensions (h, w) for size."):
    if isinstance(value, numbers.Number):
        return int(value), int(value)
    if len(value) == 1:
        return value[0], value[0]
    if len(value) != 2:
        raise ValueError(message)
    return tuple(value)


def wanted_size(height, width, size, max_size):
    """(height, width): one number is the length of the shorter side."""
    if size is not None and not isinstance(size, int) and len(size) == 2:
        if max_size is not None:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge, "
                "i.e. size should be an int or a sequence of length 1 in torchscript mode."
            )
        return tuple(size)
    given = [size] if isinstance(size, int) else size
    size = given[0] if given is not None else None
    short, long = sorted((height, width))
    if max_size is not None and size and max_size <= size:
        raise ValueError(
            f"max_size = {max_size} must be strictly greater than the requested size for the "
            f"smaller edge size = {given}"
        )
    new_short, new_long = (size, int(size * long / short)) if size else (0, max_size + 1)
    if max_size is not None and new_long > max_size:
        new_short, new_long = int(max_size * short / long), max_size
    return (new_long, new_short) if width <= height else (new_short, new_long)


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """The image in size (height, width), or with its shorter side of length `size`."""
    _, height, width = get_dimensions(img)
    if not isinstance(size, int) and size is not None and len(size) not in (1, 2):
        raise ValueError("Size must be an int or a 1 or 2 element tuple/list, not a "
                         f"{len(size)} element tuple/list")  # fmt: skip
    new = wanted_size(height, width, size, max_size)
    if new == (height, width):
        return img
    interpolation = mode_of(interpolation)
    if is_picture(img):
        return img.resize((new[1], new[0]), pil_mode(interpolation))
    mode = interpolation.value
    if mode not in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        raise _no_such_mode(img, mode)
    smooth = mode in ("bilinear", "bicubic")
    return with_batch(
        lambda x: F.interpolate(
            x, size=new, mode=mode, align_corners=False if smooth else None,
            antialias=bool(antialias) and smooth,
        ),
        img,
    )  # fmt: skip


def hflip(img):
    """Left becomes right."""
    check_image(img)
    return image_ops.mirror(img) if is_picture(img) else img.flip(-1)


def vflip(img):
    """Top becomes bottom."""
    check_image(img)
    return image_ops.flip(img) if is_picture(img) else img.flip(-2)


def _sides(padding):
    """(left, top, right, bottom)."""
    if isinstance(padding, numbers.Number):
        return (padding,) * 4
    if len(padding) == 1:
        return (padding[0],) * 4
    if len(padding) == 2:
        return (padding[0], padding[1]) * 2
    if len(padding) == 4:
        return tuple(padding)
    raise ValueError(
        f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple"
    )


def _no_such_mode(img, mode):
    if mode == "lanczos":
        return ValueError(hinted(
            "This interpolation mode is unsupported with Tensor input",
            "lanczos resizes pictures; of tensors bicubic comes nearest.",
        ))  # fmt: skip
    axes = max(img.dim(), 4)
    return NotImplementedError(hinted(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {axes}D) for the modes: "
        "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact "
        f"(got {mode})",
        "that mode is one of pictures: resize before ToTensor().",
    ))  # fmt: skip


def pad(img, padding, fill=0, padding_mode="constant"):
    """A border on (left, top, right, bottom): constant, edge, reflect or symmetric."""
    check_image(img)
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    sides = _sides(padding)
    if is_picture(img):
        return _pad_picture(img, sides, fill, padding_mode)
    if padding_mode == "constant":
        return _pad_constant(img, sides, fill)
    return _padded_by_index(img, sides, padding_mode)


def _pad_picture(img, sides, fill, padding_mode):
    if padding_mode == "constant":
        if isinstance(fill, (list, tuple)):
            bands = len(img.getbands())
            fill = tuple(fill) * bands if len(fill) == 1 and bands > 1 else tuple(fill)
            fill = fill[0] if bands == 1 else fill
        elif isinstance(fill, numbers.Number) and len(img.getbands()) > 1:
            fill = (fill,) * len(img.getbands())
        return image_ops.expand(img, border=sides, fill=fill)
    return to_pil_image(_padded_by_index(pil_to_tensor(img), sides, padding_mode), img.mode)


def _pad_constant(img, sides, fill):
    left, top, right, bottom = sides
    if not isinstance(fill, (list, tuple)):
        return F.pad(img, [left, right, top, bottom], value=0 if fill is None else fill)
    padded = F.pad(img, [left, right, top, bottom])
    inside = F.pad(ops.ones(img.shape[-2:], dtype=dtypes.bool), [left, right, top, bottom])
    colour = ops.as_tensor(fill).to(img.dtype).view(-1, 1, 1)
    return ops.where(inside, padded, colour)


def _padded_by_index(img, sides, padding_mode):
    """Repeat rows and columns as the mode says: an index for each new place."""
    left, top, right, bottom = sides
    for dim, before, after in ((-1, left, right), (-2, top, bottom)):
        places = np.pad(np.arange(img.shape[dim]), (max(before, 0), max(after, 0)), padding_mode)
        places = places[max(-before, 0) : len(places) - max(-after, 0)]
        img = img.index_select(dim, ops.from_array(places))
    return img


def crop(img, top, left, height, width):
    """The rectangle from (top, left) on; what lies outside is black."""
    check_image(img)
    if is_picture(img):
        return img.crop((left, top, left + width, top + height))
    _, h, w = get_dimensions(img)
    bottom, right = top + height, left + width
    inside = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if left >= 0 and top >= 0 and right <= w and bottom <= h:
        return inside
    border = [
        max(min(right, 0) - left, 0), max(right - max(w, left), 0),
        max(min(bottom, 0) - top, 0), max(bottom - max(h, top), 0),
    ]  # fmt: skip
    return F.pad(inside, border)


def center_crop(img, output_size):
    """The middle of the image, with a black border where it is too small."""
    wanted_height, wanted_width = _two(output_size)
    _, height, width = get_dimensions(img)
    if wanted_width > width or wanted_height > height:
        lack_w, lack_h = max(wanted_width - width, 0), max(wanted_height - height, 0)
        img = pad(img, [lack_w // 2, lack_h // 2, (lack_w + 1) // 2, (lack_h + 1) // 2])
        _, height, width = get_dimensions(img)
        if (wanted_width, wanted_height) == (width, height):
            return img
    top = round((height - wanted_height) / 2.0)
    left = round((width - wanted_width) / 2.0)
    return crop(img, top, left, wanted_height, wanted_width)


def resized_crop(img, top, left, height, width, size,
                 interpolation=InterpolationMode.BILINEAR, antialias=True):  # fmt: skip
    """A rectangle of the image, resized."""
    return resize(crop(img, top, left, height, width), size, interpolation, None, antialias)


def five_crop(img, size):
    """The four corners and the middle."""
    height, width = _two(size)
    _, h, w = get_dimensions(img)
    if width > w or height > h:
        raise ValueError(f"Requested crop size {(height, width)} is bigger than input size "
                         f"{(h, w)}")  # fmt: skip
    corners = ((0, 0), (0, w - width), (h - height, 0), (h - height, w - width))
    cut = [crop(img, top, left, height, width) for top, left in corners]
    return (*cut, center_crop(img, [height, width]))


def ten_crop(img, size, vertical_flip=False):
    """Five crops of the image, and five of its mirror image."""
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def gaussian_blur(img, kernel_size, sigma=None):
    """Each pixel averaged with its neighbours by a bell curve of width `sigma`."""
    if not isinstance(kernel_size, int) and len(kernel_size) != 2:
        raise ValueError(hinted(
            f"If kernel_size is a sequence its length should be 2. Got {len(kernel_size)}",
            "write one number for a square, or [width, height].",
        ))  # fmt: skip
    wide, high = (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
    for length in (wide, high):
        if length % 2 == 0 or length < 0:
            raise ValueError(
                f"kernel_size should have odd and positive integers. Got {kernel_size}"
            )
    if sigma is None:
        sigma = [length * 0.15 + 0.35 for length in (wide, high)]
    elif isinstance(sigma, numbers.Number):
        sigma = [float(sigma)] * 2
    sigma = list(sigma) * 2 if len(sigma) == 1 else sigma
    if min(sigma) <= 0:
        raise ValueError(f"sigma should have positive values. Got {sigma}")
    image = pil_to_tensor(img) if is_picture(img) else img
    blurred = with_batch(lambda x: _blurred(x, (wide, high), sigma), image)
    return to_pil_image(blurred, img.mode) if is_picture(img) else blurred


def _bell(length, sigma, kind):
    reach = (length - 1) * 0.5
    x = ops.linspace(-reach, reach, steps=length, dtype=kind)
    bell = ops.exp(-0.5 * (x / sigma) ** 2)
    return bell / bell.sum()


def _blurred(x, lengths, sigma):
    across, down = (_bell(n, s, x.dtype) for n, s in zip(lengths, sigma, strict=True))
    kernel = (down[:, None] * across[None, :]).expand(x.shape[1], 1, lengths[1], lengths[0])
    half = [lengths[0] // 2, lengths[0] // 2, lengths[1] // 2, lengths[1] // 2]
    return F.conv2d(F.pad(x, half, mode="reflect"), kernel, groups=x.shape[1])


def erase(img, i, j, h, w, v, inplace=False):
    """Write `v` into the rectangle of size (h, w) at (i, j)."""
    if is_picture(img):
        return to_pil_image(erase(pil_to_tensor(img), i, j, h, w, v, True), img.mode)
    check_image(img)
    img = img if inplace else img.clone()
    img[..., i : i + h, j : j + w] = v
    return img
