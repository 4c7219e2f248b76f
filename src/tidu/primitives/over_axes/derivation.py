"""The derivatives of a formula with sums over axes: what `operators.py` derives.

The formula is recorded as steps, as that of elements (`primitives/derivation.py`). A step is
*full*, or a *row* if it does not vary along the axes. A cotangent is a `Sum` of products
(`sums.py`); where a full one reaches a row, it is summed over the axes, and one that is a row
spreads by itself. Read `Derivation.back`.
"""

from functools import cached_property
from math import nan

import numpy as np

from ...core.handle import shape_of
from ...program.ir import Equation
from .. import arithmetic as a
from .. import comparison as c
from .. import derivation as of_elements
from .. import functions as f
from ..base import cast, reduce_sum
from ..reductions import amax, amin, count_of, mean
from ..symbols import ZERO, Symbol
from .sums import Choice, Sum, Total, atom, multiplied, number
from .writer import Writer

__all__ = ["derived"]

_NUMBER = np.dtype(np.float64)
_REDUCTIONS = {"sum": reduce_sum, "mean": mean, "amax": amax, "amin": amin}


class Derivation(of_elements.Derivation):
    """The steps of a formula, and its rules as functions.

    `fixed`: what counts as a constant, `detach(x)`. `roots`: roots whose slope at zero is zero.
    """

    reductions = frozenset(_REDUCTIONS.values())

    def __init__(self, prim, formula):
        self.rows, self.fixed, self.roots = {}, set(), set()
        self.n, self.result = Symbol("n", _NUMBER), Symbol("out", _NUMBER)
        self.place = Symbol("place", _NUMBER)
        self.rows |= {self.n: True, self.result: prim.reduces, self.place: False}
        super().__init__(prim, formula)
        self.scalars = {self.n, *[self.names[p] for p in self.params]}
        self.inner = self._inner()
        self.quotients = self._quotients()

    # --- reading the formula --------------------------------------------------------------------

    def _symbol(self, formula):
        op, args = formula.op, formula.args
        if op in _REDUCTIONS:
            return self._reduced(_REDUCTIONS[op], self._symbol(args[0]))
        if op == "name" and args[0] in ("n", "out", "place"):
            return {"n": self.n, "out": self.result, "place": self.place}[args[0]]
        if op == "detach":
            self.fixed.add(found := self._symbol(args[0]))
            return found
        if op == "not":
            return self.recorder.step(a.logical_not, [self._symbol(args[0])])
        if op == "root":
            self.roots.add(found := self.recorder.step(f.sqrt, [self._symbol(args[0])]))
            return found
        return super()._symbol(formula)

    def _reduced(self, prim, x):
        recorder = self.recorder
        if (prim, x) not in recorder.known:
            made = Equation(prim, [x], [], {})
            recorder.known[prim, x] = out = recorder.symbol(f"v{len(recorder.steps)}", step=made)
            made.outs.append(out)
            recorder.steps.append(made)
        return recorder.known[prim, x]

    def is_row(self, x):
        """Whether a symbol (or atom, or number) is the same all along the axes."""
        if isinstance(x, Total) or not isinstance(x, (Symbol, Choice)):
            return True
        if isinstance(x, Choice):
            return self.is_row(x.condition) and self.is_row_sum(x.inner)
        found = self.rows.get(x)
        if found is None:
            step = x.step
            if step is None:
                found = x not in [self.names[i] for i in self.prim.inputs]
            else:
                found = step.prim in self.reductions or all(map(self.is_row, step.ins))
            self.rows[x] = found
        return found

    def is_row_sum(self, total):
        return all(self.is_row(part) for factors in total.terms for part, _ in factors)

    def _inner(self):
        """The rows that full steps read: these keep the axes, whatever the result does."""
        found, waiting = set(), []
        for e in self.steps:
            if e.prim in self.reductions or not self.is_row(e.outs[0]):
                waiting += [i for i in e.ins if isinstance(i, Symbol) and self.is_row(i)]
        while waiting:
            x = waiting.pop()
            if x not in found and x.step is not None:
                found.add(x)
                if x.step.prim not in self.reductions:
                    waiting += [i for i in x.step.ins if isinstance(i, Symbol)]
        return found

    def _quotients(self):
        """{(e, s): the symbol that e / s is}, as far as the result tells."""
        step = getattr(self.out, "step", None)
        if step is None:
            return {}
        if step.prim is a.div:
            return {tuple(step.ins): self.out}
        log = step.ins[1].step if step.prim is a.sub and isinstance(step.ins[1], Symbol) else None
        if log is None or log.prim is not f.log:
            return {}
        power = self.recorder.step(f.exp, [step.ins[0]])
        return {(power, log.ins[0]): self.recorder.step(f.exp, [self.out])}

    # --- running it -----------------------------------------------------------------------------

    def run(self, args, params, axes=None, defined=None):
        """The formula's value, of whatever transforms the arguments carry. `defined`: a
        function that gives what is done in the place of a primitive, or None."""
        shape = max([tuple(shape_of(x)) for x in args], key=len)
        if axes is None:
            axes = self.prim.axes_of(shape, params)
        keepdims = self.prim.keeps_axes(params)
        values = dict(self.given(args, params))
        values[self.n] = count_of(shape, axes) or nan
        if any(self.place in e.ins for e in self.steps):
            values[self.place] = np.arange(shape[axes[0]]).reshape(
                [-1 if a == axes[0] else 1 for a in range(len(shape))])  # fmt: skip
        for e in self.steps:
            ins = [values[i] if isinstance(i, Symbol) else i for i in e.ins]
            given = e.params
            if e.prim in self.reductions:
                given = {"axes": axes, "keepdims": keepdims or e.outs[0] in self.inner}
            define = defined and defined(e.prim) or e.prim
            values[e.outs[0]] = define(*ins, **given)
        return values[self.out]

    # --- reverse and forward --------------------------------------------------------------------

    def rule(self, name, saves):
        """The rule of an input: rule(t, ...) of what the node saves and of the params."""
        t = self._cotangent(self.prim.reduces)
        found = self.back(t).get(self.names[name], Sum({}))
        return self._written(found, t, saves, True, self.prim.fast)

    @cached_property
    def opposite(self):
        """Whether each of two inputs gets what the other gets with its sign changed."""
        found = self.back(self._cotangent(True))
        x, y = [found.get(self.names[i], Sum({})) for i in self.prim.inputs]
        return x == -y

    def forward(self, name):
        """The tangent of the result for that of one input."""
        t = self._cotangent(False)
        saves = (*self.prim.inputs, "out")
        return self._written(self._pushed(self.names[name], t), t, saves, not self.prim.reduces)

    def _cotangent(self, row):
        t = self.recorder.symbol("t", moved=True)
        self.rows[t] = row
        return t

    def _written(self, found, t, saves, full, fast=None):
        given = {self.names[s]: s for s in saves if s != "out"}
        given |= {self.names[p]: p for p in self.params} | {t: "t"}
        if "out" in saves:
            given |= {self.out: "out", self.result: "out"}
        self.rows[self.out] = self.is_row(self.result)
        return Writer(self, given, saves).function(found, full, fast)

    def back(self, t):
        """{symbol: its cotangent}, from the last step to the first."""
        found = {self.out: atom(t)}
        for step in reversed(self.steps):
            out = step.outs[0]
            if out not in found or out in self.fixed:
                continue
            for i, part in self._sent(step, found[out]):
                if self.is_row(i) and not self.is_row_sum(part):
                    part = self.total(part)
                found[i] = found[i] + part if i in found else part
        return found

    def _pushed(self, x, t):
        found = {x: atom(t)}
        for step in self.steps:
            out, total = step.outs[0], Sum({})
            if out in self.fixed:
                continue
            for i in dict.fromkeys(step.ins):
                if i in found:
                    for sent, part in self._sent(step, found[i]):
                        total = total + part if sent is i else total
            found[out] = self.total(total) if step.prim in self.reductions else total
        return found[self.out]

    def _sent(self, step, g):
        """Pairs of an input and the cotangent it gets; for forward mode they are the tangents."""
        prim, out = step.prim, step.outs[0]
        if prim is reduce_sum or prim is mean:
            share = g if prim is reduce_sum else g * atom(self.n).inverse()
            return [(step.ins[0], share)]
        if not prim.differentiable:
            return []
        recorder = self.recorder
        u = recorder.symbol("u", moved=True)
        handles = [recorder.handle(i) for i in (*step.ins, out)]
        sent = []
        for i, rule in zip(step.ins, prim.rules, strict=True):
            if isinstance(i, Symbol) and rule is not None and i not in self.scalars:
                part = recorder.plain(rule(recorder.handle(u), (*handles, None), step.params))
                part = self._sum(part, {u: atom(u) if out in self.roots else g})
                if out in self.roots:
                    choice = self._chosen(recorder.step(c.ne, [out, 0]), part * atom(u).inverse())
                    part = self.product(choice, g)
                sent.append((i, part))
        return sent

    # --- symbols as sums of products ------------------------------------------------------------

    def _sum(self, x, given):
        """What a rule gave, for the cotangents `given`."""
        if not isinstance(x, Symbol):
            return number(x)
        if x in given or x is ZERO:
            return given.get(x, Sum({}))
        step = x.step
        if step is not None and step.prim is cast:  # of truth values, which count as numbers
            return self._sum(step.ins[0], given)
        if step is None or step in self.steps or step.prim not in _SUMS:
            return atom(x)
        return _SUMS[step.prim](self, *[self._sum(i, given) for i in step.ins])

    def product(self, x, y):
        tidy = Sum({})
        for factors, n in (x * y).terms.items():
            tidy = tidy + self._tidy(factors, n)
        return tidy

    def _tidy(self, factors, n):
        """One product, its quotients recognised, a choice around what it chooses."""
        for (over, under), quotient in self.quotients.items():
            change = [(over, -1), (quotient, 1)]
            while dict(factors).get(under, 0) < 0:
                if dict(factors).get(over, 0) > 0:
                    factors = multiplied(factors, [*change, (under, 1)])
                elif (whole := _total_of(factors, over)) is not None:
                    inner = Total(whole.inner * Sum({frozenset(change): 1}))
                    factors = multiplied(factors, [(whole, -1), (inner, 1), (under, 1)])
                else:
                    break
        choice = next((p for p, _ in factors if isinstance(p, Choice)), None)
        if choice is None:
            return Sum({factors: n})
        outside = frozenset([(p, k) for p, k in factors if p is not choice and self.is_moved(p)])
        inside = factors - outside - {(choice, 1)}
        inner = self._chosen(choice.condition, choice.inner * Sum({inside: n}))
        return inner * Sum({outside: 1})

    def is_moved(self, p):
        """Whether a factor depends on the cotangent."""
        if isinstance(p, Symbol):
            return p.moved
        return any(self.is_moved(part) for factors in p.inner.terms for part, _ in factors)

    def _chosen(self, condition, inner):
        """A number stands before the choice."""
        if len(inner.terms) == 1:
            ((factors, n),) = inner.terms.items()
            return atom(Choice(condition, Sum({factors: 1}))) * number(n)
        return atom(Choice(condition, inner))

    def total(self, x):
        """The sum over the axes: rows go out of it."""
        found, groups = Sum({}), {}
        for factors, n in x.terms.items():
            rows = frozenset([(p, k) for p, k in factors if self.is_row(p)])
            rest = factors - rows
            if not rest:
                found = found + Sum({multiplied(rows, [(self.n, 1)]): n})
            elif not self._vanishes(rest):
                groups[rows] = groups.get(rows, Sum({})) + Sum({rest: n})
        for rows, inner in groups.items():
            share = next(iter(inner.terms.values())) if len(inner.terms) == 1 else 1
            found = found + Sum({rows: share}) * atom(Total(inner * number(1 / share)))
        return found

    def _vanishes(self, factors):
        """Distances to the mean add up to nothing."""
        if len(factors) != 1:
            return False
        ((off, power),) = factors
        step = off.step if isinstance(off, Symbol) and power == 1 else None
        if step is None or step.prim is not a.sub or not isinstance(step.ins[1], Symbol):
            return False
        center = step.ins[1].step
        return center is not None and center.prim is mean and center.ins[0] is step.ins[0]


def derived(prim):
    """What has the steps of an operator over axes, and its rules."""
    return of_elements.derived(prim, Derivation)


def _total_of(factors, x):
    """The total among the factors all of whose terms have the factor x."""
    for p, power in factors:
        if isinstance(p, Total) and power == 1:
            if all(dict(inner).get(x, 0) > 0 for inner in p.inner.terms):
                return p
    return None


_SUMS = {
    a.add: lambda derived, x, y: x + y,
    a.sub: lambda derived, x, y: x + -y,
    a.neg: lambda derived, x: -x,
    a.mul: lambda derived, x, y: derived.product(x, y),
    a.div: lambda derived, x, y: derived.product(x, y.inverse()),
}
