"""Sums of products, and sums over axes of them: the form that derivatives over axes take.

A `Sum` is {factors: number}: the factors are a frozenset of (atom, exponent). Atoms are symbols of
the formula and of the cotangent, a `Total` over the axes, a `Choice` which is zero somewhere. What
does not vary along the axes goes out of a total, equal terms are one, opposite ones are gone.
"""

__all__ = ["Choice", "Sum", "Total", "atom", "number"]


class Sum:
    """Equal sums are equal objects of a dict. `terms` is {factors: number}."""

    __slots__ = ("key", "terms")

    def __init__(self, terms):
        self.terms = {factors: n for factors, n in terms.items() if n}
        self.key = frozenset(self.terms.items())

    def __eq__(self, other):
        return isinstance(other, Sum) and self.key == other.key

    def __hash__(self):
        return hash(self.key)

    def __add__(self, other):
        terms = dict(self.terms)
        for factors, n in other.terms.items():
            terms[factors] = terms.get(factors, 0) + n
        return Sum(terms)

    def __neg__(self):
        return Sum({factors: -n for factors, n in self.terms.items()})

    def __mul__(self, other):
        terms: dict = {}
        for mine, m in self.terms.items():
            for others, n in other.terms.items():
                factors = multiplied(mine, others)
                terms[factors] = terms.get(factors, 0) + m * n
        return Sum(terms)

    def inverse(self):
        """1 / a single product."""
        ((factors, n),) = self.terms.items()
        return Sum({frozenset([(a, -power) for a, power in factors]): 1 / n})


class Total:
    """The sum over the axes of a `Sum` whose every factor varies along them."""

    __slots__ = ("inner",)

    def __init__(self, inner):
        self.inner = inner

    def __eq__(self, other):
        return isinstance(other, Total) and self.inner == other.inner

    def __hash__(self):
        return hash((Total, self.inner))


class Choice:
    """`inner` where the condition, a symbol, does not hold; else zero."""

    __slots__ = ("condition", "inner")

    def __init__(self, condition, inner):
        self.condition, self.inner = condition, inner

    def __eq__(self, other):
        return (
            isinstance(other, Choice)
            and self.condition is other.condition
            and self.inner == other.inner
        )

    def __hash__(self):
        return hash((Choice, self.condition, self.inner))


def multiplied(mine, others):
    powers = dict(mine)
    for a, power in others:
        powers[a] = powers.get(a, 0) + power
    return frozenset([(a, power) for a, power in powers.items() if power])


def atom(a):
    return Sum({frozenset([(a, 1)]): 1})


def number(n):
    return Sum({frozenset(): n})
