"""Sums of raw arrays along any axes, each with an error that grows as the logarithm of the count.

NumPy adds pairwise only along the axis that lies densest in memory, and row after row along all
others: a million rows of float32 would lose five digits. Here rows are added in blocks of `FEW`
where there are `MANY`. Read `total` first.
"""

from math import prod

import numpy as np

from ..core.native import LARGE, NATIVE

__all__ = ["MANY", "runs", "total"]

FEW, MANY = 64, 512
WIDE = 256  # elements of a row that NumPy adds without noticing the start of each


def total(x, axes, keepdims=False, dtype=None):
    """The sum of `x` over `axes`, in its own type of floats or in `dtype`."""
    if x.size >= LARGE and NATIVE and dtype is None:
        found = NATIVE.sum_(x, axes, keepdims)
        if found is not None:
            return found
    if x.size <= MANY or len(axes) == x.ndim and x.flags.forc or x.dtype.kind not in "fcV":
        return np.add.reduce(x, axis=axes, keepdims=keepdims, dtype=dtype)
    dense = min(range(x.ndim), key=lambda a: (abs(x.strides[a]) if x.shape[a] > 1 else np.inf, -a))
    if prod([x.shape[a] for a in axes if a != dense]) < MANY:
        return np.add.reduce(x, axis=axes, keepdims=keepdims, dtype=dtype)
    return _one_by_one(x, axes, keepdims, dtype, dense)


def _one_by_one(x, axes, keepdims, dtype, dense):
    shape = x.shape
    if x.flags.c_contiguous and dense not in axes:
        x = _folded(x, axes)
    if dense in axes:
        x = np.add.reduce(x, axis=dense, keepdims=True, dtype=dtype)
    for axis in sorted(set(axes) - {dense}, key=lambda a: -abs(x.strides[a])):
        x = _along(x, axis, dtype)
    if keepdims:
        return x
    return x.reshape([n for a, n in enumerate(shape) if a not in axes])[()]


def _folded(x, axes):
    """`x` with rows that are short and lie one behind the other added in wide ones, if that serves:
    along leading axes only."""
    found = runs(x.shape, axes)
    if found is None:
        return x
    outer, kept, inner = found
    side = WIDE // max(kept, 1)
    if inner != 1 or side < 2 or outer < side * 2:
        return x
    many = outer // side
    flat = x.reshape(outer, kept)
    wide = total(flat[: many * side].reshape(many, side * kept), (0,)).reshape(side, kept)
    rest = flat[many * side :]
    lines = np.concatenate([wide, rest]) if len(rest) else wide
    shape = [1 if a in axes else n for a, n in enumerate(x.shape)]
    return lines.reshape([len(lines), *shape[1:]])


def _along(x, axis, dtype):
    """The sum along one axis, kept, of blocks of rows and then of their sums."""
    n = x.shape[axis]
    if n <= FEW:
        return np.add.reduce(x, axis=axis, keepdims=True, dtype=dtype)
    lead, many = (slice(None),) * axis, n // FEW
    blocks = x[(*lead, slice(0, many * FEW))]
    blocks = blocks.reshape(*x.shape[:axis], many, FEW, *x.shape[axis + 1 :])
    parts = np.add.reduce(blocks, axis=axis + 1, dtype=dtype)
    if n % FEW:
        rest = x[(*lead, slice(many * FEW, n))]
        last = np.add.reduce(rest, axis=axis, keepdims=True, dtype=dtype)
        parts = np.concatenate([parts, last], axis)
    return _along(parts, axis, dtype)


def runs(shape, axes):
    """(outer, kept, inner) so that the reduced axes are outer and inner of a 3-d array, or None."""
    rank, lead = len(shape), 0
    while lead < rank and lead in axes:
        lead += 1
    tail = rank
    while tail > lead and tail - 1 in axes:
        tail -= 1
    if len(axes) != lead + rank - tail:
        return None
    return prod(shape[:lead]), prod(shape[lead:tail]), prod(shape[tail:])
