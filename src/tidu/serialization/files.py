"""`save` and `load`: checkpoints in PyTorch's format, written whole or not at all.

Loading reads data only. Whatever a file says, no code of it is run, with `weights_only` or without.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager

import numpy as np

from ..base.devices import device as device_class
from ..base.errors import hinted
from . import legacy
from .allowed import Calls, Names
from .archive import (
    Archive,
    BytesSource,
    FileSource,
    MappedSource,
    is_archive,
    write_archive,
)
from .atomic import replace_file
from .names import Storage, StorageType, checked_device
from .opcodes import PickleReader
from .problems import EmptyFile, bad_file
from .writer import PickleWriter

_BYTE_ORDERS = ("little", "big")
_PICKLE_OPTIONS = {"buffers", "encoding", "errors", "fix_imports"}  # taken, and without effect


def save(obj, f, pickle_module=None, pickle_protocol=2, _use_new_zipfile_serialization=True,
         _disable_byteorder_record=False):  # fmt: skip
    """Save tensors and plain data to a path or a binary file object, in PyTorch's format.

    obj: any nesting of dicts, lists, tuples and sets of tensors, arrays, numbers and texts, such as
    a `state_dict()`, or a whole module. A path is written to a temporary file beside it, which then
    takes its place: after a crash there is the old file or the new one. PicklingError for what
    cannot be found again by name, such as a lambda.

    >>> import io
    >>> import tidu as torch
    >>> buffer = io.BytesIO()
    >>> torch.save({"weight": torch.tensor([1.0, 2.0])}, buffer)
    >>> _ = buffer.seek(0)
    >>> torch.load(buffer)
    {'weight': tensor([1., 2.])}
    """
    writer = PickleWriter()
    pickle = writer.dump(obj)
    members = _members(pickle, writer.blocks.values())
    if hasattr(f, "write"):
        write_archive(f.write, "archive", members)
    elif isinstance(f, (str, os.PathLike)):
        replace_file(os.fspath(f), lambda write: write_archive(write, "archive", members))
    else:
        raise AttributeError(hinted(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute",
            f"it is of type {type(f).__name__}: write torch.save(obj, 'checkpoint.pt').",
        ))  # fmt: skip


class _Skipped(threading.local):
    on = False


_SKIPPED = _Skipped()


@contextmanager
def skip_data(materialize_fake_tensors=False):
    """A block in which `save` writes zeros for what tensors hold: only shapes and names."""
    was, _SKIPPED.on = _SKIPPED.on, True
    try:
        yield
    finally:
        _SKIPPED.on = was


def _members(pickle: bytes, blocks) -> list:
    return [
        ("data.pkl", pickle),
        (".format_version", b"1"),
        (".storage_alignment", b"64"),
        ("byteorder", sys.byteorder.encode()),
        *((f"data/{b.key}", bytes(b.nbytes()) if _SKIPPED.on else b.data()) for b in blocks),
        ("version", b"3\n"),
    ]


# -- loading ------------------------------------------------------------------------------------


def load(
    f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args
):
    """Load what `save` or `torch.save` wrote, from a path or a binary file object.

    map_location: where tensors saved on other devices go ("cpu", a device, a dict or a function).
    mmap: True maps the file's pages into memory instead of reading them; for paths only.
    weights_only: False also loads whole modules, optimizers, datasets and objects of the program's
    own classes, and data of Python's library such as dates: classes are found, not imported, and
    objects filled without running code of theirs. Other classes are allowed by
    `torch.serialization.add_safe_globals`. Raises LoadError (a RuntimeError) for
    files that are damaged or hold anything else.
    """
    if unknown := pickle_load_args.keys() - _PICKLE_OPTIONS:
        raise TypeError(f"Unpickler.__init__() got an unexpected keyword argument '{min(unknown)}'")
    names = Names(weights_only is not False)
    if hasattr(f, "read"):
        if mmap:
            raise ValueError(hinted(
                "f must be a file path in order to use the mmap argument", "pass the path itself.",
            ))  # fmt: skip
        return _load(BytesSource(_all_of(f)), map_location, True, names)
    if not isinstance(f, (str, os.PathLike)):
        raise AttributeError(hinted(
            f"'{type(f).__name__}' object has no attribute 'seek'. You can only torch.load from a "
            "file that is seekable. Please pre-load the data into a buffer like io.BytesIO and try "
            "to load from it instead.", "write torch.load('checkpoint.pt').",
        ))  # fmt: skip
    with open(f, "rb") as file:
        source = FileSource(file)
        if mmap and source.size:
            source = MappedSource(f)
        return _load(source, map_location, not mmap, names)


def _all_of(file) -> bytes:
    data = file.read()
    if not isinstance(data, bytes):
        raise TypeError(hinted(
            f"the file object gave {type(data).__name__} instead of bytes",
            "open it with mode 'rb'.",
        ))  # fmt: skip
    return data


def _load(source, map_location, check_sums: bool, names):
    if not source.size:
        raise EmptyFile(hinted("Ran out of input", "the file is empty."))
    try:
        if is_archive(source):
            return _load_archive(Archive(source, check_sums), map_location, names)
        return legacy.load(bytes(source.read(0, source.size)), mapper(map_location), names)
    except MemoryError:
        raise
    except RecursionError:
        raise bad_file("the pickle is nested too deeply") from None


def _load_archive(archive: Archive, map_location, names):
    if "constants.pkl" in archive:
        raise bad_file(
            "the file holds a TorchScript program, not data",
            "load it with PyTorch and save its state_dict().",
        )
    reader = _StorageReader(archive, mapper(map_location))
    pickle = bytes(archive.read("data.pkl"))
    return PickleReader(pickle, names, Calls(names), reader).load()


class _StorageReader:
    """Answers the pickle's references to storages; each is read once, when first asked for."""

    def __init__(self, archive: Archive, place):
        self.archive = archive
        self.place = place
        self.loaded: dict = {}
        self.swapped = self._byte_order() != sys.byteorder

    def _byte_order(self) -> str:
        if "byteorder" not in self.archive:
            return "little"
        order = bytes(self.archive.read("byteorder")).decode("latin1")
        if order not in _BYTE_ORDERS:
            raise bad_file(f"Unknown endianness type: {order[:20]!r}")
        return order

    def __call__(self, reference) -> Storage:
        kind, key, location, count = _checked_reference(reference)
        item = 1 if kind.dtype is None else kind.dtype.itemsize
        name = f"data/{key}"
        if self.archive.size(name) != count * item:
            raise bad_file(
                f"storage {key!r} has {self.archive.size(name)} bytes in the file, but "
                f"{count * item} are needed"
            )
        storage = self.loaded.get(key)
        if storage is None:
            storage = self.loaded[key] = self.archive.read(name)
            if self.swapped and item > 1:
                _swap_bytes(storage, kind.dtype)
        return self.place(Storage(storage, kind.dtype, location), location)


def _checked_reference(reference):
    if not (isinstance(reference, tuple) and len(reference) >= 5 and reference[0] == "storage"):
        raise bad_file("the pickle refers to something that is no storage")
    _, kind, key, location, count = reference[:5]
    if not isinstance(kind, StorageType) or not isinstance(key, str) or "/" in key:
        raise bad_file("the pickle refers to a malformed storage")
    if not isinstance(location, str) or count.__class__ is not int or count < 0:
        raise bad_file("the pickle refers to a malformed storage")
    return kind, key, location, count


def _swap_bytes(data: np.ndarray, dtype) -> None:
    item = dtype.itemsize // (2 if dtype.is_complex else 1)
    if item > 1:
        data.view(f"u{item}").byteswap(inplace=True)


def mapper(map_location):
    """The function (storage, location) -> storage that `map_location` asks for."""
    if map_location is None:
        return _where_it_was
    if isinstance(map_location, dict):
        return lambda storage, location: _moved(storage, map_location.get(location, location))
    if callable(map_location):

        def chosen(storage, location):
            answer = map_location(storage, location)
            return _where_it_was(storage, location) if answer is None else storage

        return chosen  # fmt: skip
    if not isinstance(map_location, (str, device_class)):
        raise TypeError(hinted(
            f"'{type(map_location).__name__}' object is not callable",
            "map_location is a device, its name, a dict of names or a function.",
        ))  # fmt: skip
    return lambda storage, location: _moved(storage, map_location)


def _where_it_was(storage: Storage, location: str) -> Storage:
    return _moved(storage, checked_device(location))


def _moved(storage: Storage, target) -> Storage:
    try:
        kind = device_class(target).type
    except RuntimeError:
        raise RuntimeError(hinted(
            "don't know how to restore data location of torch.storage.UntypedStorage (tagged with "
            f"{target})", "write torch.load(path, map_location='cpu').",
        )) from None  # fmt: skip
    if kind in ("cpu", "meta"):
        storage.location = kind
        return storage
    name = "CUDA" if kind == "cuda" else kind
    raise RuntimeError(hinted(
        f"Attempting to deserialize object on a {name} device but torch.{kind}.is_available() is "
        "False. If you are running on a CPU-only machine, please use torch.load with "
        "map_location=torch.device('cpu') to map your storages to the CPU.",
        "write torch.load(path, map_location='cpu').",
    ))  # fmt: skip
