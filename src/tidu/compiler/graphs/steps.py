"""The steps of a plan, and when what they compute is ready.

A value is ready `within` a step that computes it element by element: what joins that step may read
it there. It is ready `after` a step for all that comes later. Both are numbers, in the order of
time.
"""

from ...program.ir import Variable
from ..loops.stops import Stop

__all__ = [
    "GIVEN", "Call", "Convolution", "Fused", "Indexed", "Placed", "Product", "Recurrent",
    "Scan", "WithEpilogue", "after", "earliest", "is_within", "past", "reads_of", "step_of", "told",
    "within",
]  # fmt: skip

GIVEN = -1  # what is ready before the first step


def within(k):
    return 2 * k


def after(k):
    return 2 * k + 1


def past(ready):
    """When what is computed at `ready` lies in memory."""
    return ready | 1


def is_within(ready):
    return not ready & 1


def earliest(ready):
    """The first step that can read what is then ready, or that makes it."""
    return ready + 1 >> 1


def step_of(ready):
    """The step that makes what is then ready; -1 for what is given."""
    return ready >> 1


class Fused:
    """Equations over one iteration space, and reductions of some of their values."""

    def __init__(self, shape):
        self.shape, self.equations, self.reductions, self.reduced = tuple(shape), [], [], None
        self.inside = set()  # variables computed here, element by element
        # Of a product: "left" and "right" -> (variable, strides), and its result; equations go on
        # with that (`tiles.py`).
        self.operands, self.out = {}, None


class WithEpilogue:
    """An operation by a function of its own, and its epilogue: equations over the elements of the
    result, computed for each part of it as soon as that is whole."""

    def __init__(self, equation):
        self.equation, (self.out,) = equation, equation.outs
        self.equations, self.inside = [], set()


class Product(WithEpilogue):
    """A matrix product left to the library."""


class Convolution(WithEpilogue):
    """A convolution, or its transpose, in the plan where it has an epilogue."""


class Scan:
    """A step along one axis, see `scans.py`; `kept`: room for what it carries past each element."""

    def __init__(self, equation, kept):
        self.equation, self.kept = equation, kept


class Recurrent:
    """A recurrent layer over all time steps, or the way back, see `recurrent.py`; `kept`: room for
    what it computes beside its results."""

    def __init__(self, equation, kept):
        self.equation, self.kept = equation, kept


class Indexed:
    """Elements at places that an array names, see `indexed.py`."""

    def __init__(self, equation):
        self.equation = equation


class Call:
    """An operation by its own function, as in eager: a kernel where it has one (convolution,
    pooling ...), else NumPy."""

    def __init__(self, equation):
        self.equation = equation


class Placed(Call):
    """One whose function writes into the program's memory, see `placed.py`."""


_WORDS = {Call: "call", Convolution: "convolution", Indexed: "indexed", Placed: "call",
          Product: "product", Recurrent: "recurrent", Scan: "scan", Stop: "stop"}  # fmt: skip


def told(step):
    """A step as text, a line for each equation."""
    within = [f"     {_equation(e)}" for e in getattr(step, "equations", ())]
    if not isinstance(step, Fused):
        return "\n".join([f"{_WORDS[type(step)]} {_equation(step.equation)}", *within])
    lines = [f"loop over {list(step.shape)}", *within]
    operands = " * ".join([v.name for v, _ in step.operands.values()])
    for name, term, out in step.reductions:
        lines.append(f"     {out.name} = {name} of {operands or term.name} over {step.reduced}")
    return "\n".join(lines)


def _equation(e):
    arguments = [str(i) for i in e.ins] + [f"{k}={v!r}" for k, v in e.params.items()]
    return f"{', '.join(v.name for v in e.outs)} = {e.prim.name}({', '.join(arguments)})"


def reads_of(step):
    """The variables that a step reads from memory."""
    found = []
    if not isinstance(step, Fused):
        found = [i for i in step.equation.ins if isinstance(i, Variable)]
    for e in getattr(step, "equations", ()):
        for i in e.ins:
            if isinstance(i, Variable) and i not in step.inside and i not in found:
                found.append(i)
    if not isinstance(step, Fused):
        return found
    for _, term, _ in step.reductions:
        if term is not None and term not in step.inside and term not in found:
            found.append(term)
    return [*found, *[v for v, _ in step.operands.values()]]
