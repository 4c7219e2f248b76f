"""Layers of torchvision.ops: blocks that networks for images are made of."""

from .. import ops
from ..nn.modules import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Linear,
    Module,
    ReLU,
    Sequential,
    Sigmoid,
)

__all__ = [
    "MLP", "Conv2dNormActivation", "FrozenBatchNorm2d", "Permute", "SqueezeExcitation",
    "StochasticDepth", "stochastic_depth",
]  # fmt: skip


def stochastic_depth(input, p, mode, training=True):
    """The whole batch ("batch") or single samples ("row") zero with probability p, the rest
    divided by 1 - p (Huang et al. 2016)."""
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    shape = [input.shape[0] if mode == "row" else 1] + [1] * (input.ndim - 1)
    kept = ops.empty(shape, dtype=input.dtype).bernoulli_(1.0 - p)
    if p < 1.0:
        kept.div_(1.0 - p)
    return input * kept


class StochasticDepth(Module):
    """`stochastic_depth` in training."""

    def __init__(self, p, mode):
        super().__init__()
        self.p, self.mode = p, mode

    def forward(self, input):
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self):
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"


class Permute(Module):
    """The axes in another order."""

    def __init__(self, dims):
        super().__init__()
        self.dims = dims

    def forward(self, x):
        return x.permute(self.dims)


class Conv2dNormActivation(Sequential):
    """A convolution, a norm and an activation; without padding given, the size stays at stride 1.

    >>> import tidu as torch
    >>> Conv2dNormActivation(3, 8)(torch.zeros(2, 3, 5, 5)).shape
    torch.Size([2, 8, 5, 5])
    """

    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1, padding=None, groups=1,
                 norm_layer=BatchNorm2d, activation_layer=ReLU, dilation=1, inplace=True,
                 bias=None):  # fmt: skip
        if padding is None:
            sizes = [v if isinstance(v, (tuple, list)) else (v, v) for v in (kernel_size, dilation)]
            padding = tuple((k - 1) // 2 * d for k, d in zip(*sizes, strict=True))
        layers = [
            Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation=dilation,
                   groups=groups, bias=norm_layer is None if bias is None else bias)
        ]  # fmt: skip
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels


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

    def forward(self, x):
        w, b, mean, var = (
            v.reshape(1, -1, 1, 1)
            for v in (self.weight, self.bias, self.running_mean, self.running_var)
        )
        scale = w * (var + self.eps).rsqrt()
        return x * scale + (b - mean * scale)

    def __repr__(self):
        return f"{type(self).__name__}({self.weight.shape[0]}, eps={self.eps})"
