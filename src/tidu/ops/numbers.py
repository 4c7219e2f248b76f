"""Python's numbers as elements of a type: those that do not fit are refused, as PyTorch does."""

import math

import numpy as np

from ..base.errors import hinted
from ..core.handle import TensorBase
from ..core.levels import StandIn

__all__ = ["OVERFLOW", "check_fits", "fitted", "is_one", "require_scalar", "require_width",
           "told_later"]  # fmt: skip

OVERFLOW = "Overflow when unpacking long long"

_NAMES = {
    "int32": "int", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float",
    "float64": "double", "complex64": "c10::complex<float>",
}  # fmt: skip
_LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38,
            "float32": 3.4028234663852886e38}  # fmt: skip


def told_later(number):
    """Whether this stands for a number that each call of a recorded program has anew: a learning
    rate, which is a float outside."""
    value = number._value if isinstance(number, TensorBase) else None
    return isinstance(value, StandIn) and not value.shape


def is_one(factor):
    return not told_later(factor) and factor == 1


def require_scalar(number):
    """OverflowError for an operand that 64 bits, with or without a sign, can't hold."""
    if isinstance(number, int) and not -(1 << 63) <= number < 1 << 64:
        raise OverflowError(hinted(
            "int too big to convert" if number > 0 else "can't convert negative int to unsigned",
            "numbers beside tensors have up to 64 bits; write float(number).",
        ))  # fmt: skip


def require_width(number):
    """ValueError for a whole number, an axis or a count, of more than 64 bits."""
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(hinted(OVERFLOW, f"{number} has more than 64 bits."))


def fitted(number, to, halves=True):
    """A number as a NumPy scalar of the type `to`. With `halves` false, 16-bit floats take
    infinity for what is beyond them, as where PyTorch goes by way of a wider type."""
    if isinstance(number, (TensorBase, np.generic)):
        number = number.item()
    kind = to.kind
    if number.__class__ is int and 0 <= number < 128 and kind in "fiuc":  # they fit all of these
        return to.type(number)
    if number.__class__ is float and -6e4 < number < 6e4 and kind in "fc":
        return to.type(number)
    if kind == "b":
        return np.bool_(number)
    if number.__class__ is complex and kind != "c":
        _refuse(number, to)
    require_scalar(number)
    if kind in "iu":
        return _whole(number, to)
    if (halves or to.itemsize > 2) and to.name in _LARGEST and math.isfinite(number):
        if abs(number) > _LARGEST[to.name]:
            _refuse(number, to)
    with np.errstate(all="ignore"):
        return np.array(number).astype(to)[()]


def _whole(number, to):
    info = np.iinfo(to)
    low = info.min
    if to.kind == "u" and number.__class__ is not float:
        low = -int(info.max)  # a negative whole number counts from the end
    if not low <= number <= info.max:  # NaN is neither
        _refuse(number, to)
    return np.array(int(number)).astype(to)[()]


def _refuse(number, to):
    name = _NAMES.get(to.name, f"{to.name}_t")
    raise RuntimeError(hinted(
        f"value cannot be converted to type {name} without overflow",
        f"the number is {number!r}, and the tensor's elements are {to.name}.",
    ))  # fmt: skip


def check_fits(values, to):
    """RuntimeError if an element of an array from a list is beyond the whole numbers of `to`."""
    if values.dtype.kind == "c":
        raise TypeError("'complex' object cannot be interpreted as an integer")
    if not values.size or values.dtype.kind not in "iuf" or values.dtype == to:
        return
    info = np.iinfo(to)
    low = -int(info.max) if to.kind == "u" and values.dtype.kind != "f" else info.min
    if not (values.min() >= low and values.max() <= info.max):
        raise RuntimeError(hinted(
            f"value cannot be converted to type {to.name} without overflow",
            f"{to.name} holds numbers from {info.min} to {info.max}.",
        ))  # fmt: skip
