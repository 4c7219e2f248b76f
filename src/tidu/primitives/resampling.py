"""Reading an axis at other places: `resample` is a fixed linear map along one axis.

A table says which inputs each output reads, with which weights: repetition, reflection, means over
fitted windows, linear and cubic interpolation. Its transpose adds the cotangents up in runs.
"""

from functools import lru_cache

import numpy as np

from ..core.handle import element_type, shape_of
from .base import HALVES
from .transposed import pair

__all__ = ["along_axes", "resample"]


class Tap:
    """One read of each output: input places, weights (None: 1), and the outputs that have it."""

    __slots__ = ("index", "order", "outputs", "starts", "targets", "weight")

    def __init__(self, index, weight=None, outputs=None):
        self.index, self.weight, self.outputs = index, weight, outputs
        ordered = bool(np.all(index[1:] >= index[:-1]))
        self.order = None if ordered else np.argsort(index, kind="stable")
        ranked = index if ordered else index[self.order]
        first = np.ones(len(ranked), bool)
        first[1:] = ranked[1:] != ranked[:-1]
        self.starts = np.flatnonzero(first)
        self.targets = ranked[self.starts]


# --- tables: (kind, input length, *details) and the output length ---------------------------------


@lru_cache(maxsize=256)
def table(spec, out, dtype):
    """The taps of one map; weights in `dtype`, in which PyTorch computes them too."""
    return _KINDS[spec[0]](*spec[1:], out=out, real=dtype.type)


def _area(n, *, out, real):
    i = np.arange(out)
    starts, ends = i * n // out, -(-(i + 1) * n // out)
    lengths = ends - starts
    taps = []
    for j in range(int(lengths.max(initial=0))):
        has = np.flatnonzero(lengths > j)
        taps.append(Tap(starts[has] + j, (1 / lengths[has]).astype(real), has))
    return taps


def _reflect(n, before, *, out, real):
    place = np.arange(out) - before
    place = np.abs(place)
    return [Tap(np.where(place >= n, 2 * (n - 1) - place, place))]


def _replicate(n, before, *, out, real):
    return [Tap(np.clip(np.arange(out) - before, 0, n - 1))]


def _circular(n, before, *, out, real):
    # Negative widths cut first; what is left is wrapped.
    first, before = max(0, -before), max(0, before)
    after = out - (n - first) - before
    left = n - first + min(0, after)
    return [Tap(first + (np.arange(out) - before) % left)]


def _nearest(n, scale, exact, *, out, real):
    single = np.float32
    half = single(0.5) if exact else single(0)
    place = np.floor((np.arange(out, dtype=single) + half) * single(scale)).astype(np.int64)
    return [Tap(np.minimum(place, n - 1))]


def _source(scale, align, clamp, out, real):
    """Where each output lies on the input's axis, as PyTorch rounds it."""
    i = np.arange(out, dtype=real)
    if align:
        return i * real(scale)
    place = (i + real(0.5)) * real(scale) - real(0.5)
    return np.maximum(place, real(0)) if clamp else place


def _linear(n, scale, align, *, out, real):
    place = _source(scale, align, True, out, real)
    low = np.minimum(place.astype(np.int64), n - 1)
    high = np.minimum(low + 1, n - 1)
    part = np.clip(place - low.astype(real), real(0), real(1))
    return [Tap(low, (real(1) - part).astype(real)), Tap(high, part.astype(real))]


def _cubic(n, scale, align, *, out, real):
    place = _source(scale, align, False, out, real)
    low = np.floor(place)
    part = (place - low).astype(real)
    low = low.astype(np.int64)
    weights = (_outer(part + 1), _inner(part), _inner(1 - part), _outer(2 - part))
    return [Tap(np.clip(low + j - 1, 0, n - 1), w.astype(real)) for j, w in enumerate(weights)]


def _triangle(d):
    return np.maximum(1 - d, 0)


def _keys(d):
    """Keys 1981, with a = -1/2."""
    return np.where(d <= 1, _inner(d, -0.5), np.where(d < 2, _outer(d, -0.5), 0))


def _lanczos(d):
    return np.where(d < 3, np.sinc(d) * np.sinc(d / 3), 0)


_FILTERS = {"bilinear": (1.0, _triangle), "bicubic": (2.0, _keys), "lanczos": (3.0, _lanczos)}


def _smooth(n, ratio, name, *, out, real):
    """A filter of this name, stretched over all inputs that fall to an output."""
    reach, filter = _FILTERS[name]
    wide = max(ratio, 1.0)
    reach *= wide
    centre = ratio * (np.arange(out) + 0.5)
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + reach + 0.5).astype(np.int64), n)
    places = first[:, None] + np.arange(int((last - first).max(initial=0)))
    distance = np.abs(places - centre[:, None] + 0.5) / wide
    weights = filter(distance)
    weights[places >= last[:, None]] = 0
    weights /= weights.sum(1, keepdims=True)
    return _taps(places, weights.astype(real), places < last[:, None])


def _taps(places, weights, there):
    """The reads where `there` of arrays (outputs, reads)."""
    taps = []
    for read in range(places.shape[1]):
        has = np.flatnonzero(there[:, read])
        taps.append(Tap(places[has, read], weights[has, read], has))
    return taps


def _inner(t, a=-0.75):
    return ((a + 2) * t - (a + 3)) * t * t + 1


def _outer(t, a=-0.75):
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a


_KINDS = {
    "area": _area, "reflect": _reflect, "replicate": _replicate, "circular": _circular,
    "nearest": _nearest, "linear": _linear, "cubic": _cubic, "smooth": _smooth,
}  # fmt: skip


@lru_cache(maxsize=64)
def _byte_table(spec, out):
    """(the same taps with whole weights, by how many bits they are too large), as PyTorch has
    bytes: weights in 16 bits."""
    n = spec[1]
    dense = np.zeros((out, n))
    for tap in table(spec, out, np.dtype(np.float64)):
        rows = np.arange(out) if tap.outputs is None else tap.outputs
        np.add.at(dense, (rows, tap.index), tap.weight)
    bits = 0
    while bits < 22 and int(0.5 + dense.max() * (1 << (bits + 1))) < 1 << 15:
        bits += 1
    whole = np.trunc(dense * (1 << bits) + np.copysign(0.5, dense)).astype(np.int32)
    there = whole != 0
    first, last = there.argmax(1), n - there[:, ::-1].argmax(1)
    places = first[:, None] + np.arange(int((last - first).max(initial=0)))
    inside = places < last[:, None]
    weights = np.take_along_axis(whole, np.minimum(places, n - 1), 1)
    return _taps(places, weights, inside), bits


# --- the map and its transpose ------------------------------------------------------------------


def _shaped(weight, axis, ndim):
    return weight.reshape(*(1,) * axis, -1, *(1,) * (ndim - axis - 1))


def _weights_of(dtype):
    return np.dtype(np.float64 if dtype in (np.float64, np.complex128) else np.float32)


def _resample(x, *, spec, axis, size):
    """`axis` counts from the end (negative), so that batch axes may stand in front."""
    if x.dtype in HALVES:
        return _resample(x.astype(np.float32), spec=spec, axis=axis, size=size).astype(x.dtype)
    axis += x.ndim
    if x.dtype == np.uint8 and spec[0] in ("linear", "cubic", "smooth"):
        taps, bits = _byte_table(spec, size)
        total = _weighted(x.astype(np.int32), taps, axis, size) + (1 << bits - 1)
        return np.clip(total >> bits, 0, 255).astype(x.dtype)
    return _weighted(x, table(spec, size, _weights_of(x.dtype)), axis, size)


def _weighted(x, taps, axis, size):
    lead = (slice(None),) * axis
    result = None if size else np.zeros((*x.shape[:axis], 0, *x.shape[axis + 1 :]), x.dtype)
    for tap in taps:
        part = np.take(x, tap.index, axis)
        if tap.weight is not None:
            part *= _shaped(tap.weight, axis, x.ndim)
        if result is None and (tap.outputs is None or len(tap.outputs) == size):
            result = part
        elif tap.outputs is None:
            result += part
        else:
            result[(*lead, tap.outputs)] += part
    return result


def _resample_back(g, *, spec, axis, size, shape):
    if g.dtype in HALVES:
        wide = g.astype(np.float32)
        back = _resample_back(wide, spec=spec, axis=axis, size=size, shape=shape)
        return back.astype(g.dtype)
    axis += g.ndim
    lead = (slice(None),) * axis
    result = np.zeros(shape, g.dtype)
    for tap in table(spec, size, _weights_of(g.dtype)):
        part = g if tap.outputs is None else np.take(g, tap.outputs, axis)
        if tap.weight is not None:
            part = part * _shaped(tap.weight, axis, g.ndim)
        if tap.order is not None:
            part = np.take(part, tap.order, axis)
        if len(tap.starts) < part.shape[axis]:
            part = np.add.reduceat(part, tap.starts, axis)
        result[(*lead, tap.targets)] += part
    return result


def _shape(prim, args, params):
    shape = list(shape_of(args[0]))
    shape[params["axis"]] = params["size"]
    return tuple(shape), element_type(args[0])


resample, resample_back = pair(
    "resample", _resample, "resample_backward", _resample_back, batched=dict, shape=_shape,
    tex=("resample(x, axis)", "resample_back(g, axis)"),
)  # fmt: skip


def along_axes(x, sizes, specs):
    """`resample` along the trailing axes, the last first, one spec for each (None: as it is)."""
    for axis in range(-1, -len(sizes) - 1, -1):
        if specs[axis] is not None:
            x = resample(x, spec=specs[axis], axis=axis, size=sizes[axis])
    return x
