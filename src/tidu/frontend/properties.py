"""Rarely asked questions about tensors, and the functions for numbers that may be symbols."""

import builtins
import math

from ..core.handle import TensorBase, concrete
from ..ops.convert import require_tensor, type_of

__all__ = [
    "cudnn_is_acceptable", "get_device", "init_num_threads", "is_distributed",
    "is_inference", "is_same_size", "is_signed", "is_vulkan_available",
    "sym_constrain_range", "sym_constrain_range_for_size", "sym_float", "sym_int", "sym_ite",
    "sym_max", "sym_min", "sym_not", "sym_sqrt", "sym_sum", "thread_safe_generator",
]  # fmt: skip


def get_device(input):
    """The number of the GPU a tensor is on; -1, as it is on the CPU."""
    return require_tensor("get_device", input).get_device()


def is_distributed(input):
    """False: a tensor is whole in one process."""
    require_tensor("is_distributed", input)
    return False


def is_inference(input):
    """Whether the tensor was made in `inference_mode`."""
    return require_tensor("is_inference", input).is_inference()


def is_same_size(input, other):
    """Whether two tensors have the same shape."""
    require_tensor("is_same_size", input)
    return input.shape == require_tensor("is_same_size", other).shape


def is_signed(input):
    """Whether the type has negative numbers."""
    return type_of(require_tensor("is_signed", input)).is_signed


def is_vulkan_available():
    return False


def cudnn_is_acceptable(tensor):
    """False: there is no GPU."""
    return False


def init_num_threads():
    """Threads start when they are needed."""


def thread_safe_generator():
    """The generator of a worker that is a thread: None, as workers are processes."""


# Where PyTorch records sizes as symbols these record an expression; sizes are numbers here.


def sym_int(a):
    """The whole number towards zero."""
    return math.floor(a) if a >= 0 else math.ceil(a)


def sym_float(a):
    return a if isinstance(a, float) else float(a)


def sym_not(a):
    """not a; of a tensor, element by element."""
    return a.logical_not() if isinstance(a, TensorBase) else not a


def sym_ite(b, t, f):
    """`t` if `b`, else `f`; b is a bool, and both values of one type."""
    if not isinstance(b, bool) or type(t) is not type(f):
        raise AssertionError("sym_ite takes a bool and two values of one type")
    return t if b else f


def _extreme(function):
    def choose(a, b):
        chosen = function(a, b)
        # Of an int and a float the result is a float, whichever is chosen.
        return float(chosen) if float in (type(a), type(b)) else chosen

    choose.__name__ = choose.__qualname__ = f"sym_{function.__name__}"
    choose.__doc__ = f"{function.__name__}(a, b); a float if one of them is."
    return choose


sym_max, sym_min = _extreme(builtins.max), _extreme(builtins.min)


def sym_sqrt(a):
    return math.sqrt(a)


def sym_sum(args):
    """The sum of a list of numbers."""
    return sum(args)


def sym_constrain_range(size, *, min=None, max=None):
    """That a number lies in a range; RuntimeError otherwise."""
    low, high = -math.inf if min is None else min, math.inf if max is None else max
    value = concrete(size).item() if isinstance(size, TensorBase) else size
    if not low <= value <= high:
        raise RuntimeError(f"Invalid value range for {value} between [{min}, {max}].")


def sym_constrain_range_for_size(size, *, min=None, max=None):
    """The same of a size, which is not negative."""
    sym_constrain_range(size, min=0 if min is None else min, max=max)
