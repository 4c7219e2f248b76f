"""torch.Size: a tuple of lengths that prints and slices as PyTorch's; orders of axes."""

from math import prod
from operator import index

import numpy as np

from .errors import hinted
from .lazy import TORCH

__all__ = [
    "LIMIT",
    "WIDEST",
    "mismatch",
    "Size",
    "common_order",
    "dense_strides",
    "empty_as",
    "listed",
    "checked_count",
    "checked_size",
    "normalize_axes",
    "normalize_axis",
    "make_size",
    "sizes_from",
    "view_strides",
]

WIDEST = (1 << 63) - 1  # the largest of PyTorch's 64-bit numbers
LIMIT = 1 << 59  # elements of up to 16 bytes, counted in bytes by 64-bit integers


class Size(tuple):
    """The shape of a tensor: a tuple of ints.

    >>> import tidu as torch
    >>> torch.zeros(2, 3).shape
    torch.Size([2, 3])
    >>> torch.zeros(2, 3).shape.numel()
    6
    """

    __slots__ = ()
    __module__ = TORCH

    def __new__(cls, iterable=()):
        made = tuple.__new__(cls, iterable)
        for n in made:
            if n.__class__ is not int:
                return tuple.__new__(cls, [_whole(n, i) for i, n in enumerate(made)])
        return made

    def __repr__(self):
        return f"torch.Size([{', '.join(map(str, self))}])"

    __str__ = __repr__

    def numel(self):
        return prod(self)

    def __getitem__(self, index):
        result = tuple.__getitem__(self, index)
        return make_size(Size, result) if isinstance(index, slice) else result

    def __add__(self, other):
        if not isinstance(other, tuple):
            raise TypeError(
                f"can only concatenate tuple (not {type(other).__name__}) to torch.Size"
            )
        return Size(tuple.__add__(self, other))

    def __radd__(self, other):
        return Size(tuple.__add__(tuple(other), self))

    def __mul__(self, times):
        return make_size(Size, tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __reduce__(self):
        return _size, (tuple(self),)  # by a name that is found without torch, too


def _size(lengths):
    return Size(lengths)


make_size = tuple.__new__  # make_size(Size, shape): of lengths that nobody need look at


def _whole(n, place):
    if getattr(n, "is_symbolic", False):  # the length of a ragged axis
        return n
    try:
        return n.__index__()
    except AttributeError:
        raise TypeError(
            f"torch.Size() takes an iterable of 'int' (item {place} is '{type(n).__name__}')"
        ) from None


def sizes_from(sizes, function=None, word="size"):
    """Lengths given either as separate ints or as one sequence: f(2, 3) and f((2, 3)); `function`
    and the `word` for its argument are for the error."""
    single = len(sizes) == 1
    if single and isinstance(sizes[0], (tuple, list)):
        sizes, single = sizes[0], False
    if single and function is not None and not hasattr(sizes[0], "__index__"):
        raise TypeError(
            f"{function}(): argument '{word}' (position 1) must be tuple of ints, not "
            f"{type(sizes[0]).__name__}"
        )
    return tuple([_length(n, i, function, word) for i, n in enumerate(sizes)])


def checked_size(sizes):
    """Lengths which are not negative and whose product fits in memory's addresses."""
    for n in sizes:
        if n < 0:
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {n}: {list(sizes)}"
            )
    if prod(sizes) >= LIMIT:
        raise RuntimeError(
            hinted(f"Storage size calculation overflowed with sizes={list(sizes)}", _TOO_LARGE)
        )
    return sizes


def checked_count(sizes):
    """As `checked_size`, for views, which take no memory of their own."""
    if prod(sizes) >= LIMIT:
        raise RuntimeError(hinted("numel: integer multiplication overflow", _TOO_LARGE))
    return sizes


_TOO_LARGE = "the product of the lengths must stay below 2**59."


def _length(n, place=0, function=None, word="size"):
    if n.__class__ is int:
        return n
    try:
        return n.__index__()
    except AttributeError:
        kind = type(n).__name__
        raise TypeError(
            f"a length must be an int, but got {kind} ({n!r})" if function is None else
            f"{function}(): argument '{word}' failed to unpack the object at pos {place + 1} with "
            f'error "type must be tuple of ints,but got {kind}"'
        ) from None  # fmt: skip


def normalize_axis(dim, ndim):
    """`dim` counted from the front; out of range is PyTorch's IndexError."""
    if dim.__class__ is not int:
        dim = _axis_int(dim)
    span = ndim if ndim > 0 else 1
    if not -span <= dim < span:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], "
            f"but got {dim})"
        )
    return dim + span if dim < 0 else dim


def _axis_int(dim):
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise TypeError(f"argument 'dim' must be int, not {type(dim).__name__}")
    return dim.__index__()


def listed(number):
    """A tuple of one whole number (Python's, NumPy's, a tensor of one element) or of several."""
    if number.__class__ in (int, bool):
        return (number,)
    try:
        return (index(number),)
    except TypeError:
        return tuple(number)


def normalize_axes(dims, ndim):
    """A sorted tuple of distinct axes from None (all), an int or a sequence."""
    if dims is None:
        return tuple(range(ndim))
    if not isinstance(dims, (tuple, list)):
        dims = (dims,)
    axes = [normalize_axis(d, ndim) for d in dims]
    if len(set(axes)) != len(axes):
        twice = next(a for a in axes if axes.count(a) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return tuple(sorted(axes)) if ndim else ()


def mismatch(a, b):
    """PyTorch's sentence for shapes that do not broadcast, or None if they do."""
    for i in range(1, min(len(a), len(b)) + 1):
        if a[-i] != b[-i] and a[-i] != 1 and b[-i] != 1:
            axis = max(len(a), len(b)) - i
            return hinted(
                f"The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at "
                f"non-singleton dimension {axis}",
                f"shapes {list(a)} and {list(b)} are aligned from the right, and each pair of "
                "lengths must be equal or contain a 1.",
            )
    return None


# --- the order of axes in memory ---


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


def dense_strides(shape):
    """Those, in elements, of an array whose elements lie in the order of its axes."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def view_strides(shape, strides, wanted):
    """The strides by which the same elements have the shape `wanted`, by matching runs of axes;
    None where they must move. (NumPy copies an array to find that out.) None of the sizes is 0."""
    old = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    out, i, sizes, j = [], 0, list(wanted), 0
    while j < len(sizes):
        if sizes[j] == 1:
            out.append(0)
            j += 1
            continue
        if i == len(old):
            return None
        have, step = old[i]
        i += 1
        group = [sizes[j]]
        j += 1
        while prod(group) != have:
            if prod(group) < have and j < len(sizes):
                group.append(sizes[j])
                j += 1
            elif i < len(old) and old[i][1] * old[i][0] == step:
                n, step = old[i]
                have *= n
                i += 1
            else:
                return None
        out.extend([step * s for s in dense_strides(group)])
    return out if i == len(old) else None


def empty_as(array, dtype):
    """A new array of that shape, dense, its axes in the order in which those of `array` lie."""
    if 0 not in array.strides:
        return np.empty_like(array, dtype, order="K")
    order = common_order([array], array.shape)
    return np.empty([array.shape[a] for a in order], dtype).transpose(np.argsort(order))
