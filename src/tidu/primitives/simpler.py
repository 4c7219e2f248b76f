"""Steps of a derivative in fewer ones: what `derivation.py` asks before it records a step.

Each function here takes the operands of a step and gives a symbol that is known already or takes
fewer steps, or None. A choice with zero on one side (`masked`) goes outwards, so that no product of
an infinity with a zero is left behind it. Nothing is done to the formula's own value but to leave
out what changes no digit.
"""

import numpy as np

from ..program.ir import Variable
from . import arithmetic as a
from . import comparison as c

__all__ = ["SIMPLER", "Symbol", "ZERO", "is_number", "joined"]


class Symbol(Variable):
    """The result of `step` (None: an input), the `place`th of all. `moved`: whether it depends on
    the cotangent."""

    __slots__ = ("moved", "place", "step")

    def __init__(self, name, element_type, step=None, moved=False, place=-1):
        super().__init__(name, (), element_type)
        self.step, self.moved, self.place = step, moved, place


ZERO = Symbol("0", np.dtype(np.float64), moved=True)


def _made_by(x, prim):
    """The operands of x, if that is a step of `prim`."""
    made = x.step if isinstance(x, Symbol) else None
    return made.ins if made is not None and made.prim is prim else None


def _is(x, value):
    return not isinstance(x, Symbol) and x == value


def is_number(x):
    return not isinstance(x, Symbol)


def _outwards(recorder, x, change):
    """`change` done to x, which passes a choice with a zero."""
    if x is ZERO:
        return ZERO
    choice = _made_by(x, a.select)
    if choice is None or not (x.moved and (choice[1] is ZERO or choice[2] is ZERO)):
        return None
    condition, one, other = choice
    sides = [side if side is ZERO else change(side) for side in (one, other)]
    return recorder.step(a.select, [condition, *sides])


def _neg(recorder, x):
    if not isinstance(x, Symbol):
        return -x
    again = _made_by(x, a.neg)
    return again[0] if again else _outwards(recorder, x, lambda side: recorder.step(a.neg, [side]))


def _mul(recorder, x, y):
    if isinstance(y, Symbol) and y.moved:
        x, y = y, x
    if _is(y, 1) or _is(x, 1):
        return x if _is(y, 1) else y
    if _made_by(x, a.neg):
        return recorder.step(a.neg, [recorder.step(a.mul, [_made_by(x, a.neg)[0], y])])
    over = _made_by(x, a.div)
    if over is not None and is_number(over[1]):
        if is_number(y) and over[1] % y == 0:
            return recorder.step(a.div, [over[0], over[1] / y])
        if x.moved:
            return recorder.step(a.mul, [over[0], recorder.step(a.div, [y, over[1]])])
    product = _made_by(x, a.mul)
    if product is not None and (x.moved or is_number(y) and is_number(product[1])):
        return recorder.step(a.mul, [product[0], recorder.step(a.mul, [product[1], y])])
    return _outwards(recorder, x, lambda side: recorder.step(a.mul, [side, y]))


def _div(recorder, x, y):
    if _is(y, 1):
        return x
    if _made_by(x, a.neg):
        return recorder.step(a.neg, [recorder.step(a.div, [_made_by(x, a.neg)[0], y])])
    over, product = _made_by(x, a.div), _made_by(x, a.mul)
    if over is not None and is_number(over[1]) and not is_number(y):
        return recorder.step(a.div, [over[0], recorder.step(a.mul, [y, over[1]])])
    if product is not None and (x.moved or is_number(y) and _scaled(product)):
        return recorder.step(a.mul, [product[0], recorder.step(a.div, [product[1], y])])
    return _inverted(recorder, x, y) or _outwards(
        recorder, x, lambda side: recorder.step(a.div, [side, y])
    )


def _scaled(product):
    """Whether its second factor is a number, or a product with one."""
    inner = _made_by(product[1], a.mul)
    return is_number(product[1]) or inner is not None and is_number(inner[1])


def _inverted(recorder, x, y):
    """x / y as a product with 1 / y, where that is the formula's value."""
    inverse = recorder.divided_by(y)
    if inverse is not None and not _is(x, 1):
        return recorder.step(a.mul, [x, inverse])
    twice = _made_by(y, a.mul)
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
    first, second = _made_by(x, a.select), _made_by(y, a.select)
    if first and second and first[0] is second[0]:
        sides = [recorder.step(a.add, pair) for pair in zip(first[1:], second[1:], strict=True)]
        return recorder.step(a.select, [first[0], *sides])
    for one, other in ((x, y), (y, x)):
        if (base := _split(one)[0]) is _split(other)[0]:
            factor = _sum(recorder, _split(one)[1], _split(other)[1])
            return recorder.step(a.mul, [base, factor])
    return None


def _split(x):
    """x, which depends on the cotangent, as (what does, a factor that doesn't)."""
    product, over = _made_by(x, a.mul), _made_by(x, a.div)
    if product is not None:
        return product
    return (over[0], 1 / over[1]) if over is not None and is_number(over[1]) else (x, 1)


def _sum(recorder, x, y):
    """x + y, with the factors taken out that both have."""
    mine, others, common = _factors(x), _factors(y), []
    for factor in list(mine):
        if isinstance(factor, Symbol) and factor in others:
            mine.remove(factor)
            others.remove(factor)
            common.append(factor)
    if not common:
        return recorder.step(a.add, [x, y])
    rest = recorder.step(a.add, [_product(recorder, mine), _product(recorder, others)])
    return _product(recorder, [*common, rest])


def _factors(x):
    product = _made_by(x, a.mul)
    return [x] if product is None else [*_factors(product[0]), *_factors(product[1])]


def _product(recorder, factors):
    out = 1
    for factor in factors:
        out = factor if _is(out, 1) else recorder.step(a.mul, [out, factor])
    return out


def _sub(recorder, x, y):
    if isinstance(x, Symbol) and x.moved or isinstance(y, Symbol) and y.moved:
        return recorder.step(a.add, [x, recorder.step(a.neg, [y])])
    return None


def _select(recorder, condition, x, y):
    if x is y:
        return x
    turned = _made_by(condition, a.logical_not)
    if turned is not None:
        return recorder.step(a.select, [turned[0], y, x])
    inner = [_made_by(side, a.select) for side in (x, y) if side is not ZERO]
    if all(inner) and len({i[0] for i in inner}) == 1 and all(i[1] is ZERO for i in inner):
        outer = inner[0][0]
        if outer.place < condition.place:  # the older condition stands outside
            sides = [side if side is ZERO else _made_by(side, a.select)[2] for side in (x, y)]
            return recorder.step(
                a.select, [outer, ZERO, recorder.step(a.select, [condition, *sides])]
            )
    return None


def joined(recorder, x):
    """x with one condition where there were two, one within the other, that make it zero."""
    choice = _made_by(x, a.select)
    inner = _made_by(choice[2], a.select) if choice and choice[1] is ZERO else None
    if not inner or inner[1] is not ZERO:
        return x
    either = recorder.step(c.bitwise_or, [choice[0], inner[0]])
    return joined(recorder, recorder.step(a.select, [either, ZERO, inner[2]]))


SIMPLER = {
    a.reciprocal: lambda recorder, x: recorder.step(a.div, [1, x]),
    a.rsub: lambda recorder, x, y: recorder.step(a.sub, [y, x]),
    a.neg: _neg, a.mul: _mul, a.div: _div, a.add: _add, a.sub: _sub, a.select: _select,
    a.zeros_like: lambda recorder, x: ZERO if x.moved else None,
}  # fmt: skip
