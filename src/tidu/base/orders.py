"""The order of axes in memory: of an array made like others, as PyTorch and NumPy choose it."""

import numpy as np

__all__ = ["common_order", "empty_as"]


def common_order(arrays, shape):
    """The axes from the outermost, in the order in which those of the arrays lie. As for NumPy, an
    axis that repeats or has one element stays where it is, and between arrays that differ its own
    order counts."""
    order: list = []  # from the innermost
    for axis in reversed(range(len(shape))):
        place = len(order)
        for at in reversed(range(len(order))):
            pairs = [(abs(a.strides[order[at]]), abs(a.strides[axis])) for a in arrays]
            both = [(inner, own) for inner, own in pairs if inner and own]
            if shape[axis] == 1 or shape[order[at]] == 1 or not both:
                continue
            if any(inner <= own for inner, own in both):
                break
            place = at
        order.insert(place, axis)
    order.reverse()
    return order


def empty_as(array, dtype):
    """A new array of that shape, dense, its axes in the order in which those of `array` lie."""
    if 0 not in array.strides:
        return np.empty_like(array, dtype, order="K")
    order = common_order([array], array.shape)
    return np.empty([array.shape[a] for a in order], dtype).transpose(np.argsort(order))
