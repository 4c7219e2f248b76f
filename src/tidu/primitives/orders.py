"""Which conditions exclude one another: comparisons that no numbers fulfil together.

A condition is read as cases ("or"), each of which is comparisons that hold together ("and"). They
contradict one another where a chain x < y <= ... <= x leads back with one strict step. Of a NaN no
comparison holds, so that is so for every element.
"""

from itertools import combinations, product

from . import comparison as c

__all__ = ["excludes", "says_equal"]


def excludes(one, other):
    """Whether two conditions never hold together."""
    return all(_contradict([*p, *q]) for p, q in product(_cases(one), _cases(other)))


def says_equal(condition, x, y):
    """Whether a condition holds only where x equals y."""
    return all((x, y, False) in p and (y, x, False) in p for p in _cases(condition))


def _cases(condition):
    """Lists of (lesser, greater, whether strictly); of what is no comparison nothing is known."""
    made = getattr(condition, "step", None)
    if made is None:
        return [[]]
    x, y = (*made.ins, None)[:2]
    if made.prim is c.bitwise_or:
        return [*_cases(x), *_cases(y)]
    if made.prim is c.bitwise_and:
        return [[*p, *q] for p, q in product(_cases(x), _cases(y))]
    orders = {
        c.lt: [(x, y, True)], c.gt: [(y, x, True)], c.le: [(x, y, False)], c.ge: [(y, x, False)],
        c.eq: [(x, y, False), (y, x, False)],
    }  # fmt: skip
    return [orders.get(made.prim, [])]


def _contradict(orders):
    numbers = {n for low, high, _ in orders for n in (low, high) if not hasattr(n, "step")}
    orders = orders + [(p, q, True) for p, q in combinations(sorted(numbers), 2)]
    return any(strict and _leads(high, low, orders) for low, high, strict in orders)


def _leads(start, end, orders):
    """Whether a chain goes from a value to another."""
    reached, left = [start], [start]
    while left:
        x = left.pop()
        for low, high, _ in orders:
            if low == x and high not in reached:
                reached.append(high)
                left.append(high)
    return end in reached
