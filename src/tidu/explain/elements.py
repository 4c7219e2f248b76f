"""One element of a formula: `dL/dW[i,j] = Σ_b x[b,i]·g[b,j]` with indices, or with numbers.

`element(tree, index, shapes)` follows an index through matrix products, transposes, sums and views
down to the elements of the inputs. An index may be a number or, in `lettered`, a letter.
"""

import math
from itertools import product

import numpy as np

from .expression import ELEMENTWISE
from .notation import number, write
from .simplify import is_number
from .values import number_json

__all__ = ["element_of", "evaluate", "lettered", "numbers_of", "shape_of"]


def shape_of(tree, shapes):
    """The shape of a tree's value; None where it cannot be told."""
    if is_number(tree) or isinstance(tree, bool):
        return ()
    if isinstance(tree, str):
        return shapes.get(tree)
    op, params, *parts = tree
    inner = [shape_of(part, shapes) for part in parts]
    if any(s is None for s in inner):
        return None
    if op in ELEMENTWISE:
        try:
            return np.broadcast_shapes(*inner)
        except ValueError:
            return None
    rule = SHAPES.get(op)
    return None if rule is None else rule(params, *inner)


def _reduced(params, shape):
    axes = params["axes"]
    if params["keepdims"]:
        return tuple([1 if i in axes else n for i, n in enumerate(shape)])
    return tuple([n for i, n in enumerate(shape) if i not in axes])


SHAPES = {
    "mm": lambda params, x, y: (*x[:-1], y[-1]) if len(x) == len(y) == 2 else None,
    "addmm": lambda params, x, w, b: (*x[:-1], w[0]) if len(x) == 2 else None,
    "permute": lambda params, x: tuple([x[a] for a in params["axes"]]),
    "view": lambda params, x: tuple(params["shape"]),
    "expand": lambda params, x: tuple(params["shape"]),
    "slice": lambda params, x: _sliced_shape(params["index"], x),
    "slice_backward": lambda params, x: tuple(params["shape"]),
    "sum": _reduced,
    "mean": _reduced,
}


def aligned(index, shape):
    """The index of the element that broadcasting repeats at `index`."""
    tail = index[len(index) - len(shape) :]
    return tuple([0 if n == 1 else i for i, n in zip(tail, shape, strict=True)])


def element(tree, index, shapes, most=None):
    """The expression of the element at `index`; None where the index cannot be followed.

    Leaves are ["at", name, index]. A sum is ["terms", how many, *terms], of which at most `most`
    are written out.
    """
    if is_number(tree) or isinstance(tree, bool):
        return tree
    if isinstance(tree, str):
        shape = shapes.get(tree)
        return None if shape is None else ["at", tree, list(aligned(index, shape))]
    op, params, *parts = tree
    if op in ELEMENTWISE:
        return _each(op, params, parts, index, shapes, most)
    rule = RULES.get(op)
    return None if rule is None else rule(params, parts, index, shapes, most)


def element_of(tree, index, shapes, most=None):
    """`element` for an index of the whole message: None where shapes do not fit."""
    inner = shape_of(tree, shapes)
    if inner is None or len(inner) > len(index):
        return None
    return element(tree, aligned(index, inner), shapes, most)


def _each(op, params, parts, index, shapes, most):
    inner = []
    for part in parts:
        shape = shape_of(part, shapes)
        found = None if shape is None else element(part, aligned(index, shape), shapes, most)
        if found is None:
            return None
        inner.append(found)
    return [op, params, *inner]


def _picked(total, most):
    """Which of `total` terms are written out: all, or the first ones and the last."""
    if most is None or total <= most:
        return list(range(total))
    return [*range(most - 1), total - 1]


def _sum_of(make, total, most):
    terms = [make(k) for k in _picked(total, most)]
    return None if any(t is None for t in terms) else ["terms", total, *terms]


def _matrix_product(params, parts, index, shapes, most):
    x, y = parts
    x_shape, y_shape = shape_of(x, shapes), shape_of(y, shapes)
    if x_shape is None or y_shape is None or len(x_shape) != 2 or len(y_shape) != 2:
        return None
    row, column = index

    def term(k):
        a = element(x, (row, k), shapes, most)
        b = element(y, (k, column), shapes, most)
        return None if a is None or b is None else ["mul", None, a, b]

    return _sum_of(term, x_shape[1], most)


def _affine(params, parts, index, shapes, most):
    x, w, *bias = parts
    whole = _matrix_product(params, [x, ["permute", {"axes": [1, 0]}, w]], index, shapes, most)
    if whole is None or not bias:
        return whole
    return ["add", None, whole, ["at", bias[0], [index[-1]]]]


def _permuted(params, parts, index, shapes, most):
    inner = [0] * len(index)
    for place, axis in enumerate(params["axes"]):
        inner[axis] = index[place]
    return element(parts[0], tuple(inner), shapes, most)


def _viewed(params, parts, index, shapes, most):
    shape, inner = tuple(params["shape"]), shape_of(parts[0], shapes)
    if inner is None or math.prod(inner) == 0:
        return None
    if [n for n in shape if n != 1] == [n for n in inner if n != 1]:
        moving = iter([i for i, n in zip(index, shape, strict=True) if n != 1])
        return element(
            parts[0], tuple([0 if n == 1 else next(moving) for n in inner]), shapes, most
        )
    if any(isinstance(i, str) for i in index):
        return None
    flat = int(np.ravel_multi_index(index, shape)) if shape else 0
    return element(parts[0], tuple([int(i) for i in np.unravel_index(flat, inner)]), shapes, most)


def _expanded(params, parts, index, shapes, most):
    inner = shape_of(parts[0], shapes)
    return None if inner is None else element(parts[0], aligned(index, inner), shapes, most)


def _summed(params, parts, index, shapes, most):
    inner = shape_of(parts[0], shapes)
    if inner is None:
        return None
    axes = params["axes"]
    steps = list(product(*[range(inner[a]) for a in axes]))

    def term(k):
        kept = iter(index)
        if params["keepdims"]:
            full = [steps[k][axes.index(a)] if a in axes else index[a] for a in range(len(inner))]
        else:
            full = [steps[k][axes.index(a)] if a in axes else next(kept) for a in range(len(inner))]
        return element(parts[0], tuple(full), shapes, most)

    return _sum_of(term, len(steps), most)


def _averaged(params, parts, index, shapes, most):
    whole = _summed(params, parts, index, shapes, most)
    return None if whole is None else ["div", None, whole, whole[1]]


def _axes_of(index, shape):
    """For each axis: (start, step, length), with length None where one position is taken."""
    items = list(index)
    if "..." in items:
        place = items.index("...")
        missing = len(shape) - (len(items) - 1 - items.count(None))
        items[place : place + 1] = [{"slice": [None, None, None]}] * missing
    if None in items or not all(isinstance(i, (int, dict)) for i in items):
        return None
    items += [{"slice": [None, None, None]}] * (len(shape) - len(items))
    found = []
    for item, n in zip(items, shape, strict=True):
        if isinstance(item, int):
            found.append((item % n, 1, None))
        elif "slice" in item:
            start, stop, step = slice(*item["slice"]).indices(n)
            found.append((start, step, len(range(start, stop, step))))
        else:
            return None
    return found


def _sliced_shape(index, shape):
    axes = _axes_of(index, shape)
    return None if axes is None else tuple([n for _, _, n in axes if n is not None])


def _sliced(params, parts, index, shapes, most):
    inner = shape_of(parts[0], shapes)
    axes = None if inner is None else _axes_of(params["index"], inner)
    if axes is None or any(isinstance(i, str) for i in index):
        return None
    given = iter(index)
    full = [start if n is None else start + step * next(given) for start, step, n in axes]
    return element(parts[0], tuple(full), shapes, most)


def _embedded(params, parts, index, shapes, most):
    """The transpose of a slice: the element it was taken from gets the gradient, others zero."""
    axes = _axes_of(params["index"], params["shape"])
    if axes is None or any(isinstance(i, str) for i in index):
        return None
    inner = []
    for i, (start, step, n) in zip(index, axes, strict=True):
        place, rest = divmod(i - start, step)
        if rest or not 0 <= place < (1 if n is None else n):
            return 0
        if n is not None:
            inner.append(place)
    return element(parts[0], tuple(inner), shapes, most)


RULES = {
    "slice": _sliced, "slice_backward": _embedded,
    "mm": _matrix_product, "addmm": _affine, "permute": _permuted, "view": _viewed,
    "expand": _expanded, "sum": _summed, "mean": _averaged,
}  # fmt: skip


# --- with numbers -------------------------------------------------------------------------------


def numbers_of(expression, values, style):
    """The text of an element's expression with numbers put in; choices are made."""
    settled = settle(expression, values)
    return write(settled, style, lambda leaf: number(_shown(leaf, values), style))


def _look_up(leaf, values):
    return values[leaf[1]][tuple(leaf[2])].item()


def _shown(leaf, values):
    """The number as the document has it: 0.1 of float32 is 0.1."""
    return number_json(values[leaf[1]][tuple(leaf[2])])


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
    """The value of an element's expression, in double precision."""
    if not isinstance(tree, list):
        return tree
    if tree[0] == "at":
        return _look_up(tree, values)
    op, _, *parts = tree
    inner = [evaluate(part, values) for part in parts]
    with np.errstate(all="ignore"):
        return VALUES[op](*inner) if op in VALUES else math.nan


VALUES = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "neg": lambda x: -x,
    "mul": lambda *parts: math.prod(parts), "terms": lambda *parts: sum(parts),
    "div": lambda x, y: np.float64(x) / y, "pow": lambda x, y: np.float64(x) ** y,
    "eq": lambda x, y: x == y, "ne": lambda x, y: x != y, "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y, "gt": lambda x, y: x > y, "ge": lambda x, y: x >= y,
    "and": lambda x, y: bool(x) and bool(y), "or": lambda x, y: bool(x) or bool(y),
    "not": lambda x: not x, "bracket": lambda x: int(bool(x)),
    "where": lambda c, x, y: x if c else y, "exp": np.exp, "log": np.log, "abs": abs,
    "sign": np.sign, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tanh": np.tanh,
}  # fmt: skip


# --- with letters -------------------------------------------------------------------------------

LETTERS = "ijklmn"
SUMMED = "bkpqrs"


def lettered(tree, shape, shapes):
    """The expression of the element [i,j] of a message; None where no index can be followed."""
    inner = shape_of(tree, shapes)
    if inner is None or len(inner) > len(shape) or len(shape) > len(LETTERS):
        return None
    index = tuple([0 if n == 1 else LETTERS[i] for i, n in enumerate(shape)])
    return _lettered(tree, aligned(index, inner), shapes, iter(SUMMED))


def _lettered(tree, index, shapes, free):
    """`element` with one letter, not many terms, for each sum."""
    if not isinstance(tree, list):
        return element(tree, index, shapes)
    op, params, *parts = tree
    if op in ELEMENTWISE:
        inner = []
        for part in parts:
            shape = shape_of(part, shapes)
            found = None if shape is None else _lettered(part, aligned(index, shape), shapes, free)
            if found is None:
                return None
            inner.append(found)
        return [op, params, *inner]
    if op == "mm":
        letter = next(free)
        x = _lettered(parts[0], (index[0], letter), shapes, free)
        y = _lettered(parts[1], (letter, index[1]), shapes, free)
        return None if x is None or y is None else ["sigma", letter, ["mul", None, x, y]]
    if op == "sum":
        return _lettered_sum(params, parts, index, shapes, free)
    if op == "permute":
        inner = [0] * len(index)
        for place, axis in enumerate(params["axes"]):
            inner[axis] = index[place]
        return _lettered(parts[0], tuple(inner), shapes, free)
    if op == "expand":
        shape = shape_of(parts[0], shapes)
        return None if shape is None else _lettered(parts[0], aligned(index, shape), shapes, free)
    if op == "view":
        return _lettered_view(params, parts, index, shapes, free)
    return None


def _lettered_view(params, parts, index, shapes, free):
    shape, inner = tuple(params["shape"]), shape_of(parts[0], shapes)
    if inner is None or [n for n in shape if n != 1] != [n for n in inner if n != 1]:
        return None
    moving = iter([i for i, n in zip(index, shape, strict=True) if n != 1])
    return _lettered(parts[0], tuple([0 if n == 1 else next(moving) for n in inner]), shapes, free)


def _lettered_sum(params, parts, index, shapes, free):
    inner = shape_of(parts[0], shapes)
    if inner is None:
        return None
    letters, full, kept = [], [], iter(index)
    for axis, n in enumerate(inner):
        if axis not in params["axes"]:
            full.append(index[axis] if params["keepdims"] else next(kept))
        elif n == 1:
            full.append(0)
        else:
            letters.append(next(free))
            full.append(letters[-1])
    body = _lettered(parts[0], tuple(full), shapes, free)
    if body is None or not letters:
        return body
    return ["sigma", ",".join(letters), body]
