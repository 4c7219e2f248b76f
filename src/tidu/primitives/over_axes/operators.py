"""Fused operators over axes: one formula with sums over axes, and every rule follows from it.

`reduction("mean", "sum(x, axes) / n", kernel)` is one node. The words are those of elements and
`sum`, `mean`, `amax`, `amin` of an expression over the operator's axes. `n` is how many elements
these have, `place` which of them each is; `detach(x)` counts as a constant, `root(x)` is the root
whose slope at zero is zero, and `out` the value itself, which the kernel has found. Batching counts
around the batch axis; derivatives of every order come from `derivation.py`.
"""

import numpy as np

from ...base.frames import unheard
from ...base.lazy import lazy_module
from ...core.handle import element_type, shape_of
from ...core.primitive import Primitive, bind
from ..base import batch_reduction, move_batches, shape_reduction
from ..fused import Fused, kept, reading

__all__ = [
    "Along", "Extreme", "OverAxes", "OverSeveralAxes", "Place", "Reduction",
    "along", "places", "question", "reduction", "whole",
]  # fmt: skip

# Reads formulas in the words of primitives, which stand above and below this module.
derivation = lazy_module(__name__.rpartition(".")[0] + ".derivation")


class OverAxes(Primitive):
    """What has the rules of a formula over axes. Where these are found is said by the classes
    below: `reduces`, whether they go; `axes_text`, as a rule's text has them (None: all)."""

    __slots__ = ("computed", "derivation", "fast", "formula", "opposite", "params", "saves",
                 "tangents")  # fmt: skip
    element_type, inverse = np.float64, False

    @property
    def valued(self):
        """Whether the formula gives the value, for each choice of params if they choose it; else it
        reads the value, for the rules."""
        return self.computed or callable(self.formula)

    @unheard
    def __getattr__(self, name):
        if name == "derivation":
            self.derivation = found = derivation.derived(self)
        elif name == "rules":
            derive = lambda: {i: self.derivation.rule(i, self.saves[i]) for i in self.inputs}
            self.vjp = kept.rules(self, "backward", derive)
            self.rules = found = tuple([bind(self.vjp[i], self.inputs) for i in self.inputs])
        elif name == "tangents":
            derive = lambda: [self.derivation.forward(i) for i in self.inputs]
            forward = kept.rules(self, "forward", derive)
            self.tangents = found = [bind(rule, self.inputs) for rule in forward]
        elif name == "opposite":
            self.opposite = found = kept.rules(self, name, lambda: self.derivation.opposite)
        else:
            raise AttributeError(f"'{self.name}' has no attribute '{name}'", name=name)
        return found

    def pushed(self, tangents, primals, out, params):
        """The tangent of the result."""
        saved, total = (*primals, out, None), None
        for t, rule in zip(tangents, self.tangents, strict=True):
            if t is not None:
                part = rule(t, saved, params)
                total = part if total is None else total + part
        return total


class OverSeveralAxes(OverAxes):
    """Over `axes`, which stay with length 1 where `keepdims` says so."""

    __slots__ = ()
    reduces, axes_text = True, "axes"

    @staticmethod
    def axes_of(shape, params):
        return params["axes"]

    @staticmethod
    def keeps_axes(params):
        return params["keepdims"]


class Extreme(OverSeveralAxes):
    """amax: with the rules of a reduction, but a word of formulas, so that none tells its value."""

    __slots__ = ()


class Reduction(OverSeveralAxes, Fused):
    """One value of the elements along the axes."""

    __slots__ = ()


class Along(OverAxes, Fused):
    __slots__ = ()
    reduces, axes_text = False, "(axis,)"

    @staticmethod
    def axes_of(shape, params):
        return (params["axis"],)

    @staticmethod
    def keeps_axes(params):
        return True


class Place(OverAxes, Fused):
    """Where along one axis, or how far."""

    __slots__ = ()
    reduces, axes_text = True, "(axis,)"
    axes_of, keeps_axes = staticmethod(Along.axes_of), staticmethod(Reduction.keeps_axes)

    @property
    def told(self):
        return self.formula(**dict.fromkeys(self.params, True))


class Whole(OverAxes, Fused):
    """Of two inputs of one shape, over all axes. Where the formula has their difference alone, what
    goes to the one is what goes to the other with its sign changed."""

    __slots__ = ()
    reduces, axes_text = True, None

    @staticmethod
    def axes_of(shape, params):
        return tuple(range(len(shape)))

    @staticmethod
    def keeps_axes(params):
        return False

    def keep(self, x, y, edges):
        return (x, y, None, None)

    def backward(self, g, saved, params, edges):
        x, y = edges
        of_x, of_y = self.rules
        if x is None or y is None or not self.opposite:
            return (
                None if x is None else of_x(g, saved, params),
                None if y is None else of_y(g, saved, params),
            )
        slope = of_x(g, saved, params)
        return slope, -slope


def reduction(name, formula, kernel, *, kind=Reduction, fast=None, params=(), saves=(), tex=None):
    """A reduction of x along `axes`, with or without `keepdims`. `saves`: what the rule reads, of
    "x" and "out". `fast(t, ...)` computes the rule of arrays where it can, else gives None."""
    names = (*(saves if "x" in saves else (*saves, "x_shape")), *params, "axes", "keepdims")
    return _made(kind, name, formula, kernel, {"x": names}, {"x": saves}, fast, params, tex,
                 batch_reduction, shape_reduction)  # fmt: skip


def question(name, formula, kernel, *, tex=None):
    """A reduction whose answer is true or false: no gradient passes."""
    return _made(Reduction, name, formula, kernel, {"x": None}, {}, None, (), tex,
                 batch_reduction, shape_truth)  # fmt: skip


def places(name, formula, kernel, *, params=(), tex=None):
    """A whole number for each row along `axis`; `formula` is a function of the params."""
    return _made(Place, name, formula, kernel, {"x": None}, {}, None, params, tex, batch_place,
                 shape_place)  # fmt: skip


def along(name, formula, kernel, *, fast=None, saves=(), tex=None):
    """A function along one `axis`, which gives as many elements as it takes."""
    return _made(Along, name, formula, kernel, {"x": (*saves, "axis")}, {"x": saves}, fast, (), tex,
                 batch_along, shape_along)  # fmt: skip


def whole(name, formula, kernel, *, tex=None):
    """One number of all elements of two tensors of one shape."""
    both = dict.fromkeys("xy", ("x", "y"))
    return _made(Whole, name, formula, kernel, both, both, None, (), tex, batch_whole,
                 shape_whole)  # fmt: skip


def _made(kind, name, formula, kernel, reads, saves, fast, params, tex, batch, shape):
    told = formula if isinstance(formula, str) else ""
    rules = {i: reading(names) for i, names in reads.items()} if saves else None
    prim = kind(
        name, kernel, tuple(reads), vjp=rules,
        batch=batch, shape=shape, tex=tex or told,
    )  # fmt: skip
    prim.formula, prim.params, prim.saves, prim.fast = formula, params, saves, fast
    prim.jvp, prim.computed = prim.pushed if saves else None, bool(told) and "out" not in told
    return prim


def batch_along(prim, tensors, axes, params):
    (b,) = axes
    axis = params["axis"]
    return prim(tensors[0], **{**params, "axis": axis + (axis >= b)}), b


def shape_truth(prim, args, params):
    return shape_reduction(prim, args, params)[0], np.dtype(bool)


def batch_place(prim, tensors, axes, params):
    (b,), axis = axes, params["axis"]
    axis += axis >= b
    return prim(tensors[0], **{**params, "axis": axis}), b - (b > axis and not params["keepdims"])


def shape_place(prim, args, params):
    row = {"axes": (params["axis"],), "keepdims": params["keepdims"]}
    return shape_reduction(prim, args, row)[0], np.dtype(np.int64)


def shape_along(prim, args, params):
    return shape_of(args[0]), element_type(args[0])


def batch_whole(prim, tensors, axes, params):
    """The formula over the axes of each example."""
    moved = move_batches(tensors, axes)
    rank = max([len(shape_of(t)) for t in moved])
    return prim.derivation.run(moved, params, tuple(range(1, rank))), 0


def shape_whole(prim, args, params):
    return (), element_type(args[0])
