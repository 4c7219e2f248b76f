"""LU and LDL factorisations of stacks of matrices: LAPACK's values, our derivatives.

The pivots are found once and are constants; the derivative is that of the factorisation of the
rows in their final order. Loaded when first used.
"""

import numpy as np

from ..base.lazy import lazy_module
from ..core.handle import element_type, shape_of
from ..core.primitive import Primitive
from .composed import composed
from .contraction import matmul
from .matrices import batch_leading, by_columns, hermitian, last_size, mask
from .solutions import first_told, triangular_solve

__all__ = ["ldl", "lu_of_rows", "lu_pivoted", "permutation", "raw_qr"]

lapack = lazy_module("scipy.linalg.lapack")


def _each(x, compute, shapes):
    """`compute` on each matrix of a stack; `shapes`: (shape, dtype) of each result for one."""
    lead = x.shape[:-2]
    outs = [np.zeros((*lead, *shape), kind) for shape, kind in shapes]
    for place in np.ndindex(lead):
        for out, value in zip(outs, compute(x[place]), strict=True):
            out[place] = value
    return tuple([out[()] for out in outs])


def _lu_pivoted(x, *, check=False):
    """(both factors in one matrix, 1-based row exchanges, LAPACK's info)."""
    n, m = x.shape[-2:]
    k = min(n, m)
    kinds = [((n, m), x.dtype), ((k,), np.int32), ((), np.int32)]
    if not k:
        return _each(x, lambda a: (a, np.zeros(0, np.int32), 0), kinds)
    (factor,) = lapack.get_lapack_funcs(("getrf",), (x,)) if x.size else (None,)

    def one(a):
        packed, pivots, info = factor(a)
        return packed, pivots + 1, info

    made = _each(x, one, kinds)
    if check and made[2].any():
        _refuse_zero_on_diagonal(made[2])
    return made


def _refuse_zero_on_diagonal(info):
    where, place = first_told(info)
    raise RuntimeError(
        f"torch.linalg.lu_factor: {where}U[{place},{place}] is zero and using it on lu_solve would "
        "result in a division by zero. If you still want to perform the factorization, consider "
        "calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
    )


def _lu_shape(prim, args, params):
    *lead, n, m = shape_of(args[0])
    whole = np.dtype(np.int32)
    return [
        ((*lead, n, m), element_type(args[0])), ((*lead, min(n, m)), whole), (tuple(lead), whole),
    ]  # fmt: skip


lu_pivoted = by_columns(
    "lu_factor", _lu_pivoted, ("x",), batch=batch_leading, shape=_lu_shape, tex="lu(x)"
)


def _order(pivots, *, n):
    """P of A = P L U as 0 and 1, from exchanges of rows (1-based, LAPACK's)."""
    order = np.broadcast_to(np.arange(n), (*pivots.shape[:-1], n)).copy()
    flat, swaps = order.reshape(-1, n) if n else order, pivots.reshape(-1, pivots.shape[-1] or 1)
    for row, exchange in zip(flat, swaps, strict=False):
        for i, j in enumerate(exchange):
            row[i], row[j - 1] = row[j - 1], row[i]
    return np.arange(n)[:, None] == order[..., None, :]


permutation = Primitive("lu_permutation", _order, ("pivots",), batch=batch_leading,
                        tex="permutation(pivots)")  # fmt: skip


def _raw_qr(x):
    h, tau = np.linalg.qr(x, "raw")
    return np.swapaxes(h, -1, -2), tau


raw_qr = by_columns("geqrf", _raw_qr, ("x",), batch=batch_leading, tex="qr(x)")


def _strict(x):
    n = last_size(x)
    return mask(x, np.tri(n, n, -1, dtype=bool))


def _upper(x):
    n = last_size(x)
    return mask(x, np.tri(n, n, 0, dtype=bool).T | np.eye(n, dtype=bool))


def _unit_lower(x):
    return _strict(x) + np.eye(last_size(x), dtype=element_type(x))


def _factored(x, packed, *, out):
    """A step of Newton's method for x = L U: with M = L⁻¹ x U⁻¹, which is 1 there, L moves by the
    part of L M below the diagonal, U is the upper part of M times U."""
    half = triangular_solve(out, x, upper=False, unit=True)
    turned = triangular_solve(hermitian(_upper(out)), hermitian(half), upper=False, unit=False)
    inner = hermitian(turned)
    low, high = _unit_lower(out), _upper(out)
    return _strict(out) + matmul(low, _strict(inner)) + matmul(_upper(inner), high)


def _as_known(x, packed):
    shape = np.broadcast_shapes(x.shape, packed.shape)
    return packed if packed.shape == shape else np.broadcast_to(packed, shape).copy()


# The factors of square matrices whose rows need no exchange, known beforehand as `packed`.
lu_of_rows = composed(
    "lu_of_rows", _as_known, ("x", "packed"), _factored, saves={"x": ("out",)},
    shape=lambda prim, args, params: (tuple(shape_of(args[1])), element_type(args[1])),
    loops={0: 2, 1: 2}, tex="lu(x)", torch_name="LinalgLuFactorEx",
)  # fmt: skip


def _ldl(x, *, hermitian):
    """(L and D in one matrix, LAPACK's pivots, its info) of symmetric or Hermitian matrices."""
    n = x.shape[-1]
    kinds = [((n, n), x.dtype), ((n,), np.int32), ((), np.int32)]
    name = "hetrf" if hermitian and x.dtype.kind == "c" else "sytrf"
    (factor,) = lapack.get_lapack_funcs((name,), (x,))

    def one(a):
        if not n:
            return a, np.zeros(0, np.int32), 0
        packed, pivots, info = factor(a, lower=1)
        return np.tril(packed), pivots, info

    return _each(x, one, kinds)


ldl = by_columns("ldl_factor", _ldl, ("x",), batch=batch_leading, tex="ldl(x)")
