"""How bounding boxes move with their image: each transform as a map of points.

A plan is (map of points, new canvas size, whether boxes are cut at its border). A box becomes the
smallest one around its four moved corners. Read `moved`.
"""

import numpy as np

from .... import ops
from ....base import dtypes
from ....frontend.tensor import Tensor
from ...ops import box_convert
from ...tv_tensors import BoundingBoxFormat, wrap
from .. import chances, plain
from ..geometry import _sides, _two, wanted_size
from ..warping import _coefficients, _extent, _inverse

__all__ = ["clamp_bounding_boxes", "convert_bounding_box_format", "moved"]


def convert_bounding_box_format(inpt, old_format=None, new_format=None, inplace=False):
    """Boxes in another format; of plain tensors the old one must be told."""
    target = _format(new_format)
    if not hasattr(inpt, "canvas_size"):
        if old_format is None:
            raise ValueError("For pure tensor inputs, `old_format` has to be passed.")
        return _converted(inpt, _format(old_format), target)
    if old_format is not None:
        raise ValueError("For bounding box tv_tensor inputs, `old_format` must not be passed.")
    return wrap(_converted(inpt.as_subclass(Tensor), inpt.format, target), like=inpt, format=target)


def _format(name):
    if name is None:
        raise TypeError("convert_bounding_box_format() missing 1 required argument: 'new_format'")
    return BoundingBoxFormat[name.upper()] if isinstance(name, str) else name


def _converted(boxes, old, new):
    if old is new:
        return boxes.clone()
    found = box_convert(boxes, old.value.lower(), new.value.lower())
    return found.to(boxes.dtype) if not boxes.is_floating_point() else found


def clamp_bounding_boxes(inpt, format=None, canvas_size=None):
    """What of each box lies inside the canvas."""
    if hasattr(inpt, "canvas_size"):
        format, canvas_size = inpt.format, inpt.canvas_size
    corners = _converted(inpt.as_subclass(Tensor), _format(format), BoundingBoxFormat.XYXY)
    cut = _cut(corners, canvas_size)
    found = _converted(cut, BoundingBoxFormat.XYXY, _format(format))
    return wrap(found, like=inpt) if hasattr(inpt, "canvas_size") else found


def _cut(corners, canvas_size):
    height, width = canvas_size
    x, y = corners[..., 0::2].clamp(0, width), corners[..., 1::2].clamp(0, height)
    return ops.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], -1)


def moved(transform, boxes, drawn):
    """The boxes as the image's transform has moved them."""
    plan = next((PLANS[kind] for kind in type(transform).__mro__ if kind in PLANS), None)
    if plan is None:
        raise TypeError(f"Inputs of type BoundingBoxes are not supported by {transform!r}")
    points, canvas, cut = plan(transform, drawn, *boxes.canvas_size)
    corners = _converted(boxes.as_subclass(Tensor), boxes.format, BoundingBoxFormat.XYXY)
    whole = not corners.is_floating_point()
    x1, y1, x2, y2 = (corners.to(dtypes.float64) if whole else corners).unbind(-1)
    xs, ys = zip(*[points(x, y) for x in (x1, x2) for y in (y1, y2)], strict=True)
    xs, ys = ops.stack(xs), ops.stack(ys)
    found = ops.stack([xs.amin(0), ys.amin(0), xs.amax(0), ys.amax(0)], -1).to(corners.dtype)
    found = _cut(found, canvas) if cut else found
    found = _converted(found, BoundingBoxFormat.XYXY, boxes.format)
    return wrap(found, like=boxes, canvas_size=tuple(canvas))


# -- plans ---------------------------------------------------------------------------------------


def _shifted(x, y):
    return lambda px, py: (px + x, py + y)


def _flipped(transform, drawn, height, width):
    return lambda x, y: (width - x, y), (height, width), False


def _turned_over(transform, drawn, height, width):
    return lambda x, y: (x, height - y), (height, width), False


def _scaled(old, new):
    down, across = new[0] / old[0], new[1] / old[1]
    return lambda x, y: (x * across, y * down)


def _resized(transform, drawn, height, width):
    new = wanted_size(height, width, transform.size, transform.max_size)
    return _scaled((height, width), new), new, False


def _cropped(top, left, height, width):
    return _shifted(-left, -top), (height, width), True


def _centre(transform, drawn, height, width):
    h, w = _two(transform.size)
    lack_h, lack_w = max(h - height, 0), max(w - width, 0)
    top = round((height + lack_h - h) / 2.0) - lack_h // 2
    left = round((width + lack_w - w) / 2.0) - lack_w // 2
    return _cropped(top, left, h, w)


def _padded(transform, drawn, height, width):
    left, top, right, bottom = _sides(transform.padding)
    return _shifted(left, top), (height + top + bottom, width + left + right), True


def _random_crop(transform, drawn, height, width):
    left = top = 0
    if transform.padding is not None:
        left, top, right, bottom = _sides(transform.padding)
        height, width = height + top + bottom, width + left + right
    if transform.pad_if_needed:
        left += max(transform.size[1] - width, 0)
        top += max(transform.size[0] - height, 0)
    return _cropped(drawn[0] - top, drawn[1] - left, *drawn[2:])


def _resized_crop(transform, drawn, height, width):
    top, left, h, w = drawn
    inside, scale = _shifted(-left, -top), _scaled((h, w), transform.size)
    # Cut at the crop's border, then resized: the same as cutting at the result's.
    return lambda x, y: scale(*inside(x, y)), transform.size, True


def _through(matrix, old, new):
    """Points by the map whose inverse, between places seen from the centres, is `matrix`."""
    whole = np.vstack([np.array(matrix).reshape(2, 3), [0.0, 0.0, 1.0]])
    (a, b, c), (d, e, f) = np.linalg.inv(whole)[:2].tolist()

    def points(x, y):
        x, y = x - old[1] * 0.5, y - old[0] * 0.5
        return a * x + b * y + c + new[1] * 0.5, d * x + e * y + f + new[0] * 0.5

    return points


def _about(center, height, width):
    if center is None:
        return [0.0, 0.0]
    return [center[0] - width * 0.5, center[1] - height * 0.5]


def _rotated(transform, drawn, height, width):
    matrix = _inverse(_about(transform.center, height, width), -drawn, (0.0, 0.0), 1.0, (0.0, 0.0))
    new = _extent(matrix, width, height)[::-1] if transform.expand else (height, width)
    return _through(matrix, (height, width), new), new, True


def _bent_straight(transform, drawn, height, width):
    angle, translate, scale, shear = drawn
    about = _about(transform.center, height, width)
    matrix = _inverse(about, angle, translate, scale, list(shear))
    return _through(matrix, (height, width), (height, width)), (height, width), True


def _in_perspective(transform, drawn, height, width):
    start, end = drawn
    a, b, c, d, e, f, g, h = _coefficients(end, start)

    def points(x, y):
        below = g * x + h * y + 1.0
        return (a * x + b * y + c) / below, (d * x + e * y + f) / below

    return points, (height, width), True


PLANS = {
    chances.RandomHorizontalFlip: _flipped, chances.RandomVerticalFlip: _turned_over,
    chances.RandomCrop: _random_crop, chances.RandomResizedCrop: _resized_crop,
    chances.RandomRotation: _rotated, chances.RandomAffine: _bent_straight,
    chances.RandomPerspective: _in_perspective, plain.Resize: _resized,
    plain.CenterCrop: _centre, plain.Pad: _padded,
}  # fmt: skip
