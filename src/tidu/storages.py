"""Tensor.storage(): the memory a tensor looks into, as one row of elements (or of bytes)."""

import mmap
import os

import numpy as np

from .core.handle import concrete, element_type
from .core.versions import owner
from .devices import CPU
from .dtypes import from_numpy_dtype

__all__ = ["TypedStorage", "UntypedStorage", "storage", "untyped_storage"]


class TypedStorage:
    """A row of elements in memory, shared with the tensors that look into it."""

    def __init__(self, *sizes, dtype=None, device=None, wrap_storage=None):
        given = wrap_storage if wrap_storage is not None else sizes[0] if sizes else 0
        if isinstance(given, np.ndarray):
            self._array = given
        elif isinstance(given, TypedStorage):
            self._array = given._array.view(self._kind(dtype))
        elif isinstance(given, int):
            self._array = np.empty(given, self._kind(dtype))
        else:
            self._array = np.array(given, self._kind(dtype))

    @staticmethod
    def _kind(dtype):
        return np.dtype(np.float32) if dtype is None else dtype.numpy

    dtype = property(lambda self: from_numpy_dtype(self._array.dtype))
    device = property(lambda self: CPU)
    is_cuda = property(lambda self: False)

    @property
    def __array_interface__(self):
        return self._array.__array_interface__

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

    def clone(self):
        """The same elements in memory of their own."""
        return type(self)(wrap_storage=self._array.copy())

    def __getitem__(self, index):
        found = self._array[index]
        return type(self)(wrap_storage=found) if isinstance(index, slice) else found.item()

    def __setitem__(self, index, value):
        self._array[index] = value

    def __eq__(self, other):
        return isinstance(other, TypedStorage) and self.data_ptr() == other.data_ptr()

    def __hash__(self):
        return self.data_ptr()

    def untyped(self):
        """The same memory as bytes."""
        return UntypedStorage(wrap_storage=self._array.view(np.uint8))

    def __repr__(self):
        lines = "".join(f" {value}\n" for value in self.tolist())
        kind = f"dtype={self.dtype}, device=cpu"
        return f"{lines}[torch.storage.{type(self).__name__}({kind}) of size {len(self)}]"


class UntypedStorage(TypedStorage):
    """A row of bytes."""

    filename = None

    @staticmethod
    def _kind(dtype):
        return np.dtype(np.uint8)

    @classmethod
    def from_file(cls, filename, shared=False, nbytes=0):
        """The bytes of a file, read when they are looked at; `shared`: what is written goes to it.

        Without `shared` the file stays as it is, whatever is written.
        """
        size = nbytes or os.path.getsize(filename)
        with open(filename, "r+b" if shared else "rb") as file:
            access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
            content = mmap.mmap(file.fileno(), size, access=access) if size else b""
        made = cls(wrap_storage=np.frombuffer(content, np.uint8))
        made.filename = os.fspath(filename)
        return made


def storage(self):
    """All elements of the memory that the tensor looks into, in the order they lie there."""
    self._array()
    whole = owner(concrete(self, "numpy"))
    flat = whole if whole.flags.c_contiguous else whole.T
    return TypedStorage(wrap_storage=flat.reshape(-1).view(element_type(self)))


def untyped_storage(self):
    """The same as bytes."""
    return storage(self).untyped()
