"""An LSTM and a GRU over all time steps as composed operators; functions under a transform are
composed of the steps in `nn/modules/rnn_steps.py` themselves.

`gates` (steps, cases, gates · size) is the inputs' part of the sums: into, forget, new, out of an
LSTM; reset, update, new of a GRU.
"""

import numpy as np
from numpy import ndarray

from ..core.handle import element_type, lying, shape_of
from ..core.modes import LOCAL
from ..core.native import NATIVE
from ..core.primitive import OUT, SHAPES
from .base import reduce_sum, reshape, transpose
from .composed import composed, pullback
from .contraction import dot, matmul, rows
from .functions import sigmoid, tanh
from .structural import concatenate, split, unbind

__all__ = ["compiling", "gru", "gru_backward", "lstm", "lstm_backward"]


LEAST = 1 << 14  # multiplications of one step below which generated code of all steps is faster


def compiling(value):
    """Whether a value stands for memory in a function that is being compiled."""
    return value.dtype is None and LOCAL.tracer is not None and value.level is LOCAL.tracer


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
        sums = dot(states[t], weight.T)
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


def _lstm_back(g, saved, params, needs):
    """The first gradients, of the outputs' and the last cell's."""
    if not g[2] is g[3] is g[4] is None:
        return None
    weight, (_, _, states, cells, acts) = saved[3], saved[OUT]
    last = np.zeros(cells.shape[1:], cells.dtype) if g[1] is None else g[1].copy()
    found = NATIVE.lstm_back(g[0], last, cells, acts, weight) if NATIVE else None
    into, *first = found or _lstm_back_by_steps(g[0], last, cells, acts, weight)
    return _with_weights([into, *first], into, states, needs)


def _lstm_back_by_steps(g, dc, cells, acts, weight):
    """The cotangents of (gates, first hidden state, first cell)."""
    sums, dh = np.empty_like(acts), np.zeros_like(dc)
    for t in reversed(range(len(acts))):
        into, forget, new, out = np.split(acts[t], 4, axis=1)
        dh = dh if g is None else dh + g[t]
        squashed = np.tanh(cells[t + 1])
        dc = dc + dh * out * (1 - squashed * squashed)
        slopes = [dc * new * ((1 - into) * into), dc * cells[t] * ((1 - forget) * forget),
                  dc * into * (1 - new * new), dh * squashed * ((1 - out) * out)]  # fmt: skip
        np.concatenate(slopes, axis=1, out=sums[t])
        dc = dc * forget
        dh = dot(sums[t], weight)
    return sums, dh, dc


def _with_weights(back, own, states, needs):
    """With the cotangents of the weight and bias, from that of their part of the sums."""
    own, before = rows(own), rows(states[:-1])
    back = [*back, matmul(own.T, before) if needs[len(back)] else None]
    if len(back) < len(needs):
        back.append(reduce_sum(own, axes=(0,), keepdims=False) if needs[-1] else None)
    return [part if needed else None for part, needed in zip(back, needs, strict=True)]


def _cut(x, count):
    """The parts of each row, one for each gate."""
    return split(x, axis=1, lengths=(shape_of(x)[1] // count,) * count)


def _sums(hidden, turned, bias):
    sums = matmul(hidden, turned)
    return sums if bias is None else sums + bias


def _stacked(steps):
    return concatenate(*[reshape(x, shape=(1, *shape_of(x))) for x in steps], axis=0)


def _lstm_in_steps(gates, hidden, cell, weight, bias=None):
    states, cells, acts = [hidden], [cell], []
    turned, count = transpose(weight, axes=(1, 0)), shape_of(gates)[0]
    for given in unbind(gates, axis=0, count=count):
        parts = _cut(_sums(states[-1], turned, bias) + given, 4)
        into, forget, out = [sigmoid(parts[k]) for k in (0, 1, 3)]
        new = tanh(parts[2])
        cells.append(forget * cells[-1] + into * new)
        states.append(out * tanh(cells[-1]))
        acts.append(concatenate(into, forget, new, out, axis=1))
    return _stacked(states[1:]), cells[-1], _stacked(states), _stacked(cells), _stacked(acts)


def _at_once(saved):
    """Whether one operation is faster than all steps: but for small ones in the backward program
    of a compiled function."""
    acts = saved[OUT][-1]
    (_, cases, width), (_, size) = saved[SHAPES][:2]
    if acts.__class__ is ndarray or LOCAL.tracer is not None or cases * width * size >= LEAST:
        return True
    return lying(acts._value).dtype is not None


def _lstm_shape(prim, args, params):
    (steps, cases, width), kind = tuple(shape_of(args[0])), element_type(args[0])
    size = width // 4
    states = (steps + 1, cases, size)
    shapes = [(steps, cases, size), (cases, size), states, states, (steps, cases, width)]
    return [(shape, kind) for shape in shapes]


lstm = composed(
    "lstm", _lstm, ("gates", "hidden", "cell", "weight", "bias"), _lstm_in_steps, back=_lstm_back,
    saves=dict.fromkeys(("gates", "hidden", "cell", "weight", "bias"), ("weight", "out")),
    kept_outputs=(2, 3, 4), torch_name="MkldnnRnnLayer", shape=_lstm_shape,
    tex="lstm(gates, hidden, cell, weight, bias)",
)  # fmt: skip
lstm_backward = pullback(lstm, _at_once)


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
        sums = dot(states[t], weight.T)
        if bias is not None:
            sums += bias
        two, own = sums[:, : 2 * size], sums[:, 2 * size :]
        acts[t, :, : 2 * size] = sigmoid.eval(two + gates[t, :, : 2 * size])
        reset, update, new, kept = np.split(acts[t], 4, axis=1)
        kept[...] = own
        np.tanh(gates[t, :, 2 * size :] + reset * own, out=new)
        states[t + 1] = (states[t] - new) * update + new
    return states, acts


def _gru_back(g, saved, params, needs):
    """The first gradients, of the outputs'."""
    if not g[1] is g[2] is None:
        return None
    weight, (_, states, acts) = saved[2], saved[OUT]
    found = NATIVE.gru_back(g[0], states, acts, weight) if NATIVE else None
    into, own, first = found or _gru_back_by_steps(g[0], states, acts, weight)
    return _with_weights([into, first], own, states, needs)


def _gru_back_by_steps(g, states, acts, weight):
    """The cotangents of (gates, the states' part of them, first hidden state)."""
    size, dh = states.shape[2], np.zeros_like(states[0])
    sums = np.empty((*acts.shape[:2], 3 * size), acts.dtype)
    owns = np.empty_like(sums)
    for t in reversed(range(len(acts))):
        reset, update, new, kept = np.split(acts[t], 4, axis=1)
        dh = dh + g[t]
        to_new = dh * (1 - update) * (1 - new * new)
        to_update = dh * (states[t] - new) * ((1 - update) * update)
        to_reset = to_new * kept * ((1 - reset) * reset)
        np.concatenate([to_reset, to_update, to_new], axis=1, out=sums[t])
        np.concatenate([to_reset, to_update, to_new * reset], axis=1, out=owns[t])
        dh = dh * update + dot(owns[t], weight)
    return sums, owns, dh


def _gru_in_steps(gates, hidden, weight, bias=None):
    states, acts = [hidden], []
    turned, count = transpose(weight, axes=(1, 0)), shape_of(gates)[0]
    for given in unbind(gates, axis=0, count=count):
        own_reset, own_update, own = _cut(_sums(states[-1], turned, bias), 3)
        into_reset, into_update, into = _cut(given, 3)
        reset, update = sigmoid(own_reset + into_reset), sigmoid(own_update + into_update)
        new = tanh(into + reset * own)
        states.append((states[-1] - new) * update + new)
        acts.append(concatenate(reset, update, new, own, axis=1))
    return _stacked(states[1:]), _stacked(states), _stacked(acts)


def _gru_shape(prim, args, params):
    (steps, cases, width), kind = tuple(shape_of(args[0])), element_type(args[0])
    size = width // 3
    shapes = [(steps, cases, size), (steps + 1, cases, size), (steps, cases, 4 * size)]
    return [(shape, kind) for shape in shapes]


gru = composed(
    "gru", _gru, ("gates", "hidden", "weight", "bias"), _gru_in_steps, back=_gru_back,
    saves=dict.fromkeys(("gates", "hidden", "weight", "bias"), ("weight", "out")),
    kept_outputs=(1, 2), torch_name="Stack", shape=_gru_shape,
    tex="gru(gates, hidden, weight, bias)",
)  # fmt: skip
gru_backward = pullback(gru, _at_once)
