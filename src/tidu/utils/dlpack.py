"""torch.utils.dlpack: memory shared with other libraries."""

from .. import ops

__all__ = ["from_dlpack", "to_dlpack"]


class _Capsule:
    """What a capsule lacks to be asked for its memory."""

    def __init__(self, capsule):
        self.capsule = capsule

    def __dlpack__(self, **options):
        return self.capsule

    def __dlpack_device__(self):
        return 1, 0  # memory of the CPU


def from_dlpack(ext_tensor):
    """A tensor on the memory of another library's array, or of a capsule (which is used up)."""
    bare = type(ext_tensor).__name__ == "PyCapsule"
    return ops.from_dlpack(_Capsule(ext_tensor) if bare else ext_tensor)


def to_dlpack(tensor):
    """A capsule for one other library to take the tensor's memory from; see `from_dlpack`.

    >>> import tidu as torch
    >>> from_dlpack(to_dlpack(torch.arange(2)))
    tensor([0, 1])
    """
    try:  # the newer form, which does not make the memory read-only
        return tensor.__dlpack__(max_version=(1, 0))
    except TypeError:
        return tensor.__dlpack__()
