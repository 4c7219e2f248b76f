"""MetaTensor: a tensor of which there are only shape, type and strides, as files may hold it.

Its inner tensor is one number that stands everywhere, so it takes no memory. What asks for the form
is answered, what copies into it has nothing to do; all else is refused, as there are no numbers.
"""
# mypy: disable-error-code="assignment, override, unused-ignore"

import numpy as np

from .. import ops
from ..base.devices import device
from ..base.dtypes import BY_NAME
from ..base.errors import hinted
from ..base.lazy import lazy_module
from ..base.printing.layout import with_properties
from ..base.size import Size
from ..composed import Composed, Content, of_parameter
from ..core.handle import TensorBase
from ..core.modes import grad_enabled
from ..overrides import DisableTorchFunctionSubclass
from ..primitives.structural import in_order

__all__ = ["Meta", "MetaTensor"]

making, shapes = [lazy_module(f"{__package__}.{name}") for name in ("making", "shapes")]

INSTEAD = "torch.empty_like(x, device='cpu') has its shape and type, and numbers to be set."


class Meta(Content):
    """The value: a number that stands for all, the strides they would have, and how often the
    tensor was written."""

    __slots__ = ("steps", "version")
    without = "Cannot copy out of meta tensor; no data!"
    instead = INSTEAD

    def __init__(self, inner, steps):
        super().__init__(inner, inner.shape)
        self.steps, self.version = tuple(steps), 0

    def like(self, name, dtype):
        """What zeros_like and its kin give: again a tensor without numbers."""
        return MetaTensor.made(self.shape, dtype or self.inner.dtype)


def _refused(name, prim=None, content=None):
    return NotImplementedError(hinted(
        f"aten::{name} of a tensor on the device meta, of which there are no numbers.", INSTEAD,
    ))  # fmt: skip


def _no_numbers(error, sentence):
    def refuse(self, *args, **kwargs):
        raise error(hinted(sentence, INSTEAD))

    return refuse


def _by_name(cls, func, types, args=(), kwargs=None):
    """A `__torch_function__`: a handler of this file, or what follows from shapes and types."""
    handler = cls.handlers.get(func.__name__)
    first = args[0] if args else None
    own = isinstance(first, MetaTensor) or func.__name__ in ("copy_", *_LIKE)
    tracked = own and grad_enabled() and getattr(first, "requires_grad", False)
    if handler is None or not own or (tracked and handler in (_moved, _typed)):
        handler = shapes.by_shape
    with DisableTorchFunctionSubclass():
        return handler(func, *args, **(kwargs or {}))


class MetaTensor(Composed):
    """A tensor without numbers, on the device "meta".

    >>> import tidu as torch
    >>> x = torch.empty(2, 3, device="meta")
    >>> x.shape, x.is_meta
    (torch.Size([2, 3]), True)
    """

    __slots__ = ()
    __torch_function__ = classmethod(_by_name)
    _missing = staticmethod(_refused)
    content = Meta
    is_meta = property(lambda self: True)
    is_cpu = property(lambda self: False)
    device = property(lambda self: device("meta"))
    _version = property(lambda self: self._value.version)

    @classmethod
    def made(cls, shape, dtype, steps=None, requires_grad=False):
        """Of a shape, a type and strides, those in order if none are given."""
        array = np.broadcast_to(np.zeros((), dtype.numpy), tuple(shape))
        inner = ops.from_array(array).requires_grad_(requires_grad)
        return cls._of(Meta(inner, in_order(tuple(shape)) if steps is None else steps))

    def _like(self, inner):
        return MetaTensor._of(Meta(inner, self._value.steps))

    def __repr__(self, *, tensor_contents=None):
        inner, words = self._value.inner, ["device='meta'"]
        words.append(f"size={tuple(Size(self._value.shape))}")
        if inner.dtype is not ops.ones(()).dtype:
            words.append(f"dtype={inner.dtype}")
        if inner.grad_fn is not None:
            words.append(f"grad_fn=<{inner.grad_fn.name()}>")
        elif inner.requires_grad:
            words.append("requires_grad=True")
        return of_parameter(self) + with_properties("tensor(...", words, len("tensor("))

    def __reduce_ex__(self, protocol):
        own = self._value
        name = own.inner.dtype.name
        return _again, (tuple(own.shape), name, own.steps, own.inner.requires_grad)

    def stride(self, dim=None):
        return self._value.steps if dim is None else self._value.steps[dim]

    def is_contiguous(self, memory_format=None):
        return self._value.steps == tuple(in_order(self._value.shape))

    def clone(self, *, memory_format=None):
        return self._like(self._value.inner.detach())

    def detach(self):
        return self._like(self._value.inner.detach())

    def data_ptr(self):
        return 0

    @classmethod
    def _computed(cls, prim, args, params):
        """What a primitive gives that met such a tensor inside a function of this library."""
        if prim.name in cls.rules:
            return super()._computed(prim, args, params)
        return shapes.by_shape(prim, *args, **params)

    def item(self):
        """Refused: there is no number."""
        count = self.numel()
        raise RuntimeError(hinted(
            "Tensor.item() cannot be called on meta tensors" if count == 1 else
            f"a Tensor with {count} elements cannot be converted to Scalar", INSTEAD,
        ))  # fmt: skip

    __bool__ = _no_numbers(RuntimeError, "Tensor.item() cannot be called on meta tensors")
    tolist = cpu = _no_numbers(NotImplementedError, Meta.without)
    numpy = _no_numbers(
        TypeError,
        "can't convert meta device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
        "host memory first.",
    )

    def to(self, *args, **kwargs):
        places = [part for part in (*args, *kwargs.values()) if isinstance(part, (str, device))]
        if any(device(place).type != "meta" for place in places):
            raise NotImplementedError(hinted(Meta.without, INSTEAD))
        kinds = [part for part in (*args, *kwargs.values()) if part not in places]
        if not kinds:
            return self
        dtype = getattr(kinds[0], "dtype", kinds[0])
        return MetaTensor.made(self._value.shape, dtype, self._value.steps)


def _again(shape, name, steps, requires_grad):
    return MetaTensor.made(shape, BY_NAME[name], steps, requires_grad)


# --- what functions do ---------------------------------------------------------------------------


def _own(func, input, *args, **kwargs):
    """Functions that are methods of the class."""
    return getattr(input, func.__name__)(*args, **kwargs)


def _of_form(func, input, *args, **kwargs):
    return func(input._value.inner, *args, **kwargs)


def _moved(func, input, *args, **kwargs):
    """A view: of one number that stands everywhere, so nothing is copied."""
    made = func(input._value.inner.detach(), *args, **kwargs)
    parts = [made] if isinstance(made, TensorBase) else made
    found = [MetaTensor.made(part.shape, part.dtype) for part in parts]
    return found[0] if isinstance(made, TensorBase) else tuple(found)


def _typed(func, input, *args, **kwargs):
    dtype = func(input._value.inner.detach().reshape(-1)[:0]).dtype
    return MetaTensor.made(input._value.shape, dtype, input._value.steps)


def _changed(func, input, *args, **kwargs):
    if input.requires_grad and input.is_leaf and grad_enabled():
        raise RuntimeError(hinted(
            "a leaf Variable that requires grad is being used in an in-place operation.",
            "write it in a block `with torch.no_grad():`.",
        ))  # fmt: skip
    input._value.version += 1
    return input


def _read(func, input, src, *args, **kwargs):
    """x.copy_(y), where there are numbers on one side at most."""
    if not isinstance(input, MetaTensor):
        _not_copied()
    input._value.version += 1
    return input


def _not_copied(*args, **kwargs):
    raise NotImplementedError(hinted(Meta.without, INSTEAD))


MetaTensor.rules = {"copy": _not_copied}


def _new(func, input, *args, **kwargs):
    place = kwargs.get("device")
    if place is not None and device(place).type != "meta":
        return func(input._value.inner, *args, **kwargs)
    return making.made_by(func, (input, *args), kwargs)


def _filled_like(func, input, *args, **kwargs):
    place = kwargs.get("device")
    if place is not None and device(place).type != "meta":
        return func(input._value.inner, *args, **kwargs)
    return MetaTensor.made(input._value.shape, kwargs.get("dtype") or input._value.inner.dtype)


_OWN = (
    "stride is_contiguous clone detach to requires_grad_ data_ptr item tolist cpu numpy"
).split()
_MOVING = (
    "view reshape flatten ravel transpose swapaxes swapdims t permute movedim unsqueeze squeeze "
    "select narrow expand expand_as chunk split unbind __getitem__ getitem view_or_type "
    "select_axis unflatten"
).split()
_TYPED = "double float half bfloat16 long int short char byte bool".split()
_FORM = (
    "size dim numel nelement __len__ is_floating_point is_complex is_signed element_size "
    "is_same_size"
).split()
_CHANGED = "fill_ zero_ normal_ uniform_ trunc_normal_ bernoulli_ exponential_".split()
_LIKE = "zeros_like ones_like empty_like full_like rand_like randn_like".split()

MetaTensor.handlers = (
    dict.fromkeys(_OWN, _own) | dict.fromkeys(_FORM, _of_form)
    | dict.fromkeys(_CHANGED, _changed) | dict.fromkeys(_LIKE, _filled_like)
    | dict.fromkeys(_MOVING, _moved) | dict.fromkeys(_TYPED, _typed)
    | dict.fromkeys("new_zeros new_ones new_empty new_full new_tensor".split(), _new)
    | {"copy_": _read, "contiguous": _moved}
)  # fmt: skip
