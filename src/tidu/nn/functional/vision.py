"""Images: resizing, sampling at arbitrary places, and moving channels into space and back."""

import math
import warnings

import numpy as np

from ... import ops
from ...dtypes import int64
from ...errors import hinted
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

__all__ = [
    "affine_grid", "channel_shuffle", "grid_sample", "interpolate", "native_channel_shuffle",
    "pixel_shuffle", "pixel_unshuffle", "upsample", "upsample_bilinear", "upsample_nearest",
]  # fmt: skip

_LINEAR_MODES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


def interpolate(
    input, size=None, scale_factor=None, mode="nearest", align_corners=None,
    recompute_scale_factor=None, antialias=False,
):  # fmt: skip
    """Resize (N, C, L), (N, C, H, W) or (N, C, D, H, W) to ``size`` or by ``scale_factor``.

    Modes: nearest, nearest-exact, linear, bilinear, bicubic, trilinear, area.

    >>> import tidu as torch
    >>> torch.nn.functional.interpolate(torch.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    spatial = input.dim() - 2
    _check_mode(mode, align_corners, spatial)
    sizes, scales = _output_sizes(input, size, scale_factor, spatial, recompute_scale_factor)
    if mode == "area":
        pool = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[spatial - 1]
        return pool(input, sizes)
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D "
            "tensor as input"
        )
    for i, (new, scale) in enumerate(zip(sizes, scales, strict=True)):
        dim = i + 2
        places, weights = _taps(mode, input.size(dim), new, scale, bool(align_corners), antialias)
        input = _resampled(input, dim, places, weights)
    return input


def _check_mode(mode, align_corners, spatial):
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | "
                "bilinear | bicubic | trilinear"
            )
        if not 1 <= spatial <= 3:
            raise NotImplementedError(
                "Input Error: Only 3D, 4D and 5D input Tensors supported "
                f"(got {spatial + 2}D) for the modes: nearest | linear | bilinear | bicubic | "
                f"trilinear | area | nearest-exact (got {mode})"
            )
    elif mode not in _LINEAR_MODES or not 1 <= spatial <= 3:
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {spatial + 2}D) for "
            "the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact "
            f"(got {mode})"
        )
    elif _LINEAR_MODES[mode] != spatial:
        raise NotImplementedError(
            hinted(
                f"Got {spatial + 2}D input, but {mode} mode needs {_LINEAR_MODES[mode] + 2}D input",
                "linear is for (N, C, L), bilinear and bicubic for (N, C, H, W), trilinear for "
                "(N, C, D, H, W).",
            )
        )


def _output_sizes(input, size, scale_factor, spatial, recompute):
    """(new sizes, scale to use for each dimension or None where it follows from the sizes)."""
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError(
                "recompute_scale_factor is not meaningful with an explicit size."
            )
        return _per_dim(size, spatial, "output shape", input), [None] * spatial
    factors = _per_dim(scale_factor, spatial, "scale_factor", input)
    sizes = [
        int(math.floor(float(n) * float(f)))
        for n, f in zip(input.shape[2:], factors, strict=True)
    ]
    return sizes, ([None] * spatial if recompute else [float(f) for f in factors])


def _per_dim(value, spatial, what, input):
    if not isinstance(value, (list, tuple)):
        return [value] * spatial
    if len(value) != spatial:
        raise ValueError(
            f"Input and {what} must have the same number of spatial dimensions, but got input "
            f"with spatial dimensions of {list(input.shape[2:])} and {what} of {list(value)}. "
            "Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
            f"{what} in (o1, o2, ...,oK) format."
        )
    return list(value)


def _taps(mode, old, new, scale, align_corners, antialias):
    """Which old places make each new one, and with what weights: two arrays (new, taps)."""
    target = np.arange(new, dtype=np.float64)
    ratio = old / new if scale is None else 1.0 / scale
    if mode == "nearest":
        # Computed in float32, as PyTorch does: the floor is sensitive to the last bit.
        places = np.floor(target.astype(np.float32) * np.float32(ratio)).astype(np.int64)
        return np.minimum(places, old - 1)[:, None], None
    if mode == "nearest-exact":
        places = np.floor((target + 0.5).astype(np.float32) * np.float32(ratio)).astype(np.int64)
        return np.minimum(places, old - 1)[:, None], None
    if antialias:
        return _antialias_taps(mode, old, new, ratio, align_corners)
    if align_corners:
        source = target * ((old - 1) / (new - 1) if new > 1 else 0.0)
    else:
        source = (target + 0.5) * ratio - 0.5
    if mode == "bicubic":
        return _cubic_taps(source, old)
    source = np.maximum(source, 0.0)
    low = np.minimum(np.floor(source).astype(np.int64), old - 1)
    share = source - low
    high = np.minimum(low + 1, old - 1)
    return np.stack([low, high], 1), np.stack([1 - share, share], 1)


def _cubic(distance, a):
    """The cubic convolution kernel (Keys 1981)."""
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _cubic_taps(source, old):
    first = np.floor(source).astype(np.int64)
    offsets = np.arange(-1, 3)
    places = first[:, None] + offsets
    weights = _cubic((source - first)[:, None] - offsets, -0.75)
    return np.clip(places, 0, old - 1), weights


def _antialias_taps(mode, old, new, ratio, align_corners):
    if align_corners:
        ratio = (old - 1) / (new - 1) if new > 1 else 0.0
    wide = max(ratio, 1.0)
    reach = (2.0 if mode == "bicubic" else 1.0) * wide
    centre = ratio * (np.arange(new) + 0.5)
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + reach + 0.5).astype(np.int64), old)
    offsets = np.arange(int((last - first).max()))
    places = first[:, None] + offsets
    distance = (places - centre[:, None] + 0.5) / wide
    weights = _cubic(distance, -0.5) if mode == "bicubic" else np.maximum(1 - abs(distance), 0)
    weights = np.where(places < last[:, None], weights, 0.0)
    weights /= weights.sum(1, keepdims=True)
    return np.minimum(places, old - 1), weights


def _resampled(input, dim, places, weights):
    """Σ over taps of input[places] · weights along `dim`."""
    if weights is None:
        return ops.index_select(input, dim, ops.from_array(places[:, 0].copy()))
    shape = [1] * input.dim()
    shape[dim] = -1
    result = None
    for tap in range(places.shape[1]):
        share = ops.from_array(weights[:, tap].copy()).to(input.dtype).reshape(shape)
        part = ops.index_select(input, dim, ops.from_array(places[:, tap].copy())) * share
        result = part if result is None else result + part
    return result


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """Deprecated name of `interpolate`."""
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """Deprecated: `interpolate` with mode nearest."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """Deprecated: `interpolate` with mode bilinear and aligned corners."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def pixel_shuffle(input, upscale_factor):
    """(..., C·r², H, W) to (..., C, H·r, W·r)."""
    r = upscale_factor
    if input.dim() < 3:
        raise RuntimeError(
            "pixel_shuffle expects input to have at least 3 dimensions, but got input with "
            f"{input.dim()} dimension(s)"
        )
    *lead, channels, height, width = input.shape
    if channels % (r * r) != 0:
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    n = len(lead)
    split = input.reshape([*lead, channels // (r * r), r, r, height, width])
    order = [*range(n), n, n + 3, n + 1, n + 4, n + 2]
    return split.permute(order).reshape([*lead, channels // (r * r), height * r, width * r])


def pixel_unshuffle(input, downscale_factor):
    """(..., C, H·r, W·r) to (..., C·r², H, W)."""
    r = downscale_factor
    if input.dim() < 3:
        raise RuntimeError(
            "pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
            f"{input.dim()} dimension(s)"
        )
    *lead, channels, height, width = input.shape
    for name, place, value in (("height", -2, height), ("width", -1, width)):
        if value % r != 0:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({place})={value} is not divisible by {r}"
            )
    n = len(lead)
    split = input.reshape([*lead, channels, height // r, r, width // r, r])
    order = [*range(n), n, n + 2, n + 4, n + 1, n + 3]
    return split.permute(order).reshape([*lead, channels * r * r, height // r, width // r])


def channel_shuffle(input, groups):
    """Channels (dimension 1) of the groups interleaved."""
    if input.dim() <= 2:
        raise RuntimeError(
            "channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}"
        )
    if input.size(1) % groups != 0:
        raise RuntimeError(
            "Number of channels must be divisible by groups. Got "
            f"{input.size(1)} channels and {groups} groups."
        )
    return input.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


native_channel_shuffle = channel_shuffle


def _warn_align_corners(name):
    warnings.warn(
        f"Default {name} and affine_grid behavior has changed to align_corners=False since 1.3.0. "
        "Please specify align_corners=True if the old behavior is desired. See the documentation "
        f"of {name} for details.",
        stacklevel=3,
    )


def affine_grid(theta, size, align_corners=None):
    """The places an affine map (N, 2, 3) or (N, 3, 4) sends a regular grid to."""
    if align_corners is None:
        _warn_align_corners("affine_grid")
        align_corners = False
    spatial = len(size) - 2
    if spatial not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    axes = []
    for count in size[2:]:
        line = ops.linspace(-1, 1, count, dtype=theta.dtype)
        axes.append(line if align_corners else line * (count - 1) / count)
    grids = ops.meshgrid(*axes, indexing="ij")
    base = ops.stack([*reversed(grids), ops.ones_like(grids[0])], -1)
    flat = base.reshape(-1, spatial + 1)
    points = flat.unsqueeze(0).matmul(theta.transpose(1, 2))
    return points.reshape([size[0], *size[2:], spatial])


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """The input's numbers at the places ``grid`` (in [-1, 1], last dimension x, y (, z))."""
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
    if align_corners is None:
        _warn_align_corners("grid_sample")
        align_corners = False
    sizes = list(input.shape[2:])
    places = []
    for i, size in enumerate(reversed(sizes)):
        place = _unnormalized(grid[..., i], size, align_corners)
        if mode != "bicubic":
            place = _padded(place, size, padding_mode, align_corners)
        places.append(place)
    places.reverse()
    return _sample(input, places, sizes, mode, padding_mode, align_corners)


def _unnormalized(place, size, align_corners):
    if align_corners:
        return (place + 1) / 2 * (size - 1)
    return ((place + 1) * size - 1) / 2


def _padded(place, size, padding_mode, align_corners):
    if padding_mode == "border":
        return ops.clamp(place, 0, size - 1)
    if padding_mode == "reflection":
        low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
        return ops.clamp(_reflected(place, low, high), 0, size - 1)
    return place


def _reflected(place, low, high):
    span = high - low
    if span == 0:
        return ops.zeros_like(place)
    distance = ops.abs(place - low)
    turns = ops.floor(distance.detach() / span)
    rest = distance - turns * span
    return ops.where(turns % 2 == 0, rest + low, span - rest + low)


def _sample(input, places, sizes, mode, padding_mode, align_corners):
    """Σ over the neighbours of each place of value · weight."""
    choices = [_neighbours(place, mode) for place in places]
    result = None
    combinations = [([], None)]
    for options in choices:
        combinations = [
            ([*where, index], weight if share is None else _times(weight, share))
            for where, weight in combinations
            for index, share in options
        ]
    for where, weight in combinations:
        part = _value_at(input, where, sizes, mode, padding_mode, align_corners)
        part = part if weight is None else part * weight.unsqueeze(1)
        result = part if result is None else result + part
    return result


def _times(weight, share):
    return share if weight is None else weight * share


def _neighbours(place, mode):
    """[(whole-number places, weights)] of the neighbours along one dimension."""
    if mode == "nearest":
        return [(ops.round(place.detach()), None)]
    low = ops.floor(place.detach())
    share = place - low
    if mode == "bilinear":
        return [(low, 1 - share), (low + 1, share)]
    a = -0.75
    t, s = share, 1 - share
    return [
        (low - 1, ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a),
        (low, ((a + 2) * t - (a + 3)) * t * t + 1),
        (low + 1, ((a + 2) * s - (a + 3)) * s * s + 1),
        (low + 2, ((a * (s + 1) - 5 * a) * (s + 1) + 8 * a) * (s + 1) - 4 * a),
    ]


def _value_at(input, where, sizes, mode, padding_mode, align_corners):
    """input[n, :, where...] for places of shape (N, ...); outside is zero where so padded."""
    inside, flat = None, 0
    for place, size in zip(where, sizes, strict=True):
        if mode == "bicubic":
            place = _padded(place, size, padding_mode, align_corners)
        good = (place >= 0) & (place <= size - 1)
        inside = good if inside is None else inside & good
        flat = flat * size + ops.clamp(place, 0, size - 1).to(int64)
    batch, channels = input.shape[:2]
    rows = flat.reshape(batch, 1, -1).expand(batch, channels, -1)
    taken = input.flatten(2).gather(2, rows).reshape([batch, channels, *flat.shape[1:]])
    return taken * inside.unsqueeze(1).to(input.dtype)
