"""Steps of a derivative, made fewer: what `derivation.py` asks before it records a step.

Each rewrite takes the operands of a step and gives a symbol that is known already or takes fewer
steps, or None; its docstring has examples, which a test holds it to, where t is the cotangent.
`REWRITES` has them in the order in which they are tried, on which the result depends. A choice with
zero on one side goes outwards, so that no product of an infinity with a zero is left behind it.
"""

import math
from functools import wraps

import numpy as np

from . import arithmetic as a
from . import comparison as c
from . import functions as f
from .orders import excludes, says_equal
from .symbols import ZERO, Symbol, holds, is_number, made_by

__all__ = ["REWRITES", "WHOLE", "equal_steps", "from_value", "of_inverse", "square_of"]


def _undefined(x):
    """Whether x is NaN: so is every product, which therefore depends on no other factor."""
    return is_number(x) and x != x


def _outwards(recorder, x, change):
    """`change` done to x, which passes a choice with a zero."""
    if x is ZERO:
        return ZERO
    choice = made_by(x, a.select)
    if choice is None or not (x.moved and (choice[1] is ZERO or choice[2] is ZERO)):
        return None
    condition, one, other = choice
    sides = [side if side is ZERO else change(side) for side in (one, other)]
    return recorder.step(a.select, [condition, *sides])


def _derivative(rewrite):
    """A rewrite that may change digits, or what is undefined: done to derivatives alone."""

    @wraps(rewrite)
    def done(recorder, *operands):
        return rewrite(recorder, *operands) if recorder.purpose.deriving else None

    return done


# --- products and quotients -----------------------------------------------------------------------


def by_one(recorder, x, y):
    """`x * 1` -> `x`; `x / 1` -> `x`"""
    return x if holds(y, 1) else None


@_derivative
def undefined(recorder, x, y):
    """`t * nan` -> `nan`; `t / nan` -> `nan`"""
    return (_outwards(recorder, x, lambda side: y) or y) if _undefined(y) else None


def sign_of_product(recorder, x, y):
    """`-x * y` -> `-(x * y)`; `x * -y` -> `-(x * y)`"""
    for one, other in ((x, y), (y, x)):
        if made_by(one, a.neg):
            return recorder.step(a.neg, [recorder.step(a.mul, [made_by(one, a.neg)[0], other])])
    return None


def sign_of_quotient(recorder, x, y):
    """`-x / y` -> `-(x / y)`; `x / -y` -> `-(x / y)`"""
    for one, k in ((x, 0), (y, 1)):
        if made_by(one, a.neg):
            parts = [x, y]
            parts[k] = made_by(one, a.neg)[0]
            return recorder.step(a.neg, [recorder.step(a.div, parts)])
    return None


@_derivative
def times_divisor(recorder, x, y):
    """`x / y * y` -> `x`"""
    over = made_by(x, a.div)
    return over[0] if over is not None and over[1] is y else None


@_derivative
def times_multiple(recorder, x, y):
    """`x / y * (y * z)` -> `x * z`"""
    over = made_by(x, a.div)
    rest = None if over is None else _without(recorder, y, over[1])
    return None if rest is None else recorder.step(a.mul, [over[0], rest])


@_derivative
def times_number_of_divisor(recorder, x, y):
    """`x / (z * 2) * 2` -> `x / z`"""
    over = made_by(x, a.div)
    divisor = made_by(over[1], a.mul) if over is not None and is_number(y) else None
    if divisor is None or not holds(divisor[1], y):
        return None
    return recorder.step(a.div, [over[0], divisor[0]])


@_derivative
def times_factor_of_divisor(recorder, x, y):
    """`x / 6 * 2` -> `x / 3.0`"""
    over = made_by(x, a.div)
    if over is None or not (is_number(over[1]) and is_number(y) and over[1] % y == 0):
        return None
    return recorder.step(a.div, [over[0], over[1] / y])


@_derivative
def cotangent_before_quotient(recorder, x, y):
    """`t / x * y` -> `t * (y / x)`; `t / 4 * 3` -> `t * 0.75`"""
    over = made_by(x, a.div)
    if over is None or not x.moved:
        return None
    if not is_number(y):
        return recorder.step(a.mul, [over[0], recorder.step(a.div, [y, over[1]])])
    return recorder.step(a.mul, [over[0], y / over[1]]) if is_number(over[1]) else None


@_derivative
def known_quotient(recorder, x, y):
    """`x / z * y` -> `x * (y / z)`, where `y / z` is known: the older of both quotients stays."""
    over = made_by(x, a.div)
    ratio = None if over is None else recorder.found(a.div, y, over[1])
    older = ratio is not None and ratio.place < x.place
    return recorder.step(a.mul, [over[0], ratio]) if older else None


def _turned(rewrite):
    """The same for the second factor, unless the first has the cotangent."""

    @wraps(rewrite)
    def done(recorder, x, y):
        return None if getattr(x, "moved", False) else rewrite(recorder, y, x)

    done.__name__ = f"{rewrite.__name__}, turned"
    return done


@_derivative
def opposite_powers(recorder, x, y):
    """`exp(x) * exp(-x)` -> `1`; `exp(x) * (exp(-x) * y)` -> `y`"""
    other = made_by(y, a.mul)
    if not _opposite(made_by(x, f.exp), made_by(other[0] if other else y, f.exp)):
        return None
    return other[1] if other else 1


def factors_together(recorder, x, y):
    """`t * x * y` -> `t * (x * y)`; `x * 2 * 3` -> `x * 6.0`"""
    product = made_by(x, a.mul)
    if product is None or not (x.moved or is_number(y) and is_number(product[1])):
        return None
    return recorder.step(a.mul, [product[0], recorder.step(a.mul, [product[1], y])])


def product_within_choice(recorder, x, y):
    """`(t if x < y else 0) * z` -> `t * z if x < y else 0`"""
    return _outwards(recorder, x, lambda side: recorder.step(a.mul, [side, y]))


@_derivative
def by_itself(recorder, x, y):
    """`x / x` -> `1`"""
    return 1 if x is y else None


@_derivative
def product_by_factor(recorder, x, y):
    """`x * y / y` -> `x`"""
    return _without(recorder, x, y)


@_derivative
def quotient_by_factor(recorder, x, y):
    """`x * y / z / y` -> `x / z`"""
    over = made_by(x, a.div)
    rest = None if over is None else _without(recorder, over[0], y)
    return None if rest is None else recorder.step(a.div, [rest, over[1]])


@_derivative
def by_root(recorder, x, y):
    """`t / sqrt(x)` -> `t * rsqrt(x)`"""
    if not (getattr(x, "moved", False) and made_by(y, f.sqrt)):
        return None
    return recorder.step(a.mul, [x, recorder.step(f.rsqrt, made_by(y, f.sqrt))])


@_derivative
def by_power(recorder, x, y):
    """`t / exp(-x)` -> `t * exp(x)`; `t / (exp(-x) * 4)` -> `t * (exp(x) * 0.25)`"""
    if (power := _power_in(y)) is None:
        return None
    exponent, number = power
    turned = recorder.step(f.exp, [recorder.step(a.neg, [exponent])])
    return recorder.step(a.mul, [x, recorder.step(a.mul, [turned, 1 / number])])


def divisors_together(recorder, x, y):
    """`x / 2 / y` -> `x / (y * 2)`"""
    over = made_by(x, a.div)
    if over is None or not is_number(over[1]) or is_number(y):
        return None
    return recorder.step(a.div, [over[0], recorder.step(a.mul, [y, over[1]])])


def quotient_of_last_factor(recorder, x, y):
    """`t * x / y` -> `t * (x / y)`; `x * 3 / 4` -> `x * 0.75`"""
    product = made_by(x, a.mul)
    if product is None or not (x.moved or is_number(y) and _scaled(product)):
        return None
    return recorder.step(a.mul, [product[0], recorder.step(a.div, [product[1], y])])


def by_what_the_value_inverts(recorder, x, y):
    """`x / y` -> `x * out`, where `out = 1 / y`; `x / (y * 4)` -> `x * (out * 0.25)`, where
    `out = 1 / y`"""
    inverse = recorder.divided_by(y)
    if inverse is not None and not holds(x, 1):
        return recorder.step(a.mul, [x, inverse])
    twice = made_by(y, a.mul)
    if twice is not None and is_number(twice[1]) and recorder.divided_by(twice[0]):
        part = recorder.step(a.mul, [recorder.divided_by(twice[0]), 1 / twice[1]])
        return recorder.step(a.mul, [x, part])
    return None


def quotient_within_choice(recorder, x, y):
    """`(t if x < y else 0) / z` -> `t / z if x < y else 0`"""
    return _outwards(recorder, x, lambda side: recorder.step(a.div, [side, y]))


def reciprocal(recorder, x):
    """`reciprocal(x)` -> `1 / x`"""
    return recorder.step(a.div, [1, x])


# --- what products and quotients are made of ------------------------------------------------------


def _without(recorder, x, factor):
    """x with one factor less, if it has that."""
    product = made_by(x, a.mul)
    if product is None or is_number(factor):
        return None
    for k, part in enumerate(product):
        if part is factor:
            return product[1 - k]
        if (rest := _without(recorder, part, factor)) is not None:
            return recorder.step(a.mul, [rest, product[1 - k]])
    return None


def _opposite(one, other):
    """Whether these operands are x and -x."""
    if one is None or other is None:
        return False
    return any(p is not None and p[0] is q for p, q in (
        (made_by(one[0], a.neg), other[0]), (made_by(other[0], a.neg), one[0])))  # fmt: skip


def square_of(root):
    """root · root: a whole number, where that is whose root it is."""
    whole = round(root * root)
    return float(whole) if math.sqrt(whole) == root else root * root


def _power_in(x):
    """(exponent, number) of exp(-y) · number: a quotient by that is a product with exp(y)."""
    product = made_by(x, a.mul)
    power = made_by(product[0] if product else x, f.exp)
    if power is None or not made_by(power[0], a.neg) or product and not is_number(product[1]):
        return None
    return power[0], product[1] if product else 1


def _scaled(product):
    """Whether its second factor is a number, or a product with one."""
    inner = made_by(product[1], a.mul)
    return is_number(product[1]) or inner is not None and is_number(inner[1])


# --- sums and differences -------------------------------------------------------------------------


def twice_negative(recorder, x):
    """`-(-x)` -> `x`"""
    again = made_by(x, a.neg)
    return again[0] if again else None


def sign_within_choice(recorder, x):
    """`-(t if x < y else 0)` -> `-t if x < y else 0`"""
    return _outwards(recorder, x, lambda side: recorder.step(a.neg, [side]))


def plus_zero(recorder, x, y):
    """`t + 0` -> `t`; `0 + t` -> `t`"""
    return (y if x is ZERO else x) if x is ZERO or y is ZERO else None


def twice(recorder, x, y):
    """`x + x` -> `x * 2`"""
    return recorder.step(a.mul, [x, 2]) if x is y else None


def _both_moved(x, y):
    return getattr(x, "moved", False) and getattr(y, "moved", False)


def sum_within_choice(recorder, x, y):
    """`(t if x < y else 0) + (t * z if x < y else 0)` -> `t + t * z if x < y else 0`"""
    first, second = made_by(x, a.select), made_by(y, a.select)
    if not (_both_moved(x, y) and first and second and first[0] is second[0]):
        return None
    sides = [recorder.step(a.add, pair) for pair in zip(first[1:], second[1:], strict=True)]
    return recorder.step(a.select, [first[0], *sides])


def cotangent_taken_out(recorder, x, y):
    """`t * x + t * y` -> `t * (x + y)`; `t / x + -t` -> `t * (1 / x - 1.0)`"""
    if not _both_moved(x, y):
        return None
    (base, one), (same, other) = _split(recorder, x), _split(recorder, y)
    return recorder.step(a.mul, [base, _sum(recorder, one, other)]) if base is same else None


def _split(recorder, x):
    """x, which depends on the cotangent, as (what does, a factor that doesn't)."""
    negative, product, over = [made_by(x, prim) for prim in (a.neg, a.mul, a.div)]
    if negative is not None:
        base, factor = _split(recorder, negative[0])
        return base, recorder.step(a.neg, [factor])
    if product is not None:
        return product
    return (over[0], recorder.step(a.div, [1, over[1]])) if over is not None else (x, 1)


def _sum(recorder, x, y):
    """x + y, with the factors and the divisor taken out that both have."""
    (less, x), (lesser, y) = _signed(x), _signed(y)
    one, other = made_by(x, a.div), made_by(y, a.div)
    if one is not None and other is not None and one[1] is other[1]:
        total = _added(recorder, less, one[0], lesser, other[0])
        return recorder.step(a.div, [total, one[1]])
    mine, others, common = _factors(x), _factors(y), []
    for factor in list(mine):
        if isinstance(factor, Symbol) and factor in others:
            mine.remove(factor)
            others.remove(factor)
            common.append(factor)
    if not common:
        return _added(recorder, less, x, lesser, y)
    rest = _product(recorder, mine), _product(recorder, others)
    return _product(recorder, [*common, _added(recorder, less, rest[0], lesser, rest[1])])


def _signed(x):
    """(whether x is written as a negative, what it is the negative of)."""
    if is_number(x):
        return x < 0, abs(x)
    negative = made_by(x, a.neg)
    return (True, negative[0]) if negative else (False, x)


def _added(recorder, less, x, lesser, y):
    """x + y, or with the signs of (-x, -y)."""
    if less and lesser:
        return recorder.step(a.neg, [recorder.step(a.add, [x, y])])
    if less or lesser:
        return recorder.step(a.sub, [y, x] if less else [x, y])
    return recorder.step(a.add, [x, y])


def _factors(x):
    product = made_by(x, a.mul)
    return [x] if product is None else [*_factors(product[0]), *_factors(product[1])]


def _product(recorder, factors):
    out = 1
    for factor in factors:
        out = factor if holds(out, 1) else recorder.step(a.mul, [out, factor])
    return out


def less_is_plus_negative(recorder, x, y):
    """`t - x` -> `t + -x`; `x - t` -> `x + -t`"""
    if isinstance(x, Symbol) and x.moved or isinstance(y, Symbol) and y.moved:
        return recorder.step(a.add, [x, recorder.step(a.neg, [y])])
    return None


def rest_of_rest(recorder, x, y):
    """`1 - (1 - x)` -> `x`"""
    less = made_by(y, a.sub)
    return less[1] if less is not None and holds(x, 1) and holds(less[0], 1) else None


def operands_in_order(recorder, x, y):
    """`rsub(x, y)` -> `y - x`"""
    return recorder.step(a.sub, [y, x])


def zeros_of_cotangent(recorder, x):
    """`zeros_like(t)` -> `0`"""
    return ZERO if x.moved else None


# --- choices --------------------------------------------------------------------------------------


def same_on_both_sides(recorder, condition, x, y):
    """`x if x < y else x` -> `x`"""
    return x if x is y else None


def opposite_condition(recorder, condition, x, y):
    """`x if logical_not(x < y) else y` -> `y if x < y else x`"""
    turned = made_by(condition, a.logical_not)
    return None if turned is None else recorder.step(a.select, [turned[0], y, x])


def older_condition_outside(recorder, condition, x, y):
    """`(0 if x < y else t) if x < z else 0` -> `0 if x < y else (t if x < z else 0)`, where `x < y`
    is known"""
    inner = [made_by(side, a.select) for side in (x, y) if side is not ZERO]
    if all(inner) and len({i[0] for i in inner}) == 1 and all(i[1] is ZERO for i in inner):
        outer = inner[0][0]
        if outer.place < condition.place:
            sides = [side if side is ZERO else made_by(side, a.select)[2] for side in (x, y)]
            return recorder.step(
                a.select, [outer, ZERO, recorder.step(a.select, [condition, *sides])]
            )
    return None


def _where(x, condition):
    """What x is where a condition holds: choices that the condition excludes are settled."""
    choice = made_by(x, a.select)
    if choice is None or not (choice[0] is condition or excludes(choice[0], condition)):
        return x
    return _where(choice[1 if choice[0] is condition else 2], condition)


def settled(recorder, x):
    """`t if x < y else (t if x < y else 0)` -> `t if x < y else 0`: the same on both sides."""
    choice = made_by(x, a.select)
    if choice is None:
        return x
    condition, one, other = choice
    one, other = settled(recorder, one), settled(recorder, other)
    if _where(other, condition) is one:
        return other
    return recorder.step(a.select, [condition, one, other])


def joined(recorder, x):
    """`0 if x < y else (0 if z < y else t)` -> `0 if (x < y) | (z < y) else t`"""
    choice = made_by(x, a.select)
    inner = made_by(choice[2], a.select) if choice and choice[1] is ZERO else None
    if not inner or inner[1] is not ZERO:
        return x
    either = recorder.step(c.bitwise_or, [choice[0], inner[0]])
    return joined(recorder, recorder.step(a.select, [either, ZERO, inner[2]]))


# --- of inverses ----------------------------------------------------------------------------------


def cosine_of_inverse(recorder, x):
    """`cos(x)` -> `sqrt(1 - out * out)`, where `out = sin(x)`"""
    return _other_side(recorder, f.sin, a.sub, x)


def hyperbolic_cosine_of_inverse(recorder, x):
    """`cosh(x)` -> `sqrt(1 + out * out)`, where `out = sinh(x)`"""
    return _other_side(recorder, f.sinh, a.add, x)


def _other_side(recorder, function, sign, x):
    """The cosine where the sine is known, circular or hyperbolic, of an inverse: it is positive."""
    sine = recorder.purpose.shown.get(recorder.known.get((function, id(x))))
    if sine is None or not recorder.purpose.inverse:
        return None
    square = recorder.step(a.mul, [sine, sine])
    return recorder.step(f.sqrt, [recorder.step(sign, [1, square])])


_OF_QUOTIENT = (
    times_divisor, times_multiple, times_number_of_divisor, times_factor_of_divisor,
    cotangent_before_quotient, known_quotient,
)  # fmt: skip
# What is tried for a step of each primitive, in this order: the first that gives a symbol counts.
REWRITES = {
    a.mul: (
        by_one, undefined, sign_of_product, *_OF_QUOTIENT, *map(_turned, _OF_QUOTIENT),
        opposite_powers, factors_together, product_within_choice,
    ),
    a.div: (
        by_one, undefined, sign_of_quotient, by_itself, product_by_factor, quotient_by_factor,
        by_root, by_power, divisors_together, quotient_of_last_factor, by_what_the_value_inverts,
        quotient_within_choice,
    ),
    a.reciprocal: (reciprocal,),
    a.neg: (twice_negative, sign_within_choice),
    a.add: (plus_zero, twice, sum_within_choice, cotangent_taken_out),
    a.sub: (less_is_plus_negative, rest_of_rest),
    a.rsub: (operands_in_order,),
    a.zeros_like: (zeros_of_cotangent,),
    a.select: (same_on_both_sides, opposite_condition, older_condition_outside),
    f.cos: (cosine_of_inverse,), f.cosh: (hyperbolic_cosine_of_inverse,),
}  # fmt: skip
WHOLE = (settled, joined)  # done to a whole derivative, in this order


def from_value(recorder, value):
    """{a step: what it is in terms of the formula's value}: the steps from which the value is made
    by what can be undone, the sides of a choice, and the condition of one that gives 0 at 0."""
    shown, left = {}, [(recorder.out, value)]
    while left:
        x, value = left.pop()
        if not isinstance(x, Symbol) or x.step is None:
            continue
        shown[x] = value
        prim, ins = x.step.prim, x.step.ins
        if prim is a.select:
            left += [(side, value) for side in ins[1:]]
            _tell_condition(recorder, shown, value, *ins)
            continue
        inner = next((i for i in ins if isinstance(i, Symbol)), None)
        number = next((i for i in ins if is_number(i)), None)
        undo = _UNDO.get((prim, ins[0] is inner))
        if undo is not None and (number is not None or prim is a.neg):
            left.append((inner, undo(recorder, value, number)))
    return shown


def _tell_condition(recorder, shown, value, condition, one, other):
    """Where a choice gives a number on one side, and on the other a step that is never that number
    there, the value tells which side was taken."""
    asked = condition.step.ins if isinstance(condition, Symbol) and condition.step else ()
    if not is_number(one) or len(asked) != 2 or asked[0] is not other or not is_number(asked[1]):
        return
    if condition.step.prim.eval(np.float64(one), np.float64(asked[1])):
        shown[condition] = recorder.step(c.eq, [value, one])


def equal_steps(steps):
    """{a choice that gives a number where x is that number, else x: x}."""
    choices = [s for s in steps if s.prim is a.select and is_number(s.ins[1])]
    return {s.outs[0]: s.ins[2] for s in choices if says_equal(s.ins[0], s.ins[2], s.ins[1])}


def of_inverse(recorder, t, sent):
    """What the inverse of a function sends where the function sends this: t / slope."""
    choice = made_by(sent, a.select)
    if choice is not None:
        sides = [of_inverse(recorder, t, side) for side in choice[1:]]
        return recorder.step(a.select, [choice[0], *sides])
    if _undefined(sent):
        return sent
    base, slope = _split(recorder, sent)
    if base is not t:
        raise ValueError("the slope of an inverse must be a product with the cotangent")
    return recorder.step(a.div, [t, slope])


_UNDO = {  # {(what made the value, whether from its first operand): how that is found again}
    (a.add, True): lambda r, out, n: r.step(a.sub, [out, n]),
    (a.add, False): lambda r, out, n: r.step(a.sub, [out, n]),
    (a.sub, True): lambda r, out, n: r.step(a.add, [out, n]),
    (a.sub, False): lambda r, out, n: r.step(a.sub, [n, out]),
    (a.mul, True): lambda r, out, n: r.step(a.div, [out, n]),
    (a.mul, False): lambda r, out, n: r.step(a.div, [out, n]),
    (a.div, True): lambda r, out, n: r.step(a.mul, [out, n]),
    (a.neg, True): lambda r, out, n: r.step(a.neg, [out]),
}
