"""RandomChoice and RandomOrder as v2 has them: for one value or several, drawn by torch."""

from collections.abc import Sequence

from .... import ops
from ....nn.modules import Module
from .texts import chain

__all__ = ["RandomApply", "RandomChoice", "RandomOrder"]


class _OfTransforms(Module):
    def __init__(self, transforms):
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence of callables")
        if not transforms:
            raise ValueError("Pass at least one transform")
        super().__init__()
        self.transforms = transforms


class RandomApply(_OfTransforms):
    """All of the transforms one after the other, or none: with probability p."""

    def __init__(self, transforms, p=0.5):
        super().__init__(transforms)
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    __repr__ = chain

    def forward(self, *inputs):
        several = len(inputs) > 1
        if ops.rand(1).item() >= self.p:
            return inputs if several else inputs[0]
        for transform in self.transforms:
            result = transform(*inputs)
            inputs = result if several else (result,)
        return inputs if several else inputs[0]


class RandomChoice(_OfTransforms):
    """One of the transforms, drawn with weights `p` from the default generator.

    >>> RandomChoice([abs])(-3)
    3
    """

    def __init__(self, transforms, p=None):
        super().__init__(transforms)
        p = [1] * len(transforms) if p is None else p
        if len(p) != len(transforms):
            raise ValueError(
                f"Length of p doesn't match the number of transforms: {len(p)} != {len(transforms)}"
            )
        total = sum(p)
        self.p = [weight / total for weight in p]

    def forward(self, *inputs):
        which = int(ops.multinomial(ops.tensor(self.p), 1))
        return self.transforms[which](*inputs)

    def extra_repr(self):
        return f"transforms={self.transforms}, p={self.p}"


class RandomOrder(_OfTransforms):
    """All transforms, in an order drawn from the default generator.

    >>> RandomOrder([abs, abs])(-3)
    3
    """

    def forward(self, *inputs):
        several = len(inputs) > 1
        for i in ops.randperm(len(self.transforms)).tolist():
            result = self.transforms[i](*inputs)
            inputs = result if several else (result,)
        return inputs if several else inputs[0]

    def extra_repr(self):
        return f"transforms={self.transforms}"
