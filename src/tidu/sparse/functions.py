"""torch.sparse's functions: making sparse tensors, their products, sums and softmax."""

import numpy as np

from .. import ops
from ..base.devices import require_cpu
from ..base.dtypes import int64
from ..base.errors import hinted
from ..base.size import Size
from .compressed import CompressedTensor
from .tensor import DENSE, SparseTensor, require_factors, spmm, summed

__all__ = ["FloatTensor", "addmm", "log_softmax", "mm", "sampled_addmm", "softmax",
           "sparse_coo_tensor", "sum"]  # fmt: skip


def sparse_coo_tensor(indices, values=None, size=None, *, dtype=None, device=None,
                      requires_grad=False, check_invariants=None, is_coalesced=None,
                      pin_memory=False):  # fmt: skip
    """A sparse tensor from places (sparse_dim, nnz) and values (nnz, ...).

    Values at one place are added when the tensor is used. Without `size` it is the smallest that
    holds all places. RuntimeError for places outside of it.

    >>> import tidu as torch
    >>> a = torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
    >>> a.to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 0.]])
    >>> a @ torch.ones(3, 1)
    tensor([[3.],
            [4.]])
    """
    require_cpu(device)
    if values is None:  # an empty one: sparse_coo_tensor(size)
        shape = (indices,) if isinstance(indices, int) else size or indices
        values = ops.zeros((0,), dtype=dtype)
        made = SparseTensor(ops.zeros((len(shape), 0), dtype=int64), values, shape, True)
        return made.requires_grad_() if requires_grad else made
    indices = ops.as_tensor(indices)
    values = ops.as_tensor(values, dtype=dtype)
    indices = indices.reshape(1, -1) if indices.dim() == 1 else indices.to(int64)
    values = values.expand(indices.shape[1]) if values.dim() == 0 else values
    shape = _checked_shape(indices, values, size)
    if requires_grad:
        values = values.detach().clone().requires_grad_()
    return SparseTensor(indices.to(int64), values, shape, bool(is_coalesced))


def _checked_shape(indices, values, size):
    if indices.dim() != 2:
        raise RuntimeError("indices must be sparse_dim x nnz")
    sparse_dim, count = indices.shape
    if values.shape[0] != count:
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {count}, nnz from "
            f"values: {values.shape[0]}"
        )
    highest = indices.numpy().max(1) if count else np.zeros(sparse_dim, np.int64) - 1
    if size is None:
        return Size((*(int(h) + 1 for h in highest), *values.shape[1:]))
    if len(size) != sparse_dim + values.dim() - 1:
        raise RuntimeError(
            f"number of dimensions must be sparse_dim ({sparse_dim}) + dense_dim "
            f"({values.dim() - 1}), but got {len(size)}"
        )
    if count and indices.numpy().min() < 0:
        raise RuntimeError(f"found negative index {int(indices.numpy().min())} for dim 0")
    for axis, (high, length) in enumerate(zip(highest, size)):
        if high >= length:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {axis}, size is {length} but found "
                f"index {int(high)}"
            )
    return Size(size)


def FloatTensor(indices=None, values=None, size=None):
    """torch.sparse.FloatTensor(indices, values, size), the old name of `sparse_coo_tensor`."""
    return sparse_coo_tensor(indices, values, size)


def mm(mat1, mat2, reduce=None):
    """As `spmm`; or instead of the sum over a row of mat1, a matrix by rows, another `reduce`:
    "mean", "amax", "amin" of what its elements give.

    >>> import tidu as torch
    >>> a = torch.sparse_csr_tensor([0, 1, 3], [2, 0, 1], [1., 2., 3.], (2, 3))
    >>> torch.sparse.mm(a, torch.ones(3, 1), "mean")
    tensor([[1.0000],
            [2.5000]])
    """
    if reduce is None or (reduce == "sum" and not isinstance(mat1, CompressedTensor)):
        return mat1 @ mat2 if isinstance(mat1, CompressedTensor) else spmm(mat1, mat2)
    if reduce not in ("sum", "mean", "amax", "amin"):
        raise RuntimeError(hinted(
            "reduce argument must be either sum, mean, amax or amin, got " + str(reduce), DENSE,
        ))  # fmt: skip
    if not isinstance(mat1, CompressedTensor) or not mat1._value.by_rows or mat2.is_sparse:
        raise NotImplementedError(hinted(
            f"torch.sparse.mm with reduce='{reduce}' of other layouts than CSR and dense.",
            "write a.to_sparse_csr().",
        ))  # fmt: skip
    if reduce == "sum":
        return mat1 @ mat2
    require_factors(mat1, mat2)
    own, (rows, columns) = mat1._value, mat1._value.places
    parts = own.values.unsqueeze(1) * mat2[columns]
    start = ops.zeros((own.shape[0], mat2.shape[1]), dtype=parts.dtype)
    index = rows.unsqueeze(1).expand(parts.shape)
    return start.scatter_reduce(0, index, parts, reduce, include_self=False)


def addmm(mat, mat1, mat2, *, beta=1, alpha=1):
    """beta · mat + alpha · (mat1 @ mat2) with a sparse mat1."""
    return beta * mat + alpha * mm(mat1, mat2)


def sampled_addmm(input, mat1, mat2, *, beta=1.0, alpha=1.0, out=None):
    """beta · input + alpha · (mat1 @ mat2) at the places of a matrix by rows, `input`, only.

    >>> import tidu as torch
    >>> a = torch.sparse_csr_tensor([0, 1, 1], [1], [1.], (2, 2))
    >>> torch.sparse.sampled_addmm(a, torch.ones(2, 3), torch.ones(3, 2)).values()
    tensor([4.])
    """
    if not isinstance(input, CompressedTensor) or not input._value.by_rows:
        raise NotImplementedError(hinted(
            "Could not run 'aten::sparse_sampled_addmm' with arguments from the 'CPU' backend.",
            "write x.to_sparse_csr().",
        ))  # fmt: skip
    if mat1.shape[-1] != mat2.shape[0]:
        raise RuntimeError(
            f"sampled_addmm: mat1 and mat2 shapes cannot be multiplied "
            f"({mat1.shape[0]}x{mat1.shape[1]} and {mat2.shape[0]}x{mat2.shape[1]})"
        )
    if (mat1.shape[0], mat2.shape[1]) != tuple(input.shape):
        raise RuntimeError("sampled_addmm: self.shape[-2] must match mat1.shape[-2]")
    own, (rows, columns) = input._value, input._value.places
    products = (mat1[rows] * mat2.t()[columns]).sum(-1)
    made = input._like(own.values * beta + products * alpha)
    return made if out is None else out.copy_(made)


def sum(input, dim=None, dtype=None):
    """The sum over all elements (an ordinary tensor) or over axes (sparse while any is left)."""
    if isinstance(input, CompressedTensor):
        raise RuntimeError(hinted(
            "coalesce expected sparse coordinate tensor layout but got SparseCsr",
            "write x.sum(), or x.to_sparse_coo().",
        ))  # fmt: skip
    return summed(input, dim, dtype)


def _rowwise(name, function):
    def of_rows(input, dim, *, dtype=None):
        own = input.coalesce()._value
        if own.indices.shape[0] != 2 or dim % 2 != 1:
            raise NotImplementedError(hinted(f"torch.sparse.{name} along other axes.", DENSE))
        values = own.values if dtype is None else own.values.to(dtype)
        return SparseTensor(own.indices, function(values, own.indices[0], own.shape[0]), own.shape,
                            True)  # fmt: skip

    of_rows.__name__ = of_rows.__qualname__ = name
    of_rows.__doc__ = f"{name} over the elements that are there, in each row of a sparse matrix."
    return of_rows


def _row_shares(values, rows, height):
    """Each value below the largest of its row, and the sum of the row's exponentials of these."""
    top = ops.full((height,), -np.inf, dtype=values.dtype)
    top = top.scatter_reduce(0, rows, values.detach(), "amax")
    below = values - top[rows]
    zeros = ops.zeros((height,), dtype=values.dtype)
    return below, zeros.index_add(0, rows, ops.exp(below))[rows]


def _row_softmax(values, rows, height):
    below, total = _row_shares(values, rows, height)
    return ops.exp(below) / total


def _row_log_softmax(values, rows, height):
    below, total = _row_shares(values, rows, height)
    return below - ops.log(total)


softmax = _rowwise("softmax", _row_softmax)
log_softmax = _rowwise("log_softmax", _row_log_softmax)
