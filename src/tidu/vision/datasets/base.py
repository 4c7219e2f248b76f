"""VisionDataset, and what all data sets say when their files are missing."""

import os

from ...base.errors import hinted
from ...utils.data import Dataset

__all__ = ["StandardTransform", "VisionDataset", "missing_files"]


class StandardTransform:
    """A transform of the image and one of the target, as one of both."""

    def __init__(self, transform=None, target_transform=None):
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input, target):
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target


class VisionDataset(Dataset):
    """Images and targets below a folder `root`, with transforms for them."""

    _repr_indent = 4

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError(
                "Only transforms or transform/target_transform can be passed as argument"
            )
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __len__(self):
        raise NotImplementedError

    def extra_repr(self):
        """Override: further lines of the text."""
        return ""

    def __repr__(self):
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        if isinstance(self.transforms, StandardTransform):
            parts = ["StandardTransform"]
            for title in ("transform", "target_transform"):
                if getattr(self, title) is not None:
                    head = "Transform: " if title == "transform" else "Target transform: "
                    text = repr(getattr(self, title)).splitlines()
                    parts += [head + text[0], *(" " * len(head) + line for line in text[1:])]
            lines.append("\n".join(parts))
        elif self.transforms is not None:
            lines.append(repr(self.transforms))
        return "\n".join([f"Dataset {type(self).__name__}", *(" " * 4 + line for line in lines)])

    def _changed(self, image, target):
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target


def missing_files(name, files, folder, asked, replacement=""):
    """The error of a data set whose files are not there."""
    what = "" if asked else "Dataset not found. You can use download=True to download it"
    what = what or f"{name} is not in {folder}, and nothing is downloaded here"
    return RuntimeError(
        hinted(what, f"put {', '.join(files)} into the folder {folder}.{replacement}")
    )
