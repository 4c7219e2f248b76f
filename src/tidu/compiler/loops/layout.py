"""Where the values of a graph lie: a `Ref` is a buffer with an offset and strides.

Views (reshape, transpose, expand, slices) cost nothing: they are other strides on the same buffer.
`view_of` gives the Ref of such an equation, or None where the elements must move.
"""

import math

import numpy as np

from ...base.size import dense_strides, view_strides
from ...primitives import base, structural

__all__ = ["VIEWS", "Ref", "diagonal_of", "view_of"]


class Ref:
    """Buffer, offset and strides in elements, shape, NumPy type."""

    __slots__ = ("buffer", "dense", "dtype", "offset", "shape", "size", "strides")

    def __init__(self, buffer, shape, dtype, strides=None, offset=0):
        self.buffer, self.shape, self.dtype, self.offset = buffer, tuple(shape), dtype, offset
        dense = dense_strides(self.shape)
        self.strides = dense if strides is None else tuple(strides)
        self.size = math.prod(self.shape)
        self.dense = all(
            n == 1 or s == d for n, s, d in zip(self.shape, self.strides, dense, strict=True)
        )

    def with_(self, shape, strides, offset=0):
        return Ref(self.buffer, shape, self.dtype, strides, self.offset + offset)

    def bits(self):
        """The same elements as whole numbers of their width; those of 16 bytes as pairs."""
        item = self.dtype.itemsize
        if item < 16:
            kind = np.dtype(f"i{item}")
            return Ref(self.buffer, self.shape, kind, self.strides, self.offset)
        strides = (*[2 * s for s in self.strides], 1)
        return Ref(self.buffer, (*self.shape, 2), np.dtype("i8"), strides, 2 * self.offset)

    def broadcast(self, shape):
        """The strides for an iteration over a wider shape."""
        extra = len(shape) - len(self.shape)
        own = [0 if n == 1 else s for n, s in zip(self.shape, self.strides, strict=True)]
        return (0,) * extra + tuple(own)


def _reshape(ref, *, shape):
    if ref.dense:
        return ref.with_(shape, dense_strides(shape))
    strides = view_strides(ref.shape, ref.strides, shape)
    return None if strides is None else ref.with_(shape, strides)


def _transpose(ref, *, axes):
    return ref.with_([ref.shape[a] for a in axes], [ref.strides[a] for a in axes])


def _broadcast(ref, *, shape):
    return ref.with_(shape, ref.broadcast(shape))


def _slice(ref, *, index):
    shape, strides, offset, axis = [], [], 0, 0
    kept = sum(i is not None and i is not Ellipsis for i in index)
    for i in index:
        if i is None:
            shape.append(1)
            strides.append(0)
        elif i is Ellipsis:
            more = len(ref.shape) - kept
            shape.extend(ref.shape[axis : axis + more])
            strides.extend(ref.strides[axis : axis + more])
            axis += more
        elif isinstance(i, slice):
            first, stop, step = i.indices(ref.shape[axis])
            shape.append(len(range(first, stop, step)))
            strides.append(ref.strides[axis] * step)
            offset += first * ref.strides[axis] if shape[-1] else 0
            axis += 1
        else:
            n = ref.shape[axis]
            offset += (i + n if i < 0 else i) * ref.strides[axis]
            axis += 1
    shape.extend(ref.shape[axis:])
    strides.extend(ref.strides[axis:])
    return ref.with_(shape, strides, offset)


def _flip(ref, *, axes):
    strides, offset = list(ref.strides), 0
    for a in axes:
        offset += (ref.shape[a] - 1) * strides[a] if ref.size else 0
        strides[a] = -strides[a]
    return ref.with_(ref.shape, strides, offset)


def diagonal_of(ref, *, offset, **shape):
    *lead, rows, columns = ref.shape
    *outer, down, right = ref.strides
    size = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    start = max(-offset, 0) * down + max(offset, 0) * right
    return ref.with_([*lead, size], [*outer, down + right], start if size else 0)


def _windows(ref, *, axis, size, step):
    shape, strides = list(ref.shape), list(ref.strides)
    shape[axis] = (shape[axis] - size) // step + 1
    stride, strides[axis] = strides[axis], strides[axis] * step
    return ref.with_([*shape, size], [*strides, stride])


def _same(ref):
    return ref


VIEWS: dict = {
    base.reshape: _reshape,
    base.transpose: _transpose,
    base.broadcast_to: _broadcast,
    structural.slice_: _slice,
    structural.flip: _flip,
    structural.diagonal: diagonal_of,
    structural.windows: _windows,
    structural.alias: _same,
    structural.barrier: _same,
    structural.detach: _same,
}


def view_of(equation, ref):
    """The Ref of a view's result, from that of its source; None where it is no view here."""
    return VIEWS[equation.prim](ref, **equation.params)
