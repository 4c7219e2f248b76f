"""v2's transforms for detection: sizes, crops and borders drawn by chance, boxes moved along."""

import numpy as np

from .... import ops
from ....base import tree
from ....frontend.tensor import Tensor
from ...ops import box_iou
from ...tv_tensors import BoundingBoxes, Mask, wrap
from .. import functional as F
from ..base import Transform
from ..conversion import InterpolationMode
from ..geometry import mode_of
from . import boxes as of_boxes
from .base import Several, is_image
from .geometry import resize

__all__ = [
    "RandomIoUCrop", "RandomResize", "RandomShortestSize", "RandomZoomOut", "ScaleJitter",
]  # fmt: skip


def _share():
    """A number from 0 to 1, drawn as torchvision draws it."""
    return ops.rand(1)


class _Sized(Several, Transform):
    """Resized to a size drawn by chance."""

    moves = True
    max_size = None

    def __init__(self, interpolation, antialias):
        super().__init__()
        self.interpolation, self.antialias = mode_of(interpolation), antialias

    def change(self, image, size):
        return resize(image, size, self.interpolation, self.max_size, self.antialias)


class ScaleJitter(_Sized):
    """Resized so that it fits `target_size` times a factor drawn from `scale_range`."""

    def __init__(self, target_size, scale_range=(0.1, 2.0),
                 interpolation=InterpolationMode.BILINEAR, antialias=True):  # fmt: skip
        super().__init__(interpolation, antialias)
        self.target_size, self.scale_range = target_size, scale_range

    def draw(self, image):
        _, height, width = F.get_dimensions(image)
        low, high = self.scale_range
        scale = low + _share() * (high - low)
        ratio = min(self.target_size[1] / height, self.target_size[0] / width) * scale
        return [int(height * ratio), int(width * ratio)]


class RandomShortestSize(_Sized):
    """Resized so that the shorter side has one of the lengths, the longer at most `max_size`."""

    def __init__(self, min_size, max_size=None, interpolation=InterpolationMode.BILINEAR,
                 antialias=True):  # fmt: skip
        super().__init__(interpolation, antialias)
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.longest = max_size

    def draw(self, image):
        _, height, width = F.get_dimensions(image)
        shortest = self.min_size[int(ops.randint(len(self.min_size), ()))]
        ratio = shortest / min(height, width)
        if self.longest is not None:
            ratio = min(ratio, self.longest / max(height, width))
        return [int(height * ratio), int(width * ratio)]


class RandomResize(_Sized):
    """Resized so that the shorter side has a length from min_size to max_size - 1."""

    def __init__(self, min_size, max_size, interpolation=InterpolationMode.BILINEAR,
                 antialias=True):  # fmt: skip
        super().__init__(interpolation, antialias)
        self.shortest, self.longest = min_size, max_size

    def draw(self, image):
        return [int(ops.randint(self.shortest, self.longest, ()))]


class RandomZoomOut(Several, Transform):
    """The image on a larger canvas, `side_range` times its size, with `fill` around it."""

    moves = True

    def __init__(self, fill=0, side_range=(1.0, 4.0), p=0.5):
        super().__init__()
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.fill, self.side_range, self.p = fill, side_range, p

    def draw(self, image):
        """The borders at the left, top, right and bottom."""
        _, height, width = F.get_dimensions(image)
        low, high = self.side_range
        ratio = low + _share() * (high - low)
        wide, tall = int(width * ratio), int(height * ratio)
        share = ops.rand(2)
        left, top = int((wide - width) * share[0]), int((tall - height) * share[1])
        return [left, top, wide - (left + width), tall - (top + height)]

    def change(self, image, borders):
        return F.pad(image, borders, self.fill)


class RandomIoUCrop(Transform):
    """Cut so that a box overlaps the cut by one of the shares of `sampler_options` at least.

    Boxes whose centres are outside become empty: `SanitizeBoundingBoxes` takes them out.
    """

    def __init__(self, min_scale=0.3, max_scale=1.0, min_aspect_ratio=0.5, max_aspect_ratio=2.0,
                 sampler_options=None, trials=40):  # fmt: skip
        super().__init__()
        self.min_scale, self.max_scale = min_scale, max_scale
        self.min_aspect_ratio, self.max_aspect_ratio = min_aspect_ratio, max_aspect_ratio
        self.options = sampler_options or [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
        self.trials = trials

    def forward(self, *inputs):
        nest = inputs if len(inputs) > 1 else inputs[0]
        leaves, spec = tree.flatten(nest)
        boxes = [leaf for leaf in leaves if isinstance(leaf, BoundingBoxes)]
        images = [leaf for leaf in leaves if is_image(leaf)]
        if not boxes or not images:
            raise TypeError(
                f"{type(self).__name__}() requires input sample to contain tensor or PIL images "
                "and bounding boxes. Sample can also contain masks."
            )
        drawn = self._drawn(images[0], boxes[0])
        if drawn is not None:
            leaves = [self._cut(leaf, *drawn) for leaf in leaves]
        return tree.unflatten(spec, leaves)

    def _drawn(self, image, boxes):
        """(top, left, height, width, which boxes have their centre inside); None: no cut."""
        _, height, width = F.get_dimensions(image)
        corners = of_boxes.convert_bounding_box_format(boxes, new_format="XYXY")
        corners = corners.as_subclass(Tensor)
        x, y = 0.5 * (corners[:, 0] + corners[:, 2]), 0.5 * (corners[:, 1] + corners[:, 3])
        while True:
            least = self.options[int(ops.randint(0, len(self.options), (1,)))]
            if least >= 1.0:
                return None
            for _ in range(self.trials):
                found = self._tried(height, width)
                if found is None:
                    continue
                left, top, right, bottom = found
                inside = (left < x) & (x < right) & (top < y) & (y < bottom)
                if not bool(inside.any()):
                    continue
                window = ops.tensor([found], dtype=corners.dtype)
                if float(box_iou(corners[inside], window).max()) >= least:
                    return top, left, bottom - top, right - left, inside

    def _tried(self, height, width):
        span = self.max_scale - self.min_scale
        share = self.min_scale + span * ops.rand(2)
        w, h = int(width * share[0]), int(height * share[1])
        if not self.min_aspect_ratio <= (w / h if h else np.inf) <= self.max_aspect_ratio:
            return None
        place = ops.rand(2)
        left, top = int((width - w) * place[0]), int((height - h) * place[1])
        return None if not w or not h else (left, top, left + w, top + h)

    @staticmethod
    def _cut(leaf, top, left, height, width, inside):
        if isinstance(leaf, BoundingBoxes):
            corners = of_boxes.convert_bounding_box_format(leaf, new_format="XYXY")
            shift = ops.tensor([left, top, left, top], dtype=leaf.dtype)
            cut = of_boxes._cut(corners.as_subclass(Tensor) - shift, (height, width))
            cut[~inside] = 0
            back = of_boxes.convert_bounding_box_format(
                cut, old_format="XYXY", new_format=leaf.format
            )
            return wrap(back, like=leaf, canvas_size=(height, width))
        if is_image(leaf) or isinstance(leaf, Mask):
            plain = leaf.as_subclass(Tensor) if isinstance(leaf, Tensor) else leaf
            result = F.crop(plain, top, left, height, width)
            return wrap(result, like=leaf) if isinstance(result, Tensor) else result
        return leaf


def _resized(transform, size, height, width):
    new = of_boxes.wanted_size(height, width, size, None)
    return of_boxes._scaled((height, width), new), new, False


def _bordered(transform, borders, height, width):
    left, top, right, bottom = borders
    size = (height + top + bottom, width + left + right)
    return of_boxes._shifted(left, top), size, True


of_boxes.PLANS |= {_Sized: _resized, RandomZoomOut: _bordered}
