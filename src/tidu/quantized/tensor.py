"""QuantizedTensor: whole numbers of 8 or 32 bits, each standing for (n - zero_point) * scale.

The numbers are the inner tensor. What moves elements comes to them, comparisons to what they stand
for; all other functions ask for `x.dequantize()`. There are no gradients.
"""
# mypy: disable-error-code="assignment, override, unused-ignore"

import numpy as np

from .. import ops
from ..base.constants import per_channel_affine, per_channel_affine_float_qparams, per_tensor_affine
from ..base.dtypes import float32
from ..base.errors import hinted
from ..base.printing.layout import values_text, with_properties
from ..composed import BINARY, Composed, Content, by_name, of_parameter
from ..core.handle import TensorBase, concrete
from .kinds import INTEGERS, LIMITS, NAMES

__all__ = ["Quantized", "QuantizedTensor", "quantized"]

INSTEAD = "x.dequantize() gives an ordinary tensor, x.int_repr() its whole numbers."


class Quantized(Content):
    """The value: the numbers, their quantized type, scales and zero points (of an axis or one)."""

    __slots__ = ("axis", "kind_of", "scale", "scheme", "zero_point")
    instead = INSTEAD

    def __init__(self, numbers, kind, scale, zero_point, axis=None):
        super().__init__(numbers, numbers.shape)
        self.kind_of, self.scale, self.zero_point, self.axis = kind, scale, zero_point, axis
        self.scheme = per_tensor_affine
        if axis is not None:
            floats = zero_point.dtype.is_floating_point
            self.scheme = per_channel_affine_float_qparams if floats else per_channel_affine

    def with_numbers(self, numbers):
        """Other numbers with the same meaning."""
        return QuantizedTensor.made(numbers, self.kind_of, self.scale, self.zero_point, self.axis)

    def along(self, parameter):
        """Scales or zero points as they meet the numbers."""
        if self.axis is None:
            return parameter
        shape = [1] * len(self.shape)
        shape[self.axis] = -1
        return parameter.numpy().reshape(shape)


def _refused(name, prim=None, content=None):
    return NotImplementedError(hinted(
        f"Could not run 'aten::{name}' with arguments from the 'QuantizedCPU' backend.", INSTEAD,
    ))  # fmt: skip


class QuantizedTensor(Composed):
    """A quantized tensor, made by `torch.quantize_per_tensor` and its kin.

    >>> import tidu as torch
    >>> q = torch.quantize_per_tensor(torch.tensor([0., 0.26]), 0.1, 10, torch.quint8)
    >>> q.int_repr(), q.dequantize()
    (tensor([10, 13], dtype=torch.uint8), tensor([0.0000, 0.3000]))
    """

    __slots__ = ()
    __torch_function__ = classmethod(by_name)
    _missing = staticmethod(_refused)
    content = Quantized
    dtype = property(lambda self: self._value.kind_of)
    is_quantized = property(lambda self: True)
    itemsize = property(lambda self: self._value.inner.itemsize)
    nbytes = property(lambda self: self._value.inner.nbytes)
    T = property(lambda self: self.permute(*range(len(self._value.shape))[::-1]))
    mT = property(lambda self: self.transpose(-2, -1))

    @classmethod
    def made(cls, numbers, kind, scale, zero_point, axis=None):
        """Of whole numbers of the type that belongs to `kind`, scale and zero point of all, or of
        tensors of both for the places of an axis."""
        return cls._of(Quantized(numbers, kind, scale, zero_point, axis))

    def _like(self, inner):
        return self._value.with_numbers(inner)

    def __repr__(self, *, tensor_contents=None):
        return of_parameter(self) + _text(self._value)

    def __reduce_ex__(self, protocol):
        own = self._value
        return _again, (own.inner, own.kind_of.name, own.scale, own.zero_point, own.axis)

    @property
    def requires_grad(self):
        return False

    @requires_grad.setter
    def requires_grad(self, flag):
        self.requires_grad_(flag)

    def requires_grad_(self, requires_grad=True):
        if requires_grad:
            raise RuntimeError(hinted(
                "only Tensors of floating point dtype can require gradients", INSTEAD,
            ))  # fmt: skip
        return self

    def int_repr(self):
        """The whole numbers, a copy."""
        return self._value.inner.clone()

    def dequantize(self):
        """The float32 numbers that they stand for."""
        own = self._value
        zero, scale = own.along(own.zero_point), own.along(own.scale)
        if own.scheme is per_channel_affine_float_qparams:
            gap = own.inner.numpy().astype(np.float32) - zero
        else:
            gap = (own.inner.numpy().astype(np.int64) - zero).astype(np.float32)
        return ops.from_numpy(np.asarray(gap * np.asarray(scale, np.float32), np.float32))

    def qscheme(self):
        """torch.per_tensor_affine, or one of the schemes per channel."""
        return self._value.scheme

    def _of_tensor(self, value):
        if self._value.axis is not None:
            raise RuntimeError(hinted(
                "Expected quantizer->qscheme() == kPerTensorAffine to be true, but got false.",
                "x.q_per_channel_scales() and x.q_per_channel_zero_points() have those of an axis.",
            ))  # fmt: skip
        return value

    def q_scale(self):
        """The scale of all numbers."""
        return self._of_tensor(self._value.scale)

    def q_zero_point(self):
        """The number that stands for 0."""
        return self._of_tensor(self._value.zero_point)

    def _of_channels(self, value):
        if self._value.axis is None:
            raise RuntimeError(hinted(
                "Expected quantizer->qscheme() == kPerChannelAffine || quantizer->qscheme() == "
                "kPerChannelAffineFloatQParams to be true, but got false.",
                "x.q_scale() and x.q_zero_point() are those of all numbers.",
            ))  # fmt: skip
        return value

    def q_per_channel_scales(self):
        """The scale of each place along the axis of channels."""
        return self._of_channels(self._value.scale)

    def q_per_channel_zero_points(self):
        """The number that stands for 0 at each place along the axis of channels."""
        return self._of_channels(self._value.zero_point)

    def q_per_channel_axis(self):
        """The axis of channels."""
        return self._of_channels(self._value.axis)

    def type(self, dtype=None, non_blocking=False):
        if dtype is None:
            return f"torch.quantized.{NAMES[self._value.kind_of]}Tensor"
        return self.to(dtype)

    def to(self, *args, **kwargs):
        given = [*args, *kwargs.values()]
        if any(isinstance(g, type(float32)) and g is not self.dtype for g in given):
            raise RuntimeError(hinted(
                "Creation of quantized tensor requires quantized dtype like torch.quint8", INSTEAD,
            ))  # fmt: skip
        return self

    def item(self):
        return self.dequantize().item()

    def __bool__(self):
        return bool(self.dequantize())

    def numpy(self, *, force=False):
        name = NAMES[self._value.kind_of]
        raise TypeError(hinted(f"Got unsupported ScalarType {name}", INSTEAD))

    def tolist(self):
        raise RuntimeError(hinted("load_scalar: invalid type", INSTEAD))

    def is_floating_point(self):
        return False

    def is_complex(self):
        return False

    def is_signed(self):
        raise RuntimeError(hinted("isSignedType not supported for quantized types", INSTEAD))

    def element_size(self):
        return self._value.inner.element_size()

    def stride(self, dim=None):
        return self._value.inner.stride() if dim is None else self._value.inner.stride(dim)

    def is_contiguous(self, memory_format=None):
        return self._value.inner.is_contiguous()

    def clone(self, *, memory_format=None):
        return self._like(self._value.inner.clone())

    def cpu(self, memory_format=None):
        return self

    def __iter__(self):
        return (self[i] for i in range(self._value.shape[0]))

    def copy_(self, src, non_blocking=False):
        """The numbers of another quantized tensor, or those nearest to an ordinary one's."""
        own = self._value
        made = src if isinstance(src, QuantizedTensor) else None
        numbers = made._value.inner if made is not None else quantized(
            src, own.scale, own.zero_point, own.kind_of, own.axis
        )  # fmt: skip
        own.inner.copy_(numbers)
        if made is not None:
            self._value = made._value.with_numbers(own.inner)._value
        return self


def _again(numbers, name, scale, zero_point, axis):
    kind = next(kind for kind in INTEGERS if kind.name == name)
    return QuantizedTensor.made(numbers, kind, scale, zero_point, axis)


def quantized(x, scale, zero_point, kind, axis=None):
    """The whole numbers nearest to x / scale + zero_point, between the limits of the type."""
    array = concrete(x.detach()).astype(np.float32, copy=False)
    if axis is not None:
        shape = [1] * array.ndim
        shape[axis] = -1
        scale, zero_point = (part.numpy().reshape(shape) for part in (scale, zero_point))
    scale = np.asarray(scale, np.float32)
    with np.errstate(all="ignore"):
        steps = array * np.where(scale == 0, np.float32(1), np.float32(1) / scale)
        steps = np.rint(np.asarray(steps + np.asarray(zero_point, np.float32), np.float32))
    steps = np.nan_to_num(steps, nan=np.inf).astype(np.float64)
    low, high = LIMITS[kind]
    return ops.from_numpy(np.asarray(np.clip(steps, low, high).astype(INTEGERS[kind].numpy)))


def _text(own):
    shown = concrete(QuantizedTensor._of(own).dequantize())
    properties = [
        f"size={tuple(own.shape)}", f"dtype={own.kind_of}", f"quantization_scheme={own.scheme}",
    ]  # fmt: skip
    if own.axis is None:
        properties += [f"scale={own.scale}", f"zero_point={own.zero_point}"]
    else:
        properties += [f"scale={own.scale}", f"zero_point={own.zero_point}", f"axis={own.axis}"]
    return with_properties(f"tensor({values_text(shown, 7)}", properties, 7)


# --- what functions do ---------------------------------------------------------------------------


def _whole(value):
    return value.dequantize() if isinstance(value, QuantizedTensor) else value


def _compared(func, *args, **kwargs):
    return func(*map(_whole, args), **kwargs)


def _own(func, input, *args, **kwargs):
    """Functions that are methods of the class."""
    return getattr(input, func.__name__)(*args, **kwargs)


def _itself(func, *args, **kwargs):
    """Functions that know quantized tensors."""
    return func(*args, **kwargs)


def _empty_like(func, input, **options):
    return input._value.with_numbers(ops.empty_like(input._value.inner))


def _clamp(func, input, min=None, max=None):
    own = input._value
    if own.axis is not None:
        raise _refused("clamp")
    ends = [None if end is None else quantized(ops.tensor(float(end)), own.scale, own.zero_point,
            own.kind_of) for end in (min, max)]  # fmt: skip
    return own.with_numbers(ops.clamp(own.inner, *ends))


def _of_numbers(func, input, *args, **kwargs):
    return func(input._value.inner, *args, **kwargs)


def _moved(func, input, *args, **kwargs):
    own = input._value
    if own.axis is not None:
        return _moved_channels(func, input, *args, **kwargs)
    made = func(own.inner, *args, **kwargs)
    return own.with_numbers(made) if isinstance(made, TensorBase) else tuple(
        [own.with_numbers(part) for part in made]
    )  # fmt: skip


def _moved_channels(func, input, *args, **kwargs):
    """Of tensors with an axis of channels: one index of it, or what leaves the axes as they are."""
    own = input._value
    index = args[0] if func.__name__ in ("__getitem__", "getitem") and args else None
    if index.__class__ is int and own.axis == 0:
        made, kind = func(own.inner, index), type(own.zero_point[0].item())
        place = own.scale[index].item(), kind(own.zero_point[index].item())
        return QuantizedTensor.made(made, own.kind_of, *place)
    if func.__name__ in ("contiguous", "view_as", "alias"):
        return own.with_numbers(func(own.inner, *args, **kwargs))
    raise RuntimeError(hinted(
        "Setting strides is possible only on uniformly quantized tensor",
        "x.dequantize() first, and torch.quantize_per_channel again.",
    ))  # fmt: skip


def _joined(func, tensors, *args, **kwargs):
    first = tensors[0]._value if isinstance(tensors[0], QuantizedTensor) else None
    same = first is not None and first.axis is None and all(
        isinstance(t, QuantizedTensor) and t.dtype is tensors[0].dtype
        and (t._value.scale, t._value.zero_point) == (first.scale, first.zero_point)
        for t in tensors
    )  # fmt: skip
    if not same:
        raise RuntimeError(hinted(
            "Only tensors quantized with one scale and one zero point can be joined.", INSTEAD,
        ))  # fmt: skip
    return first.with_numbers(func([t._value.inner for t in tensors], *args, **kwargs))


def _relu(func, input, *args, **kwargs):
    own = input._value
    zero = ops.as_tensor(input.q_zero_point(), dtype=own.inner.dtype)
    return own.with_numbers(ops.maximum(own.inner, zero))


def _chosen(func, input, *args, **kwargs):
    """max, min, sort and the like: the order of the numbers is that of what they stand for."""
    own = input._value
    if own.axis is not None or own.scale < 0:
        raise _refused(func.__name__)
    made = func(own.inner, *args, **kwargs)
    if isinstance(made, TensorBase):
        return own.with_numbers(made)
    return type(made)((own.with_numbers(made[0]), made[1]))


def _typed(func, input, *args, **kwargs):
    return input.to(float32)  # which says why not


def _set(func, input, index, value):
    own = input._value
    if own.axis is not None:
        raise _refused("__setitem__")
    if not isinstance(value, QuantizedTensor):
        value = input._like(quantized(
            ops.as_tensor(value, dtype=float32), own.scale, own.zero_point, own.kind_of
        ))  # fmt: skip
    own.inner[index] = value._value.inner


def _filled(func, input, value):
    if not isinstance(input, QuantizedTensor):
        return func(input, value.dequantize())
    return input.copy_(ops.full(tuple(input._value.shape), float(value)))


_OWN = (
    "int_repr qscheme q_scale q_zero_point q_per_channel_scales type to item clone copy_ "
    "q_per_channel_zero_points q_per_channel_axis is_floating_point is_complex is_signed cpu "
    "element_size stride is_contiguous tolist numpy requires_grad_ detach"
).split()
_MOVING = (
    "view reshape flatten ravel transpose swapaxes swapdims t permute movedim moveaxis unsqueeze "
    "squeeze select narrow expand expand_as view_as split chunk unbind __getitem__ contiguous "
    "tile repeat flip index_select broadcast_to unflatten view_or_type getitem select_axis"
).split()
_COMPARING = "eq ne lt le gt ge equal allclose isclose greater less not_equal".split()

HANDLERS: dict = dict.fromkeys(_OWN, _own)
HANDLERS |= dict.fromkeys(("dequantize", "empty_quantized"), _itself)
HANDLERS |= {"empty_like": _empty_like, "clamp": _clamp}
HANDLERS |= dict.fromkeys("size dim numel nelement __len__ is_same_size".split(), _of_numbers)
HANDLERS |= dict.fromkeys(_MOVING, _moved)
HANDLERS |= dict.fromkeys(("cat", "concat", "stack", "hstack", "vstack"), _joined)
HANDLERS |= dict.fromkeys([n for n in BINARY if n.strip("_") in _COMPARING], _compared)
HANDLERS |= dict.fromkeys(_COMPARING, _compared)
HANDLERS |= {"relu": _relu, "fill_": _filled, "__setitem__": _set}
HANDLERS |= dict.fromkeys("float double half bfloat16 int long bool".split(), _typed)
HANDLERS |= dict.fromkeys("max min sort topk amax amin".split(), _chosen)
QuantizedTensor.handlers = HANDLERS
