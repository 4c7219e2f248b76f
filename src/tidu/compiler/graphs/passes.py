"""Passes over a graph, each ``Graph -> Graph``, in the order they run: `PASSES`.

`run(recorded, seen=seen)` applies them all; `seen(name, graph)` is told each result, for people to
read. Those in `OF_MEMORY` concern the memory that a program reads and writes, not what a graph
means: they are given what is `Outside` of it, too.
"""

from typing import NamedTuple

from ...primitives import arithmetic, base, structural
from ...program.ir import Equation, Graph, Variable
from ...transforms.draws import random_draw
from ..loops.layout import VIEWS
from ..loops.stops import stop
from .bodies import draws
from .exchanges import pooled_first, summed_first
from .expansions import expanded
from .halves import widened
from .layouts import laid_out
from .maxima import places_kept, pooled_at_once
from .questions import check, demand
from .recomputation import recomputed
from .reshapes import reshaped_last

__all__ = ["PASSES", "Home", "Outside", "run"]


class Home(NamedTuple):
    """Of an output as the function made it: a number for the memory, the order of its axes (None:
    the plain one), the memory's shape and, while it was recorded, its variable."""

    root: int
    order: tuple | None
    shape: tuple
    variable: Variable | None

    @classmethod
    def of(cls, root, order):
        """None for an output without a root: it is written back, and needs neither."""
        if root is None:
            return None
        if order is None:  # what it holds may be a number that is not known yet
            return cls(id(root), None, (), None)
        value = root._value
        return cls(id(root), order, tuple(value.shape), getattr(value, "variable", None))


class Outside(NamedTuple):
    """What is known of a `recorded` graph's memory. `targets`: {output: input} of what is written
    back; `homes`: the `Home` of each output; `orders`: {position of an input: its axes, outermost
    first} of those that do not lie in C order."""

    recorded: Graph
    targets: dict = {}
    homes: tuple = ()
    orders: dict = {}


def _copy(graph):
    out = Graph()
    out.inputs, out.constants, out._count = list(graph.inputs), list(graph.constants), graph._count
    out.orders = dict(graph.orders)
    return out


def _finish(out, graph, renamed):
    out.outputs = [renamed.get(o, o) if isinstance(o, Variable) else o for o in graph.outputs]
    return out


def _rewritten(graph, rule):
    """Each equation as `rule(ins, equation)` has it: a Variable to use instead, or None."""
    out, renamed = _copy(graph), {}
    for e in graph.equations:
        ins = [renamed.get(i, i) if isinstance(i, Variable) else i for i in e.ins]
        found = rule(ins, e)
        if found is None:
            out.equations.append(Equation(e.prim, ins, e.outs, e.params))
        else:
            renamed[e.outs[0]] = found
    return _finish(out, graph, renamed)


def _is(value, number):
    return not isinstance(value, Variable) and value.__class__ is not bool and value == number


def _trivial(ins, e):
    if not e.outs:
        return None
    x, made = ins[0] if ins else None, e.outs[0]
    same = isinstance(x, Variable) and x.shape == made.shape and x.element_type == made.element_type
    if not same:
        if e.prim is arithmetic.mul and _is(x, 1) and isinstance(ins[1], Variable):
            return ins[1] if ins[1].shape == made.shape else None
        return None
    if e.prim in (base.reshape, base.broadcast_to, base.cast, structural.alias, structural.detach,
                  structural.clone):  # fmt: skip
        return x
    if e.prim is base.transpose and e.params["axes"] == tuple(range(len(x.shape))):
        return x
    if e.prim is base.conj and x.element_type.kind != "c":
        return x
    if e.prim in (arithmetic.mul, arithmetic.div) and _is(ins[1], 1):
        return x
    return None


def simplified(graph):
    """Without operations that do nothing, but copies of views into results, whose elements lie
    otherwise."""
    makers = _views(graph)
    results = {_memory(o, makers) for o in graph.outputs if isinstance(o, Variable)}

    def rule(ins, e):
        copies = e.prim in _COPYING and e.outs[0] in results
        return None if copies and any(i in makers for i in ins) else _trivial(ins, e)

    return _rewritten(graph, rule)


_COPYING = (structural.clone, base.cast, arithmetic.mul, arithmetic.div)


def shared(graph):
    """Equal expressions computed once."""
    known = {}

    def rule(ins, e):
        try:
            key = (e.prim, tuple([i if isinstance(i, Variable) else (type(i), i) for i in ins]),
                   tuple(sorted(e.params.items(), key=lambda item: item[0])))  # fmt: skip
            found = known.get(key)
        except TypeError:
            return None
        if e.prim is random_draw or draws(e) or not e.outs:
            return None
        if found is None:
            known[key] = e.outs[0]
        return found if len(e.outs) == 1 else None

    return _rewritten(graph, rule)


def needed(graph):
    """Without what no output depends on."""
    out = _copy(graph)
    wanted = {o for o in graph.outputs if isinstance(o, Variable)}
    for e in reversed(graph.equations):
        stays = e.prim in (random_draw, check, demand, stop) or draws(e)
        if stays or any(v in wanted for v in e.outs):
            out.equations.append(e)
            wanted.update(i for i in e.ins if isinstance(i, Variable))
    out.equations.reverse()
    out.constants = [c for c in graph.constants if c in wanted]
    return _finish(out, graph, {})


def _given_orders(graph, outside):
    """With the orders in which its inputs lie."""
    if not outside.orders:
        return graph
    out = _copy(graph)
    out.equations = list(graph.equations)
    out.orders = {graph.inputs[i]: order for i, order in outside.orders.items()}
    return _finish(out, graph, {})


def _old_values(graph, outside):
    """Outputs that are what a written input held before become copies."""
    targets = outside.targets
    written = {graph.inputs[i] for i in targets.values()}
    held = {*written, *_views(graph, written)}
    wanted = {o for i, o in enumerate(graph.outputs) if i not in targets and o in held}
    if not wanted:
        return graph
    out, renamed = _copy(graph), {}
    for v in wanted:
        renamed[v] = out.variable(v.shape, v.element_type)

    def copied(variables):
        return [Equation(structural.clone, [v], [renamed[v]], {}) for v in variables if v in wanted]

    out.equations = copied(graph.inputs)
    for e in graph.equations:
        out.equations += [e, *copied(e.outs)]
    out.outputs = [o if i in targets else renamed.get(o, o) for i, o in enumerate(graph.outputs)]
    return out


def _own_memory(graph, outside):
    """The outputs in memories as the function made them, their `Home`s. Those of one root share a
    memory, and none lies in what is given or constant, unless the recorded output is a view of
    that: what expressions that are equal, or do nothing, would put into one memory is copied. So is
    what should lie in another order of its axes."""
    recorded, homes = outside.recorded, outside.homes
    out, makers = _copy(graph), _views(graph, strides=())
    out.equations, out.outputs = list(graph.equations), list(graph.outputs)
    strided = _views(graph).keys() - makers.keys()  # flipped, say: another's memory, yet its own
    views = {*recorded.inputs, *_views(recorded, recorded.inputs, ())}
    roots = {home.root: v for v, was, home in zip(graph.outputs, recorded.outputs, homes,
                                                  strict=False)
             if home and home.order is not None and home.variable is was}  # fmt: skip
    placed = [
        (i, v, _memory(v, makers, roots.get(home.root)), home.root)
        for i, (v, home) in enumerate(zip(graph.outputs, homes, strict=False))
        if home and isinstance(v, Variable)
        and (recorded.outputs[i] not in views or home.root in roots)
    ]  # fmt: skip
    orders = {(memory, root): homes[i].order for i, _, memory, root in placed
              if homes[i].order is not None and memory.shape == homes[i].shape}  # fmt: skip
    taken = dict.fromkeys([*graph.inputs, *graph.constants])  # by none of the roots
    twins = {}  # (memory, root): each variable in that memory, and what stands for it
    for i, v, memory, root in placed:
        order = orders.get((memory, root))
        own = memory not in strided and order is None
        if taken.setdefault(memory, root) == root and own:
            continue
        found = twins.setdefault((memory, root), {})
        if not found:
            found[memory] = _copied(out, memory, order)
        out.outputs[i] = _twin(out, v, makers, found)
    return out


def _memory(v, makers, root=None):
    """The variable in whose memory a view looks: `root`, if it comes to that."""
    while v in makers and v is not root:
        v = makers[v].ins[0]
    return v


def _added(out, prim, ins, like, params):
    outs = [out.variable(shape, v.element_type) for shape, v in like]
    out.equations.append(Equation(prim, ins, outs, params))
    return outs


def _copied(out, v, order):
    """A copy whose elements lie in the order of these axes."""
    if order is None:
        return _added(out, structural.clone, [v], [(v.shape, v)], {})[0]
    shape = tuple([v.shape[a] for a in order])
    back = tuple(sorted(range(len(order)), key=order.__getitem__))
    (turned,) = _added(out, base.transpose, [v], [(shape, v)], {"axes": order})
    (dense,) = _added(out, structural.clone, [turned], [(shape, v)], {})
    return _added(out, base.transpose, [dense], [(v.shape, v)], {"axes": back})[0]


def _twin(out, v, makers, found):
    """What stands for a view, of what stands for the memory it looks into."""
    if v not in found:
        e = makers[v]
        ins = [_twin(out, e.ins[0], makers, found), *e.ins[1:]]
        outs = _added(out, e.prim, ins, [(o.shape, o) for o in e.outs], e.params)
        found.update(zip(e.outs, outs, strict=True))
    return found[v]


def _views(graph, of=None, strides=VIEWS):
    """{variable: the equation that makes it a view}, also where that takes other `strides` alone;
    those that look into some of `of`."""
    found = {}
    for e in graph.equations:
        if (e.prim.is_view or e.prim in strides) and (of is None or e.ins[0] in {*of, *found}):
            found.update(dict.fromkeys(e.outs, e))
    return found


PASSES = {
    "widen": widened, "expand": expanded, "simplify": simplified, "share": shared,
    "drop unused": needed, "pool first": pooled_first, "sum first": summed_first,
    "keep places": places_kept,
    "reshape last": reshaped_last, "recompute": recomputed, "orders given": _given_orders,
    "old values": _old_values, "own memory": _own_memory, "lay out": laid_out,
    "pool at once": pooled_at_once,
}  # fmt: skip

OF_MEMORY = ("orders given", "old values", "own memory")
BY_SIZE = ("recompute", "lay out", "pool at once")  # those that choose by sizes


def run(outside, seen=None, varying=False):
    """The recorded graph after all passes; `varying`: but those that choose by sizes."""
    graph = outside.recorded
    for name, rewrite in PASSES.items():
        if varying and name in BY_SIZE:
            continue
        graph = rewrite(graph, outside) if name in OF_MEMORY else rewrite(graph)
        if seen is not None:
            seen(name, graph)
    return graph
