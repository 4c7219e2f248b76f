"""Transform: what a transform draws by chance, and what it does with it; Compose and its kin."""

import random

from ... import ops
from ...nn.modules import Module
from ...nn.modules.container import ModuleList

__all__ = [
    "Compose", "Lambda", "RandomApply", "RandomChoice", "RandomOrder", "Transform", "happens",
    "uniform", "whole",
]  # fmt: skip


def uniform(low, high):
    """A number from the default generator, drawn as torchvision draws it."""
    return ops.empty(1).uniform_(float(low), float(high)).item()


def whole(low, high):
    """An integer from low to high - 1."""
    return int(ops.randint(low, high, (1,)).item())


def happens(p):
    """True with probability p."""
    return ops.rand(1).item() < p


class Transform(Module):
    """A change of an image: `draw` asks chance, `change` does what was drawn."""

    p = None  # the probability that anything is done, where a class has one

    def draw(self, image):
        """The random numbers of one call."""

    def change(self, image, drawn):
        """The changed image."""
        raise NotImplementedError

    def forward(self, img):
        if self.p is not None and not happens(self.p):
            return img
        return self.change(img, self.draw(img))


class Compose:
    """Transforms, one after the other.

    >>> Compose([lambda x: x + 1, lambda x: x * 2])(3)
    8
    """

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, img):
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self):
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"{type(self).__name__}({lines}\n)"


class Lambda:
    """A function as a transform."""

    def __init__(self, lambd):
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img):
        return self.lambd(img)

    def __repr__(self):
        return f"{type(self).__name__}()"


class _OfTransforms:
    def __init__(self, transforms):
        if not isinstance(transforms, (list, tuple, ModuleList)):
            raise TypeError("Argument transforms should be a sequence")
        self.transforms = transforms

    def __repr__(self):
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"{type(self).__name__}({lines}\n)"


class RandomApply(Module):
    """All of the transforms with probability p, otherwise none."""

    def __init__(self, transforms, p=0.5):
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, img):
        if self.p < ops.rand(1).item():
            return img
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self):
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"{type(self).__name__}(\n    p={self.p}{lines}\n)"


class RandomChoice(_OfTransforms):
    """One of the transforms, drawn by Python's `random`."""

    def __init__(self, transforms, p=None):
        super().__init__(transforms)
        if p is not None and not isinstance(p, (list, tuple)):
            raise TypeError("Argument p should be a sequence")
        self.p = p

    def __call__(self, *args):
        return random.choices(self.transforms, weights=self.p)[0](*args)

    def __repr__(self):
        return f"{super().__repr__()}(p={self.p})"


class RandomOrder(_OfTransforms):
    """All transforms, in an order drawn by Python's `random`."""

    def __call__(self, img):
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for i in order:
            img = self.transforms[i](img)
        return img
