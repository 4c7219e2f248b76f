"""torch.nn.qat: layers for quantized numbers, which refuse."""

from ..base.refusals import refused_classes

__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "Linear", "Embedding", "EmbeddingBag",
]  # fmt: skip

(
    Conv1d, Conv2d, Conv3d, Linear, Embedding, EmbeddingBag,
) = refused_classes(
    "nn.qat",
    "Conv1d Conv2d Conv3d Linear Embedding EmbeddingBag",
    "there are no quantized layers here: model.half() takes half the memory.",
)  # fmt: skip
