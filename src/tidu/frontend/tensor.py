"""Tensor: the class users see. Its parts: what a tensor is (here), what it is as Python's numbers
(`numbers.py`), and its methods (`tensor_methods.py`), which are the functions of `ops`. Read the
operators, then `backward`."""

import sys
import warnings
import weakref
from collections import OrderedDict
from functools import lru_cache

import numpy as np

from .. import ops
from ..autograd import engine, leaves
from ..autograd.engine import refuse_inside
from ..autograd.faces import gradient_edge, output_number
from ..autograd.removable import RemovableHandle
from ..base.constants import strided
from ..base.devices import CPU, require_cpu
from ..base.dtypes import DEFAULT, FLOAT8, OF_NUMPY, from_numpy_dtype
from ..base.errors import DETACHED_VIEW, NON_LEAF_GRAD, TRANSFORMED, hinted
from ..base.lazy import TORCH, lazy_module
from ..base.size import Size, make_size
from ..base.suggestions import suggest
from ..core.handle import (
    LEAF,
    TensorBase,
    Unresolved,
    concrete,
    element_type,
    extra_of,
    is_inference,
    lying,
    note_shared,
    note_view,
    settle,
    wrap,
)
from ..core.modes import LOCAL, grad_enabled
from ..core.node import Node, ends_here, hooks_of
from ..core.versions import note_foreign, version
from ..ops.convert import named, scalar_name, type_of
from ..ops.flags import require_bool
from ..ops.from_data import array_from
from ..ops.operators import invert, matmul, operator, power, reflected, rmatmul
from ..ops.shapes import view_as
from ..transforms.mutation import written
from .late_methods import LateMethods
from .numbers import ToNumbers
from .tensor_methods import TensorMethods

__all__ = ["Tensor"]

_ROOT = __name__.partition(".")[0]
overrides = lazy_module(f"{_ROOT}.overrides")
text = lazy_module(f"{_ROOT}.frontend.text")  # loaded by the first `print`


class Tensor(TensorMethods, LateMethods, ToNumbers, TensorBase):
    """A multi-dimensional array whose operations can be differentiated.

    >>> import tidu as torch
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = ()
    __array_priority__ = 1000
    __module__ = TORCH

    def __new__(cls, *args, device=None, dtype=None):
        require_cpu(device)
        value = _legacy_value(args)
        return of_class(cls, wrap(value))

    def __init__(self, *args, **kwargs):
        pass

    def __init_subclass__(cls):
        plain = getattr(cls.__torch_function__, "plain_results", False)
        if not plain or f"{_ROOT}.overrides" in sys.modules:
            overrides.subclassed(cls)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        """What subclasses override to see the calls; here: results are of the subclass too."""
        return overrides.default(cls, func, types, args, kwargs)

    @staticmethod
    def _make_subclass(cls, data, require_grad=False):
        """The memory of `data` as an instance of a subclass, a leaf of its own."""
        made = of_class(cls, wrap(data._array()))
        made._node = LEAF if require_grad else None
        return made

    def as_subclass(self, cls):
        """The same memory as an instance of `cls`; gradients pass through."""
        if not isinstance(cls, type) or not issubclass(cls, TensorBase):
            raise TypeError(hinted(
                "Creating a Tensor subclass from a class that does not inherit from Tensor is not "
                "possible. Make sure your class inherits from Tensor.",
                "write class T(torch.Tensor).",
            ))  # fmt: skip
        if self._node is None:
            return of_class(cls, self)
        view = named(view_as(self, self), "AliasBackward0")
        made = of_class(cls, view)
        made._view = view._view
        if made._view is not None:
            note_view(made._view.base, made)
        return made

    # --- what it is ---

    @property
    def shape(self):
        return make_size(Size, self._value.shape)

    @property
    def dtype(self):
        return OF_NUMPY[element_type(self)]

    device = property(lambda self: CPU, doc="Where the tensor lives: always the CPU.")
    layout = property(lambda self: strided)
    ndim = property(lambda self: len(self._value.shape), doc="The number of axes.")
    is_cuda = is_sparse = is_mps = is_quantized = is_meta = is_xpu = property(lambda self: False)
    is_nested = is_sparse_csr = is_cuda
    is_cpu = property(lambda self: True)
    itemsize = property(lambda self: element_type(self).itemsize)
    nbytes = property(lambda self: self.numel() * element_type(self).itemsize)

    @property
    def requires_grad(self):
        handle = self
        while handle._node is None:
            value = handle._value
            if value.dtype is not None or not hasattr(value, "tensor"):
                view = handle._view  # of a view made in no_grad only the base has a history
                return view is not None and view.base._node is not None
            handle = value.tensor
        return True

    @requires_grad.setter
    def requires_grad(self, flag):
        self.requires_grad_(flag)

    def requires_grad_(self, requires_grad=True):
        """Whether backward should collect a gradient here; leaves only."""
        require_bool("requires_grad_", 1, requires_grad=requires_grad)
        if not self.is_leaf:
            if not requires_grad:
                raise RuntimeError(
                    hinted(
                        "you can only change requires_grad flags of leaf variables. If you want to "
                        "use a computed variable in a subgraph that doesn't require "
                        "differentiation use var_no_grad = var.detach().",
                        "this tensor was computed from others.",
                    )
                )
            return self
        if requires_grad:
            refuse_inside(self, TRANSFORMED)
            if element_type(self).kind not in "fcVW":
                raise RuntimeError(
                    hinted(
                        "only Tensors of floating point dtype can require gradients",
                        f"this one is {self.dtype}; write x.float().requires_grad_().",
                    )
                )
            if self._extra is not None and self._extra.inference and not LOCAL.inference:
                raise RuntimeError(
                    "Setting requires_grad=True on inference tensor outside InferenceMode is not "
                    "allowed."
                )
        self._node = LEAF if requires_grad else leaves.as_its_base(self)
        leaves.tell_views(self)
        return self

    @property
    def is_leaf(self):
        node = self._node
        return node is None or node is LEAF or ends_here(node)

    @property
    def grad_fn(self):
        return None if self.is_leaf else gradient_edge(self).node

    @property
    def grad(self):
        settle(self)
        if self._grad is None and not self.is_leaf and not self.retains_grad:
            warnings.warn(NON_LEAF_GRAD, UserWarning, stacklevel=2)
        return self._grad

    @grad.setter
    def grad(self, value):
        settle(self)
        if value is not None:
            leaves.check_grad(self, value)
        self._grad = value

    @grad.deleter
    def grad(self):
        self.grad = None

    @property
    def output_nr(self):
        """Which output of its `grad_fn` this is."""
        return output_number(self._node) if self._node.__class__ is Node else 0

    @property
    def retains_grad(self):
        return self._extra is not None and self._extra.retains

    def retain_grad(self):
        """Keep the gradient of this computed tensor too; on a leaf it changes nothing."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self.is_leaf or self.retains_grad:
            return
        hooks_of(self._node).retained[id(self)] = weakref.ref(self)
        extra_of(self).retains = True

    backward = engine.tensor_backward

    def register_hook(self, hook):
        """hook(grad) -> None or a new gradient, whenever this tensor's gradient is computed."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self.is_leaf:
            extra = extra_of(self)
            if extra.hooks is None:
                extra.hooks = OrderedDict()
            hooks = extra.hooks
        else:
            hooks = hooks_of(self._node).tensor
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        return handle

    def register_post_accumulate_grad_hook(self, hook):
        """hook(tensor) after its gradient was added to `.grad`; leaves only."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )
        extra = extra_of(self)
        if extra.after_hooks is None:
            extra.after_hooks = OrderedDict()
        handle = RemovableHandle(extra.after_hooks)
        extra.after_hooks[handle.id] = hook
        return handle

    # --- the same memory, other handles ---

    def detach_(self):
        if self._view is not None:
            raise RuntimeError(DETACHED_VIEW)
        self._node = None
        return self

    @property
    def data(self):
        value = settle(self)
        out = wrap(value if value.__class__ is np.ndarray else self._array())
        extra_of(out).untracked = True
        if value.dtype is None or LOCAL.tracer is not None:
            note_shared(self, out)
        return out

    @data.setter
    def data(self, other):
        if not isinstance(other, TensorBase):
            raise TypeError(f"Variable data has to be a tensor, but got {type(other).__name__}")
        settle(self), settle(other)
        if LOCAL.tracer is not None and other._value is not self._value:
            LOCAL.tracer.refuse("it gives a tensor other memory through .data")
        if self._node is LEAF and element_type(other).kind not in "fcVW":
            raise RuntimeError(
                "data set to a tensor that requires gradients must be floating point or complex "
                "dtype"
            )
        self._value = other._value

    @property
    def _base(self):
        if LOCAL.tracer is not None:
            LOCAL.tracer.asks_for_base(self)
        return None if self._view is None else self._view.base

    def _is_view(self):
        return self._base is not None

    @property
    def _version(self):
        if is_inference(self):
            raise RuntimeError("Inference tensors do not track version counter.")
        return version(lying(self._value))

    def _mutated(self):
        """Note that the memory was written directly (by an optimizer, say)."""
        written(self)

    def numpy(self, *, force=False):
        """The elements as an ndarray that shares this tensor's memory."""
        require_bool("numpy", force=force)
        if self.requires_grad and not force and grad_enabled():
            raise RuntimeError(
                hinted(
                    "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                    "instead.",
                    "NumPy cannot record what it does, so gradients would be lost.",
                )
            )
        value = self._array()
        if value.dtype is None:
            value = concrete(self, "item" if force else "numpy")
        if value.dtype.kind in "VW" or type_of(self) in FLOAT8:
            raise TypeError(
                hinted(
                    f"Got unsupported ScalarType {scalar_name(type_of(self))}",
                    "NumPy has no such type: write tensor.float().numpy().",
                )
            )
        return note_foreign(value)

    def __array__(self, dtype=None, copy=None):
        value = self.numpy()
        if dtype is not None and value.dtype != dtype:
            return value.astype(dtype)
        return value.copy(order="K") if copy else value

    def __array_wrap__(self, array, context=None, return_scalar=False):
        array = np.asarray(array)
        # PyTorch's, from the time before it had a type for truth values.
        return wrap(array.astype(np.uint8) if array.dtype == np.bool_ else array)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        if self._value.__class__ is Unresolved:
            bit = "conjugate" if self.is_conj() else "negative"
            raise BufferError(
                hinted(
                    f"Can't export tensors with the {bit} bit set",
                    "resolve_conj() and resolve_neg() compute the elements.",
                )
            )
        options = {} if max_version is None else {"max_version": max_version, "copy": copy}
        return note_foreign(self._array()).__dlpack__(**options)

    def __dlpack_device__(self):
        return (1, 0)

    # --- as a container ---

    def __len__(self):
        shape = self._value.shape
        if not shape:
            raise TypeError("len() of a 0-d tensor")
        return shape[0]

    def __iter__(self):
        if not self._value.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __reversed__(self):
        """The tensor with its first axis turned round."""
        return self.flip(0) if self._value.shape else self

    def __contains__(self, element):
        if isinstance(element, (TensorBase, int, float, complex, bool)):
            return bool((element == self).any())
        raise RuntimeError(
            "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
            f"{type(element)}."
        )

    def __format__(self, spec):
        if not self._value.shape and type(self) is Tensor and self._value.dtype is not None:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __repr__(self, *, tensor_contents=None):
        return text.text_of(self)

    def __hash__(self):
        return id(self)

    def __getattr__(self, name):
        raise AttributeError(_no_attribute(type(self), name), name=name, obj=self)

    def __copy__(self):
        """Another tensor with the same memory, and a leaf: copy.copy copies nothing but that."""
        value = self._value
        if value.dtype is None and value.__class__ is not Unresolved:  # of a transform
            return self.clone()
        made = of_class(type(self), self.detach()).requires_grad_(self.requires_grad)
        for key, value in self.__dict__.items():
            made.__dict__[key] = value
        return made

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise RuntimeError(
                hinted(
                    "Only Tensors created explicitly by the user (graph leaves) support the "
                    "deepcopy protocol at the moment.  If you were attempting to deepcopy a "
                    "module, this may be because of a torch.nn.utils.weight_norm usage, see "
                    "https://github.com/pytorch/pytorch/pull/103001",
                    "copy.deepcopy(x.detach()) copies the values.",
                )
            )
        value = self._value
        of_transform = value.dtype is None and value.__class__ is not Unresolved
        memory = self.detach().clone() if of_transform else wrap(self._array().copy())
        copied = of_class(type(self), memory)
        copied._node = self._node
        memo[id(self)] = copied
        if self._grad is not None:
            copied._grad = self._grad.__deepcopy__(memo)
        for key, value in self.__dict__.items():
            copied.__dict__[key] = value
        return copied

    def __reduce_ex__(self, protocol):
        state = dict(self.__dict__.items())
        # The public class is named after torch, where a pickle would look for it in vain.
        cls = None if type(self) is Tensor else type(self)
        value, bits = self._value, ()
        if value.__class__ is Unresolved:
            bits = value.conj, value.neg
        array = np.array(lying(value) if bits else concrete(self))
        return _rebuilt, (cls, array, self._node is not None, state, *bits)

    # --- operators ---

    __add__ = __radd__ = operator(ops.arithmetic.add_tensors)
    __sub__ = operator(ops.arithmetic.sub_tensors)
    __rsub__ = operator(ops.arithmetic.subtracted_from)
    __mul__ = __rmul__ = operator(ops.mul)
    __truediv__ = operator(ops.true_divide)
    __rdiv__ = __rtruediv__ = reflected(lambda x, y: ops.reciprocal(y) * x)
    __pow__ = power
    __rpow__ = reflected(ops.pow, "PowBackward2")
    __matmul__, __rmatmul__ = matmul, rmatmul
    __floordiv__ = operator(ops.floor_divide)
    __rfloordiv__ = reflected(ops.floor_divide)
    __mod__ = operator(ops.remainder)
    __rmod__ = reflected(ops.remainder)
    __neg__ = ops.neg
    __pos__ = ops.positive
    __abs__ = ops.abs
    __invert__ = invert
    __and__, __rand__ = operator(ops.bitwise_and), operator(ops.bitwise_and)
    __or__, __ror__ = operator(ops.bitwise_or), operator(ops.bitwise_or)
    __xor__, __rxor__ = operator(ops.bitwise_xor), operator(ops.bitwise_xor)
    __lshift__ = operator(ops.bitwise_left_shift)
    __rshift__ = operator(ops.bitwise_right_shift)
    __rlshift__ = reflected(ops.bitwise_left_shift)
    __rrshift__ = reflected(ops.bitwise_right_shift)
    __lt__, __le__, __gt__, __ge__ = map(operator, (ops.lt, ops.le, ops.gt, ops.ge))
    __eq__, __ne__ = operator(ops.eq), operator(ops.ne)
    __getitem__ = ops.getitem

    def __setitem__(self, index, value):
        ops.setitem(self, index, value)


for _name in ("and or xor lshift rshift rlshift rrshift floordiv rfloordiv rsub rdiv rpow rmod "
              "rmatmul invert getitem eq iand ior ixor ilshift irshift").split():  # fmt: skip
    # Handlers of `__torch_function__` know these operators by no other name.
    getattr(Tensor, f"__{_name}__").__name__ = f"__{_name}__"
TensorBase.handle_class = Tensor


def of_class(cls, tensor):
    """The same value as a new instance of a class."""
    handle = object.__new__(cls)
    handle._value, handle._node = tensor._value, tensor._node
    handle._grad = handle._view = handle._extra = None
    return handle


def _legacy_value(args):
    """torch.Tensor(2, 3), torch.Tensor([1, 2]), torch.Tensor()."""
    if not args:
        return np.empty(0, DEFAULT.numpy)
    first = args[0]
    if len(args) == 1:
        if isinstance(first, Size):
            return np.empty(tuple(first), DEFAULT.numpy)
        if isinstance(first, TensorBase):
            return first._value
        if not isinstance(first, int):
            return np.asarray(array_from(first, DEFAULT.dtype))
    if all(isinstance(n, (int, np.integer)) for n in args):
        return np.empty(args, DEFAULT.numpy)
    raise TypeError(
        f"new() received an invalid combination of arguments - got "
        f"({', '.join([type(a).__name__ for a in args])}), but expected sizes or one sequence of "
        "data"
    )


def _rebuilt(cls, array, requires_grad, state, conj=False, neg=False):
    from_numpy_dtype(array.dtype)
    value = Unresolved(array, conj, neg) if conj or neg else array
    tensor = of_class(Tensor if cls is None else cls, wrap(value))
    tensor._node = LEAF if requires_grad else None
    tensor.__dict__.update(state)
    return tensor


@lru_cache(256)
def _no_attribute(kind, name):
    """The refusal of an attribute; programs ask for absent ones often, NumPy on each conversion."""
    message = f"'{kind.__name__}' object has no attribute '{name}'"
    names = [n for n in dir(kind) if not n.startswith("_")]
    near = None if name.startswith("_") else suggest(name, names)
    return hinted(message, f"did you mean '{near}'?") if near else message
