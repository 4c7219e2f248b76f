"""How each operation of a formula is written: as Python, as LaTeX, as plain text.

The only such table: `typeset.py` writes formulas by it, primitives are written by their `tex`,
whose words are these, and the pages of `explain` get it as data. An entry is (template, level,
levels): `#1` is an operand, `#*` all of them, `#{order}` a parameter; a template without any stands
between the operands. `level` is how tightly the whole binds, `levels` how tightly each operand
must (the last holds for the rest), else it gets brackets. `#{dim}`, `#{into}` and `#{at}` are
written by `slot` from an operation's axes and index. Read `filled`.
"""

import math
import re

__all__ = ["ATOM", "GREEK", "SIGNS", "called", "filled", "fitted", "low", "number", "number_text",
           "KEPT", "MINUS", "added", "slot", "symbol", "tex_number"]  # fmt: skip

ATOM = 5  # a name, a number, a call
MINUS = 1.5  # a negative number
PRODUCT = 2
SUM = 1


def _function(tex, text=None):
    """sin(x)"""
    return {"tex": (rf"{tex}\left(#*\right)", ATOM, [0]),
            **({"text": (f"{text}(#*)", ATOM, [0])} if text else {})}  # fmt: skip


def _relation(tex, text, python):
    signs = {"tex": tex, "text": text, "python": python}
    return {style: (f"#1 {sign} #2", 0.5, [1, 1]) for style, sign in signs.items()}


def _matrix(power):
    return (rf"#1^{{{power}}}", 4, [5])


def _along(word, tex=None):
    """mean(x, dim=0)"""
    tex = tex or rf"\mathrm{{{word}}}"
    return {"tex": (rf"{tex}#{{dim}}\left(#1\right)", ATOM, [0]),
            "text": (f"{word}(#1#{{dim}})", ATOM, [0])}  # fmt: skip


_PLACE = {"tex": (r"\mathrm{place}#{into}\left(#1\right)", ATOM, [0]),
          "text": ("place(#1#{into})", ATOM, [0])}  # fmt: skip

SIGNS = {
    "add": {"tex": ("#1 + #2", 1, [1, 1]), "text": ("#1 + #2", 1, [1, 1]),
            "python": ("#1 + #2", 1, [1, 1])},
    "sub": {"tex": ("#1 - #2", 1, [1, 2]), "text": ("#1 − #2", 1, [1, 2]),
            "python": ("#1 - #2", 1, [1, 2])},
    "mul": {"tex": (r" \cdot ", 2, [MINUS, 2]), "text": ("·", 2, [MINUS, 2]),
            "python": (" * ", 2, [MINUS, 2])},
    "neg": {"tex": ("-#1", 1, [2]), "text": ("−#1", 1, [2]), "python": ("-#1", 1, [2])},
    "div": {"tex": (r"\frac{#1}{#2}", 3, [0, 0]), "text": ("#1 / #2", 2, [2, 3]),
            "python": ("#1 / #2", 2, [2, 3])},
    "pow": {"tex": ("#1^{#2}", 4, [5, 0]), "text": ("#1^#2", 4, [5, 5]),
            "python": ("#1**#2", 4, [5, 4])},
    "square": {"tex": ("#1^{2}", 4, [5]), "text": ("#1²", 4, [5])},
    "matmul": {"tex": (r"#1 \mathbin{@} #2", 2, [2, 3]), "text": ("#1 @ #2", 2, [2, 3]),
               "python": ("#1 @ #2", 2, [2, 3])},
    "transpose": {"tex": _matrix(r"\top"), "text": ("#1ᵀ", 4, [5]), "python": ("#1.T", 5, [5])},
    "permute": {"tex": _matrix(r"\top"), "text": ("#1ᵀ", 4, [5])},
    "adjoint": {"tex": _matrix("*"), "text": ("#1ᴴ", 4, [5])},
    "inv": {"tex": _matrix("-1")},
    "inverse_triangular": {"tex": _matrix("-1"), "text": ("inv(#1)", 5, [0])},
    "pinv": {"tex": _matrix("+")},
    "if": {"tex": (r"\begin{cases} #1 & #2 \\ #3 & \text{otherwise} \end{cases}", 5, [0, 0, 0]),
           "text": ("#1 if #2 else #3", 0.2, [0.3, 0.3, 0.2]),
           "python": ("#1 if #2 else #3", 0.2, [0.3, 0.3, 0.2])},
    "eq": _relation("=", "=", "=="), "ne": _relation(r"\neq", "≠", "!="),
    "lt": _relation("<", "<", "<"), "le": _relation(r"\leq", "≤", "<="),
    "gt": _relation(">", ">", ">"), "ge": _relation(r"\geq", "≥", ">="),
    "and": {"tex": (r"#1 \wedge #2", 0.4, [0.4, 0.45]), "text": ("#1 and #2", 0.4, [0.4, 0.45]),
            "python": ("#1 and #2", 0.4, [0.4, 0.45])},
    "or": {"tex": (r"#1 \vee #2", 0.3, [0.3, 0.4]), "text": ("#1 or #2", 0.3, [0.3, 0.4]),
           "python": ("#1 or #2", 0.3, [0.3, 0.4])},
    "xor": {"tex": (r"#1 \oplus #2", 0.3, [0.4, 0.4]), "text": ("#1 xor #2", 0.3, [0.4, 0.4]),
            "python": ("#1 xor #2", 0.3, [0.4, 0.4])},
    "not": {"tex": (r"\neg #1", 0.45, [5]), "text": ("not #1", 0.45, [5]),
            "python": ("not #1", 0.45, [0.5])},
    "bracket": {"tex": (r"\left[#1\right]", 5, [0]), "text": ("[#1]", 5, [0])},
    "sqrt": {"tex": (r"\sqrt{#1}", 5, [0]), "text": ("√(#1)", 5, [0])},
    "exp": {"tex": ("e^{#1}", 4, [0])},
    "abs": {"tex": (r"\left|#1\right|", 5, [0]), "text": ("|#1|", 5, [0])},
    "floor": {"tex": (r"\left\lfloor #1 \right\rfloor", 5, [0])},
    "ceil": {"tex": (r"\left\lceil #1 \right\rceil", 5, [0])},
    "conj": {"tex": (r"\overline{#1}", 5, [0])},
    "norm": {"tex": (r"\left\lVert #1 \right\rVert#{dim}", 5, [0]),
             "text": ("‖#1#{dim}‖", 5, [0])},
    "log": _function(r"\ln", "ln"), "log2": _function(r"\log_{2}"),
    "log10": _function(r"\log_{10}"),
    "sin": _function(r"\sin"), "cos": _function(r"\cos"), "tan": _function(r"\tan"),
    "asin": _function(r"\arcsin"), "acos": _function(r"\arccos"), "atan": _function(r"\arctan"),
    "sinh": _function(r"\sinh"), "cosh": _function(r"\cosh"), "tanh": _function(r"\tanh"),
    "asinh": _function(r"\mathrm{arsinh}"), "acosh": _function(r"\mathrm{arcosh}"),
    "atanh": _function(r"\mathrm{artanh}"),
    "sigmoid": _function(r"\sigma", "σ"), "digamma": _function(r"\psi", "ψ"),
    "real": _function(r"\mathrm{Re}", "Re"), "imag": _function(r"\mathrm{Im}", "Im"),
    "maximum": _function(r"\max", "max"), "minimum": _function(r"\min", "min"),
    "gcd": _function(r"\gcd"), "det": _function(r"\det"),
    "adjugate": {"tex": (r"\mathrm{adj}\left(#1\right)", 5, [0]), "text": ("adj(#1)", 5, [0])},
    "polygamma": {"tex": (r"\psi^{\left(#1\right)}\left(#2\right)", 5, [0]),
                  "text": ("ψ^(#1)(#2)", 5, [0])},
    "erfinv": {"tex": (r"\mathrm{erf}^{-1}\left(#1\right)", 5, [0])},
    "lgamma": {"tex": (r"\ln\left|\Gamma\left(#1\right)\right|", 5, [0]),
               "text": ("ln|Γ(#1)|", 5, [0])},
    "complex": {"tex": (r"#1 + #2 i", 1, [1, 2]), "text": ("#1 + #2i", 1, [1, 2])},
    "cis": {"tex": (r"e^{2\pi i \cdot #1 / #{of}}", 4, [5]), "text": ("e^(2πi·#1/#{of})", 4, [5])},
    "remainder": {"tex": (r"#1 \bmod #2", 2, [2, 3]), "text": ("#1 mod #2", 2, [2, 3])},
    "convolve": {"tex": (r"#1 \ast #2", 2, [2, 3]), "text": ("#1 ∗ #2", 2, [2, 3])},
    "convolve_back": {"tex": (r"#1 \ast^{\top} #2", 2, [2, 3]), "text": ("#1 ∗ᵀ #2", 2, [2, 3])},
    "convolve_weight": {"tex": (r"#1 \star #2", 2, [2, 3]), "text": ("#1 ⋆ #2", 2, [2, 3])},
    "sum": {"tex": (r"\sum#{dim} #1", 2, [2]), "text": ("sum(#1#{dim})", 5, [0])},
    "prod": {"tex": (r"\prod#{dim} #1", 2, [2]), "text": ("prod(#1#{dim})", 5, [0])},
    "mean": _along("mean"), "softmax": _along("softmax"), "flip": _along("flip"),
    "cumsum": _along("cumsum"), "logcumsumexp": _along("logcumsumexp"),
    "amax": _along("max", r"\max"), "amin": _along("min", r"\min"),
    "roll": {"tex": (r"\mathrm{roll}#{dim}\left(#1, #{shifts}\right)", 5, [0]),
             "text": ("roll(#1, #{shifts}#{dim})", 5, [0])},
    "permute_axes": {"tex": (r"\mathrm{permute}\left(#1, #{axes}\right)", 5, [0]),
                     "text": ("permute(#1, #{axes})", 5, [0])},
    "clamp": {"tex": (r"\mathrm{clamp}\left(#1\right)", 5, [0]), "text": ("clamp(#1)", 5, [0])},
    "index": {"tex": (r"#1\left[#{at}\right]", 5, [5]), "text": ("#1[#{at}]", 5, [5])},
    "embed": _PLACE, "put_add": _PLACE,
    "reshape": {"tex": ("#1", None, [0]), "text": ("#1", None, [0])},
    "expand": {"tex": ("#1", None, [0]), "text": ("#1", None, [0])},
}  # fmt: skip


def filled(entry, op, style, parts, params=None):
    """(text, level) of an operation; `parts` are its operands written, each with its level.

    >>> filled(SIGNS["div"], "div", "text", [("x", 5), ("y + 1", 1)])
    ('x / (y + 1)', 2)
    """
    template, level, levels = (entry or {}).get(style) or called(op, style)
    texts = [fitted(*part, levels[min(i, len(levels) - 1)], style) for i, part in enumerate(parts)]
    if level is None:
        return parts[0]
    if "#" not in template:  # a product that begins with a sign binds as that does
        return template.join(texts), MINUS if parts[0][1] == MINUS else level

    def put(match):
        word = match[1]
        if word == "*":
            return ", ".join(texts)
        if word[0] == "{":
            return match[0] if params is KEPT else slot(word[1:-1], params or {}, style)
        return texts[int(word) - 1] if int(word) <= len(texts) else "?"

    return re.sub(r"#(\*|\d|\{\w+\})", put, template), level


KEPT = object()  # as params: slots stay as they are, for an entry to be made


def slot(word, params, style):
    r"""What stands at `#{word}`: axes and an index if the operation has them, else a parameter.

    >>> slot("dim", {"axes": [0], "shape": [3]}, "text"), slot("dim", {"axes": [0]}, "tex")
    (', dim=0', '_{\\mathrm{dim}\\ 0}')
    >>> slot("at", {"index": [0, {"slice": [1, None, None]}]}, "text")
    '0, 1:'
    """
    if word == "dim":
        axes = params.get("axes", params.get("axis"))
        # Where one number is left, it is of all of them.
        if axes is None or all(
            n == 1 for n in params.get("shape") or ([] if "shape" in params else [0])
        ):
            return ""
        shown = ", ".join(map(str, axes)) if isinstance(axes, list) else str(axes)
        if style == "tex":
            return rf"_{{\mathrm{{dim}}\ {shown}}}"
        return f", dim=({shown})" if "," in shown else f", dim={shown}"
    if word in ("at", "into"):
        shown = _places(params.get("index"), style)
        if word == "at":
            return shown or (r"\cdot" if style == "tex" else "…")
        return "" if not shown else f"_{{[{shown}]}}" if style == "tex" else f", [{shown}]"
    value = params.get(word, word)
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _places(index, style):
    """`0, 1:, ::2` of an index as documents have it."""
    colon, dots = ("{:}", r"\dots") if style == "tex" else (":", "...")

    def end(number):
        if number is None:
            return ""
        return f"{{{number}}}" if style == "tex" and number < 0 else str(number)

    def one(part):
        if isinstance(part, dict):
            start, stop, step = map(end, part["slice"])
            return start + colon + stop + (colon + step if step else "")
        return dots if part == "..." else end(part) if isinstance(part, int) else str(part)

    index = list(index or ())
    return ", ".join([one(part) for part in (index[:-1] if index[-1:] == ["..."] else index)])


def called(op, style):
    """The entry of an operation that is written by its name: qr(x)."""
    if style != "tex":
        return f"{op}(#*)", ATOM, [0]
    return rf"\mathrm{{{escaped(op)}}}\left(#*\right)", ATOM, [0]


def fitted(text, level, least, style):
    """In brackets where it would be misread; of an operand to come, how tightly it must bind."""
    if level is None:
        return f"{text}<{least}>"
    if level >= least:
        return text
    return rf"\left({text}\right)" if style == "tex" else f"({text})"


def low(text):
    """LaTeX with brackets of the height of a letter where nothing inside is higher."""
    return text if r"\frac" in text else re.sub(r"\\(?:left|right)(?=[()\[\]|])", "", text)


# --- numbers and names --------------------------------------------------------------------------


def number_text(value, digits=6):
    """A number for people: exact where it is short, else `digits` significant digits.

    >>> number_text(6.0), number_text(-0.0001234567), number_text(float("nan")), number_text(1e20)
    ('6', '-0.000123457', 'nan', '1e20')
    """
    if isinstance(value, list):
        real, imaginary = [number_text(v, digits) for v in value]
        return f"{real}{'' if imaginary[0] == '-' else '+'}{imaginary}i"
    if isinstance(value, (bool, str)):
        return str(value)
    if value == 0:
        return "-0" if math.copysign(1.0, value) < 0 else "0"
    text = f"{float(value):.{digits}g}"
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def number(text, style):
    """(text, level) of a number that is written `text`."""
    if style == "tex":
        text = tex_number(text)
    level = ATOM
    if text.endswith("i"):  # x + (-1+2i), for x - 1+2i would be misread
        level = SUM if text[0] != "-" else 0.9
    elif text.startswith("-"):
        level = MINUS
    elif "e" in text or "times" in text:
        level = PRODUCT
    return (text.replace("-", "−", 1) if style == "text" and text[0] == "-" else text), level


_REAL = r"(?:[\d.]+(?:e[+-]?\d+)?|inf|nan)"


def added(texts):
    """Texts of numbers as a sum.

    >>> added(["1", "-0.08", "2"])
    '1 - 0.08 + 2'
    """
    return " + ".join(texts).replace(" + -", " - ")


COMPLEX = re.compile(rf"(-?{_REAL})([+-])({_REAL})i")


def tex_number(text):
    r"""The LaTeX of a number's text.

    >>> tex_number("1e-08"), tex_number("-2.5"), tex_number("inf")
    ('1 \\times 10^{-08}', '-2.5', '\\infty')
    >>> tex_number("2-1e-08i")
    '2-1 \\times 10^{-08}i'
    """
    if text.lstrip("-") in ("inf", "nan"):
        sign = "-" if text[0] == "-" else ""
        return sign + (r"\infty" if "inf" in text else r"\mathrm{nan}")
    if text in ("True", "False"):
        return rf"\mathrm{{{text}}}"
    whole = COMPLEX.fullmatch(text)
    if whole:
        real, sign, imaginary = whole.groups()
        space = " " if imaginary == "inf" else ""
        return f"{tex_number(real)}{sign}{tex_number(imaginary)}{space}i"
    mantissa, e, exponent = text.partition("e")
    return rf"{mantissa} \times 10^{{{exponent.lstrip('+')}}}" if e else text


GREEK = frozenset("alpha beta gamma delta epsilon zeta eta theta lambda mu nu xi pi rho sigma tau "
                  "phi chi psi omega".split())  # fmt: skip


def symbol(name):
    r"""A variable's name as LaTeX.

    >>> symbol("x"), symbol("v7"), symbol("model.0.weight"), symbol("theta")
    ('x', 'v_{7}', '\\mathrm{model.0.weight}', '\\theta')
    """
    if name in GREEK:
        return "\\" + name
    if len(name) == 1:
        return name if name.isascii() and name != "\\" else rf"\mathrm{{{escaped(name)}}}"
    match = re.fullmatch(r"([A-Za-z])_?(\d+)", name)
    if match:
        return f"{match[1]}_{{{match[2]}}}"
    return rf"\mathrm{{{escaped(name)}}}"


def escaped(name):
    return re.sub(r"([\\_#$%&{}^~])", lambda m: "\\" + m[1] if m[1] in "_#$%&{}" else " ", name)
