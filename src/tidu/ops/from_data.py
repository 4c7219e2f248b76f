"""What torch.tensor makes of numbers, nested lists, arrays: PyTorch's types, PyTorch's refusals.

Read `array_from`.
"""

from functools import reduce
from numbers import Number

import numpy as np

from ..core.handle import TensorBase, concrete
from ..core.modes import LOCAL
from ..dtypes import DEFAULT, bool_, from_numpy_dtype, int64, promote_types, to_numpy_dtype
from ..errors import hinted
from .convert import type_of
from .numbers import check_fits, require_scalar, require_width

__all__ = ["array_from", "refuse_array_in_trace"]


def refuse_array_in_trace():
    """A NumPy array that a traced program reads may hold other numbers at the next call."""
    if LOCAL.tracer is not None:
        raise RuntimeError("a NumPy array becomes a tensor inside the function")


def array_from(data, dtype=None):
    """A new array (or NumPy scalar) with PyTorch's choice of type for this data."""
    kind = data.__class__
    if kind is float:
        return DEFAULT.numpy.type(data) if dtype is None else _scalar(data, dtype)
    if isinstance(data, (np.ndarray, np.generic)):
        refuse_array_in_trace()
        from_numpy_dtype(data.dtype)
        return np.array(data, _type(dtype, data.dtype.newbyteorder("=")))
    if kind in (int, bool, complex):
        return _scalar(data, dtype)
    if not isinstance(data, (list, tuple)):
        data = _sequence(data)
        if isinstance(data, np.ndarray):
            return array_from(data, dtype)
    plain = _plain_nested(data)
    try:
        array = np.array(plain)
    except ValueError:
        raise _ragged(data) from None
    kind = array.dtype.kind
    if kind in "OuUS" or (kind == "f" and _first_leaf(data).__class__ is int):
        array = _unusual(array, data, dtype)
    to = _type(dtype, _kind_type(array, data))
    if dtype is not None and to.kind in "iu":
        check_fits(array, to)
    if array.dtype.kind == "c" and to.kind not in "bc":
        raise TypeError("must be real number, not complex")
    return np.asarray(array, to)


def _unusual(array, data, dtype):
    """The array of what may be no numbers, or numbers for which NumPy has no common type."""
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
    kind = ("i" if whole else "f") if dtype is None else to_numpy_dtype(dtype).kind
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


def _sequence(data):
    if isinstance(data, str):
        raise TypeError("new(): invalid data type 'str'")
    if hasattr(data, "__array__"):
        return np.asarray(data)
    if hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, dict):
        return list(data)
    raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")


def _scalar(number, dtype):
    if dtype is None:
        if number.__class__ is bool:
            return np.bool_(number)
        if number.__class__ is complex:
            return DEFAULT.complex.numpy.type(number)
        require_width(number)
        return np.int64(number)
    to = to_numpy_dtype(dtype)
    if to.kind in "iu":
        if number.__class__ is int:
            (require_scalar if to.itemsize == 8 and to.kind == "u" else require_width)(number)
        check_fits(np.array(number), to)
        return np.array(number).astype(to)[()]
    if number.__class__ is complex and to.kind not in "bc":
        raise TypeError("must be real number, not complex")
    return to.type(number)


def _plain_nested(data):
    if data and any(isinstance(d, TensorBase) for d in data):
        return [_element(d) if isinstance(d, TensorBase) else d for d in data]
    if data and isinstance(data[0], (list, tuple)):
        return [_plain_nested(d) if isinstance(d, (list, tuple)) else d for d in data]
    return data


def _element(tensor):
    value = concrete(tensor)
    if value.size != 1:
        raise ValueError(hinted(
            "only one element tensors can be converted to Python scalars",
            "torch.stack(tensors) puts tensors of one shape together.",
        ))  # fmt: skip
    return value.item()


def _types_within(data, found):
    """The types of the tensors, arrays and Python numbers in nested sequences."""
    classes = set(map(type, data))
    for kind in classes & _PYTHON_NUMBERS:
        found.add(_of_python(kind))
    if not classes <= _PYTHON_NUMBERS:
        for item in data:
            if isinstance(item, (list, tuple)):
                _types_within(item, found)
            elif isinstance(item, TensorBase):
                found.add(type_of(item))
            elif isinstance(item, (np.generic, np.ndarray)):
                found.add(from_numpy_dtype(item.dtype))
    return found


_PYTHON_NUMBERS = {bool, int, float, complex}


def _of_python(kind):
    if kind is float:
        return DEFAULT.dtype
    return DEFAULT.complex if kind is complex else bool_ if kind is bool else int64


def _has_typed_leaf(data):
    return any(
        _has_typed_leaf(d) if isinstance(d, (list, tuple)) else True
        for d in data
        if d.__class__ not in _PYTHON_NUMBERS
    )


def _first_leaf(data):
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _kind_type(array, data):
    """Python's floats make the default type; NumPy's and tensors' elements keep theirs."""
    if isinstance(data, (list, tuple)) and _has_typed_leaf(data):
        return reduce(promote_types, _types_within(data, set())).numpy
    kind = array.dtype.kind
    if kind == "f":
        return DEFAULT.numpy
    if kind == "c":
        return DEFAULT.complex.numpy
    if kind == "b":
        return array.dtype
    return np.dtype(np.int64) if array.size else DEFAULT.numpy


def _ragged(data):
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
    if isinstance(_first_leaf(data), str):
        return ValueError("too many dimensions 'str'")
    leaf = next(x for x in _leaves(data) if not isinstance(x, (Number, TensorBase, np.generic)))
    if isinstance(leaf, str):
        return TypeError("new(): invalid data type 'str'")
    return RuntimeError(f"Could not infer dtype of {type(leaf).__name__}")


def _type(dtype, fallback):
    return fallback if dtype is None else to_numpy_dtype(dtype)
