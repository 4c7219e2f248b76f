"""One time step of each recurrent mode, the loops over time, and the layers of such loops."""

from ... import ops
from ...base.errors import hinted
from ...ops.convert import named, shown_beyond
from ...ops.recurrent import fusible, gru_steps, lstm_steps
from ..functional import dropout as dropped

__all__ = ["GATES", "joined", "run_layers", "run_step"]


def _parts(gates, count):
    """The parts of the gates' matrix, by the name PyTorch's cells have for the step."""
    parts = gates.chunk(count, 1)
    named(parts[0], "UnsafeSplitBackward0", gates)
    return parts


def _own(hidden, weights):
    """The hidden state's part of the sums."""
    return ops.linear(hidden, weights[1], weights[3])


def _tanh_step(gates, hidden, weights, own=None):
    hidden = ops.tanh((_own(hidden, weights) if own is None else own) + gates)
    return hidden, hidden


def _relu_step(gates, hidden, weights, own=None):
    hidden = ops.relu((_own(hidden, weights) if own is None else own) + gates)
    return hidden, hidden


def _gru_step(gates, hidden, weights):
    reset, update, new = _parts(gates, 3)
    own_reset, own_update, own_new = _parts(_own(hidden, weights), 3)
    reset = ops.sigmoid(own_reset + reset)
    update = ops.sigmoid(own_update + update)
    new = ops.tanh(new + own_new * reset)
    hidden = (hidden - new) * update + new
    return hidden, hidden


def _lstm_step(gates, state, weights, own=None):
    hidden, cell = state
    gates = (_own(hidden, weights) if own is None else own) + gates
    into, forget, new, out = _parts(gates, 4)
    cell = ops.sigmoid(forget) * cell + ops.sigmoid(into) * ops.tanh(new)
    hidden = ops.sigmoid(out) * ops.tanh(cell)
    if weights[4] is not None:
        hidden = ops.linear(hidden, weights[4])
    return hidden, (hidden, cell)


LAYER = "MkldnnRnnLayerBackward0"  # PyTorch's node of a layer of LSTM
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}
_STEPS = {"RNN_TANH": _tanh_step, "RNN_RELU": _relu_step, "GRU": _gru_step, "LSTM": _lstm_step}


def joined(states, number=None):
    """The last states of all layers; in PyTorch each is output `number` of the layer's node."""
    return shown_beyond(ops.stack(states), states, LAYER, number)


def run_step(mode, rows, state, weights):
    """The state after a step: rows (batch, input_size), each state (batch, hidden_size)."""
    _check_sizes(rows, state if isinstance(state, tuple) else (state,), weights)
    step = _STEPS[mode]
    if mode == "GRU":
        return step(ops.linear(rows, weights[0], weights[2]), state, weights)[1]
    # PyTorch's order, which hooks see: the hidden state's part is computed first.
    own = _own(state[0] if mode == "LSTM" else state, weights)
    return step(ops.linear(rows, weights[0], weights[2]), state, weights, own)[1]


def _check_sizes(rows, states, weights):
    wanted, hidden = weights[0].size(1), weights[1].size(1)
    if rows.size(1) != wanted:
        raise RuntimeError(
            hinted(
                f"input has inconsistent input_size: got {rows.size(1)} expected {wanted}",
                "the last dimension of the input is the cell's input_size.",
            )
        )
    hint = "the state is (batch, hidden_size)."
    for i, state in enumerate(states):
        if rows.size(0) != state.size(0):
            raise RuntimeError(
                hinted(
                    f"Input batch size {rows.size(0)} doesn't match hidden{i} batch size "
                    f"{state.size(0)}",
                    hint,
                )
            )
        if state.dim() != 2 or state.size(1) != hidden:
            raise RuntimeError(
                hinted(
                    f"hidden{i} has inconsistent hidden_size: got {state.size(1)}, expected "
                    f"{hidden}",
                    hint,
                )
            )


def run_layers(mode, steps, states, weights, directions, dropout, sizes=None):
    """Layers one on top of the other: (output of the last, the last state of each).

    `steps` is (L, N, features), or packed with `sizes`; states and weights (weight_ih, weight_hh,
    bias_ih, bias_hh, weight_hr) are those of each layer and direction.
    """
    last = []
    whole = sizes is None and _runs_whole(mode, steps, states, weights)
    run = _run_whole if whole else _run_padded if sizes is None else _run_packed
    for i in range(0, len(weights), directions):
        outputs = []
        for place in range(i, i + directions):
            backwards = place != i
            output, state = run(mode, steps, states[place], weights[place], backwards, sizes)
            outputs.append(output)
            last.append(state)
        steps = outputs[0]
        if directions == 2:
            steps = shown_beyond(ops.cat(outputs, -1), outputs, LAYER)
        if dropout and i + directions < len(weights):
            steps = dropped(steps, dropout)
    return steps, last


def _run_padded(mode, steps, state, weights, backwards, sizes=None):
    """One layer in one direction over (L, N, features), step by step: (outputs, last state)."""
    step, outputs = _STEPS[mode], []
    gates = ops.linear(steps, weights[0], weights[2]).unbind(0)
    for gate in reversed(gates) if backwards else gates:
        output, state = step(gate, state, weights)
        outputs.append(output)
    if backwards:
        outputs.reverse()
    return ops.stack(outputs), state


def _runs_whole(mode, steps, states, weights):
    """Whether `_run_whole` serves: an LSTM or GRU without projection, on plain tensors."""
    if mode not in ("LSTM", "GRU") or any(layer[4] is not None for layer in weights):
        return False
    parts = [part for state in states for part in (state if mode == "LSTM" else (state,))]
    given = [weight for layer in weights for weight in layer if weight is not None]
    return fusible(steps, *parts, *given)


def _run_whole(mode, steps, state, weights, backwards, sizes=None):
    """One layer in one direction over (L, N, features) in one operation: (outputs, last state)."""
    bias = weights[2:4]
    if mode == "LSTM" and bias[0] is not None:
        bias = None, bias[0] + bias[1]  # their gradients are the same sum
    gates = ops.linear(steps, weights[0], bias[0])
    gates = ops.flip(gates, (0,)) if backwards else gates
    if mode == "LSTM":
        outputs, cell = lstm_steps(gates, *state, weights[1], bias[1])
        outputs = named(outputs, LAYER, steps, *weights[:4], *state)
        last = (outputs[-1], cell)
    else:
        outputs = gru_steps(gates, state, weights[1], bias[1])
        last = outputs[-1]
    return (ops.flip(outputs, (0,)) if backwards else outputs), last


def _run_packed(mode, data, state, weights, backwards, sizes):
    """The same over a packed sequence: (packed output, last state of every case)."""
    step = _STEPS[mode]
    sizes = [int(size) for size in sizes]
    gates = ops.linear(data, weights[0], weights[2]).split(sizes)
    walk = _packed_backwards if backwards else _packed_forwards
    outputs, state = walk(step, gates, state, weights, sizes)
    return ops.cat(outputs), state


def _first(state, count):
    if isinstance(state, tuple):
        return tuple(part[:count] for part in state)
    return state[:count]


def _rest(state, start, end):
    if isinstance(state, tuple):
        return tuple(part[start:end] for part in state)
    return state[start:end]


def _appended(state, more):
    if isinstance(state, tuple):
        return tuple(ops.cat(pair) for pair in zip(state, more, strict=True))
    return ops.cat([state, more])


def _packed_forwards(step, gates, state, weights, sizes):
    """Cases that end drop out from the bottom of the batch; their states are kept."""
    outputs, ended = [], []
    now = sizes[0]
    for gate, size in zip(gates, sizes, strict=True):
        if size < now:
            ended.append(_rest(state, size, now))
            state, now = _first(state, size), size
        output, state = step(gate, state, weights)
        outputs.append(output)
    for part in reversed(ended):
        state = _appended(state, part)
    return outputs, state


def _packed_backwards(step, gates, first, weights, sizes):
    """From the last time step on, cases come in at the bottom with their first states."""
    outputs, now = [], sizes[-1]
    state = _first(first, now)
    for gate, size in zip(reversed(gates), reversed(sizes), strict=True):
        if size > now:
            state = _appended(state, _rest(first, now, size))
            now = size
        output, state = step(gate, state, weights)
        outputs.append(output)
    outputs.reverse()
    return outputs, state
