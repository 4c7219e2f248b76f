"""Public names that are loaded when first used, so that `import tidu` stays quick.

`tidu/__init__.py` takes `__getattr__` and `__dir__` from here: one table, one way.
"""

import sys
from importlib import import_module

from .core.native import NATIVE
from .lazy import lazy_module

__all__ = ["LATE", "__dir__", "__getattr__"]

# name -> where it is: a module, or "module:attribute"
LATE = {
    "fft": "fft",
    "linalg": "linalg",
    "special": "special",
    "nn": "nn",
    "optim": "optim",
    "utils": "utils",
    "serialization": "serialization",
    "save": "serialization:save",
    "load": "serialization:load",
    "version": "version",
    "accelerator": "accelerator",
    "amp": "amp",
    "autocast": "amp:autocast",
    "backends": "backends",
    "compile": "compilation:compile",
    "compiler": "compiler",
    "compare": "methods:compare",
    "cuda": "cuda",
    "diagnose": "diagnosis:diagnose",
    "diagnosis": "diagnosis",
    "explain": "explain",
    "graph": "explain:graph",
    "distributed": "distributed",
    "distributions": "distributions",
    "hub": "hub",
    "jit": "jit",
    "methods": "methods",
    "mps": "mps",
    "multiprocessing": "multiprocessing",
    "onnx": "onnx",
    "overrides": "overrides",
    "profiler": "profiler",
    "testing": "testing",
    "trace_nan": "diagnosis:trace_nan",
    "why": "diagnosis:why",
    "xpu": "xpu",
    "get_autocast_dtype": "amp.autocast_mode:get_autocast_dtype",
    "is_autocast_available": "amp.autocast_mode:is_autocast_available",
    "is_autocast_cache_enabled": "amp.autocast_mode:is_autocast_cache_enabled",
    "is_autocast_cpu_enabled": "amp.autocast_mode:is_autocast_cpu_enabled",
    "is_autocast_enabled": "amp.autocast_mode:is_autocast_enabled",
    "set_autocast_cache_enabled": "amp.autocast_mode:set_autocast_cache_enabled",
    "set_autocast_dtype": "amp.autocast_mode:set_autocast_dtype",
    "set_autocast_enabled": "amp.autocast_mode:set_autocast_enabled",
    "are_deterministic_algorithms_enabled": "settings:are_deterministic_algorithms_enabled",
    "compiled_with_cxx11_abi": "settings:compiled_with_cxx11_abi",
    "get_deterministic_debug_mode": "settings:get_deterministic_debug_mode",
    "get_float32_matmul_precision": "settings:get_float32_matmul_precision",
    "get_num_interop_threads": "settings:get_num_interop_threads",
    "is_deterministic_algorithms_warn_only_enabled": (
        "settings:is_deterministic_algorithms_warn_only_enabled"
    ),
    "is_warn_always_enabled": "settings:is_warn_always_enabled",
    "set_deterministic_debug_mode": "settings:set_deterministic_debug_mode",
    "set_float32_matmul_precision": "settings:set_float32_matmul_precision",
    "set_num_interop_threads": "settings:set_num_interop_threads",
    "set_warn_always": "settings:set_warn_always",
    "typename": "settings:typename",
    "use_deterministic_algorithms": "settings:use_deterministic_algorithms",
    "is_anomaly_enabled": "autograd.anomaly_mode:is_anomaly_enabled",
    "is_anomaly_check_nan_enabled": "autograd.anomaly_mode:is_anomaly_check_nan_enabled",
}

_PACKAGE = __name__.rpartition(".")[0]


NATIVE.module = lazy_module(f"{_PACKAGE}.compiler.eager")  # loaded by the first large array


def __getattr__(name):
    """The value of a late name, kept in the package so that it is asked for once."""
    place = LATE.get(name)
    if place is None:
        raise AttributeError(f"module 'torch' has no attribute '{name}'")
    module_name, _, attribute = place.partition(":")
    module = import_module(f"{_PACKAGE}.{module_name}")
    value = getattr(module, attribute) if attribute else module
    setattr(sys.modules[_PACKAGE], name, value)
    return value


def __dir__():
    return sorted({*vars(sys.modules[_PACKAGE]), *LATE})
