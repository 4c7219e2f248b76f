"""An LSTM and a GRU over all time steps as primitives, for plain arrays; under a transform a layer
is composed of the steps in `nn/modules/rnn_steps.py`, which say what is computed here.

`gates` (steps, cases, gates · size) is the inputs' part of the sums: into, forget, new, out of an
LSTM; reset, update, new of a GRU. Backward rules exist twice: compiled, and in primitives.
"""

import numpy as np
from numpy import ndarray

from ..core.handle import TensorBase, element_type, shape_of
from ..core.modes import LOCAL
from ..core.native import NATIVE
from ..core.primitive import Primitive
from .base import reduce_sum, reshape, transpose
from .contraction import matmul, rows
from .functions import sigmoid, tanh
from .structural import concatenate, slice_

__all__ = ["compiling", "gru", "gru_backward", "lstm", "lstm_backward"]


def compiling(value):
    """Whether a value stands for memory in a function that is being compiled."""
    return value.dtype is None and LOCAL.tracer is not None and value.level is LOCAL.tracer


def _final(*parts):
    """Whether these are operands of a compiled function's last derivative: the rule can be one
    operation, because nobody differentiates it."""
    return LOCAL.tracer is not None and all(
        part is None
        or isinstance(part, np.ndarray)
        or (isinstance(part, TensorBase) and part._node is None
            and (compiling(part._value) or part._value.dtype is not None))
        for part in parts
    )  # fmt: skip


def _lstm(gates, hidden, cell, weight, bias=None):
    """(outputs, last cell, hidden states, cells, gates): what the user gets, then what is kept,
    with the first states in front."""
    found = NATIVE.lstm(gates, hidden, cell, weight, bias) if NATIVE else None
    states, cells, acts = found or _by_steps(gates, hidden, cell, weight, bias)
    return states[1:].copy(), cells[-1].copy(), states, cells, acts


def _by_steps(gates, hidden, cell, weight, bias):
    steps = len(gates)
    count, size = hidden.shape
    states, cells = [np.empty((steps + 1, count, size), gates.dtype) for _ in range(2)]
    states[0], cells[0] = hidden, cell
    acts = np.empty(gates.shape, gates.dtype)
    for t in range(steps):
        sums = states[t].dot(weight.T)
        sums += gates[t]
        if bias is not None:
            sums += bias
        acts[t] = sigmoid.eval(sums)
        acts[t, :, 2 * size : 3 * size] = np.tanh(sums[:, 2 * size : 3 * size])
        into, forget, new, out = np.split(acts[t], 4, axis=1)
        np.multiply(forget, cells[t], out=cells[t + 1])
        cells[t + 1] += into * new
        np.multiply(out, np.tanh(cells[t + 1]), out=states[t + 1])
    return states, cells, acts


def _lstm_back(g, rest, out, needs):
    weight, (_, _, states, cells, acts) = rest[2], out
    found = None
    if g[2] is g[3] is g[4] is None:
        if NATIVE and acts.__class__ is ndarray:
            found = _native_back(g, cells, acts, weight)
        elif _final(*g, cells, acts, weight):
            given = [part for part in g[:2] if part is not None]
            found = lstm_backward(*given, cells, acts, weight, outputs=g[0] is not None,
                                  last=g[1] is not None)  # fmt: skip
    into, first, cell = found or _back_by_steps(g, cells, acts, weight)
    return _needed([into, first, cell], into, states, needs)


def _needed(back, own, states, needs):
    """What is asked for, with the cotangents of the weight and bias from that of their part."""
    if needs[len(back)]:
        before = slice_(states, index=(slice(0, -1),))
        back.append(matmul(transpose(rows(own), axes=(1, 0)), rows(before)))
    else:
        back.append(None)
    if len(back) < len(needs):
        back.append(reduce_sum(rows(own), axes=(0,), keepdims=False) if needs[-1] else None)
    return [part if needed else None for part, needed in zip(back, needs, strict=True)]


def _native_back(g, cells, acts, weight):
    outputs, last = g[:2]
    if not all(part is None or part.__class__ is ndarray for part in (outputs, last, weight)):
        return None
    last = np.zeros(cells.shape[1:], cells.dtype) if last is None else last.copy()
    return NATIVE.lstm_back(outputs, last, cells, acts, weight)


def _lstm_backward(*values, outputs, last):
    """The cotangents of (gates, first hidden state, first cell), on arrays."""
    *given, cells, acts, weight = values
    given = iter(given)
    g = [next(given) if outputs else None, next(given) if last else None, None, None, None]
    found = _native_back(g, cells, acts, weight) if NATIVE else None
    return tuple(found or _back_by_steps(g, cells, acts, weight))


def _back_by_steps(g, cells, acts, weight):
    """The cotangents of (gates, first hidden state, first cell), in primitives."""
    gy, glast, gstates, gcells, gacts = g
    steps = shape_of(acts)[0]
    found, dh, dc = [], None, glast
    for t in reversed(range(steps)):
        parts, more = _quarters(acts, t), _quarters(gacts, t)
        dh = _sum(_at(gy, t), _at(gstates, t + 1), dh)
        dc = _sum(_at(gcells, t + 1), dc)
        into, dc = _one_back(dh, dc, more, parts, _at(cells, t), _at(cells, t + 1))
        found.append(into)
        dh = matmul(into, weight)
    return _stacked(found), _sum(_at(gstates, 0), dh), _sum(_at(gcells, 0), dc)


def _one_back(dh, dc, more, parts, before, after):
    """One step: (cotangent of the gates' sums, of the cell before)."""
    into, forget, new, out = parts
    squashed = tanh(after)
    blank = before * 0
    dh = blank if dh is None else dh
    dc = _sum(dc, dh * out * (1 - squashed * squashed))
    turned = [dc * new, dc * before, dc * into, dh * squashed]
    turned = [_sum(a, b) for a, b in zip(turned, more, strict=True)]
    slopes = [(1 - into) * into, (1 - forget) * forget, 1 - new * new, (1 - out) * out]
    sums = [a * slope for a, slope in zip(turned, slopes, strict=True)]
    return concatenate(*sums, axis=1), dc * forget


def _at(tensor, t):
    return None if tensor is None else slice_(tensor, index=(t, ...))


def _quarters(tensor, t):
    """The four parts of what is kept of a step."""
    if tensor is None:
        return [None] * 4
    size = shape_of(tensor)[2] // 4
    return [
        slice_(tensor, index=(t, slice(None), slice(k * size, (k + 1) * size))) for k in range(4)
    ]


def _stacked(found):
    """The parts of all steps, found from the last on."""
    return concatenate(*[reshape(f, shape=(1, *shape_of(f))) for f in found[::-1]], axis=0)


def _sum(*terms):
    total = None
    for term in terms:
        if term is not None:
            total = term if total is None else total + term
    return total


def _lstm_shape(prim, args, params):
    (steps, cases, width), kind = tuple(shape_of(args[0])), element_type(args[0])
    size = width // 4
    states = (steps + 1, cases, size)
    shapes = [(steps, cases, size), (cases, size), states, states, (steps, cases, width)]
    return [(shape, kind) for shape in shapes]


def _lstm_back_shape(prim, args, params):
    cells, acts, kind = shape_of(args[-3]), shape_of(args[-2]), element_type(args[-2])
    return [(tuple(acts), kind), (tuple(cells)[1:], kind), (tuple(cells)[1:], kind)]


lstm = Primitive(
    "lstm", _lstm, ("gates", "hidden", "cell", "weight", "bias"), pullback=_lstm_back,
    kept_outputs=(2, 3, 4), torch_name="MkldnnRnnLayer", shape=_lstm_shape,
    tex="lstm(gates, hidden, cell, weight, bias)",
)  # fmt: skip
lstm_backward = Primitive(
    "lstm_backward", _lstm_backward, (), shape=_lstm_back_shape, tex="lstm_backward(*rest)"
)


# --- GRU ------------------------------------------------------------------------------------------


def _gru(gates, hidden, weight, bias=None):
    """(outputs, hidden states, (reset, update, new, the states' part of new))."""
    found = NATIVE.gru(gates, hidden, weight, bias) if NATIVE else None
    states, acts = found or _gru_by_steps(gates, hidden, weight, bias)
    return states[1:].copy(), states, acts


def _gru_by_steps(gates, hidden, weight, bias):
    steps = len(gates)
    count, size = hidden.shape
    states = np.empty((steps + 1, count, size), gates.dtype)
    acts = np.empty((steps, count, 4 * size), gates.dtype)
    states[0] = hidden
    for t in range(steps):
        sums = states[t].dot(weight.T)
        if bias is not None:
            sums += bias
        two, own = sums[:, : 2 * size], sums[:, 2 * size :]
        acts[t, :, : 2 * size] = sigmoid.eval(two + gates[t, :, : 2 * size])
        reset, update, new, kept = np.split(acts[t], 4, axis=1)
        kept[...] = own
        np.tanh(gates[t, :, 2 * size :] + reset * own, out=new)
        states[t + 1] = (states[t] - new) * update + new
    return states, acts


def _gru_back(g, rest, out, needs):
    weight, (_, states, acts) = rest[1], out
    found = None
    if g[1] is g[2] is None:
        if NATIVE and acts.__class__ is weight.__class__ is ndarray:
            found = NATIVE.gru_back(g[0], states, acts, weight) if _raw(g[0]) else None
        elif g[0] is not None and _final(*g, states, acts, weight):
            found = gru_backward(g[0], states, acts, weight)
    into, own, first = found or _gru_back_by_steps(g, states, acts, weight)
    return _needed([into, first], own, states, needs)


def _raw(part):
    return part is None or part.__class__ is ndarray


def _gru_backward(g, states, acts, weight):
    """The cotangents of (gates, the states' part of the gates, first hidden state), on arrays."""
    found = NATIVE.gru_back(g, states, acts, weight) if NATIVE else None
    return tuple(found or _gru_back_by_steps([g, None, None], states, acts, weight))


def _gru_shape(prim, args, params):
    (steps, cases, width), kind = tuple(shape_of(args[0])), element_type(args[0])
    size = width // 3
    shapes = [(steps, cases, size), (steps + 1, cases, size), (steps, cases, 4 * size)]
    return [(shape, kind) for shape in shapes]


def _gru_back_shape(prim, args, params):
    states, kind = tuple(shape_of(args[1])), element_type(args[1])
    gates = (states[0] - 1, states[1], 3 * states[2])
    return [(gates, kind), (gates, kind), (states[1:], kind)]


def _gru_back_by_steps(g, states, acts, weight):
    """The cotangents of (gates, the states' part of them, first hidden state), in primitives."""
    gy, gstates, gacts = g
    intos, owns, dh = [], [], None
    for t in reversed(range(shape_of(acts)[0])):
        (reset, update, new, kept), more = _quarters(acts, t), _quarters(gacts, t)
        before = _at(states, t)
        dh = _sum(_at(gy, t), _at(gstates, t + 1), dh)
        dh = before * 0 if dh is None else dh
        to_new = _sum(dh * (1 - update), more[2]) * (1 - new * new)
        to_update = _sum(dh * (before - new), more[1]) * ((1 - update) * update)
        to_reset = _sum(to_new * kept, more[0]) * ((1 - reset) * reset)
        intos.append(concatenate(to_reset, to_update, to_new, axis=1))
        owns.append(concatenate(to_reset, to_update, _sum(to_new * reset, more[3]), axis=1))
        dh = dh * update + matmul(owns[-1], weight)
    return _stacked(intos), _stacked(owns), _sum(_at(gstates, 0), dh)


gru = Primitive(
    "gru", _gru, ("gates", "hidden", "weight", "bias"), pullback=_gru_back, kept_outputs=(1, 2),
    shape=_gru_shape, torch_name="Stack", tex="gru(gates, hidden, weight, bias)",
)  # fmt: skip

gru_backward = Primitive(
    "gru_backward", _gru_backward, ("g", "states", "acts", "weight"), shape=_gru_back_shape,
    tex="gru_backward(g, states, acts, weight)",
)  # fmt: skip

# Both stand for a composition, which is what transforms see.
for _prim in (lstm, gru):
    _prim.reasons = dict.fromkeys(
        ("forward", "batch"), "under a transform the layer is composed of its steps"
    )
for _prim in (lstm_backward, gru_backward):
    _prim.reasons = dict.fromkeys(
        ("reverse", "forward", "batch"), "stands in compiled functions only, as their last step"
    )
