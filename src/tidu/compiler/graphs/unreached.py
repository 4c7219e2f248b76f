"""Backward graphs where some results of a function were reached by no gradient.

A rule is linear in the gradients it is given. So what depends on gradients that are missing alone
is missing too, as in an eager pass, which never comes there: a leaf gets none instead of zeros, and
no zero meets an infinite derivative.
"""

import numpy as np

from ...primitives import arithmetic, base
from ...program.ir import Equation, Graph, Variable

__all__ = ["without"]


def without(graph, seeds, missing):
    """`graph` without those of its inputs `seeds` that are `missing`; an output is None where no
    gradient arrives. Its inputs are those of `graph` that it reads."""
    work = _Without(graph, seeds, missing)
    for e in graph.equations:
        work.equation(e)
    return work.finish(graph)


class _Without:
    """`reached`: the variables that depend on seeds; `gone`: those of them that are missing;
    `same`: variables in the place of which another stands, as nothing is added to it."""

    def __init__(self, graph, seeds, missing):
        self.out, self.zeros = Graph(), {}
        self.out._count, self.out.orders = graph._count, graph.orders
        self.reached, self.gone, self.same = set(seeds), set(missing), {}

    def equation(self, e):
        given = [i for i in e.ins if isinstance(i, Variable) and i in self.reached]
        self.reached.update(e.outs if given else ())
        lost = [i for i in given if i in self.gone]
        if given and len(lost) == len(given):
            self.gone.update(e.outs)
            return
        other = self._other(e) if lost else None
        if other is not None:
            self.same[e.outs[0]] = other
            return
        ins = [self._zeros(i) if i in lost else self.now(i) for i in e.ins]
        self.out.equations.append(Equation(e.prim, ins, e.outs, e.params))

    def now(self, value):
        return self.same.get(value, value) if isinstance(value, Variable) else value

    def _other(self, e):
        """What a sum is whose other part is missing, if that has its shape and type."""
        if e.prim is not arithmetic.add:
            return None
        stays = [self.now(i) for i in e.ins if not isinstance(i, Variable) or i not in self.gone]
        made = e.outs[0]
        if len(stays) != 1 or not isinstance(stays[0], Variable):
            return None
        alike = stays[0].shape == made.shape and stays[0].element_type == made.element_type
        return stays[0] if alike else None

    def _zeros(self, like):
        """Zeros in the place of one of several gradients that a rule reads."""
        found = self.zeros.get(like)
        if found is None:
            kind = like.element_type
            zero = self.out.variable((), kind, np.zeros((), kind))
            self.out.constants.append(zero)
            found = self.zeros[like] = self.out.variable(like.shape, kind)
            spread = Equation(base.broadcast_to, [zero], [found], {"shape": like.shape})
            self.out.equations.append(spread)
        return found

    def finish(self, graph):
        """Only what the outputs that are left depend on."""
        out = self.out
        out.outputs = [None if isinstance(o, Variable) and o in self.gone else self.now(o)
                       for o in graph.outputs]  # fmt: skip
        wanted, equations = {o for o in out.outputs if isinstance(o, Variable)}, []
        for e in reversed(out.equations):
            if any(v in wanted for v in e.outs):
                equations.append(e)
                wanted.update(i for i in e.ins if isinstance(i, Variable))
        out.equations = equations[::-1]
        out.constants = [c for c in (*graph.constants, *out.constants) if c in wanted]
        out.inputs = [i for i in graph.inputs if i in wanted]
        return out
