"""torch.functional: the functions that PyTorch keeps in this module, under their second name."""

from .base.lazy import lazy_module, unknown

_TORCH = lazy_module(__name__.partition(".")[0])
_NAMES = frozenset(
    "atleast_1d atleast_2d atleast_3d block_diag broadcast_shapes broadcast_tensors cartesian_prod "
    "cdist chain_matmul einsum lu meshgrid norm split stft tensordot unique unique_consecutive "
    "unravel_index".split()
)


def __getattr__(name):
    if name not in _NAMES:
        raise unknown(__name__, name)
    return getattr(_TORCH, name)


def __dir__():
    return sorted(_NAMES)
