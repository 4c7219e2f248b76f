"""torch.sparse's functions: making sparse tensors, their products, sums and softmax."""

import numpy as np

from .. import ops
from ..base.constants import sparse_csr
from ..base.devices import require_cpu
from ..base.dtypes import int64
from ..base.errors import hinted
from ..base.size import Size, normalize_axis
from ..ops.convert import finish, named
from .compressed import CompressedTensor
from .layouts import INSTEAD, SparseBase, layout_name, seen
from .products import multiply, require_factors
from .tensor import SparseTensor, summed

__all__ = ["FloatTensor", "addmm", "as_sparse_gradcheck", "ccol_indices_copy", "col_indices_copy",
           "crow_indices_copy", "indices_copy", "log_softmax", "mm", "resize_as_sparse_",
           "row_indices_copy", "softmax", "sparse_coo_tensor", "sum", "values_copy"]  # fmt: skip


def sparse_coo_tensor(indices=None, values=None, size=None, *, dtype=None, device=None,
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
        shape = (indices,) if isinstance(indices, int) else size if indices is None else indices
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
    else:
        values = seen(values, "SparseCooTensorWithDimsAndTensorsBackward0")
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
    """torch.sparse.FloatTensor(indices, values, size), the old name of `sparse_coo_tensor`; with
    lengths alone, an empty tensor."""
    if isinstance(indices, int):
        lengths = (indices, values, size)
        return sparse_coo_tensor(tuple([n for n in lengths if n is not None]))
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
    if reduce is None:
        made = multiply(mat1, mat2)
        return made if isinstance(made, SparseBase) else named(made, "SparseAddmmBackward0")
    if reduce not in ("sum", "mean", "amax", "amin"):
        raise RuntimeError(hinted(
            "reduce argument must be either sum, mean, amax or amin, got " + str(reduce), INSTEAD,
        ))  # fmt: skip
    if not isinstance(mat1, CompressedTensor):
        raise NotImplementedError(hinted(
            "Could not run 'aten::_sparse_mm_reduce_impl' with arguments from the "
            f"'{getattr(mat1, 'backend', 'CPU')}' backend.",
            "write a.to_sparse_csr().",
        ))  # fmt: skip
    if mat1.layout is not sparse_csr or isinstance(mat2, SparseBase):
        raise RuntimeError(hinted(
            f"sparse_mm_reduce: expect self to be SparseCsr, got {layout_name(mat1)}",
            "write a.to_sparse_csr() @ b.to_dense().",
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
    if isinstance(mat, SparseTensor):
        raise RuntimeError(hinted(
            "addmm_sparse_dense: expected strided result tensor, got tensor with layout Sparse",
            "torch.sspaddmm gives a sparse one.",
        ))  # fmt: skip
    return mat * beta + mm(mat1, mat2) * alpha


def sum(input, dim=None, dtype=None):
    """The sum over all elements (an ordinary tensor) or over axes (sparse while any is left)."""
    if isinstance(input, CompressedTensor):
        raise RuntimeError(hinted(
            f"coalesce expected sparse coordinate tensor layout but got {layout_name(input)}",
            "write x.sum(), or x.to_sparse_coo().",
        ))  # fmt: skip
    return summed(input, dim, dtype)


def _along(name, dense, shares):
    """softmax or log_softmax over the elements that are there, along an axis."""

    def along(input, dim, *, dtype=None):
        if not isinstance(input, SparseTensor):
            raise NotImplementedError(hinted(
                f"Could not run 'aten::_sparse_{name}' with arguments from the "
                f"'{getattr(input, 'backend', 'CPU')}' backend.",
                "write x.to_sparse_coo(); torch.softmax takes ordinary tensors.",
            ))  # fmt: skip
        own, dim = input.coalesce()._value, normalize_axis(dim, len(input.shape))
        values = own.values if dtype is None else own.values.to(dtype)
        count = len(own.indices)
        if dim >= count:
            made = dense(values, dim - count + 1)
        else:
            made = shares(values, *_lines(own, dim))
        return SparseTensor(own.indices, named(made, f"Sparse{_TITLES[name]}Backward0"), own.shape,
                            True)  # fmt: skip

    along.__name__ = along.__qualname__ = name
    along.__doc__ = f"{name} along an axis, over the elements that are there."
    return along


_TITLES = {"softmax": "Softmax", "log_softmax": "LogSoftmax"}


def _lines(own, dim):
    """(the number of the line along `dim` that each place lies in, how many lines there are)."""
    sizes = list(own.shape[: len(own.indices)])
    sizes[dim] = 1
    places = [*own.indices]
    places[dim] = ops.zeros_like(places[dim])
    number, lines = ops.zeros_like(places[0]), 1
    for place, length in zip(places, sizes, strict=True):
        number, lines = number * length + place, lines * length
    return number, lines


def _shares(values, lines, count):
    """Each value below the largest of its line, and the sum of the line's exponentials of these."""
    shape = (count, *values.shape[1:])
    index = ops.broadcast_to(lines.reshape(-1, *[1] * (values.dim() - 1)), values.shape)
    top = ops.full(shape, -np.inf, dtype=values.dtype)
    top = top.scatter_reduce(0, index, values.detach(), "amax")
    below = values - top[lines]
    zeros = ops.zeros(shape, dtype=values.dtype)
    return below, zeros.index_add(0, lines, ops.exp(below))[lines]


def _softmax(values, lines, count):
    below, total = _shares(values, lines, count)
    return ops.exp(below) / total


def _log_softmax(values, lines, count):
    below, total = _shares(values, lines, count)
    return below - ops.log(total)


softmax = _along("softmax", ops.softmax, _softmax)
log_softmax = _along("log_softmax", ops.log_softmax, _log_softmax)


def as_sparse_gradcheck(gradcheck):
    """gradcheck for functions of sparse tensors: of their values, with sparse results made dense.

    >>> import tidu as torch
    >>> check = torch.sparse.as_sparse_gradcheck(torch.autograd.gradcheck)
    >>> x = torch.eye(2, dtype=torch.float64).to_sparse_csr().requires_grad_()
    >>> check(lambda x: x @ torch.ones(2, 2, dtype=torch.float64), x)
    True
    """

    def with_sparse(func, inputs, **options):
        inputs = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
        models = [part if isinstance(part, SparseBase) else None for part in inputs]
        parts = [
            part if model is None else model._value.inner.detach().requires_grad_(
                model.requires_grad
            )
            for part, model in zip(inputs, models, strict=True)
        ]  # fmt: skip

        def of_values(*values):
            made = func(*[
                value if model is None else model._like(value)
                for value, model in zip(values, models, strict=True)
            ])  # fmt: skip
            return tuple(map(_densely, made)) if isinstance(made, (tuple, list)) else _densely(made)

        return gradcheck(of_values, tuple(parts), **options)

    return with_sparse


def _densely(value):
    return value.to_dense() if isinstance(value, SparseBase) else value


def resize_as_sparse_(input, the_template):
    """x.resize_as_sparse_(the_template) of a sparse tensor."""
    return input.resize_as_sparse_(the_template)


def _copied(name):
    def copied(input, *, out=None):
        return finish(getattr(input, name)().clone(), out)

    copied.__name__ = copied.__qualname__ = name + "_copy"
    copied.__doc__ = f"A copy of x.{name}() of a sparse tensor."
    return copied


indices_copy, values_copy, crow_indices_copy, ccol_indices_copy = map(
    _copied, ("indices", "values", "crow_indices", "ccol_indices")
)
col_indices_copy, row_indices_copy = map(_copied, ("col_indices", "row_indices"))
