"""The fused loops over time behind nn.LSTM and nn.GRU."""

from numpy import ndarray

from ..base.dtypes import float32, float64
from ..core.modes import STATE
from ..primitives.recurrent import compiling, gru, lstm
from .convert import type_of

__all__ = ["fusible", "gru_steps", "lstm_steps"]


def fusible(*tensors):
    """Whether the tensors are plain memory of one floating-point type, or stand for it in a
    function being compiled: transforms, and whoever listens, need the steps one by one."""
    dtype = type_of(tensors[0])
    return (
        not STATE.listeners
        and dtype in (float32, float64)
        and all(_memory(t._value) and type_of(t) is dtype for t in tensors)
    )


def _memory(value):
    if value.__class__ is ndarray:
        return value.size
    return compiling(value) and 0 not in value.shape


def lstm_steps(gates, hidden, cell, weight, bias):
    """(outputs, last cell) of (L, N, 4 · size) gates, which the inputs' part has been summed in."""
    operands = (gates, hidden, cell, weight)
    return lstm(*operands, *([] if bias is None else [bias]))[:2]


def gru_steps(gates, hidden, weight, bias):
    """The outputs of (L, N, 3 · size) gates, which the inputs' part has been summed in."""
    operands = (gates, hidden, weight)
    return gru(*operands, *([] if bias is None else [bias]))[0]
