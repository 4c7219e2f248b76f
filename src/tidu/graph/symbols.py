"""Formulas as SymPy expressions, computed by SymPy alone: a check that owes nothing to our rules.

SymPy is optional (extra `symbolic`) and imported at the first use.
"""

from fractions import Fraction

import numpy as np

from ..lazy import lazy_module

__all__ = ["of_array", "sympy_of", "sympy_number"]

sympy = lazy_module("sympy", "symbolic forms need SymPy: pip install 'tidu[symbolic]'")


def sympy_of(formula, values):
    """The SymPy expression of a formula; `values` {name: expression} stand for its names."""
    op, args = formula.op, formula.args
    if op == "name":
        found = values.get(args[0])
        if found is not None:
            return found
        return sympy.pi if args[0] == "pi" else sympy.Symbol(args[0], real=True)
    if op == "value":
        return sympy_number(args[0])
    compute = _COMPUTE.get(op)
    if compute is None:
        raise NotImplementedError(f"SymPy has no word for the operation {op!r}")
    return compute(*[sympy_of(a, values) for a in args])


def sympy_number(value):
    """A constant, exactly: whole numbers and short fractions as such, others as binary floats."""
    if isinstance(value, (np.generic, np.ndarray)) and np.ndim(value) == 0:
        value = value.item()
    if value is None or isinstance(value, bool):
        return value if value is None else sympy.true if value else sympy.false
    if isinstance(value, complex):
        return sympy_number(value.real) + sympy.I * sympy_number(value.imag)
    if isinstance(value, float):
        if value != value:
            return sympy.nan
        if value in (float("inf"), float("-inf")):
            return sympy.oo if value > 0 else -sympy.oo
        short = Fraction(value).limit_denominator(10_000)
        if float(short) == value:
            return sympy.Rational(short.numerator, short.denominator)
        return sympy.Float(value, 17)
    if isinstance(value, int):
        return sympy.Integer(value)
    return value


def of_array(prim, arrays, expressions, params):
    """A primitive on arrays of SymPy expressions; `expressions` computes one element of them.

    Elementwise primitives go through their `tex`; those that only move or add elements run their
    own `eval` on the expressions.
    """
    if expressions is not None:
        inputs = np.broadcast_arrays(*[np.asarray(a, object) for a in arrays])
        out = np.empty(inputs[0].shape, object)
        for place in np.ndindex(out.shape):
            out[place] = expressions([a[place] for a in inputs])
        return out
    special = _ON_ARRAYS.get(prim.name)
    return special(*arrays, **params) if special else prim.eval(*arrays, **params)


# --- one operation after another ------------------------------------------------------------------


def _clamp(x, low, high):
    x = x if low is None else sympy.Max(x, low)
    return x if high is None else sympy.Min(x, high)


def _choose(yes, test, no):
    if test in (True, False):
        return yes if test else no
    return sympy.Piecewise((yes, test), (no, True))


def _sign_of(y):
    return sympy.Piecewise((-1, y < 0), (1, True))


def _same(a, b):
    return sympy.Eq(a, b)


_COMPUTE = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b, "neg": lambda a: -a, "pow": lambda a, b: a**b,
    "lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b, "eq": _same, "ne": lambda a, b: sympy.Ne(a, b),
    "and": lambda a, b: sympy.And(a, b), "or": lambda a, b: sympy.Or(a, b),
    "xor": lambda a, b: sympy.Xor(a, b), "not": lambda a: sympy.Not(a), "if": _choose,
    "sin": lambda x: sympy.sin(x), "cos": lambda x: sympy.cos(x), "tan": lambda x: sympy.tan(x),
    "asin": lambda x: sympy.asin(x), "acos": lambda x: sympy.acos(x),
    "atan": lambda x: sympy.atan(x), "sinh": lambda x: sympy.sinh(x),
    "cosh": lambda x: sympy.cosh(x), "tanh": lambda x: sympy.tanh(x),
    "asinh": lambda x: sympy.asinh(x), "acosh": lambda x: sympy.acosh(x),
    "atanh": lambda x: sympy.atanh(x), "atan2": lambda y, x: sympy.atan2(y, x),
    "exp": lambda x: sympy.exp(x), "log": lambda x: sympy.log(x),
    "log2": lambda x: sympy.log(x) / sympy.log(2), "log10": lambda x: sympy.log(x) / sympy.log(10),
    "sqrt": lambda x: sympy.sqrt(x), "abs": lambda x: sympy.Abs(x),
    "sign": lambda x: sympy.sign(x), "floor": lambda x: sympy.floor(x),
    "ceil": lambda x: sympy.ceiling(x),
    "trunc": lambda x: sympy.sign(x) * sympy.floor(sympy.Abs(x)),
    "round": lambda x: sympy.Function("round")(x) if x.free_symbols else sympy.Integer(round(x)),
    "maximum": lambda a, b: sympy.Max(a, b), "minimum": lambda a, b: sympy.Min(a, b),
    "clamp": _clamp, "remainder": lambda a, b: sympy.Mod(a, b),
    "copysign": lambda x, y: sympy.Abs(x) * _sign_of(y), "gcd": lambda a, b: sympy.gcd(a, b),
    "lcm": lambda a, b: sympy.lcm(a, b), "real": lambda x: sympy.re(x),
    "imag": lambda x: sympy.im(x), "conj": lambda x: sympy.conjugate(x),
    "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)), "erf": lambda x: sympy.erf(x),
    "erfc": lambda x: sympy.erfc(x), "erfinv": lambda x: sympy.erfinv(x),
    "lgamma": lambda x: sympy.log(sympy.Abs(sympy.gamma(x))),
    "digamma": lambda x: sympy.digamma(x), "polygamma": lambda n, x: sympy.polygamma(n, x),
    "isnan": lambda x: sympy.false, "isinf": lambda x: sympy.false,
    "isfinite": lambda x: sympy.true,
}  # fmt: skip


# --- reductions that choose or divide -------------------------------------------------------------


def _rows(x, axes):
    """The elements to be reduced, along the last axis."""
    rest = [a for a in range(x.ndim) if a not in axes]
    return x.transpose(*rest, *axes).reshape([x.shape[a] for a in rest] + [-1])


def _each_row(compute):
    def reduce(x, *, axes, keepdims):
        rows = _rows(x, axes)
        out = np.empty(rows.shape[:-1], object)
        for place in np.ndindex(out.shape):
            out[place] = compute(list(rows[place]))
        kept = [1 if a in axes else n for a, n in enumerate(x.shape)]
        return out.reshape(kept) if keepdims else out

    return reduce


def _along(compute):
    """A map of rows to rows of the same length."""

    def run(x, *, axis):
        moved = np.moveaxis(x, axis, -1)
        out = np.empty(moved.shape, object)
        for place in np.ndindex(out.shape[:-1]):
            out[place] = compute(list(moved[place]))
        return np.moveaxis(out, -1, axis)

    return run


def _softmax(row):
    powers = [sympy.exp(v) for v in row]
    return [p / sum(powers) for p in powers]


def _log_softmax(row):
    total = sympy.log(sum([sympy.exp(v) for v in row]))
    return [v - total for v in row]


def _mse(x, y):
    off = (x - y).reshape(-1)
    return np.asarray(sum([o**2 for o in off]) / sympy.Integer(off.size), object)


_ON_ARRAYS = {
    "sum": _each_row(lambda row: sympy.Add(*row)),
    "mean": _each_row(lambda row: sympy.Add(*row) / sympy.Integer(len(row))),
    "prod": _each_row(lambda row: sympy.Mul(*row)),
    "max": _each_row(lambda row: sympy.Max(*row)), "amax": _each_row(lambda r: sympy.Max(*r)),
    "min": _each_row(lambda row: sympy.Min(*row)), "amin": _each_row(lambda r: sympy.Min(*r)),
    "linalg_vector_norm": _each_row(
        lambda row: sympy.sqrt(sympy.Add(*[sympy.Abs(v) ** 2 for v in row]))),
    "all": _each_row(lambda row: sympy.And(*row)), "any": _each_row(lambda row: sympy.Or(*row)),
    "softmax": _along(_softmax), "log_softmax": _along(_log_softmax), "mse_loss": _mse,
    "mm": lambda x, y: np.asarray(x) @ np.asarray(y), "to_copy": lambda x, **params: x,
    "zeros_like": lambda x: np.full(np.shape(x), sympy.Integer(0), object),
}  # fmt: skip
