"""Derivatives over axes as the text of Python functions: what `derivation.py` found, written.

The cotangent and the value of a reduction have lost their axes, and what is computed of these alone
does without them, too (`flat`); before it meets what is full, the axes come back. Numbers and rows
are multiplied first, since they are few. Read `Writer.function`.
"""

import re
from math import nan, prod

import numpy as np

from ...base.frames import compile_source
from ...core.handle import TensorBase, element_type, shape_of
from ...core.primitive import names_of
from .. import arithmetic as a
from ..base import cast, reduce_sum
from ..comparison import ne
from ..derivation import OPERATORS
from ..derivation import Writer as OfElements
from ..reductions import count_of, keep_axes, quotient, spread
from ..symbols import Symbol
from .sums import Choice, Sum, Total, multiplied

__all__ = ["Writer"]

_TRUTH = np.dtype(bool)
_OPERATORS = {a.neg, *OPERATORS}
_WORDS = {
    "cast": cast, "count_of": count_of, "element_type": element_type, "keep_axes": keep_axes,
    "TensorBase": TensorBase, "masked": a.masked, "nan": nan, "prod": prod, "quotient": quotient,
    "reduce_sum": reduce_sum, "shape_of": shape_of, "spread": spread, "truth": _TRUTH,
}  # fmt: skip


class Writer(OfElements):
    """One rule. `given`: {symbol: the name of an argument}, of which `saves` are the node's."""

    def __init__(self, derived, given, saves):
        super().__init__(given)
        self.derived, self.prim, self.saves = derived, derived.prim, saves
        self.flat, self.count, self.memo = False, {}, {}
        self.globals |= _WORDS

    def function(self, found, full, fast=None):
        """The function of a `Sum`. `full`: whether its result has all axes. `fast` computes it of
        arrays, where it can."""
        if full and self.derived.is_row_sum(found):
            text = f"spread({_bare(self.sum(found, flat=True))}, shape, axes, {self._keepdims()})"
        else:
            text = self.sum(found, flat=self.prim.reduces and not full)
        # Of no elements the mean is NaN, but what goes back is empty, and its own slope is zero.
        return self._made([*self.lines, f"return {_bare(text)}"], fast, "1" if full else "nan")

    def _keepdims(self):
        return "keepdims" if self.prim.axes_text == "axes" else str(self.prim.axes_text is not None)

    def _made(self, lines, fast, of_none):
        """The function of these lines, with what they ask for before them."""
        axes, inputs = self.prim.axes_text, self.prim.inputs
        if _reads(lines, "n"):
            count = "prod(shape)" if axes is None else "count_of(shape, axes)"
            lines = [f"n = {count} or {of_none}", *lines]
        if axes != "axes" and _reads(lines, "axes"):
            lines = [f"axes = {axes or 'tuple(range(len(shape)))'}", *lines]
        if _reads(lines, "shape"):
            known = next((i for i in inputs if i in self.saves), None)
            known = known or (None if self.prim.reduces else "out")
            lines = [f"shape = {f'shape_of({known})' if known else f'{inputs[0]}_shape'}", *lines]
        if fast is not None:
            self.globals["fast"] = fast
            call = f"fast({', '.join(names_of(fast))})"
            lines = ["if not isinstance(t, TensorBase):", f"    found = {call}",
                     "    if found is not None:", "        return found", *lines]  # fmt: skip
        params = ("axes", "axis", "keepdims")
        may = ["t", *self.saves, f"{inputs[0]}_shape", *self.derived.params, *params]
        wanted = [n for n in may if n == "t" or _reads(lines, n) and not _sets(lines, n)]
        body = "\n".join([f"    {line}" for line in lines])
        source = f"def rule({', '.join(wanted)}):\n{body}\n"
        exec(compile_source(source), self.globals)
        self.globals["rule"].text = source
        return self.globals["rule"]

    # --- sums and products ----------------------------------------------------------------------

    def sum(self, found, flat=False):
        """The text of a `Sum`; what its terms have in common stands before it."""
        was, self.flat = self.flat, flat
        try:
            return self._sum(found)
        finally:
            self.flat = was

    def _sum(self, found):
        terms = list(found.terms.items())
        if not terms:
            return "t * 0"
        if len(terms) == 1:
            (factors, n), *_ = terms
            text = self.product(factors, abs(n))
            return f"-{text}" if n < 0 else text
        common = frozenset.intersection(*[factors for factors, _ in terms])
        if common:
            inverse = [(p, -k) for p, k in common]
            rest = Sum({multiplied(factors, inverse): n for factors, n in terms})
            return self.product(common, 1, f"({self._sum(rest)})")
        terms.sort(key=lambda term: (term[1] < 0, self._is_row(term[0])))
        text = ""
        for factors, n in terms:
            part = self.product(factors, abs(n))
            text = f"{text} {'-' if n < 0 else '+'} {part}" if text else part
            text = f"-{text}" if n < 0 and text is part else text
        return text

    def _is_row(self, factors):
        return all(self.derived.is_row(p) for p, _ in factors)

    def product(self, factors, n, more=None):
        """The text of one product: numbers and rows before what is full. `more`: one factor more,
        which is full unless all is flat."""
        factors = self._over(factors)
        scalars, rows, full = [], [], []
        for p, k in sorted(factors, key=self._order):
            scalar = p in self.derived.scalars if isinstance(p, Symbol) else False
            (scalars if scalar else rows if self.derived.is_row(p) else full).append((p, k))
        if self.flat:
            return self._chain(rows, scalars, n, more=more)
        if not full and more is None:
            return self._row(rows, scalars, n)
        if not rows:
            return self._chain(full, scalars, n, more=more)
        return self._chain(full, [], 1, self._row(rows, scalars, n), more)

    def _over(self, factors):
        """A choice of 1 / y takes what is divided by it."""
        derived = self.derived
        for p, power in factors:
            if isinstance(p, Choice) and power == 1 and len(p.inner.terms) == 1:
                (inner,) = p.inner.terms
                rest = frozenset([(q, k) for q, k in factors if q is not p
                                  and derived.is_row(q) and derived.is_moved(q)])  # fmt: skip
                if rest and all(k < 0 for _, k in inner):
                    chosen = Choice(p.condition, p.inner * Sum({rest: 1}))
                    return factors - rest - {(p, power)} | {(chosen, 1)}
        return factors

    def _row(self, rows, scalars, n):
        """A product of rows, with their axes."""
        if not any(map(self._loses_axes, [p for p, _ in rows])):
            return self._chain(rows, scalars, n)
        was, self.flat = self.flat, True
        text = self._chain(rows, scalars, n)
        self.flat = was
        return f"keep_axes({_bare(text)}, shape, axes, {self._keepdims()})"

    def _loses_axes(self, p):
        """Whether a row is made of what comes without axes: the cotangent, the value."""
        if self.prim.axes_text != "axes" or isinstance(p, Total):
            return False
        if isinstance(p, Choice):
            return True
        if p in self.given:
            return p not in self.derived.scalars and self.derived.is_row(p)
        made = p.step
        return made is not None and any(
            isinstance(i, Symbol) and self.derived.is_row(i) and self._loses_axes(i)
            for i in made.ins
        )

    def _order(self, factor):
        """The cotangent first, then what stands in the formula."""
        p, k = factor
        moved = isinstance(p, (Total, Choice)) or p.moved
        return (k < 0, not moved, getattr(p, "place", 0), str(p))

    def _chain(self, factors, scalars, n, first=None, more=None):
        """Factors, and a number before the second: t * (2 / n) * x / y."""
        over = [self.atom(p) for p, k in factors for _ in range(max(k, 0))]
        over = [*([] if first is None else [first]), *over, *([] if more is None else [more])]
        under = [self.atom(p) for p, k in factors for _ in range(max(-k, 0))]
        share, shares = self._scalar(scalars, n)
        if share is not None:
            over.insert(1, share)
        text = " * ".join(over) or "1.0"
        for below in (*shares, *under):
            text = f"{text} / {below}"
        return f"({text})" if len(over) + len(shares) + len(under) > 1 else text

    def _scalar(self, scalars, n):
        """(the factor of numbers or None, the divisors where there is no factor)."""
        over = [self.given.get(p, "n") for p, k in scalars for _ in range(max(k, 0))]
        under = [self.given.get(p, "n") for p, k in scalars for _ in range(max(-k, 0))]
        if n == 1 and not over:
            return None, under
        text = " * ".join([*([] if n == 1 else [repr(float(n))]), *over])
        for below in under:
            text = f"{text} / {below}"
        return (f"({text})" if len(over) + len(under) + (n != 1) > 1 else text), []

    # --- what products are made of --------------------------------------------------------------

    def atom(self, p):
        """The text of one factor; what costs more than a name is computed once."""
        key = (p, self.flat)
        if key not in self.memo:
            self.memo[key] = self._atom(p)
        return self.memo[key]

    def _atom(self, p):
        if isinstance(p, Total):
            return self._line(self._reduced(reduce_sum, self.sum(p.inner)))
        if isinstance(p, Choice):
            return self._choice(p)
        text = self._text(p)
        if p.element_type is _TRUTH:
            return self._line(f"cast({_bare(text)}, to=element_type(t), origin=truth)")
        return text

    def _choice(self, p):
        """Zero where the condition does not hold; a quotient of what is then zero is none."""
        divisor, inverse = p.condition.step.ins[0], (p.condition.step.ins[0], -1)
        if p.condition.step.prim is ne and all(inverse in factors for factors in p.inner.terms):
            inner = self.sum(p.inner * Sum({frozenset([(divisor, 1)]): 1}), self.flat)
            return f"quotient({_bare(inner)}, {self._text(divisor)})"
        inner, condition = self.sum(p.inner, self.flat), self._text(p.condition)
        return f"masked({_bare(inner)}, {_bare(condition)})"

    def _reduced(self, prim, text):
        self.globals[prim.name] = prim
        keepdims = self._keepdims() if self.flat else True
        return f"{prim.name}({_bare(text)}, axes=axes, keepdims={keepdims})"

    def _line(self, text):
        name = f"v{len(self.lines)}"
        self.lines.append(f"{name} = {_bare(text)}")
        return name

    def _text(self, x):
        if not isinstance(x, Symbol):
            return repr(x)
        if x in self.given:
            return self._given(x)
        if x is self.derived.n:
            return "n"
        if x.step is None:
            raise ValueError(f"the derivative reads {x}, which is not saved")
        if x.step.prim in self.derived.reductions:
            was, self.flat = self.flat, False
            inner = self.atom(x.step.ins[0])
            self.flat = was
            return self._reduced(x.step.prim, inner)
        text = self._call(x.step)
        return f"({text})" if x.step.prim in _OPERATORS else text

    def _given(self, x):
        name = self.given[x]
        if self.flat or not self._loses_axes(x):
            return name
        if (name, "kept") not in self.memo:
            text = f"keep_axes({name}, shape, axes, {self._keepdims()})"
            self.memo[name, "kept"] = self._line(text)
        return self.memo[name, "kept"]


def _reads(lines, name):
    return any(re.search(rf"\b{name}\b(?!=)", line) for line in lines)


def _sets(lines, name):
    return any(line.startswith(f"{name} = ") for line in lines)


def _bare(text):
    """The text without parentheses around the whole."""
    if not text.startswith("("):
        return text
    depth = 0
    for i, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            return text[1:-1] if i == len(text) - 1 else text
    return text
