"""Exponentials, logarithms and their kin as polynomials on vectors, float32 and float64.

Each function takes the `Code` it is written into and a value. Accuracy (tests/compiler checks it):
at most 4 units in the last place, special values as NumPy has them. What has no polynomial here is
computed lane by lane by the C library (`each_lane`).
"""

import math

from ..machine import native
from ..machine.code import BYTES
from .coefficients import POLYNOMIALS

__all__ = ["FUNCTIONS", "each_lane"]

# Largest and smallest argument of exp that matter (the smallest lies above its multiple of ln 2);
# bits of the mantissa; bias.
_LIMITS = {
    "f32": (89.0, -104.5, 23, 127, "i32"),
    "f64": (710.0, -745.7, 52, 1023, "i64"),
}
_LOG2 = {  # ln 2 in two parts: multiples of the first are exact
    "f32": (0.693359375, -2.12194440e-4),
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
_MAGIC = {"f32": 1.5 * 2.0**23, "f64": 1.5 * 2.0**52}


def _reduced(m, x):
    """(n + `_MAGIC`, n as a number, r) with x = n·ln 2 + r."""
    high, low = _LOG2[x.kind]
    total = m.fma(x, 1 / math.log(2), _MAGIC[x.kind])
    n = total - _MAGIC[x.kind]
    r = m.fma(n, -high, x)
    return total, n, m.fma(n, -low, r)


def _powers(m, x):
    """(n + `_MAGIC`, n, e^r - 1) with x = n·ln 2 + r, x where `_clamped` has it: e^x is 2^n·e^r.
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
    size = value.lanes * BYTES[value.kind]
    if native.HOST.vector_bytes == 64 and size in (32, 64):
        return _scaled_at_once(m, value, n, size * 8)
    whole = m.convert(n, _LIMITS[value.kind][4])
    half = whole >> 1
    return value * _power_of_two(m, half) * _power_of_two(m, whole - half)


def _scaled_at_once(m, value, n, size):
    """The same by AVX-512: all lanes are wanted, and rounded as ever."""
    name = f"llvm.x86.avx512.mask.scalef.{'ps' if value.kind == 'f32' else 'pd'}.{size}"
    given = [f"{value}", f"{n}", f"{value.type} zeroinitializer", f"i{max(value.lanes, 8)} -1"]
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
    exponent = (shifted >> bits) - bias
    mantissa = m.bits((shifted & ((1 << bits) - 1)) + root_half)
    exponent = exponent - m.select(tiny, m.constant(integer, bits + 1, x.lanes), 0)
    return m.convert(exponent, x.kind), mantissa - 1


def _log_series(m, f):
    """(log(1 + f) - f, f) near one, as f - (f²/2 - s·(f²/2 + z·R))."""
    s = f / (f + 2)
    z = s * s
    half = f * f * 0.5
    return half - s * (half + z * polynomial(m, z, "LOG"))


def _special_log(m, x, value):
    value = m.select(x == 0.0, -math.inf, value)
    value = m.select(x < 0.0, math.nan, value)
    return m.select((x == math.inf) | m.unordered(x, x), x, value)


def log(m, x):
    high, low = _LOG2[x.kind]
    e, f = _split(m, x)
    value = m.fma(e, high, f - (_log_series(m, f) - e * low))
    return _special_log(m, x, value)


def log1p(m, x):
    u = x + 1
    high, low = _LOG2[x.kind]
    e, f = _split(m, u)
    lost = m.select(u > 2.0, (x - u) + 1, x - (u - 1)) / u  # what the sum rounded away
    lost = m.select(m.fabs(u) < math.inf, lost, 0.0)
    value = m.fma(e, high, f - (_log_series(m, f) - (e * low + lost)))
    value = _special_log(m, u, value)
    return m.select(m.fabs(x) < 2.0 ** (-54 if x.kind == "f64" else -25), x, value)


def _log_base(m, x, scale, exact):
    e, f = _split(m, x)
    small = f - _log_series(m, f)
    return _special_log(m, x, m.fma(e, exact, small * scale))


def log2(m, x):
    return _log_base(m, x, 1 / math.log(2), 1.0)


def log10(m, x):
    return _log_base(m, x, 1 / math.log(10), math.log10(2))


# Powers of 2 beyond which 1 does not count beside e^x, or e^x beside 1.
_ENOUGH = {"f32": (-126, 50), "f64": (-1022, 400)}
_LEAST = {"f32": -87.0, "f64": -708.0}  # where e^x is a normal number yet


def _power(m, x):
    """(2**n, e^r - 1) of `_powers`, n within what counts for tanh and sigmoid."""

    def compute():
        _, _, bits, bias, _ = _LIMITS[x.kind]
        total, _, small = _powers(m, x)
        least, most = [_MAGIC[x.kind] + n for n in _ENOUGH[x.kind]]
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


def sinh(m, x):
    size = m.fabs(x)
    t = expm1(m, m.minimum(size, 88.0 if x.kind == "f32" else 709.0))
    near = (t + t / (t + 1)) * 0.5
    return m.copysign(m.select(size < 20.0, near, _half_exp(m, size)), x)


def cosh(m, x):
    size = m.fabs(x)
    t = exp(m, m.minimum(size, 88.0 if x.kind == "f32" else 709.0))
    return m.select(size < 20.0, t * 0.5 + 0.5 / t, _half_exp(m, size))


def _half_exp(m, x):
    """e^x / 2, which may be finite where e^x is not."""
    root = exp(m, x * 0.5)
    return root * 0.5 * root


# --- error function -----------------------------------------------------------------------------


def _erfc_beyond(m, size):
    """erfc for 1 <= size, with an error that does not count beside 1."""
    if size.kind == "f32":
        size = m.select(size > 4.0, 4.0, size)
        return _power_between(m, polynomial(m, size, "ERFC_LOG"))
    # e^(-size²) times a polynomial; the square without its error
    size = m.select(size > 6.0, 6.0, size)
    t = (size - 2) / (size + 2)
    square = size * size
    error = m.fma(size, size, -square)
    return exp(m, -square) * (1 - error) * polynomial(m, t, "ERFC")


def _power_between(m, x):
    """2^x where that is neither huge nor tiny."""
    _, _, bits, bias, _ = _LIMITS[x.kind]
    total = x + _MAGIC[x.kind]
    r = (x - (total - _MAGIC[x.kind])) * math.log(2)
    small = m.fma(r * r, polynomial(m, r, "EXP"), r)
    power = m.bits((m.bits(total) << bits) + (bias << bits))
    return m.fma(power, small, power)


def erf(m, x):
    size = m.fabs(x)
    small = x * polynomial(m, x * x, "ERF")
    large = m.copysign(1 - _erfc_beyond(m, size), x)
    return m.select(size < 1.0, small, large)


# --- trigonometric ------------------------------------------------------------------------------

_HALF_PI = (1.5707963267948966, 6.123233995736766e-17)
_FAR = 1e8  # beyond, the C library reduces


def _quadrant(m, x):
    """(the quadrant as i32, r in x's kind): x = quadrant · π/2 + r, |r| <= π/4."""
    wide = m.convert(x, "f64")
    n = m.rint(wide * (2 / math.pi))
    r = m.fma(n, -_HALF_PI[0], wide)
    r = m.fma(n, -_HALF_PI[1], r)
    return m.convert(n, "i32"), m.convert(r, x.kind)


def _sine_of(m, r):
    z = r * r
    return m.fma(r * z, polynomial(m, z, "SIN"), r)


def _cosine_of(m, r):
    z = r * r
    half = z * 0.5
    near = 1 - half
    return near + m.fma(z * z, polynomial(m, z, "COS"), (1 - near) - half)


def _turned(m, x, shift):
    near = m.select(m.fabs(x) < _FAR, x, 0.0)
    quadrant, r = _quadrant(m, near)
    quadrant = quadrant + shift
    value = m.select((quadrant & 1) == 0, _sine_of(m, r), _cosine_of(m, r))
    return m.select(m.unordered(x, x), x, m.select((quadrant & 2) == 0, value, -value))


def sin(m, x):
    value = m.select(x == 0.0, x, _turned(m, x, 0))
    return rarely(m, m.fabs(x) < _FAR, "sin", value, x)


def cos(m, x):
    return rarely(m, m.fabs(x) < _FAR, "cos", _turned(m, x, 1), x)


def atan(m, x):
    size = m.fabs(x)
    steep, middle = size > math.tan(3 * math.pi / 8), size > math.tan(math.pi / 8)
    one = m.select(steep, -1.0, size - 1)
    two = m.select(steep, size, size + 1)
    y = m.select(middle, one / two, size)
    z = y * y
    value = m.fma(y * z, polynomial(m, z, "ATAN"), y)
    offset = m.select(steep, math.pi / 2, m.select(middle, m.like(math.pi / 4, x), 0.0))
    rest = m.like(6.123233995736766e-17, x)  # of pi / 2 beyond float64
    low = m.select(steep, rest, m.select(middle, rest * 0.5, 0.0))
    return m.copysign(offset + (value + low), x)


# --- powers -------------------------------------------------------------------------------------


def power(m, x, y):
    """x ** y with C's special values; float64 lane by lane."""
    if x.kind == "f64":
        return each_lane(m, "pow", x, y)
    size = m.convert(m.fabs(x), "f64")
    value = m.convert(exp(m, m.convert(y, "f64") * log(m, size)), "f32")
    whole = m.rint(y) == y
    odd = whole & (m.rint(y * 0.5) != y * 0.5)
    negative = m.bits(x) < 0
    value = m.select(negative & odd, -value, value)
    refused = (x < 0.0) & (x != -math.inf) & ~whole & (m.fabs(y) < math.inf)
    value = m.select(refused, math.nan, value)
    one = (x == 1.0) | (y == 0.0) | ((x == -1.0) & (m.fabs(y) == math.inf))
    return m.select(one, 1.0, value)


# --- lane by lane -------------------------------------------------------------------------------


def each_lane(m, name, *values):
    """The C library's function of each lane."""
    kind, lanes = values[0].kind, max(v.lanes for v in values)
    values = [m.splat(v, lanes) for v in values]
    name = name + ("f" if kind == "f32" else "")
    if lanes == 1:
        return m.call(kind, 1, name, *values)
    slots = []
    for value in (*values, values[0]):
        slot = m.slot(value.type, 64)
        m.line(f"store {value}, {slot}, align 64")
        slots.append(slot)
    i, end = m.loop_open(
        m.constant("i64", 0, 1), m.constant("i64", lanes, 1), m.constant("i64", 1, 1)
    )
    parts = [m.load(m.at(slot, i, kind), kind, 1) for slot in slots[:-1]]
    m.store(m.call(kind, 1, name, *parts), m.at(slots[-1], i, kind))
    m.loop_close(end)
    return m.put(kind, lanes, f"load {values[0].type}, {slots[-1]}, align 64")


def rarely(m, usual, name, value, *arguments):
    """`value` where `usual` holds in all lanes; else the C library's function there."""
    odd = m.any(~(usual | m.unordered(arguments[0], arguments[0])))
    start, other, end = m.block, m.fresh("rare"), m.fresh("usual")
    m.line(f"br {odd}, label %{other}, label %{end}")
    m.label(other)
    slow = m.select(usual, value, each_lane(m, name, *arguments))
    last = m.block
    m.line(f"br label %{end}")
    m.label(end)
    return m.put(
        value.kind, value.lanes,
        f"phi {value.type} [{value.text}, %{start}], [{slow.text}, %{last}]",
    )  # fmt: skip


def _library(name):
    return lambda m, *values: each_lane(m, name, *values)


FUNCTIONS = {
    "exp": exp, "expm1": expm1, "exp2": exp2, "log": log, "log1p": log1p, "log2": log2,
    "log10": log10, "tanh": tanh, "sigmoid": sigmoid, "sinh": sinh, "cosh": cosh, "erf": erf,
    "sin": sin, "cos": cos, "atan": atan, "pow": power,
    **{name: _library(name) for name in (
        "tan", "asin", "acos", "asinh", "acosh", "atanh", "erfc", "atan2", "hypot", "fmod")},
}  # fmt: skip
