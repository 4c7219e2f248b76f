"""torch.einsum: sums of products in index notation, as matrix products of arranged operands."""

import math
from functools import lru_cache

from ..base.errors import type_name
from ..core.handle import TensorBase, shape_of
from ..core.retries import worded
from ..primitives.base import reduce_sum, reshape, transpose
from ..primitives.contraction import matmul as matmul_prim
from .convert import named, ndim_of, require_tensors
from .shapes import expand

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@worded
def einsum(equation, *operands):
    """Sums of products by index letters: einsum("bij,bjk->bik", x, y).

    >>> import tidu as torch
    >>> torch.einsum("i,i->", torch.ones(3), torch.ones(3))
    tensor(3.)
    """
    if isinstance(equation, TensorBase):
        equation, operands = _lettered((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    if not isinstance(equation, str):
        kind = type_name(equation)
        raise TypeError(f"einsum(): argument 'equation' (position 1) must be str, not {kind}")
    require_tensors(operands, 1)
    inputs, output = _parse(equation.replace(" ", ""), tuple([ndim_of(x) for x in operands]))
    terms = [
        _diagonals(x, letters, k)
        for k, (x, letters) in enumerate(zip(operands, inputs, strict=True))
    ]
    _check_lengths(terms)
    for letter in output:
        if not any(letter in letters for _, letters in terms):
            raise RuntimeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any "
                "input operand"
            )
    pair = None
    while len(terms) > 1:
        (x, a), (y, b) = terms[0], terms[1]
        later = set(output).union(*[letters for _, letters in terms[2:]])
        pair = [(x, {*b} - {*a}), (y, {*a} - {*b})], {*a, *b} <= later
        terms[:2] = [_contract(x, a, y, b, later)]
    x, letters = terms[0]
    given = x
    gone = tuple([k for k, letter in enumerate(letters) if letter not in output])
    if gone:
        x = reduce_sum(x, axes=gone, keepdims=False)
        letters = [letter for letter in letters if letter in output]
    order = tuple([letters.index(letter) for letter in output])
    if x is operands[0] or order != tuple(range(len(order))):  # a view of the operand, not itself
        x = transpose(x, axes=order)
    if x._node is not None:
        if pair is not None:
            _show(x, *pair)
        elif gone:
            named(x, "SumBackward1", ("Permute", given))
        elif len(inputs[0]) == len(letters) + 1:
            named(x, "PermuteBackward0", ("Permute", ("Diagonal", operands[0])))
    return x


def _show(result, operands, alone):
    """The steps PyTorch has: operands in one order of letters, with those they lack, and then a
    product, of elements (`alone`) or of matrices."""
    steps = []
    for operand, lacking in operands:
        for _ in lacking:
            operand = "Unsqueeze", operand
        steps.append(("Permute", operand))
    if alone:
        named(result, "MulBackward0", *steps)
    else:
        matrices = [("View", ("Permute", step)) for step in steps]
        named(result, "ViewBackward0", ("Permute", ("View", ("Bmm", *matrices))))


def _lettered(arguments):
    """einsum(x, [0, 1], y, [1, 2], [0, 2]) as an equation and its operands."""

    def word(axes):
        if any(n is not Ellipsis and not 0 <= n < 52 for n in axes):
            raise RuntimeError("einsum(): subscripts must be in the range [0, 52)")
        return "".join(["..." if n is Ellipsis else _LETTERS[n] for n in axes])

    pairs = len(arguments) // 2
    equation = ",".join([word(axes) for axes in arguments[1 : 2 * pairs : 2]])
    if len(arguments) % 2:
        equation += "->" + word(arguments[-1])
    return equation, arguments[: 2 * pairs : 2]


def _check_subscripts(left, right, begin):
    """Letters, and dots in threes, once in each operand and in the result; letters of the result
    once."""
    for text, first in ((left, 0), (right, begin)):
        for place, letter in enumerate(text, first):
            if letter not in _LETTERS and letter not in (",." if text is left else "."):
                raise RuntimeError(
                    f"einsum(): invalid subscript given at index {place} in the equation string, "
                    "subscripts must be in [a-zA-Z]"
                )
    parts = {f"operand {k}": part for k, part in enumerate(left.split(","))}
    for where, part in {**parts, "the output": right}.items():
        rest = part.replace("...", "", 1)
        if "." in rest:
            what = "for which an ellipsis was already found"
            if "..." not in part:
                what = "that is not part of any ellipsis"
            raise RuntimeError(f"einsum(): found '.' for {where} {what}")
    for letter in right.replace("...", ""):
        if right.count(letter) > 1:
            raise RuntimeError(
                f"einsum(): output subscript {letter} appears more than once in the output"
            )


@lru_cache
def _parse(equation, ranks):
    """(letters of each operand, letters of the result)."""
    left, arrow, right = equation.partition("->")
    parts = left.split(",")
    _check_subscripts(left, right, len(left) + len(arrow))
    if len(parts) != len(ranks):
        raise RuntimeError(
            "einsum(): more operands were provided than specified in the equation"
            if len(ranks) > len(parts)
            else "einsum(): fewer operands were provided than specified in the equation"
        )
    dots = max(
        [
            rank - len(part.replace("...", ""))
            for part, rank in zip(parts, ranks, strict=True)
            if "..." in part
        ],
        default=0,
    )
    inputs = []
    for k, (part, rank) in enumerate(zip(parts, ranks, strict=True)):
        if "..." in part:
            count = rank - len(part.replace("...", ""))
            before, _, after = part.partition("...")
            letters = [*before, *[f".{j}" for j in range(dots - count, dots)], *after]
        else:
            letters = list(part)
        if len(letters) != rank:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(letters)}) does not "
                f"match the number of dimensions ({rank}) for operand {k} and no ellipsis was given"
            )
        inputs.append(letters)
    spread = [f".{j}" for j in range(dots)]
    if arrow:
        before, there, after = right.partition("...")
        output = [*before, *(spread if there else []), *after]
    else:
        flat = [letter for letters in inputs for letter in letters]
        output = spread + sorted({x for x in flat if flat.count(x) == 1 and not x.startswith(".")})
    return inputs, output


def _diagonals(x, letters, operand):
    """Repeated letters in one operand mean its diagonal."""
    letters = list(letters)
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            a = letters.index(letter)
            b = letters.index(letter, a + 1)
            n, m = shape_of(x)[a], shape_of(x)[b]
            if n != m:
                raise RuntimeError(
                    f"einsum(): subscript {letter} is repeated for operand {operand} but the sizes "
                    f"don't match, {m} != {n}"
                )
            x = x.diagonal(0, a, b)
            letters = [m for k, m in enumerate(letters) if k not in (a, b)] + [letter]
    return x, letters


def _check_lengths(terms):
    lengths = {}
    for k, (x, letters) in enumerate(terms):
        for letter, n in zip(letters, shape_of(x), strict=True):
            have = lengths.setdefault(letter, n)
            if have == 1:
                lengths[letter] = n
            elif n not in (1, have):
                raise RuntimeError(
                    f"einsum(): subscript {letter} has size {n} for operand {k} which does not "
                    f"broadcast with previously seen size {have}"
                )


def _contract(x, a, y, b, later):
    """One pair of operands as one batched matrix product."""
    both = [m for m in a if m in b and m in later]
    summed = [m for m in a if m in b and m not in later]
    x, a = _sum_unshared(x, a, b, later)
    y, b = _sum_unshared(y, b, a, later)
    left, right = [m for m in a if m not in b], [m for m in b if m not in a]
    size = {}
    for letters, t in ((a, x), (b, y)):
        for m, n in zip(letters, shape_of(t), strict=True):
            size[m] = n if size.get(m, 1) == 1 else size[m]
    xs = _arranged(x, a, both + left + summed, size)
    ys = _arranged(y, b, both + summed + right, size)
    shape = [size[m] for m in both]
    count = [math.prod([size[m] for m in group]) for group in (left, summed, right)]
    xs = _shaped(xs, (*shape, count[0], count[1]))
    ys = _shaped(ys, (*shape, count[1], count[2]))
    letters = both + left + right
    return _shaped(matmul_prim(xs, ys), tuple([size[m] for m in letters])), letters


def _sum_unshared(x, letters, other, later):
    gone = tuple([k for k, m in enumerate(letters) if m not in other and m not in later])
    if not gone:
        return x, letters
    return reduce_sum(x, axes=gone, keepdims=False), [
        m for k, m in enumerate(letters) if k not in gone
    ]


def _arranged(x, letters, order, size):
    if order != letters:
        x = transpose(x, axes=tuple([letters.index(m) for m in order]))
    shape = tuple([size[m] for m in order])
    return x if tuple(shape_of(x)) == shape else expand(x, shape)


def _shaped(x, shape):
    return x if tuple(shape_of(x)) == shape else reshape(x, shape=shape)
