"""Transforms by chance: they draw from the default generator, in torchvision's order."""

import math
import numbers
from collections.abc import Sequence

from ... import ops
from ...base.errors import hinted
from . import functional as F
from .base import Transform, uniform, whole
from .conversion import InterpolationMode
from .geometry import mode_of
from .plain import two_sizes

__all__ = [
    "ColorJitter", "GaussianBlur", "RandomAdjustSharpness", "RandomAffine", "RandomAutocontrast",
    "RandomCrop", "RandomEqualize", "RandomErasing", "RandomGrayscale", "RandomHorizontalFlip",
    "RandomInvert", "RandomPerspective", "RandomPosterize", "RandomResizedCrop", "RandomRotation",
    "RandomSolarize", "RandomVerticalFlip",
]  # fmt: skip


class _Sometimes(Transform):
    """Done with probability p."""

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def __repr__(self):
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(_Sometimes):
    """Mirrored with probability p."""

    def change(self, image, drawn):
        return F.hflip(image)


class RandomVerticalFlip(_Sometimes):
    """Upside down with probability p."""

    def change(self, image, drawn):
        return F.vflip(image)


class RandomInvert(_Sometimes):
    """Inverted with probability p."""

    def change(self, image, drawn):
        return F.invert(image)


class RandomAutocontrast(_Sometimes):
    """With the contrast stretched with probability p."""

    def change(self, image, drawn):
        return F.autocontrast(image)


class RandomEqualize(_Sometimes):
    """Equalized with probability p."""

    def change(self, image, drawn):
        return F.equalize(image)


class RandomGrayscale(_Sometimes):
    """In shades of grey with probability p; the number of channels stays."""

    def __init__(self, p=0.1):
        super().__init__(p)

    def change(self, image, drawn):
        channels = F.get_image_num_channels(image)
        return F.rgb_to_grayscale(image, channels if channels in (1, 3) else 3)


class RandomPosterize(_Sometimes):
    """With fewer bits with probability p."""

    def __init__(self, bits, p=0.5):
        super().__init__(p)
        self.bits = bits

    def change(self, image, drawn):
        return F.posterize(image, self.bits)

    def __repr__(self):
        return f"{type(self).__name__}(bits={self.bits},p={self.p})"


class RandomSolarize(_Sometimes):
    """Solarized with probability p."""

    def __init__(self, threshold, p=0.5):
        super().__init__(p)
        self.threshold = threshold

    def change(self, image, drawn):
        return F.solarize(image, self.threshold)

    def __repr__(self):
        return f"{type(self).__name__}(threshold={self.threshold},p={self.p})"


class RandomAdjustSharpness(_Sometimes):
    """Sharper or softer with probability p."""

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, image, drawn):
        return F.adjust_sharpness(image, self.sharpness_factor)

    def __repr__(self):
        return f"{type(self).__name__}(sharpness_factor={self.sharpness_factor},p={self.p})"


class RandomCrop(Transform):
    """A rectangle of this size, anywhere in the image (with a border first, where asked for)."""

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = two_sizes(size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img, output_size):
        """(top, left, height, width)."""
        _, h, w = F.get_dimensions(img)
        height, width = output_size
        if h < height or w < width:
            raise ValueError(
                f"Required crop size {(height, width)} is larger than input image size {(h, w)}"
            )
        if (w, h) == (width, height):
            return 0, 0, h, w
        return whole(0, h - height + 1), whole(0, w - width + 1), height, width

    def _padded(self, image):
        if self.padding is not None:
            image = F.pad(image, self.padding, self.fill, self.padding_mode)
        _, height, width = F.get_dimensions(image)
        if self.pad_if_needed and width < self.size[1]:
            image = F.pad(image, [self.size[1] - width, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and height < self.size[0]:
            image = F.pad(image, [0, self.size[0] - height], self.fill, self.padding_mode)
        return image

    def draw(self, image):
        return self.get_params(self._padded(image), self.size)

    def change(self, image, drawn):
        return F.crop(self._padded(image), *drawn)

    def __repr__(self):
        return f"{type(self).__name__}(size={self.size}, padding={self.padding})"


class RandomResizedCrop(Transform):
    """A rectangle of random area and shape, resized."""

    resized_crop = staticmethod(F.resized_crop)

    span_words = "should be a sequence"

    def __init__(
        self, size, scale=(0.08, 1.0), ratio=(3.0 / 4.0, 4.0 / 3.0),
        interpolation=InterpolationMode.BILINEAR, antialias=True,
    ):  # fmt: skip
        super().__init__()
        self.size = two_sizes(size)
        for name, span in (("Scale", scale), ("Ratio", ratio)):
            if not isinstance(span, Sequence):
                raise TypeError(f"{name} {self.span_words}")
        self.scale = scale
        self.ratio = ratio
        self.interpolation = mode_of(interpolation)
        self.antialias = antialias

    @staticmethod
    def get_params(img, scale, ratio):
        """(top, left, height, width)."""
        _, height, width = F.get_dimensions(img)
        low, high = ops.log(ops.tensor(ratio)).tolist()
        for _ in range(10):
            area = height * width * uniform(*scale)
            shape = ops.exp(ops.empty(1).uniform_(low, high)).item()
            w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < w <= width and 0 < h <= height:
                return whole(0, height - h + 1), whole(0, width - w + 1), h, w
        whole_ratio, w, h = float(width) / float(height), width, height
        if whole_ratio < min(ratio):
            h = round(width / min(ratio))
        elif whole_ratio > max(ratio):
            w = round(height * max(ratio))
        return (height - h) // 2, (width - w) // 2, h, w

    def draw(self, image):
        return self.get_params(image, self.scale, self.ratio)

    def change(self, image, drawn):
        return self.resized_crop(image, *drawn, self.size, self.interpolation, self.antialias)

    def __repr__(self):
        return (
            f"{type(self).__name__}(size={self.size}, "
            f"scale={tuple(round(s, 4) for s in self.scale)}, "
            f"ratio={tuple(round(r, 4) for r in self.ratio)}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )


def _span(value, name, centre=0.0, least=None, most=None, words=""):
    """[low, high] of a number (about `centre`) or a pair; None where nothing would change."""
    if isinstance(value, numbers.Number):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        low, high = centre - float(value), centre + float(value)
        low = low if least is None or name == "hue" else max(low, least)
    elif isinstance(value, (tuple, list)) and len(value) == 2:
        low, high = float(value[0]), float(value[1])
    else:
        raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
    if (least is not None and low < least) or (most is not None and high > most) or low > high:
        bounds = (least, float("inf") if most is None else most)
        raise ValueError(f"{name} values should be between {bounds}{words}, but got {[low, high]}.")
    return None if low == high == centre else (low, high)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed by chance, in an order by chance."""

    _steps = (
        F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue,
    )  # fmt: skip

    bounds_words = ""

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        super().__init__()
        words = self.bounds_words
        self.brightness = _span(brightness, "brightness", 1.0, 0.0, words=words)
        self.contrast = _span(contrast, "contrast", 1.0, 0.0, words=words)
        self.saturation = _span(saturation, "saturation", 1.0, 0.0, words=words)
        self.hue = _span(hue, "hue", 0.0, -0.5, 0.5, words)

    @staticmethod
    def get_params(brightness, contrast, saturation, hue):
        """(order, brightness, contrast, saturation, hue); None where nothing is changed."""
        order = ops.randperm(4)
        spans = (brightness, contrast, saturation, hue)
        return (order, *(None if span is None else uniform(*span) for span in spans))

    def draw(self, image):
        return self.get_params(self.brightness, self.contrast, self.saturation, self.hue)

    def change(self, image, drawn):
        order, *amounts = drawn
        for i in order.tolist():
            if amounts[i] is not None:
                image = self._steps[i](image, amounts[i])
        return image

    def __repr__(self):
        return (
            f"{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, "
            f"saturation={self.saturation}, hue={self.hue})"
        )


def _angles(degrees, name="degrees"):
    if isinstance(degrees, numbers.Number):
        if degrees < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        return [float(-degrees), float(degrees)]
    if not isinstance(degrees, (list, tuple)):
        raise TypeError(f"{name} should be a sequence of length 2.")
    if len(degrees) not in ((2, 4) if name == "shear" else (2,)):
        raise ValueError(f"{name} should be a sequence of length 2.")
    return [float(d) for d in degrees]


class RandomRotation(Transform):
    """Turned by an angle drawn from a range of degrees."""

    def __init__(
        self, degrees, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=0
    ):
        super().__init__()
        self.degrees = _angles(degrees)
        self.interpolation = mode_of(interpolation)
        self.expand = expand
        self.center = center
        self.fill = 0 if fill is None else fill

    @staticmethod
    def get_params(degrees):
        """The angle."""
        return uniform(*degrees)

    def draw(self, image):
        return self.get_params(self.degrees)

    def change(self, image, drawn):
        fill = self.fill
        if isinstance(fill, numbers.Number):
            fill = [float(fill)] * F.get_image_num_channels(image)
        return F.rotate(image, drawn, self.interpolation, self.expand, self.center, fill)

    def __repr__(self):
        text = (
            f"degrees={self.degrees}, interpolation={self.interpolation.value}, "
            f"expand={self.expand}"
        )
        if self.center is not None:
            text += f", center={self.center}"
        return f"{type(self).__name__}({text}, fill={self.fill})"


class RandomAffine(Transform):
    """Turned, moved, scaled and sheared by chance."""

    def __init__(
        self, degrees, translate=None, scale=None, shear=None,
        interpolation=InterpolationMode.NEAREST, fill=0, center=None,
    ):  # fmt: skip
        super().__init__()
        self.degrees = _angles(degrees)
        if translate is not None and not all(0.0 <= t <= 1.0 for t in translate):
            raise ValueError("translation values should be between 0 and 1")
        if scale is not None and min(scale) <= 0:
            raise ValueError("scale values should be positive")
        self.translate = translate
        self.scale = scale
        self.shear = None if shear is None else _angles(shear, "shear")
        self.interpolation = mode_of(interpolation)
        self.fill = 0 if fill is None else fill
        self.center = center

    @staticmethod
    def get_params(degrees, translate, scale_ranges, shears, img_size):
        """(angle, (x, y), scale, (shear x, shear y))."""
        angle = uniform(*degrees)
        moved = (0, 0)
        if translate is not None:
            x, y = float(translate[0] * img_size[0]), float(translate[1] * img_size[1])
            moved = (round(uniform(-x, x)), round(uniform(-y, y)))
        scale = 1.0 if scale_ranges is None else uniform(*scale_ranges)
        shear_x = shear_y = 0.0
        if shears is not None:
            shear_x = uniform(shears[0], shears[1])
            if len(shears) == 4:
                shear_y = uniform(shears[2], shears[3])
        return angle, moved, scale, (shear_x, shear_y)

    def draw(self, image):
        size = F.get_image_size(image)
        return self.get_params(self.degrees, self.translate, self.scale, self.shear, size)

    def change(self, image, drawn):
        fill = self.fill
        if isinstance(fill, numbers.Number):
            fill = [float(fill)] * F.get_image_num_channels(image)
        return F.affine(
            image, *drawn, interpolation=self.interpolation, fill=fill, center=self.center
        )

    def __repr__(self):
        text = f"{type(self).__name__}(degrees={self.degrees}"
        for name in ("translate", "scale", "shear"):
            if getattr(self, name) is not None:
                text += f", {name}={getattr(self, name)}"
        if self.interpolation != InterpolationMode.NEAREST:
            text += f", interpolation={self.interpolation.value}"
        if self.fill != 0:
            text += f", fill={self.fill}"
        return text + (f", center={self.center}" if self.center is not None else "") + ")"


class RandomPerspective(Transform):
    """Seen from a random side with probability p."""

    def __init__(self, distortion_scale=0.5, p=0.5, interpolation=InterpolationMode.BILINEAR,
                 fill=0):  # fmt: skip
        super().__init__()
        self.p = p
        self.distortion_scale = distortion_scale
        self.interpolation = mode_of(interpolation)
        self.fill = 0 if fill is None else fill

    @staticmethod
    def get_params(width, height, distortion_scale):
        """The corners of the image, and where they go."""
        x, y = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        moved = [
            [whole(0, x + 1), whole(0, y + 1)],
            [whole(width - x - 1, width), whole(0, y + 1)],
            [whole(width - x - 1, width), whole(height - y - 1, height)],
            [whole(0, x + 1), whole(height - y - 1, height)],
        ]
        w, h = width - 1, height - 1
        return [[0, 0], [w, 0], [w, h], [0, h]], moved

    def draw(self, image):
        return self.get_params(*F.get_image_size(image), self.distortion_scale)

    def change(self, image, drawn):
        fill = self.fill
        if isinstance(fill, numbers.Number):
            fill = [float(fill)] * F.get_image_num_channels(image)
        return F.perspective(image, *drawn, self.interpolation, fill)

    def __repr__(self):
        return f"{type(self).__name__}(p={self.p})"


class RandomErasing(Transform):
    """A random rectangle of a tensor overwritten with probability p."""

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False):
        super().__init__()
        if not isinstance(value, (numbers.Number, str, tuple, list)):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        if not 0 <= p <= 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p = p
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(img, scale, ratio, value=None):
        """(top, left, height, width, what to write)."""
        channels, height, width = F.get_dimensions(img)
        low, high = ops.log(ops.tensor(ratio)).tolist()
        for _ in range(10):
            area = height * width * uniform(*scale)
            shape = ops.exp(ops.empty(1).uniform_(low, high)).item()
            h, w = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if not (h < height and w < width):
                continue
            if value is None:
                written = ops.empty(channels, h, w, dtype=ops.empty(0).dtype).normal_()
            else:
                written = ops.tensor(value)[:, None, None]
            return whole(0, height - h + 1), whole(0, width - w + 1), h, w, written
        return 0, 0, height, width, img

    def draw(self, image):
        value = self.value
        if isinstance(value, numbers.Number):
            value = [float(value)]
        value = None if isinstance(value, str) else list(value)
        if value is not None and len(value) not in (1, image.shape[-3]):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{image.shape[-3]} (number of input channels)"
            )
        return self.get_params(image, self.scale, self.ratio, value)

    def change(self, image, drawn):
        return F.erase(image, *drawn, self.inplace)

    def __repr__(self):
        return (
            f"{type(self).__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, "
            f"value={self.value}, inplace={self.inplace})"
        )


class GaussianBlur(Transform):
    """Blurred by a bell curve of random width."""

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size = two_sizes(kernel_size)
        if any(size <= 0 or size % 2 == 0 for size in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        if isinstance(sigma, numbers.Number) and sigma <= 0:
            raise ValueError(hinted(
                "If sigma is a single number, it must be positive.", "0.5 blurs little, 2.0 much.",
            ))  # fmt: skip
        self.sigma = (sigma, sigma) if isinstance(sigma, numbers.Number) else tuple(sigma)
        if not 0.0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(
                "sigma values should be positive and of the form (min, max). Got "
                f"{self.sigma}"
            )  # fmt: skip

    @staticmethod
    def get_params(sigma_min, sigma_max):
        """The width of the bell."""
        return uniform(sigma_min, sigma_max)

    def draw(self, image):
        return self.get_params(*self.sigma)

    def change(self, image, drawn):
        return F.gaussian_blur(image, self.kernel_size, [drawn, drawn])

    def __repr__(self):
        return f"{type(self).__name__}(kernel_size={self.kernel_size}, sigma={self.sigma})"
