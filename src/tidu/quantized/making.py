"""torch.quantize_per_tensor and its kin, torch.dequantize, and what asks a quantized tensor."""

import numpy as np

from .. import ops
from ..base.devices import require_cpu
from ..base.dtypes import float32, float64, int64
from ..base.errors import hinted
from ..core.handle import TensorBase
from ..core.retries import worded
from ..ops.convert import scalar_name, type_of
from .kinds import INTEGERS, LIMITS, qint8, quint8
from .observed import parameters_of
from .tensor import QuantizedTensor, quantized

__all__ = [
    "_empty_affine_quantized", "_make_per_channel_quantized_tensor",
    "_make_per_tensor_quantized_tensor", "dequantize", "empty_quantized", "int_repr",
    "q_per_channel_axis", "q_per_channel_scales", "q_per_channel_zero_points", "q_scale",
    "q_zero_point", "qscheme", "quantize_per_channel", "quantize_per_tensor",
    "quantize_per_tensor_dynamic",
]  # fmt: skip


def _require(input, dtype):
    if type_of(input) is not float32:
        raise RuntimeError(hinted(
            f"Quantize only works on Float Tensor, got {scalar_name(type_of(input))}",
            "write x.float().",
        ))  # fmt: skip
    if dtype not in INTEGERS:
        kept = getattr(dtype, "category", 0) >= 0
        name = scalar_name(dtype) if kept else getattr(dtype, "name", dtype)
        raise RuntimeError(hinted(
            f"ScalarType {name} is not supported in new_qtensor.",
            "it is one of torch.quint8, torch.qint8 and torch.qint32.",
        ))  # fmt: skip


def _number(value):
    return value.item() if isinstance(value, TensorBase) else value


def _within(zero_point, dtype):
    low, high = LIMITS[dtype]
    where = "above upper" if zero_point > high else "below lower" if zero_point < low else None
    if where:
        raise RuntimeError(
            f"quantize_tensor_per_tensor_affine zero_point {zero_point} is {where} bound."
        )


@worded
def quantize_per_tensor(input, scale, zero_point, dtype):
    """Each element as the nearest of (n - zero_point) * scale with a number n of the type.

    dtype: torch.quint8, torch.qint8 or torch.qint32. Of a list of tensors, with tensors of scales
    and zero points, a tuple. RuntimeError for other types than float32.

    >>> import tidu as torch
    >>> torch.quantize_per_tensor(torch.tensor([0., 0.26]), 0.1, 10, torch.quint8)
    tensor([0.0000, 0.3000], size=(2,), dtype=torch.quint8,
           quantization_scheme=torch.per_tensor_affine, scale=0.1, zero_point=10)
    """
    if isinstance(input, (list, tuple)):
        parts = zip(input, scale.tolist(), zero_point.tolist(), strict=True)
        return tuple([quantize_per_tensor(*part, dtype) for part in parts])
    _require(input, dtype)
    scale, zero_point = float(_number(scale)), _whole(zero_point)
    _within(zero_point, dtype)
    numbers = quantized(input, scale, zero_point, dtype)
    return QuantizedTensor.made(numbers, dtype, scale, zero_point)


@worded
def quantize_per_channel(input, scales, zero_points, axis, dtype):
    """As `quantize_per_tensor`, with a scale and a zero point for each place along `axis`.

    >>> import tidu as torch
    >>> q = torch.quantize_per_channel(
    ...     torch.ones(2, 2), torch.tensor([0.1, 0.5]), torch.tensor([0, 3]), 0, torch.qint8)
    >>> q.int_repr().tolist()
    [[10, 10], [5, 5]]
    """
    _require(input, dtype)
    if scales.numel() != zero_points.numel():
        raise RuntimeError("number of elements in scales and zero_points must match")
    if not 0 <= axis < input.dim():
        raise RuntimeError(
            "Channel axis out of range in per channel affine quantization. Got: "
            f"{axis}Expected: [0, {input.dim()})"
        )
    if scales.numel() != input.shape[axis]:
        raise RuntimeError(
            f"length of scales must equal to channel, expected {input.shape[axis]} got, "
            f"{scales.numel()}"
        )
    scales, zero_points = _of_axis(scales, zero_points)
    numbers = quantized(input, scales, zero_points, dtype, axis)
    return QuantizedTensor.made(numbers, dtype, scales, zero_points, axis)


def _of_axis(scales, zero_points):
    """Scales and zero points in the types that a quantized tensor keeps."""
    if zero_points.dtype.is_floating_point:
        return scales.detach().to(float32), zero_points.detach().to(float32)
    return scales.detach().to(float64), zero_points.detach().to(int64)


@worded
def quantize_per_tensor_dynamic(input, dtype, reduce_range):
    """`quantize_per_tensor` with the scale and the zero point that just hold all elements.

    dtype: torch.quint8 or torch.qint8. reduce_range: use half of the numbers.
    """
    _require(input, dtype)
    if dtype not in (quint8, qint8):
        raise RuntimeError(f"dtype {dtype} not supported")
    low, high = LIMITS[dtype]
    if reduce_range:
        low, high = int(low / 2), high // 2
    array = input.detach().numpy()
    ends = (array.min(), array.max()) if array.size else (0.0, 0.0)
    return quantize_per_tensor(input, *parameters_of(*map(float, ends), low, high), dtype)


def dequantize(tensor=None, *, tensors=None):
    """The float32 tensor that a quantized one stands for; of a list a tuple.

    An ordinary tensor is given back as float32.
    """
    given = tensor if tensors is None else tensors
    if isinstance(given, (list, tuple)):
        return tuple([dequantize(part) for part in given])
    if isinstance(given, QuantizedTensor):
        return given.dequantize()
    return given.to(float32)


def _asking(name):
    def asked(input, *, out=None):
        if not isinstance(input, QuantizedTensor):
            raise NotImplementedError(hinted(
                f"Could not run 'aten::{name}' with arguments from the 'CPU' backend.",
                "it is for quantized tensors: torch.quantize_per_tensor(x, scale, zero_point, "
                "torch.quint8).",
            ))  # fmt: skip
        return getattr(input, name)()

    asked.__name__ = asked.__qualname__ = name
    asked.__doc__ = f"x.{name}() of a quantized tensor."
    return asked


int_repr, q_scale, q_zero_point, qscheme = map(
    _asking, ("int_repr", "q_scale", "q_zero_point", "qscheme")
)
q_per_channel_scales, q_per_channel_zero_points, q_per_channel_axis = map(
    _asking, ("q_per_channel_scales", "q_per_channel_zero_points", "q_per_channel_axis")
)


def _whole(zero_point):
    if isinstance(zero_point, float):
        raise TypeError(f"a zero point is an int, not {zero_point}")
    return int(_number(zero_point))


def _kind_of(numbers):
    found = [kind for kind, integers in INTEGERS.items() if integers is numbers.dtype]
    if not found:
        raise RuntimeError(hinted(
            f"no quantized type has numbers of {numbers.dtype}",
            "they are torch.uint8, torch.int8 or torch.int32.",
        ))  # fmt: skip
    return found[0]


def _make_per_tensor_quantized_tensor(input, scale, zero_point):
    """A quantized tensor of whole numbers."""
    kind = _kind_of(input)
    return QuantizedTensor.made(input.clone(), kind, float(_number(scale)), _whole(zero_point))


def _make_per_channel_quantized_tensor(input, scale, zero_point, axis):
    """A quantized tensor of whole numbers, with scales and zero points along an axis."""
    parts = _of_axis(scale, zero_point)
    return QuantizedTensor.made(input.clone(), _kind_of(input), *parts, axis)


def _empty_affine_quantized(*size, scale=1.0, zero_point=0, dtype=quint8, device=None, **options):
    """A quantized tensor of this size, its numbers unset."""
    require_cpu(device)
    _require(ops.zeros(0), dtype)
    numbers = ops.empty(*size, dtype=INTEGERS[dtype])
    return QuantizedTensor.made(numbers, dtype, float(scale), _whole(zero_point))


def empty_quantized(size, qtensor, *, dtype=None, device=None, **options):
    """A quantized tensor of this size, with the scale and the zero point of another one."""
    require_cpu(device)
    numbers = np.empty(tuple(size), qtensor._value.inner.numpy().dtype)
    return qtensor._value.with_numbers(ops.from_numpy(numbers))
