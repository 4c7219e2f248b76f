"""interpolate, and sampling at free places: affine_grid and grid_sample."""

import warnings
from math import floor, prod

import numpy as np

from ..base.dtypes import int64, uint8
from ..base.errors import require_memory
from ..base.frames import user_depth
from ..core.handle import element_type, shape_of
from ..core.retries import asked
from ..primitives import arithmetic as p
from ..primitives import base
from ..primitives.indexing import gather
from ..primitives.resampling import along_axes
from .adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from .convert import convert, named, require_tensor, scalar_name, type_of, widely
from .formats import keeps_format
from .linalg import matmul

__all__ = ["affine_grid", "grid_sample", "interpolate"]

# mode: (spatial axes it takes, the map along an axis, PyTorch's name for the node)
_MODES = {
    "nearest": ((1, 2, 3), "nearest", "UpsampleNearest{}D"),
    "nearest-exact": ((1, 2, 3), "nearest", "UpsampleNearestExact{}D"),
    "linear": ((1,), "linear", "UpsampleLinear1D"),
    "bilinear": ((2,), "linear", "UpsampleBilinear2D"),
    "trilinear": ((3,), "linear", "UpsampleTrilinear3D"),
    "bicubic": ((2,), "cubic", "UpsampleBicubic2D"),
    "lanczos": ((2,), "smooth", "UpsampleLanczos2D"),
}
_NO_BYTES = ("linear", "trilinear")
_ALIGNING = ("linear", "bilinear", "bicubic", "trilinear", "lanczos")
_SMOOTH = ("bilinear", "bicubic", "lanczos")


@keeps_format
def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None,
                recompute_scale_factor=None, antialias=False):  # fmt: skip
    """The tensor (N, C, lengths...) resized to `size`, or by `scale_factor`.

    mode: 'nearest', 'nearest-exact', 'linear' (3-D input), 'bilinear', 'bicubic', 'lanczos' (4-D),
    'trilinear' (5-D), 'area'. `align_corners` keeps the corner values in place; `antialias` (4-D)
    makes images smaller from all of their pixels.

    >>> import tidu as torch
    >>> x = torch.tensor([[[0., 1.]]])
    >>> torch.nn.functional.interpolate(x, size=4, mode="linear")
    tensor([[[0.0000, 0.2500, 0.7500, 1.0000]]])
    """
    shape = tuple(shape_of(require_tensor("interpolate", input)))
    dims = len(shape) - 2
    _check_mode(mode, align_corners, antialias, len(shape))
    sizes, factors = _sizes(shape[2:], size, scale_factor, recompute_scale_factor)
    if mode == "area":
        pool = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[dims - 1]
        return pool(input, sizes)
    if dims not in _MODES[mode][0]:
        needs = _MODES[mode][0][0] + 2
        raise NotImplementedError(f"Got {len(shape)}D input, but {mode} mode needs {needs}D input")
    if min(*sizes, *shape[2:]) < 1:
        words = ("D", "H", "W")[3 - dims :]
        have = ", ".join([f"{w}: {n}" for w, n in zip(words, shape[2:], strict=True)])
        want = ", ".join([f"{w}: {n}" for w, n in zip(words, sizes, strict=True)])
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({have}) output "
            f"({want})"
        )
    if 0 in shape[1:2]:
        raise RuntimeError(
            f"Non-empty {len(shape)}D data tensor expected but got a tensor with sizes "
            f"{list(shape)}"
        )
    if type_of(input).category != 2 and (type_of(input) is not uint8 or mode in _NO_BYTES):
        raise NotImplementedError(
            f"\"{_kernel_name(mode, dims)}\" not implemented for '{scalar_name(type_of(input))}'"
        )
    require_memory((*shape[:2], *sizes), element_type(input))
    _, kind, name = _MODES[mode]
    if antialias:
        kind, name = "smooth", name + "Aa"
    details = [
        _spec(kind, mode, n, out, factor, bool(align_corners))
        for n, out, factor in zip(shape[2:], sizes, factors, strict=True)
    ]
    out = widely(along_axes, input, sizes, details)
    return named(out, name.format(dims) + "Backward0", input, size=tuple(sizes), scales=factors,
                 align_corners=bool(align_corners))  # fmt: skip


def _kernel_name(mode, dims):
    if mode in _NO_BYTES:
        return "compute_indices_weights_linear"
    suffix = "_channels_last" if dims > 1 else ""
    return f"upsample_{mode.replace('-exact', '')}{dims}d{suffix}"


def _check_mode(mode, align_corners, antialias, rank):
    if mode not in _ALIGNING and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            "| bicubic | trilinear"
        )
    if rank not in (3, 4, 5) or (mode not in _MODES and mode != "area"):
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {rank}D) for the modes: "
            "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact "
            f"(got {mode})"
        )
    if mode == "lanczos" and (align_corners or not antialias):
        what = "does not support align_corners=True" if align_corners else "requires antialias=True"
        raise ValueError(f"Lanczos mode {what}")
    if antialias and (mode not in _SMOOTH or rank != 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            "a 4-D tensor as input"
        )


def _sizes(space, size, scale_factor, recompute):
    """(output lengths, the factors the user gave or None for each axis)."""
    dims = len(space)
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None:
        sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,) * dims
        if len(sizes) != dims:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input "
                f"with spatial dimensions of {list(space)} and output size of {size}. Please "
                "provide input tensor in (N, C, d1, d2, ...,dK) format and output size in (o1, "
                "o2, ...,oK) format."
            )
        return tuple([int(n) for n in sizes]), (None,) * dims
    several = isinstance(scale_factor, (tuple, list))
    factors = tuple(scale_factor) if several else (scale_factor,) * dims
    if len(factors) != dims:
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input "
            f"with spatial dimensions of {list(space)} and scale_factor of shape {scale_factor}. "
            "Please provide input tensor in (N, C, d1, d2, ...,dK) format and scale_factor in (s1, "
            "s2, ...,sK) format."
        )
    sizes = tuple([floor(float(n) * f) for n, f in zip(space, factors, strict=True)])
    return sizes, (None,) * dims if recompute else tuple([float(f) for f in factors])


def _spec(kind, mode, n, out, factor, align):
    """The key of the map along one axis; None where nothing changes."""
    if kind == "nearest":
        return (kind, n, 1 / factor if factor else n / out, mode == "nearest-exact")
    ratio = 1 / factor if factor else n / out
    if align:
        ratio = (n - 1) / (out - 1) if out > 1 else 0.0
    return (kind, n, ratio, mode if kind == "smooth" else align)


# --- grids --------------------------------------------------------------------------------------


@asked
def affine_grid(theta, size, align_corners=None):
    """The places (N, H, W, 2) or (N, D, H, W, 3) an affine map `theta` samples for output `size`.

    >>> import tidu as torch
    >>> theta = torch.tensor([[[1., 0., 0.], [0., 1., 0.]]])
    >>> torch.nn.functional.affine_grid(theta, (1, 1, 2, 2), align_corners=True)[0, 0]
    tensor([[-1., -1.],
            [ 1., -1.]])
    """
    dims, shape = len(size) - 2, tuple(shape_of(require_tensor("affine_grid", theta)))
    _warn_alignment(align_corners)
    if dims not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    if len(shape) != 3 or shape[1:] != (dims, dims + 1):
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size "
            f"{size}. Got {theta.shape}."
        )
    dtype = element_type(theta)
    axes = [_line(n, align_corners, dtype) for n in size[:1:-1]]
    space = tuple(size[2:])
    mesh = np.ones((*space, dims + 1), dtype)
    for i, line in enumerate(axes):
        mesh[..., i] = line.reshape(-1, *(1,) * i)
    points = mesh.reshape(1, -1, dims + 1)
    grid = matmul(theta.new_tensor(points), base.transpose(theta, axes=(0, 2, 1)))
    return named(
        base.reshape(grid, shape=(shape[0], *space, dims)), "AffineGridGeneratorBackward0", theta,
        align_corners=bool(align_corners), size=tuple(size),
    )  # fmt: skip


def _warn_alignment(align_corners):
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since "
            "1.3.0. Please specify align_corners=True if the old behavior is desired. See the "
            "documentation of grid_sample for details.",
            UserWarning, stacklevel=user_depth(),
        )  # fmt: skip


def _line(n, align_corners, dtype):
    if n <= 1:
        return np.zeros(n, dtype)
    line = np.linspace(-1, 1, n)
    return (line if align_corners else line * (n - 1) / n).astype(dtype)


@asked
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """`input` (N, C, H, W) read at the places `grid` (N, H', W', 2), x and y in [-1, 1].

    mode 'bilinear', 'nearest' or 'bicubic' (4-D only); outside, padding_mode 'zeros', 'border' or
    'reflection'. Volumes take a grid (N, D', H', W', 3).

    >>> import tidu as torch
    >>> image = torch.tensor([[[[0., 1.], [2., 3.]]]])
    >>> torch.nn.functional.grid_sample(image, torch.zeros(1, 1, 1, 2), align_corners=True)
    tensor([[[[1.5000]]]])
    """
    _check_grid(input, grid, mode, padding_mode)
    _warn_alignment(align_corners)
    align = bool(align_corners)
    space = tuple(shape_of(input))[2:]
    dims = len(space)
    coordinates = []
    for i, n in enumerate(space):
        c = grid[..., dims - 1 - i]
        coordinates.append((c + 1) * ((n - 1) / 2) if align else ((c + 1) * n - 1) / 2)
    if mode == "bicubic":
        out = _sample_cubic(input, coordinates, space, padding_mode, align)
    else:
        places = [
            _inside(c, n, padding_mode, align) for c, n in zip(coordinates, space, strict=True)
        ]
        sample = _sample_nearest if mode == "nearest" else _sample_linear
        out = sample(input, places, space)
    return named(out, f"GridSampler{dims}DBackward0", input, grid, mode=mode,
                 padding=padding_mode, align_corners=align)  # fmt: skip


def _check_grid(input, grid, mode, padding_mode):
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    x, g = list(shape_of(input)), list(shape_of(grid))
    both = f"but got input with sizes {x} and grid with sizes {g}"
    if x[0] != g[0]:
        raise RuntimeError(
            f"grid_sampler(): expected grid and input to have same batch size, {both}"
        )
    if len(x) not in (4, 5) or len(g) != len(x):
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, "
            + both
        )
    if g[-1] != len(x) - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {len(x) - 2} in last dimension, but got "
            f"grid with sizes {g}"
        )
    if mode == "bicubic" and len(x) != 4:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")


def _inside(c, n, padding_mode, align):
    """A coordinate moved into [0, n - 1] as the padding mode says."""
    if padding_mode == "zeros":
        return c
    if padding_mode == "reflection":
        low, span = (0.0, n - 1.0) if align else (-0.5, float(n))
        if span == 0:
            return c * 0
        off = p.absolute(c - low)
        turns = p.floor(off.detach() / span)
        rest = off - turns * span
        odd = turns - p.floor(turns / 2) * 2 == 1
        c = p.select(odd, span - rest + low, rest + low)
    return p.clamp(c, low=0.0, high=float(n - 1))


def _read(input, places, space):
    """`input` at whole places (one tensor for each axis), zero outside."""
    shape = tuple(shape_of(input))
    flat, valid = 0, None
    for place, n in zip(places, space, strict=True):
        here = (place >= 0) & (place <= n - 1)
        valid = here if valid is None else valid & here
        flat = flat * n + p.select(here, place, p.zeros_like(place))  # NaN is no place
    out = tuple(shape_of(flat))
    count = prod(out[1:])
    index = convert(flat, int64).reshape(out[0], 1, count).expand(out[0], shape[1], count)
    x = base.reshape(input, shape=(*shape[:2], prod(space)))
    values = gather(x, index, axis=2).reshape(*shape[:2], *out[1:])
    return p.select(valid.unsqueeze(1), values, p.zeros_like(values))


def _sample_nearest(input, places, space):
    out = _read(input, [p.round_(c.detach()) for c in places], space)
    if any(c.requires_grad for c in places):
        # The result is constant between pixels: the grid's gradient is there, and zero.
        flat = [p.floor(c) - p.floor(c).detach() for c in places]
        out = out + sum(flat[1:], flat[0]).unsqueeze(1)
    return out


def _sample_linear(input, places, space):
    lows = [p.floor(c.detach()) for c in places]
    parts = [c - low for c, low in zip(places, lows, strict=True)]
    total = None
    for corner in np.ndindex(*(2,) * len(space)):
        weight = None
        for bit, part in zip(corner, parts, strict=True):
            factor = part if bit else 1 - part
            weight = factor if weight is None else weight * factor
        at = [low + bit for low, bit in zip(lows, corner, strict=True)]
        term = _read(input, at, space) * weight.unsqueeze(1)
        total = term if total is None else total + term
    return total


def _sample_cubic(input, places, space, padding_mode, align):
    lows = [p.floor(c.detach()) for c in places]
    weights = [_cubic_weights(c - low) for c, low in zip(places, lows, strict=True)]
    total = None
    for i, j in np.ndindex(4, 4):
        at = [
            p.round_(_inside(low + (k - 1), n, padding_mode, align))
            for low, k, n in zip(lows, (i, j), space, strict=True)
        ]
        term = _read(input, at, space) * (weights[0][i] * weights[1][j]).unsqueeze(1)
        total = term if total is None else total + term
    return total


def _cubic_weights(t, a=-0.75):
    def inner(t):
        return ((a + 2) * t - (a + 3)) * t * t + 1

    def outer(t):
        return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a

    return outer(t + 1), inner(t), inner(1 - t), outer(2 - t)
