"""RandomChoice and RandomOrder as v2 has them: for one value or several, drawn by torch."""

from collections.abc import Sequence

from .... import ops
from ....nn.modules import Module

__all__ = ["RandomChoice", "RandomOrder"]


class _OfTransforms(Module):
    def __init__(self, transforms):
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence of callables")
        if not transforms:
            raise ValueError("Pass at least one transform")
        super().__init__()
        self.transforms = transforms


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
