"""A writer of the pickle language for plain data and tensors, as PyTorch's own files have it.

Memory shared by tensors is written once: of each block of memory, the part that the saved tensors
reach. Read `PickleWriter.dump`; `_WRITERS` lists what can be saved.
"""

from __future__ import annotations

import builtins
import collections
import struct
import types
from pickle import PicklingError

import numpy as np

from ..base import dtypes
from ..base.constants import layout, qscheme
from ..base.devices import device
from ..base.errors import hinted
from ..base.naming import made_empty
from ..base.size import Size
from ..frontend.storages import TypedStorage, UntypedStorage
from ..nn.modules.module import HOOK_DICTS, Module
from ..nn.modules.registry import Registry
from ..primitives.structural import in_order
from ..random import Generator
from ..return_types import all_return_types
from . import forms, tensors
from .allowed import NEW_OBJECT, public_name
from .names import STORAGES

_STORAGE_NAMES = {dtype: name for name, dtype in STORAGES.items()} | forms.QUANTIZED_STORAGES
_BATCH = 1000
_PLAIN_FACTORIES = (list, dict, int, float, set, str, bool, tuple)


class Block:
    """One piece of memory that tensors of the same type share, and how much of it they reach."""

    def __init__(self, key: str, owner: np.ndarray, dtype):
        self.key = key
        self.owner = owner
        self.dtype = dtype
        self.start: int | None = None
        self.stop = 0

    def reach(self, array: np.ndarray) -> None:
        """Widen the part that is saved so that it holds `array`."""
        if not array.size:
            return
        at = address(array)
        stop = at + array.itemsize
        stop += sum((n - 1) * s for n, s in zip(array.shape, array.strides, strict=True))
        self.start = at if self.start is None else min(self.start, at)
        self.stop = max(self.stop, stop)

    def nbytes(self) -> int:
        return 0 if self.start is None else self.stop - self.start

    def data(self) -> np.ndarray:
        """The bytes from the first to the last element that is reached."""
        if self.start is None:
            return np.empty(0, np.uint8)
        return np.ndarray((self.nbytes(),), np.uint8, _bytes_from(self.owner, self.start))


def address(array: np.ndarray) -> int:
    """Where the first element lies in memory."""
    return array.__array_interface__["data"][0]


def _bytes_from(owner: np.ndarray, start: int) -> memoryview:
    flat = owner if owner.flags.c_contiguous else owner.T
    return memoryview(flat.reshape(-1).view(np.uint8))[start - address(owner) :]  # type: ignore[arg-type]


def _owner_of(array: np.ndarray) -> np.ndarray | None:
    """The array that owns the memory, if all of `array` can be described within it."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    item = array.itemsize
    in_order = owner.flags.c_contiguous or owner.flags.f_contiguous
    whole_steps = all(s >= 0 and s % item == 0 for s in array.strides)
    if not in_order or not whole_steps or type(owner) is not np.ndarray:
        return None
    return owner if (address(array) - address(owner)) % item == 0 else None


class PickleWriter:
    """Writes one object; `dump` gives the pickle, `blocks` the memory that goes with it."""

    def __init__(self):
        self.out: list = []
        self.memo: dict[int, int] = {}
        self.kept: list = []
        self.blocks: dict[tuple, Block] = {}
        self.later: list = []

    def dump(self, value) -> bytes:
        """The pickle of `value`. TypeError for what is not data."""
        self.out.append(b"\x80\x02")
        try:
            self.write(value)
        except RecursionError:
            raise ValueError(hinted(
                "the object to save is nested too deeply", "flatten it into lists or a dict.",
            )) from None  # fmt: skip
        self.out.append(b".")
        for index, array, block, tensor in self.later:
            self.out[index] = self._place(array, block, tensor)
        return b"".join(self.out)

    def write(self, value) -> None:
        index = self.memo.get(id(value))
        if index is not None:
            self.out.append(_indexed(b"h", b"j", index))
            return
        for kind in type(value).__mro__:
            writer = _WRITERS.get(kind)
            if writer is not None:
                break
        if writer is None or (kind is not type(value) and kind not in _SUBCLASSES_TOO):
            self.thing(value)
        else:
            writer(self, value)

    def remember(self, value) -> None:
        """Later occurrences of this very object refer to the first one."""
        index = self.memo[id(value)] = len(self.memo)
        self.kept.append(value)  # So that the id is not used again.
        self.out.append(_indexed(b"q", b"r", index))

    def name(self, module: str, name: str) -> None:
        self.out.append(f"c{module}\n{name}\n".encode())

    def call(self, module: str, name: str, *arguments) -> None:
        """The result of a call, by the reader, of a name it knows."""
        self.name(module, name)
        self.row(arguments)
        self.out.append(b"R")

    def row(self, values) -> None:
        self.out.append(b"(")
        for value in values:
            self.write(value)
        self.out.append(b"t")

    # -- what is no data ----------------------------------------------------------------------

    def thing(self, value) -> None:
        """A class, a function, a module, or another object that says how it is made."""
        if isinstance(value, (type, *_FUNCTIONS)):
            place = public_name(value)
            if place is None:
                raise _not_found(value)
            self.name(*place)
            self.remember(value)
            return
        if isinstance(value, Module):
            self.made(value, (NEW_OBJECT, (type(value),), _state_of(value)))
            return
        try:
            made = value.__reduce_ex__(2)
        except TypeError:
            raise _not_data(value) from None
        if isinstance(made, str) and getattr(builtins, made, None) is value:
            self.name("__builtin__", made)
            return
        if not isinstance(made, tuple) or len(made) < 2:
            raise _not_data(value)
        if made[0] is made_empty:  # a public class, which files name as PyTorch does
            made = (NEW_OBJECT, (type(value), *made[1][2:]), *made[2:])
        self.made(value, made)

    def made(self, value, way) -> None:
        """An object by how `__reduce_ex__` says it is made: a call, a state, items."""
        function, arguments, state, items, pairs = (*way, None, None, None)[:5]
        if function is NEW_OBJECT:
            self.write(arguments[0])
            self.row(arguments[1:])
            self.out.append(b"\x81")
        else:
            self.write(function)
            self.row(arguments)
            self.out.append(b"R")
        self.remember(value)
        for item in items or ():
            self.write(item)
            self.out.append(b"a")
        for key, item in pairs or ():
            self.write(key)
            self.write(item)
            self.out.append(b"s")
        if state is not None:
            self.write(state)
            self.out.append(b"b")

    # -- plain values -----------------------------------------------------------------------

    def none(self, _) -> None:
        self.out.append(b"N")

    def boolean(self, value) -> None:
        self.out.append(b"\x88" if value else b"\x89")

    def integer(self, value) -> None:
        if 0 <= value < 256:
            self.out.append(b"K" + value.to_bytes(1, "little"))
        elif -(2**31) <= value < 2**31:
            self.out.append(b"J" + value.to_bytes(4, "little", signed=True))
        else:
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            size = len(data)
            head = b"\x8a" + bytes([size]) if size < 256 else b"\x8b" + struct.pack("<i", size)
            self.out.append(head + data)

    def real(self, value) -> None:
        self.out.append(b"G" + struct.pack(">d", value))

    def text(self, value) -> None:
        data = value.encode("utf-8", "surrogatepass")
        self.out.append(b"X" + struct.pack("<I", len(data)) + data)
        self.remember(value)

    def complex_number(self, value) -> None:
        self.call("__builtin__", "complex", value.real, value.imag)

    def data(self, value) -> None:
        self.call("_codecs", "encode", value.decode("latin1"), "latin1")
        self.remember(value)

    def changeable_data(self, value) -> None:
        self.call("__builtin__", "bytearray", bytes(value))
        self.remember(value)

    # -- containers -------------------------------------------------------------------------

    def fixed_sequence(self, value) -> None:
        self.row(value)
        if value:
            self.remember(value)

    def sequence(self, value) -> None:
        self.out.append(b"]")
        self.remember(value)
        for start in range(0, len(value), _BATCH):
            self.out.append(b"(")
            for item in value[start : start + _BATCH]:
                self.write(item)
            self.out.append(b"e")

    def mapping(self, value) -> None:
        self.out.append(b"}")
        self.remember(value)
        self.items(value)

    def items(self, value) -> None:
        items = list(value.items())
        for start in range(0, len(items), _BATCH):
            self.out.append(b"(")
            for key, item in items[start : start + _BATCH]:
                self.write(key)
                self.write(item)
            self.out.append(b"u")

    def ordered_mapping(self, value) -> None:
        self.call("collections", "OrderedDict")
        self.remember(value)
        self.items(value)
        metadata = getattr(value, "_metadata", None)
        if metadata is not None:
            self.write({"_metadata": metadata})
            self.out.append(b"b")

    def default_mapping(self, value) -> None:
        factory = value.default_factory
        if factory is not None and not any(factory is f for f in _PLAIN_FACTORIES):
            raise TypeError(hinted(
                "cannot save a defaultdict whose factory is not a built-in type",
                "convert it first: dict(d).",
            ))  # fmt: skip
        self.name("collections", "defaultdict")
        if factory is None:
            self.out.append(b"N\x85R")
        else:
            self.name("__builtin__", factory.__name__)
            self.out.append(b"\x85R")
        self.remember(value)
        self.items(value)

    def counter(self, value) -> None:
        self.call("collections", "Counter", dict(value))
        self.remember(value)

    def distinct(self, value) -> None:
        self.call("__builtin__", type(value).__name__, list(value))
        self.remember(value)

    # -- PyTorch's values -------------------------------------------------------------------

    def size(self, value) -> None:
        self.call("torch", "Size", tuple(value))

    def element_type(self, value) -> None:
        self.name("torch", value.name)

    def place(self, value) -> None:
        self.call(
            "torch", "device", *str(value).split(":")[:1], *map(int, str(value).split(":")[1:])
        )

    def layout(self, value) -> None:
        self.call("torch.serialization", "_get_layout", repr(value))

    def tensor(self, value) -> None:
        if isinstance(value, tensors.Composed):
            self.write(forms.written(value))
            self.remember(value)
            return
        state = tensors.attributes_of(value)
        if state:
            self.name("torch._tensor", "_rebuild_from_type_v2")
            self.out.append(b"(")
            self._tensor_name(value)
            self.name("torch", "Tensor")
            self._tensor_arguments(value)
            self.write(state)
            self.out.append(b"tR")
        else:
            self._plain_tensor(value, value.requires_grad)
        self.remember(value)

    def said_call(self, value) -> None:
        self.call(*value.place, *value.arguments)

    def said_name(self, value) -> None:
        self.name(*value.place)

    def said_memory(self, value) -> None:
        array, block = self._block(value.array, value.dtype)
        self.later.append((len(self.out), array, block, True))
        self.out.append(b"")

    def parameter(self, value) -> None:
        state = tensors.attributes_of(value)
        self.name("torch._utils", "_rebuild_parameter" + ("_with_state" if state else ""))
        self.out.append(b"(")
        self._plain_tensor(value, False)
        self.write(value.requires_grad)
        self.call("collections", "OrderedDict")
        if state:
            self.write(state)
        self.out.append(b"tR")
        self.remember(value)

    def _plain_tensor(self, value, requires_grad: bool) -> None:
        self._tensor_name(value)
        self._tensor_arguments(value, requires_grad)
        self.out.append(b"R")

    def _tensor_name(self, value) -> None:
        newer = value.dtype not in _STORAGE_NAMES
        self.name("torch._utils", "_rebuild_tensor_v3" if newer else "_rebuild_tensor_v2")

    def _tensor_arguments(self, value, requires_grad=None) -> None:
        array = tensors.array_of(value)
        array, block = self._block(array, value.dtype)
        self.out.append(b"(")
        self.later.append((len(self.out), array, block, True))
        self.out.append(b"")
        self.write(value.requires_grad if requires_grad is None else requires_grad)
        self.call("collections", "OrderedDict")
        if value.dtype not in _STORAGE_NAMES:
            self.element_type(value.dtype)
        bits = tensors.bits_set(value)
        if bits:
            self.write(bits)
        self.out.append(b"t")

    def _block(self, array, dtype) -> tuple:
        """(the array, or a copy in order, and the block of memory it lies in)."""
        owner = _owner_of(array)
        if owner is None:
            array = owner = np.ascontiguousarray(array)
            self.kept.append(array)
        key = (id(owner), dtype)
        if key not in self.blocks:
            self.blocks[key] = Block(str(len(self.blocks)), owner, dtype)
        block = self.blocks[key]
        block.reach(array)
        return array, block

    def storage(self, value) -> None:
        """Memory itself: all of it."""
        array = value._array
        kind = None if isinstance(value, UntypedStorage) else value.dtype
        array, block = self._block(array, kind)
        self.later.append((len(self.out), array, block, False))
        self.out.append(b"")
        self.remember(value)

    def generator(self, value) -> None:
        self.name("torch._C", "Generator")
        self.row((value.device,))
        self.out.append(b"R")
        self.remember(value)
        self.row((value.initial_seed(), None, value.get_state()))
        self.out.append(b"b")

    def named_result(self, value) -> None:
        """A torch.return_types.max and the like."""
        self.call("torch.return_types", type(value).__name__, tuple(value), {})
        self.remember(value)

    def _place(self, array, block: Block, tensor: bool) -> bytes:
        """Storage, offset, sizes and strides: known when all tensors have been seen."""
        inner = PickleWriter()
        item = array.itemsize
        untyped = block.dtype not in _STORAGE_NAMES
        inner.out.append(b"(")
        inner._untied("storage")
        if untyped:
            inner.name("torch.storage", "UntypedStorage")
        else:
            inner.name("torch", _STORAGE_NAMES[block.dtype])
        inner._untied(block.key)
        inner._untied("cpu")
        inner.integer(block.nbytes() // (1 if untyped else item))
        inner.out.append(b"tQ")
        if not tensor:
            return b"".join(inner.out)
        inner.integer((address(array) - (block.start or 0)) // item if array.size else 0)
        inner.row(array.shape)
        steps = [stride // item for stride in array.strides]
        inner.row(steps if array.size else in_order(array.shape))
        return b"".join(inner.out)

    def _untied(self, text: str) -> None:
        """A text that is not remembered: this part is spliced in between others."""
        data = text.encode()
        self.out.append(b"X" + struct.pack("<I", len(data)) + data)

    # -- NumPy ------------------------------------------------------------------------------

    def numpy_type(self, value) -> None:
        if value.names is not None:
            self._records(value)
            return
        if value.kind not in "biufcSUMmO":
            raise TypeError(hinted(
                f"cannot save NumPy type {value}", "convert the array to numbers first.",
            ))  # fmt: skip
        order = "|" if value.itemsize == 1 or value.kind in "SO" else "<"
        code = "O8" if value.hasobject else value.str[1:].partition("[")[0]
        self.call("numpy", "dtype", code, False, True)
        if value.kind in "MmO":
            self._dates_or_objects(value, order)
            return
        sizes = (value.itemsize, 4) if value.kind == "U" else (-1, -1)
        if value.kind == "S":
            sizes = (value.itemsize, 1)
        self.row((3, order, None, None, None, *sizes, 0))
        self.out.append(b"b")

    def _dates_or_objects(self, value, order) -> None:
        if value.hasobject:
            self.row((3, order, None, None, None, -1, -1, 63))
        else:
            unit, count = np.datetime_data(value)
            self.row((4, order, None, None, None, -1, -1, 0, ({}, (unit.encode(), count, 1, 1))))
        self.out.append(b"b")

    def _records(self, value) -> None:
        if value.hasobject:
            raise TypeError(hinted(
                f"cannot save NumPy type {value}", "save each field as an array of its own.",
            ))  # fmt: skip
        self.call("numpy", "dtype", f"V{value.itemsize}", False, True)
        fields = {name: value.fields[name][:2] for name in value.names}
        align = 16 | (128 if value.isalignedstruct else 0)
        self.row((3, "|", None, value.names, fields, value.itemsize, value.alignment, align))
        self.out.append(b"b")

    def numpy_scalar(self, value) -> None:
        kind = value.dtype.newbyteorder("<")
        self.name("numpy._core.multiarray", "scalar")
        self.out.append(b"(")
        self.numpy_type(kind)
        self.data(value.tobytes())
        self.out.append(b"tR")

    def numpy_array(self, value) -> None:
        kind = value.dtype.newbyteorder("<")
        self.name("numpy._core.multiarray", "_reconstruct")
        self.out.append(b"(")
        self.name("numpy", "ndarray")
        self.write((0,))
        self.data(b"b")
        self.out.append(b"tR")
        self.remember(value)
        self.out.append(b"(")
        self.integer(1)
        self.row(value.shape)
        self.numpy_type(kind)
        self.boolean(False)
        if kind.hasobject:
            self.write(value.reshape(-1).tolist())
        else:
            self.data(value.astype(kind, copy=False).tobytes())
        self.out.append(b"tb")


def _indexed(short: bytes, long: bytes, index: int) -> bytes:
    if index < 256:
        return short + bytes([index])
    return long + struct.pack("<I", index)


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)
_FIRST = ("training", "_parameters", "_buffers", "_non_persistent_buffers_set", *HOOK_DICTS,
          "_modules")  # fmt: skip


def _state_of(module) -> dict:
    """A module's attributes under the names, and in the order, that PyTorch's modules have."""
    state = module.__getstate__()
    first = {name: state[name] for name in _FIRST if name in state}
    first["_is_full_backward_hook"] = state.get("_is_full_backward_hook")
    whole = {**first, **state}
    return {name: dict(v) if isinstance(v, Registry) else v for name, v in whole.items()}


def _not_found(value) -> PicklingError:
    name = getattr(value, "__qualname__", repr(value))
    return PicklingError(hinted(
        f"Can't pickle {value!r}: it's not found as {getattr(value, '__module__', None)}.{name}",
        "a file names classes and functions: use `def` or `class` at the top of a file instead of "
        "a lambda or a local one, or save x.state_dict() instead of x.",
    ))  # fmt: skip


def _not_data(value) -> TypeError:
    kind = type(value)
    if hasattr(value, "__fspath__"):
        hint = "save str(path) instead."
    else:
        hint = "save numbers, texts, lists, tuples, dicts, tensors and arrays: for example vars(x)."
    return TypeError(hinted(f"cannot save an object of type {kind.__qualname__}", hint))


_WRITERS = {
    type(None): PickleWriter.none,
    bool: PickleWriter.boolean,
    int: PickleWriter.integer,
    float: PickleWriter.real,
    complex: PickleWriter.complex_number,
    str: PickleWriter.text,
    bytes: PickleWriter.data,
    bytearray: PickleWriter.changeable_data,
    tuple: PickleWriter.fixed_sequence,
    list: PickleWriter.sequence,
    dict: PickleWriter.mapping,
    collections.OrderedDict: PickleWriter.ordered_mapping,
    collections.defaultdict: PickleWriter.default_mapping,
    collections.Counter: PickleWriter.counter,
    set: PickleWriter.distinct,
    frozenset: PickleWriter.distinct,
    Size: PickleWriter.size,
    dtypes.dtype: PickleWriter.element_type,
    device: PickleWriter.place,
    Generator: PickleWriter.generator,
    TypedStorage: PickleWriter.storage,
    UntypedStorage: PickleWriter.storage,
    **dict.fromkeys(all_return_types, PickleWriter.named_result),
    layout: PickleWriter.layout,
    qscheme: PickleWriter.element_type,
    forms.Call: PickleWriter.said_call,
    forms.Name: PickleWriter.said_name,
    forms.Memory: PickleWriter.said_memory,
    tensors.Tensor: PickleWriter.tensor,
    tensors.Parameter: PickleWriter.parameter,
    np.dtype: PickleWriter.numpy_type,
    np.generic: PickleWriter.numpy_scalar,
    np.ndarray: PickleWriter.numpy_array,
}
_SUBCLASSES_TOO = (
    dtypes.dtype,
    TypedStorage,
    tensors.Tensor,
    tensors.Parameter,
    np.generic,
    np.dtype,
)
