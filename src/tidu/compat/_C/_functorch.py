"""torch._C._functorch: whether a tensor stands for a batch; the rest is PyTorch's own."""

from ..base.refusals import refused_functions
from ..transforms.batch import Batched

__all__ = ["_add_batch_dim", "_remove_batch_dim", "get_unwrapped", "is_batchedtensor"]

_add_batch_dim, _remove_batch_dim, get_unwrapped = refused_functions(
    "_C._functorch", "_add_batch_dim _remove_batch_dim get_unwrapped",
    "torch.vmap puts the batch in and takes it out.",
)  # fmt: skip


def is_batchedtensor(tensor):
    """Whether a tensor stands for all examples of a batch, under vmap."""
    return isinstance(tensor._value, Batched)
