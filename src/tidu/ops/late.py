"""Functions of this folder that are loaded when first asked for, so that `import tidu` stays quick.

They can be read from `ops` as all others: its `__getattr__` is made here.
"""

from importlib.machinery import PathFinder
from os.path import dirname

from ..base.lazy import at_home, late, lazy_module
from ..core.retries import REMEDIES

__all__ = ["HOMES", "TORCH", "__getattr__"]

_PACKAGE = __name__.rpartition(".")[0]
_FOLDER = [dirname(__file__)]
_namespaces = lazy_module(f"{_PACKAGE}.namespaces")
_failed_calls = lazy_module(f"{_PACKAGE}.failed_calls")
REMEDIES.open(lambda *call: _failed_calls.remedies(*call))

# Functions that torch itself has, and those which nn.functional or linalg give out.
_OF_TORCH = {
    ".convolution": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
    ".decompositions": "cholesky_inverse cholesky_solve",
    ".matrices_by_old_names": "cholesky qr svd",
    ".matrix_functions": "logdet matrix_exp",
    ".padding": "pixel_shuffle pixel_unshuffle",
    ".adaptive_pooling": "adaptive_avg_pool1d adaptive_max_pool1d",
    ".pooling": "avg_pool1d max_pool1d max_pool2d max_pool3d",
    ".random": (
        "bernoulli multinomial normal poisson rand rand_like randint randint_like randn randn_like "
        "randperm"
    ),
}
_OF_OTHERS = {
    ".convolution": "fold unfold",
    ".decompositions": "pinv",
    ".matrix_functions": "det inv slogdet",
    ".padding": "pad",
    ".adaptive_pooling": (
        "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d"
    ),
    ".pooling": "avg_pool2d avg_pool3d lp_pool1d lp_pool2d lp_pool3d",
    ".unpooling": "max_unpool1d max_unpool2d max_unpool3d",
    ".resizing": "affine_grid grid_sample interpolate",
}


# Functions of torch itself, and all of them: name -> ".module:name there".
TORCH = at_home(_OF_TORCH)
HOMES = TORCH | at_home(_OF_OTHERS)


def _namespace(name):
    """Any namespace of torch.ops can be asked for."""
    # `from . import fourier` asks here first; refused, it goes on to the file of that name.
    if name.startswith("_") or PathFinder.find_spec(name, _FOLDER) is not None:
        raise AttributeError(f"module 'torch.ops' has no attribute '{name}'")
    return _namespaces.Namespace(name)


__getattr__ = late(_PACKAGE, HOMES, otherwise=_namespace)
