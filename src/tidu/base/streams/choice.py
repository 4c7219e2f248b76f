"""Choosing among alternatives: randperm, multinomial."""

from __future__ import annotations

import numpy as np

from . import generator as source
from .check import default_name, refuse
from .uniform import DIGITS, exponential, finish, floats64

# From here on, all swaps at once are quicker than one after another.
_MANY = 400


def randperm(n: int, dtype=np.int64, generator=None) -> np.ndarray:
    """The numbers 0 .. n-1 in random order: each place swaps with one not before it.

    >>> randperm(5, np.int64, source.Generator().manual_seed(1)).tolist()
    [0, 4, 2, 3, 1]
    """
    generator = generator or source.default_generator
    dtype = np.dtype(dtype)
    _check_permutation(n, dtype)
    left = np.arange(n, 1, -1, dtype=np.uint32)
    places = (generator.words(max(n - 1, 0)) % left).astype(np.int64)
    places += np.arange(places.size)
    order = _swapped(places, n) if n < _MANY else _swapped_together(places, n)
    return finish(order.astype(np.float64) if dtype.kind in "fV" else order, (n,), dtype)


def _swapped(places, n: int) -> np.ndarray:
    """0 .. n-1 after the swaps of each place i with places[i], one after another."""
    order = list(range(n))
    for i, j in enumerate(places.tolist()):
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.int64)


def _swapped_together(places, n: int) -> np.ndarray:
    """The same, all steps at once.

    Step i moves into place i, for good, what lay at j = places[i]: what an earlier step i' with the
    same j moved away from its own place i', or j itself if there is none. So only "what lay at
    place i before step i" is to be found: a chain of such earlier steps, followed by jumping.
    """
    steps = np.arange(n - 1)
    keys = (places << 32) | steps
    keys = keys[places != steps]
    keys.sort()
    slots, steps = keys >> 32, keys & 0xFFFFFFFF
    repeated = slots[1:] == slots[:-1]
    before = np.arange(n)
    last = np.flatnonzero(np.append(~repeated, True)) if slots.size else slots
    before[slots[last]] = steps[last]
    following = before[before]
    while not np.array_equal(following, before):
        before, following = following, following[following]
    order = before.copy()
    order[steps[:1]] = slots[:1]
    order[steps[1:]] = np.where(repeated, before[steps[:-1]], slots[1:])
    return order


def _check_permutation(n: int, dtype) -> None:
    if n < 0:
        refuse(
            f"Trying to create tensor with negative dimension {n}: [{n}]",
            "the number of elements cannot be negative.",
        )
    if n >= 2**32 // 20:
        # PyTorch changes to another scheme here; the list alone would take 8 GB.
        refuse(
            f"randperm of {n} elements is not supported",
            f"at most {2**32 // 20 - 1} elements can be permuted.",
            NotImplementedError,
        )
    name = default_name(dtype)
    if dtype.kind in "bc":
        refuse(
            f"\"randperm\" not implemented for '{name}'",
            "use an integer or float type.",
            NotImplementedError,
        )
    if dtype.kind in "iu" and n > np.iinfo(dtype).max:
        refuse(
            f"value cannot be converted to type {dtype.name}_t without overflow",
            "use dtype=torch.int64.",
        )
    if dtype.name in ("float16", "float32", "float64"):
        largest = 2 ** DIGITS[dtype.name] + 1
        if n > largest:
            refuse(f"n cannot be greater than {largest} for {name} type.", "use dtype=torch.int64.")


def multinomial(weights: np.ndarray, count: int, replacement=False, generator=None) -> np.ndarray:
    """Indices drawn with the given weights, from one row or from each row of a matrix.

    Shapes: (k,) gives (count,), (m, k) gives (m, count); the weights need not sum to one.
    """
    generator = generator or source.default_generator
    _check_weights(weights, count, replacement)
    rows = weights.reshape(-1, weights.shape[-1])
    if not rows.shape[0]:
        chosen = np.empty((0, count), np.int64)
    elif replacement and count > 1:
        chosen = _with_replacement(rows, count, generator)
    else:
        chosen = _without_replacement(rows, count, generator)
    return chosen.reshape((*weights.shape[:-1], count))


def _check_weights(weights, count: int, replacement) -> None:
    if weights.ndim not in (1, 2):
        refuse("prob_dist must be 1 or 2 dim", "give one row of weights or a matrix of rows.")
    if weights.dtype.kind not in "fV":
        refuse(
            "multinomial only supports floating-point dtypes for input, got: "
            f"{default_name(weights.dtype)}",
            "convert the weights with .float().",
        )
    if count <= 0:
        refuse("cannot sample n_sample <= 0 samples", "num_samples must be at least 1.")
    if not replacement and count > weights.shape[-1]:
        refuse(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
            "draw fewer samples, or pass replacement=True.",
        )
    if not weights.size:
        return
    finite = bool(np.all(np.isfinite(weights)))
    if not (finite and np.all(weights >= 0)):
        refuse(
            _bad_weights(finite, replacement and count > 1), "every weight must be finite, >= 0."
        )
    if not np.all(np.sum(weights, axis=-1, dtype=np.float64) > 0):
        refuse(
            "invalid multinomial distribution (sum of probabilities <= 0)",
            "at least one weight of each row must be positive.",
        )


def _bad_weights(finite: bool, many: bool) -> str:
    if not many:
        return "probability tensor contains either `inf`, `nan` or element < 0"
    entry = "probability entry < 0" if finite else "probability entry = infinity or NaN"
    return f"invalid multinomial distribution (encountering {entry})"


def _with_replacement(rows, count: int, generator) -> np.ndarray:
    kind = np.float64 if rows.dtype == np.float64 else np.float32
    cumulative = np.cumsum(rows, axis=1, dtype=kind)
    cumulative /= cumulative[:, -1:]  # type: ignore[misc]
    uniforms = floats64(len(rows) * count, generator).reshape(-1, count)
    chosen = np.empty(uniforms.shape, np.int64)
    for row, numbers, out in zip(cumulative.astype(np.float64), uniforms, chosen, strict=True):
        out[:] = np.searchsorted(row, numbers)
    return np.minimum(chosen, rows.shape[1] - 1)


def _without_replacement(rows, count: int, generator) -> np.ndarray:
    """The race of exponential clocks: the largest ratios of weight to waiting time win."""
    waiting = exponential(rows.shape, rows.dtype, 1.0, generator)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = rows / waiting
    if count == 1:
        return np.argmax(ratio, axis=1)[:, None]
    np.negative(ratio, out=ratio)
    return np.argsort(ratio, axis=1, kind="stable")[:, :count]
