"""torchvision.transforms.v2: transforms of images together with their masks and labels."""

from ..autoaugment import AutoAugmentPolicy
from ..conversion import InterpolationMode
from ..plain import PILToTensor
from . import functional
from .augment import (
    AugMix,
    AutoAugment,
    ClampBoundingBoxes,
    ConvertBoundingBoxFormat,
    CutMix,
    MixUp,
    RandAugment,
    SanitizeBoundingBoxes,
    TrivialAugmentWide,
)
from .base import (
    Compose,
    Identity,
    Lambda,
    ToDtype,
    ToImage,
    ToPILImage,
    ToPureTensor,
    ToTensor,
)  # fmt: skip
from .classes import (
    CenterCrop,
    ColorJitter,
    ConvertImageDtype,
    ElasticTransform,
    FiveCrop,
    GaussianBlur,
    Grayscale,
    LinearTransformation,
    Normalize,
    Pad,
    RandomAdjustSharpness,
    RandomAffine,
    RandomAutocontrast,
    RandomCrop,
    RandomEqualize,
    RandomErasing,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomInvert,
    RandomPerspective,
    RandomPosterize,
    RandomResizedCrop,
    RandomRotation,
    RandomSolarize,
    RandomVerticalFlip,
    Resize,
    TenCrop,
)  # fmt: skip
from .containers import RandomApply, RandomChoice, RandomOrder
from .custom import Transform
from .detection import (
    RandomIoUCrop,
    RandomResize,
    RandomShortestSize,
    RandomZoomOut,
    ScaleJitter,
)
from .noise import (
    JPEG,
    RGB,
    GaussianNoise,
    RandomChannelPermutation,
    RandomPhotometricDistort,
    UniformTemporalSubsample,
)

__all__ = [
    "ElasticTransform", "GaussianNoise", "JPEG", "RGB", "RandomChannelPermutation",
    "RandomIoUCrop", "RandomPhotometricDistort", "RandomResize", "RandomShortestSize",
    "RandomZoomOut", "ScaleJitter", "UniformTemporalSubsample",
    "AugMix", "AutoAugment", "AutoAugmentPolicy", "ClampBoundingBoxes", "ConvertBoundingBoxFormat",
    "CutMix", "MixUp", "RandAugment", "SanitizeBoundingBoxes", "TrivialAugmentWide",
    "CenterCrop", "ColorJitter", "Compose", "ConvertImageDtype", "FiveCrop", "GaussianBlur",
    "Grayscale", "Identity", "InterpolationMode", "Lambda", "LinearTransformation", "Normalize",
    "PILToTensor", "Pad", "RandomAdjustSharpness", "RandomAffine", "RandomApply",
    "RandomAutocontrast", "RandomChoice", "RandomCrop", "RandomEqualize", "RandomErasing",
    "RandomGrayscale", "RandomHorizontalFlip", "RandomInvert", "RandomOrder", "RandomPerspective",
    "RandomPosterize", "RandomResizedCrop", "RandomRotation", "RandomSolarize",
    "RandomVerticalFlip", "Resize", "TenCrop", "Transform", "ToDtype", "ToImage",
    "ToPILImage", "ToPureTensor",
    "ToTensor", "functional",
]  # fmt: skip
