"""CIFAR10 and CIFAR100, read from their pickled batches by a reader that runs no code."""

import os
import tarfile
from pathlib import Path

import numpy as np

from ...base.errors import hinted
from ...serialization.allowed import Calls, Names
from ...serialization.opcodes import PickleReader
from ..pictures import image as pil_image
from .base import VisionDataset, missing_files

__all__ = ["CIFAR10", "CIFAR100", "read_batch"]


def _no_reference(reference):
    raise ValueError("the batch refers to something outside itself")


def read_batch(data):
    """The dictionary in a pickled batch (bytes). LoadError for anything that is no plain data."""
    names = Names(weights_only=True)
    found = PickleReader(data, names, Calls(names), _no_reference).load()
    if not isinstance(found, dict):
        raise ValueError(hinted("the file is no batch of CIFAR", "fetch it again."))
    return {_text(key): value for key, value in found.items()}


def _text(value):
    return value.decode("latin1") if isinstance(value, bytes) else value


class CIFAR10(VisionDataset):
    """Pictures 32 × 32 in colour of ten kinds of things (Krizhevsky 2009).

    The folder `cifar-10-batches-py`, or the archive `cifar-10-python.tar.gz`, is looked for in
    `root`. RuntimeError where it is not: nothing is downloaded.
    """

    base_folder = "cifar-10-batches-py"
    filename = "cifar-10-python.tar.gz"
    train_list = [f"data_batch_{i}" for i in range(1, 6)]
    test_list = ["test_batch"]
    meta_file, names_key = "batches.meta", "label_names"

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        wanted = self.train_list if train else self.test_list
        files = self._files([*wanted, self.meta_file], download)
        batches = [read_batch(files[name]) for name in wanted]
        flat = np.concatenate([np.asarray(batch["data"], np.uint8) for batch in batches])
        self.data = np.ascontiguousarray(flat.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        self.targets = [
            int(label)
            for batch in batches
            for label in batch.get("labels", batch.get("fine_labels", ()))
        ]
        names = read_batch(files[self.meta_file])[self.names_key]
        self.classes = [_text(name) for name in names]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def _files(self, names, download):
        """The bytes of the batches, from the folder or the archive."""
        folder, archive = Path(self.root, self.base_folder), Path(self.root, self.filename)
        if all((folder / name).is_file() for name in names):
            return {name: (folder / name).read_bytes() for name in names}
        if archive.is_file():
            with tarfile.open(archive) as packed:
                return {name: self._member(packed, name) for name in names}
        raise missing_files(
            type(self).__name__, [f"{self.base_folder}/ or {self.filename}"],
            os.fspath(self.root), download,
        )  # fmt: skip

    def _member(self, packed, name):
        try:
            return packed.extractfile(f"{self.base_folder}/{name}").read()
        except (KeyError, AttributeError):
            raise RuntimeError(
                hinted(f"{self.filename} does not hold {name}", "fetch it again.")
            ) from None

    def __getitem__(self, index):
        return self._changed(pil_image.fromarray(self.data[index]), self.targets[index])

    def __len__(self):
        return len(self.data)

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """Pictures 32 × 32 in colour of a hundred kinds of things (Krizhevsky 2009)."""

    base_folder = "cifar-100-python"
    filename = "cifar-100-python.tar.gz"
    train_list = ["train"]
    test_list = ["test"]
    meta_file, names_key = "meta", "fine_label_names"
