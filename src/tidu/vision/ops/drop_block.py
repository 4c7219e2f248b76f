"""DropBlock: dropout of whole blocks of neighbouring pixels (Ghiasi et al. 2018)."""

from math import prod

from ... import ops
from ...nn import functional as F
from ...nn.modules import Module

__all__ = ["DropBlock2d", "DropBlock3d", "drop_block2d", "drop_block3d"]

_POOLS = {2: F.max_pool2d, 3: F.max_pool3d}


def _drop_blocks(axes, input, p, block_size, inplace, eps, training):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.ndim != axes + 2:
        raise ValueError(f"input should be {axes + 2} dimensional. Got {input.ndim} dimensions.")
    if not training or p == 0.0:
        return input
    sizes = input.shape[2:]
    side = min(block_size, *sizes)
    if side % 2 == 0:
        raise ValueError(f"block size should be odd. Got {side} which is even.")
    places = [size - side + 1 for size in sizes]  # where the middle of a block may be
    rate = p * prod(sizes) / (side**axes * prod(places))
    middles = ops.empty((*input.shape[:2], *places), dtype=input.dtype).bernoulli_(rate)
    middles = F.pad(middles, [side // 2] * (2 * axes), value=0)
    kept = 1 - _POOLS[axes](middles, side, stride=1, padding=side // 2)
    scale = kept.numel() / (eps + kept.sum())
    return input.mul_(kept).mul_(scale) if inplace else input * kept * scale


def drop_block2d(input, p, block_size, inplace=False, eps=1e-06, training=True):
    """Blocks of images (N, C, H, W) become zero with probability p for each pixel."""
    return _drop_blocks(2, input, p, block_size, inplace, eps, training)


def drop_block3d(input, p, block_size, inplace=False, eps=1e-06, training=True):
    """Blocks of volumes (N, C, D, H, W) become zero with probability p for each place."""
    return _drop_blocks(3, input, p, block_size, inplace, eps, training)


class DropBlock2d(Module):
    """`drop_block2d` in training."""

    _drop = staticmethod(drop_block2d)

    def __init__(self, p, block_size, inplace=False, eps=1e-06):
        super().__init__()
        self.p, self.block_size, self.inplace, self.eps = p, block_size, inplace, eps

    def forward(self, input):
        return self._drop(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def __repr__(self):
        return (f"{type(self).__name__}(p={self.p}, block_size={self.block_size}, "
                f"inplace={self.inplace})")  # fmt: skip


class DropBlock3d(DropBlock2d):
    """`drop_block3d` in training."""

    _drop = staticmethod(drop_block3d)
