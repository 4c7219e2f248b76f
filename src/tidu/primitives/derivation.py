"""The derivatives of a formula, as Python functions: what `fused.py` derives.

The formula is run on symbols, which are recorded as steps; the rules of its primitives, run on the
same symbols from the last step to the first, record the steps of its derivative. Zeros are left
out, equal steps are one, what a derivative has in common is taken out of its sums. A rule may read
the operator's value: `from_value` has the steps that it tells. The steps a result needs are written
as one function. Read `Derivation`.
"""

import math
import threading
from functools import cache, cached_property

import numpy as np

from ..base.frames import compile_source
from ..base.process.forks import across
from ..core import levels
from ..core.modes import set_grad
from ..program.formula import parse
from ..program.ir import Equation
from . import arithmetic as a
from . import comparison as c
from . import functions as f
from . import kept, simpler
from .simpler import REWRITES, WHOLE
from .structural import detach
from .symbols import ZERO, Purpose, Symbol, is_number, made_by

__all__ = ["Derivation", "derived"]

_ONE_AT_A_TIME = across(threading.RLock())  # a recorder serves one derivative
_CONSTANTS = {"pi": math.pi, "nan": math.nan, "inf": math.inf}
_WIDE = np.dtype(np.float64)
_FUNCTIONS = (
    "pow sqrt exp log log1p sigmoid sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh "
    "erf erfc erfinv lgamma digamma log2 polygamma"
).split()
# The words of formulas, by the operation that `program/formula.py` reads.
WORDS = {
    "add": a.add, "sub": a.sub, "mul": a.mul, "div": a.div, "neg": a.neg, "abs": a.absolute,
    "floor": a.floor, "trunc": a.trunc, "sign": a.sign, "floor_divide": a.floor_divide,
    "maximum": a.maximum, "minimum": a.minimum, "copysign": a.copysign, "detach": detach,
    "and": c.bitwise_and, "or": c.bitwise_or,
    **{word: getattr(c, word) for word in ("lt", "le", "gt", "ge", "eq", "ne")},
    **{word: getattr(c, word) for word in ("isnan", "logical_not", "bitwise_not", "gcd")},
    **{word: getattr(f, word) for word in _FUNCTIONS},
}  # fmt: skip
OPERATORS = {
    a.add: "+", a.sub: "-", a.mul: "*", a.div: "/", c.bitwise_and: "&", c.bitwise_or: "|",
    c.lt: "<", c.le: "<=", c.gt: ">", c.ge: ">=", c.eq: "==", c.ne: "!=",
}  # fmt: skip


class Recorder(levels.Recorder):
    """The level of symbols: one that is shown to be another is that one."""

    def __init__(self):
        super().__init__()
        self.out = None
        self.purpose = Purpose()

    def symbol(self, name, kind=_WIDE, step=None, moved=False):
        return Symbol(name, kind, step, moved, len(self.steps))

    def handle(self, symbol):
        symbol = self.shown(symbol) if isinstance(symbol, Symbol) else symbol
        return super().handle(symbol) if isinstance(symbol, Symbol) else symbol

    def process(self, prim, args, params):
        ins = [self.plain(x) for x in args]
        params = {key: self.plain(value) for key, value in params.items()}
        return self.handle(self.step(prim, ins, params))

    def step(self, prim, ins, params=None):
        """The symbol of prim(*ins), one that is known or in fewer steps where there is such."""
        if all(map(is_number, ins)):
            return prim.eval(*map(np.float64, ins)).item()
        if prim is a.mul and (is_number(ins[0]) or getattr(ins[1], "moved", False)):
            ins = ins[::-1]  # what is moved stands first, numbers last
        for rewrite in REWRITES.get(prim, ()):
            found = rewrite(self, *ins)
            if found is not None:
                return found
        return self.recorded(prim, ins, params)

    def recorded(self, prim, ins, params=None):
        """The symbol of just this step."""
        params = params or {}
        key = _key(prim, ins, params)
        if key not in self.known and prim in (a.mul, a.add):
            turned = _key(prim, ins[::-1], params)
            key = turned if turned in self.known else key
        if key not in self.known:
            made = Equation(prim, ins, [], params)
            moved = any(isinstance(i, Symbol) and i.moved for i in ins)
            out = self.symbol(f"v{len(self.steps)}", _kind(prim, ins, params), made, moved)
            self.known[key] = out
            made.outs.append(out)
            self.steps.append(made)
        return self.shown(self.known[key])

    def shown(self, symbol):
        """What a step is in terms of the value, if that tells it."""
        return self.purpose.shown.get(symbol, symbol)

    def found(self, prim, *ins):
        """The symbol of prim(*ins), if it is known."""
        known = self.known.get(_key(prim, ins, {}))
        return self.shown(known)

    def divided_by(self, y):
        """1 / y, where that is the formula's value."""
        made = getattr(self.out, "step", None)
        inverse = made is not None and made.prim is a.div and made.ins[0] == 1
        return self.purpose.shown.get(self.out) if inverse and made.ins[1] is y else None


def _key(prim, ins, params):
    """What makes a step the same as another."""
    return (prim, *[id(i) if isinstance(i, Symbol) else (type(i), i) for i in ins], *params.items())


def _kind(prim, ins, params):
    """The type of a step's result."""
    kinds = [i.element_type if isinstance(i, Symbol) else type(i) for i in ins]
    given = {k: np.float64(1) if isinstance(v, Symbol) else v for k, v in params.items()}
    return _kind_of(prim, tuple(kinds), tuple(given.items()))


@cache
def _kind_of(prim, kinds, params):
    stand_ins = [np.ones((), k) if isinstance(k, np.dtype) else k(1) for k in kinds]
    return prim.shape(prim, stand_ins, dict(params))[1]


class Derivation:
    """The steps of an operator's formula, its value `out`, and its rules as functions.

    Where the operator is the inverse of its formula, that is of "out" and has the input's value.
    """

    def __init__(self, prim, formula):
        self.prim, self.recorder = prim, Recorder()
        self.params = prim.params
        kind = np.dtype(prim.element_type)
        names = (*prim.inputs, *self.params, *["out"] * prim.inverse)
        self.names = {n: self.recorder.symbol(n, kind) for n in names}
        self.out = self.recorder.out = self._symbol(parse(formula))
        self.steps = list(self.recorder.steps)
        self.equal = simpler.equal_steps(self.steps)

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
        if op == "polygamma":
            order, x = parts
            return self.recorder.step(f.polygamma, [x], {"order": order})
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

    def rule(self, name, saves, whole=False):
        """The rule of an input: rule(t, ...) of what the node saves and of the params; where it is
        not to be the `whole` of them, of those that it reads."""
        t, recorder = self.recorder.symbol("t", moved=True), self.recorder
        given = {self.names[s]: s for s in (*saves, *self.params) if s in self.names}
        with _ONE_AT_A_TIME:
            was = set_grad(False)
            try:
                back = self._of_input(name, t, saves, given)
                for rewrite in WHOLE:
                    back = rewrite(recorder, back)
            finally:
                set_grad(was)
                recorder.purpose = Purpose()
        return Writer({t: "t", **given}).function(back, ["t", *given.values()], whole)

    def _of_input(self, name, t, saves, given):
        """What the formula sends to an input. `given` are the symbols that the rule reads."""
        recorder = self.recorder
        recorder.purpose = Purpose(self.equal, deriving=True, inverse=self.prim.inverse)
        shown = recorder.purpose.shown
        if self.prim.inverse:  # the formula's value is the input
            shown |= simpler.from_value(recorder, self.names[name])
            return simpler.of_inverse(recorder, t, self._back(t)[self.names["out"]])
        if "out" in saves:
            out = recorder.symbol("out")
            shown |= simpler.from_value(recorder, out)
            given[out] = "out"
        return self._back(t).get(self.names[name], ZERO)

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
        return Writer(given).function(self.out, list(given.values()), whole=True)


class Derivations:
    """Those of a formula that depends on the params, each made when it is first asked for."""

    def __init__(self, prim, kind):
        self.prim, self.kind, self.made = prim, kind, {}

    def of(self, params):
        """The derivation for the params of a call, of which the formula takes its own."""
        formula = self.prim.formula(**{name: params[name] for name in self.prim.params})
        if formula not in self.made:
            self.made[formula] = self.kind(self.prim, formula)
        return self.made[formula]

    def run(self, args, params, **options):
        return self.of(params).run(args, params, **options)

    def value(self, *args, **params):
        return self.of(params).value(*args, **params)

    def rule(self, name, saves):
        return kept.by_params(self.prim, name, saves)


def derived(prim, kind=Derivation):
    """What has the rules of a fused operator: of this kind, one or one for each formula."""
    return Derivations(prim, kind) if callable(prim.formula) else kind(prim, prim.formula)


class Writer:
    """Steps as the text of a Python function; `given` {symbol: the name of an argument}."""

    def __init__(self, given):
        self.given, self.lines, self.names = given, [], {}
        self.globals = {"__name__": __name__, **_CONSTANTS}  # its arithmetic is ours, and quiet

    def function(self, result, arguments, whole=False):
        if result is ZERO:
            return (lambda t, *read: a.zeros_like(t)) if whole else lambda t: a.zeros_like(t)
        self.count = {}
        self._visit(result)
        text = self._text(result)
        read = {"t", *[self.given[s] for s in self.count if s in self.given]}
        wanted = [n for n in arguments if whole or n in read]
        body = "\n".join([*[f"    {line}" for line in self.lines], f"    return {text}"])
        source = f"def rule({', '.join(wanted)}):\n{body}\n"
        exec(compile_source(source), self.globals)
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
            if x != x and "t" in self.given.values():  # a choice of numbers would lose the type
                self.globals["zeros_like"] = a.zeros_like
                return "(zeros_like(t) + nan)"
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
            return self._masked(*ins)
        if prim is a.sub and (rest := self._rest_of_one(*ins)):
            return rest
        if prim is a.mul and ins[0] is ins[1] and (square := self._scaled_square(ins[0])):
            return square
        texts = [self._text(i) for i in ins]
        if prim is a.neg:
            return f"-{texts[0]}"
        if prim in OPERATORS:
            return f"{texts[0]} {OPERATORS[prim]} {texts[1]}"
        self.globals[prim.name] = prim
        texts += [f"{key}={self._text(value)}" for key, value in step.params.items()]
        return f"{prim.name}({', '.join(texts)})"

    def _masked(self, condition, one, other):
        """A choice with a zero on one side."""
        equal = made_by(condition, c.eq)
        if other is not ZERO and equal is None:
            self.globals["cleared"] = a.cleared
            return f"cleared({self._text(other)}, {self._text(condition)})"
        self.globals["masked"] = a.masked
        if other is ZERO:
            return f"masked({self._text(one)}, {self._text(condition)})"
        left, right = map(self._text, equal)
        product = made_by(other, a.mul)
        if product is None or product[0] not in self.given:
            return f"masked({self._text(other)}, {left} != {right})"
        # A slope that is undefined at one place: zero there, and so for the cotangent's own slope.
        t, slope = map(self._text, product)
        return f"{t} * masked({slope}, {left} != {right})"

    def _rest_of_one(self, one, x):
        """1 - sigmoid(y) to the last digit, if that sigmoid is read nowhere else."""
        made = made_by(x, f.sigmoid)
        if made is None or not is_number(one) or one != 1 or self.count[x] > 1:
            return None
        self.globals["sigmoid"] = f.sigmoid
        order = made_by(made[0], a.sub)
        if order is not None and self.count[made[0]] == 1:
            return "sigmoid({1} - {0})".format(*map(self._text, order))
        return f"sigmoid(-{self._text(made[0])})"

    def _scaled_square(self, x):
        """(y / r)² as y * y / r², which is exact for a root, if y / r is read nowhere else."""
        over = made_by(x, a.div)
        if over is None or not is_number(over[1]) or over[0] not in self.given:
            return None
        y, square = self.given[over[0]], simpler.square_of(over[1])
        return f"{y} * {y} / {square}" if self.count[x] == 2 else None
