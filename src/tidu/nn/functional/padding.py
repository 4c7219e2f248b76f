"""pad: more numbers at the ends of dimensions."""

from ... import ops
from ...errors import hinted

__all__ = ["pad"]


def pad(input, pad, mode="constant", value=None):
    """Put numbers around: ``pad`` is (left, right) of the last dimension, then of the one before.

    Modes: constant, reflect, replicate, circular.

    >>> import tidu as torch
    >>> torch.nn.functional.pad(torch.tensor([1, 2]), (1, 0))
    tensor([0, 1, 2])
    """
    sides = [int(n) for n in pad]
    if len(sides) % 2 != 0:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(sides) > 2 * input.dim():
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(sides)} and input of dimension {input.dim()}"
        )
    if mode == "constant":
        return _constant(input, sides, 0 if value is None else value)
    if value not in (None, 0, 0.0):
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    _check_dims(input, sides, mode)
    for i in range(len(sides) // 2):
        dim = input.dim() - 1 - i
        before, after = sides[2 * i], sides[2 * i + 1]
        if before or after:
            places = _places(input.size(dim), before, after, mode, dim, input)
            input = ops.index_select(input, dim, ops.tensor(places))
    return input


def _check_dims(input, sides, mode):
    spatial = len(sides) // 2
    if spatial not in (1, 2, 3) or input.dim() not in (spatial + 1, spatial + 2):
        raise NotImplementedError(
            hinted(
                "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now",
                "reflect, replicate and circular pad the last one of 2-D or 3-D, the last two of "
                "3-D or 4-D, or the last three of 4-D or 5-D tensors.",
            )
        )


def _constant(input, sides, value):
    for i in range(len(sides) // 2):
        dim = input.dim() - 1 - i
        before, after = sides[2 * i], sides[2 * i + 1]
        size = input.size(dim)
        if size + before + after < 0:
            raise RuntimeError(
                f"The input size {size}, plus negative padding {before} and {after} resulted in a "
                f"negative output size, which is invalid. Check dimension {dim} of your input."
            )
        start, end = max(0, -before), size - max(0, -after)
        if start or end != size:
            input = input.narrow(dim, start, end - start)
        parts = [_filled(input, dim, before, value), input, _filled(input, dim, after, value)]
        parts = [part for part in parts if part is not None]
        input = ops.cat(parts, dim) if len(parts) > 1 else input
    return input.clone() if not any(sides) else input


def _filled(input, dim, count, value):
    if count <= 0:
        return None
    shape = list(input.shape)
    shape[dim] = count
    return ops.full(shape, value, dtype=input.dtype)


def _places(size, before, after, mode, dim, input):
    """Which old place stands at each new one."""
    new = range(-before, size + after)
    if mode == "replicate":
        return [min(max(place, 0), size - 1) for place in new]
    if mode == "circular":
        if before > size or after > size:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        return [place % size for place in new]
    if before >= size or after >= size:
        raise RuntimeError(
            "Argument #4: Padding size should be less than the corresponding input dimension, but "
            f"got: padding ({before}, {after}) at dimension {dim} of input {list(input.shape)}"
        )
    last = size - 1
    return [last - abs(last - abs(place)) for place in new]
