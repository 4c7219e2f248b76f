"""What a checkpoint may name, and what a call of such a name makes: data, and nothing else.

`NAMES` maps (module, name) to a value; `CALLS` maps the values that may be called to the function
that builds the result from checked arguments. The functions PyTorch's files call are built here
anew: nothing is imported on behalf of a file. Read `rebuild_tensor` first.
"""

from __future__ import annotations

import collections

import numpy as np

from ..base import dtypes
from ..base.constants import jagged, sparse_coo, strided
from ..base.devices import device
from ..base.size import Size
from ..frontend.storages import TypedStorage
from . import forms, tensors
from .arrays import LARGEST_RANK, NUMPY_BUILDS, NUMPY_CALLS, as_bytes, bounded, lengths
from .opcodes import checked_key
from .problems import bad_file

_LAYOUTS = {repr(kind): kind for kind in (strided, sparse_coo, *tensors.COMPRESSED, jagged)}

STORAGES = {
    "FloatStorage": dtypes.float32,
    "DoubleStorage": dtypes.float64,
    "HalfStorage": dtypes.float16,
    "BFloat16Storage": dtypes.bfloat16,
    "LongStorage": dtypes.int64,
    "IntStorage": dtypes.int32,
    "ShortStorage": dtypes.int16,
    "CharStorage": dtypes.int8,
    "ByteStorage": dtypes.uint8,
    "BoolStorage": dtypes.bool_,
    "ComplexFloatStorage": dtypes.complex64,
    "ComplexDoubleStorage": dtypes.complex128,
}


class StorageType:
    """Stands for `torch.FloatStorage` and the like; `dtype` None is the untyped one."""

    def __init__(self, name: str, dtype):
        self.name = name
        self.dtype = dtype


class Storage(TypedStorage):
    """Bytes that tensors share, and the type of their elements (None: untyped)."""

    def __init__(self, data: np.ndarray, kind, location: str):
        plain = kind is None or kind.category < 0
        super().__init__(wrap_storage=data.view(np.uint8 if plain else kind.numpy))
        self.data = data
        self.kind = kind
        self.location = location

    def clone(self):
        """The same elements in memory of their own."""
        return TypedStorage(wrap_storage=self._array.copy())


Storage.__name__ = "TypedStorage"  # what it is to those who load one; pickles find it as Storage


# -- tensors ------------------------------------------------------------------------------------


def rebuild_array(storage, offset, size, stride, dtype=None) -> np.ndarray:
    """The array at this place of a storage, after checking that it lies inside."""
    if not isinstance(storage, Storage):
        raise bad_file("a tensor of the file has no storage")
    kind = dtype or storage.kind
    if not isinstance(kind, dtypes.dtype):
        raise bad_file("a tensor of the file has no type")
    if kind.category < 0:
        raise bad_file(
            f"the file holds a tensor of type {kind}, which NumPy has not",
            "save it in another type: x.to(torch.complex64), x.dequantize().",
        )
    if not (lengths(size) and lengths(stride) and len(size) == len(stride)):
        raise bad_file("a tensor of the file has a malformed shape or strides")
    if not lengths((offset,)) or len(size) > LARGEST_RANK:
        raise bad_file("a tensor of the file starts outside its storage")
    item = kind.itemsize
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 in size:
        return np.empty(bounded(size), kind.numpy)
    if (last + 1) * item > storage.data.size:
        raise bad_file(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and "
            f"itemsize {item} requiring a storage size of {(last + 1) * item} are out of bounds "
            f"for storage of size {storage.data.size}"
        )
    bounded(size)
    # Along an axis of length one any step is right; the file's is kept if it is a sane one.
    steps = [step * item if n > 1 or step < 2**48 else item
             for n, step in zip(size, stride, strict=True)]  # fmt: skip
    return np.ndarray(tuple(size), kind.numpy, storage.data, offset * item, steps)


def rebuild_tensor(storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None):
    """`torch._utils._rebuild_tensor_v2`."""
    array = rebuild_array(storage, offset, size, stride)
    if storage.location == "meta":
        return forms.rebuild_meta(storage.kind, size, stride, requires_grad)
    return _read(array, requires_grad, metadata)


def rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype, metadata=None):
    """`torch._utils._rebuild_tensor_v3`: the storage is untyped."""
    array = rebuild_array(storage, offset, size, stride, dtype)
    if storage.location == "meta":
        return forms.rebuild_meta(dtype, size, stride, requires_grad)
    return _read(array, requires_grad, metadata)


def _read(array, requires_grad, metadata):
    """A tensor over this memory, read through the bits that a file says."""
    tensor = tensors.from_array(array, requires_grad is True)
    if isinstance(metadata, dict) and (metadata.get("conj") or metadata.get("neg")):
        conj, neg = bool(metadata.get("conj")), bool(metadata.get("neg"))
        if conj and not tensor.is_complex():
            raise bad_file("a tensor of the file that is not complex is to be conjugated")
        tensors.with_bits(tensor, conj, neg)
    return tensor


def rebuild_parameter(data, requires_grad=True, hooks=None, state=None):
    """`torch._utils._rebuild_parameter` and `_rebuild_parameter_with_state`."""
    parameter = tensors.parameter(_checked_tensor(data), requires_grad is True)
    return _with_attributes(parameter, state)


def rebuild_from_type(function, kind, arguments, state=None):
    """`torch._tensor._rebuild_from_type_v2`: a tensor with attributes."""
    if function is forms.MASKED_AGAIN:
        return forms.rebuild_masked(kind, arguments, state)
    if function is forms.NESTED_AGAIN:
        return forms.rebuild_jagged(*arguments)
    builder = CALLS.get(id(function))
    if builder not in (rebuild_tensor, rebuild_tensor_v3, rebuild_parameter):
        raise bad_file("a tensor of the file is built in an unknown way")
    return _with_attributes(_checked_tensor(builder(*arguments)), state)


def _checked_tensor(value):
    if not tensors.is_tensor(value):
        raise bad_file("the file makes a parameter of what is no tensor")
    return value


def _with_attributes(target, state):
    if isinstance(state, dict):
        for name, value in state.items():
            if isinstance(name, str) and name.isidentifier() and not name.startswith("_"):
                setattr(target, name, value)
    return target


def rebuild_sparse(layout, data, *rest):
    """`torch._utils._rebuild_sparse_tensor`, in coordinate form, by rows or by columns."""
    if not isinstance(data, tuple) or len(data) < 3:
        raise bad_file("a sparse tensor of the file is malformed")
    if layout in tensors.COMPRESSED:
        return _rebuild_compressed(layout, *data)
    if layout != tensors.sparse_coo:
        raise bad_file(f"the file holds a tensor of layout {layout}", "save it in coordinate form.")
    indices, values, size, *coalesced = data
    _check_sparse(size, indices, values)
    fits = indices.dim() == 2 and values.dim() >= 1 and indices.dtype == dtypes.int64
    if not fits or len(indices) + values.dim() - 1 != len(size):
        raise bad_file("a sparse tensor of the file is malformed")
    if indices.shape[1] != len(values) or tuple(values.shape[1:]) != tuple(size[len(indices) :]):
        raise bad_file("a sparse tensor of the file is malformed")
    try:
        return tensors.sparse(indices, values, Size(size), coalesced[:1] == [True])
    except RuntimeError as error:
        raise bad_file(str(error)) from None


def _check_sparse(size, *parts):
    wide = isinstance(size, tuple) and lengths(size) and len(size) <= LARGEST_RANK
    if not wide or not all(map(tensors.is_tensor, parts)):
        raise bad_file("a sparse tensor of the file is malformed")
    bounded(size)


def _rebuild_compressed(layout, *data):
    if len(data) != 4:
        raise bad_file("a sparse tensor of the file is malformed")
    pointers, indices, values, size = data
    _check_sparse(size, pointers, indices, values)
    try:
        return tensors.compressed(layout, pointers, indices, values, Size(size))
    except RuntimeError as error:
        raise bad_file(str(error)) from None


def rebuild_quantized(storage, offset, size, stride, params, requires_grad=False, *rest):
    """`torch._utils._rebuild_qtensor`."""
    kind, numbers = forms.quantized_kind(storage)
    array = rebuild_array(storage, offset, size, stride, numbers)
    return forms.quantized(array, kind, params)


# -- containers ---------------------------------------------------------------------------------

_FACTORIES = (list, dict, int, float, set, str, bool, tuple)


def _pairs(items=()) -> list:
    pairs = items.items() if isinstance(items, dict) else items
    return [(checked_key(key), value) for key, value in pairs]


def _default_dict(factory=None, items=()):
    if factory is not None and not any(factory is f for f in _FACTORIES):
        raise bad_file("the file gives a defaultdict a factory that is not allowed", "use dict.")
    return collections.defaultdict(factory, _pairs(items))


def _counter(items=()):
    counter = collections.Counter()
    dict.update(counter, _pairs(items))
    return counter


def _set_attributes(target, state):
    if isinstance(state, dict) and set(state) <= {"_metadata"}:
        for name, value in state.items():
            setattr(target, name, value)
    return target


def _encode(text, encoding="latin1") -> bytes:
    if encoding not in ("latin1", "utf-8", "utf8", "ascii"):
        raise bad_file(f"text encoding {encoding!r} is not allowed")
    return text.encode(encoding)


def _checked_size(numbers=()):
    if not lengths(numbers):
        raise bad_file("a torch.Size of the file is malformed")
    return Size(numbers)


def checked_device(kind, index=None):
    """A device named by a file."""
    try:
        return device(kind, index)
    except RuntimeError as error:
        raise bad_file(str(error)) from None


def _layout(text):
    found = _LAYOUTS.get(text) if text.__class__ is str else None
    if found is None:
        raise bad_file("the file names an unknown layout")
    return found


def _integer_or_float(kind):
    def make(value=0):
        if not isinstance(value, (int, float)):
            raise bad_file("the file makes a number of what is none")
        return kind(value)

    return make


_CALLED = {
    ("collections", "OrderedDict"): (
        collections.OrderedDict,
        lambda items=(): collections.OrderedDict(_pairs(items)),
    ),
    ("collections", "defaultdict"): (collections.defaultdict, _default_dict),
    ("collections", "Counter"): (collections.Counter, _counter),
    ("builtins", "set"): (set, lambda items=(): set(map(checked_key, items))),
    ("builtins", "frozenset"): (frozenset, lambda items=(): frozenset(map(checked_key, items))),
    ("builtins", "complex"): (complex, lambda real, imag=0.0: complex(float(real), float(imag))),
    ("builtins", "bytearray"): (bytearray, lambda data=b"", *_: bytearray(as_bytes(data))),
    ("builtins", "bytes"): (bytes, lambda data=b"", *_: bytes(as_bytes(data) if data else b"")),
    ("builtins", "int"): (int, _integer_or_float(int)),
    ("builtins", "float"): (float, _integer_or_float(float)),
    ("_codecs", "encode"): (_encode, _encode),
    ("torch", "Size"): (Size, _checked_size),
    ("torch", "device"): (device, checked_device),
    ("torch.serialization", "_get_layout"): (_layout, _layout),
    ("torch._utils", "_rebuild_sparse_tensor"): (rebuild_sparse, rebuild_sparse),
    ("torch._utils", "_rebuild_tensor_v2"): (rebuild_tensor, rebuild_tensor),
    ("torch._utils", "_rebuild_tensor"): (rebuild_array, lambda *a: rebuild_tensor(*a[:4])),
    ("torch._utils", "_rebuild_tensor_v3"): (rebuild_tensor_v3, rebuild_tensor_v3),
    ("torch._utils", "_rebuild_parameter"): (rebuild_parameter, rebuild_parameter),
    ("torch._utils", "_rebuild_parameter_with_state"): (rebuild_parameter, rebuild_parameter),
    ("torch._tensor", "_rebuild_from_type_v2"): (rebuild_from_type, rebuild_from_type),
    **NUMPY_CALLS,
}
for _name, _builder in {
    "_rebuild_qtensor": rebuild_quantized,
    "_rebuild_nested_tensor": forms.rebuild_nested,
    "_rebuild_meta_tensor_no_storage": forms.rebuild_meta,
}.items():
    _CALLED["torch._utils", _name] = (_builder, _builder)

NAMES = {key: value for key, (value, _) in _CALLED.items()}
NAMES |= {("builtins", kind.__name__): kind for kind in _FACTORIES}
NAMES |= {("torch", d.name): d for d in (*dtypes.ALL, *dtypes.ONLY_KEPT)}
NAMES |= {("torch", name): d for name, d in dtypes.ABSENT.items()}
NAMES |= {("torch", name): StorageType(name, d) for name, d in STORAGES.items()}
NAMES |= forms.SCHEME_NAMES
NAMES |= {
    ("torch.nested._internal.nested_tensor", "_rebuild_njt"): forms.NESTED_AGAIN,
    ("torch.nested._internal.nested_tensor", "NestedTensor"): forms.NESTED_CLASS,
    ("torch._dynamo.decorators", "_DimRange"): forms.RANGE_CLASS,
}
NAMES |= {
    ("torch", f"{name}Storage"): StorageType(f"{name}Storage", dtypes.ABSENT[name.lower()])
    for name in ("QInt8", "QInt32", "QUInt8", "QUInt4x2", "QUInt2x4")
}
NAMES |= {
    ("torch.storage", "UntypedStorage"): StorageType("UntypedStorage", None),
    ("torch", "UntypedStorage"): StorageType("UntypedStorage", None),
    ("torch", "Tensor"): tensors.Tensor,
    ("torch._tensor", "Tensor"): tensors.Tensor,
    ("torch.nn.parameter", "Parameter"): tensors.Parameter,
    ("numpy", "ndarray"): np.ndarray,
}

CALLS: dict = {id(value): builder for value, builder in _CALLED.values()}
CALLS["build", collections.OrderedDict] = _set_attributes
CALLS |= NUMPY_BUILDS | forms.BUILT
CALLS[id(forms.NESTED_AGAIN)] = forms.rebuild_jagged
