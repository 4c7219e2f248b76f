"""Functions of this folder that are loaded when first asked for, so that `import tidu` stays quick.

They can be read from `ops` as all others: its `__getattr__` is `find`.
"""

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from os.path import dirname

from ..lazy import lazy_module

__all__ = ["PLACES", "TORCH", "find"]

_PACKAGE = __name__.rpartition(".")[0]
_FOLDER = [dirname(__file__)]
_namespaces = lazy_module(f"{_PACKAGE}.namespaces")

# Functions that torch itself has, and those which nn.functional or linalg give out.
_OF_TORCH = {
    "convolution": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
    "decompositions": "cholesky_inverse cholesky_solve logdet matrix_exp",
    "padding": "pixel_shuffle pixel_unshuffle",
    "pooling": (
        "adaptive_avg_pool1d adaptive_max_pool1d avg_pool1d max_pool1d max_pool2d max_pool3d"
    ),
    "random": (
        "bernoulli multinomial normal poisson rand rand_like randint randint_like randn randn_like "
        "randperm"
    ),
}
_OF_OTHERS = {
    "convolution": "fold unfold",
    "decompositions": "det inv pinv slogdet",
    "padding": "pad",
    "pooling": (
        "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d "
        "avg_pool2d avg_pool3d lp_pool1d lp_pool2d lp_pool3d max_unpool1d max_unpool2d max_unpool3d"
    ),
    "resizing": "affine_grid grid_sample interpolate",
}


def _places(homes):
    return {name: (home, name) for home, names in homes.items() for name in names.split()}


# name -> (module, name there)
TORCH = _places(_OF_TORCH) | {
    "cholesky": ("decompositions", "_old_cholesky"),
    "qr": ("decompositions", "_old_qr"),
    "svd": ("decompositions", "_old_svd"),
}
PLACES = TORCH | _places(_OF_OTHERS)


def find(name):
    """A function of the table, or a namespace of torch.ops: any can be asked for."""
    if name in PLACES:
        home, own = PLACES[name]
        function = getattr(import_module(f"{_PACKAGE}.{home}"), own)
        setattr(sys.modules[_PACKAGE], name, function)
        return function
    # `from . import fourier` asks here first; refused, it goes on to the file of that name.
    if name.startswith("_") or PathFinder.find_spec(name, _FOLDER) is not None:
        raise AttributeError(f"module 'torch.ops' has no attribute '{name}'")
    return _namespaces.Namespace(name)
