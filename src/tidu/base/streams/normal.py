"""Normal draws: PyTorch's two Box-Muller schemes, and the log-normal numbers made from one of them.

Fewer than 16 numbers (or memory that is not contiguous) come in float64 pairs, the second of a pair
waiting in the generator for the next draw. From 16 on, uniforms are drawn in the type itself, and
each block of 16 is turned into normals; if the count is no multiple, the last 16 are drawn again.
"""

from __future__ import annotations

import math
from math import cos, log1p, sin, sqrt

import numpy as np

from . import generator as source
from .box_muller import each, in_pairs, make_normal, scaled
from .check import refuse, require_float, short
from .engine import ENGINE
from .uniform import F32, F64, PIECE, count_of, finish, floats32, floats64

_SMALL, _SAFE = 16, 1e30
_SCALE53, _CIRCLE = 2.0**-53, 2.0 * math.pi


def normal(shape, dtype, mean=0.0, std=1.0, generator=None, *, serial: bool = False) -> np.ndarray:
    """Normal numbers; `serial` asks for the scheme of small draws, as for memory with gaps.

    Complex numbers have both parts drawn with std / sqrt(2). RuntimeError for a negative std.

    >>> normal((2,), np.dtype("float32"), generator=source.Generator().manual_seed(1))
    array([0.66135216, 0.2669241 ], dtype=float32)
    """
    generator = generator or source.default_generator
    if dtype is F32 and mean == 0 and std == 1 and math.prod(shape) < _SMALL:
        numbers = serial_normals(math.prod(shape), generator).astype(F32)
        return numbers if len(shape) == 1 else numbers.reshape(shape)
    if dtype is not F32:
        dtype = np.dtype(dtype)
        require_float(dtype, "normal_kernel_cpu", complex_too=True)
    if not std >= 0:
        refuse(
            f"normal expects std >= 0.0, but found std {short(std)}",
            "a standard deviation cannot be negative.",
        )
    if dtype.kind == "c":
        part = np.dtype(np.float32 if dtype == np.complex64 else np.float64)
        parts = normal((*shape, 2), part, 0.0, std / math.sqrt(2.0), generator, serial=serial)
        numbers = parts.view(dtype).reshape(shape)
        return numbers + dtype.type(mean) if mean else numbers
    count = count_of(shape)
    if count >= _SMALL and not serial:
        numbers = _compiled(count, dtype, mean, std, generator)
        if numbers is not None:
            return finish(numbers, shape, dtype)
    if count < _SMALL or serial:
        numbers = serial_normals(count, generator)
    elif dtype == F32:
        numbers = _in_blocks(count, floats32, generator)
    elif dtype == F64:
        numbers = _in_blocks(count, floats64, generator)
    else:
        numbers = _in_whole_blocks(count, generator)
    numbers = scaled(numbers, mean, std)
    if dtype is F32 and std < _SAFE and -_SAFE < mean < _SAFE:
        return numbers.astype(F32, copy=False).reshape(shape)  # nothing can overflow
    return finish(numbers, shape, dtype)


def fill_few(numbers: np.ndarray) -> bool:
    """Draw a few float32 normals into memory; False, with nothing drawn, for other arrays."""
    if numbers.dtype is not F32 or numbers.ndim != 1 or numbers.size >= _SMALL:
        return False
    numbers[...] = serial_normals(numbers.size, source.default_generator)
    return True


def normal_from_arrays(mean, std, dtype, generator=None) -> np.ndarray:
    """`torch.normal` with arrays for the mean, the std or both, broadcast together."""
    if isinstance(std, np.ndarray) and std.size and not np.all(std >= 0):
        refuse(
            "normal expects all elements of std >= 0.0",
            "a standard deviation cannot be negative.",
        )
    shape = np.broadcast_shapes(np.shape(mean), np.shape(std))
    numbers = normal(shape, dtype, 0.0, 1.0, generator)
    dtype = np.dtype(dtype)
    if dtype.itemsize < 4:
        numbers = numbers.astype(np.float32)
    numbers *= np.asarray(std, numbers.dtype)
    numbers += np.asarray(mean, numbers.dtype)
    return finish(numbers, shape, dtype)


def log_normal(shape, dtype, mean=1.0, std=2.0, generator=None) -> np.ndarray:
    """Numbers whose logarithm is normal with this mean and std."""
    require_float(dtype, "log_normal_cpu")
    if not std > 0:
        refuse(
            f"log_normal_ expects std > 0.0, but found std={short(std)}",
            "the standard deviation of the logarithm must be positive.",
        )
    numbers = serial_normals(count_of(shape), generator or source.default_generator)
    numbers = scaled(numbers, mean, std)
    if dtype == F64:
        return each(_exp, numbers).reshape(shape)
    with np.errstate(over="ignore"):
        np.exp(numbers, out=numbers)
    return finish(numbers, shape, np.dtype(dtype))


def _exp(x):
    return math.exp(x) if x < 709.7 else float(np.exp(x))


# -- pairs --------------------------------------------------------------------------------------


def serial_normals(count: int, generator) -> np.ndarray:
    """`count` float64 normals in pairs; an odd one out waits in the generator."""
    if generator.next_normal is None and count % 2 == 0:
        numbers = _pairs(count // 2, generator)
        return numbers if numbers.__class__ is np.ndarray else np.array(numbers, F64)
    numbers = np.empty(count, F64)
    start = 0
    if count and generator.next_normal is not None:
        numbers[0], generator.next_normal = generator.next_normal, None
        start = 1
    missing = count - start
    if missing <= 0:
        return numbers
    pairs = (missing + 1) // 2
    made = _pairs(pairs, generator)
    numbers[start:] = made[:missing]
    if missing % 2:
        generator.next_normal = float(made[missing])
    return numbers


def _pairs(pairs: int, generator):
    numbers = np.empty(2 * pairs, F64)
    if generator.write_words(numbers, 4 * pairs):
        ENGINE.draws.normal_pairs(numbers)
        return numbers
    if pairs <= 8:
        return _few_pairs(pairs, generator)
    return in_pairs(floats64(2 * pairs, generator).reshape(pairs, 2))


def _few_pairs(pairs: int, generator) -> list[float]:
    made = []
    words = iter(generator.words(4 * pairs).tolist())
    # Each uniform as in `uniform.floats64`; quicker for a few than an array of them.
    for a, b, c, d in zip(words, words, words, words, strict=True):
        radius = sqrt(-2.0 * log1p(-(((c & 0x1FFFFF) * 4294967296 + d) * _SCALE53)))
        angle = _CIRCLE * (((a & 0x1FFFFF) * 4294967296 + b) * _SCALE53)
        made.append(radius * cos(angle))
        made.append(radius * sin(angle))
    return made


# -- blocks of 16 -------------------------------------------------------------------------------


def _compiled(count: int, dtype, mean, std, generator):
    """The numbers by compiled code, which rounds scaling and shifting once; None without any."""
    width = 2 if dtype == F64 else 1
    numbers = np.empty(count, F64 if width == 2 else F32)
    drawn = count if dtype.itemsize >= 4 else count - count % _SMALL
    if not generator.write_words(numbers, width * drawn):
        return None
    make = ENGINE.draws.normal64 if width == 2 else ENGINE.draws.normal32
    make(numbers, mean, std)
    if count % _SMALL:
        last = np.empty(_SMALL, numbers.dtype)
        generator.write_words(last, width * _SMALL)
        make(last, mean, std)
        numbers[-_SMALL:] = last
    return numbers


def _in_blocks(count: int, draw, generator) -> np.ndarray:
    whole = count - count % _SMALL
    if whole < count <= PIECE:  # the last block beside the others, in one go
        drawn = draw(count + _SMALL, generator)
        drawn[whole : whole + _SMALL] = drawn[count:]
        make_normal(drawn[: whole + _SMALL])
        numbers = drawn[:count].copy()
        numbers[-_SMALL:] = drawn[whole : whole + _SMALL]
        return numbers
    numbers = draw(count, generator)
    for start in range(0, whole, PIECE):
        make_normal(numbers[start : min(start + PIECE, whole)])
    if whole < count:
        numbers[-_SMALL:] = draw(_SMALL, generator)
        make_normal(numbers[-_SMALL:])
    return numbers


def _in_whole_blocks(count: int, generator) -> np.ndarray:
    """As `_in_blocks`, but nothing is drawn for the incomplete block: the narrow types' way."""
    whole = count - count % _SMALL
    numbers = np.empty(count, np.float32)
    numbers[:whole] = _in_blocks(whole, floats32, generator)
    if whole < count:
        numbers[-_SMALL:] = _in_blocks(_SMALL, floats32, generator)
    return numbers
