"""RNN, LSTM, GRU over sequences, in several layers and directions. The cells are in rnn_cell.py."""

import math
import numbers
import warnings

from ... import ops
from ...amp.state import STATE
from ...base.errors import hinted
from .. import init
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .module import Module
from .rnn_cell import GRUCell, LSTMCell, RNNCell, RNNCellBase
from .rnn_steps import GATES, joined, run_layers

__all__ = ["GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNBase", "RNNCell", "RNNCellBase"]


class RNNBase(Module):
    """What the recurrent layers share: weights, checks, layers and directions."""

    def __init__(
        self, mode, input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
        dropout=0.0, bidirectional=False, proj_size=0, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        _check_dropout(mode, dropout, num_layers)
        for name, flag in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(flag, bool):
                raise TypeError(f"{name} should be of type bool, got: {type(flag).__name__}")
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if not isinstance(size, int):
                raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
            if size <= 0:
                raise ValueError(f"{name} must be greater than zero")
        _check_counts(num_layers, hidden_size, proj_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights = []
        output = proj_size or hidden_size
        for layer in range(num_layers):
            for direction in range(2 if bidirectional else 1):
                size = input_size if layer == 0 else output * (2 if bidirectional else 1)
                self._add_weights(layer, direction, size, output, dtype)
        self.reset_parameters()

    def _add_weights(self, layer, direction, input_size, output, dtype):
        rows = GATES[self.mode] * self.hidden_size
        suffix = f"l{layer}" + ("_reverse" if direction else "")
        shapes = {"weight_ih": (rows, input_size), "weight_hh": (rows, output)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        names = [f"{name}_{suffix}" for name in shapes]
        for name, shape in zip(names, shapes.values(), strict=True):
            setattr(self, name, Parameter(ops.empty(shape, dtype=dtype)))
        self._all_weights.append(names)

    @property
    def all_weights(self):
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def __getstate__(self):
        state = super().__getstate__()
        names = [name for layer in self._all_weights for name in layer]
        weights = [getattr(self, name, None) for name in names]
        return {**state, "_flat_weights_names": names, "_flat_weights": weights}  # PyTorch's own

    def __setstate__(self, state):
        own = ("_flat_weights", "_flat_weights_names", "_flat_weight_refs")
        super().__setstate__({name: value for name, value in state.items() if name not in own})

    def flatten_parameters(self):
        """Nothing to do here: there is no GPU memory to lay out."""

    def reset_parameters(self):
        """Draw new first values, uniform in ±1/√hidden_size."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _directions(self):
        return 2 if self.bidirectional else 1

    def get_expected_hidden_size(self, input, batch_sizes):
        """The shape the first hidden state must have."""
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.size(0) if self.batch_first else input.size(1)
        size = self.proj_size or self.hidden_size
        return self.num_layers * self._directions(), batch, size

    def check_input(self, input, batch_sizes):
        """Refuse an input of wrong shape."""
        wanted = 2 if batch_sizes is not None else 3
        if input.dim() != wanted:
            raise RuntimeError(f"input must have {wanted} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                hinted(
                    "input.size(-1) must be equal to input_size. "
                    f"Expected {self.input_size}, got {input.size(-1)}",
                    "the last dimension holds the features of one time step.",
                )
            )

    def check_hidden_size(self, hx, expected, msg="Expected hidden size {}, got {}"):
        """Refuse a hidden state of wrong shape."""
        if tuple(hx.size()) != tuple(expected):
            raise RuntimeError(msg.format(tuple(expected), list(hx.size())))

    def check_forward_args(self, input, hidden, batch_sizes):
        """Refuse an input or hidden state of wrong shape."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx, permutation):
        """The states of the cases in another order."""
        return hx if permutation is None else hx.index_select(1, permutation)

    def _zero_states(self, input, batch):
        count = self.num_layers * self._directions()
        return ops.zeros(count, batch, self.proj_size or self.hidden_size, dtype=input.dtype,
                         device=input.device)  # fmt: skip

    def forward(self, input, hx=None):
        packed = isinstance(input, PackedSequence)
        if packed:
            data, sizes, order, back = input
            batch, single = int(sizes[0]), False
        else:
            data, sizes, order, back = input, None, None, None
            data, hx, single = self._batched(data, hx)
            batch = data.size(0 if self.batch_first else 1)
        if hx is None:
            hx = self._zero_states(data, batch)
        else:
            hx = self.permute_hidden(hx, order)
        self._check_type(data)
        self.check_forward_args(data, hx, sizes)
        if not packed and not data.size(1 if self.batch_first else 0):
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        steps = data if packed or not self.batch_first else data.transpose(0, 1)
        output, hidden = self._layers(steps, hx, sizes)
        if packed:
            result = PackedSequence(output, sizes, order, back)
            return result, self.permute_hidden(hidden, back)
        if self.batch_first:
            output = output.transpose(0, 1)
        if single:
            return output.squeeze(0 if self.batch_first else 1), self._first_case(hidden)
        return output, hidden

    def _check_type(self, input):
        wanted = self.weight_ih_l0.dtype
        if input.dtype is not wanted and not STATE.enabled:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({wanted}). "
                f"Convert input: input.to({wanted}), or convert model: model.to({input.dtype})"
            )

    def _batched(self, input, hx):
        """(input with a batch, state with a batch, whether there was none)."""
        if input.dim() not in (2, 3):
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D "
                + ("tensor instead" if self.mode.startswith("RNN") else "instead")
            )
        single = input.dim() == 2
        if hx is not None:
            self._check_state_dims(hx, single)
        if not single:
            return input, hx, False
        hx = None if hx is None else self._with_batch(hx)
        return input.unsqueeze(0 if self.batch_first else 1), hx, True

    def _check_state_dims(self, hx, single):
        if hx.dim() != (2 if single else 3):
            kind, dims = ("unbatched 2-D", 2) if single else ("batched 3-D", 3)
            raise RuntimeError(
                f"For {kind} input, hx should also be {dims}-D but got {hx.dim()}-D tensor"
            )

    def _with_batch(self, hx):
        return hx.unsqueeze(1)

    def _first_case(self, hx):
        return hx.squeeze(1)

    def _states_of(self, hx, i):
        return hx[i]

    def _joined(self, states):
        return joined(states)

    def _layers(self, steps, hx, sizes):
        """Run the layers one on top of the other: (output of the last, last states)."""
        count = self.num_layers * self._directions()
        states = [self._states_of(hx, i) for i in range(count)]
        given = [self._weights_of(i) for i in range(count)]
        dropout = self.dropout if self.training else 0.0
        output, last = run_layers(
            self.mode, steps, states, given, self._directions(), dropout, sizes
        )
        return output, self._joined(last)

    def _weights_of(self, i):
        """(weight_ih, weight_hh, bias_ih, bias_hh, weight_hr) of a layer and direction."""
        found = [getattr(self, name) for name in self._all_weights[i]]
        projection = found.pop() if self.proj_size else None
        bias = found[2:] if self.bias else [None, None]
        return (*found[:2], *bias, projection)

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first is not False:
            text += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            text += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            text += f", bidirectional={self.bidirectional}"
        return text


def _check_dropout(mode, dropout, num_layers):
    if mode not in GATES:
        raise ValueError("Unrecognized RNN mode: " + str(mode))
    is_number = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
    if not is_number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element "
            "being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=4,
        )


def _check_counts(num_layers, hidden_size, proj_size):
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


class RNN(RNNBase):
    """h' = tanh (or relu) of W_ih x + b_ih + W_hh h + b_hh.

    Input (L, N, input_size), or (N, L, input_size) with ``batch_first=True``.
    """

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            nonlinearity, args = args[3], args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        modes = {"tanh": "RNN_TANH", "relu": "RNN_RELU"}
        if nonlinearity not in modes:
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        self.__dict__["nonlinearity"] = nonlinearity
        super().__init__(modes[nonlinearity], *args, **kwargs)
        self.nonlinearity = nonlinearity


class GRU(RNNBase):
    """Gated recurrent units (Cho et al. 2014); gates in the order reset, update, new.

    >>> import tidu as torch
    >>> output, hidden = torch.nn.GRU(3, 4, batch_first=True)(torch.randn(2, 5, 3))
    >>> output.shape, hidden.shape
    (torch.Size([2, 5, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


class LSTM(RNNBase):
    """Long short-term memory; gates in the order input, forget, cell, output.

    >>> import tidu as torch
    >>> output, (h, c) = torch.nn.LSTM(3, 4, num_layers=2)(torch.randn(5, 2, 3))
    >>> output.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([2, 2, 4]))
    """

    def __init__(self, *args, **kwargs):
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input, batch_sizes):
        """The shape the first cell state must have."""
        layers, batch, _ = self.get_expected_hidden_size(input, batch_sizes)
        return layers, batch, self.hidden_size

    def check_forward_args(self, input, hidden, batch_sizes):
        """Refuse an input or states of wrong shape."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(
            hidden[0], self.get_expected_hidden_size(input, batch_sizes),
            "Expected hidden[0] size {}, got {}",
        )  # fmt: skip
        self.check_hidden_size(
            hidden[1], self.get_expected_cell_size(input, batch_sizes),
            "Expected hidden[1] size {}, got {}",
        )  # fmt: skip

    def permute_hidden(self, hx, permutation):
        """The states of the cases in another order."""
        if permutation is None:
            return hx
        return hx[0].index_select(1, permutation), hx[1].index_select(1, permutation)

    def _zero_states(self, input, batch):
        count = self.num_layers * self._directions()
        cells = ops.zeros(count, batch, self.hidden_size, dtype=input.dtype, device=input.device)
        return super()._zero_states(input, batch), cells

    def _check_state_dims(self, hx, single):
        wanted = 2 if single else 3
        if hx[0].dim() != wanted or hx[1].dim() != wanted:
            kind = "unbatched 2-D" if single else "batched 3-D"
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {wanted}-D but got "
                f"({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )

    def _with_batch(self, hx):
        return hx[0].unsqueeze(1), hx[1].unsqueeze(1)

    def _first_case(self, hx):
        return hx[0].squeeze(1), hx[1].squeeze(1)

    def _states_of(self, hx, i):
        return hx[0][i], hx[1][i]

    def _joined(self, states):
        hidden, cells = zip(*states, strict=True)
        return joined(hidden, 1), joined(cells, 2)
