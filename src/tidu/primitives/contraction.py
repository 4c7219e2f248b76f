"""Matrix products: `matmul` for stacks of matrices, `mv` for vectors, `linear` for x·Wᵀ + b."""

import math

import numpy as np

from ..base.dtypes import KEPT
from ..core.handle import element_type, shape_of
from ..core.native import NATIVE
from ..core.primitive import Primitive
from .base import HALVES, move_batch, reduce_sum, reshape, sum_to, transpose
from .define import bilinear, pad_rank
from .sums import MANY, total

__all__ = ["linear_map", "linear_product", "matmul", "mv", "swap_last"]


def swap_last(x):
    """The transpose of each matrix in a stack."""
    rank = len(shape_of(x))
    return transpose(x, axes=(*range(rank - 2), rank - 1, rank - 2))


FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
NARROW = 64  # the rows that einsum's loop multiplies up to twice as fast as multiply's
SHARED = 1 << 18  # multiplications above which OpenBLAS starts its threads, and we ours


def _product(x, y):
    """x · y of two matrices in memory."""
    if x.size * y.shape[1] > SHARED and NATIVE and (out := NATIVE.product(x, y)) is not None:
        return out
    return x.dot(y)


def _matmul(x, y):
    if x.dtype in HALVES:
        return np.matmul(x.astype(np.float32), y.astype(np.float32)).astype(x.dtype)
    if y.ndim == 2:
        if x.ndim == 2:
            return _product(x, y)
        if x.ndim > 2 and x.flags.c_contiguous:  # one product, not one for each matrix
            return _product(rows(x), y).reshape(*x.shape[:-1], y.shape[1])
    if x.shape[-1] == 1 == y.shape[-2]:  # outer products, for which matmul calls BLAS one by one
        if x.ndim == y.ndim == 3 and x.dtype in FLOATS:
            if y.shape[2] <= NARROW and x.shape[1] > 1 and x.size * y.shape[2] > 2048:
                return np.einsum("bij,bjk->bik", x, y)
        out = np.multiply(x, y, order="C")  # laid out as matmul's results are
        if out.dtype.kind in "fc":
            out += 0  # sums begin with 0, and 0 + -0 is 0
        return out
    if x.size * y.shape[-1] > SHARED and NATIVE and (out := NATIVE.stack(x, y)) is not None:
        return out
    return np.matmul(x, y)


def _batch_matmul(prim, tensors, axes, params):
    (x, y), (of_x, of_y) = tensors, axes
    logical = len(shape_of(x)) - (of_x is not None), len(shape_of(y)) - (of_y is not None)
    if logical[0] == logical[1] and not of_x and not of_y:  # batches lie first, if there are two
        return matmul(x, y), 0
    logical = max(logical)
    x, y = [
        t if a is None else pad_rank(move_batch(t, a), logical)
        for t, a in zip(tensors, axes, strict=True)
    ]
    return matmul(x, y), 0


def _matmul_shape(prim, args, params):
    x, y = [tuple(shape_of(a)) for a in args]
    return (*np.broadcast_shapes(x[:-2], y[:-2]), x[-2], y[-1]), element_type(args[0])


matmul = bilinear(
    "mm", _matmul,
    x=lambda g, x_shape, y: sum_to(matmul(g, swap_last(y)), tuple(x_shape)),
    y=lambda g, y_shape, x: sum_to(matmul(swap_last(x), g), tuple(y_shape)),
    batch=_batch_matmul, shape=_matmul_shape, tex="x @ y",
)  # fmt: skip


# --- matrices times vectors ---------------------------------------------------------------------


def _mv(x, y):
    if x.dtype in HALVES:
        return _mv(x.astype(np.float32), y.astype(np.float32)).astype(x.dtype)
    if y.ndim == 1:
        return x.dot(y)
    if x.ndim == 2:
        return rows(y).dot(x.T).reshape(*y.shape[:-1], x.shape[0])
    return np.matmul(x, y[..., None])[..., 0]


def _outer(g, y):
    g_shape, y_shape = tuple(shape_of(g)), tuple(shape_of(y))
    return reshape(g, shape=(*g_shape, 1)) * reshape(y, shape=(*y_shape[:-1], 1, y_shape[-1]))


def _batch_mv(prim, tensors, axes, params):
    lead = max(
        len(shape_of(t)) - own - (a is not None)
        for t, a, own in zip(tensors, axes, (2, 1), strict=True)
    )
    x, y = [
        t if a is None else pad_rank(move_batch(t, a), lead + own)
        for t, a, own in zip(tensors, axes, (2, 1), strict=True)
    ]
    return mv(x, y), 0


def _mv_shape(prim, args, params):
    x, y = [tuple(shape_of(a)) for a in args]
    return (*np.broadcast_shapes(x[:-2], y[:-1]), x[-2]), element_type(args[0])


# A primitive, not a reshaped matmul: one node for three, and one product for a batch of vectors
# (a Jacobian of 256x256: 1060 µs became 560).
mv = bilinear(
    "mv", _mv,
    x=lambda g, x_shape, y: sum_to(_outer(g, y), tuple(x_shape)),
    y=lambda g, y_shape, x: sum_to(mv(swap_last(x), g), tuple(y_shape)),
    batch=_batch_mv, shape=_mv_shape, tex="x @ y",
)  # fmt: skip


# --- linear: one node for the layer every network is made of ------------------------------------


def _linear(x, weight, bias=None):
    if x.dtype in HALVES or x.dtype in KEPT:
        wide = [a if a is None else a.astype(np.float32) for a in (x, weight, bias)]
        return _linear(*wide).astype(x.dtype)
    if x.size * weight.shape[0] > SHARED and NATIVE:
        out = NATIVE.product(rows(x), weight.T, bias)
        if out is not None:
            return out.reshape(*x.shape[:-1], weight.shape[0])
    if x.ndim == 2:
        out = x.dot(weight.T)
    else:
        out = rows(x).dot(weight.T).reshape(*x.shape[:-1], weight.shape[0])
    if bias is not None:
        out += bias
    return out


def rows(x):
    """`x` as a matrix whose rows run along its last axis."""
    shape = shape_of(x)
    if len(shape) == 2:
        return x
    return reshape(x, shape=(math.prod(shape[:-1]), shape[-1]))


def _weight_back(g, x):
    return matmul(swap_last(rows(g)), rows(x))


def _input_back(g, x_shape, weight):
    back = matmul(rows(g), weight)
    return back if len(x_shape) == 2 else reshape(back, shape=tuple(x_shape))


def _linear_tangent(tangents, primals, out, params):
    tx, tw, tb = [*tangents, None][:3]
    x, weight = primals[:2]
    total = None
    if tx is not None:
        total = linear_map(tx, weight)
    if tw is not None:
        term = linear_map(x, tw)
        total = term if total is None else total + term
    if tb is not None:
        total = (
            total + tb
            if total is not None
            else tb + np.zeros(tuple(shape_of(out)), element_type(tb))
        )
    return total


def _batch_linear(prim, tensors, axes, params):
    if axes[1] is None and (len(axes) < 3 or axes[2] is None):
        return linear_map(move_batch(tensors[0], axes[0]), *tensors[1:]), 0
    x, weight = tensors[:2]
    weight = swap_last(weight if axes[1] is None else move_batch(weight, axes[1]))
    x = x if axes[0] is None else move_batch(x, axes[0])
    logical = len(shape_of(x)) - (axes[0] is not None)
    if logical == 1:
        shape = tuple(shape_of(x))
        x = reshape(x, shape=(*shape[:-1], 1, shape[-1]))
    w_shape = tuple(shape_of(weight))
    if axes[1] is not None and logical > 2:
        weight = reshape(weight, shape=(w_shape[0], *(1,) * (logical - 2), *w_shape[1:]))
    out = matmul(x, weight)
    if logical == 1:
        shape = tuple(shape_of(out))
        out = reshape(out, shape=(*shape[:-2], shape[-1]))
    if len(tensors) == 3:
        bias = tensors[2]
        if axes[2] is not None:
            bias = pad_rank(move_batch(bias, axes[2]), logical)
        out = out + bias
    return out, 0


def _linear_shape(prim, args, params):
    return (*tuple(shape_of(args[0]))[:-1], shape_of(args[1])[0]), element_type(args[0])


class _Linear(Primitive):
    """Its own class, because its bias may be missing and its rules share their work."""

    __slots__ = ()

    def kept(self, needs):
        """x serves the weight's gradient only, and the weight x's."""
        return {i for i, other in ((0, 1), (1, 0)) if needs[other]} | {-1}

    def keep(self, x, y, edges, bias=None):
        """`Node.saved` on the direct path."""
        saved_x = x if edges[1] is not None else None
        saved_y = y if edges[0] is not None else None
        shapes = (x.shape,)
        return (
            (saved_x, saved_y, None, shapes)
            if bias is None
            else (saved_x, saved_y, None, None, shapes)
        )

    def backward(self, g, saved, params, edges):
        x, weight = saved[0], saved[1]
        if g.__class__ is np.ndarray and g.ndim == 2 and g.dtype not in HALVES:
            # The general lines below, on matrices in memory: 3 µs less for each product.
            back = [None if edges[0] is None else _product(g, weight),
                    None if edges[1] is None else _product(g.T, x)]  # fmt: skip
            if len(edges) == 3:
                back.append(None if edges[2] is None else _rows_added(g))
            return back
        back = [None if edges[0] is None else _input_back(g, saved[-1][0], weight),
                None if edges[1] is None else _weight_back(g, x)]  # fmt: skip
        if len(edges) == 3:
            rows_summed = (
                None if edges[2] is None else reduce_sum(rows(g), axes=(0,), keepdims=False)
            )
            back.append(rows_summed)
        return back


def _rows_added(g):
    return np.add.reduce(g, 0) if len(g) < MANY else total(g, (0,))


linear_map = _Linear(
    "addmm", _linear, ("x", "weight", "bias"), vjp={}, keeps=True, jvp=_linear_tangent,
    batch=_batch_linear, shape=_linear_shape, tex="x @ weight.T + bias",
)  # fmt: skip

# The same without a bias, under the name PyTorch prints for it.
linear_product = _Linear(
    "mm", _linear, ("x", "weight"), vjp={}, keeps=True, jvp=_linear_tangent, batch=_batch_linear,
    shape=_linear_shape, tex="x @ weight.T",
)  # fmt: skip
