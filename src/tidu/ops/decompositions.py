"""torch.linalg.cholesky, qr, svd, eigh ...: the factors of a matrix, and least squares by them."""

import math

import numpy as np

from ..base.dtypes import float64, int64
from ..base.lazy import lazy_module
from ..core.handle import TensorBase, element_type, shape_of, wrap
from ..core.retries import worded
from ..primitives import comparison as c
from ..primitives import decompositions as d
from ..primitives import matrices, solutions
from ..primitives.arithmetic import absolute, maximum, real, select
from ..primitives.base import conj, reduce_sum, reshape
from ..primitives.structural import slice_
from .convert import (
    convert,
    finish,
    finish_same,
    in_columns,
    lie,
    named,
    ndim_of,
    require_tensor,
    scalar_name,
    type_of,
)
from .flags import strict
from .joining import cat
from .linalg import matmul
from .matrix_functions import KINDS, checked_matrices, finish_all, no_trouble
from .shapes import unsqueeze

lapack = lazy_module("scipy.linalg.lapack")


@strict(name="linalg_cholesky")
def cholesky(A, *, upper=False, out=None):
    """L, lower triangular, with A = L Lᴴ (upper: Lᴴ)."""
    lower = d.cholesky(checked_matrices("linalg.cholesky", A, square=True))
    return finish_same(in_columns(matrices.hermitian(lower)) if upper else lower, out)


@strict(name="linalg_cholesky_ex")
def cholesky_ex(A, *, upper=False, check_errors=False, out=None):
    """(L, info); info is 0 where it worked, else the order of the first minor that is not positive.

    There L is what had been computed until then.
    """
    value = checked_matrices("linalg.cholesky_ex", A, square=True)._value
    if check_errors or value.dtype is None:
        return finish_all(
            KINDS["linalg_cholesky_ex"]((cholesky(A, upper=upper), no_trouble(A))), out
        )
    partial, info = _factored(value)
    good = wrap((info == 0)[..., None, None])
    unit = wrap(np.broadcast_to(np.eye(value.shape[-1], dtype=value.dtype), value.shape))
    lower = cholesky(select(good, A, unit)) if (info != 0).any() else cholesky(A)
    if (info != 0).any():
        lower = in_columns(select(good, lower, wrap(partial)))
    lower = in_columns(matrices.hermitian(lower)) if upper else lower
    return finish_all(KINDS["linalg_cholesky_ex"]((lower, wrap(info))), out)


def _factored(value):
    """LAPACK's lower factors and what it says of each: arrays (..., n, n) and (...)."""
    flat = value.reshape(math.prod(value.shape[:-2]), *value.shape[-2:])
    factors, info = np.zeros_like(flat), np.zeros(len(flat), np.int32)
    if value.size:
        (factor,) = lapack.get_lapack_funcs(("potrf",), (flat,))
        for i, matrix in enumerate(flat):
            factors[i], info[i] = factor(matrix, lower=1, clean=1)
    return factors.reshape(value.shape), info.reshape(value.shape[:-2])


@strict
def cholesky_inverse(L, upper=False, *, out=None):
    """The inverse of A from its Cholesky factor."""
    factor = matrices.hermitian(L) if upper else L
    unit = wrap(np.eye(shape_of(L)[-1], dtype=element_type(L)))
    return finish(solutions.cholesky_solve(unit, factor, check=True), out)


@strict
def cholesky_solve(B, L, upper=False, *, out=None):
    """X with A X = B from the Cholesky factor of A."""
    factor = matrices.hermitian(L) if upper else L
    solution = solutions.cholesky_solve(B, factor)
    return finish(named(solution, "CholeskySolveBackward0", B, L, upper=upper), out)


@worded
def qr(A, mode="reduced", *, out=None):
    """(Q, R): orthonormal columns times an upper triangular matrix; 'reduced', 'complete', 'r'."""
    checked_matrices("linalg.qr", A)
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
    return finish_all(KINDS["linalg_qr"]((q, r)), out)


def _wide_qr(A, n, m):
    """A wide matrix: its square part is factorised, and the rest of R follows."""
    q, r = d.qr(slice_(A, index=(..., slice(0, n))))
    rest = matmul(matrices.hermitian(q), slice_(A, index=(..., slice(n, m))))
    return q, in_columns(cat([r, rest], -1))


@strict(name="linalg_svd")
def svd(A, full_matrices=True, *, driver=None, out=None):
    """(U, S, Vh) with A = U diag(S) Vh, S descending."""
    u, s, vh = d.svd(checked_matrices("linalg.svd", A))
    named(s, "LinalgSvdBackward0", full_matrices=bool(full_matrices))
    n, m = tuple(shape_of(A))[-2:]
    if full_matrices and n != m:
        u, vh = (
            _completed(u, n),
            in_columns(matrices.hermitian(_completed(matrices.hermitian(vh), m))),
        )
    return finish_all(KINDS["linalg_svd"]((u, s, vh)), out)


def _completed(q, n):
    """Orthonormal columns continued to a square matrix; what is added is a constant."""
    m = shape_of(q)[-1]
    basis = None if m == n else d.qr(q.detach(), mode="complete")[0]
    return q if m == n else in_columns(cat([q, slice_(basis, index=(..., slice(m, n)))], -1))


@worded
def svdvals(A, *, driver=None, out=None):
    """The singular values of each matrix, descending."""
    values = d.svd(checked_matrices("linalg.svdvals", A))[1]
    return finish_same(named(values, "LinalgSvdBackward0", full_matrices=False), out)


@worded
def eigh(A, UPLO="L", *, out=None):
    """(eigenvalues ascending, eigenvectors) of Hermitian matrices; one triangle is read."""
    if UPLO not in ("L", "U", "l", "u"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    result = d.eigh(checked_matrices("linalg.eigh", A, square=True), upper=UPLO in "Uu")
    return finish_all(KINDS["linalg_eigh"](result), out)


@worded
def eigvalsh(A, UPLO="L", *, out=None):
    """The eigenvalues of Hermitian matrices, ascending."""
    return finish_same(eigh(A, UPLO)[0], out)


@worded
def eig(A, *, out=None):
    """(eigenvalues, eigenvectors) of any square matrices, complex."""
    result = KINDS["linalg_eig"](d.eig(checked_matrices("linalg.eig", A, square=True)))
    return finish_all(result, out)


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
    checked_matrices("linalg.pinv", A)
    rtol = (0.0 if atol else _rtol(A)) if rtol is None else float(rtol)
    result = d.pinv(A, rtol=rtol, atol=float(atol or 0.0), symmetric=hermitian)
    return finish(result, out)


@worded
def lstsq(A, B, rcond=None, *, driver=None, out=None):
    """(solution, residuals, rank, singular values) of min |A X - B|."""
    checked_matrices("linalg.lstsq", A)
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
    return finish_all(results, out)


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
