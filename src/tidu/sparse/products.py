"""Products of sparse matrices (coo, csr, csc, bsr, bsc), with ordinary ones and with each other.

`multiply` is what `@`, torch.mm, torch.mv, torch.bmm and linear layers come to. Whatever the
layout, it goes by the rows, columns and values of the elements; `product` is the one with SciPy.
"""

import numpy as np

from .. import ops
from ..autograd.function import Function
from ..base.constants import sparse_csr
from ..base.errors import hinted
from ..base.lazy import lazy_module
from ..core.handle import element_type
from ..ops.convert import named, scalar_name, type_of
from ..primitives.contraction import linear_map, linear_product
from .compressed import CompressedTensor, compress
from .layouts import INSTEAD, SparseBase, layout_name
from .tensor import SparseTensor

__all__ = ["hspmm", "multiply", "require_factors", "sampled_addmm", "smm", "spmm", "sspaddmm"]

_sparse = lazy_module("scipy.sparse")


def spmm(input, mat2):
    """The product of two matrices, one of them or both sparse; of two sparse ones it is sparse."""
    return multiply(input, mat2)


def multiply(x, y):
    """The matrix product of two factors, of which one or both are sparse."""
    if not isinstance(x, SparseBase) and not isinstance(y, SparseBase):
        return ops.matmul(x, y)
    if len(x.shape) == 3 or len(y.shape) == 3:
        return _stacks(x, y)
    require_factors(x, y)
    if isinstance(x, SparseBase) and isinstance(y, SparseBase):
        return _both_sparse(x, y)
    if not isinstance(x, SparseBase):
        made = multiply(y.t(), x.mT if x.dim() > 1 else x)
        return named(made.mT, "MmBackward0") if x.dim() > 1 else made
    rows, columns, values, pointers = _entries(x)
    dense = y.unsqueeze(1) if y.dim() == 1 else y
    made = product(values, dense, rows, columns, x.shape[0], pointers)
    return named(made.squeeze(1), "MvBackward0") if y.dim() == 1 else named(made, "MmBackward0")


def require_factors(input, mat2):
    """RuntimeError for matrices whose shapes or types do not allow a product."""
    a, b = input.shape, mat2.shape
    if len(b) == 1 and len(a) == 2 and a[1] != b[0]:
        raise RuntimeError(f"size mismatch, got input ({a[0]}), mat ({a[0]}x{a[1]}), vec ({b[0]})")
    if a[-1] != b[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({'x'.join(map(str, a))} and "
            f"{'x'.join(map(str, b))})"
        )
    if type_of(input) != type_of(mat2):
        if isinstance(input, SparseTensor):
            names = scalar_name(type_of(input)), scalar_name(type_of(mat2))
            raise RuntimeError(f"expected scalar type {names[0]} but found {names[1]}")
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {input.dtype} != {mat2.dtype}"
        )


def _entries(x):
    """(rows, columns, values, where rows begin or None) of a sparse matrix."""
    own = x._value
    if isinstance(x, SparseTensor):
        if len(own.shape) != 2 or x.sparse_dim() != 2:
            raise RuntimeError("Expected a sparse matrix of two sparse dimensions")
        return *own.indices, own.values, None
    if own.batch or own.dense or len(own.shape) != 2:
        raise RuntimeError(hinted(f"{layout_name(x)}: a product of hybrid matrices.", INSTEAD))
    (rows, columns), values = own.entries()
    return rows, columns, values, own.pointers if own.layout is sparse_csr else None


def _both_sparse(x, y):
    if isinstance(x, SparseTensor) and isinstance(y, SparseTensor):
        a, b = x.coalesce(), y.coalesce()
    elif isinstance(x, SparseTensor) or isinstance(y, SparseTensor):
        raise _two_layouts(x, y)
    elif x._value.blocked or y._value.blocked:
        raise RuntimeError(hinted(
            "zeros_sparse_compressed expected sparse compressed (non-block) tensor layout but got "
            f"{layout_name(x if x._value.blocked else y)}",
            "write x.to_sparse().to_sparse_csr() for both factors.",
        ))  # fmt: skip
    else:
        a, b = x, y if y.layout is sparse_csr else y.to_sparse_csr()
    (i, k, a_values, _), (l, j, b_values, _) = _entries(a), _entries(b)
    left, right = meetings(k, l)
    places, values = [i[left], j[right]], a_values[left] * b_values[right]
    shape = (x.shape[0], y.shape[1])
    if isinstance(x, SparseTensor):
        made = SparseTensor(ops.stack(places), values, shape).coalesce()
        return made._like(named(made._values(), "SparseSparseMatmulBackward0"))
    return compress(places, values, shape, sparse_csr)


def _two_layouts(x, y):
    names = [layout_name(part) for part in (x, y)]
    return RuntimeError(hinted(
        f"addmm: computation on CPU is not implemented for {names[0]} + {names[0]} @ {names[1]}",
        "bring both to one layout, for example y.to_sparse_csr().",
    ))  # fmt: skip


def _stacks(x, y):
    """Products of a stack of sparse matrices and a stack of ordinary ones."""
    if not isinstance(x, SparseBase) or isinstance(y, SparseBase) or len(y.shape) != 3:
        raise NotImplementedError(hinted(
            f"bmm of {layout_name(x)} and {layout_name(y)}.",
            "a stack of sparse matrices may be multiplied by a stack of ordinary ones.",
        ))  # fmt: skip
    (count, height, inner), (_, below, wide) = x.shape, y.shape
    if len(x.shape) != 3 or y.shape[0] != count or below != inner:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{count}, {inner}] "
            f"but got: [{y.shape[0]}, {below}]."
        )
    own = x.coalesce()._value if isinstance(x, SparseTensor) else x._value
    places, values = (own.indices, own.values) if isinstance(x, SparseTensor) else own.entries()
    if len(places) != 3:
        raise RuntimeError(hinted("bmm of a hybrid sparse tensor.", INSTEAD))
    which, rows, columns = places
    rows, columns = which * height + rows, which * inner + columns
    made = product(values, y.reshape(count * inner, wide), rows, columns, count * height)
    return named(made.reshape(count, height, wide), "BmmBackward0")


for _kind in (SparseTensor, CompressedTensor):
    _kind.rules |= dict.fromkeys(("mm", "mv", "bmm"), lambda prim, x, y, **params: multiply(x, y))
    _kind.rules |= dict.fromkeys(
        (linear_product, linear_map),
        lambda prim, x, weight, bias=None, **params: _linear(x, weight, bias),
    )


def _linear(input, weight, bias=None):
    """input @ weight.t() + bias, one of the factors sparse."""
    product = input @ weight.t()
    return product if bias is None else product + bias


# --- by their names -------------------------------------------------------------------------------


def _require_coordinates(name, tensor):
    if not isinstance(tensor, SparseTensor):
        raise NotImplementedError(hinted(
            f"Could not run 'aten::{name}' with arguments from the "
            f"'{getattr(tensor, 'backend', 'CPU')}' backend.",
            "the first factor is a sparse tensor in coordinate form: write x.to_sparse_coo().",
        ))  # fmt: skip


def hspmm(mat1, mat2, *, out=None):
    """A sparse matrix times an ordinary one, as a sparse tensor of whole rows.

    >>> import tidu as torch
    >>> torch.hspmm(torch.tensor([[0., 0.], [2., 0.]]).to_sparse(), torch.ones(2, 3)).values()
    tensor([[2., 2., 2.]])
    """
    _require_coordinates("hspmm", mat1)
    require_factors(mat1, mat2)
    own = mat1.coalesce()._value
    rows, which = ops.unique(own.indices[0], return_inverse=True)
    values = product(own.values, mat2, which, own.indices[1], len(rows))
    return SparseTensor(rows.unsqueeze(0), values, (mat1.shape[0], mat2.shape[1]), True)


def sspaddmm(input, mat1, mat2, *, beta=1, alpha=1, out=None):
    """beta · input + alpha · (mat1 @ mat2), all but mat2 sparse, and so is the result.

    Its places are those of `input` and then, for each row that mat1 has, all of the row; call
    `.coalesce()` to add what stands at one place.
    """
    for tensor in (input, mat1):
        if not isinstance(tensor, SparseTensor):
            raise RuntimeError(hinted(
                "tensor.sspaddmm(...) can only be called on sparse tensors",
                "write x.to_sparse_coo(); torch.addmm takes ordinary ones.",
            ))  # fmt: skip
    rows = hspmm(mat1, mat2)
    shape = (mat1.shape[0], mat2.shape[1])
    if tuple(input.shape) != shape:
        raise RuntimeError(
            f"sspaddmm: Argument #1: Expected dim 0 size {shape[0]}, got {input.shape[0]}"
        )
    wide = mat2.shape[1]
    places = [rows._indices()[0].repeat_interleave(wide), ops.arange(wide).repeat(rows._nnz())]
    values = ops.cat([input._values() * beta, rows._values().reshape(-1) * alpha])
    indices = ops.cat([input._indices(), ops.stack(places)], 1)
    return SparseTensor(indices, values, shape)


def smm(input, mat):
    """The product of a sparse matrix and an ordinary one, as a sparse tensor; see `sspaddmm`.

    >>> import tidu as torch
    >>> torch.smm(torch.tensor([[0., 2.]]).to_sparse(), torch.ones(2, 2)).to_dense()
    tensor([[2., 2.]])
    """
    if not isinstance(input, SparseTensor):
        return sspaddmm(input, input, mat)  # which says what is missing
    nothing = ops.zeros((2, 0), dtype=input._indices().dtype), ops.zeros(0, dtype=input.dtype)
    return sspaddmm(SparseTensor(*nothing, (input.shape[0], mat.shape[1])), input, mat)


def sampled_addmm(input, mat1, mat2, *, beta=1.0, alpha=1.0, out=None):
    """beta · input + alpha · (mat1 @ mat2) at the places of `input`, by rows, only.

    input: of the layout sparse_csr; or a stack of such, with stacks of factors.

    >>> import tidu as torch
    >>> a = torch.sparse_csr_tensor([0, 1, 1], [1], [1.], (2, 2))
    >>> torch.sparse.sampled_addmm(a, torch.ones(2, 3), torch.ones(3, 2)).values()
    tensor([4.])
    """
    _require_sampled(input)
    if mat1.shape[-1] != mat2.shape[-2]:
        raise RuntimeError(
            f"sampled_addmm: mat1 and mat2 shapes cannot be multiplied "
            f"({mat1.shape[-2]}x{mat1.shape[-1]} and {mat2.shape[-2]}x{mat2.shape[-1]})"
        )
    own, (*lead, rows, columns) = input._value, input._value.places
    if (*mat1.shape[:-1], mat2.shape[-1]) != tuple(input.shape) or mat1.dim() != mat2.dim():
        raise RuntimeError("sampled_addmm: self.shape[-2] must match mat1.shape[-2]")
    products = (mat1[(*lead, rows)] * mat2.mT[(*lead, columns)]).sum(-1)
    made = input._like(own.values * beta + products.reshape(tuple(own.values.shape)) * alpha)
    return made if out is None else out.copy_(made)


def _require_sampled(input):
    if not isinstance(input, CompressedTensor):
        raise NotImplementedError(hinted(
            "Could not run 'aten::sparse_sampled_addmm' with arguments from the "
            f"'{getattr(input, 'backend', 'CPU')}' backend.",
            "write x.to_sparse_csr().",
        ))  # fmt: skip
    if input._value.blocked:
        raise RuntimeError(hinted(
            "empty_sparse_compressed expected sparse compressed (non-block) tensor layout but got "
            f"{layout_name(input)}",
            "write x.to_sparse().to_sparse_csr().",
        ))  # fmt: skip
    if input.layout is not sparse_csr:
        raise RuntimeError(hinted(
            "sampled_addmm: Expected result to have sparse csr layout, but got "
            f"{layout_name(input)}",
            "write x.to_sparse_csr().",
        ))  # fmt: skip
    if input.dense_dim():
        raise RuntimeError(hinted("sampled_addmm: Expected non-hybrid self tensor", INSTEAD))


# --- elements by rows and columns ----------------------------------------------------------------


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
