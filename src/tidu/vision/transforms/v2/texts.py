"""What v2's transforms show of themselves: their settings in the order in which they take them.

A setting that is None is left out; an interpolation shows as it was given, or by its plain name.
"""

import functools
import inspect
from collections.abc import Sequence
from enum import Enum
from numbers import Number

__all__ = ["Shown", "chain"]

_SHOWN = {
    "AugMix": "interpolation fill severity mixture_width chain_depth alpha all_ops",
    "AutoAugment": "interpolation fill policy",
    "ColorJitter": "brightness contrast saturation hue",
    "ElasticTransform": "alpha sigma interpolation fill",
    "GaussianBlur": "kernel_size sigma",
    "GaussianNoise": "mean sigma clip",
    "Normalize": "mean std inplace",
    "Pad": "padding fill padding_mode",
    "RandAugment": "interpolation fill num_ops magnitude num_magnitude_bins",
    "RandomAdjustSharpness": "p sharpness_factor",
    "RandomAffine": "degrees translate scale shear interpolation fill center",
    "RandomCrop": "size padding pad_if_needed fill padding_mode",
    "RandomErasing": "p scale ratio value inplace",
    "RandomPerspective": "p distortion_scale interpolation fill",
    "RandomPhotometricDistort": "brightness contrast hue saturation chance",
    "RandomPosterize": "p bits",
    "RandomResize": "shortest longest interpolation antialias",
    "RandomResizedCrop": "size scale ratio interpolation antialias",
    "RandomRotation": "degrees interpolation expand fill center",
    "RandomShortestSize": "min_size longest interpolation antialias",
    "RandomSolarize": "p threshold",
    "RandomZoomOut": "p fill side_range",
    "Resize": "size interpolation max_size antialias",
    "ScaleJitter": "target_size scale_range interpolation antialias",
    "ToDtype": "scale",
    "ToPILImage": "mode",
    "TrivialAugmentWide": "interpolation fill num_magnitude_bins",
}
_NAMED = {"chance": "p", "shortest": "min_size", "longest": "max_size"}


def _listed(value):
    return [value] if isinstance(value, Number) else list(value)


def _four(padding):
    if padding is None:
        return None
    sides = _listed(padding)
    return sides * (4 // len(sides))


def _floats(value):
    return None if isinstance(value, str) else [float(v) for v in _listed(value)]


_AS = {
    ("GaussianBlur", "sigma"): list, ("Normalize", "mean"): list, ("Normalize", "std"): list,
    ("Pad", "padding"): lambda p: p if isinstance(p, Number) else list(p),
    ("RandomCrop", "padding"): _four, ("RandomErasing", "value"): _floats,
    ("Resize", "size"): lambda s: None if s is None else _listed(s),
}  # fmt: skip


class Shown:
    """Mixed into transforms: their text is by the table above."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "interpolation" in _SHOWN.get(cls.__name__, "").split():
            cls.__init__ = _noting(cls.__init__)

    def __repr__(self):
        name = next((c.__name__ for c in type(self).__mro__ if c.__name__ in _SHOWN), None)
        if name is None:
            return super().__repr__()
        parts = []
        for attribute in _SHOWN[name].split():
            value = getattr(self, attribute, None)
            if (name, attribute) in _AS:
                value = _AS[name, attribute](value)
            if attribute == "interpolation" and not self.__dict__.get("_mode_given"):
                value = getattr(value, "value", value)
            if isinstance(value, (bool, Number, str, Sequence, Enum)):
                parts.append(f"{_NAMED.get(attribute, attribute)}={value}")
        return f"{type(self).__name__}({', '.join(parts)})"


def _noting(init):
    """`__init__` that also keeps whether an interpolation was given."""
    place = list(inspect.signature(init).parameters).index("interpolation")

    @functools.wraps(init)
    def __init__(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self._mode_given = "interpolation" in kwargs or len(args) >= place

    return __init__


def chain(self):
    """The text of a chain: each transform on a line of its own."""
    lines = "".join(f"      {transform}\n" for transform in self.transforms)
    return f"{type(self).__name__}(\n{lines})"
