"""MaskedTensor: a tensor whose elements count only where its mask holds.

Torch's functions come to `HANDLERS`, the primitives that carry a masked gradient through a backward
pass to `RULES`.
"""
# mypy: disable-error-code="assignment, override, unused-ignore"

import numpy as np

from .. import ops
from ..autograd.function import Function
from ..base.errors import hinted
from ..base.frames import warn_once
from ..composed import BINARY, CONVERTED, UNARY, Composed, Content, by_name
from ..core.handle import TensorBase
from ..frontend.tensor import Tensor
from ..overrides import DisableTorchFunctionSubclass
from . import reductions
from .text import text_of

__all__ = ["MaskedTensor", "as_masked_tensor", "is_masked_tensor", "masked_tensor"]

INSTEAD = "x.to_tensor(value) gives an ordinary tensor, x.get_data() and x.get_mask() the parts."
# What moves elements comes to data and mask alike.
_MOVING = frozenset(
    "view reshape flatten ravel transpose swapaxes swapdims t permute movedim moveaxis unsqueeze "
    "squeeze select narrow expand expand_as view_as split chunk unbind __getitem__ contiguous "
    "clone unfold cat concat concatenate stack hstack vstack tile repeat flip index_select gather "
    "masked_select diagonal broadcast_to unflatten view_or_type getitem "
    "select_axis".split()
)


def _refused(name, prim=None, content=None):
    return TypeError(hinted(
        f"Multiple dispatch failed for 'torch._ops.aten.{name}.default'; all __torch_dispatch__ "
        "handlers returned NotImplemented:\n\n  - tensor subclass "
        "<class 'torch.masked.MaskedTensor'>",
        INSTEAD,
    ))  # fmt: skip


class Masked(Content):
    """The value: the data and the mask."""

    __slots__ = ("mask",)
    instead = INSTEAD

    def __init__(self, data, mask):
        super().__init__(data, data.shape)
        self.mask = mask

    def gather(self, other):
        """The sum of two gradients: masked if both are and their masks agree."""
        with DisableTorchFunctionSubclass():
            theirs = _mask_of(other, None)
            if theirs is not None and (theirs is self.mask or ops.equal(theirs, self.mask)):
                return _made(self.inner + other._value.inner, self.mask)
            other = _array_of(other) if theirs is None else other.to_tensor(0)
            return ops.where(self.mask, self.inner, 0) + other


_PROTOTYPE = (
    "The PyTorch API of MaskedTensors is in prototype stage and will change in the near future. "
    "Please open a Github issue for features requests and see our documentation on the "
    "torch.masked module for further information about the project."
)


def _made(data, mask):
    return MaskedTensor._of(Masked(data, mask))


class MaskedTensor(Composed):
    """A tensor whose elements count only where `mask`, a tensor of bools, holds.

    TypeError for a mask of another type, ValueError for one of another shape. The data is shared.

    >>> import tidu as torch
    >>> x = torch.tensor([1., 2., 3.])
    >>> a = torch.masked.masked_tensor(x, torch.tensor([True, False, True]))
    >>> a.mean(), (a * 2).get_data()
    (MaskedTensor(  2.0000, True), tensor([2., 4., 6.]))
    """

    __slots__ = ()
    __module__ = "torch.masked"
    __torch_function__ = classmethod(by_name)
    _missing = staticmethod(_refused)
    content = Masked

    def __new__(cls, data, mask, requires_grad=False):
        if not isinstance(data, Tensor) or isinstance(data, MaskedTensor):
            raise TypeError("data must be a Tensor")
        if not isinstance(mask, Tensor) or isinstance(mask, MaskedTensor):
            raise TypeError("mask must be a Tensor")
        if mask.dtype is not ops.ones(1).bool().dtype:
            raise TypeError("mask must have dtype bool.")
        if data.dim() != mask.dim():
            raise ValueError("data.dim() must equal mask.dim()")
        if data.shape != mask.shape:
            raise ValueError("data.size() must equal mask.size()")
        warn_once(_PROTOTYPE)
        made = _made(data.detach(), mask)
        return made.requires_grad_() if requires_grad else made

    def _like(self, inner):
        if isinstance(inner, MaskedTensor):
            return inner
        return _made(inner, self._value.mask)

    def __repr__(self, *, tensor_contents=None):
        own = self._value
        return text_of(own.inner.detach().tolist(), own.mask.tolist())

    def __reduce_ex__(self, protocol):
        own = self._value
        return _rebuilt, (own.inner.detach(), own.mask, self.requires_grad)

    def get_data(self):
        """The data, masked out elements included; gradients go back to what is not masked."""
        own = self._value
        return own.inner if not own.inner.requires_grad else _Data.apply(own.inner, own.mask)

    def get_mask(self):
        """The mask."""
        return self._value.mask

    def to_tensor(self, value):
        """An ordinary tensor with `value` where the mask does not hold."""
        own = self._value
        return ops.masked_fill(own.inner, ~own.mask, value)

    def to_dense(self, dtype=None, *, masked_grad=None):
        return self

    def is_contiguous(self, memory_format=None):
        return self._value.inner.is_contiguous()

    def stride(self, dim=None):
        inner = self._value.inner
        return inner.stride() if dim is None else inner.stride(dim)

    def item(self):
        return self._value.inner.item()

    def __bool__(self):
        return bool(self._value.inner)

    def numpy(self, *, force=False):
        raise RuntimeError(hinted(".numpy() is not supported for tensor subclasses.", INSTEAD))

    def tolist(self):
        raise RuntimeError(hinted(
            ".tolist() is not supported for tensor subclasses, got MaskedTensor", INSTEAD,
        ))  # fmt: skip

    def clone(self, *, memory_format=None):
        own = self._value
        return _made(own.inner.clone(), own.mask.clone())


def _rebuilt(data, mask, requires_grad):
    return MaskedTensor(data, mask, requires_grad)


class _Data(Function):
    """The data as an ordinary tensor: no gradient comes back to what is masked out."""

    @staticmethod
    def forward(ctx, data, mask):
        ctx.save_for_backward(mask)
        return data.view_as(data)

    @staticmethod
    def backward(ctx, g):
        (mask,) = ctx.saved_tensors
        return ops.where(mask, g, 0), None


class _Boundary(_Data):
    """Data that becomes that of a masked tensor: its gradient is masked, too, and stays so."""

    @staticmethod
    def backward(ctx, g):
        (mask,) = ctx.saved_tensors
        return _made(g, mask), None


def masked_tensor(data, mask, requires_grad=False):
    """A masked tensor with a copy of `data`, a leaf; see `MaskedTensor`."""
    if isinstance(data, Tensor) and not isinstance(data, MaskedTensor):
        data = data.detach().clone()
    if isinstance(mask, Tensor) and not isinstance(mask, MaskedTensor):
        mask = mask.detach().clone()
    return MaskedTensor(data, mask, requires_grad)


def as_masked_tensor(data, mask):
    """A masked tensor of this data; gradients go back to it, masked."""
    made = MaskedTensor(data, mask)
    return _made(_Boundary.apply(data, mask), mask) if data.requires_grad else made


def is_masked_tensor(obj, /):
    """Whether this is a MaskedTensor."""
    return isinstance(obj, MaskedTensor)


# --- what functions do ---------------------------------------------------------------------------


def _data_of(value):
    return value._value.inner if isinstance(value, MaskedTensor) else value


def _mask_of(value, otherwise):
    return value._value.mask if isinstance(value, MaskedTensor) else otherwise


def _together(data, masks):
    """Data with the mask that all operands share."""
    masks = [mask for mask in masks if mask is not None]
    first = masks[0]
    for mask in masks[1:]:
        if mask is not first and not ops.equal(mask, first):
            raise ValueError(hinted(
                "Input masks must match. If you need support for this, please open an issue on "
                "Github.",
                "bring both to one mask: as_masked_tensor(x.get_data(), mask).",
            ))  # fmt: skip
    if tuple(first.shape) != tuple(data.shape):
        first = ops.broadcast_to(first, data.shape)
    return _made(data, first)


def _unary(func, input, *args, **kwargs):
    return _together(func(_data_of(input), *args, **kwargs), [input._value.mask])


def _binary(func, input, other, **kwargs):
    if kwargs:
        raise ValueError("len(kwargs) must equal 0")
    pair = [_array_of(value) for value in (input, other)]
    return _together(func(*map(_data_of, pair)), [_mask_of(value, None) for value in pair])


def _array_of(value):
    """A raw array, as rules of backward passes have them, as a tensor."""
    return (
        ops.from_numpy(np.asarray(value)) if isinstance(value, (np.ndarray, np.generic)) else value
    )


def _inplace(func, input, *args, **kwargs):
    masks = [_mask_of(value, None) for value in (input, *args)]
    if not isinstance(input, MaskedTensor):
        raise _refused(func.__name__)
    data = input._value.inner
    if data.requires_grad and data.is_leaf:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation."
        )
    _together(data, masks)
    func(data, *map(_data_of, args), **kwargs)
    return input


def _moved(func, *args, **kwargs):
    """Of data and mask alike; of several results one by one."""
    data = func(*_parts(args, _data_of), **kwargs)
    mask = func(*_parts(args, _mask_or_all), **kwargs)
    if isinstance(data, TensorBase):
        return _made(data, mask)
    return tuple([_made(d, m) for d, m in zip(data, mask, strict=True)])


def _parts(args, part):
    return [[*map(part, a)] if a.__class__ in (list, tuple) and any(
        isinstance(item, TensorBase) for item in a) else part(a) for a in args]  # fmt: skip


def _mask_or_all(value):
    return _mask_of(value, value)


def _joined(func, tensors, *args, **kwargs):
    if not all(isinstance(t, MaskedTensor) for t in tensors):
        raise _refused(func.__name__)
    return _moved(func, tensors, *args, **kwargs)


def _converted(func, input, *args, **kwargs):
    return _together(func(input._value.inner, *args, **kwargs), [input._value.mask])


def _reduction(name):
    function = getattr(reductions, name)

    def reduced(func, input, dim=None, keepdim=False, *, dtype=None, **options):
        data, mask = input._value.inner, input._value.mask
        axes = reductions._axes(data, dim)
        made = function(data, dim, keepdim=keepdim, dtype=dtype, mask=mask, **options)
        return _made(made, mask.any(axes, keepdim) if axes else mask)

    return reduced


def _spread(name):
    reduced = _reduction(name)

    def spread(func, input, dim=None, unbiased=None, keepdim=False, *, correction=None):
        if isinstance(dim, bool):  # var(unbiased)
            dim, unbiased = None, dim
        return reduced(func, input, dim, keepdim, unbiased=unbiased, correction=correction)

    return spread


def _norm(func, input, p="fro", dim=None, keepdim=False, dtype=None):
    own = input._value
    axes = reductions._axes(own.inner, dim)
    order = 2.0 if p in ("fro", None) else p
    made = reductions.norm(own.inner, order, dim, keepdim=keepdim, dtype=dtype, mask=own.mask)
    return _made(made, own.mask.any(axes, keepdim))


def _all(func, input, dim=None, keepdim=False):
    own = input._value
    filled = ops.where(own.mask, own.inner.bool(), True)
    if dim is None:
        return _made(filled.all(), own.mask.any())
    return _made(filled.all(dim, keepdim), own.mask.any(dim, keepdim))


def _softmax(name):
    function = getattr(reductions, name)

    def soft(func, input, dim=None, *args, dtype=None, **options):
        own = input._value
        return _made(function(own.inner, dim, dtype=dtype, mask=own.mask), own.mask)

    return soft


def _where(func, condition, input=None, other=None):
    if isinstance(condition, MaskedTensor) or input is None:
        raise _refused("where")
    masks = [_mask_of(part, True) for part in (input, other)]
    data = func(condition, _data_of(input), _data_of(other))
    return _made(data, ops.broadcast_to(ops.where(condition, *masks), data.shape))


def _ones_like(func, input, **options):
    return _made(func(input._value.inner, **options), input._value.mask)


def _get(func, input, *args):
    """A property: T, mT, data and the like."""
    return _made(func(input._value.inner), func(input._value.mask))


def _of_data(func, input, *args, **kwargs):
    return func(input._value.inner, *args, **kwargs)


_INPLACE = "add sub mul div multiply divide subtract floor_divide remainder fmod pow".split()

_OF_DATA = (
    "size dim numel nelement __len__ element_size is_floating_point is_complex is_signed".split()
)

HANDLERS: dict = dict.fromkeys(_OF_DATA, _of_data)
HANDLERS |= dict.fromkeys(UNARY, _unary)
HANDLERS |= {name + "_": _inplace for name in (*UNARY, *_INPLACE)}
HANDLERS |= dict.fromkeys(BINARY, _binary)
HANDLERS |= dict.fromkeys(_MOVING, _moved)
HANDLERS |= dict.fromkeys(("cat", "concat", "concatenate", "stack", "hstack", "vstack"), _joined)
HANDLERS |= dict.fromkeys(CONVERTED, _converted)
HANDLERS |= {name: _reduction(name) for name in "sum mean amax amin prod argmax argmin".split()}
HANDLERS |= {name: _softmax(name) for name in ("softmax", "log_softmax")}
HANDLERS |= {
    "var": _spread("var"), "std": _spread("std"), "norm": _norm, "all": _all, "where": _where,
    "ones_like": _ones_like, "__get__": _get, "copy_": _inplace,
}  # fmt: skip


# --- gradients: rules of backward passes that work element by element, or move --------------------


def _of_elements(prim, *args, **params):
    inner = [_data_of(a) for a in args]
    return _together(prim(*inner, **params), [_mask_of(a, None) for a in args])


def _of_places(prim, x, **params):
    own = x._value
    return _made(prim(own.inner, **params), prim(own.mask, **params))


def _of_all(prim, x, **params):
    return _made(prim(x._value.inner, **params), x._value.mask)


def _summed(prim, x, axes, keepdims):
    own = x._value
    made = reductions.sum(own.inner, axes, keepdim=keepdims, mask=own.mask)
    return _made(made, ops.any(own.mask, axes, keepdims))


MaskedTensor.handlers = HANDLERS
MaskedTensor.rules = {
    "elementwise": _of_elements, "view": _of_places, "permute": _of_places, "expand": _of_places,
    "slice": _of_places, "to_copy": _of_all, "clone": _of_all, "sum": _summed,
}  # fmt: skip
