"""v2's AutoAugment family, MixUp and CutMix, and the transforms of bounding boxes alone."""

import math

from .... import ops
from ....base import dtypes, tree
from ....base.errors import hinted
from ....distributions import Dirichlet
from ....frontend.tensor import Tensor
from ....nn import functional as nn_functional
from ....nn.modules import Module
from ...tv_tensors import BoundingBoxes, Mask, TVTensor, wrap
from .. import autoaugment, base
from .. import functional as F
from . import boxes as of_boxes
from .base import places_of_images
from .texts import Shown

__all__ = [
    "AugMix", "AutoAugment", "ClampBoundingBoxes", "ConvertBoundingBoxFormat", "CutMix", "MixUp",
    "RandAugment", "SanitizeBoundingBoxes", "TrivialAugmentWide",
]  # fmt: skip


class _OneImage(Shown):
    """Mixed into a transform of one image: its call takes any nest that holds one."""

    _refused = (BoundingBoxes, Mask)

    def forward(self, *inputs):
        nest = inputs if len(inputs) > 1 else inputs[0]
        leaves, spec = tree.flatten(nest)
        for leaf in leaves:
            if isinstance(leaf, self._refused):
                raise TypeError(
                    f"Inputs of type {type(leaf).__name__} are not supported by "
                    f"{type(self).__name__}()"
                )
        places = places_of_images(leaves)
        if not places:
            raise TypeError(hinted(
                "Found no image in the sample.", "pass a PIL Image or a tensor (C, H, W).",
            ))  # fmt: skip
        if len(places) != 1:
            raise TypeError(
                f"Auto augment transformations are only properly defined for a single image or "
                f"video, but found {len(places)}."
            )
        (place,) = places
        value = leaves[place]
        plain = value.as_subclass(Tensor) if isinstance(value, TVTensor) else value
        result = self.augmented(plain)
        leaves[place] = wrap(result, like=value) if isinstance(result, Tensor) else result
        return tree.unflatten(spec, leaves)

    @staticmethod
    def turns():
        return bool(ops.rand(()) <= 0.5)


class AutoAugment(_OneImage, autoaugment.AutoAugment):
    """`transforms.AutoAugment`, for an image among other values."""

    def augmented(self, image):
        _, height, width = F.get_dimensions(image)
        space = autoaugment.for_policies(10, height, width)
        for name, p, place in self.policies[base.whole(0, len(self.policies))]:
            if not bool(ops.rand(()) <= p):
                continue
            steps, signed = space[name]
            magnitude = 0.0 if steps is None else float(steps[place])
            image = self._changed(image, name, self._signed(magnitude, signed))
        return image


class RandAugment(_OneImage, autoaugment.RandAugment):
    """`transforms.RandAugment`, for an image among other values."""


class TrivialAugmentWide(_OneImage, autoaugment.TrivialAugmentWide):
    """`transforms.TrivialAugmentWide`, for an image among other values."""


class AugMix(_OneImage, autoaugment.AugMix):
    """`transforms.AugMix`, for an image among other values."""


# -- batches -------------------------------------------------------------------------------------


class _OfBatches(Module):
    """Images of a batch mixed with those one place further, and their labels with them."""

    def __init__(self, *, alpha=1.0, num_classes=None, labels_getter="default"):
        super().__init__()
        self.alpha, self.num_classes, self.labels_getter = float(alpha), num_classes, labels_getter

    def forward(self, *inputs):
        nest = inputs if len(inputs) > 1 else inputs[0]
        leaves, spec = tree.flatten(nest)
        labels = _labels_of(self.labels_getter, nest)
        if not isinstance(labels, Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if any(isinstance(leaf, (BoundingBoxes, Mask)) for leaf in leaves):
            raise ValueError(
                f"{type(self).__name__}() does not support PIL images, bounding boxes, masks and "
                "key points."
            )
        place = next(i for i, leaf in enumerate(leaves) if leaf is labels)
        batch = next(i for i, leaf in enumerate(leaves) if _is_batch(leaf, labels))
        if labels.dim() != 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1-D)")
        share = Dirichlet(ops.tensor([self.alpha, self.alpha])).sample()[0].item()
        images = leaves[batch]
        plain = images.as_subclass(Tensor)
        mixed, share = self.mixed(plain, share)
        leaves[batch] = wrap(mixed, like=images)
        leaves[place] = self._mixed_labels(labels, share)
        return tree.unflatten(spec, leaves)

    def _mixed_labels(self, labels, share):
        if labels.dim() == 1:
            if self.num_classes is None:
                raise ValueError("num_classes must be passed if the labels are index-based (1-D)")
            labels = nn_functional.one_hot(labels, self.num_classes)
        labels = labels if labels.is_floating_point() else labels.float()
        return labels.roll(1, 0) * (1.0 - share) + labels * share


def _is_batch(leaf, labels):
    return leaf is not labels and isinstance(leaf, Tensor) and leaf.dim() >= 4


def _labels_of(getter, nest):
    if callable(getter):
        return getter(nest)
    if getter is None:
        return None
    if getter != "default":
        raise ValueError(
            f"labels_getter should either be 'default', a callable, or None, but got {getter}."
        )
    parts = nest if isinstance(nest, (tuple, list)) else (nest,)
    tables = [part for part in parts if isinstance(part, dict)]
    if tables:
        names = [name for name in tables[0] if isinstance(name, str)]
        exact = [name for name in names if name.lower() in ("label", "labels")]
        near = [name for name in names if "label" in name.lower()]
        if not exact and not near:
            raise ValueError(
                "Could not infer where the labels are in the sample. Try passing a callable as "
                "the labels_getter parameter?"
            )
        return tables[0][(exact or near)[0]]
    return parts[1] if len(parts) > 1 else None


class MixUp(_OfBatches):
    """Each image mixed with the one before it in the batch (Zhang et al. 2018)."""

    def mixed(self, images, share):
        """(images, the share of each image itself)."""
        mixed = images.roll(1, 0) * (1.0 - share) + images * share
        return mixed.to(images.dtype), share


class CutMix(_OfBatches):
    """A rectangle of each image taken from the one before it in the batch (Yun et al. 2019)."""

    def mixed(self, images, share):
        """(images, the share of each image itself)."""
        height, width = images.shape[-2:]
        x, y = base.whole(0, width), base.whole(0, height)
        half = 0.5 * math.sqrt(1.0 - share)
        half_w, half_h = int(half * width), int(half * height)
        x1, y1 = max(x - half_w, 0), max(y - half_h, 0)
        x2, y2 = min(x + half_w, width), min(y + half_h, height)
        mixed = images.clone()
        mixed[..., y1:y2, x1:x2] = images.roll(1, 0)[..., y1:y2, x1:x2]
        return mixed, 1.0 - (x2 - x1) * (y2 - y1) / (width * height)


# -- boxes ---------------------------------------------------------------------------------------


class _OfBoxes(Module):
    def forward(self, *inputs):
        nest = inputs if len(inputs) > 1 else inputs[0]
        return tree.map(lambda x: self.box(x) if isinstance(x, BoundingBoxes) else x, nest)


class ConvertBoundingBoxFormat(_OfBoxes):
    """Boxes in another format: "XYXY", "XYWH" or "CXCYWH"."""

    def __init__(self, format):
        super().__init__()
        self.format = format

    def box(self, boxes):
        """The boxes in the new format."""
        return of_boxes.convert_bounding_box_format(boxes, new_format=self.format)


class ClampBoundingBoxes(_OfBoxes):
    """Boxes cut at the border of their image."""

    def box(self, boxes):
        """The part of each box inside."""
        return of_boxes.clamp_bounding_boxes(boxes)


class SanitizeBoundingBoxes(Module):
    """Takes out boxes that are too small or lie outside, with their labels and masks."""

    def __init__(self, min_size=1.0, min_area=1.0, labels_getter="default"):
        super().__init__()
        if min_size < 1:
            raise ValueError(f"min_size must be >= 1, got {min_size}.")
        if min_area < 1:
            raise ValueError(f"min_area must be >= 1, got {min_area}.")
        self.min_size, self.min_area, self.labels_getter = min_size, min_area, labels_getter

    def forward(self, *inputs):
        nest = inputs if len(inputs) > 1 else inputs[0]
        labels = _labels_of(self.labels_getter, nest)
        leaves, spec = tree.flatten(nest)
        found = [leaf for leaf in leaves if isinstance(leaf, BoundingBoxes)]
        if len(found) != 1:
            raise ValueError("SanitizeBoundingBoxes() expects exactly one set of bounding boxes.")
        (boxes,) = found
        if isinstance(labels, Tensor) and labels.shape[0] != boxes.shape[0]:
            raise ValueError(
                f"Number of boxes (shape={boxes.shape}) and must match the number of labels."
                f"Found labels with shape={labels.shape})."
            )
        keep = self._kept(boxes)
        for i, leaf in enumerate(leaves):
            mask = isinstance(leaf, Mask) and leaf.dim() == 3 and leaf.shape[0] == len(keep)
            if leaf is boxes or leaf is labels or mask:
                leaves[i] = wrap(leaf.as_subclass(Tensor)[keep], like=leaf)
        return tree.unflatten(spec, leaves)

    def _kept(self, boxes):
        corners = of_boxes.convert_bounding_box_format(boxes, new_format="XYXY").as_subclass(Tensor)
        height, width = boxes.canvas_size
        x1, y1, x2, y2 = corners.to(dtypes.float64).unbind(-1)
        w, h = x2 - x1, y2 - y1
        keep = (w >= self.min_size) & (h >= self.min_size) & (w * h >= self.min_area)
        inside = (x1 >= 0) & (y1 >= 0) & (x2 >= 0) & (y2 >= 0)
        return keep & inside & (x1 <= width) & (x2 <= width) & (y1 <= height) & (y2 <= height)
