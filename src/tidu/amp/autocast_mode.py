"""autocast: a context that keeps its flags and changes no type, and says so."""

import functools
import threading
import warnings

from ..devices import device
from ..dtypes import bfloat16, float16

__all__ = [
    "autocast", "custom_bwd", "custom_fwd", "get_autocast_dtype", "is_autocast_available",
    "is_autocast_cache_enabled", "is_autocast_cpu_enabled", "is_autocast_enabled",
    "set_autocast_cache_enabled", "set_autocast_dtype", "set_autocast_enabled",
]  # fmt: skip


class _State(threading.local):
    enabled = frozenset()
    cache = True


_STATE = _State()
_DTYPES = {"cuda": float16, "mps": float16, "xpu": float16, "cpu": bfloat16}
_SAID = set()


class autocast:
    """`with torch.autocast("cpu"):` runs as written, in the types tensors have.

    On a GPU PyTorch computes some operations here in half precision. tidu computes in the given
    types, which is never less exact; the first use on the CPU says so.
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = self.device_type = device(device_type).type
        self.fast_dtype = _DTYPES.get(self.device, float16) if dtype is None else dtype
        if enabled and self.device == "cuda":
            warnings.warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=3
            )
            enabled = False
        self._enabled = enabled and self.device == "cpu"

    def __enter__(self):
        if self._enabled and "cpu" not in _SAID:
            _SAID.add("cpu")
            warnings.warn(
                "autocast on the CPU changes no types here: tidu computes in the precision that "
                "tensors have.", stacklevel=2,
            )  # fmt: skip
        self.was = _STATE.enabled
        others = _STATE.enabled - {self.device}
        _STATE.enabled = others | {self.device} if self._enabled else others
        return self

    def __exit__(self, *exc):
        _STATE.enabled = self.was
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
    return device_type in _STATE.enabled


def is_autocast_cpu_enabled():
    return is_autocast_enabled("cpu")


def set_autocast_enabled(device_type, enabled=None):
    """Switch the flag: set_autocast_enabled("cpu", True)."""
    if enabled is None:
        device_type, enabled = "cuda", device_type
    rest = _STATE.enabled - {device_type}
    _STATE.enabled = rest | {device_type} if enabled else rest


def get_autocast_dtype(device_type):
    """The type autocast would choose for a kind of device."""
    return _DTYPES[device_type]


def set_autocast_dtype(device_type, dtype):
    _DTYPES[device_type] = dtype


def is_autocast_cache_enabled():
    return _STATE.cache


def set_autocast_cache_enabled(enabled):
    _STATE.cache = enabled


def custom_fwd(fwd=None, *, device_type="cuda", cast_inputs=None):
    """For the forward of an autograd.Function; types stay as they are."""
    return functools.partial(custom_fwd, device_type=device_type) if fwd is None else fwd


def custom_bwd(bwd=None, *, device_type="cuda"):
    """For the backward of an autograd.Function; types stay as they are."""
    return functools.partial(custom_bwd, device_type=device_type) if bwd is None else bwd
