"""Names of autocast's switches for one kind of device each, as PyTorch had them first."""

import warnings

from .autocast_mode import (
    get_autocast_dtype,
    is_autocast_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
)
from .state import STATE

__all__ = [
    "autocast_decrement_nesting", "autocast_increment_nesting", "clear_autocast_cache",
    "get_autocast_cpu_dtype", "get_autocast_gpu_dtype", "get_autocast_ipu_dtype",
    "get_autocast_xla_dtype", "is_autocast_ipu_enabled", "is_autocast_xla_enabled",
    "set_autocast_cpu_dtype", "set_autocast_cpu_enabled", "set_autocast_gpu_dtype",
    "set_autocast_ipu_dtype", "set_autocast_ipu_enabled", "set_autocast_xla_dtype",
    "set_autocast_xla_enabled",
]  # fmt: skip


def _older(old, function, device, shown):
    def call(*value):
        warnings.warn(
            f"torch.{old}({'' if not value else shown}) is deprecated. Please use "
            f"torch.{function.__name__}('{device}'{', ' + shown if value else ''}) instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        return function(device, *value)

    call.__name__ = call.__qualname__ = old
    call.__doc__ = f"`{function.__name__}('{device}')`, by its older name."
    return call


get_autocast_cpu_dtype = _older("get_autocast_cpu_dtype", get_autocast_dtype, "cpu", "")
get_autocast_gpu_dtype = _older("get_autocast_gpu_dtype", get_autocast_dtype, "cuda", "")
get_autocast_ipu_dtype = _older("get_autocast_ipu_dtype", get_autocast_dtype, "ipu", "")
get_autocast_xla_dtype = _older("get_autocast_xla_dtype", get_autocast_dtype, "xla", "")
set_autocast_cpu_dtype = _older("set_autocast_cpu_dtype", set_autocast_dtype, "cpu", "dtype")
set_autocast_gpu_dtype = _older("set_autocast_gpu_dtype", set_autocast_dtype, "cuda", "dtype")
set_autocast_ipu_dtype = _older("set_autocast_ipu_dtype", set_autocast_dtype, "ipu", "dtype")
set_autocast_xla_dtype = _older("set_autocast_xla_dtype", set_autocast_dtype, "xla", "dtype")
is_autocast_ipu_enabled = _older("is_autocast_ipu_enabled", is_autocast_enabled, "ipu", "")
is_autocast_xla_enabled = _older("is_autocast_xla_enabled", is_autocast_enabled, "xla", "")
set_autocast_cpu_enabled = _older(
    "set_autocast_cpu_enabled", set_autocast_enabled, "cpu", "enabled"
)
set_autocast_ipu_enabled = _older(
    "set_autocast_ipu_enabled", set_autocast_enabled, "ipu", "enabled"
)
set_autocast_xla_enabled = _older(
    "set_autocast_xla_enabled", set_autocast_enabled, "xla", "enabled"
)


def autocast_increment_nesting():
    """One more block of autocast: how many there are."""
    STATE.nesting += 1
    return STATE.nesting


def autocast_decrement_nesting():
    """One block less: how many there are."""
    STATE.nesting -= 1
    return STATE.nesting


def clear_autocast_cache():
    """Casts are not kept, so there is nothing to clear."""
