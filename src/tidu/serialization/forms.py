"""Tensors that are made of others, in files: quantized, nested and masked ones, and those without
numbers. Their classes are loaded when a file, or the program, has one.

`written` says what a file holds of such a tensor; the functions that `BUILT` lists make it again
from checked arguments.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..base import dtypes
from ..base.constants import (
    SCHEMES,
    jagged,
    per_channel_affine,
    per_channel_affine_float_qparams,
    per_tensor_affine,
    strided,
)
from ..base.lazy import lazy_module
from ..base.size import Size
from ..quantized.kinds import INTEGERS, LIMITS, NAMES
from . import tensors
from .arrays import LARGEST_RANK, bounded, lengths
from .problems import bad_file

_ROOT = __name__.partition(".")[0]
_quantized = lazy_module(f"{_ROOT}.quantized.tensor")
_masked = lazy_module(f"{_ROOT}.masked.tensor")
_nested = lazy_module(f"{_ROOT}.nested.making")
_meta = lazy_module(f"{_ROOT}.meta")

QUANTIZED_STORAGES = {kind: f"{name}Storage" for kind, name in NAMES.items()}


class Stand(NamedTuple):
    """Stands for a class that a file names, which is not looked up."""

    name: str


NESTED_CLASS, MASKED_CLASS, RANGE_CLASS = map(Stand, ("NestedTensor", "MaskedTensor", "_DimRange"))
NESTED_AGAIN, MASKED_AGAIN = Stand("_rebuild_njt"), Stand("_rebuild_wrapper_subclass")


# -- reading ------------------------------------------------------------------------------------


def _malformed(what: str):
    return bad_file(f"a {what} tensor of the file is malformed")


def _plain(*values) -> bool:
    """Whether all are ordinary tensors."""
    return all(tensors.is_tensor(v) and not isinstance(v, tensors.Composed) for v in values)


def quantized_kind(storage):
    """The quantized type of a storage, and the one its numbers are kept in."""
    kind = getattr(storage, "kind", None)
    if kind not in INTEGERS:
        raise bad_file(
            f"the file holds a quantized tensor of type {kind}",
            "save it as an ordinary tensor: x.dequantize().",
        )
    return kind, INTEGERS[kind]


def quantized(array, kind, params):
    """A quantized tensor of these numbers; `params` is as a file has it."""
    made = _quantized.QuantizedTensor.made
    return made(tensors.from_array(array, False), kind, *_scales(params, array, kind))


def _scales(params, array, kind):
    """(scale, zero point[, axis]) as a file has them, checked."""
    if not isinstance(params, tuple) or not params:
        raise _malformed("quantized")
    scheme, *rest = params
    if scheme is per_tensor_affine and len(rest) == 2:
        scale, zero = rest
        if scale.__class__ not in (int, float) or zero.__class__ is not int:
            raise _malformed("quantized")
        low, high = LIMITS[kind]
        if not math.isfinite(scale) or not low <= zero <= high:
            raise _malformed("quantized")
        return float(scale), zero
    if scheme in (per_channel_affine, per_channel_affine_float_qparams) and len(rest) == 3:
        scales, zeros, axis = rest
        fits = (
            _plain(scales, zeros) and axis.__class__ is int and 0 <= axis < array.ndim
            and scales.dim() == zeros.dim() == 1
            and len(scales) == len(zeros) == array.shape[axis]
            and scales.dtype in (dtypes.float32, dtypes.float64)
            and zeros.dtype in (dtypes.float32, dtypes.int64, dtypes.int32)
        )  # fmt: skip
        if fits:
            return scales, zeros, axis
    raise _malformed("quantized")


def rebuild_meta(dtype, size, stride, requires_grad=False):
    """`torch._utils._rebuild_meta_tensor_no_storage`."""
    if not isinstance(dtype, dtypes.dtype) or dtype.category < 0:
        raise _malformed("meta")
    if not (lengths(size) and lengths(stride) and len(size) == len(stride) <= LARGEST_RANK):
        raise _malformed("meta")
    bounded(size)
    gradients = requires_grad is True and dtype.category >= 2
    return _meta.MetaTensor.made(Size(size), dtype, stride, gradients)


def rebuild_nested(buffer, sizes, strides, offsets):
    """`torch._utils._rebuild_nested_tensor`: constituents somewhere in a row of elements."""
    parts = sizes, strides, offsets
    if _plain(buffer, *parts) and not buffer.numel() and not offsets.numel():
        return _nested.StridedNested.made(buffer.reshape(0), [])
    if not _plain(buffer, *parts) or any(part.dtype is not dtypes.int64 for part in parts):
        raise _malformed("nested")
    count, form = len(offsets) if offsets.dim() == 1 else -1, tuple(sizes.shape)
    if buffer.dim() != 1 or form != tuple(strides.shape) or len(form) != 2:
        raise _malformed("nested")
    if form[0] != count or form[1] > LARGEST_RANK:
        raise _malformed("nested")
    rows = zip(sizes.tolist(), strides.tolist(), offsets.tolist(), strict=True)
    return _constituents(buffer, list(rows))


def _constituents(buffer, rows):
    at, in_order = 0, True
    for size, stride, offset in rows:
        if not (lengths(size) and lengths(stride) and lengths((offset,))):
            raise _malformed("nested")
        bounded(size)
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if 0 not in size and last >= len(buffer):
            raise _malformed("nested")
        steps = [math.prod(size[i + 1 :]) for i in range(len(size))]
        in_order = in_order and offset == at and (0 in size or steps == list(stride))
        at += math.prod(size)
    if in_order and at == len(buffer):
        return _nested.StridedNested.made(buffer, [tuple(size) for size, _, _ in rows])
    parts = [buffer.as_strided(size, stride, offset) if 0 not in size else buffer.new_zeros(size)
             for size, stride, offset in rows]  # fmt: skip
    return _nested.StridedNested.of_parts(parts, buffer.dtype)


def rebuild_jagged(parts):
    """`torch.nested._internal.nested_tensor._rebuild_njt`: values with offsets."""
    if not isinstance(parts, dict):
        raise _malformed("nested")
    values, offsets, size = (parts.get(name) for name in ("values", "offsets", "lengths"))
    axis = parts.get("_ragged_idx", 1)
    given = (values, offsets) if size is None else (values, offsets, size)
    if not _plain(*given) or axis.__class__ is not int or not 1 <= axis <= values.dim():
        raise _malformed("nested")
    if any(p.dim() != 1 or p.dtype not in (dtypes.int64, dtypes.int32) for p in given[1:]):
        raise _malformed("nested")
    if not len(offsets) or size is not None and len(size) not in (len(offsets), len(offsets) - 1):
        raise _malformed("nested")
    try:
        made = _nested.nested_tensor_from_jagged(values, offsets, size, axis)
    except (RuntimeError, ValueError):
        raise _malformed("nested") from None
    gradients = parts.get("requires_grad") is True and values.dtype.category >= 2
    return made.detach().requires_grad_(gradients)


def rebuild_masked(kind, arguments, state):
    """`torch._utils._rebuild_wrapper_subclass` of a MaskedTensor: its data and its mask."""
    parts = isinstance(state, dict) and (state.get("_masked_data"), state.get("_masked_mask"))
    if kind is not MASKED_CLASS or not parts or not _plain(*parts):
        raise _malformed("masked")
    data, mask = parts
    gradients = isinstance(arguments, tuple) and len(arguments) > 7 and arguments[7] is True
    try:
        return _masked.MaskedTensor(data, mask, gradients and data.dtype.category >= 2)
    except (TypeError, ValueError):
        raise _malformed("masked") from None


class _Range:
    """What PyTorch notes of a length for its compiler; nothing is done with it."""


BUILT = {  # what is called: the function
    NESTED_AGAIN: rebuild_jagged, ("new", RANGE_CLASS): _Range,
    ("build", _Range): lambda target, state: target,
}  # fmt: skip


# -- writing ------------------------------------------------------------------------------------


class Call(NamedTuple):
    """A function of PyTorch and its arguments, as a file has them."""

    place: tuple
    arguments: tuple


class Name(NamedTuple):
    """A name in a file."""

    place: tuple


class Memory(NamedTuple):
    """The storage, offset, sizes and strides of an array, and the type a file gives it."""

    array: object
    dtype: object


_INNER = "torch.nested._internal.nested_tensor"
_FROM_TYPE = "torch._tensor", "_rebuild_from_type_v2"


_NO_HOOKS = Call(("collections", "OrderedDict"), ())


def written(value) -> Call:
    """What a file holds of a tensor that is made of others, or of a parameter of this kind."""
    if isinstance(value, tensors.Parameter):
        parts = _written(value), value.requires_grad, _NO_HOOKS
        return Call(("torch._utils", "_rebuild_parameter"), parts)
    return _written(value)


def _written(value) -> Call:
    parts = tensors.sparse_parts(value)
    if parts is not None:
        return Call(("torch._utils", "_rebuild_sparse_tensor"), (value.layout, parts))
    own = value._value
    if value.is_quantized:
        params: tuple = (own.scheme, own.scale, own.zero_point)
        if own.axis is not None:
            params = (per_channel_affine, *params[1:], own.axis)
        memory = Memory(tensors.array_of(own.inner), own.kind_of)
        return Call(("torch._utils", "_rebuild_qtensor"), (memory, params, False, _NO_HOOKS))
    if value.is_meta:
        form = own.inner.dtype, tuple(own.shape), tuple(own.steps), own.inner.requires_grad
        return Call(("torch._utils", "_rebuild_meta_tensor_no_storage"), form)
    if not value.is_nested:
        return _masked_parts(value)
    return _jagged_parts(value) if value.layout is jagged else _strided_parts(value)


def _strided_parts(value) -> Call:
    own = value._value
    if not own.sizes:
        nothing = tensors.whole_numbers(0)
        parts = own.inner, nothing, nothing, tensors.whole_numbers([])
        return Call(("torch._utils", "_rebuild_nested_tensor"), parts)
    steps = [[math.prod(size[i + 1 :]) for i in range(len(size))] for size in own.sizes]
    offsets = [sum(math.prod(size) for size in own.sizes[:i]) for i in range(len(own.sizes))]
    tables = [tensors.whole_numbers(rows) for rows in (own.sizes, steps, offsets)]
    parts = own.inner, *tables
    return Call(("torch._utils", "_rebuild_nested_tensor"), parts)


def _jagged_parts(value) -> Call:
    own = value._value
    state = {
        "values": own.inner.detach(), "offsets": own.offsets, "lengths": own.lengths,
        "_ragged_idx": own.axis, "_metadata_cache": {}, "requires_grad": value.requires_grad,
    }  # fmt: skip
    again, kind = Name((_INNER, "_rebuild_njt")), Name((_INNER, "NestedTensor"))
    return Call(_FROM_TYPE, (again, kind, (state,), {}))


def _masked_parts(value) -> Call:
    own = value._value
    kind = Name(("torch.masked.maskedtensor.core", "MaskedTensor"))
    inner = own.inner.detach()
    form = (kind, inner.dtype, tuple(inner.shape), inner.stride(), 0, strided, inner.device,
            value.requires_grad)  # fmt: skip
    state = {"_masked_data": inner, "_masked_mask": own.mask}
    again = Name(("torch._utils", "_rebuild_wrapper_subclass"))
    return Call(_FROM_TYPE, (again, kind, form, state))


SCHEME_NAMES = {("torch", scheme.name): scheme for scheme in SCHEMES}
