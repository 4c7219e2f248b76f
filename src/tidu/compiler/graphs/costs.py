"""What equations over elements cost, estimated: whether one is plain arithmetic, and seconds."""

from math import prod

from ...program.ir import Variable
from ..loops.elements import lowers
from ..loops.layout import VIEWS

__all__ = ["before_functions", "plain", "seconds"]

# Of a thread's share on a machine with two: an element read or written, a polynomial on it.
_ELEMENT, _FUNCTION = 1e-10, 2e-10
_PLAIN = frozenset((
    "add sub mul neg relu where select clone to_copy alias lt le gt ge eq ne abs rsub logical_not "
    "maximum minimum zeros_like square"
).split())  # fmt: skip


def plain(e):
    """Whether it is an instruction or two, and no polynomial."""
    if e.prim.name == "pow":
        return not isinstance(e.ins[1], Variable) and e.ins[1] == 2
    return e.prim.name in _PLAIN


def seconds(e):
    count = max([prod(v.shape) for v in e.outs], default=0)
    return count * (_ELEMENT if plain(e) else _ELEMENT + _FUNCTION)


def before_functions(graph):
    """The values that go on into functions of their elements that are not plain."""
    found = set()
    for e in reversed(graph.equations):
        if len(e.outs) != 1 or e.prim in VIEWS or not lowers(e):
            continue
        (out,) = e.outs
        if out in found or not plain(e):
            found.update([i for i in e.ins if isinstance(i, Variable) and i.shape == out.shape])
    return found
