"""One element of a formula: `dL/dW[i,j] = Σ_b x[b,i]·g[b,j]` with indices, or with numbers.

`element(tree, index, shapes)` follows an index through matrix products, transposes, sums and views
down to the elements of the inputs; `letters.py` does the same with letters.
"""

import math
from itertools import product

import numpy as np

from ..lazy import lazy_module
from .notation import number, write
from .simplify import is_number
from .values import number_json

__all__ = ["ELEMENTWISE", "aligned", "axes_of", "element_of", "evaluate", "followed",
           "numbers_of", "shape_of", "sum_of"]  # fmt: skip


special = lazy_module("scipy.special")

ELEMENTWISE = frozenset(
    "add sub mul div neg pow reciprocal maximum minimum relu abs sqrt rsqrt exp exp2 "
    "expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh "
    "atanh atan2 hypot sigmoid erf erfc erfinv lgamma digamma sign where clamp gelu silu "
    "softplus leaky_relu elu hardtanh bracket eq ne lt le gt ge and or not floor ceil "
    "trunc round remainder fmod square bitwise_and bitwise_or logical_not logical_and "
    "logical_or to_copy conj real imag".split()
)


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


def _product_shape(params, x, y):
    if len(x) < 2 or len(y) < 2:
        return None
    return (*np.broadcast_shapes(x[:-2], y[:-2]), x[-2], y[-1])


def _windows_shape(params, x, w, *bias):
    channels = w[0]
    return (x[0], channels, *params["size"])


def _spread_shape(params, x, w, *bias):
    return (x[0], w[1] * params["groups"], *params["size"])


def _kernel_shape(params, x, g):
    return (g[1], x[1] // params["groups"], *params["size"])


SHAPES = {
    "mm": _product_shape,
    "mv": lambda params, x, y: (x[0],) if len(x) == 2 else None,
    "dot": lambda params, x, y: (),
    "addmm": lambda params, x, w, *b: (*x[:-1], w[0]) if x else None,
    "linear": lambda params, *shapes: tuple(params["shape"]),
    "permute": lambda params, x: tuple([x[a] for a in params["axes"]]),
    "view": lambda params, x: tuple(params["shape"]),
    "expand": lambda params, x: tuple(params["shape"]),
    "slice": lambda params, x: _sliced_shape(params["index"], x),
    "slice_backward": lambda params, x: tuple(params["shape"]),
    "sum": _reduced,
    "mean": _reduced,
    "other_products": lambda params, x: x,
    "convolution": _windows_shape,
    "transposed_convolution": _spread_shape,
    "convolution_weight": _kernel_shape,
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


def followed(tree, shapes, shape):
    """Whether an index of an operation's result can be followed to the elements it is made of."""
    try:
        found = shape_of(tree, shapes)
        return found == shape and element(tree, (0,) * len(shape), shapes) is not None
    except (IndexError, KeyError, ValueError, TypeError):
        return False


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


def sum_of(make, total, most):
    terms = [make(k) for k in _picked(total, most)]
    return None if any(t is None for t in terms) else ["terms", total, *terms]


def _product(make_x, make_y, total, most):
    """Σ_k x_k·y_k."""

    def term(k):
        a, b = make_x(k), make_y(k)
        return None if a is None or b is None else ["mul", None, a, b]

    return sum_of(term, total, most)


def _matrix_product(params, parts, index, shapes, most):
    x, y = parts
    x_shape, y_shape = shape_of(x, shapes), shape_of(y, shapes)
    *lead, row, column = index
    left, right = aligned(lead, x_shape[:-2]), aligned(lead, y_shape[:-2])
    return _product(
        lambda k: element(x, (*left, row, k), shapes, most),
        lambda k: element(y, (*right, k, column), shapes, most),
        x_shape[-1], most,
    )  # fmt: skip


def _matrix_vector(params, parts, index, shapes, most):
    x, y = parts
    return _product(
        lambda k: element(x, (*index, k), shapes, most),
        lambda k: element(y, (k,), shapes, most),
        shape_of(y, shapes)[0], most,
    )  # fmt: skip


def _affine(params, parts, index, shapes, most):
    x, w, *bias = parts
    *row, column = index
    whole = _product(
        lambda k: element(x, (*row, k), shapes, most),
        lambda k: element(w, (column, k), shapes, most),
        shape_of(w, shapes)[1], most,
    )  # fmt: skip
    if whole is None or not bias:
        return whole
    return ["add", None, whole, element(bias[0], (column,), shapes, most)]


def _tabled(params, parts, index, shapes, most):
    """An operation that is given as a table (linear.py)."""
    flat = int(np.ravel_multi_index(index, params["shape"])) if index else 0
    source = params["from"][flat]
    sources = [s for s in (source if isinstance(source, list) else [source]) if s >= 0]
    weights = params["by"][flat] if "by" in params else [1] * len(sources)
    places = []
    for k in params["of"]:
        shape = shape_of(parts[k], shapes)
        places += [(parts[k], shape, n) for n in range(math.prod(shape))]

    def term(k):
        part, shape, place = places[sources[k]]
        index = tuple([int(i) for i in np.unravel_index(place, shape)]) if shape else ()
        found = element(part, index, shapes, most)
        return found if weights[k] == 1 or found is None else ["mul", None, weights[k], found]

    if len(sources) < 2:
        return term(0) if sources else 0
    return sum_of(term, len(sources), most)


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

    return sum_of(term, len(steps), most)


def _averaged(params, parts, index, shapes, most):
    whole = _summed(params, parts, index, shapes, most)
    return None if whole is None else ["div", None, whole, whole[1]]


def _others(params, parts, index, shapes, most):
    """The product of all other elements along an axis."""
    count, axis = shape_of(parts[0], shapes)[params["axis"]], params["axis"] % len(index)
    if most is not None and count > most:
        return None
    places = [(*index[:axis], k, *index[axis + 1 :]) for k in range(count) if k != index[axis]]
    factors = [element(parts[0], place, shapes, most) for place in places]
    if any(f is None for f in factors):
        return None
    return ["mul", None, *factors] if len(factors) > 1 else factors[0] if factors else 1


def axes_of(index, shape):
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
    axes = axes_of(index, shape)
    return None if axes is None else tuple([n for _, _, n in axes if n is not None])


def _sliced(params, parts, index, shapes, most):
    inner = shape_of(parts[0], shapes)
    axes = None if inner is None else axes_of(params["index"], inner)
    if axes is None or any(isinstance(i, str) for i in index):
        return None
    given = iter(index)
    full = [start if n is None else start + step * next(given) for start, step, n in axes]
    return element(parts[0], tuple(full), shapes, most)


def _embedded(params, parts, index, shapes, most):
    """The transpose of a slice: the element it was taken from gets the gradient, others zero."""
    axes = axes_of(params["index"], params["shape"])
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


# --- convolution: windows of x, weighted --------------------------------------------------------


def _spots(params, kernel, size, rank):
    """For each axis: (k, p) -> the position in x that weight k of window p meets, or None."""

    def place(k, p):
        found = []
        for a in range(rank):
            spot = p[a] * params["stride"][a] + k[a] * params["dilation"][a] - params["padding"][a]
            if not 0 <= spot < size[a]:
                return None
            found.append(spot)
        return tuple(found)

    return place


def _pairs(x, y, places, shapes, most):
    return _product(
        lambda k: element(x, places[k][0], shapes, most),
        lambda k: element(y, places[k][1], shapes, most),
        len(places), most,
    )  # fmt: skip


def _steps(shape):
    return product(*[range(n) for n in shape])


def _convolved(params, parts, index, shapes, most):
    x, w, *bias = parts
    x_shape, w_shape = shape_of(x, shapes), shape_of(w, shapes)
    image, channel, *p = index
    first = channel // (w_shape[0] // params["groups"]) * w_shape[1]
    spot = _spots(params, w_shape[2:], x_shape[2:], len(p))
    places = [
        ((image, first + c, *at), (channel, c, *k))
        for c in range(w_shape[1])
        for k in _steps(w_shape[2:])
        if (at := spot(k, p)) is not None
    ]
    whole = _pairs(x, w, places, shapes, most)
    if whole is None or not bias:
        return whole
    return ["add", None, whole, element(bias[0], (channel,), shapes, most)]


def _spread(params, parts, index, shapes, most):
    """The transpose by x: every window that a position lay in gives its share back."""
    g, w, *bias = parts
    g_shape, w_shape = shape_of(g, shapes), shape_of(w, shapes)
    image, channel, *q = index
    group, inner = divmod(channel, w_shape[1])
    outs = w_shape[0] // params["groups"]
    spot = _spots(params, w_shape[2:], params["size"], len(q))
    places = [
        ((image, o, *p), (o, inner, *k))
        for o in range(group * outs, (group + 1) * outs)
        for k in _steps(w_shape[2:])
        if (p := _window(params, q, k, g_shape[2:])) is not None and spot(k, p) == tuple(q)
    ]
    whole = _pairs(g, w, places, shapes, most)
    if whole is None or not bias:
        return whole
    return ["add", None, whole, element(bias[0], (channel,), shapes, most)]


def _window(params, q, k, size):
    """The window in which weight k meets position q; None where there is none."""
    found = []
    for a, n in enumerate(size):
        p, rest = divmod(
            q[a] + params["padding"][a] - k[a] * params["dilation"][a], params["stride"][a]
        )
        if rest or not 0 <= p < n:
            return None
        found.append(p)
    return tuple(found)


def _correlated(params, parts, index, shapes, most):
    """The transpose by the weight: Σ over images and windows."""
    x, g = parts
    x_shape, g_shape = shape_of(x, shapes), shape_of(g, shapes)
    channel, inner, *k = index
    inputs = x_shape[1] // params["groups"]
    first = channel // (g_shape[1] // params["groups"]) * inputs
    spot = _spots(params, k, x_shape[2:], len(k))
    places = [
        ((image, first + inner, *at), (image, channel, *p))
        for image in range(x_shape[0])
        for p in _steps(g_shape[2:])
        if (at := spot(k, p)) is not None
    ]
    return _pairs(x, g, places, shapes, most)


RULES = {
    "slice": _sliced, "slice_backward": _embedded, "linear": _tabled,
    "mm": _matrix_product, "mv": _matrix_vector, "addmm": _affine,
    "dot": lambda params, parts, index, shapes, most: _matrix_vector(
        params, parts, (), shapes, most),
    "other_products": _others, "permute": _permuted, "view": _viewed,
    "expand": _expanded, "sum": _summed, "mean": _averaged,
    "convolution": _convolved, "transposed_convolution": _spread,
    "convolution_weight": _correlated,
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
    """The value of an element's expression, in double precision; KeyError where it has none."""
    if not isinstance(tree, list):
        return tree
    if tree[0] == "at":
        return _look_up(tree, values)
    op, params, *parts = tree
    inner = [evaluate(part, values) for part in parts]
    with np.errstate(all="ignore"):
        return WITH_PARAMS[op](params, *inner) if op in WITH_PARAMS else VALUES[op](*inner)


def _clamped(params, x):
    low, high = params.get("low"), params.get("high")
    x = x if low is None else max(x, low)
    return x if high is None else min(x, high)


WITH_PARAMS = {"clamp": _clamped, "hardtanh": _clamped}
VALUES = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "neg": lambda x: -x,
    "mul": lambda *parts: math.prod(parts), "terms": lambda *parts: sum(parts),
    "div": np.true_divide, "pow": np.float_power, "square": lambda x: x * x,
    "reciprocal": lambda x: np.float64(1) / x, "rsqrt": lambda x: 1 / np.sqrt(x),
    "eq": lambda x, y: x == y, "ne": lambda x, y: x != y, "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y, "gt": lambda x, y: x > y, "ge": lambda x, y: x >= y,
    "and": lambda x, y: bool(x) and bool(y), "or": lambda x, y: bool(x) or bool(y),
    "conj": np.conj, "real": np.real, "imag": np.imag, "not": lambda x: not x,
    "bracket": lambda x: int(bool(x)), "to_copy": lambda x: x,
    "where": lambda c, x, y: x if c else y, "abs": abs, "maximum": np.maximum,
    "minimum": np.minimum, "relu": lambda x: np.maximum(x, 0), "round": np.round,
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
