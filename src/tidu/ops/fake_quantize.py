"""fake_quantize: numbers rounded to a grid, as in training for quantized types, but in floats."""

from ..base.dtypes import bfloat16, float16, float32, float64
from ..base.errors import hinted
from ..base.size import normalize_axis
from ..core.handle import TensorBase
from .bounds import clamp, nan_to_num
from .convert import convert, one_node, refuse, require_tensor, scalar_name, type_of
from .creation import zeros_like
from .indexing import where
from .reductions import amax, amin
from .shapes import reshape

__all__ = ["fake_quantize_per_channel_affine", "fake_quantize_per_tensor_affine"]

_KERNEL = "fake_quantize_tensor_cachemask_kernel_type_handling"


def fake_quantize_per_tensor_affine(input, scale, zero_point, quant_min, quant_max):
    """Each element as the nearest of (n - zero_point) * scale, quant_min <= n <= quant_max.

    The gradient passes where the element lies within the grid, and is 0 elsewhere. `scale` and
    `zero_point` are numbers or tensors of one element.

    >>> import tidu as torch
    >>> torch.fake_quantize_per_tensor_affine(torch.tensor([0.24, 9.0]), 0.1, 0, -5, 5)
    tensor([0.2000, 0.5000])
    """
    require_tensor("fake_quantize_per_tensor_affine", input)
    tensors = isinstance(scale, TensorBase)
    if not tensors:
        _in_order(quant_min, quant_max)
        _within(zero_point, zero_point, quant_min, quant_max)
    shown = _OF_TENSORS if tensors else _OF_NUMBERS
    return shown(input, scale, zero_point, quant_min, quant_max)


def fake_quantize_per_channel_affine(input, scale, zero_point, axis, quant_min, quant_max):
    """The same with a scale and a zero point for each place along `axis`."""
    require_tensor("fake_quantize_per_channel_affine", input)
    if type_of(scale) not in (float32, bfloat16):
        raise RuntimeError(f"Scale must be Float or BFloat16, found {scalar_name(type_of(scale))}")
    if scale.dim() != 1:
        raise RuntimeError("scale should be a 1-D tensor")
    if scale.shape != zero_point.shape:
        raise RuntimeError("scale and zero-point need to have the same dimensions")
    axis = normalize_axis(axis, input.dim())
    if scale.numel() != input.shape[axis]:
        raise RuntimeError(
            hinted(
                "dimensions of scale and zero-point are not consistent with input tensor",
                f"axis {axis} has {input.shape[axis]} places, scale has {scale.numel()}.",
            )
        )
    _in_order(quant_min, quant_max)
    if zero_point.numel():
        low, high = amin(zero_point).item(), amax(zero_point).item()
        _within(low, high, quant_min, quant_max)
    shape = [1] * input.dim()
    shape[axis] = -1
    scale, zero_point = reshape(scale, tuple(shape)), reshape(zero_point, tuple(shape))
    return _OF_CHANNELS(input, scale, zero_point, quant_min, quant_max)


def _in_order(low, high):
    if low > high:
        raise RuntimeError("`quant_min` should be less than or equal to `quant_max`.")


def _within(low, high, quant_min, quant_max):
    if low < quant_min or high > quant_max:
        raise RuntimeError("`zero_point` must be between `quant_min` and `quant_max`.")


def _rounded(input, scale, zero_point, quant_min, quant_max):
    kind = type_of(input)
    if kind not in (float16, float32, float64, bfloat16):
        refuse(kind, {0: _KERNEL, 1: _KERNEL, 3: _KERNEL})
    if isinstance(scale, TensorBase):
        scale, zero_point = scale.detach().float(), zero_point.detach().float()
        inverse = scale.reciprocal()
    else:
        inverse = 1.0 / scale
    wide = input.detach().double() if kind is float64 else input.detach().float()
    # NaN goes where the least number goes.
    steps = nan_to_num((wide * inverse).round() + zero_point, float(quant_min) - 1, 1e38, -1e38)
    inside = (steps >= quant_min) & (steps <= quant_max)
    value = convert((clamp(steps, quant_min, quant_max) - zero_point) * scale, kind)
    return value + where(inside, input - input.detach(), zeros_like(input))


_OF_NUMBERS, _OF_TENSORS, _OF_CHANNELS = [
    one_node(f"FakeQuantizePer{kind}Backward0")(_rounded)
    for kind in ("TensorAffineCachemask", "TensorAffineCachemaskTensorQparams",
                 "ChannelAffineCachemask")
]  # fmt: skip
