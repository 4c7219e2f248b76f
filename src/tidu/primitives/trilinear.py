"""Trilinear forms: three tensors of which any two give, contracted, one at the place of the third.

The three maps of a form are each other's transposes, so one object has all their rules: a
cotangent takes the place of the result, and what it gives with the other operand stands where the
first stood. `Form("nc", "oc", "no")` names the leading axes of its three tensors; axes of one name
run together, what is summed over in the end is the kernel's affair. From the names follow shapes
and batching, too.
"""

from ..core.handle import element_type, shape_of
from ..core.primitive import SHAPES, Derived, Primitive
from .base import batch_size, fronted, move_batch, reduce_sum, reshape, transpose
from .define import Conjugated

__all__ = ["Form", "Partial", "Trilinear"]


class Form:
    """The axes of three tensors; `groups` blocks of the axes at `blocks` run side by side.

    `maps[k]` computes the tensor at place k from the two others.
    """

    def __init__(self, *axes, blocks, inner):
        self.axes, self.blocks, self.maps = axes, blocks, {}
        self.inner = inner  # (place, name): an axis that has the length of one block there

    def lengths(self, place, shape, groups):
        """{name: length} of the axes of the tensor at a place."""
        return {name: n * (groups if (place, name) == self.inner else 1)
                for name, n in zip(self.axes[place], shape, strict=False)}  # fmt: skip

    def shape(self, place, lengths, groups):
        return [n // groups if (place, name) == self.inner else n
                for name, n in [(name, lengths[name]) for name in self.axes[place]]]  # fmt: skip

    def own(self, place, other):
        """The axis at `place` that the tensor at `other` hasn't: its name."""
        (name,) = set(self.axes[place]) - set(self.axes[other])
        return name


class Trilinear(Primitive):
    """The map of a form that gives the tensor at place `gives` from those at `takes`, and adds a
    bias along the result's second axis where one is given."""

    __slots__ = ("form", "gives", "takes", "ways")

    def kept(self, needs):
        """Each operand serves the gradient of the other."""
        return {i for i, other in ((0, 1), (1, 0)) if needs[other]} | {SHAPES}

    def back(self, i, g, other, shape, params):
        """The cotangent of operand i: what the map there makes of `g` and the other operand."""
        target, turned = self.ways[i]
        x, y = (other, g) if turned else (g, other)
        return target(x, y, **{**params, "size": tuple(shape)[2:]})

    def backward(self, g, saved, params, edges):
        shapes = saved[SHAPES]
        found = [None if edges[i] is None else self.back(i, g, saved[1 - i], shapes[i], params)
                 for i in (0, 1)]  # fmt: skip
        if len(edges) == 3:
            axes = (0, *range(2, len(shape_of(g))))
            wanted = edges[2] is not None
            found.append(reduce_sum(g, axes=axes, keepdims=False) if wanted else None)
        return found

    def tangent(self, tangents, primals, out, params):
        tx, ty, tb = [*tangents, None][:3]
        x, y = primals[:2]
        terms = []
        if tx is not None:
            terms.append(self(tx, y, **params))
        if ty is not None:
            terms.append(self(x, ty, **params))
        total = terms[0] if len(terms) == 1 else terms[0] + terms[1] if terms else out - out
        return total if tb is None else total + _upright(tb, len(params["size"]))

    def complete(self):
        """The rules, once all maps of the form are there."""
        form, (x, y) = self.form, self.takes
        order = {x: (form.maps[x], (self.gives, y)), y: (form.maps[y], (self.gives, x))}
        self.ways = [(target, target.takes != given)
                     for target, given in (order[x], order[y])]  # fmt: skip
        self.jvp, self.batch, self.shape = self.tangent, _batch, _shape
        self.conjugated = Conjugated(self)


class Partial(Derived, Trilinear):
    """Another map of a form that one of its primitives spans: the transpose of that by an operand,
    with all rules."""

    __slots__ = ()
    way = "partial transposes: other maps of a trilinear form"

    @property
    def told(self):
        maps = self.form.maps.values()
        return f"of {next(m.name for m in maps if not isinstance(m, Partial))}"


def _shape(prim, args, params):
    groups, form, lengths = params["groups"], prim.form, {}
    for place, x in zip(prim.takes, args, strict=False):
        lengths |= form.lengths(place, shape_of(x), groups)
    lead = form.shape(prim.gives, lengths, groups)
    return (*lead, *params["size"]), element_type(args[0])


def _upright(bias, axes):
    """A bias of each channel, shaped to be added to (..., channels, *space)."""
    return reshape(bias, shape=(*shape_of(bias), *(1,) * axes))


# --- vmap: the batch axis is folded into an axis that only its tensor has, or is more groups ------


def fold(tensor, axis, into):
    """The batch axis `axis` as the outer part of logical axis `into`."""
    order = list(range(len(shape_of(tensor))))
    order.remove(axis)
    order.insert(into, axis)
    if order != sorted(order):
        tensor = transpose(tensor, axes=tuple(order))
    shape = tuple(shape_of(tensor))
    return reshape(tensor, shape=(*shape[:into], shape[into] * shape[into + 1], *shape[into + 2 :]))


def unfold(tensor, place, size):
    """The reverse of `fold`: (tensor, batch axis)."""
    shape = tuple(shape_of(tensor))
    parts = (size, shape[place] // size)
    return reshape(tensor, shape=(*shape[:place], *parts, *shape[place + 1 :])), place


def _batch_pair(prim, tensors, axes, params):
    form, takes, result = prim.form, prim.takes, prim.form.axes[prim.gives]
    size = batch_size(tensors, axes)
    for i in (0, 1):
        own = form.own(takes[i], takes[1 - i])
        into, place = form.axes[takes[i]].index(own), result.index(own)
        if axes[1 - i] is None and (params["groups"] == 1 or into == 0 == i == place):
            pair = list(tensors)
            pair[i] = fold(pair[i], axes[i], into)
            return unfold(prim(*pair, **params), place, size)
    pair = fronted(tensors, axes)[1]
    x, y = [fold(t, 0, form.blocks[place]) for t, place in zip(pair, takes, strict=True)]
    out = prim(x, y, **{**params, "groups": params["groups"] * size})
    return unfold(out, form.blocks[prim.gives], size)


def _batch(prim, tensors, axes, params):
    if len(tensors) == 2:
        return _batch_pair(prim, tensors, axes, params)
    if axes[2] is None and axes[1] is None:
        size = shape_of(tensors[0])[axes[0]]
        return unfold(prim(fold(tensors[0], axes[0], 0), *tensors[1:], **params), 0, size)
    bias = tensors[2] if axes[2] is None else move_batch(tensors[2], axes[2])
    bias = _upright(bias, len(params["size"]))
    if axes[0] is None and axes[1] is None:
        return _add_lane(prim(*tensors[:2], **params), bias), 0
    out, axis = _batch_pair(prim, tensors[:2], axes[:2], params)
    out = move_batch(out, axis)
    return (out + bias if axes[2] is None else _add_lane(out, bias)), 0


def _add_lane(out, bias):
    """`bias` (batch, channels, ...) added to each image."""
    shape = tuple(shape_of(bias))
    return out + reshape(bias, shape=(shape[0], 1, *shape[1:]))
