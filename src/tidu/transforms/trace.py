"""Tracing: a program runs on stand-ins that know shape and type alone, and leaves a graph.

A stand-in takes the place of memory, below every other transform, so gradients, batches and
tangents inside the traced program are traced with it. Read `trace`.
"""

import numpy as np

from ..base.dtypes import KEPT
from ..base.errors import ValueAsked, hinted
from ..base.size import view_strides
from ..core.dispatch import edges_of, kept, pack_saved, record
from ..core.handle import TensorBase, Unresolved, shape_of, wrap
from ..core.levels import Reading, StandIn
from ..core.modes import LOCAL, grad_enabled
from ..core.primitive import infer
from ..primitives.indexing import take
from ..program.ir import Equation, Graph

__all__ = ["Traced", "Tracer", "constant_of", "first_pick", "fits_memory", "infer",
           "memory_of", "noted", "pick", "retrack", "trace", "unknown_place"]  # fmt: skip


class Traced(StandIn):
    """The stand-in of a trace."""

    __slots__ = ()

    def concrete(self, use):
        found = self.level.answer(self.variable, use)
        if found is not None:
            return found
        self.level.asked = True
        raise ValueAsked(
            hinted(
                "The value of a tensor was asked for while the program was traced.",
                "a traced program may not branch on values: use torch.where, or keep item(), "
                "bool() "
                "and numpy() outside.",
            )
        )


def memory_of(handle):
    """An array that lies in memory as a tensor's values do or, where they are being recorded, as
    they would; None where nobody knows. It is not to be read."""
    value = handle._value
    if value.dtype is not None:
        return value
    if value.__class__ is Unresolved:
        return value.memory
    return value.level.lying(value) if value.__class__ is Traced else None


def fits_memory(handle, shape):
    """Whether its elements in another shape are a view of the same memory."""
    value = memory_of(handle)
    if value.__class__ is np.ndarray and not value.flags.c_contiguous:
        return view_strides(value.shape, value.strides, shape) is not None
    return True


class Tracer(Reading):
    """The level of a trace: depth 0, below all transforms."""

    depth = 0
    alive = True
    results: (
        set | tuple
    ) = ()  # ids of given tensors that are results, though they have a leaf's node
    asked = False  # whether a value was asked for, which no trace has
    refusing = False  # whether results without a derivative are told from those that have one

    def __init__(self):
        self.graph = Graph()
        self.captured = {}

    def answer(self, variable, use):
        """The value of a variable, where it is known: never, in a plain trace."""

    def later(self, handle):
        """What stands for the number of a tensor until the program runs: nothing."""

    def refuse(self, reason):
        """What a trace can't follow is an error."""
        raise RuntimeError(reason)

    def looks_at(self, node):
        """The program looks at a step of the backward pass."""

    def asks_for_base(self, handle):
        """The program asks of which tensor another is a view."""

    def is_given(self, handle):
        """Whether a tensor is there from outside, so that its storage is not known."""
        return False

    def arrives(self, leaf):
        """A gradient arrives at a leaf."""

    def repeats(self):
        """What records the same work on several tensors once: nothing."""

    def goes_back(self, wanted, seeds):
        """A backward pass begins for edges with these ids alone."""

    def drawn_along(self, handle):
        """A draw follows the memory of `handle`: its axes in that order, None for their own."""

    def demand(self, variable, holds, error):
        """``holds(values)`` must be true of them, else ``error()`` is raised; a plain trace does
        not ask."""

    def writes(self, handle):
        """A tensor is about to be written."""

    def overwrites(self, target, out, since):
        """The memory of a tensor is written with `out`, as `write` of `mutation.py` says it."""

    def takes_place(self, value, handle):
        """A Traced is written into the memory of a tensor, and lies as that does: the one that is
        to stand there."""
        return value

    def looks_into(self, value, handle):
        """A Traced is a view of a tensor."""

    def reads_saved(self, value, node):
        """The rules of a node are about to read a Traced that it saved."""

    def lies(self, value, array):
        """A Traced lies in memory as an array does."""

    def lying(self, value):
        """An array that lies in memory as a Traced would; None where that is not known."""

    def input(self, shape, dtype):
        variable = self.graph.variable(shape, dtype)
        self.graph.inputs.append(variable)
        return wrap(Traced(variable, self))

    def variable_of(self, a):
        """The graph's name for an argument: a variable, a captured constant, or a number."""
        value = a._value if isinstance(a, TensorBase) else a
        if value.__class__ is Traced:
            return value.variable
        if value.__class__ is Unresolved:
            value = value.resolved()
        if not isinstance(value, (np.ndarray, np.generic)):
            return value
        return constant_of(self.graph, self.captured, value)

    def process(self, prim, args, params):
        variables, several = noted(self, prim, args, params)
        handles = [wrap(Traced(v, self)) for v in variables]
        out = tuple(handles) if several else handles[0]
        tracked = any(isinstance(a, TensorBase) and a._node is not None for a in args)
        if tracked and prim.differentiable and grad_enabled():
            below = [wrap(a._value) if isinstance(a, TensorBase) else a for a in args]
            out = record(prim, edges_of(args), below, params, out, retrack)
            if LOCAL.packing is not None:
                pack_saved(out, args)
        return out


# --- x[i] with an index tensor without axes -------------------------------------------------------
# Eagerly that is a view. Where the value of i is not known it is a copy that knows its base: `pick`
# stands among the steps of a view like a primitive, and writes to either reach the other
# (`mutation.py`).


def unknown_place(item):
    """Whether this is an index that takes away an axis, at a place which is told later."""
    if not isinstance(item, TensorBase) or item._value.dtype is not None or shape_of(item):
        return False
    value = item._value
    while not isinstance(value, StandIn):
        if value.dtype is not None or not hasattr(value, "tensor") or hasattr(value, "axis"):
            return False  # memory, or one for each of a batch
        value = value.tensor._value
    return value.element_type.kind in "iu" and value.element_type != np.uint8


def pick(tensor, *, axis, index):
    """The part of `tensor` at the place along `axis` that `index` has."""
    out = take(tensor, index, dims=(axis,))
    value, memory = out._value, memory_of(tensor)
    if value.__class__ is Traced and memory.__class__ is np.ndarray and memory.size:
        value.level.lies(value, memory[(slice(None),) * axis + (0,)])
    if value.__class__ is Traced:
        value.level.looks_into(value, tensor)
    return out


def first_pick(steps):
    """The position of the first `pick` among the steps of a view; None if there is none."""
    return next((k for k, (step, _) in enumerate(steps) if step is pick), None)


def constant_of(graph, known, value):
    """The variable of an array from outside; `known` has those met before, by their id."""
    found = known.get(id(value))
    if found is None:
        found = known[id(value)] = graph.variable(value.shape, value.dtype, value)
        graph.constants.append(found)
    return found


def noted(level, prim, args, params):
    """One more equation of the graph of `level`: (the variables it sets, whether a tuple)."""
    outs = infer(prim, args, params)
    several = outs.__class__ is list
    variables = [level.graph.variable(*spec) for spec in (outs if several else [outs])]
    ins = [level.variable_of(a) for a in args]
    if KEPT and not LOCAL.by_rules:
        kept.require_moving(prim, ins)
    level.graph.equations.append(Equation(prim, ins, variables, params))
    return variables, several


def retrack(handle, node):
    """`lift` of stand-ins for `record`: the same one, with a node."""
    return wrap(handle._value, node)


def trace(function, *specs):
    """The graph of `function` for inputs of these (shape, NumPy dtype)."""
    tracer = Tracer()
    out = function(*[tracer.input(shape, dtype) for shape, dtype in specs])
    outs = out if isinstance(out, (tuple, list)) else (out,)
    tracer.graph.outputs = [tracer.variable_of(o) for o in outs]
    return tracer.graph
