"""torchvision.datasets: the sets whose files are already on disk; nothing is downloaded."""

from . import folder
from .base import VisionDataset
from .cifar import CIFAR10, CIFAR100
from .folder import DatasetFolder, FakeData, ImageFolder
from .idx import EMNIST, KMNIST, MNIST, QMNIST, FashionMNIST

__all__ = [
    "CIFAR10", "CIFAR100", "EMNIST", "KMNIST", "MNIST", "QMNIST", "DatasetFolder", "FakeData",
    "FashionMNIST", "ImageFolder", "VisionDataset", "folder",
]  # fmt: skip
