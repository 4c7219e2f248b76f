"""The rule of every element of a message at once: `dL/dW[i,j] = Σ_b x[b,i]·g[b,j]`.

The rules of rules.py are followed with letters for indices; what is written in the end is a tree
with indices as numbers, letters or texts such as "2i+1". Read `lettered`.
"""

import math
import re

from .elements import aligned, shape_of

__all__ = ["lettered", "letters_of", "unclashed"]

LETTERS = "ijklmn"
SUMMED = "bkpqrstuvw"
SPARE = "acfhyz"  # where tensors of the program have those names
ALONE = re.compile(r"(?<![a-z])[a-z](?![a-z])")
CONDITIONS = ("within", "same", "differ", "ordered")
OVER = ("sigma", "pi", "greatest", "least")  # what is over letters


class Unwritten(Exception):
    """An element for which no rule with letters can be written."""


def lettered(tree, shape, shapes):
    """The expression of the element [i,j] of a message; None where it cannot be written."""
    inner = shape_of(tree, shapes)
    names = letters_of(tree)
    if inner is None or len(inner) > len(shape) or len(shape) > len(names):
        return None
    index = tuple([0 if n == 1 else names[i] for i, n in enumerate(shape)])
    letters = Letters(names[: len(shape)], shapes)
    try:
        found = letters.followed(tree, aligned(index, inner))
        return letters.written(letters.parted(found))
    except Unwritten:
        return None


def letters_of(tree, labels=()):
    """The letters for the axes of what a tree stands for: without i beside the imaginary unit.

    None of them is the name of a tensor, which `labels` has.
    """
    imaginary = _mentions(tree, "cis") or _mentions(tree, "complex")
    others = _of_axes(labels)
    return "".join([others.get(c, c) for c in LETTERS[imaginary:]])


def _of_axes(labels):
    """Other letters for those of axes that are names of tensors."""
    clash, free = [c for c in LETTERS if c in labels], [c for c in SPARE if c not in labels]
    return dict(zip(clash, free, strict=False))


def _mentions(tree, op):
    return isinstance(tree, list) and (
        tree[:1] == [op] or any(_mentions(t, op) for t in _below(tree))
    )


def _below(tree):
    """The operands of a tree, and of the rule that it carries."""
    params = tree[1] if len(tree) > 1 and isinstance(tree[1], dict) else {}
    return [*tree[2:], params.get("rule")]


class Letters:
    """Follows letters through rules, and finds new ones for sums."""

    def __init__(self, taken, shapes):
        self.shapes = shapes
        self.free = iter([c for c in SUMMED if c not in taken])
        self.summed, self.sizes, self.closed = set(), {}, []

    def next(self, size):
        """A new letter; when all are used, one of the same size whose sum has ended."""
        letter = next(self.free, None)
        if letter is None:
            letter = next((name for name in self.closed if self.sizes[name] == size), None)
            if letter is None:
                raise Unwritten
            self.closed.remove(letter)
        self.summed.add(letter)
        self.sizes[letter] = size
        return letter

    def followed(self, tree, index):
        if not isinstance(tree, list):
            return ["at", tree, list(index)] if isinstance(tree, str) else tree
        op, params, *parts = tree
        if params is None or "shape" not in params:
            return [op, params, *[self._aligned(part, index) for part in parts]]
        if op == "linear":
            raise Unwritten  # a table has no letters
        if "rule" not in params:
            return ["at", tree, list(index)]
        if op == "part":
            parts = [*parts[0][2:], *parts[1:]]
        return self.applied(params["rule"], {f"o{a}": i for a, i in enumerate(index)}, parts)

    def _aligned(self, part, index):
        shape = shape_of(part, self.shapes)
        if shape is None or len(shape) > len(index):
            raise Unwritten
        return self.followed(part, aligned(index, shape))

    def applied(self, rule, known, parts):
        if not isinstance(rule, list):
            return rule
        kind, what, *rest = rule
        if kind == "of":
            operand = parts[what] if isinstance(what, int) else [
                *what[:2], *[parts[k] for k in what[2:]]]  # fmt: skip
            shape = shape_of(operand, self.shapes)
            if shape is None:
                raise Unwritten
            return self.followed(operand, aligned([put_in(i, known) for i in rest[0]], shape))
        if kind in OVER:
            known = {**known, **{name: self.next(n) if n != 1 else 0 for name, n in what}}
            names = [known[name] for name, n in what if n != 1]
            body = self.applied(rest[-1], known, parts)
            self.closed += [name for name in names if name not in self.closed]
            if kind == "pi":
                return ["pi", names, _conditions(rest[0], known), body] if names else body
            return [kind, names, body] if names else body
        if kind == "when":
            return ["when", _conditions(what, known), self.applied(rest[0], known, parts)]
        if kind == "index":
            return ["index", put_in(what, known)]
        return [kind, what, *[self.applied(part, known, parts) for part in rest]]

    # --- sums over axes that were joined --------------------------------------------------------

    def parted(self, tree):
        """Where a letter counts through several axes, one letter for each of them."""
        shapes = {}
        _digits(tree, self.summed, shapes)
        split = {letter: found.pop() for letter, found in shapes.items() if len(found) == 1}
        split = {
            letter: ["ravel", list(shape), *[0 if n == 1 else self.next(n) for n in shape]]
            for letter, shape in split.items()
        }
        return _split(tree, split) if split else tree

    # --- with indices as texts -----------------------------------------------------------------

    def written(self, tree):
        if not isinstance(tree, list):
            return tree
        kind = tree[0]
        if kind == "at":
            return ["at", tree[1], [text(i) for i in tree[2]]]
        if kind in OVER and kind != "pi":
            return [kind, self._counted(tree[1], tree[2]), self.written(tree[2])]
        if kind == "pi":
            said = [condition_text(*condition) for condition in tree[2]]
            return ["pi", ",".join(said) or self._counted(tree[1], tree[3]), self.written(tree[3])]
        if kind == "when":
            said = ", ".join([condition_text(*condition) for condition in tree[1]])
            condition = ["bracket", None, ["says", {"text": said}]]
            if tree[2] == 1:
                return condition
            return ["mul", None, condition, self.written(tree[2])]
        if kind == "index":
            return ["says", {"text": str(text(tree[1]))}]
        return [*tree[:2], *[self.written(part) for part in tree[2:]]]

    def _counted(self, names, body):
        """The letters of a sum; with its end each that is nowhere an index by itself."""
        alone = _alone(body)
        return ",".join([n if n in alone else f"{n}<{self.sizes[n]}" for n in names])


def _alone(tree):
    """The letters that are the whole index of some axis."""
    if not isinstance(tree, list):
        return set()
    if tree[:1] == ["at"]:
        return {i for i in tree[2] if isinstance(i, str)}
    return set().union(*[_alone(part) for part in tree])


def _conditions(conditions, known):
    return [[kind, *[put_in(i, known) for i in rest]] for kind, *rest in conditions]


def _digits(tree, summed, shapes):
    """For each summed letter, the shapes by which an index takes it apart."""
    if isinstance(tree, list):
        if tree[:1] == ["digit"] and isinstance(tree[3], str) and tree[3] in summed:
            shapes.setdefault(tree[3], set()).add(tuple(tree[1]))
        for part in tree:
            _digits(part, summed, shapes)


def _split(tree, split):
    if not isinstance(tree, list):
        return tree
    kind = tree[0] if tree else None
    if kind in OVER and kind != "pi":
        names = [x for name in tree[1] for x in (split[name][2:] if name in split else [name])]
        return [kind, [name for name in names if name], _split(tree[2], split)]
    if kind == "at":
        return ["at", tree[1], [_put_letters(i, split) for i in tree[2]]]
    if kind in ("when", "pi"):
        return [kind, *[_split(part, split) for part in tree[1:]]]
    if kind in CONDITIONS:
        return [kind, *[_put_letters(i, split) for i in tree[1:]]]
    if kind == "index":
        return ["index", _put_letters(tree[1], split)]
    return [_split(part, split) for part in tree]


def unclashed(tree, labels):
    """The same rule with other letters where a tensor of the program is called b, or i, too."""
    others = _of_axes(labels)
    clash = sorted(_counting(tree) & set(labels))
    taken = _mentioned(tree).union(labels, others.values())
    free = [c for c in SUMMED + SPARE if c not in taken]
    others.update(zip(clash, free, strict=False))
    return _renamed(tree, others) if others else tree


def _counting(tree):
    """The letters that sums of a written rule count through."""
    if not isinstance(tree, list) or tree[:1] == ["at"]:
        return set()
    own = set(ALONE.findall(tree[1])) if tree[0] in OVER else set()
    return own.union(*[_counting(part) for part in tree[2:]])


def _mentioned(tree):
    """All letters of a written rule."""
    if isinstance(tree, str):
        return set(ALONE.findall(tree))
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return set().union(*map(_mentioned, inner))


def _renamed(tree, names):
    if not isinstance(tree, list):
        return tree
    kind, what, *rest = tree

    def put(text):
        return ALONE.sub(lambda m: names.get(m[0], m[0]), text) if isinstance(text, str) else text

    if kind == "at":
        whole = _renamed(what, names) if isinstance(what, list) else what
        return [kind, whole, [put(i) for i in rest[0]]]
    if kind == "says":
        return [kind, {"text": put(what["text"])}]
    return [kind, put(what) if kind in OVER else what, *[_renamed(part, names) for part in rest]]


# --- indices -------------------------------------------------------------------------------------


def put_in(index, known):
    """An index of a rule with letters and numbers put in, made short."""
    if not isinstance(index, list):
        return known[index] if isinstance(index, str) else index
    kind, *rest = index
    if kind in ("ravel", "digit"):
        given = [rest[0], *([rest[1]] if kind == "digit" else [])]
        return short([kind, *given, *[put_in(i, known) for i in rest[len(given) :]]])
    return short([kind, *[put_in(i, known) for i in rest]])


def _put_letters(index, split):
    letters = {letter: split.get(letter, letter) for letter in _letters(index)}
    return put_in(index, letters)


def _letters(index):
    if isinstance(index, list):
        return set().union(*[_letters(i) for i in index[1:]])
    return {index} if isinstance(index, str) else set()


def short(index):
    """An equal index, with numbers counted together and joins that are parted again left out."""
    kind, *rest = index
    if kind == "+":
        terms = [t for r in rest for t in (r[1:] if isinstance(r, list) and r[0] == "+" else [r])]
        number = sum(t for t in terms if isinstance(t, int))
        terms = [t for t in terms if not isinstance(t, int)]
        if not terms:
            return number
        return (
            ["+", *terms, *([number] if number else [])] if len(terms) > 1 or number else terms[0]
        )
    if kind in ("*", "product"):
        numbers = math.prod([r for r in rest if isinstance(r, int)])
        others = [r for r in rest if not isinstance(r, int)]
        if numbers == 0 or not others:
            return numbers
        whole = others[0] if len(others) == 1 else ["product", *others]
        return whole if numbers == 1 else ["*", numbers, whole]
    if kind == "/":
        inner, step = rest
        if isinstance(inner, int) and inner % step == 0:
            return inner // step
        return inner if step == 1 else index
    if kind == "ravel":
        return _joined(*rest)
    if kind == "digit":
        return _taken_apart(*rest)
    return rest[0] % rest[1] if kind == "mod" and isinstance(rest[0], int) else index


def _joined(shape, *inner):
    if all(isinstance(i, int) for i in inner):
        place = 0
        for i, n in zip(inner, shape, strict=True):
            place = place * n + i
        return place
    open_axes = [i for i, n in zip(inner, shape, strict=True) if n != 1]
    if len(open_axes) == 1:
        return open_axes[0]
    digits = [i for i in inner if isinstance(i, list) and i[0] == "digit"]
    if len(digits) == len(open_axes) and all(d[1] == list(shape) and d[3] == digits[0][3]
                                             for d in digits):  # fmt: skip
        return digits[0][3]
    return ["ravel", list(shape), *inner]


def _taken_apart(shape, axis, inner):
    if shape[axis] == 1:
        return 0
    if isinstance(inner, int):
        return inner // math.prod(shape[axis + 1 :]) % shape[axis]
    if math.prod(shape) == shape[axis]:
        return inner
    if isinstance(inner, list) and inner[0] == "ravel" and list(inner[1]) == list(shape):
        return inner[2 + axis]
    return ["digit", list(shape), axis, inner]


# --- writing -----------------------------------------------------------------------------------


def condition_text(kind, *rest):
    values = [text(i) for i in rest]
    if kind == "differ":
        return f"{values[0]} ≠ {values[1]}"
    if kind == "same":
        return f"{values[0]} = {values[1]}"
    if kind == "ordered":
        return f"{values[0]} ≤ {values[1]}"
    index, low, high = values
    if isinstance(low, int) and isinstance(high, int) and high == low + 1:
        return f"{index} = {low}"
    return f"{low} ≤ {index} < {high}"


def text(index):
    """An index as people write it: 2i+1, ⌊i/4⌋, i mod 4."""
    if not isinstance(index, list):
        return index
    kind, *rest = index
    if kind == "+":
        return _sum_text([text(i) for i in rest])
    if kind == "*":
        return _times(rest[0], text(rest[1]))
    if kind == "product":
        return "·".join([bracketed(text(i)) for i in rest])
    if kind == "/":
        return f"({text(rest[0])})/{rest[1]}"
    if kind == "mod":
        return f"{bracketed(text(rest[0]))} mod {rest[1]}"
    if kind == "ravel":
        shape, *inner = rest
        weights = [math.prod(shape[k + 1 :]) for k in range(len(shape))]
        terms = [(w, i) for w, i in zip(weights, inner, strict=True) if i != 0]
        return _sum_text([w * i if isinstance(i, int) else _times(w, text(i)) for w, i in terms])
    shape, axis, inner = rest
    whole, step = str(text(inner)), math.prod(shape[axis + 1 :])
    part = bracketed(whole) if step == 1 else f"⌊{whole}/{step}⌋"
    return f"{part} mod {shape[axis]}" if math.prod(shape[:axis]) > 1 else part


def bracketed(word):
    word = str(word)
    return word if len(word) == 1 or word.isdigit() else f"({word})"


def _times(factor, word):
    if factor == 1:
        return word
    sign = "-" if factor == -1 else str(factor)
    return sign + bracketed(word)


def _sum_text(terms):
    """k+1-p: what is added first, then what is taken off."""
    number = sum(t for t in terms if isinstance(t, int))
    words = [t for t in terms if isinstance(t, str)]
    if not words:
        return number
    more = [t for t in words if t[0] != "-"] + [str(number)] * (number > 0)
    less = [t for t in words if t[0] == "-"] + [str(number)] * (number < 0)
    return "+".join(more) + "".join(less)
