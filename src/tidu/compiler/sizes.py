"""Calls of other sizes, where `dynamic=True` says that sizes vary: without new machine code.

The first size is compiled. For another one the function is recorded again, so that whatever its
Python does with sizes is right, and `Interpreted` runs the graph by the operations of eager
programs, whose loops serve every size.
"""

import numpy as np

from ..core.blocks import LARGE
from ..program.ir import Variable
from . import passes

__all__ = ["Interpreted", "is_dynamic", "loosened"]

_PASSES = ("simplify", "share", "drop unused")


class Interpreted:
    """A graph as a `Program`, run equation by equation."""

    small, many, text = False, True, ""

    def __init__(self, recorded, targets=None, again=()):
        self.recorded, self.targets = recorded, targets or {}
        graph = recorded
        for name in _PASSES:
            graph = passes.PASSES[name](graph)
        self.graph, self.outputs = graph, graph.outputs
        self.plan = _Listed(graph)
        self.steps = list(zip(graph.equations, self._last_uses(), strict=True))
        self.inside = _aliases(graph)

    def _last_uses(self):
        """For each equation, the variables that nobody reads after it."""
        seen = {o for o in self.graph.outputs if isinstance(o, Variable)}
        found = []
        for e in reversed(self.graph.equations):
            names = {i for i in (*e.ins, *e.outs) if isinstance(i, Variable)} - seen
            seen |= names
            found.append(tuple(names))
        return reversed(found)

    def borrows(self, i):
        """Whether output i may lie in the memory of an input or a constant."""
        return self.graph.outputs[i] in self.inside

    def __call__(self, arrays):
        graph = self.graph
        values = {c: c.constant for c in graph.constants}
        values.update(zip(graph.inputs, map(_number, arrays), strict=True))
        for e, late in self.steps:
            ins = [values[i] if isinstance(i, Variable) else i for i in e.ins]
            prim = e.prim
            first = ins[0] if ins else None
            wide = first.__class__ is np.ndarray and first.size >= LARGE and prim.large is not None
            out = (prim.large if wide else prim.eval)(*ins, **e.params)
            values.update(zip(e.outs, out if out.__class__ is tuple else (out,), strict=True))
            for v in late:
                del values[v]
        return self._written(arrays, values)

    def _written(self, arrays, values):
        """The outputs as arrays; those with a target are written there, when all have been read."""
        outs = [np.asarray(values[o], o.element_type) if isinstance(o, Variable) else o
                for o in self.graph.outputs]  # fmt: skip
        into = [arrays[i] for i in self.targets.values()]
        given = [*arrays, *self.graph.fixed]
        for i, out in enumerate(outs):
            if not isinstance(out, np.ndarray):
                continue
            meets = into if self.graph.outputs[i] in self.inside else [*given, *outs[:i]]
            if any(isinstance(a, np.ndarray) and np.may_share_memory(out, a) for a in meets):
                outs[i] = out.copy()
        for o, i in self.targets.items():
            arrays[i][...] = outs[o]
            outs[o] = None
        return outs

    @property
    def history(self):
        """The graph as it was recorded and as it runs."""
        return f"recorded:\n{self.recorded}\nafter {', '.join(_PASSES)}:\n{self.graph}"

    def summary(self):
        """What runs, in words."""
        return f"{len(self.graph.equations)} operations, one by one, as the sizes vary"


class _Listed:
    """The steps, for people to read."""

    def __init__(self, graph):
        self.graph = graph

    def text(self):
        return "\n".join([f"{k}: {e.prim.name}" for k, e in enumerate(self.graph.equations)])


def _number(array):
    return array if array.ndim else array[()]


def _aliases(graph):
    """The variables that may lie in the memory of inputs and constants."""
    found = {*graph.inputs, *graph.constants}
    for e in graph.equations:
        if e.ins and isinstance(e.ins[0], Variable) and e.ins[0] in found and e.prim.is_view:
            found.update(e.outs)
    return found


def is_dynamic(optimized, tensors):
    """Whether sizes vary: all of them, or those of a tensor marked by `mark_dynamic`."""
    return bool(optimized.dynamic) or any("_dynamo_dynamic_indices" in t.__dict__ for t in tensors)


def loosened(key):
    """A key without the sizes of the tensors, by which calls of other sizes are told."""
    spec, parts, *modes = key
    return spec, tuple([(len(p[0]), *p[1:]) if len(p) > 2 else p for p in parts]), *modes
