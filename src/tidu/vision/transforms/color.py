"""Functions of an image's colours, for pictures (through Pillow) and tensors (..., C, H, W)."""

import numpy as np

from ... import ops
from ...base import dtypes
from ...nn import functional as F
from ..pictures import image as pil_image
from ..pictures import image_enhance, image_ops, is_picture
from .conversion import check_image, convert_image_dtype, get_image_num_channels, largest

__all__ = [
    "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
    "adjust_sharpness", "autocontrast", "equalize", "invert", "posterize", "rgb_to_grayscale",
    "solarize", "to_grayscale",
]  # fmt: skip


def _channels(img, allowed):
    found = get_image_num_channels(img)
    if found not in allowed:
        raise TypeError(f"Input image tensor permitted channel values are {list(allowed)}, "
                        f"but found {found}")  # fmt: skip
    return found


def _check_factor(name, factor):
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def _between(first, second, share):
    """share · first + (1 - share) · second, within the range of the type."""
    mixed = float(share) * first + (1.0 - float(share)) * second
    return mixed.clamp(0, largest(first.dtype)).to(first.dtype)


def _grey(img):
    red, green, blue = img.unbind(-3)
    return (0.2989 * red + 0.587 * green + 0.114 * blue).to(img.dtype).unsqueeze(-3)


def rgb_to_grayscale(img, num_output_channels=1):
    """The luminance 0.2989 R + 0.587 G + 0.114 B, in one channel or repeated in three."""
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if is_picture(img):
        grey = img.convert("L")
        if num_output_channels == 1:
            return grey
        return pil_image.merge("RGB", [grey] * 3)
    check_image(img)
    grey = _grey(img) if _channels(img, (1, 3)) == 3 else img
    if num_output_channels == 1:
        return grey
    return grey.expand(*grey.shape[:-3], 3, *grey.shape[-2:])


def to_grayscale(img, num_output_channels=1):
    """A picture in shades of grey."""
    if not is_picture(img):
        raise TypeError("Input should be PIL Image")
    return rgb_to_grayscale(img, num_output_channels)


def adjust_brightness(img, brightness_factor):
    """0 is black, 1 the image, 2 twice as bright."""
    _check_factor("brightness_factor", brightness_factor)
    if is_picture(img):
        return image_enhance.Brightness(img).enhance(brightness_factor)
    check_image(img)
    return _between(img, ops.zeros_like(img), brightness_factor)


def adjust_contrast(img, contrast_factor):
    """0 is plain grey, 1 the image."""
    _check_factor("contrast_factor", contrast_factor)
    if is_picture(img):
        return image_enhance.Contrast(img).enhance(contrast_factor)
    check_image(img)
    grey = _grey(img) if _channels(img, (1, 3)) == 3 else img
    kind = img.dtype if img.is_floating_point() else dtypes.float32
    return _between(img, grey.to(kind).mean(dim=(-3, -2, -1), keepdim=True), contrast_factor)


def adjust_saturation(img, saturation_factor):
    """0 is shades of grey, 1 the image."""
    _check_factor("saturation_factor", saturation_factor)
    if is_picture(img):
        return image_enhance.Color(img).enhance(saturation_factor)
    check_image(img)
    if _channels(img, (1, 3)) == 1:
        return img
    return _between(img, _grey(img), saturation_factor)


def adjust_hue(img, hue_factor):
    """Turn the colours by this part of the circle, -0.5 to 0.5."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if is_picture(img):
        return _picture_hue(img, hue_factor)
    check_image(img)
    if _channels(img, (1, 3)) == 1:
        return img
    floating = img if img.is_floating_point() else convert_image_dtype(img, dtypes.float32)
    hue, saturation, value = _hsv(floating)
    turned = _rgb((hue + hue_factor) % 1.0, saturation, value)
    return convert_image_dtype(turned, img.dtype)


def _picture_hue(img, hue_factor):
    if img.mode in ("L", "1", "I", "F"):
        return img
    hue, saturation, value = img.convert("HSV").split()
    # Hues are a circle of 256 steps, so the sum wraps around.
    turned = np.array(hue, np.uint8) + np.int32(hue_factor * 255).astype(np.uint8)
    hue = pil_image.fromarray(turned.astype(np.uint8))
    return pil_image.merge("HSV", (hue, saturation, value)).convert(img.mode)


def _hsv(img):
    """Hue (0 to 1), saturation and value of an RGB image."""
    red, green, blue = img.unbind(-3)
    high, low = img.amax(-3), img.amin(-3)
    span = high - low
    grey = span == 0
    one = ops.ones_like(high)
    saturation = span / ops.where(grey, one, high)
    divisor = ops.where(grey, one, span)
    r, g, b = (high - red) / divisor, (high - green) / divisor, (high - blue) / divisor
    sector = ops.where(high == red, b - g, ops.where(high == green, 2.0 + r - b, 4.0 + g - r))
    return (sector / 6.0 + 1.0) % 1.0, saturation, high


def _rgb(hue, saturation, value):
    sixth = hue * 6.0
    number = ops.floor(sixth)
    rest = sixth - number
    number = number.to(dtypes.int64) % 6
    p = (value * (1.0 - saturation)).clamp(0.0, 1.0)
    q = (value * (1.0 - saturation * rest)).clamp(0.0, 1.0)
    t = (value * (1.0 - saturation * (1.0 - rest))).clamp(0.0, 1.0)
    rows = [(value, q, p, p, t, value), (t, value, value, q, p, p), (p, p, t, value, value, q)]
    picked = [
        ops.gather(ops.stack(row), 0, number.unsqueeze(0)).squeeze(0) for row in rows
    ]  # fmt: skip
    return ops.stack(picked, -3)


def adjust_gamma(img, gamma, gain=1):
    """gain · img^gamma, for numbers from 0 to 1."""
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    check_image(img)
    if is_picture(img):
        table = [int((255 + 1 - 1e-3) * gain * (value / 255.0) ** gamma) for value in range(256)]
        bands = len(img.convert("RGB").getbands()) if img.mode != "L" else 1
        mode = img.mode
        changed = (img if mode == "L" else img.convert("RGB")).point(
            [min(value, 255) for value in table] * bands
        )
        return changed.convert(mode)
    floating = img if img.is_floating_point() else convert_image_dtype(img, dtypes.float32)
    return convert_image_dtype((gain * floating**gamma).clamp(0, 1), img.dtype)


def invert(img):
    """White becomes black."""
    if is_picture(img):
        return image_ops.invert(img)
    check_image(img)
    return largest(img.dtype) - img


def posterize(img, bits):
    """Keep the highest bits of each 8-bit number."""
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    if is_picture(img):
        return image_ops.posterize(img, bits)
    check_image(img)
    if img.dtype != dtypes.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    return img & (256 - 2 ** (8 - bits))


def solarize(img, threshold):
    """Invert the numbers from `threshold` on."""
    if is_picture(img):
        return image_ops.solarize(img, threshold)
    check_image(img)
    if threshold > largest(img.dtype):
        raise TypeError("Threshold should be less than bound of img.")
    return ops.where(img >= threshold, invert(img), img)


def adjust_sharpness(img, sharpness_factor):
    """0 is blurred, 1 the image, 2 sharper."""
    _check_factor("sharpness_factor", sharpness_factor)
    if is_picture(img):
        return image_enhance.Sharpness(img).enhance(sharpness_factor)
    check_image(img)
    if img.size(-1) <= 2 or img.size(-2) <= 2:
        return img
    return _between(img, _smoothed(img), sharpness_factor)


def _smoothed(img):
    """Each inner pixel averaged with its neighbours, the centre counting five times."""
    kind = img.dtype if img.is_floating_point() else dtypes.float32
    kernel = ops.ones(3, 3, dtype=kind)
    kernel[1, 1] = 5.0
    kernel = (kernel / kernel.sum()).expand(img.shape[-3], 1, 3, 3)
    flat = img.to(kind).reshape(-1, *img.shape[-3:])
    inner = F.conv2d(flat, kernel, groups=img.shape[-3])
    inner = inner if img.is_floating_point() else inner.round()
    result = img.clone()
    result[..., 1:-1, 1:-1] = inner.to(img.dtype).reshape(*img.shape[:-2], *inner.shape[-2:])
    return result


def autocontrast(img):
    """Stretch each channel to the whole range."""
    if is_picture(img):
        return image_ops.autocontrast(img)
    check_image(img)
    bound = largest(img.dtype)
    kind = img.dtype if img.is_floating_point() else dtypes.float32
    low = img.amin(dim=(-2, -1), keepdim=True).to(kind)
    high = img.amax(dim=(-2, -1), keepdim=True).to(kind)
    flat = high == low
    scale = ops.where(flat, ops.ones_like(high), bound / (high - low + flat.to(kind)))
    low = ops.where(flat, ops.zeros_like(low), low)
    return ((img - low) * scale).clamp(0, bound).to(img.dtype)


def equalize(img):
    """Spread the brightness of each channel evenly (8-bit)."""
    if is_picture(img):
        return image_ops.equalize(img)
    check_image(img)
    if img.dtype != dtypes.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    array = img.detach().numpy()
    flat = array.reshape(-1, *array.shape[-2:])
    return ops.from_array(np.stack([_equalized(one) for one in flat]).reshape(array.shape))


def _equalized(channel):
    counts = np.bincount(channel.ravel(), minlength=256)
    used = counts[counts != 0]
    step = used[:-1].sum() // 255
    if step == 0:
        return channel
    table = (np.cumsum(counts) + step // 2) // step
    table = np.concatenate([[0], table[:-1]]).clip(0, 255).astype(np.uint8)
    return table[channel]
