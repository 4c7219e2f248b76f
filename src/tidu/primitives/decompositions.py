"""Cholesky, eigenvalues, singular values, QR, pseudo-inverse, exponential, with derivatives.

NumPy factorises; the rules are matrix products and solves, so each holds to any order. H stands
for the conjugate transpose. Formulas: Giles 2008; Murray 2016; Seeger et al. 2017.
"""

import numpy as np

from ..base.errors import LinAlgError, hinted
from ..core.handle import element_type, shape_of
from ..core.primitive import Primitive
from .arithmetic import zeros_like
from .base import cast, conj
from .composed import composed
from .contraction import matmul
from .matrices import (
    batch_leading,
    by_columns,
    chain,
    diagonal_matrix,
    gaps_of,
    hermitian,
    last_size,
    mask,
    over_real,
    real_diagonal,
    row_like,
    same_shape,
    scaled_columns,
    singular_values,
    triangle,
)
from .matrix_exponential import exponential
from .solutions import first_failure, solve, triangular_solve
from .structural import concatenate, diagonal, slice_

__all__ = ["cholesky", "eig", "eigh", "matrix_exp", "pinv", "qr", "svd"]  # fmt: skip


# --- Cholesky -----------------------------------------------------------------------------------


def _half_lower(x):
    """The lower triangle with its diagonal halved."""
    n = last_size(x)
    return triangle(x) * (1 - 0.5 * np.eye(n)).astype(element_type(x))


def _cholesky_back(g, out):
    inner = triangle(matmul(hermitian(out), g))
    inner = (inner + hermitian(triangle(inner, strict=True))) * 0.5
    left = triangular_solve(hermitian(out), inner, upper=True, unit=False)
    return hermitian(triangular_solve(hermitian(out), hermitian(left), upper=True, unit=False))


def _cholesky_tangent(t, primals, out, params):
    left = triangular_solve(out, t[0], upper=False, unit=False)
    inner = hermitian(triangular_solve(out, hermitian(left), upper=False, unit=False))
    return matmul(out, _half_lower(inner))


def _cholesky(x):
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        where, place = first_failure(x, "potrf")
    raise LinAlgError(hinted(
        f"linalg.cholesky: {where}The factorization could not be completed because the input is "
        f"not positive-definite (the leading minor of order {place} is not positive-definite).",
        "a matrix plus a small multiple of the identity often is.",
    ))  # fmt: skip


cholesky = by_columns("linalg_cholesky_ex", _cholesky, ("x",), vjp={"x": _cholesky_back},
                     jvp=_cholesky_tangent, batch=batch_leading, shape=same_shape,
                     tex="cholesky(x)")  # fmt: skip


# --- eigenvalues of Hermitian matrices ----------------------------------------------------------


def _eigh(x, *, upper):
    values, vectors = np.linalg.eigh(x, "U" if upper else "L")
    return values, vectors


def _eigh_back(g, out):
    values, vectors = out
    inner = None
    if g[1] is not None:
        turned = matmul(hermitian(vectors), g[1])
        off = mask(turned, ~np.eye(last_size(values), dtype=bool))
        inner = over_real(off, gaps_of(values))
    if g[0] is not None:
        stretch = diagonal_matrix(g[0], vectors)
        inner = stretch if inner is None else inner + stretch
    whole = chain(vectors, inner, hermitian(vectors))
    return ((whole + hermitian(whole)) * 0.5,) if g[1] is not None else (whole,)


def _eigh_tangent(t, primals, out, params):
    values, vectors = out
    inner = chain(hermitian(vectors), t[0], vectors)
    off = mask(inner, ~np.eye(last_size(values), dtype=bool))
    return real_diagonal(inner), matmul(vectors, over_real(off, gaps_of(values)))


eigh = by_columns("linalg_eigh", _eigh, ("x",), places=(1,), pullback=_eigh_back, jvp=_eigh_tangent,
                 batch=batch_leading, tex="eigh(x)")  # fmt: skip


# --- eigenvalues of any matrices ----------------------------------------------------------------


def _eig(x):
    if not np.isfinite(x).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    values, vectors = np.linalg.eig(x)
    kind = (
        np.complex128
        if x.dtype.itemsize * (1 if x.dtype.kind == "c" else 2) == 16
        else np.complex64
    )
    return values.astype(kind), vectors.astype(kind)


def _eig_back(g, x, out):
    values, vectors = out
    inner = None
    if g[1] is not None:
        turned = matmul(hermitian(vectors), g[1])
        length = diagonal_matrix(diagonal(turned, offset=0).real, vectors)
        free = turned - chain(hermitian(vectors), vectors, length)
        inner = _off(free) / conj(gaps_of(values))
    if g[0] is not None:
        stretch = diagonal_matrix(g[0], vectors)
        inner = stretch if inner is None else inner + stretch
    whole = solve(hermitian(vectors), matmul(inner, hermitian(vectors)))
    return (whole if element_type(x).kind == "c" else whole.real,)


def _eig_tangent(t, primals, out, params):
    values, vectors = out
    to = element_type(vectors)
    moved = t[0] if element_type(t[0]) == to else cast(t[0], to=to, origin=element_type(t[0]))
    inner = solve(vectors, matmul(moved, vectors))
    turned = matmul(vectors, _off(inner) / gaps_of(values))
    length = diagonal(matmul(hermitian(vectors), turned), offset=0).real
    return diagonal(inner, offset=0), turned - matmul(vectors, diagonal_matrix(length, vectors))


eig = by_columns(
    "linalg_eig",
    _eig,
    ("x",),
    places=(1,),
    pullback=_eig_back,
    jvp=_eig_tangent,
    batch=batch_leading,
    tex="eig(x)",
)


# --- singular values ----------------------------------------------------------------------------


def _skew(x):
    return x - hermitian(x)


def _symmetric(x):
    return x + hermitian(x)


def _svd_back(g, out):
    gu, gs, gvh = g
    u, s, vh = out
    inner = None if gs is None else diagonal_matrix(gs, u)
    gaps = gaps_of(s * s)
    if gu is not None:
        term = scaled_columns(over_real(_skew(matmul(hermitian(u), gu)), gaps), s)
        inner = term if inner is None else inner + term
    if gvh is not None:
        turned = over_real(_skew(matmul(vh, hermitian(gvh))), gaps)
        term = turned * row_like(s, turned, (-1,))
        inner = term if inner is None else inner + term
    if element_type(u).kind == "c" and gu is not None:
        turned = matmul(hermitian(u), gu)
        inner = inner + diagonal_matrix(diagonal(turned, offset=0).imag * 1j / s, u)
    total = chain(u, inner, vh)
    if gu is not None and shape_of(u)[-2] > last_size(s):
        rest = gu - chain(u, hermitian(u), gu)
        total = total + matmul(rest / row_like(s, u, (-2,)), vh)
    if gvh is not None and shape_of(vh)[-1] > last_size(s):
        rest = gvh - chain(gvh, hermitian(vh), vh)
        total = total + matmul(u, rest / row_like(s, vh, (-1,)))
    return (total,)


def _svd_tangent(t, primals, out, params):
    u, s, vh = out
    inner = chain(hermitian(u), t[0], hermitian(vh))
    gaps = gaps_of(s * s)
    scaled = scaled_columns(inner, s)
    lifted = inner * row_like(s, inner, (-1,))
    tv = matmul(hermitian(vh), _off(over_real(_symmetric(lifted), gaps)))
    tu = matmul(u, _off(over_real(_symmetric(scaled), gaps)))
    if element_type(u).kind == "c":
        turn = diagonal(inner, offset=0).imag * 1j / (s * 2)
        tu, tv = (
            tu + matmul(u, diagonal_matrix(turn, u)),
            tv - matmul(hermitian(vh), diagonal_matrix(turn, u)),
        )
    if shape_of(u)[-2] > last_size(s):
        moved = matmul(t[0], hermitian(vh))
        tu = tu + (moved - chain(u, hermitian(u), moved)) / row_like(s, u, (-2,))
    if shape_of(vh)[-1] > last_size(s):
        moved = matmul(hermitian(t[0]), u)
        tv = tv + (moved - chain(hermitian(vh), vh, moved)) / row_like(s, u, (-2,))
    return tu, real_diagonal(inner), hermitian(tv)


def _off(x):
    return mask(x, ~np.eye(last_size(x), dtype=bool))


svd = by_columns(
    "linalg_svd",
    singular_values,
    ("x",),
    places=(0, 2),
    pullback=_svd_back,
    jvp=_svd_tangent,
    batch=batch_leading,
    tex="svd(x)",
)


# --- QR -----------------------------------------------------------------------------------------


def _qr(x, *, mode="reduced"):
    found = np.linalg.qr(x, mode)
    return tuple(found) if mode != "r" else found


def _factored(x, *, out, mode="reduced"):
    """A step of Newton's method for x = QR, with orthonormal Q, of a tall matrix."""
    if mode != "reduced":
        _refuse(mode)
    q, r = out
    turned = hermitian(triangular_solve(hermitian(r), hermitian(x), upper=False, unit=False))
    inner = matmul(hermitian(q), turned)
    below = triangle(inner, strict=True)
    stretch = inner - (below - hermitian(below))
    if element_type(inner).kind == "c":
        stretch = stretch - diagonal_matrix(diagonal(inner, offset=0).imag * 1j, inner)
    return q + turned - matmul(q, stretch), matmul(stretch, r)


def _refuse(mode):
    if mode == "complete":
        raise RuntimeError(hinted(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.",
            "the added columns of Q are arbitrary; mode='reduced' has a derivative.",
        ))  # fmt: skip
    raise RuntimeError(
        "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
        "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
    )


def _qr_shape(prim, args, params):
    *lead, n, m = shape_of(args[0])
    kind, k = element_type(args[0]), min(n, m)
    mode = params.get("mode", "reduced")
    if mode == "r":
        return (*lead, k, m), kind
    k = n if mode == "complete" else k
    return [((*lead, n, k), kind), ((*lead, k, m), kind)]


# The other modes have no derivative: their rules refuse, so that no gradient is lost in silence.
qr = by_columns(
    "linalg_qr", _qr, ("x",), _factored, make=composed, places=(0, 1), saves={"x": ("out",)},
    loops={0: 2}, shape=_qr_shape, tex="qr(x)",
)  # fmt: skip


# --- pseudo-inverse and exponential -------------------------------------------------------------


def _pinv(x, *, rtol, atol, symmetric):
    if symmetric:  # the lower triangle is read
        below = np.tril(x, -1)
        diagonal = np.diagonal(x, 0, -2, -1).real[..., None] * np.eye(x.shape[-1], dtype=x.dtype)
        x = below + below.conj().swapaxes(-1, -2) + diagonal
    u, s, vh = singular_values(x, strict=not symmetric)
    least = np.maximum(rtol * s.max(-1, keepdims=True, initial=0), atol)
    with np.errstate(divide="ignore"):
        inverse = np.where(s > least, 1 / s, 0).astype(s.dtype)
    return (vh.conj().swapaxes(-1, -2) * inverse[..., None, :]) @ u.conj().swapaxes(-1, -2)


def _pseudo_inverted(x, *, out, rtol, atol, symmetric):
    """What a pseudo-inverse y is by Penrose's equations; it changes with x as y does, and in first
    order not with y."""
    xh, yh = hermitian(x), hermitian(out)
    left, right = chain(out, yh, xh), chain(xh, yh, out)  # y, both
    middle = matmul(out, x)
    return matmul(middle, out) + left - chain(left, x, out) + right - matmul(middle, right)


def _pinv_back(g, saved, params, needs):
    """The derived rule with four products fewer, on arrays."""
    x, out = saved[:2]
    ph, gh = hermitian(out), hermitian(g)
    first, last = chain(gh, out, ph), chain(ph, out, gh)
    kept = first - chain(x, out, first) + last - chain(last, out, x)
    return (kept - chain(ph, g, ph),)


def _pinv_shape(prim, args, params):
    *lead, n, m = shape_of(args[0])
    return (*lead, m, n), element_type(args[0])


pinv = composed(
    "linalg_pinv", _pinv, ("x",), _pseudo_inverted, back=_pinv_back, saves={"x": ("x", "out")},
    loops={0: 2}, shape=_pinv_shape, tex="pinv(x)",
)  # fmt: skip


def _along(x, t):
    """The derivative of exp at x along t: the upper right block of exp [[x, t], [0, x]]."""
    n = last_size(x)
    rank = len(shape_of(x))
    top = concatenate(x, t, axis=rank - 1)
    bottom = concatenate(zeros_like(x), x, axis=rank - 1)
    whole = matrix_exp(concatenate(top, bottom, axis=rank - 2))
    return slice_(whole, index=(..., slice(0, n), slice(n, 2 * n)))


matrix_exp = Primitive(
    "linalg_matrix_exp", exponential, ("x",), batch=batch_leading, shape=same_shape,
    vjp={"x": lambda g, x: _along(hermitian(x), g)},
    jvp=lambda t, primals, out, params: _along(primals[0], t[0]),
    tex="exp(x)",
)  # fmt: skip
