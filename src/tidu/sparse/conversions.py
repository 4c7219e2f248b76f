"""From one layout to another: x.to_sparse() and its kin, x.sparse_mask(mask)."""

from .. import ops
from ..base.constants import sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr, strided
from ..base.dtypes import int64
from ..base.errors import hinted
from ..base.size import normalize_axis
from ..ops.convert import named
from .compressed import COMPRESSED, CompressedTensor, compress, tiled
from .layouts import INSTEAD, NAMES, SparseBase, layout_name
from .tensor import SparseTensor

__all__ = ["sparse_mask", "to_sparse", "to_sparse_bsc", "to_sparse_bsr", "to_sparse_csc",
           "to_sparse_csr"]  # fmt: skip

_WORDS = {sparse_csr: "csr", sparse_csc: "csc", sparse_bsr: "bsr", sparse_bsc: "bsc"}
_OF_BLOCKS = (sparse_bsr, sparse_bsc)


def to_sparse(input, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """A tensor in coordinate form: its nonzero elements, in order; or in another sparse layout.

    sparse_dim: how many axes have coordinates, the first ones; the rest is dense. blocksize: two
    lengths, in the layouts of blocks; dense_dim: how many last axes are dense in these and in
    those by rows or columns. RuntimeError for what does not fit.

    >>> import tidu as torch
    >>> torch.tensor([[0., 2.], [0., 0.]]).to_sparse(layout=torch.sparse_csr).crow_indices()
    tensor([0, 1, 1])
    """
    if layout is strided:
        return input.to_dense()
    if layout in COMPRESSED:
        return _with_layout(input, layout, blocksize, dense_dim)
    if layout not in (None, sparse_coo):
        raise RuntimeError(hinted(
            f"to_sparse: the layout {layout}.", "it is one of torch.sparse_coo, sparse_csr ...",
        ))  # fmt: skip
    if isinstance(input, SparseTensor):
        if sparse_dim not in (None, input.sparse_dim()):
            raise RuntimeError(hinted(
                "to_sparse: conversion from Sparse to Sparse with sparse_dim argument "
                "!=self.sparse_dim() is not supported",
                f"write x.to_dense().to_sparse({sparse_dim}).",
            ))  # fmt: skip
        return input
    if isinstance(input, CompressedTensor):
        if sparse_dim not in (None, 2):
            raise RuntimeError(
                f"sparse_compressed_to_sparse: conversion from {layout_name(input)} to Sparse with "
                "sparse_dim argument !=2 is not supported"
            )
        return input._coordinates()
    axes, name = _coordinate_axes(input, sparse_dim), f"ToSparseBackward{int(sparse_dim is None)}"
    if not input.dim():
        nnz = int(bool(input.detach() != 0))
        values = named(
            input.reshape(1)[:nnz],
            name,
        )
        return SparseTensor(ops.zeros((0, nnz), dtype=int64), values, (), True)
    flags = input.detach() != 0
    if axes < input.dim():
        flags = flags.flatten(axes).any(-1)
    places = flags.nonzero()
    values = named(
        input[tuple(places.unbind(1))],
        name,
    )
    return SparseTensor(places.t().contiguous(), values, input.shape, True)


def _coordinate_axes(input, sparse_dim):
    if sparse_dim is None:
        return input.dim()
    if not 0 <= sparse_dim <= input.dim():
        raise RuntimeError(
            f"dense_to_sparse: sparse_dim argument must be in [0,{input.dim()}] range, but "
            f"{sparse_dim} is given"
        )
    if not sparse_dim and input.dim():
        raise RuntimeError("dense_to_sparse: sparse_dim argument must be in >0 when self.dim()>0")
    return sparse_dim


def _with_layout(input, layout, blocksize, dense_dim):
    """`to_sparse` with a compressed layout named."""
    kind = f"conversion from {layout_name(input)} to {NAMES[layout]}"
    what = "sparse_compressed_to_sparse" if isinstance(input, SparseBase) else "dense_to_sparse"
    if layout in _OF_BLOCKS:
        if blocksize is None:
            raise RuntimeError(hinted(
                f"{what}: {kind} without blocksize argument given is not supported",
                "write x.to_sparse(layout=torch.sparse_bsr, blocksize=(2, 2)).",
            ))  # fmt: skip
        return _compressed(input, layout, _block(layout, blocksize), dense_dim)
    if blocksize is not None:
        raise RuntimeError(hinted(
            f"{what}: {kind} with blocksize argument given is not supported",
            "torch.sparse_bsr and torch.sparse_bsc have blocks.",
        ))  # fmt: skip
    return _compressed(input, layout, None, dense_dim)


def to_sparse_csr(input, dense_dim=None):
    """The matrix by rows; axes before the two of it are a batch, the last `dense_dim` are dense.

    >>> import tidu as torch
    >>> torch.tensor([[0., 2.], [3., 0.]]).to_sparse_csr()
    tensor(crow_indices=tensor([0, 1, 2]),
           col_indices=tensor([1, 0]),
           values=tensor([2., 3.]), size=(2, 2), nnz=2, layout=torch.sparse_csr)
    """
    return _compressed(input, sparse_csr, None, dense_dim)


def to_sparse_csc(input, dense_dim=None):
    """The matrix by columns; see `to_sparse_csr`."""
    return _compressed(input, sparse_csc, None, dense_dim)


def to_sparse_bsr(input, blocksize, dense_dim=None):
    """The matrix by rows of blocks: those that have a nonzero element.

    RuntimeError where the matrix does not consist of whole blocks.

    >>> import tidu as torch
    >>> torch.eye(4).to_sparse_bsr((2, 2)).values()
    tensor([[[1., 0.],
             [0., 1.]],
    <BLANKLINE>
            [[1., 0.],
             [0., 1.]]])
    """
    return _compressed(input, sparse_bsr, _block(sparse_bsr, blocksize), dense_dim)


def to_sparse_bsc(input, blocksize, dense_dim=None):
    """The matrix by columns of blocks; see `to_sparse_bsr`."""
    return _compressed(input, sparse_bsc, _block(sparse_bsc, blocksize), dense_dim)


def _block(layout, blocksize):
    block = (blocksize, blocksize) if isinstance(blocksize, int) else tuple(blocksize)
    if len(block) != 2:
        raise RuntimeError(
            f"dense_to_sparse_{_WORDS[layout]}: blocksize needs to be a tuple of size 2, but got "
            f"{len(block)}"
        )
    if min(block) < 1:
        raise RuntimeError(
            f"dense_to_sparse_{_WORDS[layout]}: blocksize needs to be positive, but got "
            f"{list(block)}"
        )
    return block


def _compressed(input, layout, block, dense_dim):
    if isinstance(input, CompressedTensor):
        made = _from_compressed(input, layout, block)
    elif isinstance(input, SparseTensor):
        made = _from_coordinates(input, layout, block)
    else:
        made = _from_dense(input, layout, block, dense_dim)
    if made is not input and made.grad_fn is not None:
        name = f"ToSparse{_WORDS[layout].capitalize()}Backward0"
        return made._like(named(made.values(), name))
    return made


def _from_dense(input, layout, block, dense_dim):
    most, dense = input.dim() - 2, dense_dim or 0
    if most < 0:
        normalize_axis(-2, input.dim())
    if not 0 <= dense <= most:
        raise RuntimeError(
            f"dense_to_sparse_{_WORDS[layout]}: dense_dim argument must be in [0,{most}] range, "
            f"but {dense} is given"
        )
    lead = most - dense
    _require_whole_blocks(input.shape[lead : lead + 2], layout, block)
    tiles = tiled(input, lead, block) if block else input
    flags = tiles.detach() != 0
    if flags.dim() > lead + 2:
        flags = flags.flatten(lead + 2).any(-1)
    places = flags.nonzero().unbind(1)
    return compress(places, tiles[tuple(places)], tuple(input.shape), layout)


def _require_whole_blocks(matrix, layout, block):
    if block and any(n % b for n, b in zip(matrix, block, strict=True)):
        shape, blocks = (",".join(map(str, lengths)) for lengths in (matrix, block))
        raise RuntimeError(
            f"dense_to_sparse_{_WORDS[layout]}: tensor sparse size ({shape}) must be divisible by "
            f"given blocksize ({blocks})"
        )


def _from_coordinates(input, layout, block):
    if input.sparse_dim() != 2:
        raise RuntimeError(hinted(
            f"coo_to_sparse_{_WORDS[layout]}: conversion from Sparse to {NAMES[layout]} for input "
            "tensors with sparse_dim()!=2 is not supported",
            f"write x.to_dense().to_sparse_{_WORDS[layout]}(), or keep a list of matrices.",
        ))  # fmt: skip
    _require_whole_blocks(input.shape[:2], layout, block)
    places, values = input._indices(), input._values()
    if block:
        places, values = _in_blocks(*places, values, tuple(input.shape), block)
    return compress(tuple(places), values, tuple(input.shape), layout)


def _in_blocks(rows, columns, values, shape, block):
    """(places of blocks, blocks) that hold these elements."""
    (tall, wide), across = block, shape[1] // block[1]
    number = (rows // tall) * across + columns // wide
    blocks, which = ops.unique(number, return_inverse=True)
    inner = (which * tall + rows % tall) * wide + columns % wide
    start = ops.zeros((len(blocks) * tall * wide, *values.shape[1:]), dtype=values.dtype)
    made = start.index_add(0, inner, values).reshape(-1, tall, wide, *values.shape[1:])
    return (blocks // max(across, 1), blocks % max(across, 1)), made


def _from_compressed(input, layout, block):
    own, words = input._value, _WORDS[layout]
    kind = f"conversion from {layout_name(input)} to {NAMES[layout]}"
    if own.blocked and not block:
        raise RuntimeError(hinted(
            f"sparse_compressed_to_sparse_{words}: expected SparseCsr or SparseCsc layout but got "
            f"{layout_name(input)}",
            f"write x.to_sparse().to_sparse_{words}().",
        ))  # fmt: skip
    if own.blocked and own.block != block:
        raise RuntimeError(hinted(
            f"to_sparse_{words}: {kind} with blocksize changed from {list(own.block)} to "
            f"{list(block)} is not supported",
            f"write x.to_sparse().to_sparse_{words}(blocksize).",
        ))  # fmt: skip
    if own.layout is layout:
        return input
    if own.blocked or not block:
        return compress(own.places, own.in_a_row, own.shape, layout)
    if own.batch:
        raise RuntimeError(hinted(
            f"sparse_compressed_to_sparse_{words}: {kind} for batched inputs is not supported",
            f"write x.to_dense().to_sparse_{words}(blocksize).",
        ))  # fmt: skip
    _require_whole_blocks(own.matrix, layout, block)
    places, values = _in_blocks(*own.places, own.values, own.shape, block)
    return compress(places, values, own.shape, layout)


def sparse_mask(input, mask):
    """The elements of an ordinary tensor at the places of a sparse one, in its form.

    RuntimeError where the shapes differ. Gradients go to these elements.
    """
    if not isinstance(mask, SparseBase):
        raise RuntimeError(hinted(
            "sparse_mask(): expected mask to have a sparse layout", "write mask.to_sparse().",
        ))  # fmt: skip
    if tuple(input.shape) != tuple(mask.shape):
        raise RuntimeError(
            "sparse_mask(): operands have incompatible sizes; self has size "
            f"{list(input.shape)} but mask has size {list(mask.shape)}"
        )
    if isinstance(input, SparseBase):
        if input.layout is not mask.layout and isinstance(input, CompressedTensor):
            raise RuntimeError(hinted(
                "sparse_mask_sparse_compressed expects mask to have sparse compressed layout, got "
                "Sparse",
                INSTEAD,
            ))  # fmt: skip
        input = input.to_dense()
    if isinstance(mask, SparseTensor):
        mask = mask.coalesce()
        return mask._like(named(input[tuple(mask._indices())], "SparseMaskBackward0"))
    return mask._like(named(mask._value.picked(input), "SparseMaskBackward0"))
