"""Composed: tensors whose elements are those of another tensor, the inner one.

A sparse matrix is places and an inner tensor of values; a masked tensor a mask and an inner tensor
of data; a nested one offsets and an inner tensor of all rows. What is said of gradients is said of
the inner tensor: it is the leaf, its gradient is shown in the form of the whole, and what is
computed from it stands on the tape.
"""
# mypy: disable-error-code="assignment, override, unused-ignore"

from .base.errors import hinted
from .base.lazy import lazy_module
from .core.handle import TensorBase, element_type
from .core.levels import Reading
from .frontend.tensor import Tensor

__all__ = ["BINARY", "CONVERTED", "UNARY", "Composed", "Content", "by_name", "inner_of",
           "of_parameter", "plain_results"]  # fmt: skip

overrides = lazy_module(f"{__name__.rpartition('.')[0]}.overrides")  # it switches the asking on


def plain_results(cls, func, types, args=(), kwargs=None):
    """A `__torch_function__`: what is computed with such a tensor is a plain tensor."""
    return func(*args, **(kwargs or {}))


plain_results.plain_results = True  # type: ignore[attr-defined]  # so no call is held up to ask


def by_name(cls, func, types, args=(), kwargs=None):
    """A `__torch_function__`: what the class has in `handlers` under the function's name, or of an
    operator under that of the function it stands for."""
    name = _STANDS_FOR.get(func.__name__, func.__name__)
    handler = cls.handlers.get(name)
    if handler is None:
        raise cls._missing(name)
    with overrides.DisableTorchFunctionSubclass():
        return handler(func, *args, **(kwargs or {}))


_STANDS_FOR = {
    "__and__": "bitwise_and", "__or__": "bitwise_or", "__xor__": "bitwise_xor",
    "__invert__": "bitwise_not", "__lshift__": "bitwise_left_shift",
    "__rshift__": "bitwise_right_shift", "__floordiv__": "floor_divide",
    "__rfloordiv__": "floor_divide", "__rsub__": "rsub", "__rpow__": "pow", "__rmod__": "remainder",
    "__rmatmul__": "matmul", "__getitem__": "getitem",
}  # fmt: skip


class Meeting(Reading):
    """The level of all composed tensors: takes every primitive that meets one, before any transform
    does, and asks the tensor's class (`Composed._computed`)."""

    depth = 1 << 60
    alive = by_hand = False

    def process(self, prim, args, params):
        values = [a._value for a in args if isinstance(a, TensorBase)]
        content = next(value for value in values if isinstance(value, Content))
        result = content.kind._computed(prim, args, params)
        if result is NotImplemented:
            raise content.kind._missing(prim.name, prim, content)
        return result


class Content:
    """The value of a composed tensor: its inner tensor, and the shape of the whole."""

    __slots__ = ("inner", "shape")
    dtype = None
    level = Meeting()
    kind: type  # the class of tensors with such a value
    without = "Cannot access data pointer of Tensor that doesn't have storage"
    instead = "its elements are those of another tensor."

    def __init__(self, inner, shape):
        self.inner, self.shape = inner, tuple(shape)

    element_type = property(lambda self: element_type(self.inner))

    def concrete(self, use):
        raise RuntimeError(hinted(self.without, self.instead))


class Composed(Tensor):
    """A tensor whose `_value` is a `content`, a Content of its own.

    Primitives come to `rules`, by themselves, by name or by kind: rule(prim, *args, **params). A
    class that says `__torch_function__ = classmethod(by_name)` sees torch's functions before that,
    in `handlers`: handler(func, *args, **kwargs). What is not there is refused as `_missing` says.
    `_like` says what has the same form with another inner tensor.
    """

    __slots__ = ()
    content: type
    handlers: dict = {}
    rules: dict = {}
    __torch_function__ = classmethod(plain_results)
    is_leaf = property(lambda self: self._value.inner.is_leaf)
    grad_fn = property(lambda self: self._value.inner.grad_fn)
    retains_grad = property(lambda self: self._value.inner.retains_grad)

    @classmethod
    def _of(cls, content):
        made = object.__new__(cls)
        made._value = content
        made._node = made._grad = made._view = made._extra = None
        return made

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "content" in vars(cls):
            cls.content.kind = cls

    @classmethod
    def _computed(cls, prim, args, params):
        """What a primitive makes of such a tensor, or NotImplemented."""
        rule = cls.rules.get(prim) or cls.rules.get(prim.name) or cls.rules.get(prim.kind)
        return NotImplemented if rule is None else rule(prim, *args, **params)

    @staticmethod
    def _missing(name, prim=None, content=None):
        """The error for a function that there is not, or for a primitive that met `content`."""
        return NotImplementedError(name)

    def _like(self, inner):
        raise NotImplementedError

    def _array(self):
        self._value.concrete("numpy")

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = self.clone().detach().requires_grad_(self.requires_grad)
        return memo[id(self)]

    @property
    def requires_grad(self):
        return self._value.inner.requires_grad

    @requires_grad.setter
    def requires_grad(self, flag):
        self._value.inner.requires_grad_(flag)

    def requires_grad_(self, requires_grad=True):
        self._value.inner.requires_grad_(requires_grad)
        return self

    @property
    def grad(self):
        grad = self._value.inner.grad
        return None if grad is None else self._like(grad)

    @grad.setter
    def grad(self, value):
        self._value.inner.grad = None if value is None else inner_of(value)

    def retain_grad(self):
        """Keep the gradient of this computed tensor, too."""
        self._value.inner.retain_grad()

    def register_hook(self, hook):
        """hook(grad) -> None or a new gradient, as of other tensors."""

        def of_inner(grad):
            other = hook(self._like(grad))
            return None if other is None else inner_of(other)

        return self._value.inner.register_hook(of_inner)

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """As Tensor.backward, with a gradient of this tensor's form."""
        gradient = None if gradient is None else inner_of(gradient)
        self._value.inner.backward(gradient, retain_graph, create_graph, inputs)

    def detach(self):
        return self._like(self._value.inner.detach())

    @property
    def data(self):
        return self.detach()

    @data.setter
    def data(self, other):
        if type(other) is not type(self):
            raise RuntimeError(hinted(
                "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have "
                "incompatible tensor type.",
                f"this one is a {type(self).__name__}, the other a {type(other).__name__}.",
            ))  # fmt: skip
        self._value = other.detach().requires_grad_(self.requires_grad)._value

    def to(self, *args, **kwargs):
        return self._like(self._value.inner.to(*args, **kwargs))


def of_parameter(tensor):
    """How the text of a tensor that is a parameter begins."""
    return "Parameter containing:\n" if "_is_param" in tensor.__dict__ else ""


def inner_of(tensor):
    """The inner tensor of a composed one; other tensors as they are."""
    return tensor._value.inner if isinstance(tensor, Composed) else tensor


# Functions of elements, by the names that `__torch_function__` sees; those that change the type.
UNARY = (
    "abs absolute acos acosh angle arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan "
    "atanh bitwise_not ceil clamp clamp_max clamp_min clip conj_physical cos cosh deg2rad digamma "
    "erf erfc erfinv exp exp2 expm1 fix floor frac i0 isfinite isinf isnan lgamma log log10 log1p "
    "log2 logit nan_to_num neg negative positive rad2deg reciprocal round rsqrt sgn sigmoid sign "
    "signbit sin sinc sinh sqrt square tan tanh trunc"
).split()
BINARY = (
    "add arctan2 atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor "
    "div divide eq floor_divide fmax fmin fmod ge greater greater_equal gt le less less_equal "
    "logaddexp logaddexp2 lt maximum minimum mul multiply ne nextafter not_equal pow remainder sub "
    "subtract true_divide __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __rsub__ __rtruediv__ __rpow__ "
    "__floordiv__ __rfloordiv__ __rmod__ __pow__ __mod__ rsub rtruediv rpow rfloordiv rmod"
).split()
CONVERTED = "to type float double half bfloat16 int long short bool char byte cpu".split()
