"""torch.nn.quantizable: layers for quantized numbers, which refuse."""

from ..base.refusals import refused_classes

__all__ = [
    "LSTM", "LSTMCell", "MultiheadAttention",
]  # fmt: skip

(
    LSTM, LSTMCell, MultiheadAttention,
) = refused_classes(
    "nn.quantizable",
    "LSTM LSTMCell MultiheadAttention",
    "there are no quantized layers here: model.half() takes half the memory.",
)  # fmt: skip
