"""One element of a formula: `dL/dW[i,j] = Σ_b x[b,i]·g[b,j]` with indices, or with numbers.

`element(tree, index, shapes)` follows an index through the rules of operations (`rules.py`, which
each tree carries) down to the elements of the inputs; `letters.py` does the same with letters. The
page reads the same rules in the same way.
"""

import math
import operator
from itertools import islice, product

import numpy as np

from ...base.lazy import lazy_module
from ..recording.values import number_json
from .notation import number, write
from .simplify import is_number
from .whole import computed

__all__ = [
    "ELEMENTWISE",
    "Outside",
    "Values",
    "aligned",
    "element_of",
    "evaluate",
    "numbers_of",
    "shape_of",
]

special = lazy_module("scipy.special")

# Names of operations on numbers that are no primitives, or not elementwise ones by their kind.
ELEMENTWISE = frozenset(
    "add sub mul div neg pow maximum minimum abs exp log sqrt sin cos tan sinh cosh tanh sigmoid "
    "erf sign floor ceil trunc atan asin acos where clamp bracket eq ne lt le gt ge and or not "
    "square bitwise_and bitwise_or logical_not to_copy conj real imag complex cis "
    "reciprocal rsqrt exp2 expm1 log2 log10 log1p relu digamma polygamma".split()
)


class Outside(Exception):
    """An index that lies outside its array, or between two places: the term is left out."""


def is_element(tree):
    """Whether a tree is itself one element, ["at", what, index]."""
    return isinstance(tree, list) and tree[0] == "at"


def shape_of(tree, shapes):
    """The shape of a tree's value; None where it cannot be told."""
    if is_number(tree) or isinstance(tree, bool):
        return ()
    if isinstance(tree, str):
        return shapes.get(tree)
    _, params, *parts = tree
    if params is not None and "shape" in params:
        return tuple(params["shape"])
    inner = [shape_of(part, shapes) for part in parts]
    try:
        return None if None in inner else np.broadcast_shapes(*inner)
    except ValueError:
        return None


def aligned(index, shape):
    """The index of the element that broadcasting repeats at `index`."""
    tail = index[len(index) - len(shape) :]
    return tuple([0 if n == 1 else i for i, n in zip(tail, shape, strict=True)])


# --- with numbers for indices -------------------------------------------------------------------


def element_of(tree, index, shapes, most=None):
    """The expression of the element at `index`; None where shapes do not fit.

    Leaves are ["at", name, index]; of a tree that has no rule, ["at", tree, index]. A sum is
    ["terms", how many, *terms], of which at most `most` are written out.
    """
    inner = shape_of(tree, shapes)
    if inner is None or len(inner) > len(index):
        return None
    return element(tree, aligned(index, inner), shapes, most)


def element(tree, index, shapes, most):
    if is_number(tree) or isinstance(tree, bool):
        return tree
    shape = shape_of(tree, shapes)
    if shape is None:
        raise KeyError(tree)
    if not all(0 <= i < n for i, n in zip(index, shape, strict=True)):
        raise Outside
    if isinstance(tree, str):
        return ["at", tree, list(index)]
    op, params, *parts = tree
    if params is None or "shape" not in params:
        return [op, params, *[_each(part, index, shapes, most) for part in parts]]
    if op == "linear":
        return _tabled(params, parts, index, shapes, most)
    if "rule" not in params:
        return ["at", tree, list(index)]
    if op == "part":  # its rule is of the operands of the operation that it is a part of
        parts = [*parts[0][2:], *parts[1:]]
    letters = {f"o{a}": i for a, i in enumerate(index)}
    try:
        return _applied(params["rule"], letters, parts, shapes, most)
    except Outside:
        return 0


def _each(part, index, shapes, most):
    shape = shape_of(part, shapes)
    if shape is None:
        raise KeyError(part)
    return element(part, aligned(index, shape), shapes, most)


def _applied(rule, letters, parts, shapes, most):
    """A rule of rules.py with numbers for its letters."""
    if not isinstance(rule, list):
        return rule
    kind, what, *rest = rule
    if kind == "of":
        operand = _operand(what, parts)
        index = tuple([spot(i, letters) for i in rest[0]])
        return element(operand, index, shapes, most)
    if kind == "sigma":
        return _terms(what, rest[0], letters, parts, shapes, most)
    if kind == "pi":
        return _folded("mul", 1, what, *rest, letters, parts, shapes, most)
    if kind in EXTREMES:
        return _folded(EXTREMES[kind], None, what, (), *rest, letters, parts, shapes, most)
    if kind == "when":
        if not all(holds(condition, letters) for condition in what):
            raise Outside
        return _applied(rest[0], letters, parts, shapes, most)
    if kind == "index":
        return spot(what, letters)
    inner = []
    for part in rest:
        try:
            inner.append(_applied(part, letters, parts, shapes, most))
        except Outside:
            if kind != "add":
                raise
    return [kind, what, *inner] if len(inner) > 1 or kind != "add" else inner[0] if inner else 0


def _operand(what, parts):
    if isinstance(what, int):
        return parts[what]
    return [*what[:2], *[parts[k] for k in what[2:]]]


def _places(letters, known):
    names = [name for name, _ in letters]
    for at in product(*[range(n) for _, n in letters]):
        yield {**known, **dict(zip(names, at, strict=True))}


def _terms(letters, rule, known, parts, shapes, most):
    """The terms of a sum that are there; of more than `most`, the first ones and the last."""

    def found(places):
        for place in places:
            try:
                yield _applied(rule, place, parts, shapes, most)
            except Outside:
                continue

    if most is None:
        terms = list(found(_places(letters, known)))
        return ["terms", len(terms), *terms]
    terms = list(islice(found(_places(letters, known)), most + 1))
    if len(terms) > most:
        terms[most - 1 :] = islice(found(_backwards(letters, known)), 1)
        return ["terms", most + 1, *terms]
    return ["terms", len(terms), *terms]


def _backwards(letters, known):
    turned = [n - 1 for _, n in letters]
    for place in _places(letters, {}):
        yield {**known, **{name: n - place[name] for (name, _), n in zip(letters, turned,
                                                                         strict=True)}}  # fmt: skip


EXTREMES = {"greatest": "maximum", "least": "minimum"}


def _folded(op, empty, letters, conditions, rule, known, parts, shapes, most):
    """The elements of all places where the conditions hold, as operands of one operation."""
    found = []
    for place in _places(letters, known):
        try:
            if all(holds(condition, place) for condition in conditions):
                found.append(_applied(rule, place, parts, shapes, most))
        except Outside:
            if op == "mul":
                raise
    if not found:
        return empty
    return [op, None, *found] if len(found) > 1 else found[0]


def spot(index, letters):
    """The number an index stands for."""
    if isinstance(index, int):
        return index
    if isinstance(index, str):
        return letters[index]
    kind, *rest = index
    if kind == "ravel":
        shape, *inner = rest
        return int(np.ravel_multi_index([spot(i, letters) for i in inner], shape))
    if kind == "digit":
        shape, axis, inner = rest
        return spot(inner, letters) // math.prod(shape[axis + 1 :]) % shape[axis]
    values = [spot(i, letters) for i in rest]
    if kind == "/":
        place, left = divmod(*values)
        if left:
            raise Outside
        return place
    return {"+": sum, "*": math.prod, "product": math.prod, "mod": lambda v: v[0] % v[1]}[kind](
        values
    )


def holds(condition, letters):
    kind, *rest = condition
    values = [spot(i, letters) for i in rest]
    if kind == "within":
        return values[1] <= values[0] < values[2]
    return {"differ": operator.ne, "same": operator.eq, "ordered": operator.le}[kind](*values)


def _tabled(params, parts, index, shapes, most):
    """An operation that is given as a table (linear.py)."""
    flat = int(np.ravel_multi_index(index, params["shape"])) if index else 0
    source = params["from"][flat]
    sources = [s for s in (source if isinstance(source, list) else [source]) if s >= 0]
    weights = params["by"][flat] if "by" in params else [1] * len(sources)
    sizes = [(parts[k], shape) for k, shape in zip(params["of"], params["shapes"], strict=True)]

    def term(k):
        place = sources[k]
        for part, shape in sizes:
            if place < math.prod(shape):
                found = element(part, _unravelled(place, shape), shapes, most)
                return found if weights[k] == 1 else ["mul", None, weights[k], found]
            place -= math.prod(shape)
        raise KeyError(place)

    if len(sources) < 2:
        return term(0) if sources else 0
    picked = range(len(sources))
    if most is not None and len(sources) > most:
        picked = [*range(most - 1), len(sources) - 1]
    return ["terms", len(sources), *[term(k) for k in picked]]


def _unravelled(place, shape):
    return tuple([int(i) for i in np.unravel_index(place, shape)]) if shape else ()


# --- with numbers put in ------------------------------------------------------------------------


def numbers_of(expression, values, style):
    """The text of an element's expression with numbers put in; choices are made."""
    if is_element(expression) and isinstance(expression[1], list):
        return None  # the result itself says no more
    settled = settle(expression, values)
    return write(settled, style, lambda leaf: number(_shown(leaf, values), style))


class Values(dict):
    """Arrays by name, and what operations without a rule gave on them, computed once."""

    def __init__(self, *args):
        super().__init__(*args)
        self.wholes = {}


def _array(what, values):
    if not isinstance(what, list):
        return values[what]
    if not isinstance(values, Values):
        return whole(what, values)
    key = repr(what)
    if key not in values.wholes:
        values.wholes[key] = whole(what, values)
    return values.wholes[key]


def whole(tree, values):
    """The value of a tree as an array: of an operation without a rule, by the library itself."""
    if isinstance(tree, str):
        return values[tree]
    if not isinstance(tree, list):
        return np.asarray(tree)
    op, params, *parts = tree
    if params is not None and "shape" in params and "rule" not in params and op != "linear":
        args = [whole(part, values) for part in parts]
        return args[0][params["index"]] if op == "part" else computed(op, params, args)
    shapes = {name: array.shape for name, array in values.items()}
    shape = shape_of(tree, shapes)
    if shape is None:
        raise KeyError(op)
    flat = [evaluate(element_of(tree, at, shapes), values) for at in np.ndindex(shape)]
    return np.array(flat).reshape(shape)


def _look_up(leaf, values):
    return _array(leaf[1], values)[tuple(leaf[2])].item()


def _shown(leaf, values):
    """The number as the document has it: 0.1 of float32 is 0.1."""
    return number_json(_array(leaf[1], values)[tuple(leaf[2])])


def settle(tree, values):
    """Brackets and choices replaced by what they are for these numbers."""
    if not isinstance(tree, list) or tree[0] == "at":
        return tree
    op, params, *parts = tree
    if op == "bracket":
        return int(bool(evaluate(parts[0], values)))
    if op == "where":
        return settle(parts[1] if evaluate(parts[0], values) else parts[2], values)
    return [op, params, *[settle(part, values) for part in parts]]


def evaluate(tree, values):
    """The value of an element's expression, in double precision; KeyError where it has none."""
    if not isinstance(tree, list):
        return tree
    if tree[0] == "at":
        return _look_up(tree, values)
    op, params, *parts = tree
    inner = [evaluate(part, values) for part in parts]
    with np.errstate(all="ignore"):
        if op in WITH_PARAMS:
            return WITH_PARAMS[op](params, *inner)
        if op in VALUES:
            return VALUES[op](*inner)
        inner = [np.float64(v) if type(v) in (int, float) else np.asarray(v)[()] for v in inner]
        return computed(op, params, inner).item()


def _clamped(params, x):
    low, high = params.get("low"), params.get("high")
    x = x if low is None else max(x, low)
    return x if high is None else min(x, high)


WITH_PARAMS = {
    "clamp": _clamped, "hardtanh": _clamped,
    "cis": lambda params, k: np.exp(2j * np.pi * k / params["of"]).item(),
}  # fmt: skip
VALUES = {
    "add": lambda *parts: sum(parts), "sub": lambda x, y: x - y, "neg": lambda x: -x,
    "mul": lambda *parts: math.prod(parts), "terms": lambda *parts: sum(parts),
    "div": np.true_divide, "pow": np.float_power, "square": lambda x: x * x,
    "reciprocal": lambda x: np.float64(1) / x, "rsqrt": lambda x: 1 / np.sqrt(x),
    "eq": lambda x, y: x == y, "ne": lambda x, y: x != y, "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y, "gt": lambda x, y: x > y, "ge": lambda x, y: x >= y,
    "and": lambda x, y: bool(x) and bool(y), "or": lambda x, y: bool(x) or bool(y),
    "conj": np.conj, "real": np.real, "imag": np.imag, "not": lambda x: not x,
    "complex": complex,
    "bracket": lambda x: int(bool(x)), "to_copy": lambda x: x,
    "where": lambda c, x, y: x if c else y, "abs": abs,
    "maximum": lambda *parts: np.maximum.reduce(parts),
    "minimum": lambda *parts: np.minimum.reduce(parts),
    "relu": lambda x: np.maximum(x, 0), "round": np.round,
    "remainder": np.remainder, "fmod": np.fmod, "atan2": np.arctan2, "hypot": np.hypot,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh,
    "sigmoid": lambda x: special.expit(x), "erf": lambda x: special.erf(x),
    "erfc": lambda x: special.erfc(x), "erfinv": lambda x: special.erfinv(x),
    "lgamma": lambda x: special.gammaln(x), "digamma": lambda x: special.psi(x),
    **{name: getattr(np, name) for name in (
        "exp exp2 expm1 log log2 log10 log1p sign sqrt sin cos tan sinh cosh tanh floor ceil "
        "trunc").split()},
}  # fmt: skip
VALUES["logical_not"] = VALUES["not"]
VALUES["bitwise_and"] = VALUES["logical_and"] = VALUES["and"]
VALUES["bitwise_or"] = VALUES["logical_or"] = VALUES["or"]
