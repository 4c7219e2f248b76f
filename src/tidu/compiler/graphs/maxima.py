"""Places of maxima kept from the way there to the way back: `places_kept` is a pass, and so is
`pooled_at_once`: maxima of a convolution's results taken where these are computed.

Where a maximum of windows and its gradient stand in one graph, the first gives the places that the
second needs, one byte for each window in place of all that was pooled, which is neither read again
nor kept. Where nothing but the maxima is read of a convolution by Winograd's sums, whose tiles are
windows of 2x2, what is pooled is written nowhere.
"""

from math import prod

import numpy as np

from ...primitives import pooling
from ...primitives.convolution import convolution
from ...program.ir import Equation
from ..loops import maxima, winograd
from ..loops.pooling import taps_serve

__all__ = ["places_kept", "pooled_at_once"]

F32 = np.dtype(np.float32)


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
    out, taps = _like(graph), {}  # of the way there
    for e in graph.equations:
        if e in places:
            e = Equation(maxima.taps_place, [e.ins[0], taps[places[e]]], e.outs, e.params)
        elif e in places.values():
            (y,) = e.outs
            taps[e] = out.variable(y.shape, maxima.BYTE)
            e = Equation(maxima.max_taps, e.ins, [y, taps[e]], e.params)
        out.equations.append(e)
    return out


def _like(graph):
    """A graph of the same values, without equations."""
    out = graph.__class__()
    out.inputs, out.outputs, out.constants = graph.inputs, graph.outputs, graph.constants
    out._count, out.orders = graph._count, dict(graph.orders)
    return out


# --- maxima of convolutions -----------------------------------------------------------------------


def pooled_at_once(graph):
    """The graph with convolutions and their maxima as one equation, where loops compute both."""
    makers = {e.outs[0]: e for e in graph.equations if e.prim is convolution and _by_tiles(e)}
    users = graph.users() if makers else {}
    pools = {}
    for e in graph.equations:
        if e.prim in (pooling.max_pool, maxima.max_taps) and _of_tiles(e):
            found = makers.get(e.ins[0])
            if found is not None and len(users[e.ins[0]]) == 1:
                pools[e] = found
    if not pools:
        return graph
    out = _like(graph)
    for e in graph.equations:
        if e in pools:
            of, params = pools[e], {"places": len(e.outs) > 1}
            e = Equation(maxima.convolution_largest, of.ins, e.outs, {**of.params, **params})
        elif e in pools.values():
            continue
        out.equations.append(e)
    return out


def _by_tiles(e):
    """Whether a convolution is computed by Winograd's sums."""
    x, (out,) = e.ins[0], e.outs
    how = [e.params[name] for name in ("stride", "dilation", "groups")]
    shape, kernel = out.shape, e.ins[1].shape[2:]
    types = {v.element_type for v in e.ins} == {F32}
    return types and winograd.gains(x.shape, shape[1], shape[2:], kernel, *how)


def _of_tiles(e):
    """Whether the windows of a maximum are such tiles, each of them whole."""
    sizes = e.ins[0].shape[2:]
    whole = len(sizes) == 2 and tuple(e.params["size"]) == (sizes[0] // 2, sizes[1] // 2)
    return whole and all(tuple(e.params[name]) == pair for name, pair in maxima.PAIRS.items())
