"""An LSTM and a GRU over all time steps: `recurrent_code.py` for arrays, each function answering
None where NumPy should do it, and for compiled programs (`lowers` and what stands behind it)."""

import threading
from math import ceil, prod

import numpy as np

from ...base.process.forks import across
from ...core.blocks import THREADS
from ...primitives import recurrent
from ...primitives.composed import placed
from ...program.ir import Variable
from ..machine import native
from ..machine.code import kind_of
from ..machine.kernels import aligned, made
from ..machine.pool import ensure
from .nests import Written
from .recurrent_code import GATES, KEPT, VECTORS, backward, forward, packing

__all__ = ["apart", "emit", "gru", "gru_back", "looks", "lowers", "lstm", "lstm_back", "room"]

LEAST = 1 << 14  # products of one step below which NumPy's are as fast
_ALONE = 1 << 20  # multiplications of all steps that one thread does alone
_TYPES = (np.dtype(np.float32), np.dtype(np.float64))
_KERNELS = {}
_LOCK = across(threading.Lock())


def _units(count, work):
    """(cases a unit takes, units): as many units as threads, where there are multiplications."""
    each = ceil(count / (THREADS.count if work > _ALONE else 1))
    each = ceil(each / 4) * 4
    return each, ceil(count / each)


def _panels(size, dtype):
    """(hidden units of a panel, panels, whether all are full)."""
    wide = VECTORS * (native.HOST.vector_bytes // dtype.itemsize)
    return wide, ceil(size / wide), size % wide == 0


# --- for arrays -----------------------------------------------------------------------------------


def _kernel(make, dtype, *options):
    key = make, dtype.num, options
    found = _KERNELS.get(key)
    if found is None:
        with _LOCK:
            found = _KERNELS[key] = made(make, kind_of(dtype), *options)
    ensure()
    return found


def _usable(*arrays):
    dtype = arrays[0].dtype
    return dtype in _TYPES and all(a is None or a.dtype is dtype for a in arrays)


def _packed(weight, many, by_rows):
    """The weight's panels, as `packing` says."""
    weight, dtype = np.ascontiguousarray(weight), weight.dtype
    height, width = weight.shape
    size, depth = (width, height) if by_rows else (height // many, width)
    wide, panels, _ = _panels(size, dtype)
    packed = aligned((panels, many, depth, wide), dtype)
    _kernel(packing, dtype, by_rows)(packed, weight, many, size, depth, panels * many)
    return packed


def _worth(gates, size):
    return gates.size and gates.shape[1] * gates.shape[2] * size >= LEAST


def lstm(gates, hidden, cell, weight, bias):
    """(hidden states, cells, gates) over all steps, as `primitives/recurrent.py` defines them."""
    return _run("lstm", gates, (hidden, cell), weight, bias)


def gru(gates, hidden, weight, bias):
    """(hidden states, what the gates were) over all steps, or None."""
    return _run("gru", gates, (hidden,), weight, bias)


def _run(mode, gates, first, weight, bias):
    steps, count, width = gates.shape
    many, dtype = GATES[mode], gates.dtype
    size = width // many
    if not _usable(gates, *first, weight, bias) or not _worth(gates, size):
        return None
    _, panels, whole = _panels(size, dtype)
    packed = _packed(weight, many, by_rows=False)
    states = [aligned((steps + 1, count, size), dtype) for _ in first]
    acts = aligned((steps, count, KEPT * size), dtype)
    given = [np.ascontiguousarray(x) for x in (gates, *first)]
    each, units = _units(count, steps * count * size * width)
    _kernel(forward, dtype, mode, bias is not None, whole)(
        states[0], states[-1], acts, given[0], packed, given[1], given[-1],
        acts if bias is None else np.ascontiguousarray(bias), steps, count, size, panels, each,
        units,
    )  # fmt: skip
    return *states, acts


def lstm_back(g, dc, cells, acts, weight):
    """The cotangents of (gates, first hidden state, first cell) from that of the outputs (zeros
    where it is None) and the last cell; `dc` is overwritten."""
    found = _run_back("lstm", g, dc, cells, acts, weight)
    return found and (found[0], found[2], dc)


def gru_back(g, states, acts, weight):
    """The cotangents of (gates, the states' part of the gates, first hidden state)."""
    return _run_back("gru", g, None, states, acts, weight)


def _run_back(mode, g, dc, states, acts, weight):
    if not _usable(acts, g, dc, states, weight) or not _worth(acts, weight.shape[1]):
        return None
    steps, many, dtype = states.shape[0] - 1, GATES[mode], acts.dtype
    count, size = states.shape[1:]
    _, panels, whole = _panels(size, dtype)
    packed = _packed(weight, 1, by_rows=True)
    into, dh = aligned((steps, count, many * size), dtype), aligned((count, size), dtype)
    own = into if mode == "lstm" else aligned(into.shape, dtype)
    last = dh if dc is None else dc
    g, strides = (dh, (0, 0)) if g is None else _rows_apart(g)
    each, units = _units(count, steps * count * size * size * many)
    _kernel(backward, dtype, mode, (g is not dh, dc is not None), whole)(
        into, own, dh, last, g, last, acts, states, packed, steps, count, size, panels, each,
        *strides, units,
    )  # fmt: skip
    return into, own, dh


def _rows_apart(g):
    """The array, or a copy, whose rows lie densely; elements from step to step, case to case."""
    if g.strides[2] != g.itemsize or any(s % g.itemsize for s in g.strides):
        g = np.ascontiguousarray(g)
    return g, [s // g.itemsize for s in g.strides[:2]]


# --- for compiled programs ------------------------------------------------------------------------

_MODES = {recurrent.lstm: "lstm", recurrent.gru: "gru"}


def lowers(e):
    """Whether an equation is a layer's steps, or the way back to all but the weights."""
    values = [*e.ins, *e.outs]
    if not all(isinstance(v, Variable) for v in e.ins) or any(0 in v.shape for v in values):
        return False
    kinds = {v.element_type for v in values}
    if len(kinds) > 1 or not kinds <= set(_TYPES):
        return False
    return e.prim in _MODES or getattr(e.prim, "of", None) in _MODES and _WayBack(e).serves


class _WayBack:
    """The operands of an equation that goes back through a layer's steps."""

    def __init__(self, e):
        parts, inputs, results = placed(e.ins, e.params["given"], e.params["shapes"])
        self.mode, needs = _MODES[e.prim.of], e.params["needs"]
        two = self.mode == "lstm"
        firsts = 2 if two else 1
        self.g, self.last = parts[0], parts[1] if two else None
        self.weight, self.acts = inputs[1 + firsts], results[-1]
        self.states = results[3] if two else results[1]
        outs = iter(e.outs)
        self.outs = [next(outs) if needed else None for needed in needs]
        whole = None not in (self.weight, self.acts, self.states) and not any(needs[1 + firsts :])
        arrived = any(part is not None for part in parts[:firsts])
        self.serves = whole and arrived and not any(p is not None for p in parts[firsts:])


def room(e):
    """The shapes of what a step needs beside its results: the weight in panels; on the way back the
    cotangents of the gates (of a GRU, those of the states' part too) and of the states."""
    if e.prim in _MODES:
        weight, many = e.ins[-1] if len(e.ins[-1].shape) == 2 else e.ins[-2], GATES[_MODES[e.prim]]
        size = weight.shape[1]
        wide, panels, _ = _panels(size, weight.element_type)
        return [(panels, many, size, wide)]
    way = _WayBack(e)
    height, size = way.weight.shape
    steps, count = way.acts.shape[:2]
    wide, panels, _ = _panels(size, way.acts.element_type)
    missing = [v is None for v in way.outs[: 3 if way.mode == "lstm" else 2]]
    shapes = [(steps, count, height), (count, size), (count, size)]
    out = [(panels, 1, height, wide)]
    out += [shape for shape, wanted in zip(shapes, missing, strict=False) if wanted]
    return out if way.mode == "lstm" else [*out, shapes[0]]


def looks(e):
    """{result: (another result of which it is a part, states before it)}."""
    if e.prim not in _MODES:
        return {}
    outs, steps = e.outs, e.outs[0].shape[0]
    if e.prim is recurrent.gru:
        return {outs[0]: (outs[1], 1)}
    return {outs[0]: (outs[2], 1), outs[1]: (outs[3], steps)}


def apart(e):
    """The operand that may lie anyhow, if only its rows are dense: a cotangent of outputs."""
    return None if e.prim in _MODES else _WayBack(e).g


def emit(plan, step):
    """The functions of a step: the weight's panels, then all time steps."""
    e = step.equation
    return (_forward if e.prim in _MODES else _backward)(plan, e, step.kept)


def _forward(plan, e, kept):
    mode, (gates, *rest) = _MODES[e.prim], e.ins
    (packed,), two = kept, mode == "lstm"
    hidden, cell = rest[0], rest[1] if two else rest[0]
    weight, *bias = rest[1 + two :]
    states, cells, acts = e.outs[-3:] if two else (e.outs[1], e.outs[1], e.outs[2])
    operands = [states, cells, acts, gates, packed, hidden, cell, *(bias or [acts])]
    write = lambda kind, whole: forward(kind, mode, bool(bias), whole, inside=True)
    return _written(plan, (packed, weight, GATES[mode], False), operands, write, gates)


def _backward(plan, e, kept):
    way, (packed, *kept) = _WayBack(e), kept
    two = way.mode == "lstm"
    own = None if two else kept.pop()
    outs = way.outs[: 2 + two]
    into, dh, *dc = [kept.pop(0) if v is None else v for v in outs]
    dc = dc[0] if two else dh
    given = way.g is not None, way.last is not None
    g, last = [v if v is not None else dh for v in (way.g, way.last)]
    operands = [into, into if two else own, dh, dc, g, last, way.acts, way.states, packed]
    strides = plan.refs[g].strides[:2] if given[0] else (0, 0)
    write = lambda kind, whole: backward(kind, way.mode, given, whole, inside=True)
    return _written(plan, (packed, way.weight, 1, True), operands, write, into, strides)


def _written(plan, weights, operands, write, gates, strides=()):
    """The packing of the weights, and the loop over time whose text `write` gives."""
    packed, weight, many, by_rows = weights
    places = lambda values: [(plan.refs[v].buffer, plan.refs[v].offset) for v in values]
    (steps, count, width), dtype = gates.shape, gates.element_type
    kind, size = kind_of(dtype), weight.shape[1]
    _, panels, whole = _panels(size, dtype)
    depth = width if by_rows else size
    each, units = _units(count, steps * count * size * width)
    text, module = packing(kind, by_rows, inside=True)
    pack = Written(text, module, panels * many, prod(packed.shape[2:]), places([packed, weight]),
                   [many, size, depth])  # fmt: skip
    text, module = write(kind, whole)
    work = ceil(steps * each * size * width / 32)
    numbers = [steps, count, size, panels, each, *strides]
    return [pack, Written(text, module, units, work, places(operands), numbers, chunk=1)]
