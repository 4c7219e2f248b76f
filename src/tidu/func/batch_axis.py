"""Where the axis of the samples is after an operation, or why the samples have met.

An axis may hold the samples folded with others: (B, T, C) reshaped to (B·T, C), or (T, B, C) to
(T·B, C), where T is `outer`. Read `axis_after`, `reshaped`. What is not known here counts as
mixing: no gradient is split wrongly.
"""

import itertools
import math

import numpy as np

from ..primitives import (
    base,
    contraction,
    convolution,
    fourier,
    indexing,
    losses,
    matrices,
    network,
    normalization,
    pooling,
    products,
    reductions,
    resampling,
    sliding,
    structural,
)

__all__ = ["LOST", "MEAN", "SUM", "Mixing", "axis_after", "is_mean", "reshaped", "rows_picked"]


class Mixing(Exception):
    """Samples meet in this operation."""


LOST = "lost"  # the samples have been reduced to one value
MEAN, SUM = "mean", "sum"


def axis_after(prim, axes, shapes, params, out_shape, size):
    """The axis of the samples in the output, or LOST.

    `axes` has one entry per input: its axis, or None for what all samples share. `size` is how many
    samples there are. Raises Mixing where elements of different samples are combined otherwise.
    """
    if prim.kind == "elementwise":
        return _aligned(axes, shapes, len(out_shape))
    rule = _RULES.get(prim)
    if rule is None:
        raise Mixing
    return rule(axes, shapes, params, out_shape, size)


def is_mean(prim, params):
    """Whether a reduction over the samples divides by their number."""
    if prim is losses.nll:
        return params["reduction"] == "mean"
    return prim is reductions.mean or prim is network.mse


def _aligned(axes, shapes, rank):
    found = {a + rank - len(s) for a, s in zip(axes, shapes, strict=True) if a is not None}
    if len(found) > 1:
        raise Mixing
    return found.pop()


def _first(axes):
    return next(a for a in axes if a is not None)


def _broadcast(axes, shapes, params, out_shape, size):
    return axes[0] + len(out_shape) - len(shapes[0])


def _same(axes, shapes, params, out_shape, size):
    return axes[0]


def reshaped(axis, outer, shape, out_shape, size):
    """(axis, outer) after a reshape: how many elements lie outside the samples does not change."""
    before, reached, found = math.prod(shape[:axis]) * outer, 1, None
    for place, n in enumerate(out_shape):
        if before % reached == 0 and n % (before // reached * size) == 0 and (n > 1 or size == 1):
            found = place, before // reached
        reached *= n
    if found is None:
        raise Mixing
    return found


def _transpose(axes, shapes, params, out_shape, size):
    return params["axes"].index(axes[0])


def _reduction(axes, shapes, params, out_shape, size):
    (a, *_), gone = axes, params["axes"]
    if a in gone:
        return LOST
    return a if params["keepdims"] else a - sum(1 for g in gone if g < a)


def _other_axis(axes, shapes, params, out_shape, size):
    """Works along `axis` (or `axes`) and leaves the others alone."""
    along = params["axes"] if "axes" in params else (params["axis"],)
    rank = len(shapes[next(i for i, a in enumerate(axes) if a is not None)])
    found = {a for a in axes if a is not None}
    if len(found) > 1 or found & {x % rank for x in along}:
        raise Mixing
    return found.pop()


def _picked(axes, shapes, params, out_shape, size):
    """arg_extreme: an axis less without keepdims."""
    if params["axis"] % len(shapes[0]) == axes[0]:
        raise Mixing
    return axes[0] - (not params["keepdims"] and params["axis"] % len(shapes[0]) < axes[0])


def _slice(axes, shapes, params, out_shape, size):
    index, rank = params["index"], len(shapes[0])
    taken = sum(1 for i in index if i is not None and i is not Ellipsis)
    whole: list = []
    for i in index:
        whole += [slice(None)] * (rank - taken) if i is Ellipsis else [i]
    whole += [slice(None)] * (rank - sum(1 for i in whole if i is not None))
    place, out = 0, 0
    for i in whole:
        if i is None:
            out += 1
            continue
        if place == axes[0]:
            n = shapes[0][place]
            if not isinstance(i, slice) or i.indices(n) != (0, n, 1):
                raise Mixing
            return out
        place, out = place + 1, out + isinstance(i, slice)
    raise Mixing


def _embed(axes, shapes, params, out_shape, size):
    """The transpose of `_slice`: what is put among zeros."""
    index = [i for i in params["index"] if i is not None]
    if len(index) != len(params["index"]):
        raise Mixing
    if Ellipsis in index:
        gap = index.index(Ellipsis)
        index[gap : gap + 1] = [slice(None)] * (len(out_shape) - len(index) + 1)
    index += [slice(None)] * (len(out_shape) - len(index))
    kept = [place for place, i in enumerate(index) if isinstance(i, slice)]
    place = kept[axes[0]]
    n = out_shape[place]
    if index[place].indices(n) != (0, n, 1):
        raise Mixing
    return place


def rows_picked(axis, indices, dims, count):
    """The axis of the samples in x[arange(count), j]: each row picks elements of its own.

    Raises Mixing where the index along `axis` is anything else.
    """
    rank = max(i.ndim for i in indices)
    own = indices[dims.index(axis)]
    if own.size != count or not np.array_equal(own.reshape(-1), np.arange(count)):
        raise Mixing
    if any(b != a + 1 for a, b in itertools.pairwise(dims)):
        raise Mixing
    varies = [place for place, n in enumerate(own.shape) if n > 1] or [own.ndim - 1]
    return dims[0] + varies[0] + rank - own.ndim


def _split(axes, shapes, params, out_shape, size):
    if params["axis"] % len(shapes[0]) == axes[0]:
        raise Mixing
    return axes[0]


def _unbind(axes, shapes, params, out_shape, size):
    axis = _split(axes, shapes, params, out_shape, size)
    return axis - (params["axis"] % len(shapes[0]) < axis)


def _matmul(axes, shapes, params, out_shape, size):
    rank, found = len(out_shape), set()
    for i, (a, s) in enumerate(zip(axes, shapes, strict=True)):
        if a is not None:
            if a == len(s) - 1 - i:  # the axis that is summed over
                raise Mixing
            found.add(a + rank - len(s))
    if len(found) > 1:
        raise Mixing
    return found.pop()


def _layer(axes, shapes, params, out_shape, size):
    if any(a is not None for a in axes[1:]) or axes[0] == len(shapes[0]) - 1:
        raise Mixing
    return axes[0]


def _image(axes, shapes, params, out_shape, size):
    if any(a is not None for a in axes[1:]) or axes[0] != 0:
        raise Mixing
    return 0


def _trailing(axes, shapes, params, out_shape, size):
    """Only the last axes, as many as the kernel has, are touched."""
    found = {a for a in axes if a is not None}
    if len(found) > 1 or next(iter(found)) >= len(shapes[0]) - len(params["kernel"]):
        raise Mixing
    return found.pop()


def _leading(axes, shapes, params, out_shape, size):
    """Matrix functions: the last two axes belong together."""
    if axes[0] is None or any(a is not None for a in axes[1:]) or axes[0] >= len(shapes[0]) - 2:
        raise Mixing
    return axes[0]


def _take(axes, shapes, params, out_shape, size):
    dims = params["dims"]
    rank = max((len(s) for s in shapes[1:]), default=0)
    if axes[0] is None:
        found = {a + rank - len(s) for a, s in zip(axes[1:], shapes[1:], strict=True)
                 if a is not None}  # fmt: skip
        if len(found) > 1 or any(b != a + 1 for a, b in itertools.pairwise(dims)):
            raise Mixing
        return dims[0] + found.pop()
    if any(a is not None for a in axes[1:]) or axes[0] in dims or len(dims) > 1:
        raise Mixing
    return axes[0] if axes[0] < dims[0] else axes[0] - 1 + rank


def _negative_log(axes, shapes, params, out_shape, size):
    if axes[0] is None or (axes[0] == 1 and len(shapes[0]) > 1):
        raise Mixing
    if params["reduction"] != "none":
        return LOST
    return axes[0] - (axes[0] > 1)


def _mse(axes, shapes, params, out_shape, size):
    _aligned(axes, shapes, len(shapes[0]))
    return LOST


def _normalize(axes, shapes, params, out_shape, size):
    if any(a is not None for a in axes[1:]) or axes[0] in params["axes"]:
        raise Mixing
    return axes[0]


_RULES = {
    base.transpose: _transpose, base.broadcast_to: _broadcast,
    base.reduce_sum: _reduction, reductions.mean: _reduction, base.cast: _same, base.conj: _same,
    structural.clone: _same, structural.alias: _same, structural.detach: _same,
    reductions.largest: _reduction, reductions.smallest: _reduction, reductions.amax: _reduction,
    reductions.amin: _reduction, reductions.norm2: _reduction, reductions.median: _reduction,
    reductions.variance: _reduction,
    reductions.all_: _reduction, reductions.any_: _reduction, reductions.arg_extreme: _picked,
    products.product: _reduction, network.softmax: _other_axis,
    network.log_softmax: _other_axis, reductions.cumsum: _other_axis,
    structural.flip: _other_axis, structural.roll: _other_axis, indexing.argsort: _other_axis,
    indexing.gather: _other_axis, indexing.scatter: _other_axis,
    indexing.scatter_add: _other_axis, structural.concatenate: _other_axis,
    structural.slice_: _slice, structural.embed: _embed, structural.split: _split,
    structural.unbind: _unbind,
    contraction.matmul: _matmul, contraction.linear_map: _layer, contraction.linear_product: _layer,
    convolution.convolution: _image, convolution.transposed_convolution: _image,
    pooling.max_pool: _trailing, pooling.mean_pool: _trailing, sliding.window_values: _trailing,
    structural.diagonal: _leading, matrices.from_diagonal: _leading, indexing.take: _take,
    losses.nll: _negative_log, network.mse: _mse, normalization.normalize: _normalize,
    resampling.resample: _other_axis, fourier.complex_transform: _other_axis,
    fourier.real_to_half: _other_axis, fourier.half_to_real: _other_axis,
}  # fmt: skip
