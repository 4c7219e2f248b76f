"""torch.segment_reduce: the sum, mean, product or extreme of each stretch along an axis."""

import math

from ..base.size import normalize_axis
from ..core.direct import memory
from ..core.handle import shape_of
from ..primitives.arithmetic import select, zeros_like
from ..primitives.base import broadcast_to, reshape
from ..primitives.comparison import lt
from ..primitives.structural import slice_
from . import creation, scans
from .along_axis import scatter_reduce
from .convert import composite, ndim_of, refuse, require_tensor, type_of
from .sets import searchsorted

__all__ = ["segment_reduce"]

# name -> (scatter_reduce's name, what a stretch without elements gives)
_KINDS = {
    "sum": ("sum", 0.0), "mean": ("sum", 0.0), "prod": ("prod", 1.0), "max": ("amax", -math.inf),
    "amax": ("amax", -math.inf), "min": ("amin", math.inf), "amin": ("amin", math.inf),
}  # fmt: skip


@composite("SegmentReduceBackward0")
def segment_reduce(data, reduce, *, lengths=None, indices=None, offsets=None, axis=0, unsafe=False,
                   initial=None):  # fmt: skip
    """Stretches of `data` along `axis`, one behind the other, each reduced to one entry.

    `lengths` (..., n) has the length of each stretch, or `offsets` (..., n + 1) where each starts
    and the last one ends; their leading axes are those of `data` before `axis`. `reduce` is
    'sum', 'mean', 'prod', 'max' or 'min', and `initial` takes part as one more element that a mean
    doesn't count. With `unsafe` the lengths may leave out the end of `data`. RuntimeError for
    lengths that don't fit.

    >>> import tidu as torch
    >>> torch.segment_reduce(torch.tensor([1., 2., 3.]), "sum", lengths=torch.tensor([2, 0, 1]))
    tensor([3., 0., 3.])
    """
    axis = normalize_axis(axis, ndim_of(require_tensor("segment_reduce", data, "data")))
    if reduce not in _KINDS:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    size = shape_of(data)[axis]
    first, ends = _bounds(lengths, offsets, axis, size, unsafe)
    shape, lead = tuple(shape_of(data)), tuple(shape_of(ends))[:-1]
    count = shape_of(ends)[-1]
    places = broadcast_to(creation.arange(size), shape=(*lead, size))
    stretch = searchsorted(ends.contiguous(), places.contiguous(), right=True)
    if first is not None:  # what lies before the first offset is left out, as what comes after
        stretch = select(lt(places, first), zeros_like(stretch) + count, stretch)
    stretch = reshape(stretch, shape=(*lead, size, *(1,) * (len(shape) - axis - 1)))
    how, empty = _KINDS[reduce]
    start = creation.full((*shape[:axis], count + 1, *shape[axis + 1 :]), empty, dtype=data.dtype)
    found = scatter_reduce(
        start, axis, broadcast_to(stretch, shape=shape), data, how, include_self=False
    )
    found = slice_(found, index=(slice(None),) * axis + (slice(0, count),))
    if initial is not None:
        found = _with(found, initial, how)
    if reduce != "mean":
        return found
    starts = zeros_like(ends) if first is None else first
    counts = reshape(_lengths(ends, starts), shape=(*lead, count, *(1,) * (len(shape) - axis - 1)))
    if initial is None:
        return found / counts
    return found / select(counts == 0, zeros_like(counts) + 1, counts)


def _bounds(lengths, offsets, axis, size, unsafe):
    """(where the first stretch starts, or None for 0; where each ends)"""
    given = lengths if lengths is not None else offsets
    if given is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    if ndim_of(given) != axis + 1:
        raise RuntimeError(
            f"segment_reduce(): Expected axis to be the last dimension of {_word(lengths)} but got "
            f"{axis}."
        )
    if lengths is None:
        return slice_(offsets, index=(..., slice(0, 1))), slice_(
            offsets, index=(..., slice(1, None))
        )
    array = memory(lengths)
    refuse(type_of(given), dict.fromkeys((0, 2, 3), "_segment_reduce_lengths_cpu_kernel1"))
    if array is not None:
        if (array < 0).any():
            raise RuntimeError("lengths contains negative value!")
        if not unsafe and (array.sum(-1) != size).any():
            raise RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to "
                "data.size(lengths.dim()-1) when !unsafe."
            )
    return None, scans.cumsum(lengths, -1)


def _word(lengths):
    return "offsets" if lengths is None else "lengths"


def _lengths(ends, first):
    return scans.diff(ends, prepend=slice_(first, index=(..., slice(0, 1))))


def _with(found, initial, how):
    if how == "sum":
        return found + initial
    if how == "prod":
        return found * initial
    beyond = lt(found, initial) if how == "amax" else lt(initial, found)
    return select(beyond, zeros_like(found) + initial, found)
