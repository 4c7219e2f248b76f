"""An LSTM over all time steps as one primitive, for plain arrays; under a transform the layer is
composed of the steps in `nn/modules/rnn_steps.py`, which say what is computed here.

`gates` (steps, cases, 4 · size) is the inputs' part of the four gates: into, forget, new, out.
"""

import numpy as np
from numpy import ndarray

from ..core.handle import shape_of
from ..core.native import NATIVE
from ..core.primitive import Primitive
from .base import reduce_sum, reshape, transpose
from .contraction import matmul, rows
from .functions import sigmoid, tanh
from .structural import concatenate, slice_

__all__ = ["lstm"]


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
    if NATIVE and g[2] is g[3] is g[4] is None and acts.__class__ is ndarray:
        found = _native_back(g, cells, acts, weight)
    into, first, cell = found or _back_by_steps(g, cells, acts, weight)
    back = [into, first, cell, None]
    if needs[3]:
        before = slice_(states, index=(slice(0, -1),))
        back[3] = matmul(transpose(rows(into), axes=(1, 0)), rows(before))
    if len(needs) == 5:
        back.append(reduce_sum(rows(into), axes=(0,), keepdims=False) if needs[4] else None)
    return [part if needed else None for part, needed in zip(back, needs, strict=True)]


def _native_back(g, cells, acts, weight):
    outputs, last = g[:2]
    if not all(part is None or part.__class__ is ndarray for part in (outputs, last, weight)):
        return None
    last = np.zeros(cells.shape[1:], cells.dtype) if last is None else last.copy()
    return NATIVE.lstm_back(outputs, last, cells, acts, weight)


def _back_by_steps(g, cells, acts, weight):
    """The cotangents of (gates, first hidden state, first cell), in primitives."""
    gy, glast, gstates, gcells, gacts = g
    steps, _, width = tuple(shape_of(acts))
    size, found = width // 4, []
    dh, dc = None, glast
    for t in reversed(range(steps)):
        parts = [_at(acts, t, slice(k * size, (k + 1) * size)) for k in range(4)]
        more = [_at(gacts, t, slice(k * size, (k + 1) * size)) for k in range(4)]
        dh = _sum(_at(gy, t), _at(gstates, t + 1), dh)
        dc = _sum(_at(gcells, t + 1), dc)
        into, dc = _one_back(dh, dc, more, parts, _at(cells, t), _at(cells, t + 1))
        found.append(reshape(into, shape=(1, *shape_of(into))))
        dh = matmul(into, weight)
    return concatenate(*found[::-1], axis=0), _sum(_at(gstates, 0), dh), _sum(_at(gcells, 0), dc)


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


def _at(tensor, *index):
    return None if tensor is None else slice_(tensor, index=_step(*index))


def _step(t, columns=None):
    return (t, ...) if columns is None else (t, slice(None), columns)


def _sum(*terms):
    total = None
    for term in terms:
        if term is not None:
            total = term if total is None else total + term
    return total


lstm = Primitive(
    "lstm", _lstm, ("gates", "hidden", "cell", "weight", "bias"), pullback=_lstm_back,
    kept_outputs=(2, 3, 4), torch_name="MkldnnRnnLayer",
    tex="lstm(gates, hidden, cell, weight, bias)",
)  # fmt: skip
