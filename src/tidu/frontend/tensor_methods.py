"""The methods of Tensor that are functions of `ops`, and those that ask or convert.

One line a name, so the page is an index of what a tensor can do; the code is in `ops`.
"""

import math

import numpy as np

from .. import ops
from ..autograd import leaves
from ..base.devices import device as _Device
from ..base.devices import require_cpu
from ..base.dtypes import BY_NAME as DTYPE_NAMES
from ..base.dtypes import (
    SCALAR_NAMES,
    bfloat16,
    bool_,
    complex32,
    complex64,
    complex128,
    dtype,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)  # fmt: skip
from ..base.frames import warn_once
from ..base.lazy import lazy_module, standing
from ..base.size import Size, make_size, normalize_axis, sizes_from
from ..core.handle import TensorBase, Unresolved, concrete, element_type, lying, shape_of
from ..core.retries import worded
from ..core.versions import owner
from ..ops import formats, inplace, linalg, reductions, restriding, shapes
from ..ops.convert import converted_for_user, type_of
from ..ops.flags import require_int
from ..ops.from_data import copy_of
from ..ops.operators import operator
from ..ops.target import target
from ..primitives.base import address
from ..transforms.batch import batched_as
from ..transforms.trace import memory_of

__all__ = ["TensorMethods"]

meta = lazy_module(f"{__package__.partition('.')[0]}.meta")


def _conversion(name, dtype):
    def method(self, memory_format=None):
        converted = converted_for_user(self, dtype)
        return converted if memory_format is None else _arranged(converted, memory_format)

    method.__doc__ = f"The tensor as {dtype}."
    return standing(method, f"Tensor.{name}")


def _arranged(tensor, memory_format):
    """The tensor with its elements in the order asked for."""
    if formats.format_name(memory_format) == "torch.preserve_format":
        return tensor
    return ops.contiguous(tensor, memory_format=memory_format)


def _steps(value):
    """Strides in elements; an axis that None made reaches over all that follow it."""
    steps, reach = [], 1
    for n, step in zip(reversed(value.shape), reversed(value.strides), strict=True):
        steps.append(reach if n == 1 and step == 0 else step // value.itemsize)
        reach = steps[-1] * n
    return tuple(reversed(steps))


def _warn_of_reversal(rank):
    if rank:
        warn_once(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
            "deprecated and it will throw an error in a future release. Consider `x.mT` to "
            "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to "
            "reverse the dimensions of a tensor."
        )
    else:
        warn_once(
            "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases."
        )


class TensorMethods:
    """Mixed into Tensor."""

    __slots__ = ()

    grad_dtype = property(leaves.grad_dtype, leaves.set_grad_dtype)

    # --- elementwise ---
    abs = absolute = ops.abs
    acos, acosh, asin, asinh, atan, atanh = (
        ops.acos,
        ops.acosh,
        ops.asin,
        ops.asinh,
        ops.atan,
        ops.atanh,
    )
    arccos, arccosh, arcsin, arcsinh = ops.acos, ops.acosh, ops.asin, ops.asinh
    arctan, arctanh, arctan2, atan2 = ops.atan, ops.atanh, ops.atan2, ops.atan2
    add, sub, subtract, mul, multiply = ops.add, ops.sub, ops.sub, ops.mul, ops.mul
    div = divide = ops.div
    true_divide, floor_divide, remainder, fmod = (
        ops.true_divide,
        ops.floor_divide,
        ops.remainder,
        ops.fmod,
    )
    addcdiv, addcmul, lerp, hypot, copysign = (
        ops.addcdiv,
        ops.addcmul,
        ops.lerp,
        ops.hypot,
        ops.copysign,
    )
    ceil, floor, round, trunc, fix, frac = (
        ops.ceil,
        ops.floor,
        ops.round,
        ops.trunc,
        ops.trunc,
        ops.frac,
    )
    clamp = clip = ops.clamp
    clamp_min, clamp_max, nan_to_num = ops.clamp_min, ops.clamp_max, ops.nan_to_num
    cos, cosh, sin, sinh, tan, tanh = ops.cos, ops.cosh, ops.sin, ops.sinh, ops.tan, ops.tanh
    exp, exp2, expm1, log, log2, log10, log1p = (
        ops.exp, ops.exp2, ops.expm1, ops.log, ops.log2, ops.log10, ops.log1p)  # fmt: skip
    logaddexp, logaddexp2, logit, xlogy = ops.logaddexp, ops.logaddexp2, ops.logit, ops.xlogy
    pow, float_power, square, sqrt, rsqrt = (
        ops.pow,
        ops.float_power,
        ops.square,
        ops.sqrt,
        ops.rsqrt,
    )
    reciprocal, neg, negative, positive = ops.reciprocal, ops.neg, ops.neg, ops.positive
    sigmoid, relu, sign, sgn = ops.sigmoid, ops.relu, ops.sign, ops.sgn
    erf, erfc, erfinv, lgamma, digamma = ops.erf, ops.erfc, ops.erfinv, ops.lgamma, ops.digamma
    deg2rad, rad2deg, heaviside, ldexp, nextafter = (
        ops.deg2rad, ops.rad2deg, ops.heaviside, ops.ldexp, ops.nextafter)  # fmt: skip
    maximum, minimum, fmax, fmin = ops.maximum, ops.minimum, ops.fmax, ops.fmin
    softmax, log_softmax, prelu = ops.softmax, ops.log_softmax, ops.prelu

    def polygamma(self, n):
        """As torch.polygamma(n, self)."""
        return ops.polygamma(n, self)

    # --- comparisons, logic, bits ---
    eq, ne, lt, le, gt, ge = ops.eq, ops.ne, ops.lt, ops.le, ops.gt, ops.ge
    not_equal, less, less_equal, greater, greater_equal = ops.ne, ops.lt, ops.le, ops.gt, ops.ge
    equal, allclose, isclose = ops.equal, ops.allclose, ops.isclose
    isfinite, isinf, isnan, isneginf, isposinf = (
        ops.isfinite,
        ops.isinf,
        ops.isnan,
        ops.isneginf,
        ops.isposinf,
    )
    signbit = ops.signbit
    logical_and, logical_or = ops.logical_and, ops.logical_or
    logical_not, logical_xor = ops.logical_not, ops.logical_xor
    bitwise_and, bitwise_or = ops.bitwise_and, ops.bitwise_or
    bitwise_not, bitwise_xor = ops.bitwise_not, ops.bitwise_xor
    bitwise_left_shift, bitwise_right_shift = ops.bitwise_left_shift, ops.bitwise_right_shift
    gcd, lcm = ops.gcd, ops.lcm

    # --- reductions and order ---
    sum, mean, prod, std, var = ops.sum, ops.mean, ops.prod, ops.std, ops.var
    max, min, amax, amin, aminmax = ops.max, ops.min, ops.amax, ops.amin, ops.aminmax
    all, any, argmax, argmin = ops.all, ops.any, ops.argmax, ops.argmin
    nansum, nanmean, nanmedian, logsumexp = ops.nansum, ops.nanmean, ops.nanmedian, ops.logsumexp
    cumsum, cumprod, cummax, cummin = ops.cumsum, ops.cumprod, ops.cummax, ops.cummin
    logcumsumexp, diff, dist = ops.logcumsumexp, ops.diff, ops.dist
    sort, argsort, msort, topk, kthvalue = ops.sort, ops.argsort, ops.msort, ops.topk, ops.kthvalue
    median, mode, quantile, count_nonzero = ops.median, ops.mode, ops.quantile, ops.count_nonzero
    norm = ops.norm

    # --- shape ---
    reshape, view, view_as, reshape_as = (
        ops.reshape,
        shapes.view_or_type,
        ops.view_as,
        ops.reshape_as,
    )
    flatten, unflatten, ravel = ops.flatten, ops.unflatten, ops.ravel
    permute, transpose, t, adjoint = ops.permute, ops.transpose, ops.t, ops.adjoint
    swapaxes, swapdims, movedim, moveaxis = ops.transpose, ops.transpose, ops.movedim, ops.movedim
    unsqueeze, squeeze, expand, expand_as = ops.unsqueeze, ops.squeeze, ops.expand, ops.expand_as

    def broadcast_to(self, *size):
        """As torch.broadcast_to, the sizes as one tuple or one by one."""
        return ops.broadcast_to(self, size[0] if len(size) == 1 else size)

    repeat, tile = ops.repeat, ops.tile
    clone, contiguous, detach, as_strided = ops.clone, ops.contiguous, ops.detach, ops.as_strided
    alias = ops.alias
    narrow, split_with_sizes, chunk = ops.narrow, ops.split, ops.chunk

    def split(self, split_size, dim=0):
        """Views along `dim`: each `split_size` long, the last perhaps less, or of such lengths."""
        return ops.split(self, split_size, dim)

    tensor_split, unbind, unfold = ops.tensor_split, ops.unbind, shapes.unfold
    hsplit, vsplit, dsplit, renorm = ops.hsplit, ops.vsplit, ops.dsplit, ops.renorm
    flip, fliplr, flipud, roll, rot90 = ops.flip, ops.fliplr, ops.flipud, ops.roll, ops.rot90
    diag, diag_embed, diagonal, tril, triu = (
        ops.diag,
        ops.diag_embed,
        ops.diagonal,
        ops.tril,
        ops.triu,
    )

    # --- by index and mask ---
    gather, scatter, scatter_add, scatter_reduce = (
        ops.gather,
        ops.scatter,
        ops.scatter_add,
        ops.scatter_reduce,
    )
    index_select, index_add, index_copy = ops.index_select, ops.index_add, ops.index_copy
    index_fill, index_put, take, take_along_dim = (
        ops.index_fill,
        ops.index_put,
        ops.take,
        ops.take_along_dim,
    )
    masked_fill, masked_select, masked_scatter = (
        ops.masked_fill,
        ops.masked_select,
        ops.masked_scatter,
    )
    nonzero, argwhere, unique, unique_consecutive = (
        ops.nonzero,
        ops.argwhere,
        ops.unique,
        ops.unique_consecutive,
    )
    bincount, repeat_interleave, select = ops.bincount, ops.repeat_interleave, ops.select_axis

    @worded
    def where(self, condition, other):
        """The elements of this tensor where the condition holds, elsewhere those of `other`."""
        return ops.where(condition, self, other)

    put, histc = ops.put, ops.histc

    # --- products ---
    matmul, mm, bmm, mv, dot, vdot = ops.matmul, ops.mm, ops.bmm, ops.mv, ops.dot, ops.vdot
    inner, outer, ger, kron, cross = ops.inner, ops.outer, ops.outer, ops.kron, ops.cross
    addmm, addmv, addr, baddbmm, addbmm = ops.addmm, ops.addmv, ops.addr, ops.baddbmm, ops.addbmm
    trace, matrix_power = ops.trace, linalg.matrix_power

    # --- in place: the rest is added below from one table ---
    add_, sub_, mul_, div_ = inplace.add_, inplace.sub_, inplace.mul_, inplace.div_
    subtract_, multiply_, divide_, true_divide_ = (
        inplace.sub_,
        inplace.mul_,
        inplace.div_,
        inplace.true_divide_,
    )
    __iadd__, __isub__, __imul__, __itruediv__ = map(
        operator, (inplace.add_, inplace.sub_, inplace.mul_, inplace.div_)
    )
    copy_, fill_, zero_ = inplace.copy_, inplace.fill_, inplace.zero_
    index_put_, fill_diagonal_ = inplace.index_put_, inplace.fill_diagonal_
    locals().update(inplace.METHODS)
    __ipow__, __imod__, __ifloordiv__, __iand__, __ior__, __ixor__, __ilshift__, __irshift__ = (
        operator(inplace.METHODS[name + "_"])
        for name in ("pow remainder floor_divide bitwise_and bitwise_or bitwise_xor "
                     "bitwise_left_shift bitwise_right_shift").split()
    )  # fmt: skip
    squeeze_, unsqueeze_, t_, transpose_ = (
        restriding.squeeze_,
        restriding.unsqueeze_,
        restriding.t_,
        restriding.transpose_,
    )
    resize_, swapaxes_ = restriding.resize_, restriding.transpose_

    # --- transposes as attributes ---
    @property
    def T(self):
        """The axes in reverse order."""
        if len(self._value.shape) == 2:
            return ops.permute(self, (1, 0))
        _warn_of_reversal(self.ndim)
        return ops.permute(self, tuple(range(self.ndim))[::-1])

    @property
    def mT(self):
        """Each matrix of the last two axes transposed."""
        if len(self._value.shape) > 1:
            return shapes.transpose(self, -2, -1)
        return ops.complex_parts.matrix_transpose(self)

    @property
    def H(self):
        """The conjugate transpose of a matrix."""
        return ops.complex_parts.hermitian(self)

    @property
    def mH(self):
        """The conjugate transpose of each matrix of the last two axes."""
        return ops.complex_parts.conjugate_transpose(self)

    # --- complex ---
    real = property(ops.real, doc="The real part, a view of complex tensors.")
    imag = property(ops.imag, doc="The imaginary part of a complex tensor.")
    conj = _conj = ops.conj
    conj_physical = _conj_physical = ops.conj_physical
    is_conj, is_neg = ops.is_conj, ops.is_neg
    resolve_conj, resolve_neg = ops.resolve_conj, ops.resolve_neg
    _neg_view = ops.complex_parts._neg_view

    def angle(self):
        """The argument of complex numbers; 0 or pi for real ones."""
        return ops.angle(self)

    # --- questions ---
    def size(self, dim=None):
        """The shape, or the length of one axis."""
        shape = self._value.shape
        if dim is None:
            return make_size(Size, shape)
        require_int("size", 1, dim=dim)
        return shape[normalize_axis(dim, len(shape))]

    def dim(self):
        return len(self._value.shape)

    ndimension = dim

    def numel(self):
        """The number of elements."""
        return math.prod(self._value.shape)

    nelement = numel

    def element_size(self):
        return element_type(self).itemsize

    @worded
    def stride(self, dim=None):
        """How many elements apart neighbours along each axis lie."""
        value = memory_of(self)
        if value is None or value.flags.c_contiguous:
            steps, step = [], 1
            for n in reversed(self._value.shape):
                steps.append(step)
                step *= n if n > 0 else 1
            strides = tuple(reversed(steps))
        else:
            strides = _steps(value)
        return strides if dim is None else strides[normalize_axis(dim, len(strides))]

    def __delitem__(self, index):
        raise TypeError("Tensor does not support deleting items")

    dim_order = formats.dim_order

    @worded
    def is_contiguous(self, memory_format=None):
        word = "" if memory_format is None else formats.format_name(memory_format)
        if word.startswith("torch.channels_last"):
            return formats.is_channels_last(self, word)
        value = memory_of(self)
        return value is None or value.flags.c_contiguous

    def storage_offset(self):
        """Where the first element lies in the memory the tensor shares."""
        value = lying(self._array())
        return (address(value) - address(owner(value))) // value.itemsize

    def data_ptr(self):
        """The address of the first element."""
        value = self._array()
        if value.__class__ is Unresolved:
            return address(value.memory)
        if value.dtype is None:
            concrete(self, "numpy")  # may refuse
        return address(value)

    def is_floating_point(self):
        return type_of(self).is_floating_point

    def is_complex(self):
        return type_of(self).is_complex

    def is_signed(self):
        return type_of(self).is_signed

    def is_same_size(self, other):
        return tuple(shape_of(self)) == tuple(shape_of(other))

    def is_pinned(self):
        return False

    def is_shared(self):
        return False

    def is_inference(self):
        return self._extra is not None and self._extra.inference

    def get_device(self):
        return -1

    def has_names(self):
        return False

    # --- conversions ---
    def to(self, *args, memory_format=None, **named):
        """The tensor in another dtype and/or on a device: to(dtype), to(device), to(other).

        Each may be followed by non_blocking (which changes nothing) and copy (True: never the
        tensor itself).
        """
        if len(args) == 1 and args[0].__class__ is _DTYPE and not named:
            device, dtype, copy = None, args[0], False
        else:
            device, dtype, copy = target(args, named)
        if device is not None and _Device(device).type == "meta":
            return meta.without_numbers(self, dtype)
        require_cpu(device)
        if dtype is None or dtype is type_of(self):
            out = ops.clone(self) if copy else self
        else:
            out = converted_for_user(self, dtype)
        return out if memory_format is None else _arranged(out, memory_format)

    def type(self, dtype=None, non_blocking=False):
        """The name of the tensor's type, or the tensor converted to a type."""
        if dtype is None:
            return f"torch.{SCALAR_NAMES[type_of(self).name]}Tensor"
        if isinstance(dtype, str):
            dtype = type_named(dtype)
        return converted_for_user(self, getattr(dtype, "dtype", dtype))

    @worded
    def type_as(self, other):
        return converted_for_user(self, type_of(other))

    def cpu(self, memory_format=None):
        return self

    def cuda(self, device=None, non_blocking=False):
        return require_cpu("cuda")

    def pin_memory(self, device=None):
        return self

    def share_memory_(self):
        return self

    float, double = _conversion("float", float32), _conversion("double", float64)
    half, bfloat16 = _conversion("half", float16), _conversion("bfloat16", bfloat16)
    chalf = _conversion("chalf", complex32)
    long, int, short = (
        _conversion("long", int64),
        _conversion("int", int32),
        _conversion("short", int16),
    )
    char, byte, bool = (
        _conversion("char", int8),
        _conversion("byte", uint8),
        _conversion("bool", bool_),
    )
    cfloat, cdouble = _conversion("cfloat", complex64), _conversion("cdouble", complex128)

    # --- new tensors like this one ---
    @worded
    def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False):
        if isinstance(data, TensorBase):
            return copy_of(data, dtype or type_of(self), requires_grad, "tensor.new_tensor")
        return ops.tensor(
            data, dtype=dtype or type_of(self), device=device, requires_grad=requires_grad
        )

    @worded
    def new_zeros(self, *size, dtype=None, device=None, requires_grad=False, **layout):
        result = ops.zeros(
            *size, dtype=dtype or type_of(self), device=device, requires_grad=requires_grad
        )
        return batched_as(result, self)

    @worded
    def new_ones(self, *size, dtype=None, device=None, requires_grad=False, **layout):
        result = ops.ones(
            *size, dtype=dtype or type_of(self), device=device, requires_grad=requires_grad
        )
        return batched_as(result, self)

    @worded
    def new_empty(self, *size, dtype=None, device=None, requires_grad=False, **layout):
        result = ops.empty(
            *size, dtype=dtype or type_of(self), device=device, requires_grad=requires_grad
        )
        return batched_as(result, self)

    @worded
    def new_full(self, size, fill_value, *, dtype=None, device=None, requires_grad=False, **layout):
        result = ops.full(
            size, fill_value, dtype=dtype or type_of(self), requires_grad=requires_grad
        )
        return batched_as(result, self)

    def new(self, *args, device=None):
        """A tensor of this type from data, or of the given size."""
        if len(args) == 1 and not isinstance(args[0], (int, np.integer)):
            return ops.tensor(args[0], dtype=type_of(self))
        return ops.empty(*args, dtype=type_of(self)) if args else ops.empty(0, dtype=type_of(self))

    # --- Python callbacks on each element ---
    def apply_(self, callable):
        """Replace each element by callable(element)."""
        value = self._array()
        value[...] = np.array([callable(x) for x in value.reshape(-1).tolist()]).reshape(
            value.shape
        )
        self._mutated()
        return self

    def map_(self, tensor, callable):
        """Replace each element by callable(element, other)."""
        value = self._array()
        pairs = zip(value.reshape(-1).tolist(), concrete(tensor).reshape(-1).tolist(), strict=True)
        value[...] = np.array([callable(x, y) for x, y in pairs]).reshape(value.shape)
        self._mutated()
        return self

    def sum_to_size(self, *size):
        """Summed over the axes that broadcasting from `size` had repeated."""
        return reductions.sum_to_size(self, sizes_from(size))


_DTYPE = dtype
_BY_NAME = {f"torch.{scalar}Tensor": DTYPE_NAMES[name] for name, scalar in SCALAR_NAMES.items()}


def type_named(name):
    """The dtype of 'torch.FloatTensor' or 'torch.float32'."""
    name = name.replace("torch.cuda.", "torch.")
    found = _BY_NAME.get(name) or DTYPE_NAMES.get(name.removeprefix("torch."))
    if found is None:
        raise ValueError(f"invalid type: '{name}'")
    return found
