"""torch.diagonal, diag, diag_embed, tril, triu: diagonals of matrices and what lies beside them."""

from ..base.size import checked_size, normalize_axis
from ..core.direct import directly
from ..core.handle import shape_of
from ..core.retries import worded
from ..primitives import base
from ..primitives import structural as s
from ..primitives.arithmetic import select, zeros_like
from . import direct
from .convert import composite, finish_same, in_order, named, ndim_of, one_node, require_tensor
from .flags import require_int
from .shapes import clone, contiguous, movedim


@composite("DiagonalBackward0")
def diagonal(input, offset=0, dim1=0, dim2=1):
    """The diagonal of the plane (dim1, dim2) as the last axis of a view."""
    rank = ndim_of(input)
    require_int("diagonal", 1, offset=offset)
    a, b = normalize_axis(dim1, rank), normalize_axis(dim2, rank)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    rest = [i for i in range(rank) if i not in (a, b)]
    moved = base.transpose(input, axes=(*rest, a, b))
    return s.diagonal(moved, offset=offset)


@worded
def diagonal_last(A, *, offset=0, dim1=-2, dim2=-1):
    """torch.linalg.diagonal: of the last two axes by default."""
    return diagonal(A, offset, dim1, dim2)


@worded
def diag(input, diagonal=0, *, out=None):
    """A vector as the diagonal of a square matrix, or a matrix's diagonal as a vector."""
    rank = ndim_of(input)
    require_int("diag", 1, diagonal=diagonal)
    if rank == 1:
        return finish_same(diag_embed(input, diagonal), out)
    if rank != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {rank}D")
    return finish_same(
        named(
            clone(s.diagonal(input, offset=diagonal)),
            "DiagonalBackward0_copy",
            input,
            dim1=0,
            dim2=1,
            offset=diagonal,
            self_sym_sizes=tuple(shape_of(input)),
        ),
        out,
    )


@composite("DiagEmbedBackward0")
def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """The last axis as the diagonals of matrices in the axes (dim1, dim2)."""
    shape = tuple(shape_of(input))
    n = shape[-1] + abs(offset)
    out = s.from_diagonal(input, offset=offset, shape=checked_size((*shape[:-1], n, n)))
    rank = len(shape) + 1
    a, b = normalize_axis(dim1, rank), normalize_axis(dim2, rank)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return contiguous(movedim(out, (-2, -1), (a, b))) if (a, b) != (rank - 2, rank - 1) else out


def _triangle(name, upper, compute):
    def triangle(input, diagonal=0, *, out=None):
        require_int(name, 1, diagonal=diagonal)
        if ndim_of(require_tensor(name, input)) < 2:
            raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
        rows, columns = shape_of(input)[-2:]
        mask = direct.triangle_of(rows, columns, diagonal.__index__(), upper)
        return finish_same(in_order(select(mask, input, zeros_like(input))), out)

    triangle.__name__ = triangle.__qualname__ = name
    triangle.__doc__ = f"torch.{name}: the matrix with zeros on one side of a diagonal."
    return directly(compute)(one_node(f"{name.capitalize()}Backward0")(triangle))


triu = _triangle("triu", True, direct.triu)
tril = _triangle("tril", False, direct.tril)
