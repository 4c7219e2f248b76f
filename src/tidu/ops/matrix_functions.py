"""torch.linalg: inverses, determinants, factorisations, matrix norms and functions of matrices."""

import math

import numpy as np

from ..base.dtypes import float64, int64
from ..base.lazy import lazy_module
from ..base.size import normalize_axis
from ..base.tree import struct_sequence
from ..core.handle import TensorBase, element_type, shape_of, wrap
from ..core.retries import worded
from ..primitives import comparison as c
from ..primitives import decompositions as d
from ..primitives import matrices, solutions
from ..primitives.arithmetic import absolute, maximum, real, select
from ..primitives.base import conj, reduce_sum, reshape
from ..primitives.structural import slice_
from ..primitives.triangles import lu_pivoted
from .convert import (
    RESULT,
    Later,
    convert,
    finish,
    finish_same,
    in_columns,
    in_order,
    lie,
    named,
    ndim_of,
    require_tensor,
    scalar_name,
    type_of,
)
from .diagonals import tril
from .flags import strict
from .joining import cat
from .linalg import matmul
from .norms import check_plane, vector_norm
from .reductions import amax, amin, untracked
from .shapes import expand, transpose, unsqueeze

lapack = lazy_module("scipy.linalg.lapack")
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


def _matrices(name, x, square=False, label="A"):
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


def _outs(results, out):
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
    return finish_same(solutions.inv(_matrices("linalg.inv", A, square=True)), out)


@strict(name="linalg_inv_ex")
def inv_ex(A, *, check_errors=False, out=None):
    """(inverse, info); info is 0 where it worked."""
    inverse = solutions.inv(_matrices("linalg.inv", A, square=True), check=check_errors)
    return _outs(KINDS["linalg_inv_ex"]((inverse, zero_pivots(A, inverse))), out)


def zero_pivots(A, result):
    """The place of the first zero pivot of each matrix, 0 where there is none."""
    if A._value.dtype is None or np.isfinite(result._value).all():
        return _no_trouble(A)
    return wrap(solutions.failures(A._value, "getrf"))


def _no_trouble(A):
    return wrap(np.zeros(tuple(shape_of(A))[:-2], np.int32))


@strict(name="linalg_solve")
def solve(A, B, *, left=True, out=None):
    """X with A X = B (X A = B for left=False); B a matrix, a vector, or stacks of them."""
    return finish_same(solution(A, B, left), out)


def solution(A, B, left, check=True):
    """`solve`; without the check, singular matrices give what is infinite or NaN."""
    _matrices("linalg.solve", A, square=True)
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
    _matrices("linalg.solve_triangular", A, square=True)
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
    result = solutions.det(_matrices("linalg.det", A, square=True))
    factors = {"LU": Later(_kept_factor, A, 0), "pivots": Later(_kept_factor, A, 1)}
    return finish_same(named(result, "LinalgDetBackward0", result=RESULT, **factors), out)


@worded
def slogdet(A, *, out=None):
    """(sign, logarithm of the absolute value) of each determinant."""
    result = solutions.slogdet(_matrices("linalg.slogdet", A, square=True))
    factors = {"LU": Later(_kept_factor, A, 0), "pivots": Later(_kept_factor, A, 1)}
    named(result[1], "LinalgSlogdetBackward0", **factors)
    return _outs(KINDS["linalg_slogdet"](result), out)


def logdet(input):
    """The logarithm of each determinant; NaN where it is negative."""
    sign, size = solutions.slogdet(_matrices("logdet", input, square=True))
    if type_of(input).is_complex:
        return size + sign.log()
    return select(c.eq(sign, -1), size * 0 + math.nan, size)


# --- factorisations -----------------------------------------------------------------------------


@strict(name="linalg_cholesky")
def cholesky(A, *, upper=False, out=None):
    """L, lower triangular, with A = L Lᴴ (upper: Lᴴ)."""
    lower = d.cholesky(_matrices("linalg.cholesky", A, square=True))
    return finish_same(in_columns(matrices.hermitian(lower)) if upper else lower, out)


@strict(name="linalg_cholesky_ex")
def cholesky_ex(A, *, upper=False, check_errors=False, out=None):
    """(L, info); info is 0 where it worked, else the order of the first minor that is not positive.

    There L is what had been computed until then.
    """
    value = _matrices("linalg.cholesky_ex", A, square=True)._value
    if check_errors or value.dtype is None:
        return _outs(KINDS["linalg_cholesky_ex"]((cholesky(A, upper=upper), _no_trouble(A))), out)
    partial, info = _factored(value)
    good = wrap((info == 0)[..., None, None])
    unit = wrap(np.broadcast_to(np.eye(value.shape[-1], dtype=value.dtype), value.shape))
    lower = cholesky(select(good, A, unit)) if (info != 0).any() else cholesky(A)
    if (info != 0).any():
        lower = in_columns(select(good, lower, wrap(partial)))
    lower = in_columns(matrices.hermitian(lower)) if upper else lower
    return _outs(KINDS["linalg_cholesky_ex"]((lower, wrap(info))), out)


def _factored(value):
    """LAPACK's lower factors and what it says of each: arrays (..., n, n) and (...)."""
    flat = value.reshape(math.prod(value.shape[:-2]), *value.shape[-2:])
    factors, info = np.zeros_like(flat), np.zeros(len(flat), np.int32)
    if value.size:
        (factor,) = lapack.get_lapack_funcs(("potrf",), (flat,))
        for i, matrix in enumerate(flat):
            factors[i], info[i] = factor(matrix, lower=1, clean=1)
    return factors.reshape(value.shape), info.reshape(value.shape[:-2])


def _whole_product(factor):
    """L Lᴴ of which the value reads one triangle and, as PyTorch has it, the gradient all of L."""
    low = tril(factor.detach()) + (factor - factor.detach())
    return matmul(low, matrices.hermitian(low))


@strict
def cholesky_inverse(L, upper=False, *, out=None):
    """The inverse of A from its Cholesky factor."""
    factor = matrices.hermitian(L) if upper else L
    if not untracked(L):
        return finish(solutions.inv(_whole_product(factor)), out)
    inverse = solutions.inv(tril(factor))
    return finish(in_columns(matmul(matrices.hermitian(inverse), inverse)), out)


@strict
def cholesky_solve(B, L, upper=False, *, out=None):
    """X with A X = B from the Cholesky factor of A."""
    factor = matrices.hermitian(L) if upper else L
    if not untracked(L):
        whole = solutions.solve(_whole_product(factor), B)
        return finish(named(whole, "CholeskySolveBackward0", B, L, upper=upper), out)
    half = solutions.triangular_solve(factor, B, upper=False, unit=False)
    return finish(
        solutions.triangular_solve(matrices.hermitian(factor), half, upper=True, unit=False), out
    )


@worded
def qr(A, mode="reduced", *, out=None):
    """(Q, R): orthonormal columns times an upper triangular matrix; 'reduced', 'complete', 'r'."""
    _matrices("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', "
            "or 'complete'"
        )
    n, m = tuple(shape_of(A))[-2:]
    if mode == "r":
        q, r = wrap(np.empty(0, element_type(A))), d.qr(A, mode=mode)
    elif n > m and mode == "complete":
        q, r = d.qr(A, mode=mode)
    else:
        q, r = d.qr(A) if n >= m else _wide_qr(A, n, m)
    return _outs(KINDS["linalg_qr"]((q, r)), out)


def _wide_qr(A, n, m):
    """A wide matrix: its square part is factorised, and the rest of R follows."""
    q, r = d.qr(slice_(A, index=(..., slice(0, n))))
    rest = matmul(matrices.hermitian(q), slice_(A, index=(..., slice(n, m))))
    return q, in_columns(cat([r, rest], -1))


@strict(name="linalg_svd")
def svd(A, full_matrices=True, *, driver=None, out=None):
    """(U, S, Vh) with A = U diag(S) Vh, S descending."""
    u, s, vh = d.svd(_matrices("linalg.svd", A))
    named(s, "LinalgSvdBackward0", full_matrices=bool(full_matrices))
    n, m = tuple(shape_of(A))[-2:]
    if full_matrices and n != m:
        u, vh = (
            _completed(u, n),
            in_columns(matrices.hermitian(_completed(matrices.hermitian(vh), m))),
        )
    return _outs(KINDS["linalg_svd"]((u, s, vh)), out)


def _completed(q, n):
    """Orthonormal columns continued to a square matrix; what is added is a constant."""
    m = shape_of(q)[-1]
    basis = None if m == n else d.qr(q.detach(), mode="complete")[0]
    return q if m == n else in_columns(cat([q, slice_(basis, index=(..., slice(m, n)))], -1))


@worded
def svdvals(A, *, driver=None, out=None):
    """The singular values of each matrix, descending."""
    values = d.svd(_matrices("linalg.svdvals", A))[1]
    return finish_same(named(values, "LinalgSvdBackward0", full_matrices=False), out)


def _old_svd(input, some=True, compute_uv=True, *, out=None):
    """torch.svd: (U, S, V), V not transposed."""
    u, s, vh = svd(input, full_matrices=not some)
    return _outs(KINDS["svd"]((u, s, matrices.hermitian(vh))), out)


def _old_qr(input, some=True, *, out=None):
    """torch.qr: as linalg.qr."""
    return _outs(KINDS["qr"](qr(input, "reduced" if some else "complete")), out)


def _old_cholesky(input, upper=False, *, out=None):
    """torch.cholesky: as linalg.cholesky."""
    return cholesky(input, upper=upper, out=out)


@worded
def eigh(A, UPLO="L", *, out=None):
    """(eigenvalues ascending, eigenvectors) of Hermitian matrices; one triangle is read."""
    if UPLO not in ("L", "U", "l", "u"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    result = d.eigh(_matrices("linalg.eigh", A, square=True), upper=UPLO in "Uu")
    return _outs(KINDS["linalg_eigh"](result), out)


@worded
def eigvalsh(A, UPLO="L", *, out=None):
    """The eigenvalues of Hermitian matrices, ascending."""
    return finish_same(eigh(A, UPLO)[0], out)


@worded
def eig(A, *, out=None):
    """(eigenvalues, eigenvectors) of any square matrices, complex."""
    result = KINDS["linalg_eig"](d.eig(_matrices("linalg.eig", A, square=True)))
    return _outs(result, out)


@worded
def eigvals(A, *, out=None):
    """The eigenvalues of any square matrices, complex."""
    return finish(eig(A)[0], out)


# --- least squares ------------------------------------------------------------------------------


def _rtol(A):
    return max(tuple(shape_of(A))[-2:]) * float(np.finfo(element_type(A)).eps)


@strict(name="linalg_pinv")
def pinv(A, *, atol=None, rtol=None, hermitian=False, out=None):
    """The Moore-Penrose inverse; singular values below max(atol, rtol * largest) count as zero."""
    kind = type_of(require_tensor("linalg.pinv", A))
    if ndim_of(A) < 2 or kind.itemsize < 4 or kind.category < 2:
        raise RuntimeError(
            f"linalg.pinv({scalar_name(kind)}{{{list(shape_of(A))}}}): expected a tensor with 2 or "
            "more dimensions of float, double, cfloat or cdouble types"
        )
    _matrices("linalg.pinv", A)
    rtol = (0.0 if atol else _rtol(A)) if rtol is None else float(rtol)
    result = d.pinv(A, rtol=rtol, atol=float(atol or 0.0), symmetric=hermitian)
    return finish(result, out)


@worded
def lstsq(A, B, rcond=None, *, driver=None, out=None):
    """(solution, residuals, rank, singular values) of min |A X - B|."""
    _matrices("linalg.lstsq", A)
    vector = ndim_of(B) == ndim_of(A) - 1
    right = unsqueeze(B, -1) if vector else B
    if driver not in _DRIVERS:
        raise RuntimeError(
            "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    if shape_of(A)[-2] != shape_of(right)[-2]:
        raise RuntimeError(
            f"torch.linalg.lstsq: input.size(-2) should match other.size({-1 if vector else -2})"
        )
    solution = matmul(
        d.pinv(A, rtol=_rtol(A) if rcond is None else rcond, atol=0.0, symmetric=False), right
    )
    n, m = tuple(shape_of(A))[-2:]
    rank = wrap(np.empty(0, np.int64)) if driver == "gels" else matrix_rank(A)
    counted = n > m and (driver == "gels" or driver in _BY_SVD and bool((rank == m).all()))
    residuals = _no_numbers(solution)
    if counted:
        gap = matmul(A, solution) - right
        residuals = reduce_sum(real(gap * conj(gap)) if type_of(gap).is_complex else gap * gap,
                               axes=(ndim_of(gap) - 2,), keepdims=False)  # fmt: skip
    # LAPACK writes the solution over B: it has as many rows as there are room for.
    rows = (*tuple(shape_of(solution))[:-2], shape_of(solution)[-1], max(n, m))
    lie(solution, np.empty(rows, element_type(solution)).swapaxes(-1, -2)[..., :m, :])
    if vector:
        solution = reshape(solution, shape=tuple(shape_of(solution))[:-1])
    solution = named(solution, "LinalgLstsqBackward0", A, B)
    by_svd = driver in _BY_SVD
    values = svdvals(A.detach()) if by_svd else wrap(np.empty(0, np.finfo(element_type(A)).dtype))
    results = KINDS["linalg_lstsq"]((solution, residuals, rank, values))
    return _outs(results, out)


_BY_SVD = ("gelss", "gelsd")
_DRIVERS = (None, "gels", "gelsy", *_BY_SVD)


def _no_numbers(x):
    """An empty real vector that hangs on x."""
    empty = slice_(reshape(x, shape=(math.prod(shape_of(x)),)), index=(slice(0, 0),))
    return real(empty) if type_of(x).is_complex else empty


@strict(name="linalg_matrix_rank")
def matrix_rank(A, *, atol=None, rtol=None, hermitian=False, out=None):
    """How many singular values lie above max(atol, rtol * largest)."""
    x = A.detach()
    values = absolute(eigvalsh(x)) if hermitian else svdvals(x)
    if not shape_of(values)[-1]:
        return finish(convert(values, int64).sum(-1), out)
    relative = (0.0 if atol is not None else _rtol(A)) if rtol is None else _column(rtol)
    least = values.amax(-1, keepdim=True) * relative
    if atol is not None:
        least = maximum(least, least * 0 + _column(atol))
    return finish(convert(c.gt(values, least), int64).sum(-1), out)


def _column(tolerance):
    """A tolerance, perhaps one for each matrix."""
    if isinstance(tolerance, TensorBase):
        return unsqueeze(convert(tolerance.detach(), float64), -1)
    return float(tolerance)


# --- norms --------------------------------------------------------------------------------------


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


# --- functions of matrices ----------------------------------------------------------------------


@worded
def matrix_exp(A):
    """The exponential of each square matrix."""
    return d.matrix_exp(_matrices("linalg.matrix_exp", A, square=True))


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
