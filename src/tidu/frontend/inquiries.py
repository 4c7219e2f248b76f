"""Questions about tensors and types, and the process-wide defaults."""

from ..base.devices import CPU, ENTERED, require_cpu
from ..base.devices import device as Device
from ..base.dtypes import OF_NUMPY, default_dtype, of_python, require_dtype, set_default_dtype
from ..base.dtypes import can_cast as _castable
from ..base.frames import warn_once
from ..base.lazy import lazy_module
from ..core.blocks import THREADS
from ..core.handle import TensorBase, concrete, element_type
from ..core.modes import setting
from ..core.retries import asked, asks
from ..ops.convert import require_tensor
from .storages import TypedStorage
from .tensor_methods import type_named

__all__ = [
    "can_cast", "get_default_device", "get_default_dtype", "get_num_threads", "is_complex",
    "is_floating_point", "is_nonzero", "is_storage", "is_tensor", "numel", "set_default_device",
    "set_default_dtype", "set_default_tensor_type", "set_flush_denormal", "set_num_threads",
]  # fmt: skip

floats = lazy_module(f"{__name__.partition('.')[0]}.base.floats")


def is_tensor(obj):
    """Whether `obj` is a tensor."""
    return isinstance(obj, TensorBase)


def is_storage(obj):
    """Whether `obj` is the memory of a tensor, as `Tensor.untyped_storage()` gives it."""
    return isinstance(obj, TypedStorage)


def is_floating_point(input):
    """Whether the elements are floating-point numbers."""
    try:
        require_tensor("is_floating_point", input)
        return OF_NUMPY[element_type(input)].is_floating_point
    except Exception:
        if not asks(input):
            raise
    return is_floating_point(input)


def is_complex(input):
    """Whether the elements are complex numbers."""
    try:
        return OF_NUMPY[element_type(input)].is_complex
    except Exception:
        if not asks(input):
            raise
    return is_complex(input)


@asked
def is_nonzero(input):
    """Whether the one element of `input` is not zero."""
    value = concrete(require_tensor("is_nonzero", input))
    if value.size != 1:
        raise RuntimeError(
            "Boolean value of Tensor with "
            + ("no values" if value.size == 0 else "more than one value")
            + " is ambiguous"
        )
    return bool(value)


def numel(input):
    """The number of elements."""
    try:
        return require_tensor("numel", input).numel()
    except Exception:
        if not asks(input):
            raise
    return numel(input)


def can_cast(from_, to):
    """Whether PyTorch's promotion lets `from_` become `to` in a result."""
    from_, to = of_python(from_), of_python(to)
    require_dtype("can_cast", "from_", 1, from_)
    require_dtype("can_cast", "to", 2, to)
    return _castable(from_, to)


def get_default_dtype():
    """The type of new floating-point tensors."""
    return default_dtype()


def set_default_tensor_type(t):
    """The default type by tensor class or name: torch.DoubleTensor, 'torch.FloatTensor'."""
    warn_once(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use "
        "torch.set_default_dtype() and torch.set_default_device() as alternatives."
    )
    set_default_dtype(type_named(t) if isinstance(t, str) else t.dtype)


def get_default_device():
    """Where tensors are made: the CPU, or "meta" in a block `with torch.device("meta"):`."""
    return Device("meta") if ENTERED else CPU


def set_default_device(device):
    """Only the CPU can be chosen."""
    require_cpu(device)


def get_num_threads():
    """How many threads large operations may use."""
    return setting(THREADS, "count")


def set_num_threads(n):
    """Let large operations use at most `n` threads.

    Generated code keeps the threads it has started: for one it computes alone, for more it may use
    all of those. The number of threads of NumPy's own products is NumPy's matter.
    """
    if not isinstance(n, int) or n <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    THREADS.limit(n)


def set_flush_denormal(mode):
    """Let this thread, and those it starts, take denormal numbers for zero, or not; whether that
    was done: this machine's processor and C library must be known.

    >>> import tidu as torch
    >>> torch.set_flush_denormal(False) in (True, False)
    True
    """
    if mode.__class__ is not bool:
        raise RuntimeError(f"flush_denormal expects a bool, but got {type(mode).__name__}")
    return floats.flush_denormals(mode)
