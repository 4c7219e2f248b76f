"""A typed formula such as `x**2 + sin(y)` as a function of tensors.

It is read as a syntax tree of which only arithmetic, comparisons and the functions listed here are
known; nothing typed is ever executed as Python. Read `function_of`.
"""

import operator

from .. import ops
from ..base.dtypes import float64
from ..base.errors import hinted
from ..base.suggestions import suggest
from ..program.formula import parse
from ..program.sharing import parts_of

__all__ = ["FUNCTIONS", "ExpressionError", "function_of", "names_in"]

LONGEST = 10_000  # characters; what a person types is far below


class ExpressionError(ValueError):
    """A typed formula that cannot be read; the message says where and what to write instead."""


FUNCTIONS = {
    word: getattr(ops, word)
    for word in (
        "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh",
        "atanh", "atan2", "exp", "log", "log2", "log10", "log1p", "expm1", "sqrt", "abs", "sign",
        "floor", "ceil", "maximum", "minimum", "sigmoid", "relu", "erf", "erfc",
        "lgamma", "digamma", "sum", "mean", "prod", "norm", "dot", "amax", "amin", "hypot",
    )
}  # fmt: skip
ALIASES = {"ln": "log", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "max": "maximum",
           "min": "minimum", "pow": "x**y", "tg": "tan", "sinus": "sin"}  # fmt: skip
CONSTANTS = {"pi": 3.141592653589793, "e": 2.718281828459045}
_OPERATORS = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "neg": operator.neg, "matmul": operator.matmul, "lt": operator.lt, "le": operator.le,
    "gt": operator.gt, "ge": operator.ge, "eq": operator.eq, "ne": operator.ne,
    "and": ops.logical_and, "or": ops.logical_or, "not": ops.logical_not,
    "transpose": lambda m: m.mT,
}  # fmt: skip


def names_in(formula):
    """The variables of a formula, in the order of their first appearance."""
    found = [p.args[0] for p in parts_of([formula]) if p.op == "name"]
    return list(dict.fromkeys(found))


def function_of(text):
    """(function of tensors by keyword, the names of its variables, its Formula).

    >>> import tidu as torch
    >>> function, names, formula = function_of("x**2 + y**3")
    >>> names, function(x=torch.tensor(3.0), y=torch.tensor(2.0)).item()
    (['x', 'y'], 17.0)

    Raises:
        ExpressionError: for anything that is not a formula in known functions.
    """
    formula = read(text)
    names = names_in(formula)

    def function(**values):
        return evaluate(formula, values)

    return function, [n for n in names if n not in CONSTANTS], formula


def read(text):
    """The Formula of a typed text, all of whose operations are known."""
    if len(text) > LONGEST:
        raise ExpressionError(f"a formula of {len(text)} characters is too long")
    if not text.strip():
        raise ExpressionError(hinted("the formula is empty", "write one such as 'x**2 + y**3'"))
    try:
        formula = parse(text.strip())
        parts = parts_of([formula])
    except SyntaxError as error:
        shown = text.strip()
        at = (error.offset or len(shown) + 1) - 1  # no offset: the text ends too soon
        raise ExpressionError(
            hinted(f"this is no formula: {error.msg}\n  {shown}\n  {' ' * at}^", _SPELLING)
        ) from None
    except (ValueError, TypeError, RecursionError, MemoryError):
        raise ExpressionError(hinted(f"{text!r} is no formula", _SPELLING)) from None
    for part in parts:
        _check(part, text)
    return formula


_SPELLING = "multiply with *, raise with **, call functions as sin(x)"


def _check(part, text):
    op = part.op
    if op == "value":
        if not isinstance(part.args[0], (int, float)):
            raise ExpressionError(f"{part.args[0]!r} in {text!r} is not a real number")
    elif op == "xor":
        raise ExpressionError(hinted(f"{text!r}: ^ is no operation on numbers", "write x**2"))
    elif op == "pow" or op == "if" or op == "name" or op in _OPERATORS or op in FUNCTIONS:
        return
    else:
        other = ALIASES.get(op) or suggest(op, FUNCTIONS)
        hint = f"did you mean {other}?" if other else f"known are {', '.join(FUNCTIONS)}"
        raise ExpressionError(hinted(f"no function {op!r} is known", hint))


def evaluate(formula, values):
    """The tensor a checked formula stands for, for the tensors `values` {name: tensor}."""
    op, args = formula.op, formula.args
    if op == "name":
        return values[args[0]] if args[0] in values else _constant(args[0])
    if op == "value":
        return args[0]
    parts = [evaluate(a, values) for a in args]
    if not any(hasattr(p, "_value") for p in parts):
        # Numbers alone: as floats, for whole ones could grow without bounds (9**9**9).
        return _computed(op, [_tensor(p) for p in parts]).item()
    return _computed(op, parts)


def _computed(op, parts):
    if op == "if":
        return ops.where(parts[1], *[_tensor(p) for p in (parts[0], parts[2])])
    if op == "pow":
        return parts[0] ** parts[1]
    if op in FUNCTIONS:
        return FUNCTIONS[op](*[_tensor(p) for p in parts])
    return _OPERATORS[op](*parts)


def _constant(word):
    if word in CONSTANTS:
        return CONSTANTS[word]
    raise ExpressionError(hinted(f"no value is given for {word!r}", f"add {word}=1 to --at"))


def _tensor(value):
    return value if hasattr(value, "_value") else ops.tensor(float(value), dtype=float64)
