"""Inverses, solutions and determinants of stacks of matrices, with their derivatives.

NumPy factorises; the rules are matrix products and solves, so each holds to any order. H stands
for the conjugate transpose. Formulas: Giles 2008.
"""

import numpy as np

from ..base.errors import LinAlgError
from ..base.lazy import lazy_module
from ..core.handle import element_type, shape_of
from ..core.primitive import Primitive
from .base import conj, reduce_sum, reshape, sum_to
from .composed import composed, stacked
from .contraction import matmul
from .matrices import (
    batch_leading,
    by_columns,
    chain,
    hermitian,
    last_size,
    mask,
    same_shape,
    singular_values,
)
from .structural import diagonal

__all__ = [
    "adjugate",
    "cholesky_solve",
    "det",
    "failures",
    "first_failure",
    "first_told",
    "inv",
    "slogdet",
    "solve",
    "triangular_solve",
]

lapack = lazy_module("scipy.linalg.lapack")


# --- inverse and solution -----------------------------------------------------------------------


def _inv(x, *, check=True):
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        if not check:
            return _divided_by_zero(x, np.eye(x.shape[-1], dtype=x.dtype))
    where, place = first_failure(x, "getrf")
    raise LinAlgError(
        f"linalg.inv: {where}The diagonal element {place} is zero, the inversion could not be "
        "completed because the input matrix is singular."
    )


def _divided_by_zero(a, b):
    """The solutions of a stack in which some matrix is singular, as LAPACK has them: infinite or
    NaN there."""
    factor, substitute = lapack.get_lapack_funcs(("getrf", "getrs"), (a,))
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = np.broadcast_to(a, lead + a.shape[-2:])
    out = np.array(np.broadcast_to(b, lead + b.shape[-2:]))
    for place in np.ndindex(lead):
        packed, pivots, _ = factor(a[place])
        out[place] = substitute(packed, pivots, out[place])[0]
    return out


def failures(x, factorization):
    """Where LAPACK gave up to factorize each matrix, counted from one; 0 where it did not."""
    (function,) = lapack.get_lapack_funcs((factorization,), (x,))
    words = {"lower": True} if factorization == "potrf" else {}
    places = [function(matrix, **words)[-1] for matrix in x.reshape(-1, *x.shape[-2:])]
    return np.array(places, np.int32).reshape(x.shape[:-2])


def first_failure(x, factorization):
    """(words for the first matrix that LAPACK cannot factorize, the place where it gave up)."""
    places = failures(x, factorization)
    return first_told(places) if places.any() else ("", x.shape[-1])


def first_told(places):
    """(words for the first matrix of which a place is told, that place): 0 tells none."""
    bad = np.flatnonzero(places)[0]
    return (f"(Batch element {bad}): " if places.ndim else ""), places.flat[bad]


def _inverted(x, *, out, check=True):
    """A step of Newton's method for x out = 1, which changes nothing at the inverse."""
    return out + out - chain(out, x, out)


inv = by_columns(
    "linalg_inv_ex", _inv, ("x",), _inverted, make=composed, saves={"x": ("out",)}, loops={0: 2},
    shape=same_shape, tex="inv(x)",
)  # fmt: skip


def _solve(a, b, *, check=True):
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        if not check:
            return _divided_by_zero(a, b)
    raise LinAlgError("torch.linalg.solve: The solver failed because the input matrix is singular.")


def _batch_pair(prim, tensors, axes, params):
    return stacked(prim, tensors, axes, params, {0: 2, 1: 2}), 0


def _solve_shape(prim, args, params):
    a, b = [tuple(shape_of(x)) for x in args]
    return (*np.broadcast_shapes(a[:-2], b[:-2]), *b[-2:]), element_type(args[0])


def _solve_back(g, a, b_shape, out, needs):
    right = solve(hermitian(a), g, check=False)
    left = sum_to(-matmul(right, hermitian(out)), tuple(shape_of(a))) if needs[0] else None
    return left, sum_to(right, tuple(b_shape)) if needs[1] else None


def _solve_tangent(t, primals, out, params):
    ta, tb = t
    moved = None if ta is None else -matmul(ta, out)
    total = moved if tb is None else tb if moved is None else tb + moved
    return solve(primals[0], total, check=False)


solve = by_columns("linalg_solve_ex", _solve, ("a", "b"), pullback=_solve_back, jvp=_solve_tangent,
                  batch=_batch_pair, shape=_solve_shape, tex="inv(a) @ b")  # fmt: skip


def _triangular(a, b, *, upper, unit):
    a = (np.triu if upper else np.tril)(a)
    if unit:
        n = a.shape[-1]
        a = np.where(np.eye(n, dtype=bool), a.dtype.type(1), a)
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        return _substituted(a, b, upper)


def _substituted(a, b, upper):
    """The solution of a singular triangular system, with what a division by zero gives."""
    n = a.shape[-1]
    rest = np.array(np.broadcast_to(b, (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]),
                                        *b.shape[-2:])))  # fmt: skip
    with np.errstate(all="ignore"):
        for i in reversed(range(n)) if upper else range(n):
            others = slice(0, i) if upper else slice(i + 1, n)
            rest[..., i, :] /= a[..., i, i, None]
            rest[..., others, :] -= a[..., others, i, None] * rest[..., i, None, :]
    return rest


def _part(x, upper, unit):
    """What a triangular solve reads of its matrix."""
    n = last_size(x)
    keep = np.tri(n, n, -1 if unit else 0, dtype=bool)
    return mask(x, keep.T if upper else keep)


def _by_triangle(a, b, *, upper, unit):
    """The solution where the rest of the matrix is zero, and ones are on a unit diagonal."""
    a = _part(a, upper, unit)
    if unit:
        a = a + np.eye(last_size(a), dtype=element_type(a))
    return solve(a, b, check=False)


triangular_solve = by_columns(
    "linalg_solve_triangular", _triangular, ("a", "b"), _by_triangle, make=composed,
    saves=dict.fromkeys("ab", ("a", "out")), loops={0: 2, 1: 2}, shape=_solve_shape,
    tex="inv(a) @ b",
)  # fmt: skip


# By the factor itself: the product of it with itself has the square of its condition.


def _by_factor(b, factor, *, check=False):
    if check:
        _refuse_zeros(np.diagonal(factor, 0, -2, -1) == 0)
    half = _triangular(factor, b, upper=False, unit=False)
    return _triangular(conj.eval(factor).swapaxes(-1, -2), half, upper=True, unit=False)


def _refuse_zeros(there):
    """`there`: where the diagonals of the factors are zero."""
    if there.any():
        where, place = first_told(np.where(there.any(-1), there.argmax(-1) + 1, 0))
        raise LinAlgError(
            f"cholesky_inverse: {where}The diagonal element {place} is zero, the inversion "
            "could not be completed because the input matrix is singular."
        )


def _by_factor_back(g, factor, b_shape, out, needs):
    """The gradient of all of the factor, by all of it, though the value is that of one triangle, as
    PyTorch's."""
    right, back = cholesky_solve(g, factor), None
    if needs[1]:
        product = matmul(right, hermitian(out))
        back = -matmul(product + hermitian(product), factor)
        back = sum_to(back, tuple(shape_of(factor)))
    return sum_to(right, tuple(b_shape)) if needs[0] else None, back


def _by_factor_tangent(t, primals, out, params):
    (tb, moved), factor = t, primals[1]
    total = tb
    if moved is not None:
        half = matmul(moved, hermitian(factor))
        off = matmul(half + hermitian(half), out)
        total = -off if tb is None else tb - off
    return cholesky_solve(total, factor)


cholesky_solve = by_columns(
    "cholesky_solve", _by_factor, ("b", "factor"), pullback=_by_factor_back,
    jvp=_by_factor_tangent, batch=_batch_pair,
    shape=lambda prim, args, params: _solve_shape(prim, args[::-1], params),
    tex="inv(factor @ hermitian(factor)) @ b",
)  # fmt: skip


# --- determinants -------------------------------------------------------------------------------


@np.errstate(invalid="ignore", over="ignore")
def _det(x):
    """NumPy's, which warns of infinities and NaN in its own lines."""
    return np.asarray(np.linalg.det(x), x.dtype)[()]


def _adjugate(x):
    """det(x) x⁻¹, through the singular values: it exists for singular matrices too."""
    u, s, vh = singular_values(x, full=True, strict=False)
    n = s.shape[-1]
    others = np.where(np.eye(n, dtype=bool), 1, s[..., None, :]).prod(-1)
    turn = _det(u) * _det(vh)
    mid = vh.conj().swapaxes(-1, -2) * others[..., None, :]
    return (turn[..., None, None] * (mid @ u.conj().swapaxes(-1, -2))).astype(x.dtype)


def _matrix_of(number):
    return reshape(number, shape=(*tuple(shape_of(number)), 1, 1))


adjugate = composed(
    "adjugate", _adjugate, ("x",), lambda x: _matrix_of(det(x)) * inv(x, check=False),
    saves={"x": ("x",)}, loops={0: 2}, shape=same_shape, tex="adjugate(x)",
)  # fmt: skip


def _det_tangent(t, primals, out, params):
    product = matmul(adjugate(primals[0]), t[0])
    return reduce_sum(
        diagonal(product, offset=0), axes=(len(shape_of(product)) - 2,), keepdims=False
    )


det = Primitive(
    "linalg_det", _det, ("x",), batch=batch_leading,
    vjp={"x": lambda g, x: _matrix_of(g) * hermitian(adjugate(x))}, jvp=_det_tangent,
    shape=lambda prim, args, params: (tuple(shape_of(args[0]))[:-2], element_type(args[0])),
    tex="det(x)",
)  # fmt: skip


def _slogdet(x):
    with np.errstate(invalid="ignore", over="ignore"):
        sign, size = np.linalg.slogdet(x)
    return np.asarray(sign, x.dtype)[()], np.asarray(size)[()]


def _slogdet_back(g, x, out):
    back = hermitian(inv(x, check=False))
    size = g[1]
    if size is None:
        size = out[1] * 0
    total = _matrix_of(size)
    if element_type(x).kind == "c" and g[0] is not None:
        # The sign turns with the imaginary part of log det.
        turn = (g[0] * conj(out[0])).imag
        total = total + _matrix_of(turn) * 1j
    return (total * back,)


def _slogdet_tangent(t, primals, out, params):
    product = matmul(inv(primals[0], check=False), t[0])
    trace = reduce_sum(
        diagonal(product, offset=0), axes=(len(shape_of(product)) - 2,), keepdims=False
    )
    if element_type(trace).kind == "c":
        return out[0] * (trace.imag * 1j), trace.real
    return out[0] * 0, trace


slogdet = Primitive(
    "linalg_slogdet",
    _slogdet,
    ("x",),
    pullback=_slogdet_back,
    jvp=_slogdet_tangent,
    batch=batch_leading,
    tex="slogdet(x)",
)
