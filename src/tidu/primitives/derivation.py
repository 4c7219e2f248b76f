"""The derivatives of a formula, as Python functions: what `fused.py` derives.

The formula is run on symbols, which are recorded as steps; the rules of its primitives, run on the
same symbols from the last step to the first, record the steps of its derivative. Zeros are left
out, equal steps are one, what a derivative has in common is taken out of its sums. The steps a
result needs are written as one function. Read `Derivation`.
"""

import math
from functools import cached_property

import numpy as np

from ..core.handle import TensorBase, wrap
from ..core.levels import Reading
from ..core.modes import set_grad
from ..program.formula import parse
from ..program.ir import Equation
from . import arithmetic as a
from . import comparison as c
from . import functions as f
from .simpler import SIMPLER, ZERO, Symbol, is_number, joined

__all__ = ["Derivation"]

_CONSTANTS = {"pi": math.pi, "nan": math.nan, "inf": math.inf}
_WIDE = np.dtype(np.float64)
_FUNCTIONS = (
    "pow sqrt exp log log1p sigmoid sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh "
    "erf erfc lgamma digamma"
).split()
# The words of formulas, by the operation that `program/formula.py` reads.
WORDS = {
    "add": a.add, "sub": a.sub, "mul": a.mul, "div": a.div, "neg": a.neg, "abs": a.absolute,
    "floor": a.floor, "trunc": a.trunc, "sign": a.sign, "floor_divide": a.floor_divide,
    "and": c.bitwise_and, "or": c.bitwise_or, "isnan": c.isnan,
    **{word: getattr(c, word) for word in ("lt", "le", "gt", "ge", "eq", "ne")},
    **{word: getattr(f, word) for word in _FUNCTIONS},
}  # fmt: skip
OPERATORS = {
    a.add: "+", a.sub: "-", a.mul: "*", a.div: "/", c.bitwise_and: "&", c.bitwise_or: "|",
    c.lt: "<", c.le: "<=", c.gt: ">", c.ge: ">=", c.eq: "==", c.ne: "!=",
}  # fmt: skip


class _Value:
    """A symbol in the place of an array."""

    __slots__ = ("element_type", "level", "symbol")
    dtype, shape = None, ()

    def __init__(self, symbol, level):
        self.symbol, self.level, self.element_type = symbol, level, symbol.element_type


class Recorder(Reading):
    """The level of symbols: above all transforms that may be running."""

    depth = 1 << 30
    alive, told = True, False

    def __init__(self):
        self.steps, self.known, self.out = [], {}, None

    def symbol(self, name, kind=_WIDE, step=None, moved=False):
        return Symbol(name, kind, step, moved, len(self.steps))

    def handle(self, symbol):
        return wrap(_Value(symbol, self)) if isinstance(symbol, Symbol) else symbol

    def process(self, prim, args, params):
        ins = [self.plain(x) for x in args]
        params = {key: self.plain(value) for key, value in params.items()}
        return self.handle(self.step(prim, ins, params))

    def plain(self, x):
        return x._value.symbol if isinstance(x, TensorBase) else x

    def step(self, prim, ins, params=None):
        """The symbol of prim(*ins), one that is known or in fewer steps where there is such."""
        if all(map(is_number, ins)):
            return prim.eval(*map(np.float64, ins)).item()
        simpler = SIMPLER.get(prim)
        found = simpler(self, *ins) if simpler is not None else None
        if found is not None:
            return found
        params = params or {}
        key = (prim, *[id(i) if isinstance(i, Symbol) else (type(i), i) for i in ins],
               *params.items())  # fmt: skip
        if key not in self.known:
            made = Equation(prim, ins, [], params)
            moved = any(isinstance(i, Symbol) and i.moved for i in ins)
            out = self.symbol(f"v{len(self.steps)}", _kind(prim, ins, params), made, moved)
            self.known[key] = out
            made.outs.append(out)
            self.steps.append(made)
        return self.known[key]

    def divided_by(self, y):
        """1 / y, where that is the formula's value."""
        made = getattr(self.out, "step", None)
        inverse = made is not None and made.prim is a.div and made.ins[0] == 1
        return self.out if inverse and made.ins[1] is y else None


def _kind(prim, ins, params):
    """The type of a step's result."""
    stand_ins = [np.ones((), i.element_type) if isinstance(i, Symbol) else i for i in ins]
    given = {k: np.float64(1) if isinstance(v, Symbol) else v for k, v in params.items()}
    return prim.shape(prim, stand_ins, given)[1]


class Derivation:
    """The steps of an operator's formula, its value `out`, and its rules as functions."""

    def __init__(self, prim):
        self.prim, self.recorder = prim, Recorder()
        self.params = prim.params
        self.names = {n: self.recorder.symbol(n) for n in (*prim.inputs, *self.params)}
        self.out = self.recorder.out = self._symbol(parse(prim.formula))
        self.steps = list(self.recorder.steps)

    def _symbol(self, formula):
        """The symbol (or number) that a formula stands for."""
        op, args = formula.op, formula.args
        if op == "name":
            return self.names[args[0]] if args[0] in self.names else _CONSTANTS[args[0]]
        if op == "value":
            return args[0]
        parts = [self._symbol(part) for part in args]
        if op == "if":
            yes, condition, no = parts
            return self.recorder.step(a.select, [condition, yes, no])
        return self.recorder.step(WORDS[op], parts)

    def given(self, args, params):
        """The pairs of symbol and value of a call."""
        values = [*args, *[params[name] for name in self.params]]
        return zip(self.names.values(), values, strict=True)

    def run(self, args, params):
        """The formula's value, of whatever transforms the arguments carry."""
        values = dict(self.given(args, params))
        for e in self.steps:
            ins = [values[i] if isinstance(i, Symbol) else i for i in e.ins]
            values[e.outs[0]] = e.prim(*ins, **e.params)
        return values[self.out]

    def rule(self, name, saves):
        """The rule of an input: rule(t, ...) of what the node saves and of the params."""
        t = self.recorder.symbol("t", moved=True)
        was = set_grad(False)
        try:
            back = joined(self.recorder, self._back(t).get(self.names[name], ZERO))
        finally:
            set_grad(was)
        given = {self.names[s]: s for s in saves if s != "out"}
        given |= {self.names[p]: p for p in self.params}
        if "out" in saves:
            given[self.out] = "out"
        return Writer({t: "t", **given}).function(back, ["t", *given.values()])

    def _back(self, t):
        """{symbol: its cotangent}, from the last step to the first."""
        found = {self.out: t}
        for step in reversed(self.steps):
            g = found.get(step.outs[0], ZERO)
            if g is ZERO or not step.prim.differentiable:
                continue
            for i, part in self._sent(step, g).items():
                found[i] = self.recorder.step(a.add, [found[i], part]) if i in found else part
        return found

    def _sent(self, step, g):
        """{input: what one step sends there}; x * x sends twice to x."""
        recorder, sent = self.recorder, {}
        handles = [recorder.handle(i) for i in (*step.ins, step.outs[0])]
        for i, rule in zip(step.ins, step.prim.rules, strict=True):
            if isinstance(i, Symbol) and rule is not None:
                part = recorder.plain(rule(recorder.handle(g), (*handles, None), step.params))
                sent[i] = recorder.step(a.add, [sent[i], part]) if i in sent else part
        return sent

    @cached_property
    def value(self):
        """The formula as a function of arrays."""
        given = {symbol: name for name, symbol in self.names.items()}
        return Writer(given).function(self.out, list(given.values()))


class Writer:
    """Steps as the text of a Python function; `given` {symbol: the name of an argument}."""

    def __init__(self, given):
        self.given, self.lines, self.names = given, [], {}
        self.globals = dict(_CONSTANTS)

    def function(self, result, arguments):
        if result is ZERO:
            return lambda t: a.zeros_like(t)
        self.count = {}
        self._visit(result)
        text = self._text(result)
        wanted = [n for n in arguments if n == "t" or any(n == self.given[s] for s in self.count
                                                          if s in self.given)]  # fmt: skip
        body = "\n".join([*[f"    {line}" for line in self.lines], f"    return {text}"])
        source = f"def rule({', '.join(wanted)}):\n{body}\n"
        exec(compile(source, __file__, "exec"), self.globals)
        self.globals["rule"].text = source
        return self.globals["rule"]

    def _visit(self, x):
        """How often each symbol is read."""
        if not isinstance(x, Symbol):
            return
        self.count[x] = self.count.get(x, 0) + 1
        if self.count[x] > 1 or x in self.given or x is ZERO:
            return
        if x.step is None:
            raise ValueError(f"the derivative reads {x}, which is not saved")
        for part in (*x.step.ins, *x.step.params.values()):
            self._visit(part)

    def _text(self, x):
        if not isinstance(x, Symbol):
            return repr(x)
        if x in self.given:
            return self.given[x]
        if x in self.names:
            return self.names[x]
        text = self._call(x.step)
        if self.count[x] > 1:
            self.names[x] = f"v{len(self.lines)}"
            self.lines.append(f"{self.names[x]} = {text}")
            return self.names[x]
        return f"({text})" if x.step.prim in (*OPERATORS, a.neg) else text

    def _call(self, step):
        prim, ins = step.prim, step.ins
        if prim is a.select and ZERO in ins[1:]:
            condition, one, other = ins
            self.globals["masked"] = a.masked
            if other is ZERO:
                return f"masked({self._text(one)}, {self._text(condition)})"
            self.globals["logical_not"] = a.logical_not
            return f"masked({self._text(other)}, logical_not({self._text(condition)}))"
        texts = [self._text(i) for i in ins]
        if prim is a.neg:
            return f"-{texts[0]}"
        if prim in OPERATORS:
            return f"{texts[0]} {OPERATORS[prim]} {texts[1]}"
        self.globals[prim.name] = prim
        texts += [f"{key}={self._text(value)}" for key, value in step.params.items()]
        return f"{prim.name}({', '.join(texts)})"
