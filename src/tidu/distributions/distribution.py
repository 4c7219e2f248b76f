"""Distribution: what all have in common: shapes, checks, sample and log_prob. Read the class."""

import functools
import numbers

from .. import ops
from ..autograd import enable_grad, no_grad
from ..base.dtypes import default_dtype, finfo
from ..base.naming import Named
from ..base.size import Size
from ..core.handle import TensorBase
from . import constraints

__all__ = [
    "Distribution", "clamp_probs", "fits", "lazy_property", "library_class", "logits_to_probs",
    "probs_to_logits", "standard_normal", "summed", "together",
]  # fmt: skip


_PACKAGE = __name__.partition(".")[0] + "."


class Distribution(Named):
    """A probability distribution over events, in a batch.

    `batch_shape` is the shape of the parameters, `event_shape` that of one draw; a sample has
    sample_shape + batch_shape + event_shape.
    """

    has_rsample = has_enumerate_support = False
    arg_constraints = {}
    _validate_args = True
    _shown: tuple | None = None  # names of parameters in the text, where these are not all

    @staticmethod
    def set_default_validate_args(value):
        """Whether parameters and values are checked unless told otherwise."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape=(), event_shape=(), validate_args=None):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self):
        for name, constraint in self.arg_constraints.items():
            given = self.__dict__.get(name)
            if constraints.is_dependent(constraint) or not isinstance(given, TensorBase):
                continue
            if not bool(constraint.check(given).all()):
                raise ValueError(
                    f"Expected parameter {name} ({type(given).__name__} of shape "
                    f"{tuple(given.shape)}) of distribution {self!r} to satisfy the constraint "
                    f"{constraint!r}, but found invalid values:\n{given}"
                )

    batch_shape = property(lambda self: self._batch_shape, doc="The shape of the parameters.")
    event_shape = property(lambda self: self._event_shape, doc="The shape of one draw.")

    @property
    def support(self):
        """The constraint that samples satisfy."""
        raise NotImplementedError

    mean = variance = property(lambda self: _missing())

    @property
    def mode(self):
        """Where the density is largest."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def stddev(self):
        return self.variance.sqrt()

    def sample(self, sample_shape=()):
        """Draws, without gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        """Draws through which gradients of the parameters flow."""
        raise NotImplementedError

    def sample_n(self, n):
        return self.sample((n,))

    def log_prob(self, value):
        """The logarithm of the density, or of the probability, at `value`."""
        raise NotImplementedError

    def cdf(self, value):
        raise NotImplementedError

    def icdf(self, value):
        raise NotImplementedError

    def entropy(self):
        raise NotImplementedError

    def enumerate_support(self, expand=True):
        raise NotImplementedError

    def perplexity(self):
        return self.entropy().exp()

    def expand(self, batch_shape, _instance=None):
        """The same distribution with its parameters expanded to `batch_shape`."""
        batch_shape = Size(batch_shape)
        new = self._get_checked_instance(library_class(type(self)), _instance)
        for name, value in self.__dict__.items():
            own = isinstance(value, TensorBase) and name not in ("_batch_shape", "_event_shape")
            new.__dict__[name] = self._expanded(name, value, batch_shape) if own else value
        new._batch_shape = batch_shape
        return new

    def _get_checked_instance(self, cls, _instance=None):
        """The object that `expand` of `cls` fills: `_instance`, or an empty one of its own class.

        Raises:
            NotImplementedError: the class has an `__init__` of its own, which would be passed by.
        """
        if _instance is not None:
            return _instance
        kind = type(self)
        if kind.__init__ is not cls.__init__:
            raise NotImplementedError(
                f"Subclass {kind.__name__} of {cls.__name__} that defines a custom __init__ method "
                "must also define a custom .expand() method."
            )
        return object.__new__(kind)

    def _expanded(self, name, value, batch_shape):
        """A parameter's own last axes stay: those of its constraint."""
        names = self.arg_constraints if name == "_param" else (name,)
        own = max([getattr(self.arg_constraints.get(n), "event_dim", 0) for n in names])
        tail = value.shape[value.dim() - own :] if own else ()
        return value.expand((*batch_shape, *tail))

    def _extended_shape(self, sample_shape=()):
        return Size((*tuple(sample_shape), *self._batch_shape, *self._event_shape))

    def _validate_sample(self, value):
        if not isinstance(value, TensorBase):
            raise ValueError("The value argument to log_prob must be a Tensor")
        event = len(self._event_shape)
        if event and tuple(value.shape[value.dim() - event :]) != tuple(self._event_shape):
            raise ValueError(
                "The right-most size of value must match event_shape: "
                f"{value.shape} vs {self._event_shape}."
            )
        actual = tuple(value.shape[: value.dim() - event])
        for i, j in zip(reversed(actual), reversed(self._batch_shape), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs "
                    f"{Size((*self._batch_shape, *self._event_shape))}."
                )
        try:
            support = self.support
        except NotImplementedError:
            return
        if not bool(support.check(value).all()):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) "
                f"to be within the support ({support!r}) of the distribution {self!r}, but "
                f"found invalid values:\n{value}"
            )

    def __repr__(self):
        shown = self.__dict__ if self._shown is None else self._shown
        names = [n for n in self.arg_constraints if n in shown]
        parts = [
            f"{n}: {self.__dict__[n] if self.__dict__[n].numel() == 1 else self.__dict__[n].size()}"
            for n in names
        ]
        return f"{type(self).__name__}({', '.join(parts)})"


def _missing():
    raise NotImplementedError


class lazy_property:
    """An attribute computed when first read and kept."""

    def __init__(self, wrapped):
        self.wrapped = wrapped
        functools.update_wrapper(self, wrapped)

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        with enable_grad():  # it is kept: a first reading inside no_grad must not lose gradients
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def library_class(kind):
    """The nearest class of this package."""
    return next(c for c in kind.__mro__ if c.__module__.startswith(("torch.", _PACKAGE)))


def together(*values):
    """The values as tensors of one shape and type."""
    if not all(isinstance(v, (TensorBase, numbers.Number)) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing "
            "__torch_function__."
        )
    like = next((v for v in values if isinstance(v, TensorBase)), None)
    dtype = like.dtype if like is not None else default_dtype()
    tensors = [v if isinstance(v, TensorBase) else ops.tensor(v, dtype=dtype) for v in values]
    shape, first = None, tensors[0]
    for tensor in tensors[1:]:
        if tensor.shape != first.shape:
            first = first.detach() * tensor.detach()  # refuses what does not fit
            shape = first.shape
    return [t if shape is None else t.expand(shape) for t in tensors]


def summed(value, axes):
    """The sum over the last `axes` axes."""
    return value.sum(tuple(range(-axes, 0))) if axes else value


def fits(distribution, value):
    """Check a value if the distribution checks its arguments."""
    if distribution._validate_args:
        distribution._validate_sample(value)


def standard_normal(shape, dtype):
    return ops.normal(ops.zeros(shape, dtype=dtype), ops.ones(shape, dtype=dtype))


def clamp_probs(probs):
    """Probabilities away from 0 and 1 by the type's smallest step."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits, is_binary=False):
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def probs_to_logits(probs, is_binary=False):
    clamped = clamp_probs(probs)
    return clamped.log() - (-clamped).log1p() if is_binary else clamped.log()
