"""Packages that ask which library a tensor is of, told of tidu when they are imported.

einops keeps a list of libraries by the name of their module. Under `tidu run` it finds `torch`;
after `import tidu as torch` it needs an entry of its own, which it gets when it is loaded.
"""

import sys
from importlib.machinery import PathFinder

__all__ = ["watch_for_neighbours"]

_PACKAGE = __name__.partition(".")[0]
_WATCHED = "einops._backends"


def watch_for_neighbours():
    """Register with einops, now or as soon as it is imported."""
    if _WATCHED in sys.modules:
        _register(sys.modules[_WATCHED])
    else:
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds the watched module where it is, with a loader that registers afterwards."""

    def find_spec(self, name, path=None, target=None):
        if name != _WATCHED:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module):
                load(module)
                _register(module)

            spec.loader.exec_module = exec_module
        return spec

    def invalidate_caches(self):
        """Nothing is cached here."""


def _register(backends):
    """A backend as that of torch, whose torch is tidu."""
    torch_backend = getattr(backends, "TorchBackend", None)
    if torch_backend is None:
        return

    class TiduBackend(torch_backend):
        framework_name = _PACKAGE

        def __init__(self):
            self.torch = sys.modules[_PACKAGE]

    backends._tidu = TiduBackend  # einops finds it among the subclasses of its own
