"""Tensor.storage(): the memory a tensor looks into, as one row of elements (or of bytes)."""

import os

import numpy as np

from .core.handle import TensorBase, concrete, element_type
from .core.versions import owner, stamp
from .devices import CPU
from .dtypes import from_numpy_dtype
from .lazy import lazy_module
from .ops.convert import scalar_name
from .primitives.structural import in_order
from .transforms.mutation import check_writable

__all__ = ["TypedStorage", "UntypedStorage", "set_", "storage", "untyped_storage"]

mmap = lazy_module("mmap")


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


def set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Let the tensor look into other memory: a tensor's, or a storage from an offset (in elements)
    with a size and strides; into none without `source`.

    RuntimeError for another data type, for places outside the storage, and where an in-place
    operation is refused.

    >>> import tidu as torch
    >>> x, y = torch.zeros(2), torch.arange(6.0)
    >>> x.set_(y.untyped_storage(), 1, (2, 2), (2, 1))
    tensor([[1., 2.],
            [3., 4.]])
    """
    check_writable(self)
    kind = element_type(self)
    if source is None:
        memory = np.empty(0, kind)
    elif isinstance(source, TensorBase):
        _same_kind(element_type(source), kind)
        memory = source._array() if size is None else storage(source)._array
    else:
        memory = source._array
        if not isinstance(source, UntypedStorage):
            _same_kind(memory.dtype, kind)
        memory = memory.view(kind)
    if size is not None:
        memory = _placed(memory, storage_offset, tuple(size), stride)
    elif storage_offset:
        memory = memory[storage_offset:]
    self._value, self._view = memory, None
    stamp(memory)
    return self


def _same_kind(have, want):
    if have != want:
        to, of = (scalar_name(from_numpy_dtype(kind)) for kind in (want, have))
        words = {"Long": "long int", "Int": "int", "Short": "short int"}
        raise RuntimeError(
            f"Could not set tensor of type {words.get(of, of.lower())} to a tensor of type "
            f"{words.get(to, to.lower())}"
        )


def _placed(memory, offset, size, stride):
    steps = in_order(size) if stride is None else tuple(stride)
    reach = offset + sum([(n - 1) * step for n, step in zip(size, steps, strict=True)]) + 1
    item = memory.itemsize
    if 0 not in size and (reach > memory.size or offset < 0 or min(steps, default=0) < 0):
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(steps)}, storage offset {offset}, and "
            f"itemsize {item} requiring a storage size of {reach * item} are out of bounds for "
            f"storage of size {memory.size * item}"
        )
    return np.ndarray(size, memory.dtype, memory, offset * item, [step * item for step in steps])
