"""interpolate: `ops` resizes; here is what it lacks, shrinking images without aliasing."""

import numpy as np

from ... import ops

__all__ = ["interpolate"]


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
    if not antialias:
        return ops.interpolate(
            input, size, scale_factor, mode, align_corners, recompute_scale_factor
        )
    if mode not in ("bilinear", "bicubic") or input.dim() != 4:
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D "
            "tensor as input"
        )
    if (size is None) == (scale_factor is None):
        raise ValueError(
            "either size or scale_factor should be defined" if size is None
            else "only one of size or scale_factor should be defined"
        )  # fmt: skip
    given = size if size is not None else scale_factor
    given = list(given) if isinstance(given, (list, tuple)) else [given] * 2
    for dim, wanted in zip((2, 3), given, strict=True):
        old = input.size(dim)
        new = wanted if size is not None else int(old * wanted)
        ratio = old / new if size is not None or recompute_scale_factor else 1.0 / wanted
        if align_corners:
            ratio = (old - 1) / (new - 1) if new > 1 else 0.0
        input = _resampled(input, dim, *_taps(mode, old, new, ratio))
    return input


def _cubic(distance, a):
    """The cubic convolution kernel (Keys 1981)."""
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _taps(mode, old, new, ratio):
    """Which old places make each new one, and with what weights: two arrays (new, taps)."""
    wide = max(ratio, 1.0)
    reach = (2.0 if mode == "bicubic" else 1.0) * wide
    centre = ratio * (np.arange(new) + 0.5)
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + reach + 0.5).astype(np.int64), old)
    places = first[:, None] + np.arange(int((last - first).max()))
    distance = (places - centre[:, None] + 0.5) / wide
    weights = _cubic(distance, -0.5) if mode == "bicubic" else np.maximum(1 - abs(distance), 0)
    weights = np.where(places < last[:, None], weights, 0.0)
    weights /= weights.sum(1, keepdims=True)
    return np.minimum(places, old - 1), weights


def _resampled(input, dim, places, weights):
    """Σ over taps of input[places] · weights along `dim`."""
    shape = [1] * input.dim()
    shape[dim] = -1
    result = None
    for tap in range(places.shape[1]):
        share = ops.from_array(weights[:, tap].copy()).to(input.dtype).reshape(shape)
        part = ops.index_select(input, dim, ops.from_array(places[:, tap].copy())) * share
        result = part if result is None else result + part
    return result
