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
from .contraction import matmul
from .define import nondifferentiable
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
    triangle,
)
from .matrix_exponential import exponential
from .solutions import first_failure, solve, triangular_solve
from .structural import concatenate, diagonal, slice_

__all__ = ["cholesky", "complement", "eig", "eigh", "matrix_exp", "pinv", "qr", "qr_by_mode",
           "svd"]  # fmt: skip


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


def _svd(x):
    try:
        u, s, vh = np.linalg.svd(x, full_matrices=False)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.svd: The algorithm failed to converge because the input matrix contained "
            "non-finite values."
        ) from None
    return u, s, vh


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
    _svd,
    ("x",),
    places=(0, 2),
    pullback=_svd_back,
    jvp=_svd_tangent,
    batch=batch_leading,
    tex="svd(x)",
)


def _complement(q):
    return np.linalg.qr(q, "complete")[0][..., q.shape[-1] :]


def _complement_shape(prim, args, params):
    *lead, n, m = shape_of(args[0])
    return (*lead, n, n - m), element_type(args[0])


# Columns that complete orthonormal ones to a basis; any will do, so they count as constants.
complement = nondifferentiable(
    "complement",
    _complement,
    ("q",),
    batch=batch_leading,
    shape=_complement_shape,
    tex="complement(q)",
)


# --- QR of tall matrices ------------------------------------------------------------------------


def _qr(x):
    q, r = np.linalg.qr(x)
    return q, r


def _mirrored(x):
    """The lower triangle and its mirror image: what a derivative of R leaves free."""
    below = triangle(x, strict=True)
    return below + hermitian(below) + diagonal_matrix(real_diagonal(x), x)


def _qr_back(g, out):
    gq, gr = g
    q, r = out
    inner = None if gr is None else matmul(r, hermitian(gr))
    if gq is not None:
        term = -matmul(hermitian(gq), q)
        inner = term if inner is None else inner + term
    total = matmul(q, _mirrored(inner))
    total = total if gq is None else total + gq
    return (hermitian(triangular_solve(r, hermitian(total), upper=True, unit=False)),)


def _qr_tangent(t, primals, out, params):
    q, r = out
    moved = hermitian(triangular_solve(hermitian(r), hermitian(t[0]), upper=False, unit=False))
    inner = matmul(hermitian(q), moved)
    below = triangle(inner, strict=True)
    turn = below - hermitian(below)
    if element_type(inner).kind == "c":
        turn = turn + diagonal_matrix(diagonal(inner, offset=0).imag * 1j, inner)
    return moved - matmul(q, inner - turn), matmul(inner - turn, r)


qr = by_columns(
    "linalg_qr",
    _qr,
    ("x",),
    places=(0, 1),
    pullback=_qr_back,
    jvp=_qr_tangent,
    batch=batch_leading,
    tex="qr(x)",
)


def _qr_by_mode(x, *, mode):
    if mode == "complete":
        return tuple(np.linalg.qr(x, "complete"))
    return np.linalg.qr(x, "r")


def _qr_refuses(mode):
    if mode == "complete":
        raise RuntimeError(hinted(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.",
            "the added columns of Q are arbitrary; mode='reduced' has a derivative.",
        ))  # fmt: skip
    raise RuntimeError(
        "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
        "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
    )


# The modes without a derivative: its rules refuse, so that no gradient is lost in silence.
qr_by_mode = by_columns(
    "linalg_qr_by_mode", _qr_by_mode, ("x",), places=(0, 1),
    pullback=lambda g, mode: _qr_refuses(mode),
    jvp=lambda t, primals, out, params: _qr_refuses(params["mode"]), batch=batch_leading,
    tex="qr(x)", torch_name="LinalgQr",
)  # fmt: skip


# --- pseudo-inverse and exponential -------------------------------------------------------------


def _pinv(x, *, rtol, atol, symmetric):
    if symmetric:  # the lower triangle is read
        below = np.tril(x, -1)
        diagonal = np.diagonal(x, 0, -2, -1).real[..., None] * np.eye(x.shape[-1], dtype=x.dtype)
        x = below + below.conj().swapaxes(-1, -2) + diagonal
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    least = np.maximum(rtol * s.max(-1, keepdims=True, initial=0), atol)
    with np.errstate(divide="ignore"):
        inverse = np.where(s > least, 1 / s, 0).astype(s.dtype)
    return (vh.conj().swapaxes(-1, -2) * inverse[..., None, :]) @ u.conj().swapaxes(-1, -2)


def _outside(x, left, right):
    """x minus its part that left·right projects onto."""
    return x - chain(left, right, x)


def _pinv_back(g, x, out):
    ph, gh = hermitian(out), hermitian(g)
    first = _outside(chain(gh, out, ph), x, out)
    last = chain(ph, out, gh)
    return first + last - chain(last, out, x) - chain(ph, g, ph)


def _pinv_tangent(t, primals, out, params):
    (x,), th, ph = primals, hermitian(t[0]), hermitian(out)
    first = chain(out, ph, th)
    last = chain(th, ph, out)
    return first - chain(first, x, out) + last - chain(out, x, last) - chain(out, t[0], out)


pinv = Primitive(
    "linalg_pinv",
    _pinv,
    ("x",),
    vjp={"x": _pinv_back},
    jvp=_pinv_tangent,
    batch=batch_leading,
    shape=lambda prim, args, params: (
        (*tuple(shape_of(args[0]))[:-2], shape_of(args[0])[-1], shape_of(args[0])[-2]),
        element_type(args[0]),
    ),
    tex="pinv(x)",
)


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
