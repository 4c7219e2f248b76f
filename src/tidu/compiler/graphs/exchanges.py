"""Equations in another order, where that is less work: a maximum of what relu gives is relu of the
maximum, which has a fraction of the elements. `pooled_first` is a pass, and so is `summed_first`: a
sum over what a maximum's gradient is spread to, as a bias's, is that of the gradient.

On the way back a gradient goes to the place of a maximum that is above zero, so the mask of relu
stands before, too, where it is small. Places, ties and NaN are the same: relu changes no order of
what is above zero.
"""

from ...primitives import arithmetic, base, comparison, pooling
from ...program.ir import Equation, Variable
from ..loops.maxima import taps_place

__all__ = ["pooled_first", "summed_first"]


def pooled_first(graph):
    """The graph with relu behind max_pool, where nothing else needs what relu gives."""
    while (found := _first(graph)) is not None:  # each exchange makes other equations
        graph = _exchanged(graph, *found)
    return graph


def _first(graph):
    """(relu, what is around it) of the first that can be exchanged; None if there is none."""
    users = graph.users()
    for e in graph.equations:
        if e.prim is arithmetic.relu and (found := _found(e, users)) is not None:
            return e, found
    return None


class _Found:
    """The equations around one relu: `pool`, and of the way back `place` (None: there is none), the
    `masks` that ask where relu gave something, and the `selections` they make, of `zeros` else."""

    def __init__(self, pool, place=None, masks=(), selections=(), zeros=()):
        self.pool, self.place, self.masks = pool, place, masks
        self.selections, self.zeros = selections, zeros


def _found(relu, users):
    pool, place, masks = [], [], []
    kinds = {pooling.max_pool: pool, pooling.max_place: place, comparison.ne: masks}
    for e in users.get(relu.outs[0], ()):
        kind = None if e is None else kinds.get(e.prim)
        if kind is None or (kind is masks and (isinstance(e.ins[1], Variable) or e.ins[1] != 0)):
            return None
        kind.append(e)
    if len(pool) != 1 or len(place) > 1 or bool(place) != bool(masks):
        return None
    if not place:
        return _Found(pool[0])
    (place,) = place
    same = pool[0].params.items() <= place.params.items()
    if place.ins[1] is not relu.outs[0] or not same:
        return None
    return _way_back(pool[0], place, masks, users)


def _way_back(pool, place, masks, users):
    """All of it, where the gradient and the masks serve ``where(mask, gradient, zeros)`` alone."""
    (spread,), asked = place.outs, [m.outs[0] for m in masks]
    readers = [e for v in (spread, *asked) for e in users.get(v, ())]
    if None in readers:
        return None
    zeros = [e for e in readers if e.prim is arithmetic.zeros_like]
    blank = [e.outs[0] for e in zeros]
    selections = list(dict.fromkeys([e for e in readers if e not in zeros]))
    for e in selections:
        fits = e.prim is arithmetic.select and e.ins[0] in asked and e.ins[1] is spread
        if not (fits and e.ins[2] in blank):
            return None
    if any(e not in selections for v in blank for e in users.get(v, ())):
        return None
    return _Found(pool, place, masks, selections, zeros)


def _exchanged(graph, relu, found):
    out = graph.__class__()
    out.inputs, out.constants, out._count = graph.inputs, graph.constants, graph._count
    (x,), (pooled,) = relu.ins, found.pool.outs
    gone = {relu, *found.masks, *found.selections, *found.zeros}
    renamed = {}
    if found.place is not None:
        renamed = {e.outs[0]: found.place.outs[0] for e in found.selections}
    for e in graph.equations:
        if e is found.pool:
            largest = out.variable(pooled.shape, pooled.element_type)
            out.equations += [Equation(e.prim, [x], [largest], e.params),
                              Equation(relu.prim, [largest], [pooled], relu.params)]  # fmt: skip
        elif e is found.place:
            out.equations += _placed(out, e, x, pooled, found.masks[0])
        elif e not in gone:
            ins = [renamed.get(i, i) if isinstance(i, Variable) else i for i in e.ins]
            out.equations.append(Equation(e.prim, ins, e.outs, e.params))
    out.outputs = [renamed.get(o, o) if isinstance(o, Variable) else o for o in graph.outputs]
    return out


def _placed(out, e, x, pooled, mask):
    """The gradient masked, then put in its places."""
    g = e.ins[0]
    above = out.variable(pooled.shape, mask.outs[0].element_type)
    zeros, masked = [out.variable(g.shape, g.element_type) for _ in range(2)]
    return [
        Equation(mask.prim, [pooled, mask.ins[1]], [above], mask.params),
        Equation(arithmetic.zeros_like, [g], [zeros], {}),
        Equation(arithmetic.select, [above, g, zeros], [masked], {}),
        Equation(e.prim, [masked, x], e.outs, e.params),
    ]


def summed_first(graph):
    """The graph with sums over all pooled axes taken before the gradient of max_pool is spread:
    each window has one place."""
    spread = {e.outs[0]: e for e in graph.equations if e.prim in _SPREADING}
    out = graph.__class__()
    out.inputs, out.outputs, out.constants = graph.inputs, graph.outputs, graph.constants
    out._count = graph._count
    for e in graph.equations:
        place = spread.get(e.ins[0]) if e.prim is base.reduce_sum else None
        if place is not None and _pooled(place) <= {a % len(place.outs[0].shape)
                                                    for a in e.params["axes"]}:  # fmt: skip
            e = Equation(e.prim, [place.ins[0], *e.ins[1:]], e.outs, e.params)
        out.equations.append(e)
    return out


_SPREADING = (pooling.max_place, taps_place)


def _pooled(e):
    """The axes over which an equation pools."""
    count = len(e.outs[0].shape)
    return set(range(count - len(e.params["kernel"]), count))
