"""torch.linalg.inv, solve, det, matrix_exp ...: inverses, solutions and functions of matrices.

What the neighbours share: `checked_matrices`, and `KINDS`, the types of several results.
`decompositions.py` has the factors, `matrix_norms.py` the norms.
"""

import math

import numpy as np

from ..base.tree import struct_sequence
from ..core.handle import shape_of, wrap
from ..core.retries import worded
from ..primitives import comparison as c
from ..primitives import decompositions as d
from ..primitives import solutions
from ..primitives.arithmetic import select
from ..primitives.base import reshape
from ..primitives.triangles import lu_pivoted
from .convert import (
    RESULT,
    Later,
    finish,
    finish_same,
    in_columns,
    in_order,
    named,
    ndim_of,
    require_tensor,
    scalar_name,
    type_of,
)
from .flags import strict
from .linalg import matmul
from .shapes import expand, transpose, unsqueeze

KINDS = {
    name: struct_sequence(name, fields)
    for name, fields in {
        "linalg_qr": "Q R", "linalg_svd": "U S Vh", "linalg_eigh": "eigenvalues eigenvectors",
        "linalg_slogdet": "sign logabsdet", "linalg_lstsq": "solution residuals rank "
        "singular_values",
        "linalg_inv_ex": "inverse info",
        "linalg_cholesky_ex": "L info", "svd": "U S V", "qr": "Q R",
        "slogdet": "sign logabsdet", "linalg_eig": "eigenvalues eigenvectors",
    }.items()
}  # fmt: skip


def checked_matrices(name, x, square=False, label="A"):
    """Checked as torch.linalg checks: floating point, at least two axes, square if it must be."""
    require_tensor(name, x, label)
    rank, dtype = ndim_of(x), type_of(x)
    if rank < 2:
        raise RuntimeError(f"{name}: The input tensor {label} must have at least 2 dimensions.")
    if dtype.category < 2:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got "
            f"{scalar_name(dtype)}"
        )
    if dtype.itemsize < 4:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {scalar_name(dtype)}")
    n, m = tuple(shape_of(x))[-2:]
    if square and n != m:
        raise RuntimeError(
            f"{name}: {label} must be batches of square matrices, but they are {n} by {m} matrices"
        )
    return x


def finish_all(results, out):
    if out is None:
        return results
    return type(results)([finish_same(part, to) for part, to in zip(results, out, strict=True)])


# --- inverse, solution, determinant -------------------------------------------------------------


@worded
def inv(A, *, out=None):
    """The inverse of each matrix.

    >>> import tidu as torch
    >>> torch.linalg.inv(torch.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return finish_same(solutions.inv(checked_matrices("linalg.inv", A, square=True)), out)


@strict(name="linalg_inv_ex")
def inv_ex(A, *, check_errors=False, out=None):
    """(inverse, info); info is 0 where it worked."""
    inverse = solutions.inv(checked_matrices("linalg.inv", A, square=True), check=check_errors)
    return finish_all(KINDS["linalg_inv_ex"]((inverse, zero_pivots(A, inverse))), out)


def zero_pivots(A, result):
    """The place of the first zero pivot of each matrix, 0 where there is none."""
    plain = A._value.dtype is not None and result._value.dtype is not None
    if plain and np.isfinite(result._value).all():
        return no_trouble(A)
    return lu_pivoted(A.detach())[2]


def no_trouble(A):
    return wrap(np.zeros(tuple(shape_of(A))[:-2], np.int32))


@strict(name="linalg_solve")
def solve(A, B, *, left=True, out=None):
    """X with A X = B (X A = B for left=False); B a matrix, a vector, or stacks of them."""
    return finish_same(solution(A, B, left), out)


def solution(A, B, left, check=True):
    """`solve`; without the check, singular matrices give what is infinite or NaN."""
    checked_matrices("linalg.solve", A, square=True)
    if type_of(A) is not type_of(B):
        raise RuntimeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type "
            f"{scalar_name(type_of(A))} and B of type {scalar_name(type_of(B))} instead"
        )
    vector = ndim_of(B) == 1 or (
        ndim_of(B) == ndim_of(A) - 1 and tuple(shape_of(B)) == tuple(shape_of(A))[:-1]
    )
    right = unsqueeze(B, -1) if vector else B
    _check_rows("linalg.solve", A, right, left or vector)
    if left or vector:
        result = solutions.solve(A, right, check=check)
    else:
        turned = transpose(A, -2, -1), transpose(right, -2, -1)
        result = transpose(solutions.solve(*turned, check=check), -2, -1)
    if vector:
        result = reshape(result, shape=tuple(shape_of(result))[:-1])
        if ndim_of(result) > 1:
            in_columns(result)
    factors = {"LU": Later(_kept_factor, A, 0), "pivots": Later(_kept_factor, A, 1)}
    return named(result, "LinalgSolveExBackward0", A, B, A=A, left=left, result=RESULT, **factors)


def _kept_factor(A, which):
    """What of (LU, pivots) PyTorch keeps: of the transpose, where that lies in its order."""
    value = A.detach()._array()
    turned = value.flags.c_contiguous and value.dtype.kind != "c"
    return lu_pivoted(wrap(value.swapaxes(-1, -2) if turned else value))[which]


def _check_rows(name, A, B, left):
    n, side = shape_of(A)[-1], shape_of(B)[-2 if left else -1]
    if n != side:
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {equation} "
            f"({n}x{n} and {'x'.join(map(str, tuple(shape_of(B))[-2:]))})"
        )


@strict(name="linalg_solve_triangular")
def solve_triangular(A, B, *, upper, left=True, unitriangular=False, out=None):
    """X with A X = B for a triangular A, of which only one triangle is read."""
    checked_matrices("linalg.solve_triangular", A, square=True)
    _check_rows("linalg.solve_triangular", A, B, left)
    if left:
        result = solutions.triangular_solve(A, B, upper=upper, unit=unitriangular)
        return finish(_triangular(result, A, upper, left, unitriangular), out)
    turned = solutions.triangular_solve(
        transpose(A, -2, -1), transpose(B, -2, -1), upper=not upper, unit=unitriangular
    )
    result = in_columns(transpose(turned, -2, -1))
    named(result, "LinalgSolveTriangularBackward0", A, B)
    return finish(_triangular(result, A, upper, left, unitriangular), out)


def _triangular(result, A, upper, left, unitriangular):
    return named(result, "LinalgSolveTriangularBackward0", self=A, upper=upper, left=left,
                 unitriangular=unitriangular, result=RESULT)  # fmt: skip


@worded
def det(A, *, out=None):
    """The determinant of each matrix."""
    result = solutions.det(checked_matrices("linalg.det", A, square=True))
    factors = {"LU": Later(_kept_factor, A, 0), "pivots": Later(_kept_factor, A, 1)}
    return finish_same(named(result, "LinalgDetBackward0", result=RESULT, **factors), out)


@worded
def slogdet(A, *, out=None):
    """(sign, logarithm of the absolute value) of each determinant."""
    result = solutions.slogdet(checked_matrices("linalg.slogdet", A, square=True))
    factors = {"LU": Later(_kept_factor, A, 0), "pivots": Later(_kept_factor, A, 1)}
    named(result[1], "LinalgSlogdetBackward0", **factors)
    return finish_all(KINDS["linalg_slogdet"](result), out)


def logdet(input):
    """The logarithm of each determinant; NaN where it is negative."""
    sign, size = solutions.slogdet(checked_matrices("logdet", input, square=True))
    if type_of(input).is_complex:
        return size + sign.log()
    return select(c.eq(sign, -1), size * 0 + math.nan, size)


# --- functions of matrices ----------------------------------------------------------------------


@worded
def matrix_exp(A):
    """The exponential of each square matrix."""
    return d.matrix_exp(checked_matrices("linalg.matrix_exp", A, square=True))


@worded
def multi_dot(tensors, *, out=None):
    """The product of several matrices (vectors allowed at the ends)."""
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    result = tensors[0]
    for k, factor in enumerate(tensors[1:]):
        have, want = [list(shape_of(t)) for t in tensors[k : k + 2]]
        if have and want and have[-1] != want[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {k} and {k + 1} with shapes {have} and {want} cannot be "
                "multiplied"
            )
        result = matmul(result, factor)
    return finish(result, out)


@worded
def vander(x, N=None):
    """Powers 0 ... N-1 of each element along a new last axis."""
    if N is not None and N <= 1:
        raise RuntimeError("N must be greater than 1.")
    if not ndim_of(require_tensor("linalg.vander", x)):
        x = reshape(x, shape=(1,))
    count = shape_of(x)[-1] if N is None else N
    powers = wrap(np.arange(count))
    return in_order(unsqueeze(x, -1) ** expand(powers, (*shape_of(x), count)))
