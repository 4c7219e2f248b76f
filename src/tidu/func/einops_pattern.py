"""func.rearrange: axes named in a pattern, taken apart, joined and moved."""

import math
import re

from ..ops import permute, reshape, stack

__all__ = ["rearrange"]

_DOTS = "..."


def _parsed(side):
    """A list of groups of names: "a (b c) 1 ..." -> [[a], [b, c], [], [...]]."""
    if re.search(r"\([^)]*\(", side):
        raise ValueError("Axis composition is one-level (brackets inside brackets not allowed)")
    if side.count("(") != side.count(")"):
        raise ValueError("Brackets are not balanced")
    groups, seen = [], set()
    for inner, single in re.findall(r"\(([^()]*)\)|([^\s()]+)", side):
        names = (inner if not single else single).split()
        names = [name for name in names if name != "1"]
        for name in names:
            if name != _DOTS and not name.isidentifier():
                raise ValueError(f"Invalid axis identifier: {name}")
            if name in seen:
                raise ValueError(f"Indexing expression contains duplicate dimension '{name}'")
            seen.add(name)
        groups.append(names)
    return groups, seen


def _both_sides(pattern, sizes):
    halves = pattern.split("->")
    if len(halves) != 2:
        raise ValueError("Pattern must contain a single '->' separator")
    (left, before), (right, after) = _parsed(halves[0]), _parsed(halves[1])
    if before != after:
        raise ValueError(
            "Identifiers only on one side of rearrange expression (should be on both): "
            f"{before ^ after}"
        )
    unknown = set(sizes) - before
    if unknown:
        raise ValueError(f"Identifiers not found in rearrange expression: {unknown}")
    return left, right


def _lengths(left, shape, sizes, pattern):
    """name -> length, and the names of "..." in order."""
    missing = len(shape) - sum(group != [_DOTS] for group in left)
    exact = not any(_DOTS in group for group in left)
    if missing < 0 or (exact and missing):
        raise ValueError(
            f"Number of dimensions in pattern ({len(left)}) must be equal to the number of "
            f"dimensions in the tensor ({len(shape)})"
        )
    dots = [f"...{i}" for i in range(missing)]
    known, at = dict(sizes), 0
    for group in left:
        if group == [_DOTS]:
            known |= dict(zip(dots, shape[at : at + missing], strict=True))
            at += missing
            continue
        given = math.prod(known[name] for name in group if name in known)
        free = [name for name in group if name not in known]
        if len(free) > 1:
            raise ValueError(
                f"cannot infer the sizes of two dimensions at once {free[0]} and {free[1]}"
            )
        if free and given and shape[at] % given == 0:
            known[free[0]] = shape[at] // given
        elif free or given != shape[at]:
            raise ValueError(
                f"axis {at} of length {shape[at]} does not fit {' '.join(group) or '1'!r} in "
                f"{pattern!r}"
            )
        at += 1
    return known, dots


def rearrange(tensor, pattern, **axes_lengths):
    """Axes moved, joined and taken apart as the pattern says, in the notation of einops.

    A sequence of tensors is stacked first. ValueError for a pattern that does not fit.

    >>> import tidu as torch
    >>> torch.func.rearrange(torch.arange(6), "(h w) -> w h", h=2)
    tensor([[0, 3],
            [1, 4],
            [2, 5]])
    """
    if not hasattr(tensor, "dim"):
        tensor = stack(tuple(tensor))
    left, right = _both_sides(pattern, axes_lengths)
    known, dots = _lengths(left, tuple(tensor.shape), axes_lengths, pattern)

    def spread(groups):
        return [[n for name in g for n in (dots if name == _DOTS else [name])] for g in groups]

    apart = [name for group in spread(left) for name in group]
    order = [apart.index(name) for group in spread(right) for name in group]
    pieces = reshape(tensor, tuple(known[name] for name in apart))
    shape = []
    for group in right:
        names = dots if group == [_DOTS] else [n for g in spread([group]) for n in g]
        shape += (
            [known[n] for n in names] if group == [_DOTS] else [math.prod(known[n] for n in names)]
        )
    return reshape(permute(pieces, tuple(order)), tuple(shape))
