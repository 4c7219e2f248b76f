"""Learned and random chains of changes: AutoAugment, RandAugment, TrivialAugmentWide, AugMix.

Each names operations with a magnitude; `changed` carries one out. The random numbers are drawn in
torchvision's order.
"""

import enum
import math
import numbers

from ... import ops
from ...distributions import Dirichlet
from ...frontend.tensor import Tensor
from ...nn.modules import Module
from . import functional as F
from .base import whole
from .conversion import InterpolationMode
from .geometry import mode_of
from .policies import POLICIES

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide",
           "changed", "magnitudes"]  # fmt: skip


class AutoAugmentPolicy(enum.Enum):
    """The data set on which a policy was learned."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


def _degrees(slope):
    return math.degrees(math.atan(slope))


def changed(img, name, magnitude, interpolation, fill):
    """The image after one named operation."""
    if name in _AFFINE:
        translate, shear = _AFFINE[name](magnitude)
        return F.affine(img, 0.0, translate, 1.0, shear, interpolation, fill, [0, 0]
                        if name.startswith("Shear") else None)  # fmt: skip
    if name == "Rotate":
        return F.rotate(img, magnitude, interpolation, fill=fill)
    if name not in _OTHERS:
        raise ValueError(f"The provided operator {name} is not recognized.")
    return _OTHERS[name](img, magnitude)


_AFFINE = {
    "ShearX": lambda m: ([0, 0], [_degrees(m), 0.0]),
    "ShearY": lambda m: ([0, 0], [0.0, _degrees(m)]),
    "TranslateX": lambda m: ([int(m), 0], [0.0, 0.0]),
    "TranslateY": lambda m: ([0, int(m)], [0.0, 0.0]),
}
_OTHERS = {
    "Brightness": lambda img, m: F.adjust_brightness(img, 1.0 + m),
    "Color": lambda img, m: F.adjust_saturation(img, 1.0 + m),
    "Contrast": lambda img, m: F.adjust_contrast(img, 1.0 + m),
    "Sharpness": lambda img, m: F.adjust_sharpness(img, 1.0 + m),
    "Posterize": lambda img, m: F.posterize(img, int(m)),
    "Solarize": lambda img, m: F.solarize(img, m),
    "AutoContrast": lambda img, m: F.autocontrast(img),
    "Equalize": lambda img, m: F.equalize(img),
    "Invert": lambda img, m: F.invert(img),
    "Identity": lambda img, m: img,
}
_SIGNED = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color",
           "Contrast", "Sharpness")  # fmt: skip


def _falling_bits(most, bins, least_step):
    return most - (ops.arange(bins) / ((bins - 1) / least_step)).round().int()


def magnitudes(
    names, bins, *, shear=0.3, across=0.0, down=0.0, turn=30.0, enhance=0.9, bits=(8, 4)
):
    """{operation: (its magnitudes or None, whether they may be negative)}, in order."""
    ends = {
        "ShearX": shear, "ShearY": shear, "TranslateX": across, "TranslateY": down, "Rotate": turn,
        "Brightness": enhance, "Color": enhance, "Contrast": enhance, "Sharpness": enhance,
    }  # fmt: skip
    space = {}
    for name in names:
        if name in ends:
            space[name] = ops.linspace(0.0, ends[name], bins), True
        elif name == "Posterize":
            space[name] = _falling_bits(bits[0], bins, bits[1]), False
        elif name == "Solarize":
            space[name] = ops.linspace(255.0, 0.0, bins), False
        else:
            space[name] = None, False
    return space


_GEOMETRIC = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
_ENHANCING = ("Brightness", "Color", "Contrast", "Sharpness")
ALL = (*_GEOMETRIC, *_ENHANCING, "Posterize", "Solarize", "AutoContrast", "Equalize")
MIXED = (*_GEOMETRIC, "Posterize", "Solarize", "AutoContrast", "Equalize")
_PAPER = 150.0 / 331.0  # the share of the width by which images of ImageNet are moved at most


def for_policies(bins, height, width):
    """The space of AutoAugment (Cubuk et al. 2019)."""
    return magnitudes((*ALL, "Invert"), bins, across=_PAPER * width, down=_PAPER * height)


def for_random(bins, height, width):
    """The space of RandAugment (Cubuk et al. 2020)."""
    return magnitudes(("Identity", *ALL), bins, across=_PAPER * width, down=_PAPER * height)


def for_trivial(bins):
    """The wide space of TrivialAugment (Müller & Hutter 2021)."""
    return magnitudes(("Identity", *ALL), bins, shear=0.99, across=32.0, down=32.0, turn=135.0,
                      enhance=0.99, bits=(8, 6))  # fmt: skip


def for_mixing(bins, height, width, all_ops):
    """The space of AugMix (Hendrycks et al. 2020)."""
    names = (*MIXED, *_ENHANCING) if all_ops else MIXED
    return magnitudes(names, bins, across=width / 3.0, down=height / 3.0, bits=(4, 4))


class _Augmentation(Module):
    """What the four have in common: how pixels are looked up and what fills the border."""

    def __init__(self, interpolation, fill):
        super().__init__()
        self.interpolation = mode_of(interpolation)
        self.fill = fill

    def _fill(self, img):
        if not isinstance(img, Tensor):
            return self.fill
        if isinstance(self.fill, numbers.Number):
            return [float(self.fill)] * F.get_image_num_channels(img)
        return None if self.fill is None else [float(f) for f in self.fill]

    def _changed(self, img, name, magnitude):
        return changed(img, name, magnitude, self.interpolation, self._fill(img))

    def _signed(self, magnitude, signed):
        return -magnitude if signed and self.turns() else magnitude

    @staticmethod
    def turns():
        """Whether a magnitude is to be negative."""
        return bool(whole(0, 2))

    def forward(self, img):
        """The image changed by chance."""
        return self.augmented(img)

    def __repr__(self):
        parts = [f"{n}={getattr(self, n)}" for n in (*self._shown, "interpolation", "fill")]
        return f"{type(self).__name__}({', '.join(parts)})"


class AutoAugment(_Augmentation):
    """Two changes of a policy that was learned on a data set (Cubuk et al. 2019).

    >>> import tidu as torch
    >>> image = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8)
    >>> AutoAugment(AutoAugmentPolicy.CIFAR10)(image).shape
    torch.Size([3, 8, 8])
    """

    _shown = ("policy",)

    def __init__(self, policy=AutoAugmentPolicy.IMAGENET, interpolation=InterpolationMode.NEAREST,
                 fill=None):  # fmt: skip
        super().__init__(interpolation, fill)
        self.policy = policy
        self.policies = self._policies = _policies_of(policy)

    @staticmethod
    def get_params(transform_num):
        """(which pair, two numbers for the probabilities, two signs)."""
        return whole(0, transform_num), ops.rand((2,)), ops.randint(2, (2,))

    def augmented(self, img):
        which, chances, signs = self.get_params(len(self.policies))
        _, height, width = F.get_dimensions(img)
        space = for_policies(10, height, width)
        for i, (name, p, place) in enumerate(self.policies[which]):
            if chances[i] <= p:
                steps, signed = space[name]
                magnitude = float(steps[place]) if place is not None else 0.0
                if signed and signs[i] == 0:
                    magnitude *= -1.0
                img = self._changed(img, name, magnitude)
        return img

    def __repr__(self):
        return f"{type(self).__name__}(policy={self.policy}, fill={self.fill})"


def _policies_of(policy):
    if not isinstance(policy, AutoAugmentPolicy):
        raise ValueError(f"The provided policy {policy} is not recognized.")
    return POLICIES[policy.value]


class RandAugment(_Augmentation):
    """`num_ops` changes by chance, all as strong as `magnitude` says (Cubuk et al. 2020)."""

    _shown = ("num_ops", "magnitude", "num_magnitude_bins")

    def __init__(self, num_ops=2, magnitude=9, num_magnitude_bins=31,
                 interpolation=InterpolationMode.NEAREST, fill=None):  # fmt: skip
        super().__init__(interpolation, fill)
        self.num_ops, self.magnitude = num_ops, magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def augmented(self, img):
        _, height, width = F.get_dimensions(img)
        space = for_random(self.num_magnitude_bins, height, width)
        for _ in range(self.num_ops):
            name = list(space)[whole(0, len(space))]
            steps, signed = space[name]
            magnitude = 0.0 if steps is None else float(steps[self.magnitude])
            img = self._changed(img, name, self._signed(magnitude, signed))
        return img


class TrivialAugmentWide(_Augmentation):
    """One change by chance, of a strength by chance (Müller & Hutter 2021)."""

    _shown = ("num_magnitude_bins",)

    def __init__(self, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def augmented(self, img):
        F.get_dimensions(img)  # refuses what is no image, whatever is drawn
        space = for_trivial(self.num_magnitude_bins)
        name = list(space)[whole(0, len(space))]
        steps, signed = space[name]
        magnitude = 0.0 if steps is None else float(steps[whole(0, len(steps))])
        return self._changed(img, name, self._signed(magnitude, signed))


class AugMix(_Augmentation):
    """The image mixed with several chains of changes (Hendrycks et al. 2020)."""

    _shown = ("severity", "mixture_width", "chain_depth", "alpha", "all_ops")
    _steps = 10

    def __init__(self, severity=3, mixture_width=3, chain_depth=-1, alpha=1.0, all_ops=True,
                 interpolation=InterpolationMode.BILINEAR, fill=None):  # fmt: skip
        super().__init__(interpolation, fill)
        if not 1 <= severity <= self._steps:
            raise ValueError(
                f"The severity must be between [1, {self._steps}]. Got {severity} instead."
            )
        self.severity, self.mixture_width = severity, mixture_width
        self.chain_depth, self.alpha, self.all_ops = chain_depth, alpha, all_ops

    def _shares(self, batch, count):
        return Dirichlet(ops.tensor([self.alpha] * count).expand(batch, -1)).sample()

    def augmented(self, orig_img):
        is_tensor = isinstance(orig_img, Tensor)
        img = orig_img if is_tensor else F.pil_to_tensor(orig_img)
        shape = list(img.shape)
        batch = img.view([1] * max(4 - img.dim(), 0) + shape)
        ones = [1] * (batch.dim() - 1)
        share = self._shares(batch.size(0), 2)
        weights = self._shares(batch.size(0), self.mixture_width) * share[:, 1].view(-1, 1)
        mix = share[:, 0].view(-1, *ones) * batch
        for i in range(self.mixture_width):
            mix = mix + weights[:, i].view(-1, *ones) * self._chain(batch)
        mix = mix.view(shape).to(img.dtype)
        return mix if is_tensor else F.to_pil_image(mix)

    def _chain(self, img):
        _, height, width = F.get_dimensions(img)
        space = for_mixing(self._steps, height, width, self.all_ops)
        depth = self.chain_depth if self.chain_depth > 0 else whole(1, 4)
        for _ in range(depth):
            name = list(space)[whole(0, len(space))]
            steps, signed = space[name]
            magnitude = 0.0 if steps is None else float(steps[whole(0, self.severity)])
            img = self._changed(img, name, self._signed(magnitude, signed))
        return img
