"""The rule of every element of a message at once: `dL/dW[i,j] = Σ_b x[b,i]·g[b,j]`.

An index is 0, a letter, or a text made of letters, such as "2i+1". Read `lettered`.
"""

import math

from .elements import ELEMENTWISE, aligned, axes_of, shape_of

__all__ = ["lettered"]

LETTERS = "ijklmn"
SUMMED = "bkpqrstuvw"


def lettered(tree, shape, shapes):
    """The expression of the element [i,j] of a message; None where no index can be followed."""
    inner = shape_of(tree, shapes)
    if inner is None or len(inner) > len(shape) or len(shape) > len(LETTERS):
        return None
    index = tuple([0 if n == 1 else LETTERS[i] for i, n in enumerate(shape)])
    letters = Letters(LETTERS[: len(shape)])
    found = _follow(tree, aligned(index, inner), shapes, letters)
    return None if found is None else letters.settled(found)


class Letters:
    """The letters of sums, and which of them turned out to count through several axes."""

    def __init__(self, taken):
        self.free = iter([c for c in SUMMED if c not in taken])
        self.summed, self.split = set(), {}

    def next(self):
        letter = next(self.free, None)
        if letter is not None:
            self.summed.add(letter)
        return letter

    def parts(self, letter, shape):
        """The letters of the axes that a summed letter counts through; None if they differ."""
        if letter not in self.split:
            found = [0 if n == 1 else self.next() for n in shape]
            if None in found:
                return None
            self.split[letter] = (shape, found)
        known, found = self.split[letter]
        return found if known == shape else None

    def settled(self, tree):
        """The tree with the letters that were split replaced everywhere."""
        if not isinstance(tree, list):
            return tree
        if tree[0] == "at":
            index = [self._index(i) for i in tree[2]]
            return None if None in index else ["at", tree[1], index]
        if tree[0] == "sigma":
            letters = [x for letter in tree[1].split(",") for x in self._names(letter)]
            body = self.settled(tree[2])
            return None if body is None else ["sigma", ",".join(letters), body]
        parts = [self.settled(part) for part in tree[2:]]
        return None if any(part is None for part in parts) else [*tree[:2], *parts]

    def _names(self, letter):
        if letter not in self.split:
            return [letter]
        return [x for part in self.split[letter][1] if part for x in self._names(part)]

    def _index(self, index):
        if not isinstance(index, str) or index not in self.split:
            known = isinstance(index, int) or not any(letter in index for letter in self.split)
            return index if known else None
        shape, found = self.split[index]
        return self._index(merged(found, shape))


def is_plain(index):
    return isinstance(index, int) or len(index) == 1


def times(factor, index):
    if factor == 1:
        return index
    return f"{factor}{index}" if is_plain(index) else f"{factor}({index})"


def plus(*terms):
    """The text of a sum of indices and numbers."""
    number = sum(t for t in terms if isinstance(t, int))
    words = [t for t in terms if isinstance(t, str)]
    if not words:
        return number
    text = "+".join(words)
    return text if number == 0 else f"{text}+{number}" if number > 0 else f"{text}-{-number}"


def merged(index, shape):
    """The index along the one axis that several became."""
    terms = []
    for k, i in enumerate(index):
        factor = math.prod(shape[k + 1 :])
        terms.append(factor * i if isinstance(i, int) else times(factor, i))
    return plus(*terms)


def parted(index, shape):
    """The indices along the axes that one became."""
    if index == 0:
        return [0] * len(shape)
    found, bare = [], index if is_plain(index) else f"({index})"
    for k, n in enumerate(shape):
        step = math.prod(shape[k + 1 :])
        text = bare if step == 1 else f"⌊{index}/{step}⌋"
        wraps = math.prod(shape[:k]) > 1
        found.append(0 if n == 1 else f"{text} mod {n}" if wraps else text)
    return found


def _follow(tree, index, shapes, letters):
    if not isinstance(tree, list):
        if not isinstance(tree, str):
            return tree
        shape = shapes.get(tree)
        return None if shape is None else ["at", tree, list(aligned(index, shape))]
    op, params, *parts = tree
    if op in ELEMENTWISE:
        found = [_aligned(part, index, shapes, letters) for part in parts]
        return None if any(f is None for f in found) else [op, params, *found]
    rule = RULES.get(op)
    return None if rule is None else rule(params, parts, index, shapes, letters)


def _aligned(part, index, shapes, letters):
    shape = shape_of(part, shapes)
    if shape is None or len(shape) > len(index):
        return None
    return _follow(part, aligned(index, shape), shapes, letters)


def _sigma(names, x, y):
    names = [n for n in names if n]
    if x is None or y is None or None in names:
        return None
    body = ["mul", None, x, y]
    return ["sigma", ",".join(names), body] if names else body


def _matrix_product(params, parts, index, shapes, letters):
    x_shape, y_shape = [shape_of(part, shapes) for part in parts]
    *lead, row, column = index
    k = 0 if x_shape[-1] == 1 else letters.next()
    left, right = aligned(lead, x_shape[:-2]), aligned(lead, y_shape[:-2])
    x = _follow(parts[0], (*left, row, k), shapes, letters)
    return _sigma([k], x, _follow(parts[1], (*right, k, column), shapes, letters))


def _matrix_vector(params, parts, index, shapes, letters):
    k = 0 if shape_of(parts[1], shapes)[0] == 1 else letters.next()
    x = _follow(parts[0], (*index, k), shapes, letters)
    return _sigma([k], x, _follow(parts[1], (k,), shapes, letters))


def _affine(params, parts, index, shapes, letters):
    x, w, *bias = parts
    *row, column = index
    k = 0 if shape_of(w, shapes)[1] == 1 else letters.next()
    found = _sigma([k], _follow(x, (*row, k), shapes, letters),
                   _follow(w, (column, k), shapes, letters))  # fmt: skip
    if found is None or not bias:
        return found
    return ["add", None, found, _follow(bias[0], (column,), shapes, letters)]


def _permuted(params, parts, index, shapes, letters):
    inner = [0] * len(index)
    for place, axis in enumerate(params["axes"]):
        inner[axis] = index[place]
    return _follow(parts[0], tuple(inner), shapes, letters)


def _expanded(params, parts, index, shapes, letters):
    return _aligned(parts[0], index, shapes, letters)


def _summed(params, parts, index, shapes, letters):
    inner = shape_of(parts[0], shapes)
    if inner is None:
        return None
    names, full, kept = [], [], iter(index)
    for axis, n in enumerate(inner):
        if axis not in params["axes"]:
            full.append(index[axis] if params["keepdims"] else next(kept))
        else:
            if n != 1:
                names.append(letters.next())
            full.append(names[-1] if n != 1 else 0)
    body = _follow(parts[0], tuple(full), shapes, letters)
    if body is None or None in names or not names:
        return None if None in names else body
    return ["sigma", ",".join(names), body]


def _averaged(params, parts, index, shapes, letters):
    inner = shape_of(parts[0], shapes)
    whole = _summed(params, parts, index, shapes, letters)
    count = math.prod([inner[a] for a in params["axes"]]) if inner is not None else 0
    return None if whole is None else ["div", None, whole, count]


def _viewed(params, parts, index, shapes, letters):
    inner = shape_of(parts[0], shapes)
    blocks = None if inner is None else _blocks(tuple(params["shape"]), inner)
    if blocks is None:
        return None
    found, at = [], 0
    for outer_shape, inner_shape in blocks:
        given = index[at : at + len(outer_shape)]
        at += len(outer_shape)
        part = _block(given, outer_shape, inner_shape, letters)
        if part is None:
            return None
        found += part
    return _follow(parts[0], tuple(found), shapes, letters)


def _block(given, outer_shape, inner_shape, letters):
    if outer_shape == inner_shape:
        return list(given)
    if math.prod(outer_shape) == 1:
        return [0] * len(inner_shape)
    whole = merged(given, outer_shape)
    if sum(n != 1 for n in inner_shape) == 1:
        return [0 if n == 1 else whole for n in inner_shape]
    if whole in letters.summed:
        return letters.parts(whole, inner_shape)
    return parted(whole, inner_shape)


def _blocks(outer, inner):
    """The axes of two shapes of one size in groups that hold the same elements."""
    found, i, j = [], 0, 0
    if math.prod(outer) != math.prod(inner) or math.prod(outer) == 0:
        return None
    while i < len(outer) or j < len(inner):
        a, b = i + 1, j + 1
        while math.prod(outer[i:a]) != math.prod(inner[j:b]):
            if math.prod(outer[i:a]) < math.prod(inner[j:b]):
                a += 1
            else:
                b += 1
        a, b = min(a, len(outer)), min(b, len(inner))
        found.append((outer[i:a], inner[j:b]))
        i, j = a, b
    return found


def _sliced(params, parts, index, shapes, letters):
    inner = shape_of(parts[0], shapes)
    axes = None if inner is None else axes_of(params["index"], inner)
    if axes is None:
        return None
    given, full = iter(index), []
    for start, step, n in axes:
        i = 0 if n is None else next(given)
        full.append(plus(times(step, i), start) if isinstance(i, str) else start + step * i)
    return _follow(parts[0], tuple(full), shapes, letters)


def _embedded(params, parts, index, shapes, letters):
    axes = axes_of(params["index"], params["shape"])
    if axes is None or any(step != 1 for _, step, _ in axes):
        return None
    inner, said = [], []
    for i, (start, _, n), size in zip(index, axes, params["shape"], strict=True):
        if n is None:
            if size != 1:
                said.append(f"{i} = {start}")
            continue
        if n != size:
            said.append(f"{i} = {start}" if n == 1 else f"{start} ≤ {i} < {start + n}")
        inner.append(0 if n == 1 else i if isinstance(i, int) else plus(i, -start))
    body = _follow(parts[0], tuple(inner), shapes, letters)
    if body is None or not said:
        return body
    return ["mul", None, ["bracket", None, ["says", {"text": ", ".join(said)}]], body]


# --- convolution ----------------------------------------------------------------------------------


def _spot(params, axis, p, k):
    """Where weight k of window p lies: 2p+k-1."""
    stride, dilation = params["stride"][axis], params["dilation"][axis]
    terms = [stride * p if isinstance(p, int) else times(stride, p),
             dilation * k if isinstance(k, int) else times(dilation, k)]  # fmt: skip
    return plus(*terms, -params["padding"][axis])


def _named(shape, letters):
    return [0 if n == 1 else letters.next() for n in shape]


def _convolved(params, parts, index, shapes, letters):
    x, w, *bias = parts
    w_shape = shape_of(w, shapes)
    if w_shape is None or params["groups"] != 1:
        return None
    image, channel, *p = index
    c, *k = _named(w_shape[1:], letters)
    if None in (c, *k):
        return None
    at = [_spot(params, a, p[a], k[a]) for a in range(len(p))]
    found = _sigma([c, *k], _follow(x, (image, c, *at), shapes, letters),
                   _follow(w, (channel, c, *k), shapes, letters))  # fmt: skip
    if found is None or not bias:
        return found
    return ["add", None, found, _follow(bias[0], (channel,), shapes, letters)]


def _spread(params, parts, index, shapes, letters):
    g, w, *bias = parts
    w_shape, g_shape = shape_of(w, shapes), shape_of(g, shapes)
    if w_shape is None or g_shape is None or params["groups"] != 1:
        return None
    image, channel, *q = index
    o, *k = _named((w_shape[0], *w_shape[2:]), letters)
    if None in (o, *k):
        return None
    at = [_window(params, a, q[a], k[a]) for a in range(len(q))]
    found = _sigma([o, *k], _follow(g, (image, o, *at), shapes, letters),
                   _follow(w, (o, channel, *k), shapes, letters))  # fmt: skip
    if found is None or not bias:
        return found
    return ["add", None, found, _follow(bias[0], (channel,), shapes, letters)]


def _window(params, axis, q, k):
    """The window in which weight k meets position q: (i+1-k)/2."""
    stride, dilation = params["stride"][axis], params["dilation"][axis]
    back = -dilation * k if isinstance(k, int) else f"-{times(dilation, k)}"
    text = plus(q, params["padding"][axis])
    text = plus(text, back) if isinstance(back, int) else f"{text}{back}"
    return (
        text if stride == 1 else f"({text})/{stride}" if isinstance(text, str) else text // stride
    )


def _correlated(params, parts, index, shapes, letters):
    x, g = parts
    g_shape = shape_of(g, shapes)
    if g_shape is None or params["groups"] != 1:
        return None
    channel, inner, *k = index
    b, *p = _named((g_shape[0], *g_shape[2:]), letters)
    if None in (b, *p):
        return None
    at = [_spot(params, a, p[a], k[a]) for a in range(len(k))]
    return _sigma([b, *p], _follow(x, (b, inner, *at), shapes, letters),
                  _follow(g, (b, channel, *p), shapes, letters))  # fmt: skip


RULES = {
    "mm": _matrix_product, "mv": _matrix_vector, "addmm": _affine, "permute": _permuted,
    "dot": lambda params, parts, index, shapes, letters: _matrix_vector(
        params, parts, (), shapes, letters),
    "expand": _expanded, "sum": _summed, "mean": _averaged, "view": _viewed, "slice": _sliced,
    "slice_backward": _embedded, "convolution": _convolved, "transposed_convolution": _spread,
    "convolution_weight": _correlated,
}  # fmt: skip
