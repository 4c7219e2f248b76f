"""What each elementwise primitive is on one element: its value as instructions.

`lowering(primitive)(m, *values, **params)` writes into the `Code` m. A primitive that is not in
`ELEMENTS` is computed by NumPy, inside a compiled step too; a fused operator is its formula.
"""

import math
import operator

from ...primitives import activations, base
from ...primitives import arithmetic as a
from ...primitives import comparison as c
from ...primitives import functions as f
from ...primitives.fused import Fused
from ...primitives.structural import clone
from ...program.ir import Variable
from ..machine import native
from ..machine.code import HALVES, Value, held_as, kind_of, stored_as
from . import gamma
from .mathematics import FUNCTIONS

__all__ = ["half_serves", "in_loops", "lowering", "lowers"]


def _function(name):
    return FUNCTIONS[name]


def _relu(m, x):
    return m.select(x < 0, 0, x)


def _sign(m, x):
    if not x.floating:
        return m.convert(x > 0, x.kind) - m.convert(x < 0, x.kind)
    return m.select(x > 0.0, 1.0, m.select(x < 0.0, -1.0, m.like(0.0, x)))


def _clamp(m, x, *, low, high):
    """x itself where it equals a bound: -0 stays."""
    if low is not None:
        x = m.maximum(m.like(low, x), x)
    return x if high is None else m.minimum(m.like(high, x), x)


def _add(m, x, y):
    truths = x.kind == "i1" and getattr(y, "kind", "i1") == "i1"
    return x | y if truths else x + y  # the sum of two truths is that one of them holds


def _power(m, x, y):
    if not x.floating:  # by a whole number from 0 on, see `lowers`
        return _repeated(m, x, int(y))
    if not isinstance(y, (int, float)):
        return FUNCTIONS["pow"](m, x, y)
    if y == 0.5:
        return m.sqrt(x)
    if y == int(y) and 1 <= abs(y) <= 4:
        out = {1: lambda: x, 2: lambda: x * x, 3: lambda: x * x * x, 4: lambda: (x * x) * (x * x)}
        out = out[abs(int(y))]()
        return out if y > 0 else 1.0 / out
    return FUNCTIONS["pow"](m, x, m.like(y, x))


def _repeated(m, x, times):
    """x multiplied with itself, by squares; what is too large wraps around."""
    out = m.like(1, x)
    while times:
        if times & 1:
            out = x * out
        times >>= 1
        x = x * x if times else x
    return out


def _where(m, condition, x, y):
    return m.select(condition, x, y)


def _compare(name):
    compute = getattr(operator, name)

    def lower(m, x, y):
        if getattr(x, "kind", None) == "i1" or getattr(y, "kind", None) == "i1":
            x, y = [v if isinstance(v, (bool, int)) else m.convert(v, "i8") for v in (x, y)]
        return compute(x, y)

    return lower


def _cast(m, x, *, to, origin):
    x = m.convert(x, held_as(to))
    return m.rounded(x, stored_as(to)) if to.name in HALVES else x


def _half_below(m, x):
    """The normal distribution's mass below x."""
    return (FUNCTIONS["erf"](m, x / math.sqrt(2.0)) + 1) * 0.5


def _softplus(m, x, *, beta, threshold):
    scaled = x * beta
    inner = m.select(scaled > threshold, threshold, scaled)
    grown = FUNCTIONS["log1p"](m, FUNCTIONS["exp"](m, inner)) * (1 / beta)
    return m.select(scaled > threshold, x, grown)


def _elu(m, x, *, alpha, scale, inner):
    below = FUNCTIONS["expm1"](m, m.minimum(x, 0.0) * inner) * (alpha * scale)
    return m.select(x < 0.0, below, x * scale)


def _ramp(m, x):
    return m.minimum(m.maximum(x + 3, 0.0), 6.0) / 6


def _fmod(m, x, y):
    x, y = m.matched(x, m.like(y, x))
    return m.put(x.kind, x.lanes, f"frem {x}, {y.text}")


def _remainder(m, x, y):
    """With the divisor's sign, as Python's %; zero with that of x, as PyTorch has it."""
    y = m.like(y, x)
    rest = _fmod(m, x, y)
    turned = (rest != 0.0) & ((y < 0.0) ^ (rest < 0.0))
    rest = m.select(turned, rest + y, rest)
    return m.select(rest == 0.0, m.copysign(rest * 0, x), rest)


def _floor_divide(m, x, y):
    """The quotient that fits the remainder, rounded to the whole number it stands for."""
    y = m.like(y, x)
    rest = _fmod(m, x, y)
    whole = (x - rest) / y
    turned = (rest != 0.0) & ((y < 0.0) ^ (rest < 0.0))
    whole = m.select(turned, whole - 1.0, whole)
    below = m.floor(whole)
    below = m.select(whole - below > 0.5, below + 1.0, below)
    below = m.select(whole == 0.0, m.copysign(whole * 0, x / y), below)
    return m.select(y == 0.0, x / y, below)


def _present(compare):
    """The larger or smaller; of a number and NaN the number."""

    def lower(m, x, y):
        y = m.like(y, x)
        first = compare(x, y)
        return m.select(first | m.unordered(y, y) if x.floating else first, x, y)

    return lower


def _log_add(power, scale):
    """The logarithm of a sum of powers, from the larger of them on."""

    def lower(m, x, y):
        y = m.like(y, x)
        rest = FUNCTIONS["log1p"](m, FUNCTIONS[power](m, -m.fabs(x - y)))
        rest = rest if scale == 1 else rest * scale
        same = x == y  # infinities, too
        return m.select(same, x + math.log(2) * scale, m.maximum(x, y) + rest)

    return lower


def _xlogy(m, x, y):
    y = m.like(y, x)
    nothing = (x == 0.0) & (y == y)
    return m.select(nothing, 0.0, x * FUNCTIONS["log"](m, y))


def _signbit(m, x):
    return m.bits(x) < 0 if x.floating else x < 0


ELEMENTS = {
    a.neg: lambda m, x: -x,
    a.add: _add,
    a.sub: lambda m, x, y: x - y,
    a.mul: lambda m, x, y: x * y,
    a.div: lambda m, x, y: x / y,
    a.zeros_like: lambda m, x: m.constant(x.kind, 0, x.lanes),
    a.logical_not: lambda m, x: ~m.convert(x, "i1"),
    a.select: _where,
    a.floor: lambda m, x: m.floor(x),
    a.ceil: lambda m, x: m.ceil(x),
    a.trunc: lambda m, x: m.trunc(x),
    a.round_: lambda m, x: m.rint(x),
    a.sign: _sign,
    a.maximum: lambda m, x, y: m.maximum(x, y),
    a.minimum: lambda m, x, y: m.minimum(x, y),
    a.clamp: _clamp,
    a.clamp_low: lambda m, x, y: m.maximum(x, y),
    a.clamp_high: lambda m, x, y: m.minimum(x, y),
    a.clamp_between: lambda m, x, low, high: m.minimum(m.maximum(x, low), high),
    a.relu: _relu,
    a.absolute: lambda m, x: m.absolute(x),
    a.overwrite: lambda m, x, y: m.convert(m.like(y, x), x.kind),
    a.copysign: lambda m, x, y: m.copysign(x, y),
    a.fmod: _fmod,
    a.remainder: _remainder,
    a.floor_divide: _floor_divide,
    a.fmax: _present(operator.ge),
    a.fmin: _present(operator.le),
    f.logaddexp: _log_add("exp", 1),
    f.logaddexp2: _log_add("exp2", 1 / math.log(2)),
    f.xlogy: _xlogy,
    f.logit: lambda m, x: FUNCTIONS["log"](m, x / (1.0 - x)),
    c.signbit: _signbit,
    f.pow: _power,
    f.sqrt: lambda m, x: m.sqrt(x),
    **{
        getattr(f, name): _function(name)
        for name in (
            "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sigmoid", "tanh", "sin",
            "cos", "tan", "sinh", "cosh", "asin", "acos", "atan", "asinh", "acosh", "atanh",
            "erf", "erfc", "erfinv", "atan2", "hypot",
        )
    },
    f.lgamma: gamma.lgamma,
    f.digamma: gamma.digamma,
    f.polygamma: gamma.polygamma,
    activations.gelu: lambda m, x: x * _half_below(m, x),
    activations.softplus: _softplus,
    activations.elu: _elu,
    activations.hardtanh: _clamp,
    activations.hardsigmoid: _ramp,
    activations.hardswish: lambda m, x: x * _ramp(m, x),
    **{getattr(c, name): _compare(name) for name in ("eq", "lt", "le")},
    c.bitwise_and: lambda m, x, y: m.binary("and", x, y),
    c.bitwise_not: lambda m, x: ~x,
    base.cast: _cast,
    clone: lambda m, x, **order: x,
}  # fmt: skip


def _of_steps(prim):
    """The steps of a fused operator's formula, one after the other."""

    def lower(m, *args, **params):
        values = dict(prim.derivation.given(args, params))
        for e in prim.derivation.steps:
            ins = [values[i] if isinstance(i, Variable) else i for i in e.ins]
            numbers = [i for i in ins if isinstance(i, Value)]
            if numbers and not isinstance(ins[0], Value):
                ins[0] = m.like(ins[0], numbers[-1])
            if e.prim is a.select and numbers == ins[:1]:  # of two numbers: of the input's type
                ins[1] = m.like(ins[1], args[0])
            values[e.outs[0]] = lowering(e.prim)(m, *ins, **e.params)
        return values[prim.derivation.out]

    return lower


def lowering(prim):
    """What writes a primitive, or a fused operator, which without an entry of its own is written as
    its formula; None where NumPy computes it."""
    found = ELEMENTS.get(prim)
    of_elements = isinstance(prim, Fused) and prim.kind == "elementwise" and prim.computed
    if found is None and of_elements:
        if all(lowering(e.prim) and _always(e) for e in prim.derivation.steps):
            found = ELEMENTS[prim] = _of_steps(prim)
    return found


# Of whole numbers: a divisor may be zero, which stops the processor.
_OF_FLOATS = {a.fmod, a.remainder, a.floor_divide}


def _always(e):
    """Whether a step has code whatever its types are."""
    if e.prim is f.pow:
        return not isinstance(e.ins[1], Variable)
    return e.prim not in _OF_FLOATS and e.prim is not f.polygamma


def lowers(e):
    """Whether the primitive of an equation has code for its variables."""
    if e.prim in _OF_FLOATS:
        variables = [v for v in (*e.ins, *e.outs) if isinstance(v, Variable)]
        return all(v.element_type.kind == "f" for v in variables)
    if e.prim is f.pow and e.outs[0].element_type.kind != "f":
        exponent = e.ins[1]
        return isinstance(exponent, int) and exponent >= 0
    if e.prim is f.polygamma:
        return e.params["order"] <= gamma.MOST
    return lowering(e.prim) is not None


def in_loops(e):
    """Whether loops have code for the types of an equation's variables: for 16-bit floats, that
    moves them and changes them into wider ones and back."""
    variables = [v for v in (*e.ins, *e.outs) if isinstance(v, Variable)]
    if all(kind_of(v.element_type) is not None for v in variables):
        return True
    if e.prim not in (base.cast, clone) or not all(map(_moves, variables)):
        return False
    return e.prim is clone or not (e.params["origin"].itemsize == 8 and _is_half(e.params["to"]))


def _moves(v):
    """Whether it is read or written where 16-bit floats are changed into others."""
    name = v.element_type.name
    return half_serves(v.element_type) if name in HALVES else name in ("float32", "float64", "bool")


def _is_half(dtype):
    return dtype.name in HALVES


def half_serves(dtype):
    """Whether loops read and write a 16-bit float: float16 by instructions of the processor."""
    wide = native.HOST.vector_bytes > 16 or not native.HOST.triple.startswith("x86")
    return dtype.name == "bfloat16" or wide
