"""For which primitives compiled programs have something of their own: all places, in one."""

from ...primitives import contraction
from ...primitives.convolution import convolution, transposed_convolution
from ..loops import scans
from ..loops.elements import lowering
from ..loops.layout import VIEWS
from .expansions import definition_of
from .moves import PLACES
from .reshapes import REDUCTIONS

__all__ = ["lowered"]

_PRODUCTS = {contraction.matmul, convolution, transposed_convolution}


def lowered(prim):
    """Whether a program generates code for a primitive, has it as strides, or writes it out in
    simpler ones, for operands of suitable types; else it calls what eager calls."""
    known = (VIEWS, PLACES, REDUCTIONS, scans.BODIES, _PRODUCTS)
    return any(prim in place for place in known) or bool(lowering(prim) or definition_of(prim))
