"""`MultiScaleRoIAlign`: each box is read from the map whose size suits it."""

from math import log2

from ... import ops
from ...base import dtypes
from ...nn.modules import Module
from .boxes import box_area
from .roi_align import in_one, roi_align

__all__ = ["LevelMapper", "MultiScaleRoIAlign"]


class LevelMapper:
    """Which map of a pyramid a box is read from: by its size (Lin et al. 2017, equation 1)."""

    def __init__(self, k_min, k_max, canonical_scale=224, canonical_level=4, eps=1e-6):
        self.k_min, self.k_max, self.eps = k_min, k_max, eps
        self.s0, self.lvl0 = canonical_scale, canonical_level

    def __call__(self, boxlists):
        sides = ops.sqrt(ops.cat([box_area(boxes) for boxes in boxlists]))
        level = ops.floor(self.lvl0 + ops.log2(sides / self.s0) + self.eps)
        return level.clamp(self.k_min, self.k_max).to(dtypes.int64) - self.k_min


class MultiScaleRoIAlign(Module):
    """`roi_align` on maps of several sizes: forward(maps by name, boxes, sizes of the images)."""

    def __init__(self, featmap_names, output_size, sampling_ratio, *, canonical_scale=224,
                 canonical_level=4):  # fmt: skip
        super().__init__()
        pair = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
        self.featmap_names, self.sampling_ratio, self.output_size = (
            featmap_names, sampling_ratio, pair)  # fmt: skip
        self.scales, self.map_levels = None, None
        self.canonical_scale, self.canonical_level = canonical_scale, canonical_level

    def _set_up(self, maps, image_shapes):
        if not image_shapes:
            raise ValueError("images list should not be empty")
        height = max(shape[0] for shape in image_shapes)
        self.scales = [2.0 ** round(log2(m.shape[-2] / height)) for m in maps]
        first, last = (int(-log2(scale)) for scale in (self.scales[0], self.scales[-1]))
        self.map_levels = LevelMapper(first, last, self.canonical_scale, self.canonical_level)

    def forward(self, x, boxes, image_shapes):
        maps = [m for name, m in x.items() if name in self.featmap_names]
        if self.scales is None or self.map_levels is None:
            self._set_up(maps, image_shapes)
        rois = in_one(boxes)
        if len(maps) == 1:
            return self._read(maps[0], rois, self.scales[0])
        levels = self.map_levels(boxes)
        parts, places = [], []
        for level, (one, scale) in enumerate(zip(maps, self.scales, strict=True)):
            chosen = ops.where(levels == level)[0]
            parts.append(self._read(one, rois[chosen], scale))
            places.append(chosen)
        left = ops.where(levels >= len(maps))[0]  # where maps of a size between are not given
        parts.append(maps[0].new_zeros((len(left), maps[0].shape[1], *self.output_size)))
        return ops.cat(parts)[ops.argsort(ops.cat([*places, left]))]

    def _read(self, one, rois, scale):
        return roi_align(one, rois, self.output_size, scale, self.sampling_ratio)

    def __repr__(self):
        return (
            f"{type(self).__name__}(featmap_names={self.featmap_names}, "
            f"output_size={self.output_size}, sampling_ratio={self.sampling_ratio})"
        )
