"""The transforms as v2 has them: each takes several values at once."""

from ....base.errors import hinted
from .. import chances, elastic, plain
from .base import Several
from .geometry import resize, resized_crop

__all__ = [
    "CenterCrop", "ColorJitter", "ConvertImageDtype", "ElasticTransform", "FiveCrop",
    "GaussianBlur", "Grayscale",
    "LinearTransformation", "Normalize", "Pad", "RandomAdjustSharpness", "RandomAffine",
    "RandomAutocontrast", "RandomCrop", "RandomEqualize", "RandomErasing", "RandomGrayscale",
    "RandomHorizontalFlip", "RandomInvert", "RandomPerspective", "RandomPosterize",
    "RandomResizedCrop", "RandomRotation", "RandomSolarize", "RandomVerticalFlip", "Resize",
    "TenCrop",
]  # fmt: skip


class ColorJitter(Several, chances.ColorJitter):
    """`transforms.ColorJitter`, for one value or several."""

    bounds_words = " and increasing"


class ElasticTransform(Several, elastic.ElasticTransform):
    """`transforms.ElasticTransform`, for one value or several; boxes it refuses."""

    moves = True


class GaussianBlur(Several, chances.GaussianBlur):
    """`transforms.GaussianBlur`, for one value or several."""


class RandomAdjustSharpness(Several, chances.RandomAdjustSharpness):
    """`transforms.RandomAdjustSharpness`, for one value or several."""


class RandomAffine(Several, chances.RandomAffine):
    """`transforms.RandomAffine`, for one value or several."""

    moves = True


class RandomAutocontrast(Several, chances.RandomAutocontrast):
    """`transforms.RandomAutocontrast`, for one value or several."""


class RandomCrop(Several, chances.RandomCrop):
    """`transforms.RandomCrop`, for one value or several."""

    moves = True


class RandomEqualize(Several, chances.RandomEqualize):
    """`transforms.RandomEqualize`, for one value or several."""


class RandomErasing(Several, chances.RandomErasing):
    """`transforms.RandomErasing`, for one value or several."""

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0.0, inplace=False):
        if not 0.0 <= p <= 1.0:
            raise ValueError(hinted(
                "`p` should be a floating point value in the interval [0.0, 1.0].",
                "0.5 erases in every second image.",
            ))  # fmt: skip
        super().__init__(p, scale, ratio, value, inplace)


class RandomGrayscale(Several, chances.RandomGrayscale):
    """`transforms.RandomGrayscale`, for one value or several."""


class RandomHorizontalFlip(Several, chances.RandomHorizontalFlip):
    """`transforms.RandomHorizontalFlip`, for one value or several."""

    moves = True


class RandomInvert(Several, chances.RandomInvert):
    """`transforms.RandomInvert`, for one value or several."""


class RandomPerspective(Several, chances.RandomPerspective):
    """`transforms.RandomPerspective`, for one value or several."""

    moves = True


class RandomPosterize(Several, chances.RandomPosterize):
    """`transforms.RandomPosterize`, for one value or several."""


class RandomResizedCrop(Several, chances.RandomResizedCrop):
    """`transforms.RandomResizedCrop`, for one value or several."""

    span_words = "should be a sequence of two floats."

    resized_crop = staticmethod(resized_crop)

    moves = True


class RandomRotation(Several, chances.RandomRotation):
    """`transforms.RandomRotation`, for one value or several."""

    moves = True


class RandomSolarize(Several, chances.RandomSolarize):
    """`transforms.RandomSolarize`, for one value or several."""


class RandomVerticalFlip(Several, chances.RandomVerticalFlip):
    """`transforms.RandomVerticalFlip`, for one value or several."""

    moves = True


class CenterCrop(Several, plain.CenterCrop):
    """`transforms.CenterCrop`, for one value or several."""

    moves = True


class FiveCrop(Several, plain.FiveCrop):
    """`transforms.FiveCrop`, for one value or several."""

    moves = True


class Grayscale(Several, plain.Grayscale):
    """`transforms.Grayscale`, for one value or several."""


class LinearTransformation(Several, plain.LinearTransformation):
    """`transforms.LinearTransformation`, for one value or several."""


class Normalize(Several, plain.Normalize):
    """`transforms.Normalize`, for one value or several."""


class Pad(Several, plain.Pad):
    """`transforms.Pad`, for one value or several."""

    def __init__(self, padding, fill=0, padding_mode="constant"):
        listed = isinstance(padding, (tuple, list)) and len(padding) in (1, 2, 4)
        if not listed and not isinstance(padding, int):
            raise ValueError(hinted(
                "Padding must be an int or a 1, 2, or 4 element of tuple or list, got "
                f"{padding}.",
                "two are left and right, top and bottom; four are left, top, right, bottom.",
            ))  # fmt: skip
        super().__init__(padding, fill, padding_mode)

    moves = True


class Resize(Several, plain.Resize):
    """`transforms.Resize`, for one value or several."""

    length_words = (
        "size can be an integer, a sequence of one or two integers, or None, but got {} instead."
    )

    resized = staticmethod(resize)

    moves = True


class TenCrop(Several, plain.TenCrop):
    """`transforms.TenCrop`, for one value or several."""

    moves = True


class ConvertImageDtype(Several, plain.ConvertImageDtype):
    """`transforms.ConvertImageDtype`, for one value or several."""
