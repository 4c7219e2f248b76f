"""MNIST and the sets in its format: idx files, packed with gzip or not, read from disk.

With `TIDU_DATASETS=digits` in the environment, MNIST without its files is replaced by the small
digits that come with scikit-learn, and a warning says so.
"""

import gzip
import os
import warnings
from pathlib import Path

import numpy as np

from ... import ops
from ...base import dtypes
from ...base.errors import hinted
from ...base.lazy import lazy_module
from ...nn import functional as F
from ..pictures import image as pil_image
from .base import VisionDataset, missing_files

__all__ = ["EMNIST", "MNIST", "QMNIST", "FashionMNIST", "KMNIST", "read_idx"]

_sklearn = lazy_module("sklearn.datasets", "the digits are scikit-learn's: pip install tidu[demo]")
_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_TRAINED = 1500  # of the 1797 digits


def read_idx(path):
    """The array in an idx file (`.gz` or not). ValueError where it is none."""
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "rb") as file:
        data = file.read()
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES:
        raise ValueError(hinted(f"{path} is no idx file", "fetch it again: it may be cut short."))
    rank = data[3]
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", rank, 4))
    kind = np.dtype(_TYPES[data[2]])
    start = 4 + 4 * rank
    if len(data) - start != int(np.prod(shape)) * kind.itemsize:
        raise ValueError(hinted(f"{path} does not hold {shape} numbers", "fetch it again."))
    return np.frombuffer(data, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))


class MNIST(VisionDataset):
    """Handwritten digits (LeCun et al. 1998): pictures 28 × 28 and their numbers.

    The files `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
    `t10k-labels-idx1-ubyte`, with or without `.gz`, are looked for in `root/MNIST/raw`, then in
    `root`. RuntimeError where they are not: nothing is downloaded.
    """

    classes = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six",
        "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        self.data, self.targets = self._load(download)

    @property
    def raw_folder(self):
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def class_to_idx(self):
        return {name: i for i, name in enumerate(self.classes)}

    @property
    def train_labels(self):
        return self.targets

    test_labels = train_labels

    @property
    def train_data(self):
        return self.data

    test_data = train_data

    def _names(self):
        start = "train" if self.train else "t10k"
        return [f"{start}-images-idx3-ubyte", f"{start}-labels-idx1-ubyte"]

    def _find(self, name):
        for folder in (self.raw_folder, self.root):
            for end in ("", ".gz"):
                path = Path(folder, name + end)
                if path.is_file():
                    return path
        return None

    def _load(self, download):
        names = self._names()
        paths = [self._find(name) for name in names]
        if None in paths:
            return self._without_files(names, download)
        images, labels = (ops.from_array(read_idx(path)) for path in paths)
        return images, labels.to(dtypes.int64)

    def _without_files(self, names, download):
        if type(self) is MNIST and os.environ.get("TIDU_DATASETS") == "digits":
            return _digits(self.train)
        hint = " Or set TIDU_DATASETS=digits for scikit-learn's 1797 digits instead."
        raise missing_files(
            type(self).__name__, [f"{name}.gz" for name in names], self.raw_folder, download,
            hint if type(self) is MNIST else "",
        )  # fmt: skip

    def __getitem__(self, index):
        picture = pil_image.fromarray(self.data[index].numpy())
        return self._changed(picture, int(self.targets[index]))

    def __len__(self):
        return len(self.data)

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"


def _digits(train):
    """scikit-learn's digits, 8 × 8, enlarged to 28 × 28 with the border MNIST has."""
    warnings.warn(
        "these are not MNIST's pictures but scikit-learn's 1797 digits, enlarged from 8 x 8, "
        "because TIDU_DATASETS=digits is set and MNIST's files are not there",
        stacklevel=5,
    )
    digits = _sklearn.load_digits()
    part = slice(None, _TRAINED) if train else slice(_TRAINED, None)
    small = ops.from_array(np.ascontiguousarray(digits.images[part], np.float32))
    large = F.interpolate(small[:, None], size=(20, 20), mode="bilinear", align_corners=False)
    images = F.pad(large[:, 0] * (255 / 16), [4, 4, 4, 4]).round().to(dtypes.uint8)
    return images, ops.from_array(np.ascontiguousarray(digits.target[part], np.int64))


class FashionMNIST(MNIST):
    """Pictures of clothes (Xiao et al. 2017), in MNIST's format."""

    classes = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
        "Ankle boot",
    ]  # fmt: skip


class KMNIST(MNIST):
    """Japanese characters (Clanuwat et al. 2018), in MNIST's format."""

    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


class QMNIST(MNIST):
    """MNIST from its sources (Yadav & Bottou 2019); the labels are the first column."""

    def _names(self):
        start = "qmnist-train" if self.train else "qmnist-test"
        return [f"{start}-images-idx3-ubyte", f"{start}-labels-idx2-int"]

    def _load(self, download):
        images, labels = super()._load(download)
        return images, labels[:, 0] if labels.dim() == 2 else labels


class EMNIST(MNIST):
    """Letters and digits (Cohen et al. 2017), in MNIST's format."""

    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")

    def __init__(self, root, split, **options):
        if split not in self.splits:
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are "
                             f"{{{', '.join(map(repr, self.splits))}}}.")  # fmt: skip
        self.split = split
        super().__init__(root, **options)

    def _names(self):
        start = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        return [f"{start}-images-idx3-ubyte", f"{start}-labels-idx1-ubyte"]
