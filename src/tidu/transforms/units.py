"""Batches of unit vectors: what a Jacobian starts from, kept as one row until it must be dense.

Example k of such a batch is zero but for its element k. Sums and multiples of them are of the same
kind, and a matrix times all of them is the matrix, its columns scaled: no product is computed.
Read `on_units`.
"""

import math

import numpy as np

from ..core.dispatch import below
from ..core.handle import element_type, shape_of, wrap
from ..primitives import arithmetic as p
from ..primitives.base import cast, reduce_sum, reshape
from ..primitives.contraction import linear_map, linear_product, matmul, mv, swap_last
from ..primitives.structural import from_diagonal

__all__ = ["Units", "on_units", "unit_vectors"]


class Units:
    """Example k holds `values`' element k in its place, and zeros. `tensor` is the dense batch."""

    __slots__ = ("dense", "element_type", "level", "shape", "values")
    dtype, axis = None, 0

    def __init__(self, values, level):
        self.values, self.level, self.dense = values, level, None
        self.shape, self.element_type = tuple(shape_of(values)), element_type(values)

    @property
    def tensor(self):
        if self.dense is None:
            n = math.prod(self.shape)
            flat = reshape(self.values, shape=(n,))
            whole = from_diagonal(flat, offset=0, shape=(n, n))
            self.dense = reshape(whole, shape=(n, *self.shape))
        return self.dense

    def concrete(self, use):
        self.level.lift(self.tensor, 0)._value.concrete(use)


def unit_vectors(like, level):
    """A handle for all unit tensors shaped like `like`, as a batch of `level`."""
    return wrap(Units(wrap(np.ones(tuple(shape_of(like)), element_type(like))), level))


def on_units(prim, args, batched, params):
    """What `prim` makes of Units among `args`: Units, (tensor, batch axis), or None if it must be
    computed on the dense batch. `batched`: whether each argument depends on the example."""
    rule = _RULES.get(prim)
    return None if rule is None else rule(prim, args, batched, params)


def _along(prim, args, params):
    units = next(a for a in args if a.__class__ is Units)
    plain = [a.values if a.__class__ is Units else a for a in args]
    return Units(below(prim, plain, params), units.level)


def _fits(other, units):
    """Whether an operand that is the same for all examples does not widen the unit tensors."""
    shape = tuple(shape_of(other))
    return shape in ((), units.shape)


def _scaled(prim, args, batched, params):
    """Products: with what is the same for all examples, or with each other."""
    x, y = args
    if x.__class__ is Units:
        good = x.shape == y.shape if y.__class__ is Units else not batched[1] and _fits(y, x)
    else:
        good = prim is p.mul and not batched[0] and _fits(x, y)
    good = good and not (prim is p.div and y.__class__ is Units)
    return _along(prim, args, params) if good else None


def _combined(prim, args, batched, params):
    """Sums and selections among Units of one shape."""
    chosen = args[1:] if prim is p.select else args
    good = all(a.__class__ is Units and a.shape == chosen[0].shape for a in chosen)
    if prim is p.select:
        good = good and not batched[0] and _fits(args[0], chosen[0])
    return _along(prim, args, params) if good else None


def _moved(prim, args, batched, params):
    return _along(prim, args, params)


def _summed(prim, args, batched, params):
    (x,) = args
    if len(params["axes"]) != len(x.shape):
        return None
    n = math.prod(x.shape)
    shape = (n, *(1,) * len(x.shape)) if params["keepdims"] else (n,)
    return reshape(x.values, shape=shape), 0


def _columns(matrix, units):
    """matrix · u for each unit vector u, as rows."""
    return swap_last(matrix) * reshape(units.values, shape=(math.prod(units.shape), 1))


def _multiplied(prim, args, batched, params):
    x, y = args[:2]
    if len(args) != 2 or batched[0] and batched[1]:
        return None
    if prim is matmul:
        return _matrix_products(x, y)
    matrix, units = (x, y) if prim is mv else (y, x)
    if units.__class__ is not Units or len(shape_of(matrix)) != 2:
        return None
    if math.prod(units.shape) != units.shape[-1]:
        return None
    rows = _columns(matrix, units)
    return reshape(rows, shape=(units.shape[-1], *units.shape[:-1], shape_of(matrix)[0])), 0


def _matrix_products(x, y):
    if x.__class__ is Units and len(x.shape) == 2 and x.shape[0] == 1 and len(shape_of(y)) == 2:
        rows = _columns(swap_last(y), x)
        return reshape(rows, shape=(x.shape[1], 1, shape_of(y)[1])), 0
    if y.__class__ is Units and len(y.shape) == 2 and y.shape[1] == 1 and len(shape_of(x)) == 2:
        return reshape(_columns(x, y), shape=(y.shape[0], shape_of(x)[0], 1)), 0
    return None


_RULES = {
    p.mul: _scaled, p.div: _scaled, p.add: _combined, p.sub: _combined, p.rsub: _combined,
    p.select: _combined, p.neg: _moved, p.zeros_like: _moved, cast: _moved, reshape: _moved,
    reduce_sum: _summed, mv: _multiplied, matmul: _multiplied, linear_product: _multiplied,
    linear_map: _multiplied,
}  # fmt: skip
