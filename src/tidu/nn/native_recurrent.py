"""torch.lstm, torch.gru, torch.rnn_tanh and their cells: recurrent layers that get their weights as
arguments, in the order of `Module.parameters()`. Read `_recurrent`.
"""

from .. import ops
from ..base.errors import hinted
from ..ops.flags import strict
from .modules.rnn_steps import run_layers, run_step

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "rnn_relu", "rnn_relu_cell", "rnn_tanh",
           "rnn_tanh_cell"]  # fmt: skip


def _recurrent(name, mode):
    def recurrent(*args, **kwargs):
        packed = "data" in kwargs or "batch_sizes" in kwargs
        if packed or (len(args) > 3 and not isinstance(args[3], bool)):
            return _packed(mode, *args, **kwargs)
        return _padded(mode, *args, **kwargs)

    recurrent.__name__ = recurrent.__qualname__ = name
    recurrent.__doc__ = f"""(the outputs, {_LAST[mode == "LSTM"]}) of layers with these weights.

    {name}(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)
    for (L, N, features); {name}(data, batch_sizes, hx, params, has_biases, num_layers, dropout,
    train, bidirectional) for a packed sequence.
    """
    return strict(recurrent)


_LAST = ("the last states", "the last states, the last cells")


def _padded(
    mode, input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first
):
    steps = input.transpose(0, 1) if batch_first else input
    output, *last = _run(
        mode, steps, hx, params, has_biases, num_layers, dropout if train else 0.0, bidirectional
    )
    return (output.transpose(0, 1) if batch_first else output, *last)


def _packed(
    mode, data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional
):
    sizes = batch_sizes.tolist()
    return _run(
        mode, data, hx, params, has_biases, num_layers, dropout if train else 0.0, bidirectional,
        sizes,
    )  # fmt: skip


def _run(mode, steps, hx, params, biases, layers, dropout, bidirectional, sizes=None):
    lstm, directions = mode == "LSTM", 2 if bidirectional else 1
    if lstm and len(hx) != 2:
        raise RuntimeError("lstm expects two hidden states")
    states = list(zip(hx[0].unbind(0), hx[1].unbind(0), strict=True)) if lstm else hx.unbind(0)
    if layers * directions != len(states):
        raise RuntimeError(
            "Expected num_layers * num_directions == hiddens.size() to be true, but got false."
        )
    projected = lstm and hx[0].size(2) != hx[1].size(2)
    weights = _weights(list(params), bool(biases), projected, layers * directions)
    output, last = run_layers(mode, steps, states, weights, directions, dropout, sizes)
    last = zip(*last, strict=True) if lstm else (last,)
    return (output, *[ops.stack(list(parts)) for parts in last])


def _weights(params, biases, projected, count):
    """(weight_ih, weight_hh, bias_ih, bias_hh, weight_hr) of each layer and direction."""
    each = 2 + 2 * biases + projected
    if len(params) != each * count:
        raise RuntimeError(
            hinted(
                "got an incorrect number of RNN parameters",
                f"{count} layers and directions take {each * count}, here are {len(params)}.",
            )
        )
    found = []
    for i in range(0, len(params), each):
        own = params[i : i + each]
        bias = own[2:4] if biases else [None, None]
        found.append((*own[:2], *bias, own[-1] if projected else None))
    return found


lstm, gru = _recurrent("lstm", "LSTM"), _recurrent("gru", "GRU")
rnn_tanh, rnn_relu = _recurrent("rnn_tanh", "RNN_TANH"), _recurrent("rnn_relu", "RNN_RELU")


def _cell(name, mode):
    def cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
        return run_step(mode, input, hx, (w_ih, w_hh, b_ih, b_hh, None))

    cell.__name__ = cell.__qualname__ = name
    cell.__doc__ = "The next state (batch, hidden_size) of a cell with these weights."
    return strict(cell)


gru_cell = _cell("gru_cell", "GRU")
rnn_tanh_cell = _cell("rnn_tanh_cell", "RNN_TANH")
rnn_relu_cell = _cell("rnn_relu_cell", "RNN_RELU")


@strict
def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """The next (state, cell), each (batch, hidden_size), of an LSTM with these weights."""
    return run_step("LSTM", input, tuple(hx), (w_ih, w_hh, b_ih, b_hh, None))
