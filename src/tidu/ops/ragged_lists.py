"""Nested lists of numbers that are no plain arrays: numbers of many bits, and what is refused.

`from_data.py` asks here where NumPy finds no common type or shape.
"""

from numbers import Number

import numpy as np

from ..core.handle import TensorBase
from .numbers import require_width

__all__ = ["ragged", "sequence", "unusual"]


def sequence(data):
    """What can be gone through as a list, or an array; RuntimeError for anything else."""
    if isinstance(data, str):
        raise TypeError("new(): invalid data type 'str'")
    if hasattr(data, "__array__"):
        return np.asarray(data)
    if hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, dict):
        return list(data)
    raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")


def unusual(array, data, to):
    """The array of what may be no numbers, or numbers for which NumPy has no common type. `to`:
    the type that was asked for, or None."""
    if array.dtype.kind in "US":
        raise _not_numbers(data)
    leaves = set(map(type, _leaves(data)))
    if not leaves <= {bool, int, float, complex}:
        if array.dtype == object:
            raise _not_numbers(data)
        return array
    if array.dtype.kind == "f" and float in leaves:
        return array
    whole = not leaves & {float, complex}
    kind = ("i" if whole else "f") if to is None else to.kind
    if kind == "i" and whole:
        for number in _leaves(data):
            require_width(number)
    return array if kind in "iu" else np.array(array, complex if complex in leaves else float)


def _leaves(data):
    if isinstance(data, (list, tuple)):
        for part in data:
            yield from _leaves(part)
    else:
        yield data


def ragged(data):
    """What PyTorch says of nested lists that do not have the shape of their first elements."""
    lengths, first = [], data
    while isinstance(first, (list, tuple)) and first:
        lengths.append(len(first))
        first = first[0]
    return _unlike(data, lengths, 0, isinstance(first, float))


def _unlike(data, lengths, depth, real):
    is_list = isinstance(data, (list, tuple))
    if depth == len(lengths):
        if not is_list:
            return None
        return TypeError(
            "must be real number, not list"
            if real
            else "'list' object cannot be interpreted as an integer"
        )
    if not is_list:
        return TypeError("not a sequence")
    if len(data) != lengths[depth]:
        return ValueError(
            f"expected sequence of length {lengths[depth]} at dim {depth} (got {len(data)})"
        )
    found = (_unlike(part, lengths, depth + 1, real) for part in data)
    return next((error for error in found if error is not None), None)


def _not_numbers(data):
    """PyTorch's error for lists in which something is no number."""
    first = data
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    if isinstance(first, str):
        return ValueError("too many dimensions 'str'")
    leaf = next(x for x in _leaves(data) if not isinstance(x, (Number, TensorBase, np.generic)))
    if isinstance(leaf, str):
        return TypeError("new(): invalid data type 'str'")
    return RuntimeError(f"Could not infer dtype of {type(leaf).__name__}")
