"""torch.linalg.lu*, ldl*, householder_product, tensorinv ...: factors and what is made of them.

Loaded when one of them is first used.
"""

import math

import numpy as np

from ..base.dtypes import int32
from ..base.errors import hinted
from ..base.frames import warn_once
from ..base.tree import struct_sequence
from ..core.handle import concrete, element_type, shape_of, wrap
from ..core.retries import worded
from ..primitives import matrices, solutions
from ..primitives import triangles as f
from ..primitives.base import reduce_sum, reshape
from ..primitives.structural import slice_
from .convert import (
    RESULT,
    Later,
    convert,
    finish,
    in_columns,
    named,
    ndim_of,
    one_node,
    require_tensor,
    type_of,
)
from .decompositions import cholesky, eigh, qr, svd
from .diagonals import tril, triu
from .examples import each_example
from .flags import strict
from .joining import cat
from .linalg import matmul
from .matrix_functions import (
    checked_matrices,
    finish_all,
    inv,
    solution,
    solve,
    solve_triangular,
    zero_pivots,
)
from .random import randn
from .reductions import mean
from .shapes import expand, moveaxis, transpose, unsqueeze
from .underived import underived

KINDS = {
    name: struct_sequence(name, fields)
    for name, fields in {
        "linalg_lu": "P L U", "linalg_lu_factor": "LU pivots", "linalg_lu_factor_ex":
        "LU pivots info", "lu_unpack": "P L U", "linalg_ldl_factor": "LD pivots",
        "linalg_ldl_factor_ex": "LD pivots info", "linalg_solve_ex": "result info",
        "triangular_solve": "solution cloned_coefficient", "geqrf": "a tau",
    }.items()
}  # fmt: skip


# --- A = P L U ------------------------------------------------------------------------------------


def _permutation(pivots, n, dtype):
    """P with A = P L U."""
    return convert(f.permutation(pivots, n=n), dtype)


def _factored(name, A, pivot, check=False):
    """(packed factors with their derivative, pivots, info)."""
    checked_matrices(name, A)
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU")
    packed, pivots, info = f.lu_pivoted(A.detach(), check=check)
    if A._node is not None or A._value.dtype is None:
        packed = named(in_columns(_packed_again(A, packed, pivots)), "LinalgLuFactorExBackward0", A,
                       LU=RESULT, pivot=True, pivots=pivots)  # fmt: skip
    return packed, pivots, info


def _packed_again(A, packed, pivots):
    """The same factors as a function of A: of its rows in the order found."""
    n, m = tuple(shape_of(A))[-2:]
    k = min(n, m)
    rows = matmul(transpose(_permutation(pivots, n, type_of(A)), -2, -1), A)
    corner = (..., slice(0, k), slice(0, k))
    square = f.lu_of_rows(slice_(rows, index=corner), slice_(packed, index=corner))
    if n > m:
        rest = slice_(rows, index=(..., slice(k, n), slice(None)))
        low = solutions.triangular_solve(
            transpose(square, -2, -1), transpose(rest, -2, -1), upper=False, unit=False
        )
        return cat([square, transpose(low, -2, -1)], -2)
    if m > n:
        rest = slice_(rows, index=(..., slice(None), slice(k, m)))
        high = solutions.triangular_solve(square, rest, upper=False, unit=True)
        return cat([square, high], -1)
    return square


@strict(name="linalg_lu_factor")
def lu_factor(A, *, pivot=True, out=None):
    """(LU, pivots): both factors of A in one matrix, and the exchanges of rows."""
    packed, pivots, _ = _factored("linalg.lu_factor", A, pivot, check=True)
    return finish_all(KINDS["linalg_lu_factor"]((packed, pivots)), out)


@strict(name="linalg_lu_factor_ex")
def lu_factor_ex(A, *, pivot=True, check_errors=False, out=None):
    """(LU, pivots, info); info is the place of the first zero on U's diagonal, 0 if none."""
    results = _factored("linalg.lu_factor_ex", A, pivot)
    if check_errors and results[2]._value.dtype is not None and concrete(results[2]).any():
        raise RuntimeError("torch.linalg.lu_factor_ex: U is singular")
    return finish_all(KINDS["linalg_lu_factor_ex"](results), out)


def old_lu(A, pivot=True, get_infos=False, out=None):
    """torch.lu: (LU, pivots), and info if asked for."""
    results = _factored("linalg.lu_factor", A, pivot)
    if get_infos:
        return finish_all(KINDS["linalg_lu_factor_ex"](results), out)
    return finish_all(KINDS["linalg_lu_factor"](results[:2]), out)


def _parts(packed):
    n, m = tuple(shape_of(packed))[-2:]
    k = min(n, m)
    low = tril(slice_(packed, index=(..., slice(None), slice(0, k))), -1)
    low = low + wrap(np.eye(n, k, dtype=element_type(packed)))
    return low, triu(slice_(packed, index=(..., slice(0, k), slice(None))))


def _lower(A):
    return _parts(f.lu_pivoted(A.detach())[0])[0]


def _upper(A):
    return _parts(f.lu_pivoted(A.detach())[0])[1]


@strict(name="linalg_lu")
def lu(A, *, pivot=True, out=None):
    """(P, L, U) with A = P L U: a permutation, unit lower and upper triangular matrices."""
    packed, pivots, _ = _factored("linalg.lu", A, pivot)
    p = _permutation(pivots, shape_of(A)[-2], type_of(A))
    low, high = _parts(packed)
    named(low, "LinalgLuBackward0", A, P=p, L=RESULT, U=Later(_upper, A), pivot=True)
    named(high, "LinalgLuBackward0", A, P=p, L=Later(_lower, A), U=RESULT, pivot=True)
    return finish_all(KINDS["linalg_lu"]((p, low, high)), out)


@strict
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True, *, out=None):
    """(P, L, U) from the result of lu_factor."""
    require_tensor("lu_unpack", LU_data, "LU_data")
    if unpack_pivots and type_of(LU_pivots) is not int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
            "dtype.\nNote: this function is intended to be used with the output produced by "
            "torch.linalg.lu_factor"
        )
    nothing = wrap(np.empty(0, element_type(LU_data)))
    p = nothing
    if unpack_pivots:
        p = _permutation(LU_pivots, shape_of(LU_data)[-2], type_of(LU_data))
    low, high = _parts(LU_data) if unpack_data else (nothing, nothing)
    return finish_all(KINDS["lu_unpack"]((p, low, high)), out)


@strict
def linalg_lu_solve(LU, pivots, B, *, left=True, adjoint=False, out=None):
    """X with A X = B (X A = B for left=False, Aᴴ for adjoint) from the result of lu_factor."""
    if not left:
        turned = linalg_lu_solve(LU, pivots, matrices.hermitian(B), adjoint=not adjoint)
        return finish(matrices.hermitian(turned), out)
    n = shape_of(LU)[-1]
    p = _permutation(pivots, n, type_of(LU))
    if adjoint:
        turned = matrices.hermitian(LU)
        half = solutions.triangular_solve(turned, B, upper=False, unit=False)
        half = solutions.triangular_solve(turned, half, upper=True, unit=True)
        return finish(in_columns(matmul(p, half)), out)
    half = solutions.triangular_solve(LU, matmul(transpose(p, -2, -1), B), upper=False, unit=True)
    return finish(solutions.triangular_solve(LU, half, upper=True, unit=False), out)


def lu_solve(b, LU_data, LU_pivots, *, out=None):
    """torch.lu_solve: X with A X = b from the result of lu_factor."""
    return linalg_lu_solve(LU_data, LU_pivots, b, out=out)


# --- A = L D Lᵀ -----------------------------------------------------------------------------------


_LDL = "aten::linalg_ldl_factor_ex"


def _ldl(name, A, hermitian):
    return f.ldl(checked_matrices(name, A, square=True).detach(), hermitian=hermitian)


@strict(name="linalg_ldl_factor")
@underived(_LDL)
def ldl_factor(A, *, hermitian=False, out=None):
    """(LD, pivots) of symmetric (or Hermitian) matrices, of which the lower triangle is read."""
    return finish_all(KINDS["linalg_ldl_factor"](_ldl("linalg.ldl_factor", A, hermitian)[:2]), out)


@strict(name="linalg_ldl_factor_ex")
@underived(_LDL)
def ldl_factor_ex(A, *, hermitian=False, check_errors=False, out=None):
    """(LD, pivots, info)."""
    return finish_all(
        KINDS["linalg_ldl_factor_ex"](_ldl("linalg.ldl_factor_ex", A, hermitian)), out
    )


@strict(name="linalg_ldl_solve")
@underived("aten::linalg_ldl_solve")
@each_example
def ldl_solve(LD, pivots, B, *, hermitian=False, out=None):
    """X with A X = B from the result of ldl_factor; it has no derivative, as in PyTorch."""
    whole, middle = _unpacked_ldl(concrete(LD.detach()), concrete(pivots), hermitian)
    turned = whole.conj() if hermitian else whole
    matrix = wrap(whole @ middle @ np.swapaxes(turned, -1, -2))
    return finish(solutions.solve(matrix, B), out)


def _unpacked_ldl(packed, pivots, hermitian):
    """(W, block diagonal D) with A = W D Wᵀ from LAPACK's form."""
    whole, middle = np.zeros_like(packed), np.zeros_like(packed)
    for place in np.ndindex(packed.shape[:-2]):
        whole[place], middle[place] = _one_ldl(packed[place], pivots[place], hermitian)
    return whole, middle


def _one_ldl(packed, pivots, hermitian):
    n = len(packed)
    whole, middle, k = np.eye(n, dtype=packed.dtype), np.zeros_like(packed), 0
    while k < n:
        step = 1 if pivots[k] > 0 else 2
        stop = k + step
        swap, column = k + step - 1, np.eye(n, dtype=packed.dtype)
        column[stop:, k:stop] = packed[stop:, k:stop]
        order = np.arange(n)
        other = abs(pivots[k]) - 1
        order[[swap, other]] = order[[other, swap]]
        whole = whole @ np.eye(n, dtype=packed.dtype)[:, order] @ column
        middle[k, k] = packed[k, k]
        if step == 2:
            below = packed[k + 1, k]
            middle[k + 1, k + 1], middle[k + 1, k] = packed[k + 1, k + 1], below
            middle[k, k + 1] = below.conj() if hermitian else below
        k = stop
    return whole, middle


# --- reflectors -----------------------------------------------------------------------------------


def _reflectors(A, tau):
    """The vectors of the reflections: columns below the diagonal, ones on it."""
    n, k = shape_of(A)[-2], shape_of(tau)[-1]
    low = tril(slice_(A, index=(..., slice(None), slice(0, k))), -1)
    return low + wrap(np.eye(n, k, dtype=element_type(A)))


def _reflected(v, tau, k, x, adjoint=False):
    """(1 - tau v vᴴ) x for the k-th reflection."""
    column = slice_(v, index=(..., slice(None), slice(k, k + 1)))
    factor = unsqueeze(slice_(tau, index=(..., slice(k, k + 1))), -1)
    factor = factor.conj() if adjoint else factor
    return x - column * (factor * matmul(matrices.hermitian(column), x))


@worded
def householder_product(A, tau, *, out=None):
    """The first columns of the product of reflections that geqrf gives."""
    checked_matrices("linalg.householder_product", A)
    n, m = tuple(shape_of(A))[-2:]
    if n < m:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to "
            "input.shape[-1]"
        )
    if m < shape_of(tau)[-1]:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-1] must be greater than or equal to "
            "tau.shape[-1]"
        )
    if tuple(shape_of(tau))[:-1] != tuple(shape_of(A))[:-2]:
        raise RuntimeError(
            "torch.linalg.householder_product: Expected batch dimensions of tau to be equal to "
            f"input.shape[:-2], but got {list(shape_of(tau))[:-1]}"
        )
    if type_of(A) is not type_of(tau):
        raise RuntimeError(
            f"torch.linalg.householder_product: tau dtype {type_of(tau)} does not match input "
            f"dtype {type_of(A)}"
        )
    v = _reflectors(A, tau)
    nothing = reduce_sum(slice_(A, index=(..., slice(0, 0))), axes=(ndim_of(A) - 1,), keepdims=True)
    x = wrap(np.eye(n, m, dtype=element_type(A))) + nothing
    for k in reversed(range(shape_of(tau)[-1])):
        x = _reflected(v, tau, k, x)
    return finish(named(in_columns(x), "LinalgHouseholderProductBackward0", A, tau), out)


orgqr = householder_product


@strict
def ormqr(input, tau, other, left=True, transpose=False, *, out=None):
    """The product of the whole Q of geqrf (or Qᴴ) and a matrix, on the left or right."""
    for name, given in (("input", input), ("other", other)):
        if ndim_of(given) < 2:
            raise RuntimeError(f"torch.ormqr: {name} must have at least 2 dimensions.")
    if not left:
        turned = ormqr(input, tau, matrices.hermitian(other), True, not transpose)
        return finish(in_columns(matrices.hermitian(turned)), out)
    if shape_of(tau)[-1] > shape_of(input)[-1]:
        raise RuntimeError(
            "torch.ormqr: tau.shape[-1] must be less than or equal to min(other.shape[-2], "
            "input.shape[-1])"
        )
    if shape_of(other)[-2] != shape_of(input)[-2]:
        raise RuntimeError("torch.ormqr: other.shape[-2] must be equal to input.shape[-2]")
    v, x = _reflectors(input, tau), other
    order = range(shape_of(tau)[-1])
    for k in order if transpose else reversed(order):
        x = _reflected(v, tau, k, x, adjoint=transpose)
    return finish(in_columns(x), out)


@underived("geqrf", "GeqrfBackward0", "the derivative for 'geqrf' is not implemented.")
def geqrf(input, *, out=None):
    """(a, tau): LAPACK's QR factorisation, R above and the reflections below the diagonal."""
    return finish_all(KINDS["geqrf"](f.raw_qr(checked_matrices("geqrf", input).detach())), out)


# --- solutions ------------------------------------------------------------------------------------


@strict(name="linalg_solve_ex")
def solve_ex(A, B, *, left=True, check_errors=False, out=None):
    """(result, info): as linalg.solve; info is 0 where it worked."""
    result = solution(A, B, left, check_errors)
    return finish_all(KINDS["linalg_solve_ex"]((result, zero_pivots(A, result))), out)


@strict
@one_node("TriangularSolveBackward0")
def triangular_solve(b, A, upper=True, transpose=False, unitriangular=False, *, out=None):
    """torch.triangular_solve: (solution, A) of A X = b for a triangular A."""
    warn_once(
        "torch.triangular_solve is deprecated in favor of torch.linalg.solve_triangular and will "
        "be removed in a future PyTorch release.\nIts arguments are the other way round:\nX = "
        "torch.linalg.solve_triangular(A, B, upper=upper)"
    )
    matrix, high = A, upper
    if transpose:
        matrix, high = matrices.swap_last(A), not upper
    part = solutions._part(matrix, high, False)
    result = solutions.triangular_solve(part, b, upper=high, unit=unitriangular)
    lead = tuple(shape_of(result))[:-2]
    whole = in_columns(expand(A, (*lead, *tuple(shape_of(A))[-2:])).clone())
    return finish_all(KINDS["triangular_solve"]((result, whole)), out)


@worded
def tensorinv(A, ind=2, *, out=None):
    """The inverse for tensordot over the first `ind` axes, taken together as rows."""
    shape = tuple(shape_of(require_tensor("linalg.tensorinv", A)))
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    n, m = math.prod(shape[:ind]), math.prod(shape[ind:])
    if n != m:
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {m} != {n}"
        )
    inverse = inv(reshape(A, shape=(n, m)))
    return finish(reshape(inverse, shape=(*shape[ind:], *shape[:ind])), out)


@worded
def tensorsolve(A, B, dims=None, *, out=None):
    """X with tensordot(A, X) = B, the axes `dims` of A moved to the end first."""
    if dims is not None:
        A = moveaxis(A, tuple(dims), tuple(range(-len(dims), 0)))
    rest = tuple(shape_of(A))[ndim_of(B) :]
    n, m = math.prod(shape_of(B)), math.prod(rest)
    if n != m or math.prod(shape_of(A)) != n * m:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {m} != {n}"
        )
    result = solve(reshape(A, shape=(n, m)), reshape(B, shape=(n,)))
    return finish(reshape(result, shape=rest), out)


def lobpcg(
    A, k=None, B=None, X=None, n=None, iK=None, niter=None, tol=None, largest=None, method=None,
    tracker=None, ortho_iparams=None, ortho_fparams=None, ortho_bparams=None,
):  # fmt: skip
    """(E, X): the k largest (or smallest) eigenvalues of A x = e B x and their vectors, for a
    symmetric A and a positive definite B.

    All of them are computed, and the k kept: what steers the search of PyTorch's (the first guess
    X, iK, n, niter, tol, method, ortho_...) changes nothing. A matrix has at least 3 k rows.
    NotImplementedError for a `tracker`, as there are no steps to follow.
    """
    if tracker is not None:
        raise NotImplementedError(
            hinted("lobpcg takes no steps here that a tracker could follow.", "leave it out.")
        )
    A = A.to_dense() if A.is_sparse else A
    k = (1 if X is None else X.shape[-1]) if k is None else k
    rows = shape_of(A)[-1]
    if rows < 3 * k:
        raise ValueError(
            f"LPBPCG algorithm is not applicable when the number of A rows (={rows}) is smaller "
            f"than 3 x the number of requested eigenpairs (={k})"
        )
    lower = None if B is None else cholesky(B.to_dense() if B.is_sparse else B)
    if lower is not None:
        half = solve_triangular(lower, A, upper=False)
        A = solve_triangular(lower, matrices.hermitian(half), upper=False)
    values, vectors = eigh((A + matrices.hermitian(A)) / 2)
    if largest is None or largest:
        values, vectors = values.flip(-1), vectors.flip(-1)
    values, vectors = values[..., :k], vectors[..., :k]
    if lower is not None:
        vectors = solve_triangular(matrices.hermitian(lower), vectors, upper=True)
    return values, vectors


# --- approximate factors of low rank --------------------------------------------------------------


def svd_lowrank(A, q=6, niter=2, M=None):
    """(U, S, V) of the q leading singular values, found through a random subspace."""
    A = A if M is None else A - M
    n, m = tuple(shape_of(A))[-2:]
    q = 6 if q is None else q
    if q > min(n, m):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than {min(n, m)}")
    matrix = matrices.hermitian(A) if n < m else A
    basis = _subspace(matrix, q, niter)
    u, s, vh = svd(matmul(matrices.hermitian(basis), matrix), full_matrices=False)
    u, v = matmul(basis, u), matrices.hermitian(vh)
    return (v, s, u) if n < m else (u, s, v)


def _subspace(A, q, niter):
    """Orthonormal columns that nearly span the leading left singular vectors."""
    start = randn(shape_of(A)[-1], q, dtype=type_of(A))
    basis = qr(matmul(A, start)).Q
    for _ in range(niter):
        other = qr(matmul(matrices.hermitian(A), basis)).Q
        basis = qr(matmul(A, other)).Q
    return basis


def pca_lowrank(A, q=None, center=True, niter=2):
    """(U, S, V) of the principal components of the rows of A."""
    n, m = tuple(shape_of(A))[-2:]
    q = min(6, n, m) if q is None else q
    if not 0 <= q <= min(n, m):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than {min(n, m)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - mean(A, -2, True) if center else A, q, niter)
