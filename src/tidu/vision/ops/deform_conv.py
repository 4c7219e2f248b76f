"""Deformable convolution: each tap of the kernel reads at a place of its own (Dai et al. 2017)."""

from math import sqrt

from ... import ops
from ...base import dtypes
from ...base.errors import hinted
from ...nn import Parameter, init
from ...nn.modules import Module
from .sampling import with_zeros_outside

__all__ = ["DeformConv2d", "deform_conv2d"]


def _pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def deform_conv2d(input, offset, weight, bias=None, stride=(1, 1), padding=(0, 0),
                  dilation=(1, 1), mask=None):  # fmt: skip
    """A convolution (N, C, H, W) whose taps are moved by `offset` and weighed by `mask`.

    offset: (N, 2 * groups * kh * kw, oh, ow), the rows and columns by which each tap is moved;
    mask: (N, groups * kh * kw, oh, ow).

    >>> import tidu as torch
    >>> image, weight = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)
    >>> deform_conv2d(image, torch.zeros(1, 8, 2, 2), weight)
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    stride, padding, dilation = _pair(stride), _pair(padding), _pair(dilation)
    kh, kw = weight.shape[-2:]
    count, channels = input.shape[:2]
    groups = offset.shape[1] // (2 * kh * kw)
    if groups == 0:
        raise RuntimeError(hinted(
            "the shape of the offset tensor at dimension 1 is not valid. It should be a multiple "
            f"of 2 * weight.size[2] * weight.size[3].\nGot offset.shape[1]={offset.shape[1]}, "
            f"while 2 * weight.size[2] * weight.size[3]={2 * kh * kw}",
            "offset has two numbers for each tap of the kernel.",
        ))  # fmt: skip
    oh, ow = _check_places(input, weight, offset, stride, padding, dilation)
    moved = offset.reshape(count, groups, kh * kw, 2, oh, ow)
    taps = ops.arange(kh * kw)
    base_y = (taps // kw * dilation[0])[:, None, None] + (ops.arange(oh) * stride[0])[:, None]
    base_x = (taps % kw * dilation[1])[:, None, None] + ops.arange(ow) * stride[1]
    y = moved[:, :, :, 0] + (base_y - padding[0])
    x = moved[:, :, :, 1] + (base_x - padding[1])
    planes = input.reshape(count * groups, channels // groups, *input.shape[2:])
    picture = ops.arange(count * groups).reshape(count, groups, 1, 1, 1).expand(y.shape)
    read = with_zeros_outside(planes, picture.to(dtypes.int64), y, x)  # (N, G, taps, oh, ow, C/G)
    if mask is not None:
        read = read * mask.reshape(count, groups, kh * kw, oh, ow)[..., None]
    columns = read.permute(0, 1, 5, 2, 3, 4).reshape(count, channels, kh * kw, oh, ow)
    sets = channels // weight.shape[1]  # groups of channels, as in any convolution
    columns = columns.reshape(count, sets, weight.shape[1], kh * kw, oh, ow)
    kernels = weight.reshape(sets, -1, weight.shape[1], kh * kw)
    out = ops.einsum("nsckhw,sock->nsohw", columns, kernels).reshape(count, -1, oh, ow)
    return out if bias is None else out + bias[:, None, None]


def _check_places(input, weight, offset, stride, padding, dilation):
    """The output's height and width, which those of `offset` must be."""
    if input.dim() != 4:
        raise RuntimeError(hinted(
            f"Expected 4D input, got {input.dim()}D", "images are (N, C, H, W)."
        ))  # fmt: skip
    sizes = [
        (n + 2 * pad - (apart * (k - 1) + 1)) // step + 1
        for n, k, pad, apart, step in zip(
            input.shape[2:], weight.shape[2:], padding, dilation, stride, strict=True
        )
    ]
    found = list(offset.shape[-2:])
    if found != sizes:
        raise RuntimeError(hinted(
            f"offset output dims: ({found[0]}, {found[1]}) - computed output dims: "
            f"({sizes[0]}, {sizes[1]})",
            "offset has a place for each element of the output.",
        ))  # fmt: skip
    return sizes


class DeformConv2d(Module):
    """`deform_conv2d` with its weight: forward(input, offset, mask=None)."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1,
                 groups=1, bias=True):  # fmt: skip
        super().__init__()
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = _pair(kernel_size), _pair(stride)
        self.padding, self.dilation = _pair(padding), _pair(dilation)
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(ops.empty(shape))
        self.bias = Parameter(ops.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self):
        init.kaiming_uniform_(self.weight, a=sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            init.uniform_(self.bias, -1 / sqrt(fan_in), 1 / sqrt(fan_in))

    def forward(self, input, offset, mask=None):
        return deform_conv2d(input, offset, self.weight, self.bias, self.stride, self.padding,
                             self.dilation, mask)  # fmt: skip

    def __repr__(self):
        text = (f"{type(self).__name__}({self.in_channels}, {self.out_channels}, "
                f"kernel_size={self.kernel_size}, stride={self.stride}")  # fmt: skip
        text += f", padding={self.padding}" if self.padding != (0, 0) else ""
        text += f", dilation={self.dilation}" if self.dilation != (1, 1) else ""
        text += f", groups={self.groups}" if self.groups != 1 else ""
        return f"{text}{', bias=False' if self.bias is None else ''})"
