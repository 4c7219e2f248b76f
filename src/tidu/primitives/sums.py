"""Sums of raw arrays along any axes, each with an error that grows as the logarithm of the count.

NumPy adds pairwise only along the axis that lies densest in memory, and row after row along all
others: a million rows of float32 would lose five digits. Here rows are added in blocks of `FEW`
where there are `MANY`. Read `total` first.
"""

from math import prod

import numpy as np

from ..core.native import NATIVE, SUM_FROM

__all__ = ["MANY", "in_blocks", "runs", "total"]

FEW, MANY = 64, 512
WHOLE_FROM = 1 << 16  # elements from which a compiled sum of all, or of rows, beats NumPy's


def total(x, axes, keepdims=False, dtype=None):
    """The sum of `x` over `axes`, in its own type of floats or in `dtype`."""
    if not x.shape and x.dtype.kind in "fc":  # sums begin with 0, which NumPy does not add to one
        return np.add(x, 0, dtype=dtype)
    least = WHOLE_FROM if _lies_close(x, axes) else SUM_FROM
    if x.size >= least and NATIVE and dtype is None:
        found = NATIVE.sum_(x, axes, keepdims)
        if found is not None:
            return found
    if x.size <= MANY or len(axes) == x.ndim and x.flags.forc or x.dtype.kind not in "fcV":
        return np.add.reduce(x, axis=axes, keepdims=keepdims, dtype=dtype)
    dense = min(range(x.ndim), key=lambda a: (abs(x.strides[a]) if x.shape[a] > 1 else np.inf, -a))
    if prod([x.shape[a] for a in axes if a != dense]) < MANY:
        return np.add.reduce(x, axis=axes, keepdims=keepdims, dtype=dtype)
    return _one_by_one(x, axes, keepdims, dtype, dense)


def _lies_close(x, axes):
    """Whether NumPy adds what lies side by side in memory: everything, or each row."""
    if len(axes) == x.ndim:
        return x.flags.forc
    return len(axes) == 1 and axes[0] == x.ndim - 1 and x.flags.c_contiguous


def _one_by_one(x, axes, keepdims, dtype, dense):
    shape = x.shape
    if dense in axes:
        x = np.add.reduce(x, axis=dense, keepdims=True, dtype=dtype)
    for axis in sorted(set(axes) - {dense}, key=lambda a: -abs(x.strides[a])):
        x = in_blocks(np.add, x, axis, dtype)
    if keepdims:
        return x
    return x.reshape([n for a, n in enumerate(shape) if a not in axes])[()]


def in_blocks(ufunc, x, axis, dtype=None):
    """`ufunc` reduced along one axis, which is kept: of `FEW` elements far apart at a time, so that
    rows stay long, and then of the results."""
    n = x.shape[axis]
    if n <= FEW:
        return ufunc.reduce(x, axis=axis, keepdims=True, dtype=dtype)
    lead, many = (slice(None),) * axis, n // FEW
    blocks = x[(*lead, slice(0, many * FEW))]
    blocks = blocks.reshape(*x.shape[:axis], FEW, many, *x.shape[axis + 1 :])
    parts = ufunc.reduce(blocks, axis=axis, dtype=dtype)
    if n % FEW:
        last = ufunc.reduce(x[(*lead, slice(many * FEW, n))], axis=axis, keepdims=True, dtype=dtype)
        parts = np.concatenate([parts, last], axis)
    return in_blocks(ufunc, parts, axis, dtype)


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
