"""torch.utils.dlpack: memory shared with other libraries."""

from ..ops import from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor):
    """A capsule for one other library to take the tensor's memory from; see `from_dlpack`.

    >>> import tidu as torch
    >>> type(to_dlpack(torch.zeros(2))).__name__
    'PyCapsule'
    """
    return tensor.__dlpack__()
