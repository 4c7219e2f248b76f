"""Tensor.storage(): the memory a tensor looks into, as one row of elements (or of bytes)."""

import numpy as np

from .core.handle import concrete, element_type
from .core.versions import owner
from .dtypes import from_numpy_dtype

__all__ = ["Storage", "storage", "untyped_storage"]


class Storage:
    """A row of elements in memory, shared with the tensors that look into it."""

    def __init__(self, array):
        self._array = array

    dtype = property(lambda self: from_numpy_dtype(self._array.dtype))

    def data_ptr(self):
        """The address of the first element."""
        return self._array.__array_interface__["data"][0]

    def size(self):
        return self._array.size

    __len__ = size

    def nbytes(self):
        return self._array.nbytes

    def element_size(self):
        return self._array.itemsize

    def tolist(self):
        return self._array.tolist()

    def __getitem__(self, index):
        return self._array[index].item() if isinstance(index, int) else Storage(self._array[index])

    def __setitem__(self, index, value):
        self._array[index] = value

    def __eq__(self, other):
        return isinstance(other, Storage) and self.data_ptr() == other.data_ptr()

    def __hash__(self):
        return self.data_ptr()

    def untyped(self):
        """The same memory as bytes."""
        return Storage(self._array.view(np.uint8))

    def __repr__(self):
        lines = "".join(f" {value}\n" for value in self.tolist())
        kind = f"dtype={self.dtype}, device=cpu"
        return f"{lines}[torch.storage.TypedStorage({kind}) of size {len(self)}]"


def storage(self):
    """All elements of the memory that the tensor looks into, in the order they lie there."""
    self._array()
    whole = owner(concrete(self, "numpy"))
    flat = whole if whole.flags.c_contiguous else whole.T
    return Storage(flat.reshape(-1).view(element_type(self)))


def untyped_storage(self):
    """The same as bytes."""
    return storage(self).untyped()
