"""Products of a sparse matrix, given by the rows, columns and values of its elements."""

import numpy as np

from .. import ops
from ..autograd.function import Function
from ..base.lazy import lazy_module
from ..core.handle import element_type

__all__ = ["meetings", "product"]

_sparse = lazy_module("scipy.sparse")


def _plain(*tensors):
    return all(tensor._value.dtype is not None for tensor in tensors)


class SparseProduct(Function):
    """A · B of a sparse matrix, given by rows, columns and values, and a dense one."""

    @staticmethod
    def forward(ctx, values, dense, rows, columns, height, pointers):
        ctx.save_for_backward(values, dense)
        ctx.places = rows, columns, height
        shape, numbers, wide = (height, dense.shape[0]), values.detach().numpy(), columns.numpy()
        if pointers is None:
            matrix = _sparse.csr_array((numbers, (rows.numpy(), wide)), shape=shape)
        else:
            matrix = _sparse.csr_array((numbers, wide, pointers.numpy()), shape=shape)
        return ops.from_numpy(np.ascontiguousarray(matrix @ dense.detach().numpy()))

    @staticmethod
    def backward(ctx, g):
        values, dense = ctx.saved_tensors
        rows, columns, _ = ctx.places
        to_dense = to_values = None
        if ctx.needs_input_grad[1]:
            to_dense = product(values.conj(), g, columns, rows, dense.shape[0])
        if ctx.needs_input_grad[0]:
            to_values = (g[rows] * dense[columns].conj()).sum(-1)
        return to_values, to_dense, None, None, None, None


def product(values, dense, rows, columns, height, pointers=None):
    """The sparse matrix of `height` rows times a dense matrix, whatever stands behind them.

    `pointers`: where each row begins, if the values are in the order of rows.
    """
    if _plain(values, dense) and element_type(values).kind in "fc":
        return SparseProduct.apply(values, dense, rows, columns, height, pointers)
    wide = values.unsqueeze(-1) * dense[columns]
    return ops.zeros((height, dense.shape[1]), dtype=wide.dtype).index_add(0, rows, wide)


def meetings(a_columns, b_rows):
    """Which element of A meets which of B in A · B, for B's elements in order of rows."""
    rows, columns = b_rows.numpy(), a_columns.numpy()
    first, last = (np.searchsorted(rows, columns, side) for side in ("left", "right"))
    counts = last - first
    left = np.repeat(np.arange(len(counts)), counts)
    right = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[left]
    return ops.from_numpy(left.astype(np.int64)), ops.from_numpy(right.astype(np.int64))
