"""Matrix functions of LAPACK on stacks of square or tall matrices, with their derivatives.

NumPy factorises; the rules are matrix products and solves, so each holds to any order. H stands
for the conjugate transpose. Formulas: Giles 2008; Murray 2016; Seeger et al. 2017.
"""

import numpy as np

from ..core.handle import element_type, shape_of
from ..core.primitive import Primitive
from ..errors import LinAlgError, hinted
from ..lazy import lazy_module
from .arithmetic import select, zeros_like
from .base import cast, conj, move_batch, reduce_sum, reshape, sum_to
from .contraction import matmul, swap_last
from .define import nondifferentiable
from .structural import concatenate, diagonal, from_diagonal, slice_

__all__ = ["adjugate", "cholesky", "complement", "det", "eig", "eigh", "hermitian", "inv",
           "matrix_exp", "pinv", "qr",
           "slogdet", "solve", "svd", "triangular_solve"]  # fmt: skip

scipy_linalg = lazy_module("scipy.linalg")


def hermitian(x):
    """The conjugate transpose of each matrix."""
    return conj(swap_last(x))


def _size(x):
    return shape_of(x)[-1]


def _product(*factors):
    result = factors[0]
    for factor in factors[1:]:
        result = matmul(result, factor)
    return result


def _mask(x, keep):
    """Zeros in a matrix where the boolean matrix `keep` has False."""
    return select(keep, x, zeros_like(x))


def _triangle(x, strict=False):
    n, m = tuple(shape_of(x))[-2:]
    return _mask(x, np.tri(n, m, -1 if strict else 0, dtype=bool))


def _columns(x, row):
    """Each column of `x` scaled by an entry of `row`."""
    return x * _like(row, x, (-2,))


def _like(row, x, axes):
    shape = list(shape_of(row))
    shape.insert(len(shape) - 1 if axes == (-2,) else len(shape), 1)
    wide = reshape(row, shape=tuple(shape))
    to = element_type(x)
    return wide if element_type(wide) == to else cast(wide, to=to, origin=element_type(wide))


def _diagonal_matrix(row, like):
    to = element_type(like)
    n = _size(row)
    if element_type(row) != to:
        row = cast(row, to=to, origin=element_type(row))
    return from_diagonal(row, offset=0, shape=(*tuple(shape_of(row)), n))


def _real_diagonal(x):
    d = diagonal(x, offset=0)
    return d.real if element_type(d).kind == "c" else d


def _batch_leading(prim, tensors, axes, params):
    """The batch axis goes in front of the stack, where LAPACK's loop takes it."""
    return prim(move_batch(tensors[0], axes[0]), **params), 0


def _gaps(values):
    """w_j - w_i, with ones on the diagonal."""
    lead = tuple(shape_of(values))
    row, column = (
        reshape(values, shape=(*lead[:-1], 1, lead[-1])),
        reshape(values, shape=(*lead, 1)),
    )
    gaps = row - column
    return select(np.eye(lead[-1], dtype=bool), gaps * 0 + 1, gaps)


def _same(prim, args, params):
    return tuple(shape_of(args[0])), element_type(args[0])


def _over(x, real):
    """A matrix over a real one of its shape."""
    to = element_type(x)
    return x / (real if element_type(real) == to else cast(real, to=to, origin=element_type(real)))


# --- inverse and solution -----------------------------------------------------------------------


def _inv(x):
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        raise LinAlgError(_SINGULAR % ("linalg.inv", "inversion", "input matrix")) from None


_SINGULAR = (
    "%s: The diagonal element is zero, the %s could not be completed because the %s is singular."
)

inv = Primitive(
    "linalg_inv_ex", _inv, ("x",), batch=_batch_leading, shape=_same,
    vjp={"x": lambda g, out: -_product(hermitian(out), g, hermitian(out))},
    jvp=lambda t, primals, out, params: -_product(out, t[0], out),
)  # fmt: skip


def _solve(a, b):
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "torch.linalg.solve: The solver failed because the input matrix is singular."
        ) from None


def _batch_pair(prim, tensors, axes, params):
    rank = max(len(shape_of(t)) - (a is not None) for t, a in zip(tensors, axes, strict=True))
    fronted = []
    for t, a in zip(tensors, axes, strict=True):
        if a is not None:
            t = move_batch(t, a)
            shape = tuple(shape_of(t))
            t = reshape(t, shape=(shape[0], *(1,) * (rank - len(shape) + 1), *shape[1:]))
        fronted.append(t)
    return prim(*fronted, **params), 0


def _solve_shape(prim, args, params):
    a, b = [tuple(shape_of(x)) for x in args]
    return (*np.broadcast_shapes(a[:-2], b[:-2]), *b[-2:]), element_type(args[0])


def _solve_back(g, a, b_shape, out, needs):
    right = solve(hermitian(a), g)
    left = sum_to(-matmul(right, hermitian(out)), tuple(shape_of(a))) if needs[0] else None
    return left, sum_to(right, tuple(b_shape)) if needs[1] else None


def _solve_tangent(t, primals, out, params):
    ta, tb = t
    moved = None if ta is None else -matmul(ta, out)
    return solve(primals[0], moved if tb is None else tb if moved is None else tb + moved)


solve = Primitive("linalg_solve_ex", _solve, ("a", "b"), pullback=_solve_back, jvp=_solve_tangent,
                  batch=_batch_pair, shape=_solve_shape)  # fmt: skip


def _triangular(a, b, *, upper, unit):
    a = (np.triu if upper else np.tril)(a)
    if unit:
        n = a.shape[-1]
        a = np.where(np.eye(n, dtype=bool), a.dtype.type(1), a)
    return np.linalg.solve(a, b)


def _part(x, upper, unit):
    """What a triangular solve reads of its matrix."""
    n = _size(x)
    keep = np.tri(n, n, -1 if unit else 0, dtype=bool)
    return _mask(x, keep.T if upper else keep)


def _triangular_back(g, a, b_shape, out, upper, unit, needs):
    right = triangular_solve(hermitian(a), g, upper=not upper, unit=unit)
    left = None
    if needs[0]:
        left = sum_to(_part(-matmul(right, hermitian(out)), upper, unit), tuple(shape_of(a)))
    return left, sum_to(right, tuple(b_shape)) if needs[1] else None


def _triangular_tangent(t, primals, out, params):
    ta, tb = t
    moved = None if ta is None else -matmul(_part(ta, **params), out)
    total = moved if tb is None else tb if moved is None else tb + moved
    return triangular_solve(primals[0], total, **params)


triangular_solve = Primitive(
    "linalg_solve_triangular", _triangular, ("a", "b"), pullback=_triangular_back,
    jvp=_triangular_tangent, batch=_batch_pair, shape=_solve_shape,
)  # fmt: skip


# --- determinants -------------------------------------------------------------------------------


def _adjugate(x):
    """det(x) x⁻¹, through the singular values: it exists for singular matrices too."""
    u, s, vh = np.linalg.svd(x)
    n = s.shape[-1]
    others = np.where(np.eye(n, dtype=bool), 1, s[..., None, :]).prod(-1)
    turn = np.linalg.det(u) * np.linalg.det(vh)
    mid = vh.conj().swapaxes(-1, -2) * others[..., None, :]
    return (turn[..., None, None] * (mid @ u.conj().swapaxes(-1, -2))).astype(x.dtype)


def _matrix_of(number):
    return reshape(number, shape=(*tuple(shape_of(number)), 1, 1))


def _adjugate_back(g, x):
    d, inverse = _matrix_of(det(x)), inv(x)
    back = hermitian(inverse)
    along = _matrix_of(reduce_sum(g * conj(inverse), axes=_last_two(g), keepdims=False))
    return conj(d) * (along * back - _product(back, g, back))


def _last_two(x):
    rank = len(shape_of(x))
    return rank - 2, rank - 1


def _adjugate_tangent(t, primals, out, params):
    inverse = inv(primals[0])
    d = _matrix_of(det(primals[0]))
    trace = _matrix_of(reduce_sum(diagonal(matmul(inverse, t[0]), offset=0),
                                  axes=(len(shape_of(t[0])) - 2,), keepdims=False))  # fmt: skip
    return d * (trace * inverse - _product(inverse, t[0], inverse))


adjugate = Primitive(
    "adjugate",
    _adjugate,
    ("x",),
    vjp={"x": _adjugate_back},
    jvp=_adjugate_tangent,
    batch=_batch_leading,
    shape=_same,
)


def _det_tangent(t, primals, out, params):
    product = matmul(adjugate(primals[0]), t[0])
    return reduce_sum(
        diagonal(product, offset=0), axes=(len(shape_of(product)) - 2,), keepdims=False
    )


det = Primitive(
    "linalg_det", lambda x: np.asarray(np.linalg.det(x), x.dtype)[()], ("x",), batch=_batch_leading,
    vjp={"x": lambda g, x: _matrix_of(g) * hermitian(adjugate(x))}, jvp=_det_tangent,
    shape=lambda prim, args, params: (tuple(shape_of(args[0]))[:-2], element_type(args[0])),
)  # fmt: skip


def _slogdet(x):
    sign, size = np.linalg.slogdet(x)
    return np.asarray(sign, x.dtype)[()], np.asarray(size)[()]


def _slogdet_back(g, x, out):
    back = hermitian(inv(x))
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
    product = matmul(inv(primals[0]), t[0])
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
    batch=_batch_leading,
)


# --- Cholesky -----------------------------------------------------------------------------------


def _half_lower(x):
    """The lower triangle with its diagonal halved."""
    n = _size(x)
    return _triangle(x) * (1 - 0.5 * np.eye(n)).astype(element_type(x))


def _cholesky_back(g, out):
    inner = _triangle(matmul(hermitian(out), g))
    inner = (inner + hermitian(_triangle(inner, strict=True))) * 0.5
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
        raise LinAlgError(_NOT_POSITIVE) from None


_NOT_POSITIVE = hinted(
    "linalg.cholesky: The factorization could not be completed because the input is not "
    "positive-definite.",
    "a matrix plus a small multiple of the identity often is.",
)

cholesky = Primitive("linalg_cholesky_ex", _cholesky, ("x",), vjp={"x": _cholesky_back},
                     jvp=_cholesky_tangent, batch=_batch_leading, shape=_same)  # fmt: skip


# --- eigenvalues of Hermitian matrices ----------------------------------------------------------


def _eigh(x, *, upper):
    values, vectors = np.linalg.eigh(x, "U" if upper else "L")
    return values, vectors


def _eigh_back(g, out):
    values, vectors = out
    inner = None
    if g[1] is not None:
        turned = matmul(hermitian(vectors), g[1])
        off = _mask(turned, ~np.eye(_size(values), dtype=bool))
        inner = _over(off, _gaps(values))
    if g[0] is not None:
        stretch = _diagonal_matrix(g[0], vectors)
        inner = stretch if inner is None else inner + stretch
    whole = _product(vectors, inner, hermitian(vectors))
    return ((whole + hermitian(whole)) * 0.5,) if g[1] is not None else (whole,)


def _eigh_tangent(t, primals, out, params):
    values, vectors = out
    inner = _product(hermitian(vectors), t[0], vectors)
    off = _mask(inner, ~np.eye(_size(values), dtype=bool))
    return _real_diagonal(inner), matmul(vectors, _over(off, _gaps(values)))


eigh = Primitive("linalg_eigh", _eigh, ("x",), pullback=_eigh_back, jvp=_eigh_tangent,
                 batch=_batch_leading)  # fmt: skip


# --- eigenvalues of any matrices ----------------------------------------------------------------


def _eig(x):
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
        length = _diagonal_matrix(diagonal(turned, offset=0).real, vectors)
        free = turned - _product(hermitian(vectors), vectors, length)
        inner = _off(free) / conj(_gaps(values))
    if g[0] is not None:
        stretch = _diagonal_matrix(g[0], vectors)
        inner = stretch if inner is None else inner + stretch
    whole = solve(hermitian(vectors), matmul(inner, hermitian(vectors)))
    return (whole if element_type(x).kind == "c" else whole.real,)


def _eig_tangent(t, primals, out, params):
    values, vectors = out
    to = element_type(vectors)
    moved = t[0] if element_type(t[0]) == to else cast(t[0], to=to, origin=element_type(t[0]))
    inner = solve(vectors, matmul(moved, vectors))
    turned = matmul(vectors, _off(inner) / _gaps(values))
    length = diagonal(matmul(hermitian(vectors), turned), offset=0).real
    return diagonal(inner, offset=0), turned - matmul(vectors, _diagonal_matrix(length, vectors))


eig = Primitive(
    "linalg_eig", _eig, ("x",), pullback=_eig_back, jvp=_eig_tangent, batch=_batch_leading
)


# --- singular values ----------------------------------------------------------------------------


def _svd(x):
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return u, s, vh


def _skew(x):
    return x - hermitian(x)


def _symmetric(x):
    return x + hermitian(x)


def _svd_back(g, out):
    gu, gs, gvh = g
    u, s, vh = out
    inner = None if gs is None else _diagonal_matrix(gs, u)
    gaps = _gaps(s * s)
    if gu is not None:
        term = _columns(_over(_skew(matmul(hermitian(u), gu)), gaps), s)
        inner = term if inner is None else inner + term
    if gvh is not None:
        turned = _over(_skew(matmul(vh, hermitian(gvh))), gaps)
        term = turned * _like(s, turned, (-1,))
        inner = term if inner is None else inner + term
    if element_type(u).kind == "c" and gu is not None:
        turned = matmul(hermitian(u), gu)
        inner = inner + _diagonal_matrix(diagonal(turned, offset=0).imag * 1j / s, u)
    total = _product(u, inner, vh)
    if gu is not None and shape_of(u)[-2] > _size(s):
        rest = gu - _product(u, hermitian(u), gu)
        total = total + matmul(rest / _like(s, u, (-2,)), vh)
    if gvh is not None and shape_of(vh)[-1] > _size(s):
        rest = gvh - _product(gvh, hermitian(vh), vh)
        total = total + matmul(u, rest / _like(s, vh, (-1,)))
    return (total,)


def _svd_tangent(t, primals, out, params):
    u, s, vh = out
    inner = _product(hermitian(u), t[0], hermitian(vh))
    gaps = _gaps(s * s)
    scaled = _columns(inner, s)
    lifted = inner * _like(s, inner, (-1,))
    tv = matmul(hermitian(vh), _off(_over(_symmetric(lifted), gaps)))
    tu = matmul(u, _off(_over(_symmetric(scaled), gaps)))
    if element_type(u).kind == "c":
        turn = diagonal(inner, offset=0).imag * 1j / (s * 2)
        tu, tv = (
            tu + matmul(u, _diagonal_matrix(turn, u)),
            tv - matmul(hermitian(vh), _diagonal_matrix(turn, u)),
        )
    if shape_of(u)[-2] > _size(s):
        moved = matmul(t[0], hermitian(vh))
        tu = tu + (moved - _product(u, hermitian(u), moved)) / _like(s, u, (-2,))
    if shape_of(vh)[-1] > _size(s):
        moved = matmul(hermitian(t[0]), u)
        tv = tv + (moved - _product(hermitian(vh), vh, moved)) / _like(s, u, (-2,))
    return tu, _real_diagonal(inner), hermitian(tv)


def _off(x):
    return _mask(x, ~np.eye(_size(x), dtype=bool))


svd = Primitive(
    "linalg_svd", _svd, ("x",), pullback=_svd_back, jvp=_svd_tangent, batch=_batch_leading
)


def _complement(q):
    return np.linalg.qr(q, "complete")[0][..., q.shape[-1] :]


# Columns that complete orthonormal ones to a basis; any will do, so they count as constants.
complement = nondifferentiable("complement", _complement, ("q",), batch=_batch_leading)


# --- QR of tall matrices ------------------------------------------------------------------------


def _qr(x):
    q, r = np.linalg.qr(x)
    return q, r


def _mirrored(x):
    """The lower triangle and its mirror image: what a derivative of R leaves free."""
    below = _triangle(x, strict=True)
    return below + hermitian(below) + _diagonal_matrix(_real_diagonal(x), x)


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
    below = _triangle(inner, strict=True)
    turn = below - hermitian(below)
    if element_type(inner).kind == "c":
        turn = turn + _diagonal_matrix(diagonal(inner, offset=0).imag * 1j, inner)
    return moved - matmul(q, inner - turn), matmul(inner - turn, r)


qr = Primitive("linalg_qr", _qr, ("x",), pullback=_qr_back, jvp=_qr_tangent, batch=_batch_leading)


# --- pseudo-inverse and exponential -------------------------------------------------------------


def _pinv(x, *, rtol, atol, symmetric):
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    least = np.maximum(rtol * s.max(-1, keepdims=True, initial=0), atol)
    with np.errstate(divide="ignore"):
        inverse = np.where(s > least, 1 / s, 0).astype(s.dtype)
    return (vh.conj().swapaxes(-1, -2) * inverse[..., None, :]) @ u.conj().swapaxes(-1, -2)


def _outside(x, left, right):
    """x minus its part that left·right projects onto."""
    return x - _product(left, right, x)


def _pinv_back(g, x, out):
    ph, gh = hermitian(out), hermitian(g)
    first = _outside(_product(gh, out, ph), x, out)
    last = _product(ph, out, gh)
    return first + last - _product(last, out, x) - _product(ph, g, ph)


def _pinv_tangent(t, primals, out, params):
    (x,), th, ph = primals, hermitian(t[0]), hermitian(out)
    first = _product(out, ph, th)
    last = _product(th, ph, out)
    return (
        first - _product(first, x, out) + last - _product(out, x, last) - _product(out, t[0], out)
    )


pinv = Primitive(
    "linalg_pinv",
    _pinv,
    ("x",),
    vjp={"x": _pinv_back},
    jvp=_pinv_tangent,
    batch=_batch_leading,
    shape=lambda prim, args, params: (
        (*tuple(shape_of(args[0]))[:-2], shape_of(args[0])[-1], shape_of(args[0])[-2]),
        element_type(args[0]),
    ),
)


def _matrix_exp(x):
    if x.size == 0:
        return x.copy()
    wide = x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)
    return scipy_linalg.expm(wide).astype(x.dtype)


def _along(x, t):
    """The derivative of exp at x along t: the upper right block of exp [[x, t], [0, x]]."""
    n = _size(x)
    rank = len(shape_of(x))
    top = concatenate(x, t, axis=rank - 1)
    bottom = concatenate(zeros_like(x), x, axis=rank - 1)
    whole = matrix_exp(concatenate(top, bottom, axis=rank - 2))
    return slice_(whole, index=(..., slice(0, n), slice(n, 2 * n)))


matrix_exp = Primitive(
    "linalg_matrix_exp", _matrix_exp, ("x",), batch=_batch_leading, shape=_same,
    vjp={"x": lambda g, x: _along(hermitian(x), g)},
    jvp=lambda t, primals, out, params: _along(primals[0], t[0]),
)  # fmt: skip
