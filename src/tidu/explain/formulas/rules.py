"""How an element of an operation's result is made of its operands' elements: one rule for each.

A rule is data, and the only place where this is said. `elements.py` and the page follow it with
numbers for indices, `letters.py` with letters. Read `rule_of`.
"""

import math
from itertools import permutations

__all__ = ["OTHERS", "rule_of", "rule_of_output"]


def rule_of(op, params, shapes, shape):
    """The rule of an operation on operands of these shapes; None where it has none.

    It is of the element at ["o0", "o1", ...]:

        ["of", k, index]               an element of operand k, or of an operation on operands
        ["sigma", letters, rule]       the sum over letters [["s0", size], ...]
        ["pi", letters, conditions, rule]   the product, where the conditions hold
        ["greatest", letters, rule], ["least", letters, rule]   the largest, the smallest of them
        ["when", conditions, rule]     the rule where they hold, else 0
        [operation, params, *rules]    numbers and operations on numbers

    An index is a number, a letter, or ["+", ...], ["*", factor, i], ["/", i, step], ["mod", i, n],
    ["product", i, j], ["ravel", shape, ...] (the place in memory) or ["digit", shape, axis, i] (its
    inverse). A term whose index lies outside its operand, or between two places, is left out.
    Conditions are ["within", i, low, high], ["same", i, j], ["differ", i, j] and ["ordered", i, j]
    (i ≤ j).
    """
    make = RULES.get(op)
    try:
        return None if make is None else make(params or {}, shapes, tuple(shape))
    except (IndexError, KeyError, TypeError, ValueError):
        return None  # called in a way that the rule does not know


def rule_of_output(op, place, params, shapes, shape):
    """The same of one of several outputs: of the one at `place`."""
    try:
        make = OUTPUTS.get(op)
        return None if make is None else make(place, params, shapes, tuple(shape))
    except (IndexError, KeyError, TypeError, ValueError):
        return None


def of(operand, *index):
    return ["of", operand, list(index)]


def outs(shape):
    """The letters of the element itself."""
    return [f"o{a}" for a in range(len(shape))]


def fit(index, shape):
    """The index into what broadcasting repeats."""
    tail = index[len(index) - len(shape) :]
    return [0 if n == 1 else i for i, n in zip(tail, shape, strict=True)]


def total(letters, rule):
    letters = [list(pair) for pair in letters]
    return ["sigma", letters, rule] if letters else rule


def times(*rules):
    return ["mul", None, *rules]


def biased(rule, shapes, place, *index):
    """The rule, and a bias that some calls have."""
    if len(shapes) <= place:
        return rule
    return ["add", None, rule, of(place, *fit(list(index), shapes[place]))]


def _reduced(params, x, shape):
    """The letters that a reduction runs over, and the index into its operand."""
    axes, given, index, letters = [a % len(x) for a in params["axes"]], iter(outs(shape)), [], []
    for a, n in enumerate(x):
        kept = next(given) if params["keepdims"] or a not in axes else None
        if a in axes:
            letters.append([f"s{len(letters)}", n])
            kept = letters[-1][0]
        index.append(kept)
    return letters, index


# --- products ----------------------------------------------------------------------------------


def _matrix_product(params, shapes, shape):
    x, y = shapes
    if len(x) < 2 or len(y) < 2:
        return None
    *lead, row, column = outs(shape)
    left, right = fit(lead, x[:-2]), fit(lead, y[:-2])
    return total([["s0", x[-1]]],
                 times(of(0, *left, row, "s0"), of(1, *right, "s0", column)))  # fmt: skip


def _matrix_vector(params, shapes, shape):
    return total([["s0", shapes[1][0]]], times(of(0, *outs(shape), "s0"), of(1, "s0")))


def _affine(params, shapes, shape):
    *row, column = outs(shape)
    whole = total([["s0", shapes[1][1]]], times(of(0, *row, "s0"), of(1, column, "s0")))
    return biased(whole, shapes, 2, *row, column)


def _solved(operation):
    """inv(a) @ b, by the elements of the inverse."""

    def make(params, shapes, shape):
        a, b = shapes
        *lead, row, column = outs(shape)
        inverse = [operation, {**params, "shape": list(a)}, 0]
        left, right = fit(lead, a[:-2]), fit(lead, b[:-2])
        return total([["s0", a[-1]]],
                     times(of(inverse, *left, row, "s0"), of(1, *right, "s0", column)))  # fmt: skip

    return make


def _determinant(params, shapes, shape):
    """Leibniz's sum over permutations, of up to three rows."""
    n, lead = shapes[0][-1], outs(shape)
    if not 0 < n <= 3:
        return None
    whole = None
    for order in sorted(permutations(range(n)), key=_inversions):
        factors = [of(0, *lead, i, j) for i, j in enumerate(order)]
        term = times(*factors) if n > 1 else factors[0]
        sign = "sub" if _inversions(order) else "add"
        whole = term if whole is None else [sign, None, whole, term]
    return whole


def _inversions(order):
    """Even permutations first: 0 for them, 1 for odd ones."""
    return sum(a > b for k, b in enumerate(order) for a in order[:k]) % 2


def _product(params, shapes, shape):
    letters, index = _reduced(params, shapes[0], shape)
    return ["pi", letters, [], of(0, *index)]


def _other_products(params, shapes, shape):
    """All factors but one; along a direction, the sum over those that it replaces."""
    index, axis, n = outs(shape), params["axis"] % len(shape), shapes[0][params["axis"]]
    moved = [f"s{k}" for k in range(len(shapes) - 1)]

    def at(operand, letter):
        return of(operand, *fit([*index[:axis], letter, *index[axis + 1 :]], shapes[operand]))

    taken = [index[axis], *moved]
    rest = ["pi", [["s9", n]], [["differ", "s9", i] for i in taken], at(0, "s9")]
    if not moved:
        return rest
    apart = [["differ", b, a] for k, b in enumerate(taken) for a in taken[:k]]
    factors = [at(k + 1, letter) for k, letter in enumerate(moved)]
    return total([[letter, n] for letter in moved], ["when", apart, times(*factors, rest)])


# --- sums ----------------------------------------------------------------------------------------


def _sum(params, shapes, shape):
    letters, index = _reduced(params, shapes[0], shape)
    return total(letters, of(0, *index))


def _mean(params, shapes, shape):
    count = math.prod([shapes[0][a] for a in params["axes"]])
    return ["div", None, _sum(params, shapes, shape), count]


def _running_sum(params, shapes, shape):
    index, axis = outs(shape), params["axis"] % len(shape)
    inner = [*index[:axis], "s0", *index[axis + 1 :]]
    return total([["s0", shape[axis]]], ["when", [["ordered", "s0", index[axis]]], of(0, *inner)])


def _softmax(params, shapes, shape):
    terms, own = _exponentials(params, shape)
    return ["div", None, ["exp", None, own], terms]


def _log_softmax(params, shapes, shape):
    terms, own = _exponentials(params, shape)
    return ["sub", None, own, ["log", None, terms]]


def _exponentials(params, shape):
    """The sum of all exponentials along an axis, and the element itself."""
    index, axis = outs(shape), params["axis"] % len(shape)
    inner = of(0, *index[:axis], "s0", *index[axis + 1 :])
    return total([["s0", shape[axis]]], ["exp", None, inner]), of(0, *index)


def _running_log(params, shapes, shape):
    index, axis = outs(shape), params["axis"] % len(shape)
    inner = ["exp", None, of(0, *index[:axis], "s0", *index[axis + 1 :])]
    return ["log", None, total([["s0", shape[axis]]],
                               ["when", [["ordered", "s0", index[axis]]], inner])]  # fmt: skip


def _squared_error(params, shapes, shape):
    x, y = shapes
    if x != y:
        return None
    letters = [[f"s{a}", n] for a, n in enumerate(x)]
    index = [name for name, _ in letters]
    square = ["square", None, ["sub", None, of(0, *index), of(1, *index)]]
    return ["div", None, total(letters, square), math.prod(x)]


def _norm(params, shapes, shape):
    letters, index = _reduced(params, shapes[0], shape)
    return ["sqrt", None, total(letters, ["square", None, ["abs", None, of(0, *index)]])]


def _variance(params, shapes, shape):
    letters, index = _reduced(params, shapes[0], shape)
    count, moved = (
        math.prod([n for _, n in letters]),
        {name: f"s{k}" for k, (name, _) in enumerate(letters, len(shapes[0]))},
    )
    inner = total([[moved[name], n] for name, n in letters],
                  of(0, *[moved.get(i, i) for i in index]))  # fmt: skip
    off = ["sub", None, of(0, *index), ["div", None, inner, count]]
    return ["div", None, total(letters, ["square", None, off]), params["free"]]


def _extreme(kind):
    def make(params, shapes, shape):
        letters, index = _reduced(params, shapes[0], shape)
        return [kind, letters, of(0, *index)] if letters else of(0, *index)

    return make


def _window(params, shapes, shape):
    """The largest element of each window; what lies in the padding is left out."""
    rank = len(params["kernel"])
    lead, p = outs(shape)[:-rank], outs(shape)[-rank:]
    k = [f"s{a}" for a in range(rank)]
    at = [_spot(params, a, p[a], k[a]) for a in range(rank)]
    return ["greatest", [list(pair) for pair in zip(k, params["kernel"], strict=True)],
            of(0, *lead, *at)]  # fmt: skip


def _normalized(place, params, shapes, shape):
    """Of (y, x̂, mean, variance), by the mean and the variance themselves, `OTHERS`."""
    x, axes = shapes[0], params["axes"]
    count = math.prod([x[a] for a in axes])
    least = [1 if a in axes else n for a, n in enumerate(x)]

    def centred(index):
        mean = of(len(shapes), *fit(index, least))
        return ["sub", None, of(0, *index), mean] if params["centred"] else of(0, *index)

    if place > 1:
        letters = [[f"s{a}", x[a]] for a in axes]
        index = [f"s{a}" if a in axes else i for a, i in enumerate(outs(x))]
        inner = of(0, *index) if place == 2 else ["square", None, centred(index)]
        if place == 2 and not params["centred"]:
            return 0
        return ["div", None, total(letters, inner), count]
    index = outs(x)
    variance = of(len(shapes) + 1, *fit(index, least))
    rule = ["div", None, centred(index), ["sqrt", None, ["add", None, variance, params["eps"]]]]
    if place == 0 and params["scaled"]:
        rule = times(rule, of(1, *fit(index, shapes[1])))
    if place == 0 and params["shifted"]:
        rule = ["add", None, rule, of(len(shapes) - 1, *fit(index, shapes[-1]))]
    return rule


# --- moving elements ---------------------------------------------------------------------------


def _permuted(params, shapes, shape):
    index, inner = outs(shape), [0] * len(shape)
    for place, axis in enumerate(params["axes"]):
        inner[axis] = index[place]
    return of(0, *inner)


def _expanded(params, shapes, shape):
    return of(0, *fit(outs(shape), shapes[0]))


def _viewed(params, shapes, shape):
    """The same place in memory: axes that were joined or parted, block by block."""
    index, inner = outs(shape), []
    if math.prod(shape) == 0:
        return None
    for (start, stop), old in _blocks(shape, shapes[0]):
        given, new = index[start:stop], shape[start:stop]
        if new == old:
            inner += given
        else:
            place = ["ravel", list(new), *given]
            inner += [["digit", list(old), axis, place] for axis in range(len(old))]
    return of(0, *inner)


def _blocks(outer, inner):
    """The axes of two shapes of one size in groups that hold the same elements."""
    found, i, j = [], 0, 0
    while i < len(outer) or j < len(inner):
        a, b = i + 1, j + 1
        while math.prod(outer[i:a]) != math.prod(inner[j:b]):
            if math.prod(outer[i:a]) < math.prod(inner[j:b]):
                a += 1
            else:
                b += 1
        a, b = min(a, len(outer)), min(b, len(inner))
        found.append(((i, a), inner[j:b]))
        i, j = a, b
    return found


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
        else:
            start, stop, step = slice(*item["slice"]).indices(n)
            found.append((start, step, len(range(start, stop, step))))
    return found


def _sliced(params, shapes, shape):
    (x,) = shapes
    axes, given = axes_of(params["index"], x), iter(outs(shape))
    if axes is None:
        return None
    return of(0, *[start if n is None else ["+", ["*", step, next(given)], start]
                   for start, step, n in axes])  # fmt: skip


def _embedded(params, shapes, shape):
    """The transpose of a slice: the element it was taken from gets the gradient, others zero."""
    axes = axes_of(params["index"], shape)
    if axes is None:
        return None
    inner, said = [], []
    for i, (start, step, n), size in zip(outs(shape), axes, shape, strict=True):
        if (n or 1) != size and (abs(step) == 1 or n is None):
            last = start + step * ((n or 1) - 1)
            said.append(["within", i, min(start, last), max(start, last) + 1])
        if n is not None:
            inner.append(["/", ["+", i, -start], step])
    return ["when", said, of(0, *inner)] if said else of(0, *inner)


def _flipped(params, shapes, shape):
    axes = [a % len(shape) for a in params["axes"]]
    return of(0, *[["+", n - 1, ["*", -1, i]] if a in axes else i
                   for a, (i, n) in enumerate(zip(outs(shape), shape, strict=True))])  # fmt: skip


def _rolled(params, shapes, shape):
    index = outs(shape)
    for shift, axis in zip(params["shifts"], params["axes"], strict=True):
        n = shape[axis]
        index[axis] = ["mod", ["+", index[axis], -shift % n], n]
    return of(0, *index)


def _diagonal(params, shapes, shape):
    *lead, i = outs(shape)
    offset = params["offset"]
    return of(0, *lead, ["+", i, max(-offset, 0)], ["+", i, max(offset, 0)])


def _on_diagonal(params, shapes, shape):
    *lead, i, j = outs(shape)
    place, offset = ["+", i, min(params["offset"], 0)], params["offset"]
    same = ["within", ["+", j, ["*", -1, i]], offset, offset + 1]
    return ["when", [same], of(0, *lead, place)]


# --- convolution: windows of x, weighted ---------------------------------------------------------


def _spot(params, axis, p, k):
    """Where weight k of window p lies: 2p+k-1."""
    stride, dilation = params["stride"][axis], params["dilation"][axis]
    return ["+", ["*", stride, p], ["*", dilation, k], -params["padding"][axis]]


def _in_group(channel, groups, size, inner, width):
    """The channel `inner` of those, `width` in number, that belong to the group of `channel`."""
    if groups == 1:
        return inner
    group = ["digit", [groups, size // groups], 0, channel]
    return ["+", ["*", width, group], inner]


def _convolved(params, shapes, shape):
    w = shapes[1]
    image, channel, *p = outs(shape)
    k = [f"s{a + 1}" for a in range(len(p))]
    source = _in_group(channel, params["groups"], w[0], "s0", w[1])
    at = [_spot(params, a, p[a], k[a]) for a in range(len(p))]
    whole = total(zip(["s0", *k], w[1:], strict=True),
                  times(of(0, image, source, *at), of(1, channel, "s0", *k)))  # fmt: skip
    return whole if len(shapes) < 3 else ["add", None, whole, of(2, channel)]


def _spread(params, shapes, shape):
    """The transpose by x: every window that a position lay in gives its share back."""
    w, groups = shapes[1], params["groups"]
    image, channel, *q = outs(shape)
    k = [f"s{a + 1}" for a in range(len(q))]
    source = _in_group(channel, groups, shape[1], "s0", w[0] // groups)
    inner = channel if groups == 1 else ["digit", [groups, w[1]], 1, channel]
    at = []
    for a in range(len(q)):
        back = ["*", -params["dilation"][a], k[a]]
        at.append(["/", ["+", q[a], params["padding"][a], back], params["stride"][a]])
    whole = total(zip(["s0", *k], (w[0] // groups, *w[2:]), strict=True),
                  times(of(0, image, source, *at), of(1, source, inner, *k)))  # fmt: skip
    return whole if len(shapes) < 3 else ["add", None, whole, of(2, channel)]


def _correlated(params, shapes, shape):
    """The transpose by the weight: a sum over images and windows."""
    g = shapes[1]
    channel, inner, *k = outs(shape)
    p = [f"s{a + 1}" for a in range(len(k))]
    source = _in_group(channel, params["groups"], g[1], inner, shape[1])
    at = [_spot(params, a, p[a], k[a]) for a in range(len(k))]
    return total(zip(["s0", *p], (g[0], *g[2:]), strict=True),
                 times(of(0, "s0", source, *at), of(1, "s0", channel, *p)))  # fmt: skip


# --- complex numbers ---------------------------------------------------------------------------


def _as_complex(params, shapes, shape):
    parts = [of(0, *outs(shape), k) for k in (0, 1)]
    return ["complex", None, *parts]


def _as_real(params, shapes, shape):
    *lead, part = outs(shape)
    whole = of(0, *lead)
    return ["add", None, ["when", [["within", part, 0, 1]], ["real", None, whole]],
            ["when", [["within", part, 1, 2]], ["imag", None, whole]]]  # fmt: skip


def _transformed(params, shapes, shape):
    """Σ x·e^(∓2πi·jk/n)."""
    index, axis = outs(shape), params["axis"] % len(shape)
    n = shapes[0][axis]
    sign = 1 if params.get("inverse") else -1
    turn = ["cis", {"of": n}, ["index", ["*", sign, ["product", index[axis], "s0"]]]]
    inner = of(0, *index[:axis], "s0", *index[axis + 1 :])
    return _scaled(params, total([["s0", n]], times(inner, turn)))


def _transformed_back(params, shapes, shape):
    """Half of the frequencies; each but the first and the middle one stands for two."""
    index, axis, n = outs(shape), params["axis"] % len(shape), params["n"]

    def part(k, weight):
        turn = ["cis", {"of": n}, ["index", ["product", index[axis], k]]]
        found = ["real", None, times(of(0, *index[:axis], k, *index[axis + 1 :]), turn)]
        return found if weight == 1 else times(weight, found)

    last = (n - 1) // 2
    whole = [part(0, 1)]
    if last:
        inside = total([["s0", last]], part(["+", "s0", 1], 2))
        whole.append(inside)
    if n % 2 == 0:
        whole.append(part(n // 2, 1))
    return _scaled(params, ["add", None, *whole] if len(whole) > 1 else whole[0])


def _scaled(params, rule):
    return rule if params["scale"] == 1 else times(params["scale"], rule)


RULES = {
    "mm": _matrix_product, "mv": _matrix_vector, "dot": _matrix_vector, "addmm": _affine,
    "linear_product": _affine,
    "linalg_solve_ex": _solved("linalg_inv_ex"),
    "linalg_solve_triangular": _solved("inverse_triangular"),
    "linalg_det": _determinant,
    "prod": _product, "other_products": _other_products,
    "sum": _sum, "mean": _mean, "cumsum": _running_sum, "logcumsumexp": _running_log,
    "softmax": _softmax, "log_softmax": _log_softmax, "mse_loss": _squared_error,
    "linalg_vector_norm": _norm, "var": _variance, "max_pool": _window,
    "amax": _extreme("greatest"), "max": _extreme("greatest"),
    "amin": _extreme("least"), "min": _extreme("least"),
    "permute": _permuted, "expand": _expanded, "view": _viewed, "slice": _sliced,
    "slice_backward": _embedded, "flip": _flipped, "roll": _rolled, "diagonal": _diagonal,
    "diagonal_backward": _on_diagonal,
    "convolution": _convolved, "transposed_convolution": _spread,
    "convolution_weight": _correlated,
    "view_as_complex": _as_complex, "view_as_real": _as_real,
    "fft_c2c": _transformed, "fft_r2c": _transformed, "fft_c2r": _transformed_back,
}  # fmt: skip
OUTPUTS = {"normalize": _normalized}
OTHERS = {"normalize": ["out2", "out3"]}  # outputs that the rules of the others mention
