"""Public names that are loaded when first used, so that `import tidu` stays quick.

`tidu/__init__.py` takes `__getattr__` and `__dir__` from here: one table, one way.
"""

import sys
from importlib import import_module

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
}

_PACKAGE = __name__.rpartition(".")[0]


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
