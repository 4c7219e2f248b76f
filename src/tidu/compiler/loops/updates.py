"""Update formulas of optimizers as one loop each: every array is read and written once.

A formula is written in words (`k.lerp(mean, g, share)`, see `optim/kernels.py`). Here the words
write instructions. Its numbers may change from call to call: they are arguments of the loop, and
what is computed from them is computed in it. What a formula decides by a number is decided by the
number's sign, which is part of the kernel's key.
"""

import threading

import numpy as np

from ...base.process.forks import across
from ..machine import kernels, native
from ..machine.code import BYTES, Code, Value, kind_of
from ..machine.pool import ensure
from .pointwise import over

__all__ = ["update"]

_KERNELS = {}
_LOCK = across(threading.Lock())
_TYPES = (np.dtype(np.float32), np.dtype(np.float64))


def update(formula, numbers, arrays):
    """``formula(words, numbers, *arrays)`` in place; False where the arrays are not alike."""
    first = arrays[0]
    dtype, strides = first.dtype, first.strides
    if dtype not in _TYPES or not first.flags.forc:
        return False
    for a in arrays:
        if a.dtype is not dtype or a.strides != strides or a.shape != first.shape:
            return False
    signs = tuple([n if n is None or n.__class__ is bool else (n > 0) - (n < 0) for n in numbers])
    key = formula, signs, dtype.num, len(arrays)
    kernel = _KERNELS.get(key)
    if kernel is None:
        with _LOCK:
            kind = kind_of(dtype)
            kernel = _KERNELS[key] = kernels.made(
                _written, formula, numbers, len(arrays), kind, key=(formula, signs, key[-1], kind)
            )
    ensure()
    values = [n for n in numbers if n is not None and n.__class__ is not bool]
    kernel(*arrays, *values, first.size)
    return True


def _written(formula, numbers, count, kind):
    m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
    variable = [n is not None and n.__class__ is not bool for n in numbers]
    kinds = ["ptr"] * count + ["f64"] * sum(variable)
    given = kernels.arguments(m, kinds)
    homes, rest = given[:count], iter(given[count:])
    symbols = [_Number(n, next(rest)) if v else n for n, v in zip(numbers, variable, strict=True)]

    def at(index, mask):
        places = [m.at(home, index, kind) for home in homes]
        cells = [_Cell(m.load(place, kind, mask=mask)) for place in places]
        before = [cell.value for cell in cells]
        formula(_Words(m), symbols, *cells)
        for place, cell, old in zip(places, cells, before, strict=True):
            if cell.value is not old:
                m.store(cell.value, place, mask)

    over(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), at)
    m.line("ret void")
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    return kernels.Body(body, kinds, m.module)


class _Cell:
    """What an array holds at the moment."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class _Number(float):
    """A number of the formula, and the instruction that computes it at each call."""

    def __new__(cls, value, code):
        self = super().__new__(cls, value)
        self.code = code
        return self

    def _with(self, other, name, swapped=False):
        a, b = (other, self) if swapped else (self, other)
        number = getattr(float, name)(float(a), float(b))
        a, b = [v.code if isinstance(v, _Number) else v for v in (a, b)]
        m = self.code.code
        a = m.constant("f64", a, 1) if not isinstance(a, Value) else a
        return _Number(number, getattr(a, name)(b))

    def __add__(self, other):
        return self._with(other, "__add__")

    def __radd__(self, other):
        return self._with(other, "__add__", True)

    def __sub__(self, other):
        return self._with(other, "__sub__")

    def __rsub__(self, other):
        return self._with(other, "__sub__", True)

    def __mul__(self, other):
        return self._with(other, "__mul__")

    def __rmul__(self, other):
        return self._with(other, "__mul__", True)

    def __truediv__(self, other):
        return self._with(other, "__truediv__")

    def __rtruediv__(self, other):
        return self._with(other, "__truediv__", True)

    def __neg__(self):
        return _Number(-float(self), -self.code)


class _Words:
    """The words of `optim/kernels.py`, as instructions; slots mean nothing here."""

    __slots__ = ("m",)

    def __init__(self, m):
        self.m = m

    def of(self, number, like):
        """A number in the kind of the arrays, in every lane."""
        if isinstance(number, _Number):
            return self.m.splat(self.m.convert(number.code, like.kind))
        return self.m.like(number, like)

    def negative(self, a, slot):
        return _Cell(-a.value)

    def plus(self, a, b, factor, slot):
        return _Cell(a.value + b.value * self.of(factor, b.value))

    def copy(self, a, b):
        a.value = b.value

    def add(self, a, b, factor):
        a.value = a.value + b.value * self.of(factor, b.value)

    def shift(self, a, number):
        a.value = a.value + self.of(number, a.value)
        return a

    def scale(self, a, factor):
        a.value = a.value * self.of(factor, a.value)
        return a

    def lerp(self, a, b, weight):
        a.value = a.value + (b.value - a.value) * self.of(weight, a.value)

    def addcmul(self, a, b, c, factor):
        a.value = a.value + b.value * self.of(factor, b.value) * c.value

    def addcdiv(self, a, b, c, factor):
        a.value = a.value + b.value * self.of(factor, b.value) / c.value

    def times(self, a, b, slot):
        return _Cell(a.value * b.value)

    def over(self, a, b, slot):
        divisor = b.value if isinstance(b, _Cell) else self.of(b, a.value)
        return _Cell(a.value / divisor)

    def sqrt(self, a, slot):
        return _Cell(self.m.sqrt(a.value))

    def absolute(self, a, slot):
        return _Cell(self.m.fabs(a.value))

    def raise_to(self, a, b):
        a.value = self.m.maximum(a.value, b.value)
