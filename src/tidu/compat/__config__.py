"""torch.__config__: what this library stands on."""

import platform

from .backends.cpu import get_cpu_capability
from .base.lazy import lazy_module
from .frontend.inquiries import get_num_threads
from .frontend.settings import get_num_interop_threads
from .version import release, torch_version

__all__ = ["parallel_info", "show"]

_metadata = lazy_module("importlib.metadata")


def show():
    """Versions and the processor's vectors, as text.

    >>> import tidu as torch
    >>> "NumPy" in torch.__config__.show()
    True
    """
    lines = [f"tidu {release}, with the public API of PyTorch {torch_version}, on:"]
    lines.append(f"  - Python {platform.python_version()}")
    for name, package in (("NumPy", "numpy"), ("SciPy", "scipy"), ("LLVM by llvmlite", "llvmlite")):
        lines.append(f"  - {name} {_version(package)}")
    lines.append(f"  - CPU capability usage: {get_cpu_capability()}")
    return "\n".join(lines) + "\n"


def _version(package):
    try:
        return _metadata.version(package)
    except _metadata.PackageNotFoundError:
        return "is not installed"


def parallel_info():
    """How many threads compute, as text."""
    return (
        f"ATen/Parallel:\n\tat::get_num_threads() : {get_num_threads()}\n"
        f"\tat::get_num_interop_threads() : {get_num_interop_threads()}\n"
    )
