"""Symbols: what stands for values while a derivative is recorded, and what that is recorded for."""

import numpy as np

from ..program.ir import Variable

__all__ = ["Purpose", "Symbol", "ZERO", "holds", "is_number", "made_by"]


class Symbol(Variable):
    """The result of `step` (None: an input), the `place`th of all. `moved`: whether it depends on
    the cotangent."""

    __slots__ = ("moved", "place", "step")

    def __init__(self, name, element_type, step=None, moved=False, place=-1):
        super().__init__(name, (), element_type)
        self.step, self.moved, self.place = step, moved, place


class Purpose:
    """What a recorder records: the value of a formula or (`deriving`) a derivative, be it of an
    `inverse`. `shown`: {a step: what it is in terms of the value, which the rule may read}."""

    __slots__ = ("deriving", "inverse", "shown")

    def __init__(self, shown=(), deriving=False, inverse=False):
        self.shown, self.deriving, self.inverse = dict(shown), deriving, inverse


ZERO = Symbol("0", np.dtype(np.float64), moved=True)


def made_by(x, prim):
    """The operands of x, if that is a step of `prim`."""
    made = x.step if isinstance(x, Symbol) else None
    return made.ins if made is not None and made.prim is prim else None


def holds(x, value):
    """Whether x is this number."""
    return not isinstance(x, Symbol) and x == value


def is_number(x):
    return not isinstance(x, Symbol)
