"""Constructors of primitives: from the local derivatives, or from the transpose, to all rules.

`elementwise`: one linear map per input, `lambda t, y: t * y`; it serves as jvp and, since it is
diagonal, as vjp. `linear`: the transpose; the jvp is the operation itself. `bilinear`: one
transpose per input. Batching, un-broadcasting and complex conjugation follow.
"""

from functools import lru_cache, partial

import numpy as np
from numpy import ndarray

from ..core.blocks import LOOP_FROM, large, large_rule
from ..core.dispatch import below
from ..core.handle import TensorBase, element_type, shape_of
from ..core.primitive import SHAPES, Primitive, bind, names_of, places_of
from .base import broadcast_to, conj, move_batch, one_like, reshape, sum_to

__all__ = ["bilinear", "diagonal", "elementwise", "linear", "nondifferentiable",
           "product_tangent", "special_class"]  # fmt: skip


class Elementwise(Primitive):
    """A primitive that acts on each element, with broadcasting."""

    __slots__ = ()

    def kept_shapes(self, values):
        """None where nothing was broadcast, so that nothing need be summed."""
        shapes = tuple([shape_of(v) for v in values])
        return None if shapes.count(shapes[0]) == len(shapes) else shapes

    def backward(self, g, saved, params, edges):
        many = g.__class__ is ndarray and g.size >= LOOP_FROM
        if len(edges) == 1 and not many and (rule := self.rules[0]) is not None:
            return (rule(g, saved, params),)
        shapes = saved[-1]
        out = []
        for i, edge in enumerate(edges):
            if edge is None or self.rules[i] is None:
                out.append(None)
                continue
            if many:
                c = large_rule(self, i, g, saved, params)
            else:
                c = self.rules[i](g, saved, params)
            out.append(c if shapes is None else sum_to(c, shapes[i]))
        return out


class Unary(Elementwise):
    """One input, and a rule that reads at most one saved value: called without detours."""

    __slots__ = ("place", "rule")

    def backward(self, g, saved, params, edges):
        if g.__class__ is ndarray and g.size >= LOOP_FROM:
            return (large_rule(self, 0, g, saved, params),)
        place = self.place
        return (self.rule(g) if place is None else self.rule(g, saved[place]),)


class Pair(Elementwise):
    """Two inputs."""

    __slots__ = ()

    def kept_shapes(self, values):
        x, y = values  # shape_of, written out: each recorded operation pays for it
        x = x._value.shape if isinstance(x, TensorBase) else getattr(x, "shape", ())
        y = y._value.shape if isinstance(y, TensorBase) else getattr(y, "shape", ())
        return None if x == y else (x, y)

    def backward(self, g, saved, params, edges):
        if saved[-1] is not None:
            return Elementwise.backward(self, g, saved, params, edges)
        (x, y), (of_x, of_y) = edges, self.rules
        if g.__class__ is ndarray and g.size >= LOOP_FROM:
            return (
                None if x is None or of_x is None else large_rule(self, 0, g, saved, params),
                None if y is None or of_y is None else large_rule(self, 1, g, saved, params),
            )
        return (
            None if x is None or of_x is None else of_x(g, saved, params),
            None if y is None or of_y is None else of_y(g, saved, params),
        )


class Binary(Pair):
    """Two inputs, and rules that read at most one saved value each: called without detours."""

    __slots__ = ("place_x", "place_y", "rule_x", "rule_y")

    def backward(self, g, saved, params, edges):
        if saved[-1] is not None or g.__class__ is ndarray and g.size >= LOOP_FROM:
            return Pair.backward(self, g, saved, params, edges)
        x, y = edges
        gx = gy = None
        if x is not None:
            place = self.place_x
            gx = self.rule_x(g) if place is None else self.rule_x(g, saved[place])
        if y is not None:
            place = self.place_y
            gy = self.rule_y(g) if place is None else self.rule_y(g, saved[place])
        return gx, gy


def special_class(inputs, rules):
    """The class for these rules, and its fields."""
    places = [places_of(rules.get(i), inputs) for i in inputs]
    if len(inputs) > 2 or any(p is None or len(p) > 1 for p in places):
        return Pair if len(inputs) == 2 else Elementwise, {}
    one = [p[0] if p else None for p in places]
    if len(inputs) == 1:
        return Unary, {"rule": rules[inputs[0]], "place": one[0]}
    x, y = [rules[i] for i in inputs]
    return Binary, {"rule_x": x, "rule_y": y, "place_x": one[0], "place_y": one[1]}


class Conjugated:
    """A holomorphic primitive in reverse: conj, the linear map, conj (as PyTorch has it)."""

    def __init__(self, base):
        self.base = base

    def __getattr__(self, name):
        return getattr(self.base, name)

    def __call__(self, *args, **params):
        return self.base(*args, **params)

    def backward(self, g, saved, params, edges):
        out = self.base.backward(conj(g), saved, params, edges)
        return [None if c is None else conj(c) for c in out]


def elementwise(name, eval, *, shape=None, tex=None, torch_name=None, inputs=None, vjp=None,
                **maps):  # fmt: skip
    """A primitive from the local linear map of each input (None: no gradient passes)."""
    inputs = inputs or tuple(maps)
    kind, fields = special_class(inputs, vjp or maps)
    prim = kind(
        name, eval, inputs, vjp=vjp or maps, batch=batch_elementwise,
        shape=shape or shape_elementwise, tex=tex, torch_name=torch_name,
    )  # fmt: skip
    for field, value in fields.items():
        setattr(prim, field, value)
    return diagonal(prim, None if vjp is None else [bind(maps.get(i), inputs) for i in inputs])


def diagonal(prim, forward=None):
    """Completes a primitive with one linear map for each input. `forward` has the maps of forward
    mode, where they are others: where the function isn't holomorphic."""
    prim.large = partial(large, prim)
    prim.kind = "elementwise"
    if len(prim.inputs) > 1:
        prim.uses = [(*used, SHAPES) for used in prim.uses]
    prim.jvp = _pushforward(prim, forward)
    if forward is None:
        prim.conjugated = Conjugated(prim)
    return prim


def _pushforward(prim, maps):
    """Forward mode by these maps, or by the rules of the primitive."""
    if len(prim.inputs) == 1:
        return lambda tangents, primals, out, params: (
            None if (rule := (maps or prim.rules)[0]) is None
            else rule(tangents[0], (primals[0], out, None), params)
        )  # fmt: skip

    def jvp(tangents, primals, out, params):
        saved = (*primals, out, None)
        total = None
        for t, rule in zip(tangents, maps or prim.rules, strict=True):
            if t is not None and rule is not None:
                term = rule(t, saved, params)
                total = term if total is None else total + term
        if total is not None and shape_of(total) != shape_of(out):
            total = broadcast_to(total, shape=tuple(shape_of(out)))
        return total

    return jvp


def batch_elementwise(prim, tensors, axes, params):
    """Batch axes to the front, ranks made equal; numbers and unbatched tensors broadcast."""
    if len(tensors) == 1:
        return below(prim, tensors, params), axes[0]
    ranks = [len(t._value.shape) if isinstance(t, TensorBase) else 0 for t in tensors]
    common, logical = _aligned(tuple(axes), tuple(ranks))
    if common is not None:
        return below(prim, tensors, params), common
    moved = [
        t if a is None else pad_rank(move_batch(t, a), logical)
        for t, a in zip(tensors, axes, strict=True)
    ]
    return below(prim, moved, params), 0


@lru_cache(1024)
def _aligned(axes, ranks):
    """(the batch axis of the result if all broadcast as they lie, else None; its logical rank)."""
    logical = [rank - (axis is not None) for axis, rank in zip(axes, ranks, strict=True)]
    rank, batched = max(logical), {a for a in axes if a is not None}
    whole = all(r == rank for a, r in zip(axes, logical, strict=True) if a is not None)
    alone = all(r == 0 for a, r in zip(axes, logical, strict=True) if a is None)
    fits = whole and len(batched) == 1 and (batched == {0} or alone)
    return (min(batched) if fits else None), rank


def pad_rank(tensor, logical):
    """Ones after the leading batch axis until the rest has `logical` axes."""
    shape = tuple(shape_of(tensor))
    missing = logical - (len(shape) - 1)
    if missing <= 0:
        return tensor
    return reshape(tensor, shape=(shape[0], *(1,) * missing, *shape[1:]))


def shape_elementwise(prim, args, params):
    """(shape, dtype) of the output, from one element of each input."""
    shapes = [tuple(shape_of(a)) for a in args]
    shape = shapes[0]
    if any(s != shape for s in shapes):
        shape = np.broadcast_shapes(*shapes)
    kinds = [element_type(a) if hasattr(a, "_value") or hasattr(a, "dtype") else (a.__class__, a)
             for a in args]  # fmt: skip
    if params or any(k.__class__ is tuple and k[0] not in _NUMBERS for k in kinds):
        return shape, prim.eval(*[one_like(a) for a in args], **params).dtype
    return shape, _type_of(prim, *kinds)


_NUMBERS = (bool, int, float, complex)


@lru_cache(4096)
def _type_of(prim, *kinds):
    """The type of the result for operands of these types, or (type, number)."""
    ones = [np.ones((), k) if isinstance(k, np.dtype) else k[1] for k in kinds]
    return prim.eval(*ones).dtype


def shape_of_floats(prim, args, params):
    """The same for functions that keep a type of floats: without the value of one element, which
    for functions of SciPy would load it."""
    (x,) = args
    dtype = element_type(x)
    return (tuple(shape_of(x)), dtype) if dtype.kind in "fV" else shape_elementwise(
        prim, args, params)  # fmt: skip


def linear(name, eval, transpose, *, batch=None, shape=None, torch_name=None, tex=None):
    """A primitive linear in its one input; `transpose` maps the cotangent back."""
    inputs = names_of(eval)[:1]
    prim = Primitive(name, eval, inputs, vjp={inputs[0]: transpose}, batch=batch, shape=shape,
                     torch_name=torch_name, tex=tex)  # fmt: skip
    prim.kind = "linear"
    prim.jvp = lambda tangents, primals, out, params: prim(tangents[0], *primals[1:], **params)
    return prim


def bilinear(name, eval, *, batch=None, shape=None, tex=None, **transposes):
    """A primitive linear in each of its two inputs."""
    x, y = transposes
    prim = Primitive(name, eval, (x, y), vjp=transposes, batch=batch, shape=shape, tex=tex)
    prim.kind = "bilinear"

    prim.jvp = lambda tangents, primals, out, params: product_tangent(
        prim, tangents, primals, params
    )
    prim.conjugated = Conjugated(prim)
    return prim


def product_tangent(prim, tangents, primals, params):
    """The tangent of what is linear in each of two inputs, of which one may have no tangent."""
    (tx, ty), (x, y) = tangents, primals
    left = None if tx is None else prim(tx, y, **params)
    right = None if ty is None else prim(x, ty, **params)
    return left if right is None else right if left is None else left + right


def nondifferentiable(name, eval, inputs, *, batch=None, shape=None, tex=None):
    """A primitive whose output carries no gradient: comparisons, indices, bits."""
    prim = Primitive(name, eval, inputs, batch=batch or batch_elementwise,
                     shape=shape or shape_elementwise, tex=tex)  # fmt: skip
    prim.kind = "elementwise" if batch is None else "general"
    return prim
