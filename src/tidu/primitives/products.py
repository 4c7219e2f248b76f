"""Products along an axis, exact where factors are zero, with derivatives of every order.

The product is multilinear in its factors, so one primitive holds all its derivatives:
`other_products(x, c, d, ...)` is the product of all the other factors, differentiated along the
directions c, d, ...; its own derivatives are itself with one direction more. Read `halved`.
"""

import numpy as np

from ..core.handle import TensorBase, element_type, shape_of
from ..core.primitive import Primitive
from .base import HALVES, batch_reduction, in_order, move_batch, reduce_sum, shape_reduction, sum_to
from .define import Conjugated, pad_rank
from .reductions import spread
from .structural import concatenate, slice_
from .sums import MANY, in_blocks

__all__ = ["halved", "other_products", "product"]


def _product(x, *, axes, keepdims):
    if x.dtype in HALVES and x.shape[axes[0]]:  # each step is rounded, as PyTorch's are
        (axis,) = axes
        out = np.take(np.multiply.accumulate(x, axis), -1, axis)
        return np.expand_dims(out, axis) if keepdims else out
    if x.shape[axes[0]] > MANY and x.dtype.kind in "fc":
        x = in_blocks(np.multiply, x, axes[0])
    return in_order(np.multiply.reduce(x, axis=axes, keepdims=keepdims, dtype=x.dtype))


def _others_of(x, axes):
    (axis,) = axes
    return other_products(x, axis=axis - len(shape_of(x)) if axis >= 0 else axis)


def _product_back(g, x, out, axes, keepdims):
    if x.__class__ is np.ndarray and _ordinary(out):
        return spread(g * out, x.shape, axes, keepdims) / x
    return spread(g, shape_of(x), axes, keepdims) * _others_of(x, axes)


def _ordinary(out):
    """Whether products of plain numbers are neither near zero nor infinite, so that a quotient
    gives the other factors."""
    if isinstance(out, TensorBase) or out.dtype not in _FLOATS:
        return False
    info = np.finfo(out.dtype)
    return bool(np.all((np.abs(out) > info.tiny) & (np.abs(out) <= info.max)))


_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def _product_tangent(tangents, primals, out, params):
    (t,), (x,) = tangents, primals
    return reduce_sum(t * _others_of(x, params["axes"]), **params)


product = Primitive(
    "prod", _product, ("x",), batch=batch_reduction, shape=shape_reduction,
    vjp={"x": _product_back},
    jvp=_product_tangent, tex="prod(x, axes)",
)  # fmt: skip
product.conjugated = Conjugated(product)


# --- all factors but one ------------------------------------------------------------------------


def _other_products(x, *directions, axis):
    if x.dtype in HALVES:
        wide = [a.astype(np.float32) for a in (x, *directions)]
        return _other_products(*wide, axis=axis).astype(x.dtype)
    if not x.size:
        return np.zeros(np.broadcast_shapes(x.shape, *[c.shape for c in directions]), x.dtype)
    if not directions:
        return _around(np.multiply, x, axis)
    if len(directions) == 1 and _moderate(x):
        # Products times sums of quotients; the sums leave out the own term, and so cancel nothing.
        return _around(np.multiply, x, axis) * _around(np.add, directions[0] / x, axis)
    out = halved(x, *directions, axis=axis)
    shape = np.broadcast_shapes(x.shape, *[c.shape for c in directions])
    # Where each of the factors is a direction, nothing of the shape of x is left.
    return out if out.shape == shape else np.broadcast_to(out, shape).copy()


def _around(ufunc, x, axis):
    """What `ufunc` makes of the elements before and after each, along `axis`."""
    x = x.swapaxes(axis, -1)
    before = np.empty_like(x)
    after = np.empty_like(x)
    before[..., 0] = after[..., -1] = ufunc.identity
    ufunc.accumulate(x[..., :-1], axis=-1, out=before[..., 1:])
    ufunc.accumulate(x[..., :0:-1], axis=-1, out=after[..., -2::-1])
    return ufunc(before, after, out=before).swapaxes(axis, -1)


def _moderate(x):
    """Whether one may divide by every element without leaving the range of the type."""
    size = np.abs(x)
    least = np.finfo(x.dtype).tiny ** 0.25
    return bool(size.min() > least and size.max() < 1 / least)


def halved(x, *directions, axis):
    """`other_products` from products of halves alone: no division, so zeros are nothing special.

    Each factor is x + Σ ε·c with one infinitesimal ε for each direction; a number of this kind
    is a dictionary {set of directions, as bits: coefficient}. On the way up the products of pairs
    are formed, on the way down each half gets what lies outside it.
    """
    n, lead = shape_of(x)[axis], (Ellipsis,)
    after = (slice(None),) * (-1 - axis)

    def cut(part, *bounds):
        return {k: slice_(v, index=(*lead, slice(*bounds), *after)) for k, v in part.items()}

    width = 1 << (n - 1).bit_length()
    level = {0: _filled(x, width, axis, 1)}
    for k, c in enumerate(directions):
        level[1 << k] = _filled(c, width, axis, 0)
    levels = []
    while width > 1:
        levels.append(level)
        width //= 2
        level = _times(cut(level, 0, width), cut(level, width, 2 * width))
    outside = None
    for level in reversed(levels):
        first, second = cut(level, 0, width), cut(level, width, 2 * width)
        if outside is not None:
            first, second = _times(first, outside), _times(second, outside)
        outside = {
            k: concatenate(second[k], first[k], axis=len(shape_of(second[k])) + axis)
            for k in second
        }
        width *= 2
    whole = (1 << len(directions)) - 1
    if outside is None or whole not in outside:  # one factor alone: the product of none is 1
        shape = np.broadcast_shapes(*[tuple(shape_of(a)) for a in (x, *directions)])
        return np.full(shape, float(not directions), element_type(x))
    return cut(outside, 0, n)[whole]


def _filled(x, width, axis, value):
    """`x` as long as `width`, the rest filled with a number."""
    shape = list(shape_of(x))
    missing, shape[axis] = width - shape[axis], width - shape[axis]
    if not missing:
        return x
    rest = np.full(shape, value, element_type(x))
    return concatenate(x, rest, axis=len(shape) + axis)


def _times(x, y):
    """The product of two numbers with infinitesimals, whose squares vanish."""
    out = {}
    for i, a in x.items():
        for j, b in y.items():
            if not i & j:
                term = a * b
                out[i | j] = out[i | j] + term if i | j in out else term
    return out


def _batch_others(prim, tensors, axes, params):
    logical = max(len(shape_of(t)) - (a is not None) for t, a in zip(tensors, axes, strict=True))
    moved = [t if a is None else pad_rank(move_batch(t, a), logical)
             for t, a in zip(tensors, axes, strict=True)]  # fmt: skip
    return prim(*moved, **params), 0


def _others_back(g, x, rest, shapes, axis, needs):
    back = []
    for k, needed in enumerate(needs):
        # Along k = 0, x itself, one direction more; else g in the place of that direction.
        along = (*rest, g) if k == 0 else (*rest[: k - 1], g, *rest[k:])
        whole = other_products(x, *along, axis=axis) if needed else None
        back.append(whole if whole is None else sum_to(whole, tuple(shapes[k])))
    return back


def _others_tangent(tangents, primals, out, params):
    (tx, *tc), (x, *directions) = tangents, primals
    total = None if tx is None else other_products(x, *directions, tx, **params)
    for k, t in enumerate(tc):
        if t is not None:
            along = (*directions[:k], t, *directions[k + 1 :])
            term = other_products(x, *along, **params)
            total = term if total is None else total + term
    return total


other_products = Primitive(
    "other_products", _other_products, ("x",), pullback=_others_back, jvp=_others_tangent,
    batch=_batch_others, tex="other_products(x, *rest, axis)",
    shape=lambda prim, args, params: (
        np.broadcast_shapes(*[tuple(shape_of(a)) for a in args]), element_type(args[0])),
)  # fmt: skip
other_products.conjugated = Conjugated(other_products)
