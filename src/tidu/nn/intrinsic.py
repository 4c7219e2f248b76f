"""torch.nn.intrinsic: layers for quantized numbers, which refuse."""

from ..base.refusals import refused_classes

__all__ = [
    "ConvBn1d", "ConvBn2d", "ConvBn3d", "ConvBnReLU1d", "ConvBnReLU2d", "ConvBnReLU3d",
    "ConvReLU1d", "ConvReLU2d", "ConvReLU3d", "LinearReLU", "BNReLU2d", "BNReLU3d",
]  # fmt: skip

(
    ConvBn1d, ConvBn2d, ConvBn3d, ConvBnReLU1d, ConvBnReLU2d, ConvBnReLU3d, ConvReLU1d,
    ConvReLU2d, ConvReLU3d, LinearReLU, BNReLU2d, BNReLU3d,
) = refused_classes(
    "nn.intrinsic",
    "ConvBn1d ConvBn2d ConvBn3d ConvBnReLU1d ConvBnReLU2d ConvBnReLU3d ConvReLU1d "
    "ConvReLU2d ConvReLU3d LinearReLU BNReLU2d BNReLU3d",
    "there are no quantized layers here: model.half() takes half the memory.",
)  # fmt: skip
