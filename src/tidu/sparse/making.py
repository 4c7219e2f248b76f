"""Sparse matrices from their parts: by rows, by columns, by diagonals."""

import numpy as np

from .. import ops
from ..base.constants import sparse_coo, sparse_csc, sparse_csr, strided
from ..base.devices import require_cpu
from ..base.dtypes import int64
from ..base.errors import hinted
from ..base.size import Size
from ..ops.convert import named
from .compressed import CompressedTensor
from .conversions import to_sparse
from .functions import sparse_coo_tensor
from .invariants import check_compressed

__all__ = ["spdiags", "sparse_compressed_tensor", "sparse_csc_tensor", "sparse_csr_tensor"]


def sparse_csr_tensor(crow_indices, col_indices, values, size=None, *, dtype=None, device=None,
                      pin_memory=False, requires_grad=False, check_invariants=None):  # fmt: skip
    """A sparse matrix by rows.

    Row i has values[crow_indices[i]:crow_indices[i + 1]], in the columns that col_indices gives.
    Without `size` it is as wide as the last column that is used. RuntimeError for indices that do
    not fit; with `check_invariants` for those of one row that are not in order, too. Gradients go
    to the values.

    >>> import tidu as torch
    >>> a = torch.sparse_csr_tensor([0, 1, 3], [2, 0, 1], [1., 2., 3.], (2, 3))
    >>> a.to_dense()
    tensor([[0., 0., 1.],
            [2., 3., 0.]])
    >>> a @ torch.ones(3)
    tensor([1., 5.])
    """
    require_cpu(device)
    parts = crow_indices, col_indices, values, size
    return _made(*parts, True, dtype, requires_grad, check_invariants)


def sparse_csc_tensor(ccol_indices, row_indices, values, size=None, *, dtype=None, device=None,
                      pin_memory=False, requires_grad=False, check_invariants=None):  # fmt: skip
    """A sparse matrix by columns; see `sparse_csr_tensor`.

    >>> import tidu as torch
    >>> torch.sparse_csc_tensor([0, 1, 1], [1], [5.]).to_dense()
    tensor([[0., 0.],
            [5., 0.]])
    """
    require_cpu(device)
    parts = ccol_indices, row_indices, values, size
    return _made(*parts, False, dtype, requires_grad, check_invariants)


def sparse_compressed_tensor(compressed_indices, plain_indices, values, size=None, *, dtype=None,
                             layout=None, device=None, pin_memory=False, requires_grad=False,
                             check_invariants=None):  # fmt: skip
    """A sparse matrix by rows or columns, as `layout` says: sparse_csr or sparse_csc."""
    require_cpu(device)
    if layout in (None, strided, sparse_coo):
        have = {None: "none", strided: "Strided", sparse_coo: "Sparse"}[layout]
        raise RuntimeError(
            "sparse_compressed_tensor expected sparse compressed tensor layout but got " + have
        )
    if layout not in (sparse_csr, sparse_csc):
        raise NotImplementedError(hinted(
            f"sparse_compressed_tensor with {layout}.", "there are only sparse_csr and sparse_csc.",
        ))  # fmt: skip
    parts = compressed_indices, plain_indices, values, size
    return _made(*parts, layout is sparse_csr, dtype, requires_grad, check_invariants)


def _made(pointers, indices, values, size, by_rows, dtype, requires_grad, check):
    pointers, indices = (_whole(part) for part in (pointers, indices))
    values = ops.as_tensor(values, dtype=dtype)
    if size is None:
        highest = int(indices.max()) + 1 if indices.numel() else 0
        size = (len(pointers) - 1, highest)
        size = size if by_rows else size[::-1]
    check_compressed(pointers, indices, values, tuple(size), by_rows, check)
    if requires_grad:
        values = values.detach().requires_grad_()
    elif values.requires_grad:
        values = named(ops.clone(values), "SparseCompressedTensorBackward0")
    return CompressedTensor(pointers, indices, values, Size(size), by_rows)


def _whole(indices):
    """Indices as a tensor; an empty list has no type of its own."""
    made = ops.as_tensor(indices)
    return made if made.numel() or not isinstance(indices, (list, tuple)) else made.to(int64)


def spdiags(diagonals, offsets, shape, layout=None):
    """A sparse matrix of the given shape with `diagonals` (one a row) beside its main diagonal.

    Element j of a diagonal stands in column j; a positive offset is above the main diagonal.
    Gradients go to the diagonals.

    >>> import tidu as torch
    >>> torch.sparse.spdiags(torch.tensor([1., 2., 3.]), torch.tensor(1), (3, 3)).to_dense()
    tensor([[0., 2., 0.],
            [0., 0., 3.],
            [0., 0., 0.]])
    """
    diagonals = diagonals.unsqueeze(0) if diagonals.dim() < 2 else diagonals
    offsets = offsets.reshape(1) if offsets.dim() == 0 else offsets
    if len(shape) != 2:
        raise RuntimeError("Output shape must be 2d")
    if len(offsets) != len(diagonals):
        raise RuntimeError(
            f"Number of diagonals ({len(diagonals)}) does not match the number of offsets "
            f"({len(offsets)})"
        )
    steps = offsets.numpy()
    if len(np.unique(steps)) != len(steps):
        raise RuntimeError("Offset tensor contains duplicate values")
    which, columns = np.indices(tuple(diagonals.shape))
    rows = columns - steps[:, None]
    inside = (rows >= 0) & (rows < shape[0]) & (columns < shape[1])
    taken = [ops.from_numpy(part[inside].astype(np.int64)) for part in (which, rows, columns)]
    values = diagonals[taken[0], taken[2]]
    made = sparse_coo_tensor(ops.stack(taken[1:]), values, shape)
    return made if layout is None else to_sparse(made, layout=layout)
