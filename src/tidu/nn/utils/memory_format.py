"""Only the weights of convolutions in another memory format."""

from ...base.constants import channels_last, channels_last_3d
from ..modules.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def _converted(module, kinds, memory_format):
    for layer in module.modules():
        if isinstance(layer, kinds):
            layer.weight.data = layer.weight.detach().clone().contiguous(
                memory_format=memory_format
            )  # fmt: skip
    return module


def convert_conv2d_weight_memory_format(module, memory_format=channels_last):
    """The weights of all Conv2d and ConvTranspose2d layers inside, in place; gives the module."""
    return _converted(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module, memory_format=channels_last_3d):
    """The weights of all Conv3d and ConvTranspose3d layers inside, in place; gives the module."""
    return _converted(module, (Conv3d, ConvTranspose3d), memory_format)
