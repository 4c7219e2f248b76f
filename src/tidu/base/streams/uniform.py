"""Draws that are simple functions of uniform words: rand, randint, bernoulli, exponential.

Every function takes a shape, a NumPy dtype, its parameters and a generator (None: the default one)
and returns a new array. Types of 16 bits and less are drawn as float32 and rounded; exponential,
Cauchy and geometric numbers are made from float64 uniforms whatever the type, as in PyTorch.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache

import numpy as np

from . import generator as source
from .box_muller import each, scaled
from .check import (
    default_name,
    refuse,
    require_float,
    require_integer_in,
    short,
    type_name,
)
from .engine import ENGINE

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
_MASK24 = np.uint32(2**24 - 1)
_MASK53 = np.uint64(2**53 - 1)
_HALF = np.uint64(32)
_HIGH21 = np.uint32(2**21 - 1)
_SCALE24 = np.float32(2.0**-24)
_SCALE53 = 2.0**-53

# Long arrays are worked on in pieces that stay in the cache.
PIECE = 2**14

# Whole numbers up to 2**digits are exact in these types.
DIGITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}
# From this many different values on, PyTorch spends 64 bits on an integer.
_WIDE_RANGE = 2**28


def count_of(shape) -> int:
    """How many elements a shape has."""
    return math.prod(shape)


def floats32(count: int, generator) -> np.ndarray:
    """`count` float32 numbers in [0, 1): 24 bits of one word each."""
    numbers = np.empty(count, F32)
    if generator.write_words(numbers, count):
        ENGINE.draws.uniform32(numbers, 0.0, 1.0)
        return numbers
    bits = generator.words(count) & _MASK24
    numbers = bits.view(np.int32).astype(np.float32)
    numbers *= _SCALE24
    return numbers


def fill32(numbers: np.ndarray) -> bool:
    """Draw float32 numbers in [0, 1) into memory that lies densely; False, with nothing drawn, for
    another type and where that takes compiled code."""
    if numbers.dtype is not F32:
        return False
    if not source.default_generator.write_words(numbers, numbers.size):
        return False
    ENGINE.draws.uniform32(numbers, 0.0, 1.0)
    return True


def floats64(count: int, generator) -> np.ndarray:
    """`count` float64 numbers in [0, 1): 53 bits of two words each, the high word first."""
    numbers = np.empty(count, np.float64)
    if generator.write_words(numbers, 2 * count):
        ENGINE.draws.uniform64(numbers, 0.0, 1.0)
        return numbers
    pairs = generator.words(2 * count).view(np.uint64)
    for start in range(0, count, PIECE):
        pair, piece = pairs[start : start + PIECE], numbers[start : start + PIECE]
        bits = pair << _HALF
        bits |= np.right_shift(pair, _HALF, out=piece.view(np.uint64))
        bits &= _MASK53
        np.multiply(bits.view(np.int64), _SCALE53, out=piece)
    return numbers


def finish(numbers: np.ndarray, shape, dtype) -> np.ndarray:
    """Give drawn numbers their type and shape; narrow floats are rounded by way of float32."""
    if numbers.dtype != dtype:
        if numbers.dtype == np.float64 and (dtype.kind in "fV" and dtype.itemsize < 4):
            numbers = numbers.astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            numbers = numbers.astype(dtype)
    return numbers.reshape(shape)


def rand(shape, dtype, generator=None) -> np.ndarray:
    """Uniform numbers in [0, 1); complex types have both parts drawn, the real part first.

    >>> rand((3,), np.dtype("float32"), source.Generator().manual_seed(1))
    array([0.7576316 , 0.27931088, 0.40306926], dtype=float32)
    """
    generator = generator or source.default_generator
    if dtype == F32:
        return floats32(count_of(shape), generator).reshape(shape)
    dtype = np.dtype(dtype)
    if dtype == F64:
        return floats64(count_of(shape), generator).reshape(shape)
    return uniform(shape, dtype, 0.0, 1.0, generator)


def uniform(shape, dtype, low=0.0, high=1.0, generator=None) -> np.ndarray:
    """Uniform numbers in [low, high)."""
    generator = generator or source.default_generator
    if dtype is F32 and low == 0 and high == 1:
        numbers = floats32(math.prod(shape), generator)
        return numbers if len(shape) == 1 else numbers.reshape(shape)
    dtype = np.dtype(dtype)
    require_float(dtype, "check_uniform_bounds", complex_too=True)
    _check_uniform(dtype, low, high)
    if dtype.kind == "c":
        parts = uniform((*shape, 2), _part(dtype), low, high, generator)
        return parts.view(dtype).reshape(shape)
    numbers = _compiled(count_of(shape), dtype, low, high, generator)
    if numbers is not None:
        return numbers.reshape(shape)
    if dtype == np.float64:
        numbers = _stretched64(floats64(count_of(shape), generator), float(low), float(high))
        high, low = float(high), float(low)
    else:
        low, high = np.float32(low), np.float32(high)
        numbers = _stretched32(floats32(count_of(shape), generator), low, high)
    numbers = finish(numbers, shape, dtype)
    # What was rounded up to the open end starts again at the closed one.
    if dtype.itemsize < 4:
        low, high = np.array(low).astype(dtype), np.array(high).astype(dtype)
    elif low == 0 and high == 1:
        return numbers
    if (outside := numbers >= high).any():
        numbers[outside] = low
    return numbers


def _compiled(count, dtype, low, high, generator):
    """float32 and float64 numbers in [low, high), or None."""
    if dtype not in (F32, F64):
        return None
    numbers = np.empty(count, dtype)
    if not generator.write_words(numbers, count * dtype.itemsize // 4):
        return None
    draw = ENGINE.draws.uniform32 if dtype == F32 else ENGINE.draws.uniform64
    draw(numbers, low, high)
    return numbers


def _stretched32(numbers, low, high) -> np.ndarray:
    width = high - low
    if low == 0:
        return numbers if width == 1 else np.multiply(numbers, width, out=numbers)
    # One rounding for the product and the sum together: float64 holds the product exactly.
    wide = numbers.astype(np.float64)
    wide *= float(width)
    wide += float(low)
    return wide.astype(np.float32)


def _stretched64(numbers, low: float, high: float) -> np.ndarray:
    width = high - low
    if low == 0:
        return numbers if width == 1 else np.multiply(numbers, width, out=numbers)
    for start in range(0, numbers.size, PIECE):
        piece = numbers[start : start + PIECE]
        piece[...] = _fused(piece, width, low)
    return numbers


def _fused(numbers, width: float, low: float):
    """numbers * width + low with one rounding: the errors of the product (Dekker) and of the sum
    (Knuth) are added last."""
    product = numbers * width
    (head, tail), (wide_head, wide_tail) = _halves(numbers), _halves(width)
    lost = ((head * wide_head - product) + head * wide_tail + tail * wide_head) + tail * wide_tail
    total = product + low
    back = total - product
    lost += (product - (total - back)) + (low - back)
    return np.where(np.isfinite(lost), total + lost, total)


def _halves(x):
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = x * 134217729.0
        head = scaled - (scaled - x)
        return head, x - head


def _part(dtype) -> np.dtype:
    return np.dtype(np.float32 if dtype == np.complex64 else np.float64)


def _check_uniform(dtype, low, high) -> None:
    largest = _largest(_part(dtype) if dtype.kind == "c" else dtype)
    for name, bound in (("from", low), ("to", high)):
        if not -largest <= bound <= largest:
            refuse(
                f"{name} is out of bounds for {type_name(dtype)}",
                f"both ends of the range must be finite and at most {largest:g} in size.",
            )
    if low > high:
        refuse(
            "uniform_ expects to return a [from, to) range, but found "
            f"from={short(low)} > to={short(high)}",
            "swap the two ends of the range.",
        )
    if high - low > largest:
        refuse(
            f"uniform_ expects to-from <= std::numeric_limits<{default_name(dtype)}>::max(), but "
            f"found to={short(high)} and from={short(low)} which result in to-from to exceed the "
            "limit",
            "choose a smaller range.",
        )


@lru_cache(None)
def _largest(dtype) -> float:
    if dtype.kind == "f":
        return float(np.finfo(dtype).max)
    return 3.3895313892515355e38 if dtype.name == "bfloat16" else math.inf


# -- integers -----------------------------------------------------------------------------------


def randint(shape, dtype, low: int, high: int, generator=None) -> np.ndarray:
    """Whole numbers in [low, high) in any integer, bool or float type.

    Raises RuntimeError if the range is empty or does not fit the type.
    """
    generator = generator or source.default_generator
    dtype = np.dtype(dtype)
    if low >= high:
        refuse(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}",
            "the upper end is not included, so it must be larger than the lower end.",
        )
    _check_integer_range(dtype, low, high)
    if dtype.kind in "fV":
        low, high = _low_inside(low, dtype), _high_inside(high, dtype)
        if low >= high:
            refuse(
                "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but "
                f"got from={low} >= to={high}",
                f"{default_name(dtype)} has no number in this range.",
            )
    return _integers(shape, dtype, low, high - low, generator)


def _rounded(number: int, dtype) -> int:
    return int(finish(np.array(number, np.float64), (), dtype).astype(np.float64))


def _low_inside(low: int, dtype) -> int:
    """`low`, or the next number of this type if `low` would be rounded to one below it."""
    following = _rounded(low + 1, dtype)
    if following < low:
        return following + _spacing(low + 1, dtype)
    return low


def _high_inside(high: int, dtype) -> int:
    """`high`, or a smaller end if the last number before it would be rounded up to it."""
    last = _rounded(high - 1, dtype)
    return last - _spacing(high - 1, dtype) if last >= high else high


def _spacing(number: int, dtype) -> int:
    return 1 << max(abs(number).bit_length() - DIGITS[dtype.name], 0)


def random_integers(shape, dtype, low=None, high=None, generator=None) -> np.ndarray:
    """`Tensor.random_`: [low, high), or without `high` all the type's whole numbers from `low`.

    With neither, integers are never negative, and floats stay within 2**(bits of the mantissa).
    """
    generator = generator or source.default_generator
    dtype = np.dtype(dtype)
    if dtype.kind == "u" and dtype.itemsize > 1:
        refuse(
            f"\"random_kernel_cpu\" not implemented for '{default_name(dtype)}'",
            "draw with randint(0, high, shape, dtype=...) instead.",
            NotImplementedError,
        )
    if high is not None:
        return randint(shape, dtype, low or 0, high, generator)
    if low is not None:
        return _integers_from(shape, dtype, low, generator)
    if dtype.kind == "b":
        return (generator.words(count_of(shape)) & np.uint32(1)).astype(bool).reshape(shape)
    ends = _ends(dtype)[1] + 1
    wide = dtype in (np.int64, np.float64)
    words = generator.words64 if wide else generator.words
    numbers = words(count_of(shape)) % np.array(ends, np.uint64 if wide else np.uint32)
    return _from_integers(numbers.view(np.int64) if wide else numbers, shape, dtype)


def _integers_from(shape, dtype, low, generator):
    _check_integer_range(dtype, low, low + 1)
    highest = _ends(dtype)[1]
    if low > highest:
        refuse(
            "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted "
            f"to dtype, but got from={low} > to_inc={highest}",
            "give a lower start.",
        )
    return _integers(shape, dtype, low, highest + 1 - low, generator)


def _integers(shape, dtype, low: int, width: int, generator) -> np.ndarray:
    count = count_of(shape)
    if width < _WIDE_RANGE:
        numbers = _remainder(generator.words(count), width, np.uint32)
        if low == 0 and dtype.itemsize == 4 and dtype.kind in "iu":
            return numbers.view(dtype).reshape(shape)
        numbers = numbers.astype(np.int64)
    else:
        words = generator.words64(count)
        numbers = words if width == 2**64 else _remainder(words, width, np.uint64)
        numbers = numbers.view(np.int64)
    if low and width != 2**64:
        numbers += np.array(low % 2**64, np.uint64).view(np.int64)
    return _from_integers(numbers, shape, dtype)


def _remainder(words, width: int, kind) -> np.ndarray:
    if width & (width - 1) == 0:
        return words & kind(width - 1)
    return words % kind(width)


def _from_integers(numbers, shape, dtype) -> np.ndarray:
    if dtype.kind in "fV" and dtype.itemsize < 4:
        numbers = numbers.astype(np.float32)
    return numbers.astype(dtype, copy=False).reshape(shape)


def _ends(dtype) -> tuple[int, int]:
    if dtype.kind == "b":
        return 0, 1
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return int(limits.min), int(limits.max)
    return -(2 ** DIGITS[dtype.name]), 2 ** DIGITS[dtype.name]


def _check_integer_range(dtype, low: int, high: int) -> None:
    name = type_name(dtype)
    if dtype.kind == "c" or (dtype.kind == "V" and dtype.name not in DIGITS):
        refuse(
            "check_random_bounds handles only integral, floating-point and boolean types",
            "draw in float32 and convert.",
        )
    if dtype.kind in "iub":
        require_integer_in(_ends(dtype), low, high - 1, name)
        return
    limit = int(_largest(dtype))
    require_integer_in((-limit, limit), low, high - 1, name)
    smallest, largest = _ends(dtype)
    for label, value in (("from", low), ("to - 1", high - 1)):
        if not smallest <= value <= largest:
            digits = DIGITS[dtype.name]
            warnings.warn(
                f"{label} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision "
                f"limitations {name} can support discrete uniform distribution only within this "
                "range. This warning will become an error in version 1.7 release, please fix the "
                "code in advance",
                stacklevel=4,
            )


# -- coins --------------------------------------------------------------------------------------


def bernoulli(shape, dtype, p: float, generator=None) -> np.ndarray:
    """Ones with probability `p`, zeros otherwise (`Tensor.bernoulli_(p)`)."""
    if not 0 <= p <= 1:
        refuse(
            f"bernoulli_ expects p to be in [0, 1], but got p={short(p)}",
            "a probability lies between 0 and 1.",
        )
    return coin_mask(shape, p, generator).astype(dtype, copy=False)


def coin_mask(shape, p: float, generator=None) -> np.ndarray:
    """Booleans that are true with probability `p`; dropout keeps where `coin_mask(1 - p)`."""
    generator = generator or source.default_generator
    # u * 2**-53 < p as a comparison of integers, which is exact: first of the high 21 bits, then
    # of the low word where those are equal.
    high_limit, low_limit = divmod(math.ceil(p * 2.0**53), 2**32)
    words = generator.words(2 * count_of(shape))
    high = words[::2] & _HIGH21
    mask = high < np.uint32(high_limit)
    (ties,) = (high == np.uint32(high_limit)).nonzero()
    if ties.size:
        mask[ties] = words[2 * ties + 1] < low_limit
    return mask.reshape(shape)


def bernoulli_array(shape, dtype, p: np.ndarray, generator=None) -> np.ndarray:
    """Ones with the probabilities in the float array `p`, broadcast to `shape`."""
    generator = generator or source.default_generator
    require_float(p.dtype, "bernoulli_tensor_cpu_p_")
    if p.size and not (np.min(p) >= 0 and np.max(p) <= 1):
        refuse(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.",
            "every probability must lie between 0 and 1; none may be nan.",
        )
    if p.dtype == np.float64:
        numbers = floats64(count_of(shape), generator)
    else:
        numbers = floats32(count_of(shape), generator)
        p = p.astype(np.float32, copy=False)
    return (numbers.reshape(shape) < p).astype(dtype, copy=False)


# -- transformed uniforms -----------------------------------------------------------------------


def exponential(shape, dtype, rate: float = 1.0, generator=None) -> np.ndarray:
    """Exponential numbers of density rate * exp(-rate * x)."""
    _require_continuous(dtype, "Exponential", default_name)
    if not rate > 0:
        refuse(
            f"exponential_ expects lambda > 0.0, but found lambda={short(rate)}",
            "the rate must be positive.",
        )
    numbers = floats64(count_of(shape), generator or source.default_generator)
    np.negative(numbers, out=numbers)
    if dtype == F64:
        numbers = each(math.log1p, numbers)
    else:
        np.log1p(numbers, out=numbers)
    numbers *= -1.0 / rate
    return finish(numbers, shape, np.dtype(dtype))


def cauchy(shape, dtype, median: float = 0.0, sigma: float = 1.0, generator=None) -> np.ndarray:
    """Cauchy numbers around `median` of half width `sigma`."""
    _require_continuous(dtype, "Cauchy", type_name)
    if not sigma > 0:
        refuse(
            f"cauchy_ expects sigma > 0.0, but found sigma={short(sigma)}",
            "the scale must be positive.",
        )
    numbers = floats64(count_of(shape), generator or source.default_generator)
    numbers = math.pi * (numbers - 0.5)
    numbers = each(math.tan, numbers) if dtype == F64 else np.tan(numbers)
    return finish(scaled(numbers, median, sigma), shape, np.dtype(dtype))


def geometric(shape, dtype, p: float, generator=None) -> np.ndarray:
    """The number of trials up to the first success of probability `p`: 1, 2, 3 ..."""
    dtype = np.dtype(dtype)
    if dtype.kind in "bc":
        refuse(
            f"\"geometric_cpu\" not implemented for '{default_name(dtype)}'",
            "draw into an integer or float tensor.",
            NotImplementedError,
        )
    if not 0 < p < 1:
        refuse(
            f"geometric_ expects p to be in (0, 1), but got p={short(p)}",
            "the probability must be larger than 0 and smaller than 1.",
        )
    numbers = floats64(count_of(shape), generator or source.default_generator)
    with np.errstate(divide="ignore"):
        np.log(numbers, out=numbers)
    numbers /= math.log1p(-p)
    np.ceil(numbers, out=numbers)
    if dtype.kind in "iu":
        numbers = np.minimum(numbers, 2.0**62).astype(np.int64)
    return finish(numbers, shape, dtype)


def _require_continuous(dtype, distribution: str, naming) -> None:
    dtype = np.dtype(dtype)
    if dtype.kind not in "fV":
        refuse(
            f"{distribution} distribution is a continuous probability distribution. dtype must be "
            f"a floating point but you specified {naming(dtype)}",
            "use a float tensor.",
        )
