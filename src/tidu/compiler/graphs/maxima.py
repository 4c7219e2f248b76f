"""Places of maxima kept from the way there to the way back: `places_kept` is a pass.

Where a maximum of windows and its gradient stand in one graph, the first gives the places that the
second needs, one byte for each window in place of all that was pooled, which is neither read again
nor kept.
"""

from math import prod

from ...primitives import pooling
from ...program.ir import Equation
from ..loops import maxima
from ..loops.pooling import taps_serve

__all__ = ["places_kept"]


def places_kept(graph):
    """The graph with places in the stead of what was pooled, where loops give them."""
    pools = {_key(e): e for e in graph.equations if e.prim is pooling.max_pool and _serves(e)}
    places = {}  # of the way back: the way there
    for e in graph.equations:
        if e.prim is pooling.max_place and (found := pools.get(_key(e))) is not None:
            places[e] = found
    return _written(graph, places) if places else graph


def _key(e):
    """What is pooled, and how."""
    params = {k: p for k, p in e.params.items() if k != "shape"}
    return e.ins[-1], tuple(sorted(params.items()))


def _serves(e):
    (x,) = e.ins
    windows = {name: e.params[name] for name in ("kernel", "stride")}
    return taps_serve(x.element_type, prod(x.shape), **windows)


def _written(graph, places):
    out = graph.__class__()
    out.inputs, out.outputs, out.constants = graph.inputs, graph.outputs, graph.constants
    out._count, out.orders = graph._count, dict(graph.orders)
    taps = {}  # of the way there
    for e in graph.equations:
        if e in places:
            e = Equation(maxima.taps_place, [e.ins[0], taps[places[e]]], e.outs, e.params)
        elif e in places.values():
            (y,) = e.outs
            taps[e] = out.variable(y.shape, maxima.BYTE)
            e = Equation(maxima.max_taps, e.ins, [y, taps[e]], e.params)
        out.equations.append(e)
    return out
