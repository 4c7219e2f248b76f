"""torch.sparse's functions: making sparse tensors, their products, sums and softmax."""

import numpy as np

from .. import ops
from ..constants import sparse_coo
from ..devices import require_cpu
from ..dtypes import int64
from ..errors import hinted
from ..refusals import refused_functions
from ..size import Size
from .tensor import DENSE, SparseTensor, spmm, summed

__all__ = ["FloatTensor", "addmm", "log_softmax", "mm", "softmax", "sparse_coo_tensor",
           "sparse_csc_tensor", "sparse_csr_tensor", "sum", "to_sparse"]  # fmt: skip

sparse_csr_tensor, sparse_csc_tensor = refused_functions(
    "sparse", "sparse_csr_tensor sparse_csc_tensor",
    "use torch.sparse_coo_tensor, which has products.",
)  # fmt: skip


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


def to_sparse(input, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """A tensor in coordinate form: its nonzero elements, in order."""
    if layout not in (None, sparse_coo):
        raise NotImplementedError(hinted("Only the layout torch.sparse_coo.", "leave it out."))
    axes = input.dim() if sparse_dim is None else sparse_dim
    flags = input.detach() != 0
    if axes < input.dim():
        flags = flags.flatten(axes).any(-1)
    places = flags.nonzero()
    values = input[tuple(places.unbind(1))]
    return SparseTensor(places.t().contiguous(), values, input.shape, True)


def mm(mat1, mat2, reduce=None):
    """As `spmm`."""
    if reduce not in (None, "sum"):
        raise NotImplementedError(hinted(f"torch.sparse.mm with reduce='{reduce}'.", DENSE))
    return spmm(mat1, mat2)


def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta · input + alpha · (mat1 @ mat2) with a sparse mat1."""
    return beta * input + alpha * spmm(mat1, mat2)


def sum(input, dim=None, dtype=None):
    """The sum over all elements (an ordinary tensor) or over axes (sparse while any is left)."""
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


def _row_softmax(values, rows, height):
    top = ops.full((height,), -np.inf, dtype=values.dtype)
    top = top.scatter_reduce(0, rows, values.detach(), "amax")
    shares = ops.exp(values - top[rows])
    return shares / ops.zeros((height,), dtype=values.dtype).index_add(0, rows, shares)[rows]


softmax = _rowwise("softmax", _row_softmax)
log_softmax = _rowwise("log_softmax", lambda values, rows, height: ops.log(
    _row_softmax(values, rows, height)))  # fmt: skip
