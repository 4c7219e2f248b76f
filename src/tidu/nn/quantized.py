"""torch.nn.quantized: layers for quantized numbers, which refuse."""

from ..base.refusals import refused_classes

__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "Linear", "Embedding", "EmbeddingBag", "BatchNorm2d", "LSTM",
    "FloatFunctional", "QFunctional", "Quantize", "DeQuantize", "ReLU6", "Softmax",
]  # fmt: skip

(
    Conv1d, Conv2d, Conv3d, Linear, Embedding, EmbeddingBag, BatchNorm2d, LSTM, FloatFunctional,
    QFunctional, Quantize, DeQuantize, ReLU6, Softmax,
) = refused_classes(
    "nn.quantized",
    "Conv1d Conv2d Conv3d Linear Embedding EmbeddingBag BatchNorm2d LSTM "
    "FloatFunctional QFunctional Quantize DeQuantize ReLU6 Softmax",
    "there are no quantized layers here: model.half() takes half the memory.",
)  # fmt: skip
