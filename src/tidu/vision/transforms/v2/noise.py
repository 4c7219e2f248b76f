"""v2's changes of colour and of single pixels: distortion, permuted channels, noise, JPEG."""

import io

from .... import ops
from ....base import dtypes
from ....frontend.tensor import Tensor
from ...pictures import image as pil_image
from ...pictures import is_picture
from .. import functional as F
from ..base import Transform, uniform
from .base import Several

__all__ = [
    "GaussianNoise", "JPEG", "RGB", "RandomChannelPermutation", "RandomPhotometricDistort",
    "UniformTemporalSubsample",
]  # fmt: skip


def _permuted(image, order):
    if is_picture(image):
        return F.to_pil_image(_permuted(F.pil_to_tensor(image), order), image.mode)
    return image[..., order, :, :]


class RandomPhotometricDistort(Several, Transform):
    """Brightness, contrast, saturation, hue and the order of channels, each with probability p."""

    def __init__(self, brightness=(0.875, 1.125), contrast=(0.5, 1.5), saturation=(0.5, 1.5),
                 hue=(-0.05, 0.05), p=0.5):  # fmt: skip
        super().__init__()
        self.brightness, self.contrast = brightness, contrast
        self.saturation, self.hue = saturation, hue
        self.chance = p

    def _happens(self):
        return bool(ops.rand(1) < self.chance)

    def draw(self, image):
        channels = F.get_dimensions(image)[0]
        spans = (self.brightness, self.contrast, self.saturation, self.hue)
        amounts = [uniform(*span) if self._happens() else None for span in spans]
        contrast_first = bool(ops.rand(()) < 0.5)
        order = ops.randperm(channels) if self._happens() else None
        return amounts, contrast_first, order

    def change(self, image, drawn):
        (brightness, contrast, saturation, hue), contrast_first, order = drawn
        early, late = (contrast, None) if contrast_first else (None, contrast)
        steps = (
            (F.adjust_brightness, brightness), (F.adjust_contrast, early),
            (F.adjust_saturation, saturation), (F.adjust_hue, hue), (F.adjust_contrast, late),
            (_permuted, order),
        )  # fmt: skip
        for step, amount in steps:
            if amount is not None:
                image = step(image, amount)
        return image


class RandomChannelPermutation(Several, Transform):
    """The channels in another order."""

    def draw(self, image):
        return ops.randperm(F.get_dimensions(image)[0])

    def change(self, image, drawn):
        return _permuted(image, drawn)


class RGB(Several, Transform):
    """Grey images in three channels; colours as they are, without their transparency."""

    def change(self, image, drawn):
        if is_picture(image):
            return image.convert("RGB")
        channels = image.shape[-3]
        if channels in (1, 2):
            return image[..., :1, :, :].repeat_interleave(3, -3)
        return image[..., :3, :, :]


class GaussianNoise(Several, Transform):
    """Normal noise added to each pixel; of bytes, in 255ths. `clip` keeps the range of colours."""

    def __init__(self, mean=0.0, sigma=0.1, clip=True):
        super().__init__()
        self.mean, self.sigma, self.clip = mean, sigma, clip

    def change(self, image, drawn):
        if is_picture(image):
            raise ValueError("Gaussian Noise is not implemented for PIL images.")
        if self.sigma < 0:
            raise ValueError(f"sigma shouldn't be negative. Got {self.sigma}")
        if not (image.is_floating_point() or image.dtype is dtypes.uint8):
            raise ValueError(f"Input tensor is expected to be in uint8 or float dtype, got dtype="
                             f"{image.dtype}")  # fmt: skip
        if image.is_floating_point():
            noisy = image + (self.mean + ops.randn_like(image) * self.sigma)
            return noisy.clamp(0, 1) if self.clip else noisy
        grain = ops.randn_like(image, dtype=dtypes.float32)
        noise = (self.mean * 255 + grain * (self.sigma * 255)).to(dtypes.int16)
        noisy = image.to(dtypes.int16) + noise
        return (noisy.clamp(0, 255) if self.clip else noisy).to(dtypes.uint8)


class JPEG(Several, Transform):
    """Written as JPEG of a quality drawn from a range, and read again."""

    def __init__(self, quality):
        super().__init__()
        quality = (quality, quality) if isinstance(quality, int) else tuple(quality)
        if not (1 <= quality[0] <= quality[1] <= 100) or not all(
            isinstance(q, int) for q in quality
        ):
            raise ValueError(f"quality must be an integer from 1 to 100, got {quality =}")
        self.quality = quality

    def draw(self, image):
        return int(ops.randint(self.quality[0], self.quality[1] + 1, ()))

    def change(self, image, quality):
        picture = image if is_picture(image) else F.to_pil_image(image)
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=quality)
        buffer.seek(0)
        read = pil_image.open(buffer)
        return read if is_picture(image) else F.pil_to_tensor(read)


class UniformTemporalSubsample(Transform):
    """`num_samples` frames of a video (..., T, C, H, W), evenly spaced."""

    def __init__(self, num_samples):
        super().__init__()
        self.num_samples = num_samples

    def forward(self, video):
        places = ops.linspace(0, video.shape[-4] - 1, self.num_samples).long()
        plain = video.as_subclass(Tensor)
        return ops.index_select(plain, -4, places).as_subclass(type(video))
