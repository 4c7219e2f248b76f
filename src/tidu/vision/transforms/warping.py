"""Rotation, affine and perspective maps of pictures and tensors (..., C, H, W).

A map is given as the matrix that finds, for a place of the result, the place it comes from.
"""

import math

import numpy as np

from ... import ops
from ...frontend.tensor import Tensor
from ...nn import functional as F
from ..pictures import image as pil_image
from ..pictures import is_picture
from .conversion import (
    InterpolationMode,
    check_image,
    get_dimensions,
    pil_to_tensor,
    to_pil_image,
)
from .geometry import mode_of, pil_mode, with_batch

__all__ = ["affine", "elastic_transform", "perspective", "rotate"]


def _inverse(centre, angle, translate, scale, shear):
    """The 2 × 3 matrix from result to source of: shear, turn, scale about `centre`, then move."""
    turn = math.radians(angle)
    sx, sy = (math.radians(s) for s in shear)
    a = math.cos(turn - sy) / math.cos(sy)
    b = -math.cos(turn - sy) * math.tan(sx) / math.cos(sy) - math.sin(turn)
    c = math.sin(turn - sy) / math.cos(sy)
    d = -math.sin(turn - sy) * math.tan(sx) / math.cos(sy) + math.cos(turn)
    # The determinant of [[a, b], [c, d]] is 1.
    (p, q), (r, s) = ((d / scale, -b / scale), (-c / scale, a / scale))
    x, y = -centre[0] - translate[0], -centre[1] - translate[1]
    return [p, q, p * x + q * y + centre[0], r, s, r * x + s * y + centre[1]]


def _fill_of(img, fill):
    bands = len(img.getbands())
    if fill is None:
        return None
    if isinstance(fill, (int, float)):
        fill = (fill,) * bands
    fill = tuple(int(f) if img.mode not in ("F",) else float(f) for f in fill)
    fill = fill * bands if len(fill) == 1 else fill
    return fill[0] if bands == 1 else fill


def rotate(img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None,
           fill=None):  # fmt: skip
    """Turned counter-clockwise by `angle` degrees; `expand` enlarges the result to hold all."""
    check_image(img)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if center is not None and len(center) != 2:
        raise ValueError("Argument center should be a sequence of length 2")
    if is_picture(img):
        return img.rotate(angle, pil_mode(interpolation), bool(expand), center,
                          fillcolor=_fill_of(img, fill))  # fmt: skip
    _, height, width = get_dimensions(img)
    about = [0.0, 0.0]
    if center is not None:
        about = [c - s * 0.5 for c, s in zip(center, (width, height), strict=True)]
    matrix = _inverse(about, -angle, (0.0, 0.0), 1.0, (0.0, 0.0))
    size = _extent(matrix, width, height) if expand else (width, height)
    return _sampled(img, _affine_grid(matrix, (width, height), size), interpolation, fill)


def _extent(matrix, width, height):
    """(width, height) of the rectangle around the turned image."""
    m = np.array(matrix).reshape(2, 3)
    corners = np.array([[x, y, 1.0] for x in (-0.5 * width, 0.5 * width)
                        for y in (-0.5 * height, 0.5 * height)])  # fmt: skip
    moved = np.linalg.inv(np.vstack([m, [0, 0, 1]]))[:2] @ corners.T
    low, high = moved.min(1) + (width * 0.5, height * 0.5), moved.max(1) + (
        width * 0.5, height * 0.5
    )  # fmt: skip
    low, high = np.trunc(low * 1e4) / 1e4, np.trunc(high * 1e4) / 1e4
    new = np.ceil(high - 1e-3) - np.floor(low + 1e-3)
    return int(new[0]), int(new[1])


def affine(img, angle, translate, scale, shear, interpolation=InterpolationMode.NEAREST, fill=None,
           center=None):  # fmt: skip
    """Sheared, scaled, turned clockwise by `angle` degrees and moved."""
    check_image(img, "Unexpected type")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    shear = [shear, 0.0] if isinstance(shear, (int, float)) else list(shear)
    shear = [shear[0], shear[0]] if len(shear) == 1 else shear
    _, height, width = get_dimensions(img)
    if is_picture(img):
        about = [width * 0.5, height * 0.5] if center is None else center
        matrix = _inverse(about, angle, translate, scale, shear)
        return img.transform(
            (width, height), pil_image.Transform.AFFINE, matrix, pil_mode(interpolation),
            fillcolor=_fill_of(img, fill),
        )  # fmt: skip
    about = [0.0, 0.0]
    if center is not None:
        about = [c - s * 0.5 for c, s in zip(center, (width, height), strict=True)]
    matrix = _inverse(about, angle, translate, scale, shear)
    grid = _affine_grid(matrix, (width, height), (width, height))
    return _sampled(img, grid, interpolation, fill)


def _affine_grid(matrix, old, new):
    """For each place of the result, where to look: (H, W, 2) from -1 to 1."""
    x = np.arange(new[0]) - new[0] * 0.5 + 0.5
    y = np.arange(new[1]) - new[1] * 0.5 + 0.5
    a, b, c, d, e, f = matrix
    across = (a * x[None, :] + b * y[:, None] + c) / (0.5 * old[0])
    down = (d * x[None, :] + e * y[:, None] + f) / (0.5 * old[1])
    return np.stack([across, down], -1)


def _coefficients(startpoints, endpoints):
    """The eight numbers of the perspective map that takes endpoints to startpoints."""
    rows, wanted = [], []
    for (x, y), (u, v) in zip(endpoints, startpoints, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        wanted += [u, v]
    solution = np.linalg.lstsq(np.array(rows, float), np.array(wanted, float), rcond=None)[0]
    return solution.astype(np.float32).tolist()


def perspective(img, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """The image bent so that the four `startpoints` come to lie on the `endpoints`."""
    check_image(img)
    numbers = _coefficients(startpoints, endpoints)
    _, height, width = get_dimensions(img)
    if is_picture(img):
        return img.transform(
            (width, height), pil_image.Transform.PERSPECTIVE, numbers, pil_mode(interpolation),
            fillcolor=_fill_of(img, fill),
        )  # fmt: skip
    x, y = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    a, b, c, d, e, f, g, h = numbers
    below = g * x + h * y + 1.0
    across = (a * x + b * y + c) / (0.5 * width) / below - 1.0
    down = (d * x + e * y + f) / (0.5 * height) / below - 1.0
    return _sampled(img, np.stack([across, down], -1), interpolation, fill)


def elastic_transform(img, displacement, interpolation=InterpolationMode.BILINEAR, fill=None):
    """Each pixel taken from a place moved by `displacement` (1, H, W, 2), in halves of a side."""
    check_image(img)
    if not isinstance(displacement, Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    _, height, width = get_dimensions(img)
    if tuple(displacement.shape) != (1, height, width, 2):
        raise ValueError(f"Argument displacement shape should be {(1, height, width, 2)}, but "
                         f"given {displacement.shape}")  # fmt: skip
    x, y = ((2 * np.arange(n) + 1) / n - 1 for n in (width, height))
    grid = np.stack([*np.broadcast_arrays(x[None, :], y[:, None])], -1)
    grid = grid + displacement[0].detach().numpy()
    if is_picture(img):
        tensor = pil_to_tensor(img)
        return to_pil_image(_sampled(tensor, grid, interpolation, fill), img.mode)
    return _sampled(img, grid, interpolation, fill)


def _sampled(img, grid, interpolation, fill):
    """The image's numbers at the grid's places; outside, `fill`."""
    mode = mode_of(interpolation).value
    if mode not in ("nearest", "bilinear"):
        raise ValueError(
            f"Interpolation mode '{mode}' is unsupported with Tensor input"
        )  # fmt: skip

    def sample(x):
        places = ops.from_array(np.ascontiguousarray(grid)).to(x.dtype)
        places = places.expand(x.shape[0], *grid.shape)
        if fill is None:
            return F.grid_sample(x, places, mode, "zeros", False)
        both = ops.cat([x, ops.ones_like(x[:, :1])], 1)
        both = F.grid_sample(both, places, mode, "zeros", False)
        seen, inside = both[:, :-1], both[:, -1:]
        colour = ops.as_tensor(fill, dtype=x.dtype).reshape(1, -1, 1, 1)
        if mode == "nearest":
            return ops.where(inside < 0.5, colour, seen)
        return seen * inside + (1.0 - inside) * colour

    return with_batch(sample, img)
