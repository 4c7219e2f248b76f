"""Exponentials, logarithms and what is made of them, as polynomials on vectors.

Float32 and float64; each function takes the `Code` it is written into and a value. The others are
in `mathematics.py`, which says how accurate all of them are.
"""

import math

from ..machine import native
from ..machine.code import BYTES
from .coefficients import POLYNOMIALS

__all__ = ["MAGIC", "acosh", "asinh", "atanh", "cosh", "exp", "exp2", "expm1", "log", "log10",
           "log1p", "log2", "polynomial", "power_between", "power_of_positive", "sigmoid", "sinh",
           "tanh"]  # fmt: skip

# Largest and smallest argument of exp that matter, of e^x / 2 too (the smallest lies above its
# multiple of ln 2);
# bits of the mantissa; bias.
_LIMITS = {
    "f32": (89.5, -104.5, 23, 127, "i32"),
    "f64": (711.0, -745.7, 52, 1023, "i64"),
}
_LOG2 = {  # ln 2 in two positive parts: multiples of the first are exact
    "f32": (0.693115234375, 3.1946184945309415e-05),
    "f64": (6.93147180369123816490e-01, 1.90821492927058770002e-10),
}


def polynomial(m, x, name):
    """The polynomial of this name, by Horner's rule."""
    coefficients = POLYNOMIALS[x.kind][name]
    value = m.constant(x.kind, coefficients[-1], x.lanes)
    for c in coefficients[-2::-1]:
        value = m.fma(value, x, c)
    return value


# A number this large has no digits behind the point: what is added to it is rounded to a whole
# number, which stands in the last bits.
MAGIC = {"f32": 1.5 * 2.0**23, "f64": 1.5 * 2.0**52}


def _reduced(m, x):
    """(n + `MAGIC`, n as a number, r) with x = n·ln 2 + r."""
    high, low = _LOG2[x.kind]
    total = m.fma(x, 1 / math.log(2), MAGIC[x.kind])
    n = total - MAGIC[x.kind]
    r = m.fma(n, -high, x)
    return total, n, m.fma(n, -low, r)


def _powers(m, x):
    """(n + `MAGIC`, n, e^r - 1) with x = n·ln 2 + r, x where `_clamped` has it: e^x is 2^n·e^r.
    What else is computed from the same x beside it takes the same three."""

    def compute():
        total, n, r = _reduced(m, _clamped(m, x))
        return total, n, m.fma(r * r, polynomial(m, r, "EXP"), r)

    return m.once(("powers", x), compute)


def _power_of_two(m, n):
    """2**n for an integer n that is in the range of normal numbers."""
    _, _, bits, bias, _ = _LIMITS["f32" if n.kind == "i32" else "f64"]
    return m.bits((n + bias) << bits)


def _scaled(m, value, n):
    """value · 2**n; in two steps where no instruction does it, so that results may be subnormal."""
    if _at_once(value):
        return _avx512(m, "scalef", value, n)
    whole = m.convert(n, _LIMITS[value.kind][4])
    half = whole >> 1
    return value * _power_of_two(m, half) * _power_of_two(m, whole - half)


def _avx512(m, name, value, *others):
    """An instruction of AVX-512: all lanes are wanted, and rounded as ever."""
    size = value.lanes * BYTES[value.kind] * 8
    name = f"llvm.x86.avx512.mask.{name}.{'ps' if value.kind == 'f32' else 'pd'}.{size}"
    given = [f"{value}", *[f"{v}" for v in others]]
    given += [f"{value.type} zeroinitializer", f"i{max(value.lanes, 8)} -1"]
    given += ["i32 4"] * (size == 512)
    types = ", ".join([text.rpartition(" ")[0] for text in given])
    m.declare(f"declare {value.type} @{name}({types})")
    return m.put(value.kind, value.lanes, f"call {value.type} @{name}({', '.join(given)})")


def _clamped(m, x):
    """x where exp is neither 0 nor infinite, the bound elsewhere; NaN stays."""
    high, low = _LIMITS[x.kind][:2]
    x = m.select(x > high, high, x)
    return m.select(x < low, low, x)


def exp(m, x):
    _, n, small = _powers(m, x)
    # Where e^x is 0, nothing is rounded to it: that would take some processors 150 cycles.
    none = x < _LIMITS[x.kind][1]
    return m.select(none, 0.0, _scaled(m, small + 1, m.select(none, 0.0, n)))


def expm1(m, x):
    _, n, small = _powers(m, x)
    # 2**n·(small + 1) - 1, with 2**n in two factors so that neither overflows.
    whole = m.convert(n, _LIMITS[x.kind][4])
    half = whole >> 1
    rest = whole - half
    first, second = _power_of_two(m, half), _power_of_two(m, rest)
    grown = m.fma(first, small, first - _power_of_two(m, -rest)) * second
    return m.select(x == 0.0, x, m.select(n == 0.0, small, grown))


def exp2(m, x):
    limit = 1024.0 if x.kind == "f64" else 128.0
    least = -1080.0 if x.kind == "f64" else -152.0
    y = m.select(x > limit, limit, x)
    y = m.select(y < least, least, y)
    n = m.rint(y)
    r = (y - n) * math.log(2)
    return _scaled(m, m.fma(r * r, polynomial(m, r, "EXP"), r) + 1, n)


def _split(m, x):
    """(e, f): x = 2**e · (1 + f), 1 + f between √½ and √2; subnormal numbers too."""
    _, _, bits, bias, integer = _LIMITS[x.kind]
    tiny = x < 2.0 ** (1 - bias)
    grown = m.select(tiny, x * 2.0 ** (bits + 1), x)
    raw = m.bits(grown)
    # Adding the distance from √½ to 1 carries into the exponent where the mantissa is over √2.
    root_half = {"f32": 0x3F3504F3, "f64": 0x3FE6A09E667F3BCD}[x.kind]
    one = bias << bits
    shifted = raw + (one - root_half)
    more = m.select(tiny, m.constant(integer, bias + bits + 1, x.lanes), bias)
    mantissa = m.bits((shifted & ((1 << bits) - 1)) + root_half)
    return m.convert((shifted >> bits) - more, x.kind), mantissa - 1


def _log_series(m, f):
    """(log(1 + f) - f, f) near one, as f - (f²/2 - s·(f²/2 + z·R))."""
    s = f / (f + 2)
    z = s * s
    half = f * f * 0.5
    return half - s * (half + z * polynomial(m, z, "LOG"))


def _special_log(m, x, value):
    value = m.select(x == 0.0, -math.inf, value)
    value = m.select(x < 0.0, math.nan, value)
    return m.select(x < math.inf, value, x)


def _at_once(x):
    """Whether AVX-512's own instructions take a number of this type apart."""
    return native.HOST.vector_bytes == 64 and x.lanes * BYTES[x.kind] in (32, 64)


def _parts(m, x):
    """(e, f): x = 2**e · (1 + f), 1 + f between √½ and 3/2."""
    if not _at_once(x):
        return _split(m, x)
    # 1 + f between 3/4 and 3/2, NaN below 0; of 0 and infinity e is infinite, f is 0.
    mantissa = _avx512(m, "getmant", x, "i32 11")
    return _avx512(m, "getexp", x) - _avx512(m, "getexp", mantissa), mantissa - 1


def _logarithm(m, x, of_parts):
    """``of_parts(e, f)`` with a logarithm's special values, which follow where e is infinite."""
    value = of_parts(*_parts(m, x))
    return value if _at_once(x) else _special_log(m, x, value)


def log(m, x):
    high, low = _LOG2[x.kind]

    def value(e, f):
        return m.fma(e, high, f - (_log_series(m, f) - e * low))

    return _logarithm(m, x, value)


def _exponent(m, u):
    """e of `_split` as an integer, of u that is positive and normal."""
    _, _, bits, bias, _ = _LIMITS[u.kind]
    root_half = {"f32": 0x3F3504F3, "f64": 0x3FE6A09E667F3BCD}[u.kind]
    return ((m.bits(u) + ((bias << bits) - root_half)) >> bits) - bias


def _log_of_ratio(m, e, above, below):
    """log(2**e · (1 + s) / (1 - s)), s = above / below.

    That is log u for s = (u - 2**e) / (u + 2**e). Where u is a sum with 1, its difference from 2**e
    can be had without what u was rounded by.
    """
    high, low = _LOG2[above.kind]
    twice = (above + above) / below
    s = twice * 0.5
    z = s * s
    e = m.convert(e, above.kind)
    return m.fma(e, high, twice + m.fma(s * z, polynomial(m, z, "LOG"), e * low))


def log1p(m, x):
    u = x + 1
    e = _exponent(m, u)
    half_power, half = _power_of_two(m, e - 1), x * 0.5  # halves: their sums do not overflow
    value = _log_of_ratio(m, e, half + (0.5 - half_power), half + (0.5 + half_power))
    value = _special_log(m, u, value)
    return m.select(m.fabs(x) < 2.0 ** (-54 if x.kind == "f64" else -25), x, value)


def _log_base(m, x, scale, exact):
    return _logarithm(m, x, lambda e, f: m.fma(e, exact, (f - _log_series(m, f)) * scale))


def log2(m, x):
    return _log_base(m, x, 1 / math.log(2), 1.0)


def log10(m, x):
    return _log_base(m, x, 1 / math.log(10), math.log10(2))


def power_between(m, x):
    """2^x where that is neither huge nor tiny."""
    _, _, bits, bias, _ = _LIMITS[x.kind]
    total = x + MAGIC[x.kind]
    r = (x - (total - MAGIC[x.kind])) * math.log(2)
    small = m.fma(r * r, polynomial(m, r, "EXP"), r)
    power = m.bits((m.bits(total) << bits) + (bias << bits))
    return m.fma(power, small, power)


def power_of_positive(m, x, y):
    """x ** y for x from 0 on, where both are finite."""
    whole, rest = (_power_in_float64 if x.kind == "f32" else _power_in_parts)(m, x, y)
    # What is beyond is 0 or infinite; NaN stays. Half of the bound is a normal number's exponent.
    most = {"f32": 250.0, "f64": 2000.0}[x.kind]
    rest = m.select(m.fabs(whole) < most, rest, 0.0)
    whole = m.select(whole > most, most, whole)
    whole = m.select(whole < -most, -most, whole)
    tail = polynomial(m, rest, "EXP_OF_POWER")
    return _scaled(m, m.fma(rest * rest, tail, rest) + 1, whole)


def _power_in_float64(m, x, y):
    """(n, r): x ** y = 2**n·e^r of float32, whose logarithm is computed in float64."""
    e, f = [m.convert(part, "f64") for part in _parts(m, x)]
    s = f / (f + 2)
    z = s * s
    t = m.fma(s * z, polynomial(m, z, "LOG_OF_POWER"), s + s)
    t = m.fma(t, 1 / math.log(2), e) * m.convert(y, "f64")
    n = m.rint(t)
    return m.convert(n, "f32"), m.convert((t - n) * math.log(2), "f32")


_TWO_THIRDS = (2 / 3, 3.700743415417188e-17)
_PER_LOG2 = (1.4426950408889634, 2.0355273740931033e-17)  # 1 / ln 2


def _power_in_parts(m, x, y):
    """The same of float64, each number down to the last term but one as a sum of two."""
    e, f = _parts(m, x)
    below = f + 2
    inverse = 1 / below
    s = f * inverse
    lost = m.fma(-s, f - (below - 2), m.fma(-s, below, f)) * inverse
    z = s * s
    z_lost = m.fma(s + s, lost, m.fma(s, s, -z))
    cube, cube_lost = _product(m, z, z_lost, s, lost)
    third, third_lost = _product(m, cube, cube_lost, *_TWO_THIRDS)
    tail = cube * (z * polynomial(m, z, "LOG_BEYOND"))
    total, total_lost = _sum(s + s, third)
    total_lost = total_lost + (tail + (third_lost + (lost + lost)))
    part, part_lost = _product(m, total, total_lost, *_PER_LOG2)
    logarithm, logarithm_lost = _sum(e, part)
    logarithm, logarithm_lost = _sum(logarithm, logarithm_lost + part_lost)
    t = y * logarithm
    n = m.rint(t)
    rest = (t - n) + m.fma(y, logarithm_lost, m.fma(y, logarithm, -t))
    return n, rest * math.log(2)


def _sum(x, y):
    """(the rounded sum, what it lost), y smaller than x or x zero."""
    total = x + y
    return total, (x - total) + y


def _product(m, x, x_lost, y, y_lost):
    """The product of two sums of two, as a sum of two."""
    product = x * y
    return product, m.fma(x, y_lost, m.fma(x_lost, y, m.fma(x, y, -product)))


# Powers of 2 beyond which 1 does not count beside e^x, or e^x beside 1.
_ENOUGH = {"f32": (-126, 50), "f64": (-1022, 400)}
_LEAST = {"f32": -87.0, "f64": -708.0}  # where e^x is a normal number yet


def _power(m, x):
    """(2**n, e^r - 1) of `_powers`, n within what counts for tanh and sigmoid."""

    def compute():
        _, _, bits, bias, _ = _LIMITS[x.kind]
        total, _, small = _powers(m, x)
        least, most = [MAGIC[x.kind] + n for n in _ENOUGH[x.kind]]
        total = m.select(total > most, most, total)
        total = m.select(total < least, least, total)
        return m.bits((m.bits(total) << bits) + (bias << bits)), small

    return m.once(("power", x), compute)


def tanh(m, x):
    power, small = _power(m, x)
    t = m.fma(power, small, power - 1)  # e^x - 1
    t = m.fma(t, t, t + t)  # e^2x - 1
    return m.copysign(t / (t + 2), x)


def sigmoid(m, x):
    """0 where e^x is below the normal numbers, as PyTorch's."""
    power, small = _power(m, x)
    none = x < _LEAST[x.kind]
    e = m.fma(power, m.select(none, 0.0, small), power)
    return m.select(none, 0.0, e / (e + 1))


def _half_exp(m, size):
    """e^x / 2, which may be finite where e^x is not."""
    _, n, small = _powers(m, size)
    return _scaled(m, small + 1, n - 1)


def sinh(m, x):
    z = x * x
    near = m.fma(x * z, polynomial(m, z, "SINH"), x)
    size = m.fabs(x)
    half = _half_exp(m, size)
    return m.select(size < 1.0, near, m.copysign(half - 0.25 / half, x))


def cosh(m, x):
    half = _half_exp(m, m.fabs(x))
    return half + 0.25 / half


# --- inverse hyperbolic ---------------------------------------------------------------------------

_LARGE = {"f32": 2.0**14, "f64": 2.0**30}  # beyond, 1 does not count beside x²


def _large_and_root(m, size, square):
    """(whether x is large, x, √square); there x·2⁻⁶⁴ and 0, since square or sum may overflow."""
    large = size > _LARGE[size.kind]
    root = m.select(large, 0.0, m.sqrt(square))
    return large, m.select(large, size * 2.0**-64, size), root


def _with_large(m, e, large, size, above, below):
    """log(x + √(x² ± 1)) from the ratio; e is too small by 65 where x is large."""
    e = e + m.select(large, m.constant(e.kind, 65, e.lanes), 0)
    return m.select(size == math.inf, size, _log_of_ratio(m, e, above, below))


def asinh(m, x):
    size = m.fabs(x)
    large, part, root = _large_and_root(m, size, m.fma(size, size, 1.0))
    u = part + root
    e = _exponent(m, u)
    power = _power_of_two(m, e)
    near = size < 0.4166  # tanh(asinh(x) / 2) = x / (1 + √(1 + x²)), up to 1/5
    e = m.select(near, m.constant(e.kind, 0, e.lanes), e)
    above = m.select(near, size, part + (root - power))
    below = m.select(near, root + 1, u + power)
    return m.copysign(_with_large(m, e, large, size, above, below), x)


def acosh(m, x):
    large, part, root = _large_and_root(m, x, (x - 1) * (x + 1))
    u = part + root
    e = _exponent(m, u)
    power = _power_of_two(m, e)
    near = x < 1.083  # tanh(acosh(x) / 2) = √(x² - 1) / (x + 1), up to 1/5
    e = m.select(near, m.constant(e.kind, 0, e.lanes), e)
    above = m.select(near, root, (part - power) + root)
    below = m.select(near, x + 1, u + power)
    return m.select(x < 1.0, math.nan, _with_large(m, e, large, x, above, below))


def atanh(m, x):
    _, _, bits, _, _ = _LIMITS[x.kind]
    size = m.fabs(x)
    less, more = 1 - size, 1 + size
    # The bits of a number are its logarithm but for 0.09: e is that of the ratio, nearly rounded.
    e = (m.bits(more) - m.bits(less) + (1 << (bits - 1))) >> bits
    power = _power_of_two(m, e)
    # (1 + x) ∓ 2**e·(1 - x): first what rounds neither 1 + x nor 1 - x, then what does not round
    # 1 + 2**e.
    few = power < 16.0
    more_power, less_power = 1 + power, 1 - power
    above = m.select(few, m.fma(size, more_power, less_power), m.fma(-power, less, more))
    below = m.select(few, m.fma(size, less_power, more_power), m.fma(power, less, more))
    value = _log_of_ratio(m, e, above, below) * 0.5
    value = m.select(size < 1.0, value, m.select(size == 1.0, m.like(math.inf, x), math.nan))
    return m.copysign(value, x)
