"""Checkpoints: `save` and `load` in PyTorch's file format, without ever running code of a file."""

from ..base.lazy import late
from .allowed import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .files import load, save, skip_data
from .problems import LoadError

__all__ = [
    "LoadError",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
    "skip_data",
]

DEFAULT_PROTOCOL = 2  # of the pickles in files
MAP_LOCATION = object  # of annotations: None, a device, its name, a dict or a function

__getattr__ = late(__name__, {})
