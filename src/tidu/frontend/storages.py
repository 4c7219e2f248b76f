"""Tensor.storage(): the memory a tensor looks into, as one row of elements (or of bytes)."""

import os

import numpy as np

from ..base import dtypes
from ..base.devices import CPU
from ..base.dtypes import default_dtype, from_numpy_dtype
from ..base.errors import hinted
from ..base.lazy import TORCH, lazy_module
from ..core.handle import TensorBase, Unresolved, concrete, edge_of, element_type, lying, wrap
from ..core.modes import grad_enabled
from ..core.node import placeless
from ..core.versions import clock, owner, stamp
from ..ops.convert import invalid_combination, scalar_name
from ..primitives.structural import in_order
from ..transforms.write_checks import check_writable

__all__ = ["BoolStorage", "ByteStorage", "CharStorage", "DoubleStorage", "FloatStorage",
           "IntStorage", "LongStorage", "ShortStorage", "TypedStorage", "UntypedStorage",
           "from_file", "set_", "storage", "untyped_storage"]  # fmt: skip

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

    def __sizeof__(self):
        return super().__sizeof__() + self.nbytes()

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


def _of_one_type(name, kind):
    def create(cls, *args, wrap_storage=None, dtype=None, device=None, _internal=False):
        if wrap_storage is None and args and isinstance(args[0], TypedStorage):
            raise TypeError(f"Argument type not recognized: {type(args[0])}")
        return TypedStorage(*args, dtype=kind, wrap_storage=wrap_storage)

    members = {"__new__": create, "__module__": TORCH, "dtype": kind,
               "__doc__": f"A row of {kind!r} of a length, or from a list."}  # fmt: skip
    return _OneType(name, (), members)


class _OneType(type):
    """isinstance(s, torch.FloatStorage) asks for a storage of that type."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, TypedStorage) and instance.dtype is cls.dtype


FloatStorage = _of_one_type("FloatStorage", dtypes.float32)
DoubleStorage = _of_one_type("DoubleStorage", dtypes.float64)
LongStorage = _of_one_type("LongStorage", dtypes.int64)
IntStorage = _of_one_type("IntStorage", dtypes.int32)
ShortStorage = _of_one_type("ShortStorage", dtypes.int16)
CharStorage = _of_one_type("CharStorage", dtypes.int8)
ByteStorage = _of_one_type("ByteStorage", dtypes.uint8)
BoolStorage = _of_one_type("BoolStorage", dtypes.bool_)


def from_file(filename, shared=None, size=0, *, dtype=None, layout=None, device=None,
              pin_memory=False):  # fmt: skip
    """A tensor of `size` elements in a file, mapped into memory; `shared`: writes go to the file.

    A shared file that is too short is made as long as it must be. RuntimeError if it cannot be
    opened or, not shared, is too short.

    >>> import tempfile
    >>> import tidu as torch
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     torch.from_file(file.name, shared=True, size=2).fill_(1.0)
    tensor([1., 1.])
    """
    kind = np.dtype((default_dtype() if dtype is None else dtype).numpy)
    nbytes = size * kind.itemsize
    try:
        found = os.path.getsize(filename) if os.path.exists(filename) or not shared else 0
        if shared and found < nbytes:
            with open(filename, "ab") as file:
                file.truncate(nbytes)
        elif found < nbytes:
            raise RuntimeError(
                f"unable to mmap {nbytes} bytes from file <{filename}>: the file has {found} bytes"
            )
        content = UntypedStorage.from_file(filename, bool(shared), nbytes) if nbytes else None
    except OSError as error:
        mode = "read-write" if shared else "read-only"
        raise RuntimeError(
            f"unable to open file <{filename}> in {mode} mode: {error.strerror} ({error.errno})"
        ) from None
    return wrap(np.empty(0, kind) if content is None else content._array.view(kind))


def storage(self):
    """All elements of the memory that the tensor looks into, in the order they lie there."""
    value = self._array()
    if value.__class__ is Unresolved:
        value = value.memory
    whole = owner(value if value.dtype is not None else concrete(self, "numpy"))
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
    elif not isinstance(source, (TypedStorage, UntypedStorage)):
        raise invalid_combination("set_", source)
    else:
        memory = source._array
        if not isinstance(source, UntypedStorage):
            _same_kind(memory.dtype, kind)
        memory = memory.view(kind)
    if size is not None:
        memory = _placed(memory, storage_offset, tuple(size), stride)
    elif storage_offset:
        memory = memory[storage_offset:]
    edges = [edge_of(t) for t in (self, source) if isinstance(t, TensorBase)]
    value = self._value
    if value.__class__ is Unresolved:
        memory = Unresolved(lying(memory), value.conj, value.neg)
    self._value, self._view = memory, None
    stamp(lying(memory))
    if grad_enabled() and any(edge is not None for edge in edges):
        # The new values are no function of the old ones: a gradient to those would be wrong.
        self._node = placeless(clock(), _Unknown, tuple(edges), (None,) * (len(edges) + 2), {})
    return self


class _Unknown:
    """Stands where a node has its primitive: `set_`, which has no derivative."""

    name, torch_name, inputs, keeps = "set_", "NotImplemented", (), False
    rules = pullback = conjugated = tex = lower = batch = shape = None
    kind, is_view, differentiable, nondiff_outputs = "general", False, True, ()

    @staticmethod
    def backward(g, saved, params, edges):
        raise RuntimeError(hinted(
            "derivative for aten::set_ is not implemented",
            "set_ under torch.no_grad(), or on a detached tensor.",
        ))  # fmt: skip


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
