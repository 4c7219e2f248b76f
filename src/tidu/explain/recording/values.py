"""Snapshots of arrays, and their numbers as JSON that comes back bit for bit.

A number is written as the shortest decimal that its own type reads back unchanged, so 0.1 of
float32 is 0.1. NaN and the infinities, which JSON lacks, are the strings "nan", "inf" and "-inf",
and integers that a double cannot hold are strings of digits.
"""

import math
from functools import cache

import numpy as np

from ...core.handle import TensorBase, bottom

__all__ = ["Snapshot", "array_of", "as_json", "from_json", "numbers"]

KEPT = 65_536  # elements: a larger array is remembered by its summary alone


def array_of(value):
    """The memory behind a handle, array or number; None where a transform hides it."""
    if isinstance(value, TensorBase):
        value = bottom(value)
    if getattr(value, "dtype", None) is None and not isinstance(value, (int, float, complex)):
        return None
    return np.asarray(value)


class Snapshot:
    """What an array held at one moment: a copy of it, or a summary of a large one."""

    __slots__ = ("array", "dtype", "shape", "summary")

    def __init__(self, value, keep=KEPT):
        array = array_of(value)
        self.array = self.summary = None
        if array is None:
            self.shape, self.dtype = tuple(getattr(value, "shape", ())), None
            return
        self.shape, self.dtype = array.shape, array.dtype
        if array.size <= keep:
            self.array = array.copy()
        else:
            self.summary = summarise(array)

    @classmethod
    def unknown(cls, like):
        """Of a value that nobody kept: shape and type of its gradient are its own."""
        found = object.__new__(cls)
        found.array = found.summary = None
        found.shape, found.dtype = like.shape, like.dtype
        return found

    def item(self):
        """The only number of a scalar, else None."""
        return self.array[()] if self.array is not None and self.shape == () else None

    def same_as(self, other):
        """Whether two snapshots hold the same bits, as far as they were kept."""
        if self.array is None or other.array is None:
            return self.summary == other.summary and self.shape == other.shape
        return self.array.tobytes() == other.array.tobytes()


def number_json(value):
    """One NumPy number for JSON."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value) if abs(int(value)) <= 2**53 else str(value)  # a double holds no more
    if isinstance(value, (complex, np.complexfloating)):
        return [number_json(value.real), number_json(value.imag)]
    if not math.isfinite(value):
        return "nan" if value != value else "inf" if value > 0 else "-inf"
    text = shortest(value)
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 1e15 and text[0] != "-" else number


def shortest(value):
    """The shortest decimal that the number's own type reads back unchanged."""
    if isinstance(value, float) and not isinstance(value, np.floating):
        return repr(value)
    if isinstance(value, np.float64):
        return repr(float(value))
    if isinstance(value, np.floating):
        return np.format_float_scientific(value, unique=True, trim="0")
    return repr(float(value))  # bfloat16: exact as a double


def numbers(array):
    """All numbers of an array for JSON, flat, in C order."""
    return [number_json(v) for v in np.asarray(array).ravel()]


def from_json(entry):
    """The array that `as_json` wrote, bit for bit; None for a summary.

    >>> import numpy as np
    >>> from_json(as_json(Snapshot(np.float32(0.1)))) == np.float32(0.1)
    np.True_
    """
    if entry is None or "data" not in entry:
        return None
    dtype = np.dtype(entry["dtype"])
    if dtype.kind == "c":
        flat = [complex(float(a), float(b)) for a, b in entry["data"]]
    elif dtype.kind in "biu":
        flat = [int(v) for v in entry["data"]]
    else:
        flat = [float(v) for v in entry["data"]]
    return np.array(flat, dtype=dtype).reshape(entry["shape"])


def as_json(snapshot, limit=64):
    """{"shape", "dtype", "data"} for up to `limit` elements, "summary" for data above."""
    if snapshot is None:
        return None
    entry = {"shape": list(snapshot.shape), "dtype": dtype_name(snapshot.dtype)}
    if snapshot.array is None:
        if snapshot.summary is not None:
            entry["summary"] = snapshot.summary
    elif snapshot.array.size <= limit:
        entry["data"] = numbers(snapshot.array)
    else:
        entry["summary"] = summarise(snapshot.array)
    return entry


@cache
def dtype_name(dtype):
    return None if dtype is None else dtype.name


def summarise(array):
    """Minimum, maximum, mean, norm, a histogram of ten bins, and how many are no numbers."""
    if array.dtype.kind == "c":
        array = np.abs(array)
    wide = array.astype(np.float64).ravel()
    finite = wide
    if wide.size and not np.isfinite(wide.min() + wide.max()):
        finite = wide[np.isfinite(wide)]
    lost = wide.size - finite.size
    nan = int(np.isnan(wide).sum()) if lost else 0
    found = {"nan": nan, "inf": lost - nan, "zeros": wide.size - int(np.count_nonzero(wide))}
    if finite.size:
        low, high = float(finite.min()), float(finite.max())
        size = max(abs(low), abs(high))
        scale = size if size > 1e150 else 1.0
        found.update(
            min=low, max=high, mean=round6(finite.mean()),
            norm=round6(float(np.linalg.norm(finite / scale) * scale)),
        )  # fmt: skip
        if high - low < np.inf and high > low:
            found["histogram"] = np.histogram(finite, 10, (low, high))[0].tolist()
    return found


def round6(value):
    """Six significant digits: a summary is no place for more."""
    value = float(f"{float(value):.6g}")
    return value if math.isfinite(value) else str(value)
