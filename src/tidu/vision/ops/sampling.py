"""Images read between their pixels, at places that may carry a gradient."""

from ... import ops
from ...base import dtypes

__all__ = ["at_edges_clamped", "with_zeros_outside"]


def _corner(planes, picture, y, x):
    """planes[picture, :, y, x] for index tensors of one shape: (*shape, C)."""
    return planes.movedim(1, -1)[picture, y, x]


def _mixed(planes, picture, rows, columns):
    """The four neighbours, each by its weights: rows and columns are pairs of (index, weight)."""
    total = None
    for y, weight_y in rows:
        for x, weight_x in columns:
            part = (weight_y * weight_x)[..., None] * _corner(planes, picture, y, x)
            total = part if total is None else total + part
    return total


def with_zeros_outside(planes, picture, y, x):
    """Values of images (N, C, H, W) at places (y, x), pixels around an image being zero."""
    return _mixed(planes, picture, _ends(y, planes.shape[2]), _ends(x, planes.shape[3]))


def _ends(place, size):
    low = place.detach().floor()
    share = place - low
    found = []
    for index, weight in ((low, 1 - share), (low + 1, share)):
        inside = (index >= 0) & (index < size)
        found.append((index.clamp(0, size - 1).to(dtypes.int64), weight * inside))
    return found


def at_edges_clamped(planes, picture, y, x):
    """The same; up to one pixel outside an image its edge goes on, farther it is zero."""
    height, width = planes.shape[2:]
    inside = (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    rows, columns = _clamped(y, height), _clamped(x, width)
    return _mixed(planes, picture, rows, columns) * inside[..., None]


def _clamped(place, size):
    place = place.clamp(min=0)
    low = place.detach().floor().clamp(max=size - 1)
    high = (low + 1).clamp(max=size - 1)
    share = ops.where(low >= size - 1, 0.0, place - low)
    return [(low.to(dtypes.int64), 1 - share), (high.to(dtypes.int64), share)]
