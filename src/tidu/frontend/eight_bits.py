"""What PyTorch's functions say of floats of 8 bits, where the primitives below would do the work.

`core/kept.py` speaks for primitives, by the kernel of the same work. A function that PyTorch has a
kernel of its own for, and that is a composition here, is named in `_REFUSED`. Nothing is on the way
of a call until a program meets such a type: then `switch_on` has calls of these intercepted.
"""

from ..base.dtypes import FLOAT8, refuse_kept
from ..base.dtypes import bool as bool_
from ..core.handle import TensorBase
from .calls import Interceptor, intercept

__all__ = ["switch_on"]

_TYPES = frozenset(FLOAT8)


def _along(of_axis, whole):
    """The kernel that works along an axis, or on the whole tensor."""
    return lambda args, kwargs: of_axis if len(args) > 1 or "dim" in kwargs else whole


def _bounds(args, kwargs):
    """clamp with a lower bound alone."""
    given = list(args[1:]) + [None] * (3 - len(args))
    low, high = kwargs.get("min", given[0]), kwargs.get("max", given[1])
    if isinstance(low, TensorBase) or isinstance(high, TensorBase):
        return None
    return ("clamp_scalar_cpu" if low is not None and high is not None
            else "clamp_min_scalar_cpu" if high is None else "clamp_max_scalar_cpu")  # fmt: skip


def _division(args, kwargs):
    numbers = not all(isinstance(a, TensorBase) for a in args[:2])
    return "div_floor_cpu_reduced_float" if numbers else "div_floor_cpu"


def _write(args, kwargs):
    """x[flags] = number; other writes move what is there."""
    _, index, value = args
    flags = isinstance(index, TensorBase) and index.dtype is bool_
    return None if isinstance(value, TensorBase) or not flags else "masked_fill"


def _product(args, kwargs):
    """Of a vector with a vector or a matrix; whole matrices are multiplied."""
    ranks = [value.dim() for value in (*args, *kwargs.values()) if isinstance(value, TensorBase)]
    return {(1, 1): "dot", (2, 1): "addmv_impl_cpu"}.get(tuple(ranks[:2]))


_REFUSED = {
    "__setitem__": _write,
    "addcmul": "addcmul_cpu_out", "addmv": "addmv_impl_cpu", "addr": "addr_cpu",
    "allclose": "mul_cpu_reduced_float", "aminmax": "aminmax_cpu", "argmin": "argmin_cpu",
    "argwhere": "nonzero_count_cpu", "baddbmm": "baddbmm", "batch_norm": "batch_norm",
    "bernoulli_": "bernoulli_scalar_cpu_", "bucketize": "searchsorted_out_cpu",
    "cauchy_": "cauchy_cpu", "cdist": "cdist", "clamp": _bounds, "clamp_min": _bounds,
    "conv1d": "slow_conv2d_cpu", "conv2d": "slow_conv2d_cpu",
    "count_nonzero": "nonzero_count_cpu", "cummax": "cummax_cpu", "cummin": "cummin_cpu",
    "dot": "dot", "einsum": "bmm", "equal": "equal_notnan_cpu",
    "exponential_": "exponential_cpu", "floor_divide": _division, "frac": "frac_cpu",
    "geometric_": "geometric_cpu", "histc": "aminmax_cpu", "index_add": "index_add_",
    "index_copy": "index_copy_cpu", "index_fill": "index_fill_cpu", "inner": "dot",
    "isclose": "mul_cpu_reduced_float", "isneginf": "isneginf_cpu", "isposinf": "isposinf_cpu",
    "kthvalue": "kthvalue_cpu", "lerp": "lerp_kernel_scalar", "logical_and": "logical_and_cpu",
    "logical_not": "logical_not_cpu", "logical_or": "logical_or_cpu",
    "logical_xor": "logical_xor_cpu", "masked_fill": "masked_fill",
    "masked_scatter": "masked_scatter", "matmul": _product, "max": _along("max_cpu", "max_all"),
    "max_pool1d": "max_pool1d_impl", "min": _along("min_cpu", "min_all"), "mode": "mode_cpu",
    "mse_loss": "mse_cpu", "mv": "addmv_impl_cpu", "nan_to_num": "nan_to_num",
    "nanmean": "nansum_cpu", "nanmedian": "median_cpu", "nansum": "nansum_cpu",
    "nonzero": "nonzero_count_cpu", "random_": "random_kernel_cpu",
    "scatter_add": "scatter_gather_tensor_cpu", "searchsorted": "searchsorted_out_cpu",
    "take": "take_cpu", "topk": "topk_cpu", "trace": "trace", "tril": "tril", "triu": "triu",
    "unique": "unique", "unique_consecutive": "unique", "vdot": "dot",
}  # fmt: skip


class _Refusals(Interceptor):
    """Refuses a listed function, and its form that writes into the tensor, for these types."""

    order = -1

    def wants(self, seen):
        return super().wants(seen) and _kernel(seen.name) is not None

    def around(self, seen, call, /, *args, **kwargs):
        for value in (*args, *kwargs.values()):
            if isinstance(value, TensorBase) and value.dtype in _TYPES:
                kernel = _kernel(seen.name)
                kernel = kernel(args, kwargs) if callable(kernel) else kernel
                if kernel is not None:
                    refuse_kept(value.dtype.numpy, kernel)
                break
        return call(*args, **kwargs)


def _kernel(name):
    return _REFUSED.get(name) or _REFUSED.get(name.removesuffix("_"))


_REFUSALS = _Refusals()
_ON = []  # whether it stands


def switch_on():
    """Let the listed functions look for these types, from now on."""
    if not _ON:
        _ON.append(True)
        intercept(_REFUSALS)
