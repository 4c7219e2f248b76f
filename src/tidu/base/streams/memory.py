"""Drawing into existing memory: PyTorch fills a tensor in the order of its memory."""

from __future__ import annotations

import numpy as np

from .normal import normal


def is_contiguous(array: np.ndarray) -> bool:
    """Whether the elements lie one after another in row order."""
    return array.flags.c_contiguous


def fill(array: np.ndarray, draw, *parameters, generator=None) -> np.ndarray:
    """Fill `array` with `draw(shape, dtype, *parameters, generator)`; returns the array.

    >>> from tidu.base.streams import Generator, rand
    >>> fill(np.zeros((2, 2), np.float32).T, rand, generator=Generator().manual_seed(1))
    array([[0.7576316 , 0.40306926],
           [0.27931088, 0.73468447]], dtype=float32)
    """
    if array.flags.c_contiguous:
        array[...] = draw(array.shape, array.dtype, *parameters, generator=generator)
        return array
    axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    in_memory_order = array.transpose(axes)
    options = {"serial": True} if draw is normal else {}
    in_memory_order[...] = draw(
        in_memory_order.shape, array.dtype, *parameters, generator=generator, **options
    )
    return array
