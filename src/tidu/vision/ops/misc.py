"""Layers of torchvision.ops: blocks that networks for images are made of."""

import warnings

from ... import ops
from ...nn.modules import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    BatchNorm3d,
    Conv2d,
    Conv3d,
    Dropout,
    Linear,
    Module,
    ReLU,
    Sequential,
    Sigmoid,
)

__all__ = [
    "MLP", "Conv2dNormActivation", "Conv3dNormActivation", "ConvNormActivation",
    "FrozenBatchNorm2d", "Permute", "SqueezeExcitation",
]  # fmt: skip


class Permute(Module):
    """The axes in another order."""

    def __init__(self, dims):
        super().__init__()
        self.dims = dims

    def forward(self, x):
        return x.permute(self.dims)


class ConvNormActivation(Sequential):
    """A convolution, a norm and an activation; without padding given, the size stays at stride 1.

    >>> import tidu as torch
    >>> Conv2dNormActivation(3, 8)(torch.zeros(2, 3, 5, 5)).shape
    torch.Size([2, 8, 5, 5])
    """

    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1, padding=None, groups=1,
                 norm_layer=BatchNorm2d, activation_layer=ReLU, dilation=1, inplace=True,
                 bias=None, conv_layer=Conv2d):  # fmt: skip
        if padding is None:
            padding = _same(kernel_size, dilation)
        layers = [
            conv_layer(in_channels, out_channels, kernel_size, stride, padding, dilation=dilation,
                       groups=groups, bias=norm_layer is None if bias is None else bias)
        ]  # fmt: skip
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels
        if type(self) is ConvNormActivation:
            warnings.warn(
                "Don't use ConvNormActivation directly, please use Conv2dNormActivation and "
                "Conv3dNormActivation instead.", stacklevel=2,
            )  # fmt: skip


def _same(kernel_size, dilation):
    """The padding with which the size stays at stride 1."""
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    axes = len(kernel_size if not isinstance(kernel_size, int) else dilation)
    sizes = [(v,) * axes if isinstance(v, int) else v for v in (kernel_size, dilation)]
    return tuple((k - 1) // 2 * d for k, d in zip(*sizes, strict=True))


class Conv2dNormActivation(ConvNormActivation):
    """`ConvNormActivation` with Conv2d."""

    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1, padding=None, groups=1,
                 norm_layer=BatchNorm2d, activation_layer=ReLU, dilation=1, inplace=True,
                 bias=None):  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, groups,
                         norm_layer, activation_layer, dilation, inplace, bias, Conv2d)  # fmt: skip


class Conv3dNormActivation(ConvNormActivation):
    """`ConvNormActivation` with Conv3d and BatchNorm3d."""

    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1, padding=None, groups=1,
                 norm_layer=BatchNorm3d, activation_layer=ReLU, dilation=1, inplace=True,
                 bias=None):  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, groups,
                         norm_layer, activation_layer, dilation, inplace, bias, Conv3d)  # fmt: skip


class SqueezeExcitation(Module):
    """Channels weighed by what all pixels say of them (Hu et al. 2018)."""

    def __init__(self, input_channels, squeeze_channels, activation=ReLU, scale_activation=Sigmoid):
        super().__init__()
        self.avgpool = AdaptiveAvgPool2d(1)
        self.fc1 = Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = Conv2d(squeeze_channels, input_channels, 1)
        self.activation, self.scale_activation = activation(), scale_activation()

    def forward(self, input):
        scale = self.activation(self.fc1(self.avgpool(input)))
        return self.scale_activation(self.fc2(scale)) * input


class MLP(Sequential):
    """Linear layers with a norm, an activation and dropout between them, dropout after the last."""

    def __init__(self, in_channels, hidden_channels, norm_layer=None, activation_layer=ReLU,
                 inplace=None, bias=True, dropout=0.0):  # fmt: skip
        options = {} if inplace is None else {"inplace": inplace}
        layers, width = [], in_channels
        for hidden in hidden_channels[:-1]:
            layers.append(Linear(width, hidden, bias=bias))
            if norm_layer is not None:
                layers.append(norm_layer(hidden))
            layers += [activation_layer(**options), Dropout(dropout, **options)]
            width = hidden
        layers += [Linear(width, hidden_channels[-1], bias=bias), Dropout(dropout, **options)]
        super().__init__(*layers)


class FrozenBatchNorm2d(Module):
    """A batch norm whose numbers are fixed."""

    def __init__(self, num_features, eps=1e-5):
        super().__init__()
        self.eps = eps
        for name, fill in (("weight", ops.ones), ("bias", ops.zeros), ("running_mean", ops.zeros),
                           ("running_var", ops.ones)):  # fmt: skip
            self.register_buffer(name, fill(num_features))

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        state_dict.pop(f"{prefix}num_batches_tracked", None)  # of a BatchNorm2d
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, x):
        w, b, mean, var = (
            v.reshape(1, -1, 1, 1)
            for v in (self.weight, self.bias, self.running_mean, self.running_var)
        )
        scale = w * (var + self.eps).rsqrt()
        return x * scale + (b - mean * scale)

    def __repr__(self):
        return f"{type(self).__name__}({self.weight.shape[0]}, eps={self.eps})"
