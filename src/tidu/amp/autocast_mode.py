"""autocast: a context in which listed functions compute in bfloat16; see `casting`."""

import functools
import warnings

from ..base.devices import device
from ..base.dtypes import bfloat16, float16
from ..base.frames import user_depth
from ..base.naming import Named
from . import casting
from .state import STATE

__all__ = [
    "autocast", "custom_bwd", "custom_fwd", "get_autocast_dtype", "is_autocast_available",
    "is_autocast_cache_enabled", "is_autocast_cpu_enabled", "is_autocast_enabled",
    "set_autocast_cache_enabled", "set_autocast_dtype", "set_autocast_enabled",
]  # fmt: skip


class autocast(Named):
    """`with torch.autocast("cpu"):` products compute in bfloat16, losses in float32.

    As in PyTorch: the listed functions cast what they are given (float64 excepted), the others
    compute in the types they get. `dtype` may be torch.float16.

    >>> import tidu as torch
    >>> with torch.autocast("cpu"):
    ...     torch.ones(2, 2) @ torch.ones(2, 2)
    tensor([[2., 2.],
            [2., 2.]], dtype=torch.bfloat16)
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = self.device_type = device(device_type).type
        self.fast_dtype = STATE.dtypes.get(self.device, float16) if dtype is None else dtype
        if enabled and self.device == "cuda":
            warnings.warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.",
                stacklevel=user_depth(),
            )
            enabled = False
        if enabled and self.device == "cpu" and self.fast_dtype not in (bfloat16, float16):
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtype of torch.bfloat16, torch.float16 currently.",
                stacklevel=user_depth(),
            )
            enabled = False
        self._enabled = enabled and self.device == "cpu"
        self._was = []

    def __enter__(self):
        if self._enabled:
            casting.switch_on()
        self._was.append((STATE.enabled, STATE.dtypes.get(self.device)))
        others = STATE.enabled - {self.device}
        STATE.enabled = others | {self.device} if self._enabled else others
        STATE.dtypes[self.device] = self.fast_dtype
        return self

    def __exit__(self, *exc):
        STATE.enabled, STATE.dtypes[self.device] = self._was.pop()
        return False

    def __call__(self, func):
        @functools.wraps(func)
        def wrapped(*args, **kwargs):
            with self:
                return func(*args, **kwargs)

        return wrapped


def is_autocast_available(device_type):
    """Whether autocast can be entered for a kind of device."""
    return device(device_type).type in ("cpu", "cuda", "xpu", "mps")


def is_autocast_enabled(device_type="cuda"):
    """Whether the code runs inside an enabled autocast."""
    return device_type in STATE.enabled


def is_autocast_cpu_enabled():
    return is_autocast_enabled("cpu")


def set_autocast_enabled(device_type, enabled=None):
    """Switch the flag: set_autocast_enabled("cpu", True)."""
    if enabled is None:
        device_type, enabled = "cuda", device_type
    if enabled and device_type == "cpu":
        casting.switch_on()
    rest = STATE.enabled - {device_type}
    STATE.enabled = rest | {device_type} if enabled else rest


def get_autocast_dtype(device_type):
    """The type autocast would choose for a kind of device."""
    return STATE.dtypes[device_type]


def set_autocast_dtype(device_type, dtype):
    STATE.dtypes[device_type] = dtype


def is_autocast_cache_enabled():
    return STATE.cache


def set_autocast_cache_enabled(enabled):
    STATE.cache = enabled


def custom_fwd(fwd=None, *, device_type="cuda", cast_inputs=None):
    """For the forward of an autograd.Function: inside autocast its inputs are cast to `cast_inputs`
    and it runs without autocast; without `cast_inputs` it runs as the code around it."""
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(ctx, *args, **kwargs):
        active = is_autocast_enabled(device_type)
        ctx._dtype, ctx._fwd_used_autocast = STATE.dtypes.get(device_type), active
        if cast_inputs is None or not active:
            return fwd(ctx, *args, **kwargs)
        ctx._fwd_used_autocast = False
        args = [casting.cast(value, cast_inputs) for value in args]
        kwargs = {name: casting.cast(value, cast_inputs) for name, value in kwargs.items()}
        with autocast(device_type, enabled=False):
            return fwd(ctx, *args, **kwargs)

    return forward


def custom_bwd(bwd=None, *, device_type="cuda"):
    """For the backward of an autograd.Function: it runs with autocast as its forward did."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(ctx, *args, **kwargs):
        if device_type == "cuda":
            return bwd(ctx, *args, **kwargs)
        with autocast(device_type, dtype=ctx._dtype, enabled=ctx._fwd_used_autocast):
            return bwd(ctx, *args, **kwargs)

    return backward
