"""The refusals of this folder: PyTorch's sentence first, then what to write instead."""

from __future__ import annotations

import numpy as np

from ..dtypes import KEPT
from ..errors import hinted

# What the two kinds of PyTorch messages call a type.
_NAMES = {
    "bool": ("bool", "Bool"),
    "uint8": ("unsigned char", "Byte"),
    "int8": ("signed char", "Char"),
    "int16": ("short int", "Short"),
    "int32": ("int", "Int"),
    "int64": ("long int", "Long"),
    "uint16": ("short unsigned int", "UInt16"),
    "uint32": ("unsigned int", "UInt32"),
    "uint64": ("long unsigned int", "UInt64"),
    "float16": ("c10::Half", "Half"),
    "bfloat16": ("c10::BFloat16", "BFloat16"),
    "float32": ("float", "Float"),
    "float64": ("double", "Double"),
    "complex64": ("c10::complex<float>", "ComplexFloat"),
    "complex128": ("c10::complex<double>", "ComplexDouble"),
}


def refuse(message: str, hint: str, kind: type[Exception] = RuntimeError):
    """Raise an error of two lines."""
    raise kind(hinted(message, hint))


def type_name(dtype) -> str:
    """`signed char` for int8 and so on."""
    return _NAMES.get(np.dtype(dtype).name, (str(dtype),) * 2)[0]


def default_name(dtype) -> str:
    """`Char` for int8 and so on."""
    return _NAMES.get(np.dtype(dtype).name, (str(dtype),) * 2)[1]


def short(number) -> str:
    """A number as PyTorch writes it into a message: six digits."""
    return f"{number:g}"


def require_float(dtype, kernel: str, complex_too: bool = False) -> None:
    """Refuse types that are not real (or complex) floats."""
    kind = np.dtype(dtype)
    if kind.kind not in ("fVc" if complex_too else "fV") or (KEPT and kind in KEPT):
        name = KEPT.get(kind) or default_name(kind)
        refuse(
            f"\"{kernel}\" not implemented for '{name}'",
            "use a float tensor, such as dtype=torch.float32.",
            NotImplementedError,
        )


def require_integer_in(ends: tuple[int, int], low: int, last: int, name: str) -> None:
    """Refuse a range of whole numbers that does not fit a type with these ends."""
    smallest, largest = ends
    for label, value in (("from", low), ("to - 1", last)):
        if not smallest <= value <= largest:
            refuse(
                f"{label} is out of bounds for {name}",
                f"this type holds whole numbers from {smallest} to {largest}.",
            )
