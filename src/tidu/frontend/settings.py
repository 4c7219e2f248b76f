"""Switches of the whole process: determinism, precision of products, warnings, names of types."""

import os
import warnings

from ..base.frames import warn_always
from ..core.handle import TensorBase
from ..core.modes import setting
from ..ops.flags import require_bool

__all__ = [
    "are_deterministic_algorithms_enabled", "compiled_with_cxx11_abi",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision", "get_num_interop_threads",
    "is_deterministic_algorithms_warn_only_enabled", "is_warn_always_enabled",
    "set_deterministic_debug_mode", "set_float32_matmul_precision", "set_num_interop_threads",
    "set_warn_always", "typename", "use_deterministic_algorithms",
]  # fmt: skip


# What PyTorch was built with: solvers and Fourier transforms are SciPy's here.
has_lapack = has_spectral = True
has_mkl = has_openmp = False


_STATE = {"deterministic": False, "warn_only": False, "precision": "highest", "interop": None}


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Ask for results that do not change from run to run; here they never do."""
    require_bool("_set_deterministic_algorithms", 1, mode=mode)
    require_bool("_set_deterministic_algorithms", warn_only=warn_only)
    _STATE["deterministic"], _STATE["warn_only"] = mode, warn_only


def are_deterministic_algorithms_enabled():
    """What `use_deterministic_algorithms` was told last."""
    return setting(_STATE, "deterministic")


def is_deterministic_algorithms_warn_only_enabled():
    return setting(_STATE, "warn_only")


def set_deterministic_debug_mode(debug_mode):
    """0 or 'default', 1 or 'warn', 2 or 'error'."""
    names = {"default": 0, "warn": 1, "error": 2}
    mode = names.get(debug_mode, debug_mode)
    if mode not in (0, 1, 2):
        raise RuntimeError(
            "invalid value of debug_mode, expected `default`, `warn`, `error`, but got "
            f"{debug_mode}"
            if isinstance(debug_mode, str)
            else f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}"
        )
    use_deterministic_algorithms(mode > 0, warn_only=mode == 1)


def get_deterministic_debug_mode():
    if not setting(_STATE, "deterministic"):
        return 0
    return 1 if setting(_STATE, "warn_only") else 2


def set_float32_matmul_precision(precision):
    """'highest', 'high' or 'medium'; products on the CPU are always in full precision."""
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current call to "
            "set_float32_matmul_precision has no effect.",
            stacklevel=2,
        )
        return
    _STATE["precision"] = precision


def get_float32_matmul_precision():
    return setting(_STATE, "precision")


def set_warn_always(b):
    """Whether warnings that come once should always come."""
    warn_always(b)


def is_warn_always_enabled():
    return warn_always()


def get_num_interop_threads():
    """How many operations may run at once; they run one after another."""
    return setting(_STATE, "interop") or len(os.sched_getaffinity(0))


def set_num_interop_threads(n):
    if not isinstance(n, int) or n <= 0:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _STATE["interop"] = n


def typename(obj, /):
    """The full name of the type of `obj`: 'torch.FloatTensor' for a tensor.

    >>> import tidu as torch
    >>> torch.typename(torch.ones(1))
    'torch.FloatTensor'
    """
    if isinstance(obj, TensorBase):
        return obj.type()
    kind = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(kind, "__module__", "") or ""
    if module in ("", "builtins", "__builtin__"):
        return kind.__qualname__
    public = "torch" + module[4:] if module.partition(".")[0] == "tidu" else module
    return f"{public}.{kind.__qualname__}"


def compiled_with_cxx11_abi():
    return True
