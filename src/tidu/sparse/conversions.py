"""From one layout to another: x.to_sparse() and its kin, x.sparse_mask(mask)."""

from ..base.constants import sparse_coo, sparse_csc, sparse_csr, strided
from ..base.errors import hinted
from ..ops.convert import named
from .compressed import INSTEAD, CompressedTensor, of_places
from .tensor import SparseTensor

__all__ = ["sparse_mask", "to_sparse", "to_sparse_csc", "to_sparse_csr"]

_BLOCKS = "use torch.sparse_csr; there are no layouts of blocks."


def to_sparse(input, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """A tensor in coordinate form: its nonzero elements, in order; or in another sparse layout.

    >>> import tidu as torch
    >>> torch.tensor([[0., 2.], [0., 0.]]).to_sparse(layout=torch.sparse_csr).crow_indices()
    tensor([0, 1, 1])
    """
    if layout is strided:
        return input.to_dense()
    if layout is sparse_csr or layout is sparse_csc:
        return _by(input, layout is sparse_csr, dense_dim)
    if layout not in (None, sparse_coo):
        raise NotImplementedError(hinted(f"to_sparse: the layout {layout}.", _BLOCKS))
    if isinstance(input, SparseTensor):
        return input
    if isinstance(input, CompressedTensor):
        if sparse_dim not in (None, 2):
            name = "SparseCsr" if input.layout is sparse_csr else "SparseCsc"
            raise RuntimeError(
                f"sparse_compressed_to_sparse: conversion from {name} to Sparse with sparse_dim "
                "argument !=2 is not supported"
            )
        return input._coordinates()
    axes = input.dim() if sparse_dim is None else sparse_dim
    flags = input.detach() != 0
    if axes < input.dim():
        flags = flags.flatten(axes).any(-1)
    places = flags.nonzero()
    values = input[tuple(places.unbind(1))]
    return SparseTensor(places.t().contiguous(), values, input.shape, True)


def to_sparse_csr(input, dense_dim=None):
    """The matrix by rows.

    >>> import tidu as torch
    >>> torch.tensor([[0., 2.], [3., 0.]]).to_sparse_csr()
    tensor(crow_indices=tensor([0, 1, 2]),
           col_indices=tensor([1, 0]),
           values=tensor([2., 3.]), size=(2, 2), nnz=2, layout=torch.sparse_csr)
    """
    return _by(input, True, dense_dim)


def to_sparse_csc(input, dense_dim=None):
    """The matrix by columns."""
    return _by(input, False, dense_dim)


def _by(input, by_rows, dense_dim):
    if input.dim() != 2 or dense_dim:
        name = "to_sparse_csr" if by_rows else "to_sparse_csc"
        raise NotImplementedError(hinted(
            f"{name} of a tensor with {input.dim()} dimensions, {dense_dim or 0} of them dense.",
            "only matrices are kept by rows or columns; x.to_sparse() takes all tensors.",
        ))  # fmt: skip
    if isinstance(input, CompressedTensor):
        if input._value.by_rows is by_rows:
            return input
        rows, columns = input._value.places
        values = input.values()
    else:
        made = input if isinstance(input, SparseTensor) else to_sparse(input)
        if made.dense_dim():
            raise NotImplementedError(hinted("A matrix by rows of a hybrid tensor.", INSTEAD))
        (rows, columns), values = made._indices(), made._values()
    made = of_places(rows, columns, values, tuple(input.shape), by_rows)
    if made.grad_fn is not None:
        name = "ToSparseCsrBackward0" if by_rows else "ToSparseCscBackward0"
        return made._like(named(made.values(), name))
    return made


def sparse_mask(input, mask):
    """The elements of an ordinary tensor at the places of a sparse one, in its form.

    RuntimeError where the shapes differ. Gradients go to these elements.
    """
    if not isinstance(mask, (SparseTensor, CompressedTensor)):
        raise RuntimeError(hinted(
            "sparse_mask(): expected mask to have a sparse layout", "write mask.to_sparse().",
        ))  # fmt: skip
    if tuple(input.shape) != tuple(mask.shape):
        raise RuntimeError(
            "sparse_mask(): operands have incompatible sizes; self has size "
            f"{list(input.shape)} but mask has size {list(mask.shape)}"
        )
    if isinstance(input, (SparseTensor, CompressedTensor)):
        if input.layout is not mask.layout and isinstance(input, CompressedTensor):
            raise RuntimeError(
                "sparse_mask_sparse_compressed expects mask to have sparse compressed layout, got "
                "Sparse"
            )
        input = input.to_dense()
    if isinstance(mask, SparseTensor):
        mask = mask.coalesce()
        return mask._like(named(input[tuple(mask._indices())], "SparseMaskBackward0"))
    return mask._like(named(input[mask._value.places], "SparseMaskBackward0"))
