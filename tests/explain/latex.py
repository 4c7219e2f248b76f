r"""LaTeX as SymPy reads it, with numbers; it shares nothing with what writes formulas.

SymPy reads what stands between numbers and names. Sums over letters, elements x[b,2i+1] and
conditions in brackets are taken out before, by the meaning that mathematics gives them; so a form
is parsed once, whatever its numbers are. Read `value_of`.
"""

import re
from functools import cache

import numpy as np
from latex_parts import CASES, group, listed, opening, product_end, terms

__all__ = ["value_of", "values_of"]

# Words that SymPy does not read in LaTeX, and letters it takes for functions.
WORDS = {
    r"\mathrm{round}": r"\nu", r"\mathrm{trunc}": r"\xi", r"\mathrm{atan2}": r"\theta",
    r"\mathrm{arcosh}": r"\zeta",
    r"\mathrm{arsinh}": r"\eta", r"\mathrm{artanh}": r"\mu", r"\mathrm{erfc}": r"\iota",
    r"\mathrm{sign}": r"\alpha", r"\mathrm{erf}": r"\beta", r"\psi^{(1)}": r"\phi",
    r"\mathrm{Re}": r"\rho", r"\mathrm{Im}": r"\tau", r"\left|": r"\kappa(", r"\right|": ")",
    r"\,": " ", r"\left": "", r"\right": "",
}  # fmt: skip
NUMBER = re.compile(
    r"(\(-)?(?:(?<![A-Za-z\d._])(?<!_\{)\d+(?:\.\d+)?(?: \\times 10\^\{-?\d+\})?"
    r"|\\infty|\\mathrm\{(?:nan|True|False)\})(?(1)\))"
)
NUMBERS = {r"\infty": "inf", r"\mathrm{nan}": "nan", r"\mathrm{True}": "1",
           r"\mathrm{False}": "0", r" \times 10^{": "e"}  # fmt: skip
SIGNS = {r"\neq": np.not_equal, r"\leq": np.less_equal, r"\geq": np.greater_equal,
         "<": np.less, ">": np.greater, "=": np.equal}  # fmt: skip
PRODUCT = r" \mathbin{@} "
REMAINDER = re.compile(r"\(?(n_\{\d+\})\)? \\bmod \(?(n_\{\d+\})\)?")
SUM = re.compile(r"\\(sum|prod|max|min)_\{(?!\\mathrm)")
DIM = r"(?:_\{\\mathrm\{dim\}\\ ([\d, -]+)\})?"
WHOLE_SUM = re.compile(rf"\\(sum|prod){DIM} ")
CALL = re.compile(
    r"(?:\\mathrm\{(mean|softmax|flip|cumsum|logcumsumexp|roll|permute|tri[ul]|diag|diagonal)\}"
    rf"|\\(max|min|det)){DIM}\("
)
IDENTITY = re.compile(r"\\mathrm\{I\}_\{(\d+)\}")
ADJOINT = re.compile(r"(\([^()]*\)|n_\{\d+\})\^\{(\\top|\*)\}")
SERIES = re.compile(r"\\sum_\{k=0\}\^\{\\infty\} \\frac\{(.*?)\^\{k\}\}\{k!\}")
NORM = re.compile(rf"\\lVert (.*?) \\rVert{DIM}")
LETTER = re.compile(r"(?<![A-Za-z\\])[abcfhj-wyz](?![A-Za-z_])")  # i is the imaginary unit
SLOTS = "#"  # as a letter: the numbers of many formulas of one form
NOTHING = ""  # as a letter: what stands for an element outside its array
MOVES = ("roll", "permute", "triu", "tril")  # calls with a setting behind the operand


def value_of(tex, arrays=None, letters=None):
    """The value of a formula. `arrays`: name as LaTeX -> array; `letters`: letter -> values."""
    arrays = {_plain(name): array for name, array in (arrays or {}).items()}
    return Formula(_plain(tex), arrays, []).at(letters or {})


def values_of(texts):
    """The values of many formulas with numbers, and the sizes of what each of them adds up.

    They are sums of terms; terms that differ in their numbers alone are read once.
    """
    forms, found, sizes = {}, np.zeros(len(texts), complex), np.zeros(len(texts))
    for k, text in enumerate(texts):
        for sign, term in terms(_plain(text)):
            numbers = []

            def number(match, numbers=numbers):
                numbers.append(_number(match[0]))
                place = f"n_{{{len(numbers) - 1}}}"
                return f"({place})" if match[0][0] == "(" else place

            forms.setdefault(NUMBER.sub(number, term), []).append((k, sign, numbers))
    for form, members in forms.items():
        where, signs = np.array([(k, sign) for k, sign, _ in members]).T
        columns = np.array([numbers for *_, numbers in members]).T
        values = Formula(form, {}, [Slot(k) for k in range(len(columns))]).at({SLOTS: columns})
        with np.errstate(invalid="ignore"):
            np.add.at(found, where, signs * np.broadcast_to(values, len(members)))
            np.add.at(sizes, where, np.abs(np.broadcast_to(values, len(members))))
    return found, sizes


def _plain(tex):
    """In words that SymPy reads."""
    for word, letter in WORDS.items():
        tex = tex.replace(word, letter)
    tex = re.sub(r"\\ln\|\\Gamma\((.*)\)\|", r"\\omega(\1)", tex)
    tex = re.sub(r"(\d)i\b", r"\1 \\cdot i", tex)
    while r"\overline{" in tex:
        tex = _without_bar(tex)
    return tex


class Formula:
    """A formula or a part of one: its text, with n_{3} for what stands at place 3."""

    def __init__(self, tex, arrays, places):
        self.arrays, self.places = arrays, places
        found = terms(tex)
        if len(found) > 1:  # SymPy reads them one by one
            parts = [(sign, Formula(t, arrays, places)) for sign, t in found]
            self.text = self.place(Added(parts))
        else:
            self.text = self.opened(tex)

    def place(self, part):
        self.places.append(part)
        return rf"n_{{{len(self.places) - 1}}}"

    def opened(self, tex):
        for name in sorted(self.arrays, key=len, reverse=True):
            tex = self.with_names(tex, name)
        tex = self.with_matrices(tex)
        tex = self.with_calls(tex)
        while found := ADJOINT.search(tex):
            part = Turned(Formula(found[1].strip("()"), self.arrays, self.places), found[2] == "*")
            tex = tex[: found.start()] + self.place(part) + tex[found.end() :]
        while PRODUCT in tex:
            tex = self.with_product(tex)
        while found := list(SUM.finditer(tex)):  # the innermost is the last
            tex = self.with_sum(tex, found[-1])
        while CASES[0] in tex:
            start = tex.rindex(CASES[0])
            stop = tex.index(CASES[1], start)
            part = Cases(tex[start + len(CASES[0]) : stop], self)
            tex = tex[:start] + self.place(part) + tex[stop + len(CASES[1]) :]
        while "[" in tex:
            start = tex.rindex("[")
            said, end = group(tex, start)
            tex = tex[:start] + self.place(Condition(said, self)) + tex[end:]
        for start in [k for k, c in enumerate(tex) if c in "({"][::-1]:
            inner, end = group(tex, start)
            if len(terms(inner)) > 1:
                part = Formula(inner, self.arrays, self.places)
                tex = tex[: start + 1] + self.place(part) + tex[end - 1 :]
        while found := REMAINDER.search(NUMBER.sub(self.number, tex)):
            left, right = [self.places[int(side[3:-1])] for side in found.groups()]
            tex = self.place(Remainder(left, right))
        tex = LETTER.sub(lambda m: self.place(Letter(m[0])), tex)
        return NUMBER.sub(self.number, tex)

    def number(self, found):
        place = self.place(_number(found[0]))
        return f"({place})" if found[0][0] == "(" else place

    def with_product(self, tex):
        """The first x @ y; each side is a place or stands in brackets."""
        middle = tex.index(PRODUCT)
        start, stop = opening(tex, middle), middle + len(PRODUCT)
        end = group(tex, stop)[1] if tex[stop] == "(" else tex.index("}", stop) + 1
        sides = [tex[start:middle], tex[stop:end]]
        parts = [Formula(side[1:-1] if side[0] == "(" else side, self.arrays, self.places)
                 for side in sides]  # fmt: skip
        return tex[:start] + self.place(Product(*parts)) + tex[end:]

    def with_matrices(self, tex):
        """Unit matrices, and exponentials of matrices: Σ A^k / k!."""
        while found := IDENTITY.search(tex):
            part = Whole(np.eye(int(found[1])))
            tex = tex[: found.start()] + self.place(part) + tex[found.end() :]
        while found := SERIES.search(tex):
            part = Series(Formula(found[1], self.arrays, self.places))
            tex = tex[: found.start()] + self.place(part) + tex[found.end() :]
        return tex

    def with_names(self, tex, name):
        """x[i,j], x^T, x^* and x of a tensor whose name is x."""
        pattern = re.compile(
            rf"(?<![A-Za-z\\._]){re.escape(name)}(\[|\^{{\\top}}|\^{{\*}}|(?![A-Za-z_]))"
        )
        array = self.arrays[name]
        while found := pattern.search(tex):
            index, end = group(tex, found.end() - 1) if found[1] == "[" else (None, found.end())
            if index is not None and ("{:}" in index or index.count(",") + 1 != array.ndim):
                part = Whole(array[_slices(index)])
            elif index is None:
                part = Whole(array.swapaxes(-1, -2) if found[1] else array)
                if "*" in found[1]:
                    part.array = part.array.conj()
            else:
                part = Element(array, index)
            tex = tex[: found.start()] + self.place(part) + tex[end:]
        return tex

    def with_calls(self, tex):
        """mean_{dim 0}(x), max(x), a sum without letters: of whole tensors, the innermost first."""
        while found := list(CALL.finditer(tex)):
            found = found[-1]
            inner, end = group(tex, found.end() - 1)
            name = found[1] or found[2]
            if name in ("max", "min") and found[3] is None and "," in inner:
                parts = [Formula(t, self.arrays, self.places) for t in listed(inner)]
                tex = tex[: found.start()] + self.place(Extreme(name, parts)) + tex[end:]
                continue
            inner, _, setting = inner.partition(", ") if name in MOVES else (inner, 0, "")
            part = Along(name, found[3], Formula(inner, self.arrays, self.places), setting)
            tex = tex[: found.start()] + self.place(part) + tex[end:]
        while found := NORM.search(tex):
            part = Along("norm", found[2], Formula(found[1], self.arrays, self.places))
            tex = tex[: found.start()] + self.place(part) + tex[found.end() :]
        while found := list(WHOLE_SUM.finditer(tex)):
            found = found[-1]
            stop = found.end() + product_end(tex[found.end() :])
            body = Formula(tex[found.end() : stop].strip(), self.arrays, self.places)
            tex = tex[: found.start()] + self.place(Along(found[1], found[2], body)) + tex[stop:]
        return tex

    def with_sum(self, tex, found):
        below, end = group(tex, found.end() - 1)
        stop = end + product_end(tex[end:])
        body = Formula(tex[end:stop].strip(), self.arrays, self.places)
        return tex[: found.start()] + self.place(Counted(found[1], below, body)) + tex[stop:]

    def parts(self):
        return [self.places[int(k)] for k in re.findall(r"n_\{(\d+)\}", self.text)]

    def elements(self):
        """All elements that are mentioned in it."""
        return [e for part in self.parts() if not isinstance(part, float) for e in part.elements()]

    def at(self, letters):
        count = iter(range(len(self.places)))
        text = re.sub(r"n_\{\d+\}", lambda m: rf"p_{{{next(count)}}}", self.text)
        values = [p if isinstance(p, float) else p.at(letters) for p in self.parts()]
        with np.errstate(all="ignore"):
            return _function(text, len(values))(*[np.asarray(v) for v in values])


class Slot:
    """A number that each of many formulas of one form has."""

    def __init__(self, k):
        self.k = k

    def elements(self):
        return []

    def at(self, letters):
        return letters[SLOTS][self.k]


class Added:
    """A sum of terms."""

    def __init__(self, terms):
        self.terms = terms

    def elements(self):
        return [e for _, term in self.terms for e in term.elements()]

    def at(self, letters):
        with np.errstate(invalid="ignore"):
            return sum([sign * np.asarray(term.at(letters)) for sign, term in self.terms])


class Cases:
    """A choice: rows of a value and what must hold."""

    def __init__(self, rows, formula):
        pairs = [row.split("&") for row in rows.split(r"\\")]
        self.values = [Formula(v.strip(), formula.arrays, formula.places) for v, _ in pairs]
        self.said = [Condition(c.strip(), formula) for _, c in pairs[:-1]]  # last: otherwise

    def elements(self):
        return [e for part in (*self.values, *self.said) for e in part.elements()]

    def at(self, letters):
        *values, found = [value.at(letters) for value in self.values]
        for value, said in reversed(list(zip(values, self.said, strict=True))):
            found = np.where(said.at(letters) != 0, value, found)
        return found


class Whole:
    """A tensor by its name alone: all its elements at once."""

    def __init__(self, array):
        self.array = array

    def elements(self):
        return []

    def at(self, letters):
        return self.array


class Along:
    """A reduction, or a move, along axes of a whole tensor; reduced ones stay, of length 1."""

    def __init__(self, name, axes, body, setting=""):
        self.name, self.body, self.setting = name, body, setting
        self.axes = None if axes is None else tuple([int(a) for a in axes.split(",")])

    def elements(self):
        return []

    def at(self, letters):
        x, axes = np.asarray(self.body.at(letters)), self.axes
        if self.name in ("sum", "prod", "mean", "max", "min"):
            return getattr(np, self.name)(x, axis=axes, keepdims=True)
        if self.name == "norm":
            return np.sqrt((np.abs(x) ** 2).sum(axis=axes, keepdims=True))
        if self.name == "softmax":
            return np.exp(x) / np.exp(x).sum(axis=axes, keepdims=True)
        if self.name == "cumsum":
            return np.cumsum(x, *axes)
        if self.name == "logcumsumexp":
            with np.errstate(divide="ignore"):  # what is left out is the exponential of -inf
                return np.log(np.cumsum(np.exp(x), *axes))
        if self.name == "flip":
            return np.flip(x, axes)
        if self.name == "det":
            return _determinants(x)
        if self.name in ("triu", "tril"):
            return getattr(np, self.name)(x, int(self.setting or 0))
        if self.name == "diagonal":
            return np.diagonal(x, 0, -2, -1)
        if self.name == "diag":
            return x[..., None] * np.eye(x.shape[-1])
        numbers = [int(n) for n in self.setting.strip("[]").split(",")]
        return np.roll(x, numbers, axes) if self.name == "roll" else x.transpose(numbers)


class Extreme:
    """The largest or the smallest of several numbers."""

    def __init__(self, name, parts):
        self.name, self.parts = name, parts

    def elements(self):
        return [e for part in self.parts for e in part.elements()]

    def at(self, letters):
        values = np.broadcast_arrays(*[np.asarray(part.at(letters)) for part in self.parts])
        return getattr(np, f"{self.name}imum").reduce(values)


class Turned:
    """The transpose, or the conjugate transpose."""

    def __init__(self, body, conjugate):
        self.body, self.conjugate = body, conjugate

    def elements(self):
        return []

    def at(self, letters):
        x = np.asarray(self.body.at(letters)).swapaxes(-1, -2)
        return x.conj() if self.conjugate else x


class Series:
    """Σ A^k / k! over all k, until the terms are too small to count."""

    def __init__(self, body):
        self.body = body

    def elements(self):
        return []

    def at(self, letters):
        x = np.asarray(self.body.at(letters))
        term = total = np.broadcast_to(np.eye(x.shape[-1]), x.shape)
        for k in range(1, 200):
            term = term @ x / k
            total = total + term
        return total


def _determinants(x):
    import sympy

    flat = [complex(sympy.Matrix(m.tolist()).det()) for m in x.reshape(-1, *x.shape[-2:])]
    found = np.array(flat).reshape(x.shape[:-2])
    return found if np.iscomplexobj(x) else found.real


class Remainder:
    """x mod y."""

    def __init__(self, left, right):
        self.sides = left, right

    def elements(self):
        return []

    def at(self, letters):
        return np.mod(*[s if isinstance(s, float) else s.at(letters) for s in self.sides])


class Product:
    """x @ y."""

    def __init__(self, left, right):
        self.left, self.right = left, right

    def elements(self):
        return self.left.elements() + self.right.elements()

    def at(self, letters):
        return self.left.at(letters) @ self.right.at(letters)


class Element:
    """x[b,2i+1]: what lies outside, or between two places, counts for nothing."""

    def __init__(self, array, index):
        self.array, self.index = array, [i for i in index.split(",") if i]

    def elements(self):
        return [self]

    def at(self, letters):
        places, inside = [], np.asarray(True)
        for index, size in zip(self.index, self.array.shape, strict=True):
            place = np.asarray(_index(index, letters), float)
            inside = inside & (place == np.floor(place)) & (place >= 0) & (place < size)
            places.append(np.clip(np.floor(place), 0, size - 1).astype(int))
        held = self.array[tuple(places)] if self.array.size else 0
        return np.where(inside, held, letters.get(NOTHING, 0))


class Letter:
    """An index that is itself a factor."""

    def __init__(self, name):
        self.name = name

    def elements(self):
        return []

    def at(self, letters):
        return letters[self.name]


class Condition:
    """[i < 3] is 1 where it holds, else 0."""

    def __init__(self, said, formula):
        self.negative = r"\neg" in said
        said = said.replace(r"\neg", "").strip()
        self.said, self.formula = said.strip("()") if self.negative else said, formula

    def elements(self):
        places = [self.formula.places[int(k)] for k in re.findall(r"n_\{(\d+)\}", self.said)]
        return [e for part in places for e in part.elements()]

    def at(self, letters):
        return np.where(self.any_of(self.said, letters) != self.negative, 1, 0)

    def any_of(self, said, letters):
        return np.logical_or.reduce([
            np.logical_and.reduce([self.holds(p, letters) for p in re.split(r"\\wedge|,", part)])
            for part in said.split(r"\vee")
        ])  # fmt: skip

    def holds(self, said, letters):
        sides = re.split(r"(\\neq|\\leq|\\geq|<|>|=)", said)
        values = [self.side(side.strip(), letters) for side in sides[::2]]
        held = [SIGNS[sign](values[k], values[k + 1]) for k, sign in enumerate(sides[1::2])]
        return np.logical_and.reduce(held) if held else values[0] != 0

    def side(self, text, letters):
        if "n_{" in text or not re.search(r"(?<![A-Za-z\\])[a-z](?![a-z])", text):
            return Formula(text, self.formula.arrays, self.formula.places).at(letters)
        return _index(text, letters)


class Counted:
    """A sum or a product over letters; below it stands how far they count, or a condition."""

    def __init__(self, kind, below, body):
        self.kind, self.body, self.conditions, self.ends = kind, body, [], {}
        for said in below.split(","):
            name, end = re.match(r"\s*(\w)(?:<(\d+)$)?", said).groups()
            if end is None and len(said.strip()) > 1:
                self.conditions.append(Condition(said, body))
            self.ends[name] = int(end) if end else _size(name, body.elements())

    def elements(self):
        return self.body.elements()

    def at(self, letters):
        room = len(self.ends)
        inner = {name: np.asarray(v)[(..., *[None] * room)] for name, v in letters.items()}
        inner[NOTHING] = {"max": -np.inf, "min": np.inf}.get(self.kind, 0)
        for k, (name, end) in enumerate(self.ends.items()):
            inner[name] = np.arange(end).reshape([-1] + [1] * (room - 1 - k))
        outer = np.broadcast_shapes(*[np.shape(v) for v in letters.values()])
        shape = (*outer, *self.ends.values())
        empty = {"sum": 0, "prod": 1, "max": -np.inf, "min": np.inf}[self.kind]
        value = np.broadcast_to(self.body.at(inner), shape)
        for condition in self.conditions:
            held = np.broadcast_to(condition.at(inner), shape) != 0
            value = np.where(held, value, empty)
        return getattr(value, self.kind)(axis=tuple(range(-room, 0)))


def _size(name, elements):
    """How far a letter counts: as far as the axis is long of which it is the index."""
    sizes = {n for e in elements for i, n in zip(e.index, e.array.shape, strict=True) if i == name}
    assert len(sizes) == 1, (name, sizes)
    return sizes.pop()


def _slices(index):
    r"""1{:}, 0, {:}{:}2 as Python has it."""

    def one(part):
        if part == r"\dots":
            return Ellipsis
        ends = [int(end.strip("{}")) if end else None for end in part.split("{:}")]
        return ends[0] if len(ends) == 1 else slice(*ends)

    return tuple([one(part.strip()) for part in index.split(",")])


def _number(text):
    for word, short in NUMBERS.items():
        text = text.replace(word, short)
    return float(text.strip("()}"))


def _index(text, letters):
    """An index, or a side of a condition on indices, in whole numbers."""
    text = re.sub(r"\\lfloor (.*?)/(\d+)\\rfloor ", r"((\1)//\2)", text)
    text = text.replace(r" \bmod ", "%").replace(r" \cdot ", "*")
    text = re.sub(r"(\d)(?=[a-z(])", r"\1*", text)
    return eval(text, {"__builtins__": {}}, letters)


def _without_bar(tex):
    r"""The first \overline{...} as a function, which SymPy's reader knows."""
    before, _, rest = tex.partition(r"\overline")
    inner, end = group(rest, 0)
    return rf"{before}\chi({inner}){rest[end:]}"


@cache
def _function(tex, count):
    """The function of p_{0}, p_{1}, ... that SymPy reads in a formula."""
    import sympy
    from sympy.parsing.latex import parse_latex

    meanings = {
        "sigma": lambda x: 1 / (1 + sympy.exp(-x)), "alpha": sympy.sign, "beta": sympy.erf,
        "phi": lambda x: sympy.polygamma(1, x), "psi": sympy.digamma, "rho": sympy.re,
        "tau": sympy.im, "chi": sympy.conjugate, "kappa": sympy.Abs, "omega": sympy.loggamma,
        "eta": sympy.asinh, "mu": sympy.atanh, "iota": sympy.erfc,
        "zeta": sympy.acosh, "nu": sympy.Function("rint"), "xi": sympy.Function("trunc"),
    }  # fmt: skip
    expression, x = parse_latex(tex, backend="antlr"), sympy.Wild("x")
    named = {"e": sympy.E, "i": sympy.I, "pi": sympy.pi}
    expression = expression.subs({sympy.Symbol(k): v for k, v in named.items()})
    for name, meaning in meanings.items():
        expression = expression.replace(sympy.Function(name)(x), meaning(x))
    expression = expression.replace(sympy.Function("theta"), sympy.atan2)
    for name, meaning in (("min", sympy.Min), ("max", sympy.Max)):
        expression = expression.replace(sympy.Function(name), meaning)
    places = sympy.symbols([f"p_{{{k}}}" for k in range(count)])
    assert expression.free_symbols <= set(places), (tex, expression)
    rounding = {"rint": np.rint, "trunc": np.trunc}
    return sympy.lambdify(places, expression, modules=[rounding, "scipy", "numpy"])
