"""Formulas: what the field `tex` of a primitive says, as a tree that can be shown and computed.

`tex` is a Python expression of the primitive's inputs and params: "sin(x)", "x if condition else
y", "x[*rest]". `parse` reads it, `formula_of` puts the arguments in, `Formula.text` and
`Formula.latex` (`program/typeset.py`) write it, `program/symbols.py` turns it into SymPy's.
"""

import ast
import math
import operator
from functools import cache
from weakref import WeakValueDictionary

import numpy as np

from .typeset import latex, text

__all__ = ["Formula", "apply", "formula_of", "name", "number", "parse", "put"]


class Formula:
    """`op` and its operands. The leaves are "name" (a string) and "value" (anything constant).

    Equal formulas are one object, so a part that appears twice is seen to be the same. `size` is
    how many operations it writes out; a repeated part counts each time.
    """

    __slots__ = ("__weakref__", "args", "op", "size")

    def __new__(cls, op, args):
        if op == "value":
            key = (op, type(args[0]), repr(args[0]))
        else:
            key = (op, args if op == "name" else tuple([id(a) for a in args]))
        self = _KNOWN_FORMULAS.get(key)
        if self is None or op == "value" and isinstance(args[0], np.ndarray):
            self = object.__new__(cls)
            self.op, self.args = op, args
            leaf = op in ("name", "value")
            self.size = 0 if leaf else 1 + sum([a.size for a in args])
            _KNOWN_FORMULAS[key] = self
        return self

    def __repr__(self):
        return f"{self.op}({', '.join(map(repr, self.args))})"

    @property
    def is_number(self):
        """Whether this is a constant that can be counted with."""
        return self.op == "value" and isinstance(self.args[0], (bool, int, float, complex))

    def text(self):
        """In one line, as Python writes it."""
        return text(self)

    def latex(self):
        """As LaTeX, without the dollars."""
        return latex(self)


_KNOWN_FORMULAS: WeakValueDictionary = WeakValueDictionary()


def name(text):
    """The formula that is one name."""
    return Formula("name", (text,))


def number(value):
    """The formula of a constant; the usual irrational ones are written as what they are."""
    if isinstance(value, (np.generic, np.ndarray)) and np.ndim(value) == 0:
        value = value.item()
    if isinstance(value, float):
        known = _KNOWN.get(_digits(abs(value)))
        if known is not None:
            found = parse(known)
            return found if value > 0 else apply("neg", found)
        if value.is_integer() and abs(value) < 2**53:
            value = int(value)
    return Formula("value", (value,))


def _digits(value):
    """A number but for its last digit, which depends on the steps that computed it."""
    return f"{value:.14e}"


_KNOWN = {_digits(value): text for value, text in {
    math.log(2): "log(2)", math.log(10): "log(10)", 2 / math.sqrt(math.pi): "2 / sqrt(pi)",
    math.sqrt(math.pi) / 2: "sqrt(pi) / 2", math.sqrt(0.5): "1 / sqrt(2)",
    1 / math.sqrt(2 * math.pi): "1 / sqrt(2 * pi)", math.sqrt(2): "sqrt(2)",
    math.sqrt(2 / math.pi): "sqrt(2 / pi)", math.pi: "pi", math.e: "exp(1)",
}.items()}  # fmt: skip


# --- reading ------------------------------------------------------------------------------------

_BINARY = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow",
    ast.MatMult: "matmul", ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor",
}  # fmt: skip
_UNARY = {ast.USub: "neg", ast.Not: "not", ast.Invert: "not"}
_COMPARE = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}


@cache
def parse(text):
    """The formula that a Python expression writes; ValueError where it writes something else."""
    return _read(ast.parse(text, mode="eval").body, text)


def _read(node, text):
    def read(part):
        return _read(part, text)

    match node:
        case ast.Name(id):
            return name(id)
        case ast.Constant(value):
            return Formula("value", (value,))
        case ast.BinOp(left, op, right) if type(op) in _BINARY:
            return Formula(_BINARY[type(op)], (read(left), read(right)))
        case ast.UnaryOp(op, part) if type(op) in _UNARY:
            return Formula(_UNARY[type(op)], (read(part),))
        case ast.Compare(left, [op], [right]):
            return Formula(_COMPARE[type(op)], (read(left), read(right)))
        case ast.BoolOp(op, parts):
            word = "and" if isinstance(op, ast.And) else "or"
            return _chained(word, [read(p) for p in parts])
        case ast.IfExp(test, yes, no):
            return Formula("if", (read(yes), read(test), read(no)))
        case ast.Attribute(part, "T"):
            return Formula("transpose", (read(part),))
        case ast.Subscript(part, ast.Tuple(places)):
            return Formula("index", (read(part), *[read(p) for p in places]))
        case ast.Subscript(part, place):
            return Formula("index", (read(part), read(place)))
        case ast.Starred(part):
            return Formula("each", (read(part),))
        case ast.Call(ast.Name(function), parts, []):
            return Formula(function, tuple([read(p) for p in parts]))
    raise ValueError(f"no formula can be read from {text!r}")


def _chained(word, parts):
    whole = parts[0]
    for part in parts[1:]:
        whole = Formula(word, (whole, part))
    return whole


# --- putting in ---------------------------------------------------------------------------------


def put(formula, values):
    """`formula` with the formulas `values` {name: Formula or list} in the places of names."""
    if formula.op == "name":
        return values.get(formula.args[0], formula)
    if formula.op == "value":
        return formula
    args = []
    for a in formula.args:
        if a.op == "each":
            args.extend(values[a.args[0].args[0]])
        else:
            args.append(put(a, values))
    return apply(formula.op, *args)


def formula_of(prim, args, params):
    """The value of a primitive for these arguments (formulas), as a formula.

    A `tex` that is a function takes the params and gives the expression. Without any the
    operation's name is written: `svd(x)`.
    """
    tex, names = prim.tex, prim.inputs
    rest = list(args[len(names) :])
    if tex is None:
        return apply(prim.name, *args)
    if callable(tex):
        tex = tex(**(params or {}))
    values = {key: number(value) for key, value in (params or {}).items()}
    values.update(zip(names, args, strict=False))
    for missing in names[len(args) :]:
        values[missing] = number(None)
    values["rest"] = rest
    return put(parse(tex), values)


# --- building, with what needs no thought left out ------------------------------------------------


def apply(op, *args):
    """The formula op(*args), simplified where nothing is lost: 1 · a is a, a + 0 is a."""
    rule = _SIMPLER.get(op)
    found = rule(*args) if rule is not None else None
    return Formula(op, args) if found is None else found


def _is(a, value):
    return a.op == "value" and not isinstance(a.args[0], bool) and _same(a.args[0], value)


def _same(a, value):
    return isinstance(a, (int, float)) and a == value


def _count(compute, *args):
    """A result of whole numbers alone: others stay as they are written."""
    if all(a.op == "value" and type(a.args[0]) is int for a in args):
        return number(compute(*[a.args[0] for a in args]))
    return None


def _add(a, b):
    if _is(b, 0) or b.op == "value" and b.args[0] is None:
        return a
    if _is(a, 0):
        return b
    if b.op == "neg":
        return apply("sub", a, b.args[0])
    if a.op == "sub" and b.is_number and a.args[1] is b:
        return a.args[0]
    return _count(lambda x, y: x + y, a, b)


def _sub(a, b):
    if _is(b, 0):
        return a
    if _is(a, 0):
        return apply("neg", b)
    if b.op == "neg":
        return apply("add", a, b.args[0])
    return _count(lambda x, y: x - y, a, b)


def _mul(a, b):
    if _is(a, 1):
        return b
    if _is(b, 1):
        return a
    if _is(a, 0) or _is(b, 0):
        return number(0)
    if a.op == "neg":
        return apply("neg", apply("mul", a.args[0], b))
    if b.op == "neg":
        return apply("neg", apply("mul", a, b.args[0]))
    if _below_zero(a):
        return apply("neg", apply("mul", number(-a.args[0]), b))
    if b.is_number and not a.is_number:
        return apply("mul", b, a)
    if a.op == "div":
        return apply("div", apply("mul", a.args[0], b), a.args[1])
    if b.op == "div":
        return apply("div", apply("mul", a, b.args[0]), b.args[1])
    if a is b and not a.is_number:
        return apply("pow", a, number(2))
    if b.op == "mul" and b.args[0].is_number:
        return apply("mul", b.args[0], apply("mul", a, b.args[1])) if not a.is_number else None
    return _count(lambda x, y: x * y, a, b)


def _below_zero(a):
    return a.is_number and not isinstance(a.args[0], complex) and a.args[0] < 0


def _div(a, b):
    if _is(b, 1):
        return a
    if _is(a, 0):
        return a
    if a.op == "neg":
        return apply("neg", apply("div", a.args[0], b))
    if a.op == "div":
        return apply("div", a.args[0], apply("mul", a.args[1], b))
    return None


def _neg(a):
    if a.op == "neg":
        return a.args[0]
    return number(-a.args[0]) if a.is_number and a.args[0] is not True else None


def _pow(a, b):
    if _is(b, 1):
        return a
    if a.op == "pow" and _whole(a.args[1]) and _whole(b):
        return apply("pow", a.args[0], apply("mul", a.args[1], b))
    if a.op == "sqrt" and _is(b, 2):
        return a.args[0]
    return number(1) if _is(b, 0) else None


def _whole(a):
    return a.op == "value" and type(a.args[0]) is int


def _if(yes, test, no):
    if yes is no:
        return yes
    if test.is_number:
        return yes if test.args[0] else no
    return None


def _clamp(x, low, high):
    if low.op == "value" and low.args[0] is None:
        return apply("minimum", x, high)
    return apply("maximum", x, low) if high.op == "value" and high.args[0] is None else None


def _compared(compare):
    def rule(a, b):
        if a.is_number and b.is_number:
            return number(compare(a.args[0], b.args[0]))
        return None

    return rule


def _exp(a):
    return a.args[0] if a.op == "log" else None


_SIMPLER = {"exp": _exp, "eq": _compared(operator.eq), "ne": _compared(operator.ne),
            "add": _add, "sub": _sub, "mul": _mul, "div": _div, "neg": _neg, "pow": _pow,
            "if": _if, "clamp": _clamp}  # fmt: skip
