"""Values that are computed again where they are needed late, so that they need no room between.

`recomputed` is a pass. At the place of a program where most memory is held, it looks for values
that are read before and after it, and that cheap equations make from what is held there in any
case: of these it computes again, for their later readers, those with most bytes for their time,
until the budget is spent. What is computed again begins at a `barrier`, so that nobody merges it
with the first. Programs that hold little are left alone.
"""

from math import prod

from ...primitives import contraction, convolution, structural
from ...program.ir import Equation, Graph, Variable
from ..loops.elements import lowers
from ..loops.layout import VIEWS
from .costs import seconds
from .reshapes import REDUCTIONS

__all__ = ["BUDGET", "LARGE", "recomputed", "seconds_of"]

LARGE = 1 << 23  # bytes held at a time from which it is worth the time
LEAST = 1 << 16  # bytes of a value
BUDGET = 0.03  # of the time that the program takes
LONGEST = 12  # equations to compute a value again
FAR = 32  # equations between two readers, from which a value lies in memory meanwhile

_MULTIPLICATION = 1e-11  # seconds of one of a product's


def recomputed(graph):
    """The graph, with some values computed twice if it holds much."""
    held = _Held(graph)
    if held.most < LARGE:
        return graph
    budget, chosen, shared = BUDGET * sum(map(seconds_of, graph.equations)), {}, set()
    for v, late in sorted(held.candidates(), key=lambda c: -_bytes(c[0])):
        found = held.chain(v, late)
        if found is None or shared & {v, *found.sources}:
            continue
        cost = sum([seconds(e) for e in found.equations])
        if cost <= budget:
            budget -= cost
            chosen[v] = found
            shared |= {v, *found.sources}
    return _written(graph, chosen) if chosen else graph


def _bytes(v):
    return prod(v.shape) * v.element_type.itemsize


def seconds_of(e):
    """What an equation takes, as far as it is known: products, convolutions, what is elements."""
    if e.prim is contraction.matmul:
        return prod(e.outs[0].shape) * e.ins[0].shape[-1] * _MULTIPLICATION
    if e.prim in convolution.FORM.maps.values():
        roles = dict(zip(e.prim.takes, e.ins[:2], strict=True)) | {e.prim.gives: e.outs[0]}
        terms = roles[convolution.WEIGHT].shape[1:]
        return prod(roles[convolution.RESULT].shape) * prod(terms) * _MULTIPLICATION
    return 0.0 if e.prim in VIEWS else seconds(e)


class _Chain:
    """Equations that compute a value again, for the readers from the place `late` on; `early`:
    whether there are others."""

    def __init__(self, equations, sources, late, early):
        self.equations, self.sources, self.late, self.early = equations, sources, late, early


class _Held:
    """What a graph holds at each place: where values are made (`born`) and read; of views, what
    they look at."""

    def __init__(self, graph):
        self.graph, self.makers, self.bases = graph, {}, {}
        self.born, self.reads, self.large = {}, {}, set()
        for k, e in enumerate(graph.equations):
            for v in {i for i in e.ins if isinstance(i, Variable)}:
                self.reads.setdefault(self.base(v), []).append(k)
            if e.prim in VIEWS:
                self.bases[e.outs[0]] = self.base(e.ins[0])
                continue
            for v in e.outs:
                self.makers[v], self.born[v] = e, k
        self.results = {self.base(o) for o in graph.outputs if isinstance(o, Variable)}
        for v in self.born:
            if self._in_memory(v):
                self.large.add(v)
        self.place, self.most = self._peak()

    def base(self, v):
        return self.bases.get(v, v)

    def last(self, v):
        return len(self.graph.equations) if v in self.results else max(self.reads.get(v, [-1]))

    def _in_memory(self, v):
        """Whether it is likely to lie in memory: not what loops hand on at once."""
        readers = [self.graph.equations[k] for k in self.reads.get(v, ())]
        near = all(k - self.born[v] < FAR for k in self.reads.get(v, ()))
        within = all(e.prim in REDUCTIONS or e.prim not in VIEWS and lowers(e) for e in readers)
        return v in self.results or not (near and within)

    def _peak(self):
        """(where most is held, how many bytes)."""
        change = [0] * (len(self.graph.equations) + 2)
        for v in self.large - self.results:
            change[self.born[v]] += _bytes(v)
            change[self.last(v) + 1] -= _bytes(v)
        most, place, now = 0, 0, 0
        for k, step in enumerate(change):
            now += step
            if now > most:
                most, place = now, k
        return place, most

    def candidates(self):
        """(value, the first of its readers behind the peak) of those that are idle there."""
        for v in self.born:
            if v not in self.large or v in self.results:
                continue
            before = [self.born[v], *[k for k in self.reads.get(v, ()) if k <= self.place]]
            after = [k for k in self.reads.get(v, ()) if k > self.place]
            if after and _bytes(v) >= LEAST and min(after) - max(before) >= FAR:
                yield v, min(after)

    def chain(self, v, late):
        """A _Chain, or None where something would have to be held for it."""
        equations, sources = [], []

        def walk(w):
            e = self.makers.get(w)
            if w is not v and self._there(w, late):
                sources.append(w)
                return True
            if e is None or not _again(e) or len(equations) >= LONGEST:
                return False
            if not all(walk(i) for i in e.ins if isinstance(i, Variable)):
                return False
            if e not in equations:
                equations.append(e)
            return True

        if not walk(v) or len(equations) > LONGEST:
            return None
        longer = {self.base(s) for s in sources if self._longer(self.base(s), late)}
        if sum(map(_bytes, longer)) > _bytes(v):
            return None
        early = any(k < late for k in self.reads[v])
        return _Chain(equations, list(dict.fromkeys(sources)), late, early)

    def _there(self, w, late):
        """Whether it lies in memory at the peak, or is given."""
        base = self.base(w)
        given = base not in self.born
        return given or (base in self.large and self.born[base] <= self.place <= self.last(base))

    def _longer(self, base, late):
        """Whether it has to be held longer than it is."""
        return base in self.born and self.last(base) < late


def _again(e):
    return len(e.outs) == 1 and lowers(e) and e.prim not in VIEWS


def _written(graph, chosen):
    """The graph with these values made once more before their later readers."""
    out = Graph()
    out.inputs, out.constants, out.outputs = graph.inputs, graph.constants, list(graph.outputs)
    out._count = graph._count
    starts, renamed = {}, {}
    for v, chain in chosen.items():
        starts.setdefault(chain.late, []).append((v, chain))
    views = {}  # of a value, to be seen of the new one
    unread = {v for v, chain in chosen.items() if not chain.early}
    for k, e in enumerate(graph.equations):
        for v, chain in starts.get(k, ()):
            renamed[v] = _once_more(out, v, chain)
        if e.outs and e.outs[0] in unread:
            continue
        ins = [_current(out, i, renamed, views) if isinstance(i, Variable) else i for i in e.ins]
        out.equations.append(Equation(e.prim, ins, e.outs, e.params))
        if e.prim in VIEWS:
            views[e.outs[0]] = e
    return out


def _current(out, v, renamed, views):
    """What stands for a variable by now; a view of what was made once more is taken again."""
    if v in renamed or v not in views:
        return renamed.get(v, v)
    e = views[v]
    seen = _current(out, e.ins[0], renamed, views)
    if seen is not e.ins[0]:
        renamed[v] = out.variable(v.shape, v.element_type)
        out.equations.append(Equation(e.prim, [seen], [renamed[v]], e.params))
    return renamed.get(v, v)


def _once_more(out, v, chain):
    known = {}
    for s in chain.sources:
        known[s] = out.variable(s.shape, s.element_type)
        out.equations.append(Equation(structural.barrier, [s], [known[s]], {}))
    for e in chain.equations:
        ins = [known[i] if isinstance(i, Variable) else i for i in e.ins]
        (made,) = e.outs
        known[made] = out.variable(made.shape, made.element_type)
        out.equations.append(Equation(e.prim, ins, [known[made]], e.params))
    return known[v]
