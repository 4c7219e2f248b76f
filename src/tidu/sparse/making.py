"""Sparse matrices from their parts: by rows, by columns, by diagonals."""

import numpy as np

from .. import ops
from ..base.constants import sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr
from ..base.devices import require_cpu
from ..base.dtypes import int64
from ..base.errors import hinted
from ..base.size import Size
from ..ops.convert import named
from .compressed import COMPRESSED, CompressedTensor
from .conversions import to_sparse
from .functions import sparse_coo_tensor
from .invariants import check_compressed
from .layouts import NAMES

__all__ = ["spdiags", "sparse_bsc_tensor", "sparse_bsr_tensor", "sparse_compressed_tensor",
           "sparse_csc_tensor", "sparse_csr_tensor", "without_elements"]  # fmt: skip


def sparse_csr_tensor(crow_indices, col_indices, values, size=None, *, dtype=None, device=None,
                      pin_memory=False, requires_grad=False, check_invariants=None):  # fmt: skip
    """A sparse matrix by rows.

    Row i has values[crow_indices[i]:crow_indices[i + 1]], in the columns that col_indices gives.
    Axes of the indices before their last are a batch; axes of the values after it are dense.
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
    return _made(*parts, sparse_csr, dtype, requires_grad, check_invariants)


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
    return _made(*parts, sparse_csc, dtype, requires_grad, check_invariants)


def sparse_bsr_tensor(crow_indices, col_indices, values, size=None, *, dtype=None, device=None,
                      pin_memory=False, requires_grad=False, check_invariants=None):  # fmt: skip
    """A sparse matrix by rows of blocks; see `sparse_csr_tensor`.

    values: (nnz, height, width), a block each; the indices count rows and columns of blocks.

    >>> import tidu as torch
    >>> torch.sparse_bsr_tensor([0, 1], [1], torch.ones(1, 2, 2)).to_dense()
    tensor([[0., 0., 1., 1.],
            [0., 0., 1., 1.]])
    """
    require_cpu(device)
    parts = crow_indices, col_indices, values, size
    return _made(*parts, sparse_bsr, dtype, requires_grad, check_invariants)


def sparse_bsc_tensor(ccol_indices, row_indices, values, size=None, *, dtype=None, device=None,
                      pin_memory=False, requires_grad=False, check_invariants=None):  # fmt: skip
    """A sparse matrix by columns of blocks; see `sparse_bsr_tensor`.

    >>> import tidu as torch
    >>> torch.sparse_bsc_tensor([0, 0, 1], [0], torch.ones(1, 1, 2)).to_dense()
    tensor([[0., 0., 1., 1.]])
    """
    require_cpu(device)
    parts = ccol_indices, row_indices, values, size
    return _made(*parts, sparse_bsc, dtype, requires_grad, check_invariants)


def sparse_compressed_tensor(compressed_indices, plain_indices, values, size=None, *, dtype=None,
                             layout=None, device=None, pin_memory=False, requires_grad=False,
                             check_invariants=None):  # fmt: skip
    """A sparse matrix in one of the layouts sparse_csr, sparse_csc, sparse_bsr and sparse_bsc."""
    require_cpu(device)
    if layout not in COMPRESSED:
        have = "none" if layout is None else NAMES.get(layout, "Strided")
        raise RuntimeError(
            "sparse_compressed_tensor expected sparse compressed tensor layout but got " + have
        )
    parts = compressed_indices, plain_indices, values, size
    return _made(*parts, layout, dtype, requires_grad, check_invariants)


def _made(pointers, indices, values, size, layout, dtype, requires_grad, check):
    pointers, indices = (_whole(part) for part in (pointers, indices))
    values = ops.as_tensor(values, dtype=dtype)
    size = _smallest(pointers, indices, values, layout) if size is None else tuple(size)
    check_compressed(pointers, indices, values, size, layout, check)
    if requires_grad:
        values = values.detach().requires_grad_()
    elif values.requires_grad:
        values = named(ops.clone(values), "SparseCompressedTensorBackward0")
    return CompressedTensor(pointers, indices, values, Size(size), layout)


def _smallest(pointers, indices, values, layout):
    """The size of the smallest tensor that holds all places."""
    batch, blocked = pointers.dim() - 1, layout in (sparse_bsr, sparse_bsc)
    if batch < 0 or values.dim() < batch + 1 + 2 * blocked:
        return ()  # which `check_compressed` refuses
    highest = int(indices.max()) + 1 if indices.numel() else 0
    sides = pointers.shape[-1] - 1, highest
    sides = sides if layout in (sparse_csr, sparse_bsr) else sides[::-1]
    if blocked:
        block = values.shape[batch + 1 : batch + 3]
        sides = tuple(count * side for count, side in zip(sides, block, strict=True))
    return *pointers.shape[:-1], *sides, *values.shape[batch + 1 + 2 * blocked :]


def without_elements(name, layout, size, dtype, requires_grad):
    """torch.zeros and torch.empty in a sparse layout."""
    if layout is sparse_coo:
        return sparse_coo_tensor(size, dtype=dtype, requires_grad=requires_grad)
    if layout not in (sparse_csr, sparse_csc):
        raise RuntimeError(hinted(
            f"{name}_sparse_compressed expected sparse compressed (non-block) tensor layout but "
            f"got {NAMES.get(layout, layout)}",
            "torch.sparse_bsr_tensor has blocks.",
        ))  # fmt: skip
    if len(size) < 2:
        raise RuntimeError(hinted(
            "torch.empty: Only batched sparse compressed (non-block) tensors are supported, but "
            f"got size {list(size)}",
            "a matrix has two axes.",
        ))  # fmt: skip
    *batch, rows, columns = size
    values = ops.zeros((*batch, 0), dtype=dtype, requires_grad=requires_grad)
    count = (rows if layout is sparse_csr else columns) + 1
    pointers = ops.zeros((*batch, count), dtype=int64)
    return CompressedTensor(pointers, pointers[..., :0].clone(), values, tuple(size), layout)


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
    if layout in (sparse_bsr, sparse_bsc):
        raise RuntimeError(hinted(
            "Only output layouts (Sparse, SparseCsc, SparseCsr) are supported, got "
            f"{NAMES[layout]}",
            "write .to_sparse_bsr(blocksize) behind it.",
        ))  # fmt: skip
    made = sparse_coo_tensor(ops.stack(taken[1:]), values, shape)
    return made if layout is None else to_sparse(made, layout=layout)
