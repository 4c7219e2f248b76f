"""Parameter and Buffer: the tensors a module owns, and their forms whose shape is not known yet."""

from collections import OrderedDict

from .. import ops
from ..base.errors import hinted
from ..base.lazy import Place
from ..composed import plain_results
from ..core.handle import element_type, note_shared
from ..frontend.tensor import Tensor

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "factory_kwargs",
           "is_lazy"]  # fmt: skip


def _as(cls, data, requires_grad):
    """A leaf of class `cls` that shares memory with `data`."""
    result = object.__new__(cls)
    given, data = data, data.detach()
    for name in ("_value", "_node", "_grad", "_view", "_extra"):
        setattr(result, name, getattr(data, name))
    if data._value.dtype is None:
        note_shared(given, result)
    if requires_grad and element_type(data).kind not in "fcV":
        raise RuntimeError(hinted(
            "Only Tensors of floating point and complex dtype can require gradients",
            f"this one is {data.dtype}; write Parameter(x.float()), or requires_grad=False.",
        ))  # fmt: skip
    return result.requires_grad_(requires_grad)


class _KindOfParameter(type(Tensor)):  # type: ignore[misc]
    """A tensor subclass marked `_is_param` counts as a parameter, as in PyTorch."""

    def __instancecheck__(cls, instance):
        if type.__instancecheck__(cls, instance):
            return True
        return (
            cls is Parameter and isinstance(instance, Tensor) and "_is_param" in instance.__dict__
        )


class Parameter(Tensor, metaclass=_KindOfParameter):
    """A tensor that a module registers as its own when it is assigned as an attribute.

    It shares memory with ``data`` and requires a gradient unless told otherwise.

    >>> import tidu as torch
    >>> torch.nn.Parameter(torch.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __module__ = Place("torch.nn.parameter", __name__)
    __torch_function__ = classmethod(plain_results)

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = ops.empty(0)
        if requires_grad and isinstance(data, Tensor):
            if not (data.is_floating_point() or data.is_complex()):
                raise RuntimeError(
                    hinted(
                        "Only Tensors of floating point and complex dtype can require gradients",
                        "write Parameter(data.float()), or Parameter(data, requires_grad=False).",
                    )
                )
        if type(data) is Tensor or type(data) is Parameter:
            if requires_grad and data.is_inference():
                data.requires_grad_()  # which says why not
            return _as(cls, data, requires_grad)
        if not isinstance(data, Tensor):
            raise AttributeError(
                hinted(
                    f"'{type(data).__name__}' object has no attribute 'detach'",
                    "make a tensor of it first: Parameter(torch.tensor(data)).",
                )
            )
        result = data.detach().requires_grad_(requires_grad)
        if type(result) is not type(data):
            return _as(cls, data, requires_grad)
        result._is_param = True
        return result

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        result = type(self)(self.data.clone(), self.requires_grad)
        memo[id(self)] = result
        return result

    def __repr__(self, *, tensor_contents=None):
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol):
        state = _extra_state(self)
        return _rebuild_parameter, (self.data, self.requires_grad, OrderedDict(), state)


def _extra_state(tensor):
    """Attributes a user hung on the tensor, or None."""
    return dict(tensor.__dict__) or None


def _rebuild_parameter(data, requires_grad, hooks=None, state=None):
    result = Parameter(data, requires_grad)
    if state:
        result.__dict__.update(state)
    return result


class _KindOfBuffer(type(Tensor)):  # type: ignore[misc]
    def __instancecheck__(cls, instance):
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Buffer and isinstance(instance, Tensor) and "_is_buffer" in instance.__dict__


class Buffer(Tensor, metaclass=_KindOfBuffer):
    """A tensor that a module registers as a buffer when it is assigned as an attribute.

    >>> import tidu as torch
    >>> module = torch.nn.Module()
    >>> module.mean = torch.nn.Buffer(torch.zeros(1))
    >>> [name for name, _ in module.named_buffers()]
    ['mean']
    """

    __module__ = Place("torch.nn.parameter", __name__)
    __torch_function__ = classmethod(plain_results)

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = ops.empty(0)
        result = data.detach().requires_grad_(data.requires_grad)
        result._is_buffer = True
        result.persistent = persistent
        return result


class _Uninitialized:
    """What a parameter without a shape answers to everything that would need its numbers."""

    _ready = frozenset(
        ["is_leaf", "requires_grad", "device", "dtype", "materialize", "grad", "is_floating_point",
         "is_complex", "data", "cls_to_become", "detach", "requires_grad_", "to", "cpu"]
    )  # fmt: skip

    def materialize(self, shape, device=None, dtype=None):
        """Become an ordinary parameter (or buffer) of this shape, with undefined numbers."""
        keep = self.requires_grad
        fresh = ops.empty(*shape, dtype=self.dtype if dtype is None else dtype)
        self.__class__ = self.cls_to_become
        self.data = fresh
        self.requires_grad_(keep)

    @property
    def shape(self):
        raise RuntimeError(
            hinted(
                "Can't access the shape of an uninitialized parameter or buffer. "
                "This error usually happens in `load_state_dict` when trying to load an "
                "uninitialized parameter into an initialized one. Call `forward` to initialize "
                "the parameters before accessing their attributes.",
                "run one batch through the model first: a lazy layer learns its sizes from it.",
            )
        )

    size = numel = __len__ = property(lambda self: self.shape)

    def share_memory_(self):
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. "
            "Call `forward` to initialize the parameters before calling `module.share_memory()`."
        )

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        result = memo[id(self)] = type(self)(self.requires_grad, None, self.dtype)
        return result

    def __reduce_ex__(self, protocol):
        return type(self), (self.requires_grad, None, self.dtype)

    def __repr__(self):
        return f"<{type(self).__name__}>"


def _needs_numbers(name):
    def refused(self, *args):
        raise ValueError(
            hinted(
                f"Attempted to use an uninitialized parameter in {name}. This error happens when "
                "you are using a `LazyModule` or explicitly manipulating "
                f"`torch.nn.parameter.{type(self).__name__}` objects.",
                "run one batch through the model first: a lazy layer learns its sizes from it.",
            )
        )

    return refused


for _name in ("add radd sub rsub mul rmul truediv rtruediv matmul rmatmul pow rpow neg getitem "
              "setitem iadd isub imul itruediv abs float int bool").split():  # fmt: skip
    setattr(_Uninitialized, f"__{_name}__", _needs_numbers(_name))


class UninitializedParameter(_Uninitialized, Parameter):  # type: ignore[misc]
    """A parameter whose shape the first batch will tell; see `torch.nn.LazyLinear`.

    >>> import tidu as torch
    >>> torch.nn.LazyLinear(3).weight
    <UninitializedParameter>
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        return _as(cls, ops.empty(0, dtype=dtype), requires_grad)


class UninitializedBuffer(_Uninitialized, Tensor):  # type: ignore[misc]
    """A buffer whose shape the first batch will tell."""

    cls_to_become = Tensor

    __torch_function__ = classmethod(plain_results)

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        result = _as(cls, ops.empty(0, dtype=dtype), requires_grad)
        result.persistent = persistent
        result._is_buffer = True
        return result


def is_lazy(tensor):
    """Whether the tensor is still without a shape."""
    return isinstance(tensor, _Uninitialized)


def factory_kwargs(kwargs):
    """Only device, dtype and memory_format of a layer's keywords, for the functions that fill.

    TypeError for other keywords, and for one given twice: also in a dict named factory_kwargs.

    >>> factory_kwargs({"device": "cpu", "factory_kwargs": {"dtype": None}})
    {'dtype': None, 'device': 'cpu'}
    """
    if kwargs is None:
        return {}
    plain = {"device", "dtype", "memory_format"}
    unexpected = set(kwargs) - plain - {"factory_kwargs"}
    if unexpected:
        raise TypeError(f"unexpected kwargs {unexpected}")
    chosen = dict(kwargs.get("factory_kwargs", {}))
    unexpected = set(chosen) - plain
    if unexpected:
        raise TypeError(f"unexpected factory_kwargs {unexpected}")
    for name in plain & set(kwargs):
        if name in chosen:
            raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
        chosen[name] = kwargs[name]
    return chosen
