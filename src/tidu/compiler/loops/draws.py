"""PyTorch's random stream in generated code: MT19937's words, and what draws make of them.

`words` writes words and moves the key on; the others turn the words lying in an array into its
numbers, in place. float32 normals follow the single-precision logarithm, sine and cosine of the
Cephes library with the roundings PyTorch's AVX2 code has, so that they are its numbers to the bit.
"""

import math
import threading

from ...base.process.forks import across
from ..machine import kernels, native
from ..machine.code import Code, Value
from ..machine.pool import ensure
from .mathematics import each_lane
from .pointwise import over
from .reductions import loop

__all__ = ["normal32", "normal64", "normal_pairs", "uniform32", "uniform64", "words"]

_BLOCK, _FAR = 624, 397
_UPPER, _LOWER, _TWIST = -0x80000000, 0x7FFFFFFF, 0x9908B0DF - (1 << 32)
_ONE_THREAD = 1 << 40
_LOCK = across(threading.Lock())
_KERNELS: dict = {}


def words(key, out, position, count):
    """`count` words into `out`, from `position` (0 to 624) of the block whose state is `key`."""
    _kernel("words", _words)(key, out, position, count)


def uniform32(numbers, low, high):
    """float32 numbers in [low, high) in place of one word each."""
    _kernel("uniform32", _uniform32)(numbers, low, high, numbers.size)


def uniform64(numbers, low, high):
    """float64 numbers in [low, high) in place of two words each."""
    _kernel("uniform64", _uniform64)(numbers, low, high, numbers.size)


def normal32(numbers, mean, std):
    """float32 normals in place of one word each; whole blocks of 16."""
    _kernel("normal32", _normal32)(numbers, mean, std, numbers.size // 16)


def normal64(numbers, mean, std):
    """float64 normals in place of two words each; whole blocks of 16."""
    _kernel("normal64", _normal64)(numbers, mean, std, numbers.size // 16)


def normal_pairs(numbers):
    """float64 normals in place of two words each, in pairs: the scheme of small draws."""
    _kernel("pairs", _pairs)(numbers, numbers.size // 2)


def _kernel(name, write):
    found = _KERNELS.get(name)
    if found is None:
        with _LOCK:
            found = _KERNELS.get(name)
            if found is None:
                found = _KERNELS[name] = kernels.made(write)
    ensure()
    return found


def _finish(m, kinds, **sharing):
    m.line("ret void")
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    return kernels.Body(body, kinds, m.module, **sharing)


def _range(m):
    return Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop")


def _shifted(m, x, count):
    """x >> count without sign."""
    return m.put(x.kind, x.lanes, f"lshr {x}, {m.like(count, x).text}")


# --- words --------------------------------------------------------------------------------------


def _words():
    kinds = ["ptr", "ptr", "i64"]
    m = Code(lanes=native.HOST.vector_bytes // 4)
    key, out, position = kernels.arguments(m, kinds)
    _, count = _range(m)
    zero = m.constant("i64", 0, 1)
    done, place = m.slot("i64"), m.slot("i64")
    m.store(zero, done)
    m.store(position, place)
    m.jump("more")
    m.label("more")
    first = m.load(done, "i64", 1)
    m.line(f"br {first < count}, label %look, label %ready")
    m.label("look")
    spent = m.load(place, "i64", 1) == _BLOCK
    m.line(f"br {spent}, label %renew, label %give")
    m.label("renew")
    _renewed(m, key)
    m.store(zero, place)
    m.jump("give")
    m.label("give")
    start = m.load(place, "i64", 1)
    size = m.minimum(m.constant("i64", _BLOCK, 1) - start, count - first)

    def give(index, mask):
        word = m.load(m.at(key, start + index, "i32"), "i32", mask=mask)
        m.store(_tempered(m, word), m.at(out, first + index, "i32"), mask)

    over(m, zero, size, give)
    m.store(first + size, done)
    m.store(start + size, place)
    m.jump("more")
    m.label("ready")
    return _finish(m, kinds, chunk=_ONE_THREAD)


def _renewed(m, key):
    """The next state, in place: each word from itself, the next and one 397 further on."""

    def part(start, stop, far):
        def at(index, mask):
            this, following = [
                m.load(m.at(key, index + step, "i32"), "i32", mask=mask) for step in (0, 1)
            ]
            other = m.load(m.at(key, index + far, "i32"), "i32", mask=mask)
            m.store(_twisted(m, this, following, other), m.at(key, index, "i32"), mask)

        over(m, m.constant("i64", start, 1), m.constant("i64", stop, 1), at)

    part(0, _BLOCK - _FAR, _FAR)
    part(_BLOCK - _FAR, _BLOCK - 1, _FAR - _BLOCK)
    last, first, other = [
        m.load(m.at(key, m.constant("i64", i, 1), "i32"), "i32", 1)
        for i in (_BLOCK - 1, 0, _FAR - 1)
    ]
    m.store(_twisted(m, last, first, other), m.at(key, m.constant("i64", _BLOCK - 1, 1), "i32"))


def _twisted(m, this, following, other):
    joined = (this & _UPPER) | (following & _LOWER)
    return other ^ _shifted(m, joined, 1) ^ (-(joined & 1) & _TWIST)


def _tempered(m, word):
    word = word ^ _shifted(m, word, 11)
    word = word ^ ((word << 7) & (0x9D2C5680 - (1 << 32)))
    word = word ^ ((word << 15) & (0xEFC60000 - (1 << 32)))
    return word ^ _shifted(m, word, 18)


# --- uniform numbers ----------------------------------------------------------------------------


def _unit32(m, word):
    return m.convert(word & 0xFFFFFF, "f32") * 2.0**-24


def _unit64(m, pair):
    """The 53 low bits of two words, of which the first is the high one, as multiples of 2**-53."""
    # An integer below 2**52 is the mantissa of a number of known size; the rest is subtraction.
    low = _shifted(m, pair, 32) | 0x4330000000000000
    high = (pair & 0x1FFFFF) | 0x4530000000000000
    return ((m.bits(high) - (2.0**84 + 2.0**52)) + m.bits(low)) * 2.0**-53


def _stretched(m, unit, low, high):
    """low + unit · (high - low), rounded once; what reaches the open end starts again."""
    number = m.fma(unit, high - low, low)
    return m.select(number >= high, low, number)


def _uniform32():
    return _uniform("f32", "i32", _unit32)


def _uniform64():
    return _uniform("f64", "i64", _unit64)


def _uniform(kind, integer, unit):
    kinds = ["ptr", kind, kind]
    m = Code(lanes=native.HOST.vector_bytes // (4 if kind == "f32" else 8))
    home, low, high = kernels.arguments(m, kinds)

    def at(index, mask):
        place = m.at(home, index, kind)
        drawn = unit(m, m.load(place, integer, mask=mask))
        m.store(_stretched(m, drawn, low, high), place, mask)

    over(m, *_range(m), at)
    return _finish(m, kinds)


# --- normal numbers -----------------------------------------------------------------------------


def _normal32():
    def waves(m, angle):
        sine, cosine = _sine_cosine(m, angle)
        return cosine, sine

    return _normal("f32", "i32", _unit32, _log, waves, chunk=1 << 10, work=16)


def _normal64():
    def waves(m, angle):
        return [each_lane(m, name, angle) for name in ("cos", "sin")]

    def log(m, x):
        return each_lane(m, "log", x)

    return _normal("f64", "i64", _unit64, log, waves, chunk=1 << 8, work=64)


def _normal(kind, integer, unit, log, waves, **sharing):
    """In blocks of 16, of which the first half gives the radius and the second the angle of two
    normals each; ``waves(m, angle)``: cosine and sine."""
    kinds = ["ptr", kind, kind]
    m = Code(lanes=8)
    home, mean, std = kernels.arguments(m, kinds)

    def block(index):
        places = [m.at(home, index * 16 + half, kind) for half in (0, 8)]
        first, second = [unit(m, m.load(place, integer)) for place in places]
        radius = m.sqrt(log(m, 1 - first) * -2.0)
        for part, place in zip(waves(m, second * (2 * math.pi)), places, strict=True):
            m.store(m.fma(radius * part, std, mean), place)

    loop(m, *_range(m), block)
    return _finish(m, kinds, **sharing)


_LOG = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)  # fmt: skip
_SINE = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COSINE = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_QUARTER_PI = (0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8)


def _horner(m, x, coefficients):
    value = m.constant(x.kind, coefficients[0], x.lanes)
    for c in coefficients[1:]:
        value = m.fma(value, x, c)
    return value


def _log(m, x):
    """Cephes' logf, for normal numbers."""
    raw = m.bits(x)
    exponent = m.convert((raw >> 23) - 126, "f32")
    x = m.bits((raw & 0x7FFFFF) | 0x3F000000)  # between 1/2 and 1
    small = x < 0.707106781186547524
    exponent = exponent - m.select(small, m.constant("f32", 1.0), 0.0)
    x = (x - 1) + m.select(small, x, 0.0)
    square = x * x
    y = _horner(m, x, _LOG) * x
    y = m.fma(y, square, exponent * -2.12194440e-4)
    y = m.fma(square, -0.5, y)
    return m.fma(exponent, 0.693359375, x + y)


def _sine_cosine(m, x):
    """Cephes' sincosf, for numbers from 0 to 2π: the nearest multiple of π/2 is taken off."""
    octant = (m.convert(x * (4 / math.pi), "i32") + 1) & ~1
    whole = m.convert(octant, "f32")
    for part in _QUARTER_PI:
        x = m.fma(whole, -part, x)
    square = x * x
    cosine = _horner(m, square, _COSINE) * square
    cosine = m.fma(cosine, square, square * -0.5) + 1
    sine = m.fma(_horner(m, square, _SINE) * square, x, x)
    swapped = (octant & 2) != 0
    sine, cosine = m.select(swapped, cosine, sine), m.select(swapped, sine, cosine)
    sine = m.select((octant & 4) != 0, -sine, sine)
    return sine, m.select(((octant - 2) & 4) == 0, -cosine, cosine)


def _pairs():
    kinds = ["ptr"]
    m = Code(lanes=1)
    (home,) = kernels.arguments(m, kinds)

    def pair(index):
        places = [m.at(home, index * 2 + i, "f64") for i in (0, 1)]
        first, second = [_unit64(m, m.load(place, "i64")) for place in places]
        radius = m.sqrt(each_lane(m, "log1p", -second) * -2.0)
        angle = first * (2 * math.pi)
        for name, place in zip(("cos", "sin"), places, strict=True):
            m.store(radius * each_lane(m, name, angle), place)

    loop(m, *_range(m), pair)
    return _finish(m, kinds, chunk=1 << 8, work=64)
