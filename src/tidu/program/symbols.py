"""Formulas as SymPy expressions, computed by SymPy alone: a check that owes nothing to our rules.

SymPy is optional (extra `symbolic`) and imported at the first use.
"""

from fractions import Fraction
from itertools import permutations

import numpy as np

from ..base.lazy import lazy_module
from .formula import formula_of, name, number

__all__ = ["of_array", "sympy_of", "sympy_number"]

F64 = np.dtype(np.float64)
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


def of_array(prim, arrays, params):
    """A primitive on arrays of SymPy expressions (and plain arrays, which are constants).

    Elementwise primitives go through their `tex`. A linear one is told by what it does to the
    basis, so every primitive that moves, adds or scales elements needs no word here.
    """
    if not any(_symbolic(a) or getattr(a, "dtype", F64).kind in "fc" for a in arrays):
        return prim.eval(*arrays, **params)
    special = _ON_ARRAYS.get(prim.tex)
    if special is not None:
        return special(*[_exact(a) for a in arrays], **params)
    if prim.kind == "elementwise":
        return _elementwise(prim, arrays, params)
    if prim.kind == "linear":
        return _from_basis(prim, arrays, params)
    raise NotImplementedError(f"no SymPy form is known for the operation {prim.name!r}")


def _symbolic(a):
    return isinstance(a, np.ndarray) and a.dtype == object


def _exact(a):
    """Floats as SymPy's numbers; index and truth arrays stay as they are."""
    if isinstance(a, (np.ndarray, np.generic)) and a.dtype.kind in "fc":
        return _each(sympy_number, np.asarray(a))
    return a


def _each(function, *arrays):
    arrays = np.broadcast_arrays(*arrays)
    out = np.empty(arrays[0].shape, object)
    for place in np.ndindex(out.shape):
        out[place] = function(*[a[place] for a in arrays])
    return out


def _elementwise(prim, arrays, params):
    names = [f"input_{i}" for i in range(len(arrays))]
    formula = formula_of(prim, [_argument(n, a) for n, a in zip(names, arrays)], params)

    def compute(*elements):
        values = [e if isinstance(e, sympy.Basic) else sympy_number(e) for e in elements]
        return sympy_of(formula, dict(zip(names, values, strict=True)))

    return _each(compute, *[np.asarray(a, getattr(a, "dtype", object)) for a in arrays])


def _argument(word, a):
    """Python's numbers stay numbers: x**2 is simpler than x**y."""
    return number(a) if isinstance(a, (bool, int, float)) else name(word)


def _from_basis(prim, arrays, params):
    """Σ x_i · prim(e_i), over the elements of each symbolic input."""
    plain = [np.zeros(a.shape) if _symbolic(a) else a for a in arrays]
    total = _map(lambda part: _each(sympy_number, part), _call(prim, plain, params))
    for k, a in enumerate(arrays):
        if not _symbolic(a):
            continue
        for place in np.ndindex(a.shape):
            unit = [_still(prim, i, b) for i, b in enumerate(arrays)]
            unit[k] = np.zeros(a.shape)
            unit[k][place] = 1
            column = _call(prim, unit, params)
            total = _map(lambda t, c, x=a[place]: _added(t, c, x), total, column)
    return total


def _call(prim, arrays, params):
    out = prim.eval(*arrays, **params)
    return tuple([np.array(o) for o in out]) if isinstance(out, tuple) else np.array(out)


def _map(function, first, *rest):
    if isinstance(first, tuple):
        return tuple([function(*parts) for parts in zip(first, *rest, strict=True)])
    return function(first, *rest)


def _still(prim, i, b):
    """Zeros for what the primitive is linear in; other inputs (indices, weights) as they are."""
    if _symbolic(b):
        return np.zeros(b.shape)
    counted = i < len(prim.inputs) or not prim.inputs
    return np.zeros_like(b) if counted and getattr(b, "dtype", F64).kind in "fc" else b


def _added(total, column, x):
    for place in np.ndindex(column.shape):
        if column[place] != 0:
            total[place] = total[place] + x * sympy_number(column[place])
    return total


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
    "complex": lambda x, y: x + sympy.I * y,
    "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)), "erf": lambda x: sympy.erf(x),
    "erfc": lambda x: sympy.erfc(x), "erfinv": lambda x: sympy.erfinv(x),
    "lgamma": lambda x: sympy.log(sympy.Abs(sympy.gamma(x))),
    "digamma": lambda x: sympy.digamma(x), "polygamma": lambda n, x: sympy.polygamma(n, x),
    "i0": lambda x: sympy.besseli(0, x), "i1": lambda x: sympy.besseli(1, x),
    "k0": lambda x: sympy.besselk(0, x), "k1": lambda x: sympy.besselk(1, x),
    "j0": lambda x: sympy.besselj(0, x), "j1": lambda x: sympy.besselj(1, x),
    "y0": lambda x: sympy.bessely(0, x), "y1": lambda x: sympy.bessely(1, x),
    "airy_ai": lambda x: sympy.airyai(x), "airy_ai_prime": lambda x: sympy.airyaiprime(x),
    "zeta": lambda x, q: sympy.zeta(x, q),
    "igamma": lambda a, x: sympy.lowergamma(a, x) / sympy.gamma(a),
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


def _cast(x, *, to, origin=None):
    """Truth values become 1 and 0; other numbers have one type here."""
    if to.kind == "b":
        return x
    return _each(lambda v: _choose(sympy.S.One, v, sympy.S.Zero) if _is_truth(v) else v, x)


def _is_truth(v):
    return isinstance(v, (bool, np.bool_)) or v in (sympy.true, sympy.false) or v.is_Relational or (
        isinstance(v, sympy.logic.boolalg.Boolean))  # fmt: skip


def _norm(row):
    return sympy.sqrt(sympy.Add(*[sympy.Abs(v) ** 2 for v in row]))


def _other_products(x, along, axis):
    """For each factor the product of the others, differentiated along each direction in turn: one
    factor, another for each direction, gives way to that direction's."""
    x, *along = [np.moveaxis(a, axis, -1) for a in np.broadcast_arrays(x, *along)]
    out = np.empty(x.shape, object)
    for place in np.ndindex(x.shape):
        lead, others = place[:-1], [k for k in range(x.shape[-1]) if k != place[-1]]
        terms = []
        for chosen in permutations(others, len(along)):
            replaced = [c[(*lead, k)] for k, c in zip(chosen, along, strict=True)]
            terms.append(sympy.Mul(*replaced, *[x[(*lead, k)] for k in others if k not in chosen]))
        out[place] = sympy.Add(*terms)
    return np.moveaxis(out, -1, axis)


_ON_ARRAYS = {  # by formula: what linear maps and single elements do not tell
    "sum(x, axes)": _each_row(lambda row: sympy.Add(*row)),
    "mean(x, axes)": _each_row(lambda row: sympy.Add(*row) / sympy.Integer(len(row))),
    "prod(x, axes)": _each_row(lambda row: sympy.Mul(*row)),
    "other_products(x, *rest, axis)": lambda x, *along, axis: _other_products(x, along, axis),
    "amax(x, axes)": _each_row(lambda row: sympy.Max(*row)),
    "amin(x, axes)": _each_row(lambda row: sympy.Min(*row)),
    "norm(x, axes)": _each_row(_norm),
    "all(x, axes)": _each_row(lambda row: sympy.And(*row)),
    "any(x, axes)": _each_row(lambda row: sympy.Or(*row)),
    "softmax(x, axis)": _along(_softmax),
    "log(softmax(x, axis))": _along(_log_softmax),
    "mean((x - y)**2)": _mse,
    "x": lambda x, **params: _cast(x, **params) if "to" in params else x,
    "0": lambda x: np.full(np.shape(x), sympy.Integer(0), object),
    "x @ y": lambda x, y: np.matmul(x, y),
    "x @ weight.T": lambda x, w: np.matmul(x, w.T),
    "x @ weight.T + bias": lambda x, w, b=None: np.matmul(x, w.T) + (0 if b is None else b),
}  # fmt: skip
