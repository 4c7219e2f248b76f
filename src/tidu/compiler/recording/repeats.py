"""The same work on several groups of tensors, recorded once and copied: an optimizer's update.

The first run of a kind leaves equations; if each computes element by element, from the tensors and
from what is the same for all groups, those of another group of tensors, of another shape perhaps,
are these with other variables. Read `Repeats.run`.
"""

from ...core.handle import LEAF, TensorBase
from ...primitives.base import cast
from ...program.ir import Equation, Variable
from ...transforms.trace import Traced

__all__ = ["Repeats"]


class Repeats:
    """The runs of one function during a trial run."""

    def __init__(self, tracer):
        self.tracer, self.made = tracer, {}

    def run(self, tensors, work):
        """work(), which changes none but these tensors, and is the same for all of their kind."""
        kind = self._kind(tensors)
        found = self.made.get(kind)
        if found is not None:
            return self._copy(found, tensors)
        before = [t._value.variable for t in tensors] if kind is not None else None
        start = len(self.tracer.graph.equations)
        work()
        if kind is not None and self._kind(tensors) == kind:
            found = self._pattern(tensors, before, start)
            if found is not None:
                self.made[kind] = found

    def _kind(self, tensors):
        """What decides the equations, besides the shape of the first tensor; None where one is no
        plain stand-in, or where views of it, its history or its memory would have to follow."""
        found, shape, variables = [], None, set()
        for t in tensors:
            value = t._value if isinstance(t, TensorBase) else None
            if value.__class__ is not Traced or value.level is not self.tracer:
                return None
            shape = value.shape if shape is None else shape
            plain = t._view is None and t._extra is None and (t._node is None or t._node is LEAF)
            in_order = self.tracer.layouts.of(value.variable).flags.c_contiguous
            if not (plain and in_order and shape and value.shape in (shape, ())):
                return None
            variables.add(value.variable)
            found.append((t.__class__, value.element_type, value.shape == (), t._node is None))
        return tuple(found) if len(variables) == len(tensors) else None

    def _pattern(self, tensors, before, start):
        """(equations, where each tensor is found afterwards): of each equation the primitive, its
        inputs as places or numbers, its parameters, whether it makes one number, and the type."""
        shape = before[0].shape
        places = {variable: k for k, variable in enumerate(before)}
        steps = []
        for e in self.tracer.graph.equations[start:]:
            elementwise = e.prim.kind == "elementwise" or e.prim is cast
            if not elementwise or len(e.outs) != 1 or e.outs[0].shape not in (shape, ()):
                return None
            ins = [(places.get(i) if isinstance(i, Variable) else None, i) for i in e.ins]
            if any(k is None and isinstance(i, Variable) and i.shape for k, i in ins):
                return None  # it reads something of this size that is none of the tensors
            (out,) = e.outs
            places[out] = len(places)
            steps.append((e.prim, ins, e.params, out.shape == (), out.element_type))
        return steps, [places.get(t._value.variable) for t in tensors]

    def _copy(self, pattern, tensors):
        graph, (steps, after) = self.tracer.graph, pattern
        values, shape = [t._value.variable for t in tensors], tensors[0]._value.shape
        for prim, ins, params, single, kind in steps:
            out = graph.variable(() if single else shape, kind)
            given = [i if k is None else values[k] for k, i in ins]
            graph.equations.append(Equation(prim, given, [out], dict(params)))
            values.append(out)
        for k, t in zip(after, tensors, strict=True):
            if values[k] is not t._value.variable:
                memory = self.tracer.memory
                memory.note(t._value)
                t._value = memory.lies_in(Traced(values[k], self.tracer), t._value)
