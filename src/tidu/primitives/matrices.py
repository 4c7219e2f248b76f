"""What the rules of matrix functions share: triangles, diagonals, gaps, products in a chain."""

from functools import wraps

import numpy as np

from ..base.errors import LinAlgError
from ..core.handle import element_type, shape_of
from ..core.primitive import Primitive
from .arithmetic import select, zeros_like
from .base import cast, conj, move_batch, reshape
from .contraction import matmul, swap_last
from .structural import diagonal, from_diagonal

__all__ = [
    "batch_leading",
    "by_columns",
    "chain",
    "diagonal_matrix",
    "gaps_of",
    "hermitian",
    "last_size",
    "mask",
    "over_real",
    "real_diagonal",
    "row_like",
    "same_shape",
    "scaled_columns",
    "singular_values",
    "triangle",
]


def columns(x):
    """The matrices of an array, each column by column in memory, as LAPACK leaves them."""
    turned = x.swapaxes(-1, -2)
    out = np.empty(turned.shape, x.dtype)
    out[...] = turned
    return out.swapaxes(-1, -2)


def by_columns(name, compute, inputs, *rules, places=(0,), make=Primitive, **words):
    """A primitive, or what `make` makes, whose outputs at `places` are matrices that lie column by
    column."""

    @wraps(compute)
    def laid(*args, **params):
        out = compute(*args, **params)
        if out.__class__ is not tuple:
            return columns(out)
        return tuple([columns(part) if i in places else part for i, part in enumerate(out)])

    prim = make(name, laid, inputs, *rules, **words)
    prim.by_columns = places
    return prim


def hermitian(x):
    """The conjugate transpose of each matrix."""
    turned = swap_last(x)
    return conj(turned) if element_type(x).kind == "c" else turned


def last_size(x):
    return shape_of(x)[-1]


def chain(*factors):
    result = factors[0]
    for factor in factors[1:]:
        result = matmul(result, factor)
    return result


def mask(x, keep):
    """Zeros in a matrix where the boolean matrix `keep` has False."""
    return select(keep, x, zeros_like(x))


def triangle(x, strict=False):
    n, m = tuple(shape_of(x))[-2:]
    return mask(x, np.tri(n, m, -1 if strict else 0, dtype=bool))


def scaled_columns(x, row):
    """Each column of `x` scaled by an entry of `row`."""
    return x * row_like(row, x, (-2,))


def row_like(row, x, axes):
    shape = list(shape_of(row))
    shape.insert(len(shape) - 1 if axes == (-2,) else len(shape), 1)
    wide = reshape(row, shape=tuple(shape))
    to = element_type(x)
    return wide if element_type(wide) == to else cast(wide, to=to, origin=element_type(wide))


def diagonal_matrix(row, like):
    to = element_type(like)
    n = last_size(row)
    if element_type(row) != to:
        row = cast(row, to=to, origin=element_type(row))
    return from_diagonal(row, offset=0, shape=(*tuple(shape_of(row)), n))


def real_diagonal(x):
    d = diagonal(x, offset=0)
    return d.real if element_type(d).kind == "c" else d


def batch_leading(prim, tensors, axes, params):
    """The batch axis goes in front of the stack, where LAPACK's loop takes it."""
    return prim(move_batch(tensors[0], axes[0]), **params), 0


def gaps_of(values):
    """w_j - w_i, with ones on the diagonal."""
    lead = tuple(shape_of(values))
    row, column = (
        reshape(values, shape=(*lead[:-1], 1, lead[-1])),
        reshape(values, shape=(*lead, 1)),
    )
    gaps = row - column
    return select(np.eye(lead[-1], dtype=bool), gaps * 0 + 1, gaps)


def same_shape(prim, args, params):
    return tuple(shape_of(args[0])), element_type(args[0])


def over_real(x, real):
    """A matrix over a real one of its shape."""
    to = element_type(x)
    return x / (real if element_type(real) == to else cast(real, to=to, origin=element_type(real)))


def singular_values(x, *, full=False, strict=True):
    """NumPy's decomposition u, s, vh of each matrix. LAPACK does not come to an end where entries
    are infinite: there all is NaN, as in PyTorch. NaNs are an error, or give NaN (not `strict`)."""
    finite = np.isfinite(x).all((-2, -1))
    if finite.all():
        return tuple(np.linalg.svd(x, full_matrices=full))
    if strict and np.isnan(x).any():
        raise LinAlgError(
            "linalg.svd: The algorithm failed to converge because the input matrix contained "
            "non-finite values."
        )
    found = np.linalg.svd(np.where(finite[..., None, None], x, 0), full_matrices=full)
    u, s, vh = [part.copy() for part in found]
    u[~finite], s[~finite], vh[~finite] = np.nan, np.nan, np.nan
    return u, s, vh
