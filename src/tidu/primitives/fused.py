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

from ..base.frames import unheard
from ..base.lazy import lazy_module
from ..core.handle import TensorBase, element_type
from ..core.primitive import Derived, bind
from .base import HALVES, cast
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

__all__ = ["Fused", "fused", "fused_nondifferentiable"]

# Reads formulas in the words of primitives, which stand above and below this module.
derivation = lazy_module(__name__.rpartition(".")[0] + ".derivation")
kept = lazy_module(__name__.rpartition(".")[0] + ".kept")

_FIELDS = ("computed", "derivation", "element_type", "formula", "inverse", "params", "saves")
_DERIVED = ("derivation", "rules", "rule", "rule_x", "rule_y")


class Fused(Derived):
    """What a fused operator has beside a primitive: rules are made of its `formula` when they are
    first asked for, and `derivation` has its steps."""

    __slots__ = ()
    way = "fused operators: all rules follow from the formula"

    @property
    def told(self):
        formula = self.tex if callable(self.formula) else self.formula
        return f"x = {formula}" if self.inverse else formula

    @unheard
    def __getattr__(self, name):
        if name not in _DERIVED:
            raise AttributeError(f"'{self.name}' has no attribute '{name}'", name=name)
        if name == "derivation":
            self.derivation = derivation.derived(self)
            return self.derivation
        if callable(self.formula):
            self.vjp = {i: kept.by_params(self, i, read) for i, read in self.saves.items()}
        else:
            derive = lambda: {i: self.derivation.rule(i, read) for i, read in self.saves.items()}
            self.vjp = kept.rules(self, "backward", derive)
        self.rules = tuple([bind(self.vjp.get(i), self.inputs) for i in self.inputs])
        if isinstance(self, (Unary, Binary)):
            for field, value in special_class(self.inputs, self.vjp)[1].items():
                setattr(self, field, value)
        return object.__getattribute__(self, name)


class FusedElementwise(Fused, Elementwise):
    __slots__ = _FIELDS


class FusedPair(Fused, Pair):
    __slots__ = _FIELDS


class FusedBinary(Fused, Binary):
    __slots__ = _FIELDS


class FusedUnary(Fused, Unary):
    __slots__ = _FIELDS


class Wide:
    """Gradients of 16-bit floats are computed in float32 and rounded once."""

    __slots__ = ()

    def backward(self, g, saved, params, edges):
        if isinstance(g, TensorBase) and g._value.dtype is None and element_type(g) in HALVES:
            wide = super().backward(_widened(g), [_widened(s) for s in saved], params, edges)
            kind = element_type(g)  # a program that is recorded computes them so, too
            return [c if c is None else cast(c, to=kind, origin=element_type(c)) for c in wide]
        if g.__class__ is ndarray and g.itemsize > 2 or not _narrow(g):
            return super().backward(g, saved, params, edges)
        wide = super().backward(_wide(g), [_wide(s) for s in saved], params, edges)
        return [c if c is None else c.astype(g.dtype) for c in wide]


class WideElementwise(Wide, FusedElementwise):
    __slots__ = ()


class WidePair(Wide, FusedPair):
    __slots__ = ()


class WideBinary(Wide, FusedBinary):
    __slots__ = ()


class WideUnary(Wide, FusedUnary):
    __slots__ = ()


_CLASSES = {  # without and with float32 for the 16-bit floats
    Elementwise: (FusedElementwise, WideElementwise), Pair: (FusedPair, WidePair),
    Binary: (FusedBinary, WideBinary), Unary: (FusedUnary, WideUnary),
}  # fmt: skip


def _narrow(value):
    return not isinstance(value, TensorBase) and getattr(value, "dtype", None) in HALVES


def _widened(value):
    """The same of what may be a tensor."""
    if not isinstance(value, TensorBase):
        return _wide(value)
    kind = element_type(value)
    return cast(value, to=_F32, origin=kind) if kind in HALVES else value


_F32 = np.dtype(np.float32)


def _wide(value):
    """A value in float32 where it is of a 16-bit type."""
    return value.astype(np.float32) if _narrow(value) else value


def fused(name, formula, kernel=None, *, inputs=("x",), params=(), saves=None, tex=None,
          torch_name=None, shape=None, wide=False, computed=True, inverse=False):  # fmt: skip
    """An operator of elements from one formula: a Python expression of `inputs` and `params` in the
    words of primitives, or a function that takes the params and gives one.

    `kernel(*inputs, **params)` computes the value; where there is none the formula does. `saves`:
    what the rule of an input reads, of the inputs and "out", {input: names}; all inputs if nothing
    is said; no gradient passes to an input that is missing there. `tex` is what readers see, where
    there is a shorter word than the formula. `wide`: 16-bit floats are computed in float32 and
    rounded once, as in PyTorch's kernels of activations; else after each step, as in derivatives
    that it writes in tensors. `computed`: False where the formula has no value at some places
    (infinities, 0 / 0) that the kernel knows: derivatives are the formula's, but programs ask the
    kernel, as they do where the formula depends on the params. `inverse`: the formula has the value
    x for the value "out" of the operator, "exp(out)" for the logarithm.
    """
    saves = dict.fromkeys(inputs, inputs) if saves is None else saves
    stubs = {i: reading((*read, *params)) for i, read in saves.items()}
    kind, fields = special_class(inputs, stubs)
    prim = _CLASSES[kind][wide](
        name, _kernel(kernel, wide, lambda: prim), inputs, vjp=stubs, batch=batch_elementwise,
        shape=shape or shape_elementwise, tex=tex or formula, torch_name=torch_name,
    )  # fmt: skip
    prim.formula, prim.params, prim.saves = formula, params, saves
    prim.computed = computed and isinstance(formula, str) and not inverse
    prim.element_type, prim.inverse = np.float64, inverse
    for field, place in fields.items():
        if field not in _DERIVED:
            setattr(prim, field, place)
    return diagonal(prim)


def fused_nondifferentiable(name, formula, kernel, inputs=("x",), *, tex=None, of=np.float64,
                            computed=True):  # fmt: skip
    """A fused operator through which no gradient passes: questions, steps, what is done to bits.
    `of`: a type that the formula takes."""
    prim = FusedElementwise(
        name, kernel, inputs, batch=batch_elementwise, shape=shape_elementwise, tex=tex or formula
    )
    prim.formula, prim.params, prim.saves = formula, (), {}
    prim.computed, prim.element_type, prim.inverse = computed, of, False
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
