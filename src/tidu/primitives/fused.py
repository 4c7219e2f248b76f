"""Fused operators: one formula in the words of primitives, and every rule follows from it.

`fused("silu", "x * sigmoid(x)")` is an operator with one node on the tape. Its derivatives are the
formula's, found when they are first asked for (`derivation.py`); shape and batching are those of
every function of elements, and compiled programs compute the formula, where the compiler's
`ELEMENTS` has nothing faster. A `kernel`, a function of NumPy, may compute the value faster, too,
or to the last digit where the formula loses some.
"""

from functools import cache

import numpy as np
from numpy import ndarray

from ..base.lazy import lazy_module
from ..core.blocks import LOOP_FROM
from ..core.handle import TensorBase
from ..core.primitive import bind
from .base import HALVES
from .define import (
    Binary,
    Elementwise,
    Pair,
    Unary,
    batch_elementwise,
    diagonal,
    shape_elementwise,
    special_class,
)

__all__ = ["Fused", "fused", "fused_question"]

# Reads formulas in the words of primitives, which stand above and below this module.
derivation = lazy_module(__name__.rpartition(".")[0] + ".derivation")

_FIELDS = ("derivation", "formula", "params", "saves", "wide")
_DERIVED = ("derivation", "rules", "rule", "rule_x", "rule_y")


class Fused:
    """What a fused operator has beside a primitive: rules are made of its `formula` when they are
    first asked for, and `derivation` has its steps."""

    __slots__ = ()

    def __getattr__(self, name):
        if name not in _DERIVED:
            raise AttributeError(f"'{self.name}' has no attribute '{name}'", name=name)
        if name == "derivation":
            self.derivation = derivation.Derivation(self)
            return self.derivation
        self.vjp = {i: self.derivation.rule(i, self.saves[i]) for i in self.inputs}
        self.rules = tuple([bind(self.vjp[i], self.inputs) for i in self.inputs])
        if isinstance(self, (Unary, Binary)):
            for field, value in special_class(self.inputs, self.vjp)[1].items():
                setattr(self, field, value)
        return object.__getattribute__(self, name)

    def backward(self, g, saved, params, edges):
        """16-bit floats are rounded once, at the end, where the operator is `wide`."""
        if (g.__class__ is ndarray and g.itemsize > 2) or not (self.wide and _narrow(g)):
            return super().backward(g, saved, params, edges)
        wide = super().backward(_wide(g), [_wide(s) for s in saved], params, edges)
        return [c if c is None else c.astype(g.dtype) for c in wide]


class FusedElementwise(Fused, Elementwise):
    __slots__ = _FIELDS

    def backward(self, g, saved, params, edges):
        if g.__class__ is ndarray and g.size < LOOP_FROM and g.itemsize > 2 and len(edges) == 1:
            return (self.rules[0](g, saved, params),)
        return Fused.backward(self, g, saved, params, edges)


class FusedPair(Fused, Pair):
    __slots__ = _FIELDS

    def backward(self, g, saved, params, edges):
        if g.__class__ is ndarray and g.itemsize > 2:
            return Pair.backward(self, g, saved, params, edges)
        return Fused.backward(self, g, saved, params, edges)


class FusedBinary(Fused, Binary):
    __slots__ = _FIELDS

    def backward(self, g, saved, params, edges):
        if g.__class__ is ndarray and g.itemsize > 2:
            return Binary.backward(self, g, saved, params, edges)
        return Fused.backward(self, g, saved, params, edges)


class FusedUnary(Fused, Unary):
    """One input, and a rule that reads one saved value: called without detours."""

    __slots__ = _FIELDS

    def backward(self, g, saved, params, edges):
        if g.__class__ is ndarray and g.size < LOOP_FROM and g.itemsize > 2:
            place = self.place
            return (self.rule(g) if place is None else self.rule(g, saved[place]),)
        return Fused.backward(self, g, saved, params, edges)


_CLASSES = {Elementwise: FusedElementwise, Pair: FusedPair, Binary: FusedBinary, Unary: FusedUnary}


def _narrow(value):
    return not isinstance(value, TensorBase) and getattr(value, "dtype", None) in HALVES


def _wide(value):
    """A value in float32 where it is of a 16-bit type."""
    return value.astype(np.float32) if _narrow(value) else value


def fused(name, formula, kernel=None, *, inputs=("x",), params=(), saves=None, tex=None,
          torch_name=None, shape=None, wide=True):  # fmt: skip
    """An operator of elements from one formula: a Python expression of `inputs` and `params` in the
    words of primitives.

    `kernel(*inputs, **params)` computes the value; where there is none the formula does. `saves`:
    what the rule of an input reads, of the inputs and "out", {input: names}; all inputs if nothing
    is said. `tex` is what readers see, where there is a shorter word than the formula. `wide`:
    16-bit floats are computed in float32 and rounded once, as in PyTorch's own kernels; else as
    in its derivatives written in tensors, after each step.
    """
    saves = saves or dict.fromkeys(inputs, inputs)
    stubs = {i: reading((*saves[i], *params)) for i in inputs}
    kind, fields = special_class(inputs, stubs)
    prim = _CLASSES[kind](
        name, _kernel(kernel, wide, lambda: prim), inputs, vjp=stubs, batch=batch_elementwise,
        shape=shape or shape_elementwise, tex=tex or formula, torch_name=torch_name,
    )  # fmt: skip
    prim.formula, prim.params, prim.saves, prim.wide = formula, params, saves, wide
    for field, place in fields.items():
        if field not in _DERIVED:
            setattr(prim, field, place)
    return diagonal(prim)


def fused_question(name, formula, kernel, *, tex=None):
    """A fused operator whose answer is true or false: no gradient passes."""
    prim = FusedElementwise(
        name, kernel, ("x",), batch=batch_elementwise, shape=shape_elementwise, tex=tex or formula
    )
    prim.formula, prim.params, prim.saves, prim.wide = formula, (), {}, False
    prim.kind = "elementwise"
    return prim


def _kernel(kernel, wide, made):
    """The evaluation of an operator: by its kernel, or by its formula."""
    compute = kernel or (lambda *args, **params: made().derivation.value(*args, **params))
    return _in_float32(compute) if wide else compute


@cache
def reading(names):
    """Says what a rule will read, before there is one."""
    return eval(f"lambda {', '.join(['t', *names])}: None")


def _in_float32(compute):
    """A kernel that works in float32 on the 16-bit floats."""

    def eval(x, *rest, **params):
        if x.dtype in HALVES:
            return compute(_wide(x), *[_wide(r) for r in rest], **params).astype(x.dtype)
        return compute(x, *rest, **params)

    return eval
