"""Matrix products: `matmul` for stacks of matrices, `mv` for vectors, `linear` for x·Wᵀ + b."""

import math

import numpy as np

from ..base.dtypes import KEPT
from ..core.handle import element_type, shape_of
from ..core.native import NATIVE
from .base import HALVES, conj, reshape, sum_to, transpose
from .composed import Composed, composed, stacked
from .define import bilinear
from .sums import MANY, total

__all__ = ["dot", "linear_map", "linear_product", "matmul", "mv", "swap_last"]


def swap_last(x):
    """The transpose of each matrix in a stack."""
    rank = len(shape_of(x))
    return transpose(x, axes=(*range(rank - 2), rank - 1, rank - 2))


FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
NARROW = 64  # the rows that einsum's loop multiplies up to twice as fast as multiply's
SHARED = 1 << 18  # multiplications above which OpenBLAS starts its threads, and we ours


def dot(x, y):
    """x · y of two matrices, or of a matrix and a vector, by BLAS: half a microsecond before
    `np.matmul`. It takes an array of one element for a number, and leaves all products with 0 out,
    so that 0 times infinity would be 0."""
    return x.dot(y) if x.size != 1 != y.size else np.matmul(x, y)


def _product(x, y):
    """x · y of two matrices in memory."""
    if x.shape[0] == 1 or y.shape[1] == 1:  # most of a tile of our loops would be empty
        return dot(x, y)
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
    return stacked(prim, tensors, axes, params, {0: 2, 1: 2}), 0


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
        return dot(x, y)
    if x.ndim == 2:
        return dot(rows(y), x.T).reshape(*y.shape[:-1], x.shape[0])
    return np.matmul(x, y[..., None])[..., 0]


def _mv_back(g, saved, params, needs):
    x, y, _, (x_shape, y_shape) = saved
    back = [None, None]
    if needs[0]:
        row = conj.eval(y)
        outer = g[..., None] * row.reshape(*y_shape[:-1], 1, y_shape[-1])
        back[0] = sum_to(outer, tuple(x_shape))
    if needs[1]:
        back[1] = sum_to(_mv(conj.eval(x).swapaxes(-1, -2), g), tuple(y_shape))
    return back


def _mv_shape(prim, args, params):
    x, y = [tuple(shape_of(a)) for a in args]
    return (*np.broadcast_shapes(x[:-2], y[:-1]), x[-2]), element_type(args[0])


def _product_with_column(x, y):
    shape, turned = tuple(shape_of(y)), tuple(shape_of(x))
    if len(turned) == 2 and len(shape) > 1:  # one matrix for all vectors: one product
        out = matmul(rows(y), transpose(x, axes=(1, 0)))
        return reshape(out, shape=(*shape[:-1], turned[0]))
    out = matmul(x, reshape(y, shape=(*shape, 1)))
    return reshape(out, shape=tuple(shape_of(out))[:-1])


# One node for three, and one product for a batch of vectors (a Jacobian of 256x256: 1060 µs became
# 560).
mv = composed(
    "mv", _mv, ("x", "y"), _product_with_column, back=_mv_back, kind="bilinear",
    saves={"x": ("y",), "y": ("x",)}, loops={0: 2, 1: 1}, shape=_mv_shape, tex="x @ y",
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
        out = dot(x, weight.T)
    else:
        out = dot(rows(x), weight.T).reshape(*x.shape[:-1], weight.shape[0])
    if bias is not None:
        out += bias
    return out


def rows(x):
    """`x` as a matrix whose rows run along its last axis."""
    shape = shape_of(x)
    if len(shape) == 2:
        return x
    return reshape(x, shape=(math.prod(shape[:-1]), shape[-1]))


def _linear_back(g, saved, params, needs):
    (x, weight), shapes, g = saved[:2], saved[-1], rows(g)
    back = [None] * len(needs)
    if needs[0]:
        back[0] = matmul(g, weight).reshape(tuple(shapes[0]))
    if needs[1]:
        back[1] = matmul(g.T, rows(x))
    if needs[2:] == (True,):
        back[2] = sum_to(g, tuple(shapes[2]))
    return back


def _product_of_rows(x, weight):
    shape = tuple(shape_of(x))
    out = matmul(rows(x), transpose(weight, axes=(1, 0)))
    return out if len(shape) == 2 else reshape(out, shape=(*shape[:-1], shape_of(weight)[0]))


def _linear_shape(prim, args, params):
    return (*tuple(shape_of(args[0]))[:-1], shape_of(args[1])[0]), element_type(args[0])


class _Linear(Composed):
    """Its own class, because it is what most networks spend their time with."""

    __slots__ = ()

    def keep(self, x, y, edges, bias=None):
        """`Node.saved` on the direct path."""
        saved_x = x if edges[1] is not None else None
        saved_y = y if edges[0] is not None else None
        if bias is None:
            return saved_x, saved_y, None, (x.shape, y.shape)
        return saved_x, saved_y, None, None, (x.shape, y.shape, bias.shape)

    def backward(self, g, saved, params, edges):
        if g.__class__ is np.ndarray and g.ndim == 2 and g.dtype not in HALVES:
            # `_linear_back`, on matrices in memory: 3 µs less for each product.
            x, weight = saved[0], saved[1]
            back = [None if edges[0] is None else _product(g, weight),
                    None if edges[1] is None else _product(g.T, x)]  # fmt: skip
            if len(edges) == 3:
                back.append(None if edges[2] is None else _rows_added(g))
            return back
        return Composed.backward(self, g, saved, params, edges)


def _rows_added(g):
    return np.add.reduce(g, 0) if len(g) < MANY else total(g, (0,))


def _layer(name, inputs, definition, kind, tex):
    return composed(
        name, _linear, inputs, definition, back=_linear_back, kind=kind, make=_Linear,
        saves={"x": ("weight",), "weight": ("x",)}, loops={0: 1}, shape=_linear_shape, tex=tex,
    )  # fmt: skip


# The product has the name PyTorch prints for a layer without a bias.
linear_product = _layer("mm", ("x", "weight"), _product_of_rows, "bilinear", "x @ weight.T")
linear_map = _layer(
    "addmm", ("x", "weight", "bias"), lambda x, weight, bias: linear_product(x, weight) + bias,
    "general", "x @ weight.T + bias",
)  # fmt: skip
