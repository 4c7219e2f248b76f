"""torch.linalg.norm, matrix_norm, cond: norms of vectors and matrices."""

import math

from ..base.size import normalize_axis
from ..core.handle import shape_of
from ..primitives import decompositions as d
from ..primitives.arithmetic import absolute
from ..primitives.base import reduce_sum, reshape
from ..primitives.structural import slice_
from .convert import (
    convert,
    finish,
    finish_same,
    ndim_of,
    require_tensor,
)
from .decompositions import svdvals
from .flags import strict
from .matrix_functions import inv
from .norms import check_plane, vector_norm
from .reductions import amax, amin


@strict(name="linalg_matrix_norm")
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """'fro', 'nuc', inf, -inf, 1, -1, 2 or -2 norm of the matrices in the axes `dim`."""
    x = convert(A, dtype) if dtype is not None else A
    if ndim_of(x) < 2:
        raise RuntimeError(
            "linalg.matrix_norm: The input tensor A must have at least 2 dimensions."
        )
    check_plane(dim)
    axes = tuple([normalize_axis(a, ndim_of(x)) for a in dim])
    if axes[0] == axes[1]:
        raise RuntimeError(
            "linalg.matrix_norm: dims must be different. Got " + str(dim).strip("()")
        )
    if ord == "fro":
        result = vector_norm(x, 2, axes, keepdim)
    elif ord in ("nuc", 2, -2):
        result = _from_singular_values(x, ord, axes, keepdim)
    elif ord in (1, -1, math.inf, -math.inf):
        summed, rest = axes if abs(ord) == 1 else axes[::-1]
        sums = reduce_sum(absolute(x), axes=(summed,), keepdims=True)
        result = _extreme(sums, rest, True, ord > 0)
        if not keepdim:
            result = reshape(result, shape=_without(result, axes))
    else:
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    return finish_same(result, out, message="linalg.matrix_norm" + _UNLIKE)


_UNLIKE = " expected out tensor dtype {want} but got: {have}"


def _extreme(x, axis, keepdim, largest):
    """The largest or smallest along an axis; the largest of no norms is 0."""
    if largest and not shape_of(x)[axis]:
        return reduce_sum(x, axes=(axis,), keepdims=keepdim)
    return (amax if largest else amin)(x, axis, keepdim)


def _without(x, axes):
    return tuple([n for a, n in enumerate(shape_of(x)) if a not in axes])


def _from_singular_values(x, ord, axes, keepdim):
    rest = [a for a in range(ndim_of(x)) if a not in axes]
    values = d.svd(x.permute(*rest, *axes))[1]
    last = (ndim_of(values) - 1,)
    result = (
        reduce_sum(values, axes=last, keepdims=False)
        if ord == "nuc"
        else _extreme(values, last[0], False, ord > 0)
    )
    if not keepdim:
        return result
    return reshape(result, shape=tuple([1 if a in axes else n for a, n in enumerate(shape_of(x))]))


@strict(name="linalg_norm")
def norm(input, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    """input vector or matrix norm: of the flat tensor, of vectors (one axis) or matrices (two)."""
    result = _norm(require_tensor("linalg.norm", input), ord, dim, keepdim, dtype)
    return finish_same(result, out, message="linalg.norm" + _UNLIKE)


def _norm(input, ord, dim, keepdim, dtype):
    if ord is None or (isinstance(dim, int) and ord not in ("fro", "nuc")):
        return vector_norm(input, 2 if ord is None else ord, dim, keepdim, dtype=dtype)
    count = 1 if isinstance(dim, int) else ndim_of(input) if dim is None else len(dim)
    if count == 2:
        axes = (-2, -1) if dim is None else tuple(dim)
        return matrix_norm(input, ord, axes, keepdim, dtype=dtype)
    if isinstance(ord, str) and ndim_of(input) < 2:
        return matrix_norm(input, ord)
    if isinstance(ord, str) or count > 2:
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
            f"{ndim_of(input)}D."
        )
    return vector_norm(input, ord, dim, keepdim, dtype=dtype)


def cond(A, p=None, *, out=None):
    """The condition number of each matrix in the p-norm (2 by default)."""
    if p not in (None, "fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if p is None or p in (2, -2):
        values = svdvals(A)
        high, low = slice_(values, index=(..., 0)), slice_(values, index=(..., -1))
        return finish(low / high if p == -2 else high / low, out)
    return finish(matrix_norm(A, p) * matrix_norm(inv(A), p), out)
