"""torch.utils.collect_env: what a report of a problem should say of the machine."""

import platform
import sys
from importlib import metadata

from ..version import __version__

__all__ = ["get_env_info", "get_pretty_env_info", "main"]

_PACKAGES = ("numpy", "scipy", "ml_dtypes", "llvmlite", "scipy-openblas64")


def get_env_info():
    """Names and values: versions of Python, the system and the packages used."""
    found = {
        "tidu version": __version__,
        "Python version": sys.version.replace("\n", " "),
        "Python platform": platform.platform(),
        "CUDA available": "False",
        "CPU": platform.processor() or platform.machine(),
    }
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def get_pretty_env_info():
    """The same as lines of text."""
    return "\n".join(f"{name}: {value}" for name, value in get_env_info().items())


def main():
    """Print it."""
    print(get_pretty_env_info())
