"""Pooling of regions of interest: each box of an image as a small picture of one size."""

from ... import ops
from ...base import dtypes
from ...base.errors import hinted
from ...core.handle import TensorBase
from ...nn.modules import Module
from .sampling import at_edges_clamped

__all__ = ["RoIAlign", "RoIPool", "in_one", "roi_align", "roi_pool"]


def in_one(boxes):
    """Boxes as (K, 5): the number of the image, then its corners."""
    if isinstance(boxes, TensorBase):
        if boxes.size(1) != 5:
            raise AssertionError(hinted(
                "The boxes tensor shape is not correct as Tensor[K, 5]",
                "the first column is the number of the image; or give a list with one tensor (L, 4)"
                " for each image.",
            ))  # fmt: skip
        return boxes
    if not isinstance(boxes, (list, tuple)):
        raise AssertionError("boxes is expected to be a Tensor[L, 5] or a List[Tensor[K, 4]]")
    for one in boxes:
        if one.size(1) != 4:
            raise AssertionError(hinted(
                "The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]",
                "each row is x1, y1, x2, y2.",
            ))  # fmt: skip
    numbers = [ops.full_like(one[:, :1], i) for i, one in enumerate(boxes)]
    return ops.cat([ops.cat(numbers), ops.cat(list(boxes))], 1)


def _pair(size):
    return (size, size) if isinstance(size, int) else tuple(size)


def roi_align(input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False):
    """Each box of `boxes` in images (N, C, H, W), averaged into cells: (K, C, *output_size).

    boxes: (K, 5) with the number of the image first, or a list of (L, 4), one for each image.
    A cell is the mean of `sampling_ratio` squared points of it, read between the pixels; with -1,
    of about one point for each pixel. `aligned` shifts by half a pixel, so that boxes fit exactly.

    >>> import tidu as torch
    >>> image = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> roi_align(image, [torch.tensor([[0.0, 0.0, 2.0, 2.0]])], 1, aligned=True)
    tensor([[[[2.5000]]]])
    """
    if input.dim() != 4:
        raise RuntimeError(hinted(
            f"Expected 4D input, got {input.dim()}D", "images are (N, C, H, W): x.unsqueeze(0)."
        ))  # fmt: skip
    rois, (rows, columns) = in_one(boxes), _pair(output_size)
    shift = 0.5 if aligned else 0.0
    x1, y1, x2, y2 = (rois[:, 1:] * spatial_scale - shift).unbind(1)
    width, height = x2 - x1, y2 - y1
    if not aligned:
        width, height = width.clamp(min=1.0), height.clamp(min=1.0)
    cells = ops.stack([y1, height / rows, x1, width / columns], 1)
    counts = [
        (_points(h, rows, sampling_ratio), _points(w, columns, sampling_ratio))
        for h, w in zip(height.tolist(), width.tolist(), strict=True)
    ]
    parts, places = [], []
    for points in dict.fromkeys(counts):  # boxes with the same number of points, together
        chosen = ops.tensor([i for i, c in enumerate(counts) if c == points], dtype=dtypes.int64)
        parts.append(_averaged(input, rois[chosen, 0], cells[chosen], rows, columns, points))
        places.append(chosen)
    if not parts:
        return input.new_empty((0, input.shape[1], rows, columns))
    return ops.cat(parts)[ops.argsort(ops.cat(places))].to(input.dtype)


def _points(length, cells, ratio):
    return ratio if ratio > 0 else max(int(ops.ceil(ops.tensor(length / cells)).item()), 0)


def _averaged(input, picture, cells, rows, columns, points):
    """Boxes with the same number of points along each side: (K, C, rows, columns)."""
    y0, cell_y, x0, cell_x = cells.unbind(1)
    y = _places(y0, cell_y, rows, points[0])  # (K, rows * points)
    x = _places(x0, cell_x, columns, points[1])
    shape = (len(cells), y.shape[1], x.shape[1])
    number = picture.to(dtypes.int64)[:, None, None].expand(shape)
    read = at_edges_clamped(input, number, y[:, :, None].expand(shape), x[:, None, :].expand(shape))
    read = read.reshape(len(cells), rows, points[0], columns, points[1], input.shape[1])
    count = max(points[0] * points[1], 1)
    return (read.sum((2, 4)) / count).movedim(-1, 1)


def _places(start, cell, cells, points):
    steps = (ops.arange(points).to(start.dtype) + 0.5) / max(points, 1)
    within = ops.arange(cells).to(start.dtype)[:, None] + steps
    return start[:, None] + cell[:, None] * within.reshape(-1)


class RoIAlign(Module):
    """`roi_align` with its settings."""

    def __init__(self, output_size, spatial_scale, sampling_ratio, aligned=False):
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale
        self.sampling_ratio, self.aligned = sampling_ratio, aligned

    def forward(self, input, rois):
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio,
                         self.aligned)  # fmt: skip

    def __repr__(self):
        return (f"{type(self).__name__}(output_size={self.output_size}, "
                f"spatial_scale={self.spatial_scale}, sampling_ratio={self.sampling_ratio}, "
                f"aligned={self.aligned})")  # fmt: skip


def roi_pool(input, boxes, output_size, spatial_scale=1.0):
    """The largest value of each cell of each box, in whole pixels: (K, C, *output_size)."""
    rois, (rows, columns) = in_one(boxes), _pair(output_size)
    found = []
    for number, *corners in rois.detach().tolist():
        x1, y1, x2, y2 = (_half_away(c * spatial_scale) for c in corners)
        plane = input[int(number)]
        cells = [
            [_largest(plane, ya, yb, xa, xb) for xa, xb in _bins(x1, x2, columns, plane.shape[2])]
            for ya, yb in _bins(y1, y2, rows, plane.shape[1])
        ]
        found.append(ops.stack([ops.stack(row, -1) for row in cells], -2))
    return ops.stack(found) if found else input.new_empty((0, input.shape[1], rows, columns))


def _half_away(value):
    return int(value + 0.5) if value >= 0 else -int(-value + 0.5)


def _bins(first, last, cells, size):
    """Where each cell begins and ends, within the image."""
    length = max(last - first + 1, 1) / cells
    for i in range(cells):
        begin = int(i * length // 1) + first
        end = -int(-(i + 1) * length // 1) + first
        yield min(max(begin, 0), size), min(max(end, 0), size)


def _largest(plane, ya, yb, xa, xb):
    if yb <= ya or xb <= xa:
        return plane.new_zeros(plane.shape[0])
    return plane[:, ya:yb, xa:xb].reshape(plane.shape[0], -1).max(1)[0]


class RoIPool(Module):
    """`roi_pool` with its settings."""

    def __init__(self, output_size, spatial_scale):
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale

    def forward(self, input, rois):
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self):
        return (f"{type(self).__name__}(output_size={self.output_size}, "
                f"spatial_scale={self.spatial_scale})")  # fmt: skip
