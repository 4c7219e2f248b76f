"""Pictures in folders, one folder for each class; and pictures of noise."""

import os

from ... import ops
from ...random import Generator
from ..pictures import open_rgb
from ..transforms.functional import to_pil_image
from .base import VisionDataset

__all__ = [
    "IMG_EXTENSIONS", "DatasetFolder", "FakeData", "ImageFolder", "default_loader", "find_classes",
    "has_file_allowed_extension", "is_image_file", "make_dataset", "pil_loader",
]  # fmt: skip

IMG_EXTENSIONS = (
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp",
)  # fmt: skip


def has_file_allowed_extension(filename, extensions):
    """Whether the name ends in one of these, in large or small letters."""
    ends = (extensions,) if isinstance(extensions, str) else tuple(extensions)
    return filename.lower().endswith(ends)


def is_image_file(filename):
    """Whether the name is that of a picture."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def pil_loader(path):
    """The picture in a file, as RGB."""
    return open_rgb(path)


default_loader = pil_loader


def find_classes(directory):
    """(names of the folders, name -> number)."""
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: i for i, name in enumerate(classes)}


def make_dataset(directory, class_to_idx=None, extensions=None, is_valid_file=None,
                 allow_empty=False):  # fmt: skip
    """(path, class number) of every file."""
    directory = os.path.expanduser(directory)
    class_to_idx = find_classes(directory)[1] if class_to_idx is None else class_to_idx
    if not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError(
            "Both extensions and is_valid_file cannot be None or not None at the same time"
        )
    valid = is_valid_file or (lambda path: has_file_allowed_extension(path, extensions))
    found, empty = [], []
    for name in sorted(class_to_idx):
        paths = [path for path in _paths(os.path.join(directory, name)) if valid(path)]
        found += [(path, class_to_idx[name]) for path in paths]
        if not paths:
            empty.append(name)
    if empty and not allow_empty:
        message = f"Found no valid file for the classes {', '.join(sorted(empty))}. "
        if extensions is not None:
            ends = extensions if isinstance(extensions, str) else ", ".join(extensions)
            message += f"Supported extensions are: {ends}"
        raise FileNotFoundError(message)
    return found


def _paths(folder):
    for where, _, names in sorted(os.walk(folder, followlinks=True)):
        for name in sorted(names):
            yield os.path.join(where, name)


class DatasetFolder(VisionDataset):
    """Files below `root/class/`, read by `loader`."""

    def __init__(
        self, root, loader, extensions=None, transform=None, target_transform=None,
        is_valid_file=None, allow_empty=False,
    ):  # fmt: skip
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(
            self.root, self.class_to_idx, extensions, is_valid_file, allow_empty
        )
        self.loader = loader
        self.extensions = extensions
        self.targets = [target for _, target in self.samples]

    make_dataset = staticmethod(make_dataset)

    def find_classes(self, directory):
        """Override to number the classes otherwise."""
        return find_classes(directory)

    def __getitem__(self, index):
        path, target = self.samples[index]
        return self._changed(self.loader(path), target)

    def __len__(self):
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Pictures below `root/class/`."""

    def __init__(self, root, transform=None, target_transform=None, loader=default_loader,
                 is_valid_file=None, allow_empty=False):  # fmt: skip
        super().__init__(
            root, loader, IMG_EXTENSIONS if is_valid_file is None else None, transform,
            target_transform, is_valid_file, allow_empty,
        )  # fmt: skip
        self.imgs = self.samples


class FakeData(VisionDataset):
    """Pictures of noise, the same ones each time."""

    def __init__(
        self, size=1000, image_size=(3, 224, 224), num_classes=10, transform=None,
        target_transform=None, random_offset=0,
    ):  # fmt: skip
        super().__init__(transform=transform, target_transform=target_transform)
        self.size = size
        self.num_classes = num_classes
        self.image_size = image_size
        self.random_offset = random_offset

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        generator = Generator().manual_seed(index + self.random_offset)
        noise = ops.randn(*self.image_size, generator=generator)
        target = int(ops.randint(0, self.num_classes, (1,), generator=generator).item())
        return self._changed(to_pil_image(noise), target)

    def __len__(self):
        return self.size
