"""Uniform numbers made normal, with the roundings of PyTorch's code: its numbers to the bit.

float32: the logarithm, sine and cosine of the Cephes library in single precision, as PyTorch's
vector code has them. NumPy has no fused multiply-add; a product of two float32 is exact in
float64, so there it is one addition and one rounding. float64: the functions of C's mathematics,
one number at a time.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["each", "in_pairs", "make_normal", "scaled"]

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
_CIRCLE = 2.0 * math.pi
_SPLIT = 2.0**27 + 1


def _single(number):
    """The nearest float32, as Python's float."""
    return float(np.float32(number))


_LOG = [_single(c) for c in (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)]  # fmt: skip
# Of the sine and the cosine, side by side.
_WAVES = np.array(
    [[(-1.9515295891e-4,), (2.443315711809948e-5,)],
     [(8.3321608736e-3,), (-1.388731625493765e-3,)],
     [(-1.6666654611e-1,), (4.166664568298827e-2,)]], F32
)  # fmt: skip
_QUARTER_PI = np.array([-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8], F32)
_LN2_HIGH, _LN2_LOW, _HALF = F64.type(0.693359375), _single(-2.12194440e-4), F64.type(0.5)
_ROOT_HALF, _OCTANTS, _RADIANS = [_single(x) for x in (math.sqrt(0.5), 4 / math.pi, _CIRCLE)]


def make_normal(uniforms: np.ndarray) -> None:
    """Turn each row of 16 uniforms into normals: the first 8 are radii, the last 8 angles."""
    blocks = uniforms.reshape(-1, 2, 8)
    # In order, which is quicker to work on.
    first, second = blocks.transpose(1, 0, 2).copy().reshape(2, -1)
    if uniforms.dtype == F32:
        radius = np.sqrt(_log(1 - first) * -2)
        sine, cosine = _sine_cosine(second * _RADIANS)
    else:
        radius = np.sqrt(each(math.log, 1.0 - first) * -2.0)
        angle = second * _CIRCLE
        sine, cosine = each(math.sin, angle), each(math.cos, angle)
    blocks[:, 0] = (radius * cosine).reshape(-1, 8)
    blocks[:, 1] = (radius * sine).reshape(-1, 8)


def in_pairs(uniforms: np.ndarray) -> np.ndarray:
    """Normals from rows of two float64 uniforms, angle and radius: the scheme of small draws."""
    radius = np.sqrt(-2.0 * each(math.log1p, -uniforms[:, 1]))
    angle = _CIRCLE * uniforms[:, 0]
    made = [radius * each(wave, angle) for wave in (math.cos, math.sin)]
    return np.stack(made, 1).ravel()


def scaled(numbers: np.ndarray, mean, std) -> np.ndarray:
    """numbers * std + mean, rounded once."""
    if std == 1 and mean == 0:
        return numbers
    if numbers.dtype == F32:
        return _fma(numbers, F64.type(_single(std)), _single(mean))
    product = numbers * std
    if mean == 0 or not math.isfinite(std) or abs(std) > 1e290:
        return product + mean  # nothing is added, or Dekker's method would overflow
    return _sum_of_three(product, _lost(numbers, std, product), mean)


def each(function, x):
    """A function of C's mathematics for each of many float64 numbers: PyTorch's to the bit."""
    return np.array(list(map(function, x.ravel().tolist())), F64).reshape(x.shape)


def _lost(x, y, product):
    """What the float64 product of x and y lost by rounding (Dekker's method)."""
    (x_high, x_low), (y_high, y_low) = _halves(x), _halves(y)
    return x_low * y_low - (((product - x_high * y_high) - x_low * y_high) - x_high * y_low)


def _halves(x):
    wide = x * _SPLIT
    high = wide - (wide - x)
    return high, x - high


def _sum_of_three(a, rest, b):
    """a + b + rest, for a rest far smaller than a."""
    total = a + b
    part = total - a
    return total + (((a - (total - part)) + (b - part)) + rest)


# --- Cephes' functions in float32 ---------------------------------------------------------------


def _fma(x, y, z):
    """x * y + z of float32 numbers, rounded once; `y` is given as float64."""
    return (x * y + z).astype(F32)


def _horner(x, coefficients):
    x, value = x.astype(F64), F32.type(coefficients[0])
    for c in coefficients[1:]:
        value = _fma(value, x, c)
    return value


def _log(x):
    """logf, for normal numbers."""
    raw = x.view(np.int32)
    exponent = ((raw >> 23) - 126).astype(F32)
    x = ((raw & 0x7FFFFF) | 0x3F000000).view(F32)  # between 1/2 and 1
    small = x < _ROOT_HALF
    exponent -= small
    x = (x - 1) + x * small
    square = x * x
    wide = square.astype(F64)
    y = _fma(_horner(x, _LOG) * x, wide, exponent * _LN2_LOW)
    y = _fma(square, -_HALF, y)
    return _fma(exponent, _LN2_HIGH, x + y)


def _sine_cosine(x):
    """sincosf, for numbers from 0 to 2π: the nearest multiple of π/2 is taken off."""
    octant = ((x * _OCTANTS).astype(np.int32) + 1) & ~1
    whole = octant.astype(F64)
    for part in _QUARTER_PI:
        x = _fma(part, whole, x)
    square = x * x
    sine, cosine = _horner(square, _WAVES) * square
    sine = _fma(x, sine.astype(F64), x)
    cosine = _fma(square, cosine.astype(F64), square * -0.5) + 1
    swapped = (octant & 2) != 0
    sine, cosine = np.where(swapped, cosine, sine), np.where(swapped, sine, cosine)
    np.negative(sine, out=sine, where=(octant & 4) != 0)
    np.negative(cosine, out=cosine, where=((octant - 2) & 4) == 0)
    return sine, cosine
