"""Functions of elements as polynomials on vectors, float32 and float64.

Each function takes the `Code` it is written into and a value. Accuracy (tests/compiler checks it):
at most 4 units in the last place, special values as NumPy has them. What has no polynomial here is
computed lane by lane by the C library (`each_lane`).
"""

import math

from .exponentials import (
    MAGIC,
    acosh,
    asinh,
    atanh,
    cosh,
    exp,
    exp2,
    expm1,
    log,
    log1p,
    log2,
    log10,
    polynomial,
    power_between,
    power_of_positive,
    sigmoid,
    sinh,
    tanh,
)

__all__ = ["FUNCTIONS", "each_lane"]

# --- error function -----------------------------------------------------------------------------


_CENTRE = {"f32": 3.0, "f64": 3.0625}  # as in tools/fit_polynomials.py


def _erfc_large(m, size):
    """erfc for 0.5 <= size < 10.1 (float64: 27.5): e^(-size²) times 1 / (size + c) times a
    polynomial of t = (size - c) / (size + c)."""
    centre = _CENTRE[size.kind]
    below = size + centre
    inverse = 1 / below
    scaled = inverse * polynomial(m, m.fma(inverse, -2 * centre, 1.0), "ERFC")
    square = size * size
    # What the square lost; what the inverse lost, by how much that is felt (2.9 to 1 times).
    lost = m.fma(size, size, -square)
    inverse_lost = m.fma(below - centre - size, inverse, m.fma(-below, inverse, 1.0))
    error = m.fma(inverse_lost, m.fma(inverse, 6.6, 1.0), -lost)
    return exp(m, -square) * m.fma(error, scaled, scaled)


def _erfc_beyond(m, size):
    """erfc for 1 <= size, with an error that does not count beside 1."""
    if size.kind == "f32":
        size = m.select(size > 4.0, 4.0, size)
        return power_between(m, polynomial(m, size, "ERFC_LOG"))
    return _erfc_large(m, m.select(size > 6.0, 6.0, size))


def erf(m, x):
    size = m.fabs(x)
    small = x * polynomial(m, x * x, "ERF")
    large = m.copysign(1 - _erfc_beyond(m, size), x)
    return m.select(size < 1.0, small, large)


def erfc(m, x):
    size, most = m.fabs(x), 10.1 if x.kind == "f32" else 27.5
    large = _erfc_large(m, m.select(size > most, most, size))
    large = m.select(x < 0.0, 2 - large, large)
    return m.select(size < 0.5, m.fma(x, -polynomial(m, x * x, "ERF"), 1.0), large)


def erfinv(m, x):
    w = -log(m, (1 - x) * (1 + x))
    root = m.sqrt(w)
    tail = polynomial(m, (root - 3) / (root + 3), "ERFINV_TAIL")
    value = x * m.select(w < 5.0, polynomial(m, w, "ERFINV"), tail)
    if x.kind == "f64":
        size = m.fabs(x)
        value = m.copysign(_corrected_erfinv(m, m.fabs(value), size), x)
    return m.select(m.fabs(x) == 1.0, m.copysign(m.like(math.inf, x), x), value)


def _corrected_erfinv(m, y, x):
    """y, whose erf is x but for 1e-8, after a step of Halley's."""
    small = m.fma(y, polynomial(m, y * y, "ERF"), -x)
    off = m.select(y < 0.75, small, (1 - x) - _erfc_large(m, y))
    step = off * (math.sqrt(math.pi) / 2) * exp(m, y * y)
    return y - step / m.fma(y, step, 1.0)


# --- trigonometric ------------------------------------------------------------------------------

# π/2 in parts: multiples of the first leave no error where they cancel.
_HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
_FAR = 1e8  # beyond, the C library reduces


def _quadrant(m, x):
    """(a whole number of x's width whose last bits tell the quadrant, r in x's kind):
    x = quadrant · π/2 + r, |r| <= π/4. What is not below `_FAR` gives anything."""
    wide = m.convert(x, "f64")
    total = m.fma(wide, 2 / math.pi, MAGIC["f64"])
    n = total - MAGIC["f64"]
    r = m.fma(n, -_HALF_PI[0], wide)
    r = m.fma(n, -_HALF_PI[1], r)
    if x.kind == "f64":
        return m.bits(total), m.fma(n, -_HALF_PI[2], r)
    return m.convert(m.bits(total), "i32"), m.convert(r, x.kind)


def _sine_of(m, r):
    z = r * r
    return m.fma(r * z, polynomial(m, z, "SIN"), r)


def _cosine_of(m, r):
    z = r * r
    half = z * 0.5
    near = 1 - half
    return near + m.fma(z * z, polynomial(m, z, "COS"), (1 - near) - half)


def _turned(m, x, shift):
    quadrant, r = _quadrant(m, x)
    quadrant = quadrant + shift
    value = m.select((quadrant & 1) == 0, _sine_of(m, r), _cosine_of(m, r))
    return m.select((quadrant & 2) == 0, value, -value)


def sin(m, x):
    value = m.select(x == 0.0, x, _turned(m, x, 0))
    return rarely(m, m.fabs(x) < _FAR, "sin", value, x)


def cos(m, x):
    return rarely(m, m.fabs(x) < _FAR, "cos", _turned(m, x, 1), x)


def tan(m, x):
    quadrant, r = _quadrant(m, x)
    sine, cosine = _sine_of(m, r), _cosine_of(m, r)
    even = (quadrant & 1) == 0
    value = m.select(even, sine, -cosine) / m.select(even, cosine, sine)
    return rarely(m, m.fabs(x) < _FAR, "tan", m.select(x == 0.0, x, value), x)


# --- inverse trigonometric ------------------------------------------------------------------------

# π/2 in two parts
_RIGHT = {"f32": (1.5707963705062866, -4.3711390001862426e-08), "f64": _HALF_PI[:2]}


def _from_right(m, value, times=1.0):
    """times · π/2 - value"""
    high, low = _RIGHT[value.kind]
    return high * times - (value - low * times)


def _arcsine(m, x):
    """(whether |x| is over a half, y, rest): there y + rest is asin(√((1 - |x|) / 2)), else
    asin |x|."""
    size = m.fabs(x)
    steep = size > 0.5
    z = m.select(steep, (1 - size) * 0.5, x * x)
    y = m.select(steep, m.sqrt(z), size)
    return steep, y, y * z * polynomial(m, z, "ASIN")


def _twice_from_right(m, y, rest):
    """π/2 - 2·(y + rest)"""
    high, low = _RIGHT[y.kind]
    return (high - (y + y)) - ((rest + rest) - low)


def asin(m, x):
    steep, y, rest = _arcsine(m, x)
    return m.copysign(m.select(steep, _twice_from_right(m, y, rest), y + rest), x)


def acos(m, x):
    steep, y, rest = _arcsine(m, x)
    value = y + rest
    twice = value + value
    over = m.select(x < 0.0, _from_right(m, twice, 2.0), twice)
    return m.select(steep, over, _from_right(m, m.copysign(value, x)))


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


def atan2(m, y, x):
    y, x = m.matched(m.like(y, x), m.like(x, y))
    across, along = m.fabs(y), m.fabs(x)
    steep = across > along
    less, more = m.select(steep, along, across), m.select(steep, across, along)
    # Of two zeros, and of two infinities, the quotient is no number.
    q = m.select(less == more, m.select(more == 0.0, m.like(0.0, x), 1.0), less / more)
    z = q * q
    value = m.fma(q * z, polynomial(m, z, "ATAN_TO_ONE"), q)
    value = m.select(steep, _from_right(m, value), value)
    value = m.select(m.bits(x) < 0, _from_right(m, value, 2.0), value)
    return m.select(m.unordered(x, y), math.nan, m.copysign(value, y))


# --- powers -------------------------------------------------------------------------------------


def power(m, x, y):
    """x ** y with C's special values; of single numbers the C library's, which is less code."""
    if x.kind == "f64" and max(x.lanes, y.lanes) == 1:
        return each_lane(m, "pow", x, y)
    size = m.fabs(x)
    value = power_of_positive(m, size, y)
    usual = (x > 0.0) & (x < math.inf) & (m.fabs(y) < math.inf)
    return otherwise(m, usual, value, lambda: _special_power(m, x, y, value))


def _special_power(m, x, y, value):
    size, negative = m.fabs(x), m.bits(x) < 0
    # 2 ** ±∞ or 1/2 ** ±∞; 1 ** ±∞ is 1
    less = m.select((size < 1.0) ^ (y < 0.0), m.like(0.0, x), math.inf)
    value = m.select(m.fabs(y) == math.inf, m.select(size == 1.0, 1.0, less), value)
    endless = (size == 0.0) | (size == math.inf)
    value = m.select(endless, m.select((size == 0.0) ^ (y < 0.0), m.like(0.0, x), math.inf), value)
    whole = m.rint(y) == y
    odd = whole & (m.rint(y * 0.5) != y * 0.5)
    value = m.select(negative & odd, -value, value)
    refused = (x < 0.0) & (x != -math.inf) & ~whole & (m.fabs(y) < math.inf)
    value = m.select(refused | m.unordered(x, y), math.nan, value)
    return m.select((x == 1.0) | (y == 0.0), 1.0, value)


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
    return otherwise(
        m, usual, value, lambda: m.select(usual, value, each_lane(m, name, *arguments))
    )


def otherwise(m, usual, value, compute):
    """`value` where `usual` holds in all lanes, else what ``compute()`` gives for all of them."""
    odd = m.any(~usual)
    start, other, end = m.block, m.fresh("rare"), m.fresh("usual")
    m.line(f"br {odd}, label %{other}, label %{end}")
    m.label(other)
    slow = compute()
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
    "log10": log10, "tanh": tanh, "sigmoid": sigmoid, "sinh": sinh, "cosh": cosh, "asinh": asinh,
    "acosh": acosh, "atanh": atanh, "erf": erf, "erfc": erfc, "erfinv": erfinv, "sin": sin,
    "cos": cos, "tan": tan, "asin": asin, "acos": acos, "atan": atan, "atan2": atan2, "pow": power,
    **{name: _library(name) for name in ("hypot", "fmod")},
}  # fmt: skip
