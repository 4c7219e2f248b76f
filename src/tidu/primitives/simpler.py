"""Steps of a derivative in fewer ones: what `derivation.py` asks before it records a step.

Each function here takes the operands of a step and gives a symbol that is known already or takes
fewer steps, or None. A choice with zero on one side (`masked`) goes outwards, so that no product of
an infinity with a zero is left behind it. Nothing is done to the formula's own value but to leave
out what changes no digit: products and quotients are cancelled in derivatives alone.
"""

import math

import numpy as np

from ..program.ir import Variable
from . import arithmetic as a
from . import comparison as c
from . import functions as f
from .orders import excludes, says_equal

__all__ = ["SIMPLER", "Symbol", "ZERO", "equal_steps", "from_value", "is_number", "joined",
           "made_by", "of_inverse", "settled", "square_of"]  # fmt: skip


class Symbol(Variable):
    """The result of `step` (None: an input), the `place`th of all. `moved`: whether it depends on
    the cotangent."""

    __slots__ = ("moved", "place", "step")

    def __init__(self, name, element_type, step=None, moved=False, place=-1):
        super().__init__(name, (), element_type)
        self.step, self.moved, self.place = step, moved, place


ZERO = Symbol("0", np.dtype(np.float64), moved=True)


def made_by(x, prim):
    """The operands of x, if that is a step of `prim`."""
    made = x.step if isinstance(x, Symbol) else None
    return made.ins if made is not None and made.prim is prim else None


def _is(x, value):
    return not isinstance(x, Symbol) and x == value


def is_number(x):
    return not isinstance(x, Symbol)


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


def _neg(recorder, x):
    if not isinstance(x, Symbol):
        return -x
    again = made_by(x, a.neg)
    return again[0] if again else _outwards(recorder, x, lambda side: recorder.step(a.neg, [side]))


def _mul(recorder, x, y):
    if _is(y, 1):
        return x
    if recorder.deriving and _undefined(y):
        return _outwards(recorder, x, lambda side: y) or y
    for one, other in ((x, y), (y, x)):
        if made_by(one, a.neg):
            return recorder.step(a.neg, [recorder.step(a.mul, [made_by(one, a.neg)[0], other])])
    if recorder.deriving and (found := _cancelled(recorder, x, y)) is not None:
        return found
    product = made_by(x, a.mul)
    if product is not None and (x.moved or is_number(y) and is_number(product[1])):
        return recorder.step(a.mul, [product[0], recorder.step(a.mul, [product[1], y])])
    return _outwards(recorder, x, lambda side: recorder.step(a.mul, [side, y]))


def _cancelled(recorder, x, y):
    """x · y where one is a quotient or exp(z) and the other has its reverse."""
    found = _product_with_quotient(recorder, x, y)
    if found is None and not getattr(x, "moved", False):
        found = _product_with_quotient(recorder, y, x)
    other = made_by(y, a.mul)
    if found is None and _opposite(made_by(x, f.exp), made_by(other[0] if other else y, f.exp)):
        found = other[1] if other else 1
    return found


def _product_with_quotient(recorder, x, y):
    """x · y where x is a quotient."""
    over = made_by(x, a.div)
    if over is None:
        return None
    if over[1] is y or (rest := _without(recorder, y, over[1])) is not None:
        return over[0] if over[1] is y else recorder.step(a.mul, [over[0], rest])
    divisor = made_by(over[1], a.mul)
    if is_number(y) and divisor is not None and _is(divisor[1], y):
        return recorder.step(a.div, [over[0], divisor[0]])
    if is_number(over[1]) and is_number(y) and over[1] % y == 0:
        return recorder.step(a.div, [over[0], over[1] / y])
    if x.moved and not is_number(y):
        return recorder.step(a.mul, [over[0], recorder.step(a.div, [y, over[1]])])
    if x.moved and is_number(over[1]):
        return recorder.step(a.mul, [over[0], y / over[1]])
    ratio = recorder.found(a.div, y, over[1])
    return ratio and recorder.step(a.mul, [over[0], ratio])


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


def _div(recorder, x, y):
    if _is(y, 1):
        return x
    if recorder.deriving and _undefined(y):
        return _outwards(recorder, x, lambda side: y) or y
    for one, k in ((x, 0), (y, 1)):
        if made_by(one, a.neg):
            parts = [x, y]
            parts[k] = made_by(one, a.neg)[0]
            return recorder.step(a.neg, [recorder.step(a.div, parts)])
    if recorder.deriving and (found := _shortened(recorder, x, y)) is not None:
        return found
    over, product = made_by(x, a.div), made_by(x, a.mul)
    if over is not None and is_number(over[1]) and not is_number(y):
        return recorder.step(a.div, [over[0], recorder.step(a.mul, [y, over[1]])])
    if product is not None and (x.moved or is_number(y) and _scaled(product)):
        return recorder.step(a.mul, [product[0], recorder.step(a.div, [product[1], y])])
    return _inverted(recorder, x, y) or _outwards(
        recorder, x, lambda side: recorder.step(a.div, [side, y])
    )


def _shortened(recorder, x, y):
    """x / y without what both have, or as a product with a known 1 / y."""
    if x is y:
        return 1
    if (rest := _without(recorder, x, y)) is not None:
        return rest
    over = made_by(x, a.div)
    if over is not None and (rest := _without(recorder, over[0], y)) is not None:
        return recorder.step(a.div, [rest, over[1]])
    if getattr(x, "moved", False) and made_by(y, f.sqrt):
        return recorder.step(a.mul, [x, recorder.step(f.rsqrt, made_by(y, f.sqrt))])
    if (power := _power_in(y)) is not None:
        exponent, number = power
        turned = recorder.step(f.exp, [recorder.step(a.neg, [exponent])])
        return recorder.step(a.mul, [x, recorder.step(a.mul, [turned, 1 / number])])
    return None


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


def _inverted(recorder, x, y):
    """x / y as a product with 1 / y, where that is the formula's value."""
    inverse = recorder.divided_by(y)
    if inverse is not None and not _is(x, 1):
        return recorder.step(a.mul, [x, inverse])
    twice = made_by(y, a.mul)
    if twice is not None and is_number(twice[1]) and recorder.divided_by(twice[0]):
        part = recorder.step(a.mul, [recorder.divided_by(twice[0]), 1 / twice[1]])
        return recorder.step(a.mul, [x, part])
    return None


def _add(recorder, x, y):
    if x is ZERO or y is ZERO:
        return y if x is ZERO else x
    if x is y:
        return recorder.step(a.mul, [x, 2])
    if not (getattr(x, "moved", False) and getattr(y, "moved", False)):
        return None
    first, second = made_by(x, a.select), made_by(y, a.select)
    if first and second and first[0] is second[0]:
        sides = [recorder.step(a.add, pair) for pair in zip(first[1:], second[1:], strict=True)]
        return recorder.step(a.select, [first[0], *sides])
    (base, one), (same, other) = _split(recorder, x), _split(recorder, y)
    if base is not same:
        return None
    return recorder.step(a.mul, [base, _sum(recorder, one, other)])


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
        out = factor if _is(out, 1) else recorder.step(a.mul, [out, factor])
    return out


def _sub(recorder, x, y):
    if isinstance(x, Symbol) and x.moved or isinstance(y, Symbol) and y.moved:
        return recorder.step(a.add, [x, recorder.step(a.neg, [y])])
    less = made_by(y, a.sub)
    return less[1] if less is not None and _is(x, 1) and _is(less[0], 1) else None


def _select(recorder, condition, x, y):
    if x is y:
        return x
    turned = made_by(condition, a.logical_not)
    if turned is not None:
        return recorder.step(a.select, [turned[0], y, x])
    inner = [made_by(side, a.select) for side in (x, y) if side is not ZERO]
    if all(inner) and len({i[0] for i in inner}) == 1 and all(i[1] is ZERO for i in inner):
        outer = inner[0][0]
        if outer.place < condition.place:  # the older condition stands outside
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
    """x without the choices that lead to the same on both sides."""
    choice = made_by(x, a.select)
    if choice is None:
        return x
    condition, one, other = choice
    one, other = settled(recorder, one), settled(recorder, other)
    if _where(other, condition) is one:
        return other
    return recorder.step(a.select, [condition, one, other])


def joined(recorder, x):
    """x with one condition where there were two, one within the other, that make it zero."""
    choice = made_by(x, a.select)
    inner = made_by(choice[2], a.select) if choice and choice[1] is ZERO else None
    if not inner or inner[1] is not ZERO:
        return x
    either = recorder.step(c.bitwise_or, [choice[0], inner[0]])
    return joined(recorder, recorder.step(a.select, [either, ZERO, inner[2]]))


def _other_side(function, sign):
    """The cosine where the sine is known, circular or hyperbolic, of an inverse: it is positive."""

    def simpler(recorder, x):
        sine = recorder.shown.get(recorder.known.get((function, id(x))))
        if sine is None or not recorder.inverse:
            return None
        square = recorder.step(a.mul, [sine, sine])
        return recorder.step(f.sqrt, [recorder.step(sign, [1, square])])

    return simpler


SIMPLER = {
    a.reciprocal: lambda recorder, x: recorder.step(a.div, [1, x]),
    a.rsub: lambda recorder, x, y: recorder.step(a.sub, [y, x]),
    a.neg: _neg, a.mul: _mul, a.div: _div, a.add: _add, a.sub: _sub, a.select: _select,
    a.zeros_like: lambda recorder, x: ZERO if x.moved else None,
    f.cos: _other_side(f.sin, a.sub), f.cosh: _other_side(f.sinh, a.add),
}  # fmt: skip


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


_UNDO = {  # {(what made the value, whether from its first operand): how that is had back}
    (a.add, True): lambda r, out, n: r.step(a.sub, [out, n]),
    (a.add, False): lambda r, out, n: r.step(a.sub, [out, n]),
    (a.sub, True): lambda r, out, n: r.step(a.add, [out, n]),
    (a.sub, False): lambda r, out, n: r.step(a.sub, [n, out]),
    (a.mul, True): lambda r, out, n: r.step(a.div, [out, n]),
    (a.mul, False): lambda r, out, n: r.step(a.div, [out, n]),
    (a.div, True): lambda r, out, n: r.step(a.mul, [out, n]),
    (a.neg, True): lambda r, out, n: r.step(a.neg, [out]),
}
