"""Trees of formulas as LaTeX and as plain text.

`assets/notation.json` says how each operation is written and how tightly it binds; the page reads
the same table, so both write the same formulas. An operation it lacks is written name(x, y).
"""

import re
from functools import cache
from pathlib import Path

from ..lazy import lazy_module
from .simplify import is_number
from .values import number_text

__all__ = ["tex_name", "tex_number", "write", "write_inside"]

json = lazy_module("json")

ASSETS = Path(__file__).with_name("assets")
ATOM = 5


@cache
def notation():
    return json.loads((ASSETS / "notation.json").read_text(encoding="utf-8"))


def write(tree, style, name):
    """The text of a tree; `style` is "tex" or "text", `name(leaf)` gives (text, level)."""
    text = _write(tree, style, name)[0]
    return text if style == "text" or r"\frac" in text else low(text)


def write_inside(tree, style, name):
    """The same where something follows it: in brackets if need be."""
    text = _inside(*_write(tree, style, name), ATOM, style)
    return text if style == "text" or r"\frac" in text else low(text)


def low(text):
    """Brackets of the height of a letter where nothing inside is higher."""
    return re.sub(r"\\(?:left|right)(?=[()\[\]|])", "", text)


def _write(tree, style, name):
    if is_number(tree) or isinstance(tree, bool):
        return number(tree, style)
    if isinstance(tree, str) or tree[0] == "at":
        return name(tree)
    op, params, *parts = tree
    if op == "terms":
        return _terms(params, parts, style, name)
    if op == "says":
        return index_text([params["text"]], style), 0.5
    if op == "pi":
        text = _inside(*_write(parts[0], style, name), 2, style)
        return (rf"\prod_{{{index_text([params], style)}}} {text}"
                if style == "tex" else f"Π_{params} {text}"), 2  # fmt: skip
    if op == "part":
        return _inside(*_write(parts[0], style, name), ATOM, style) + f"[{params['index']}]", ATOM
    if op == "linear":
        op, parts = params["op"], [p for p in parts if not is_constant(p)]
    if op == "sigma":
        text = _inside(*_write(parts[0], style, name), 2, style)
        return (rf"\sum_{{{params}}} {text}" if style == "tex" else f"Σ_{params} {text}"), 2
    entry = notation().get(op)
    if op == "mul":
        return _product(entry, parts, style, name)
    count = entry.get("plus", len(parts)) if entry is not None else len(parts)
    if len(parts) > count:  # a bias that some calls have
        whole = _inside(*_write([op, params, *parts[:count]], style, name), 1, style)
        return f"{whole} + {_inside(*_write(parts[count], style, name), 2, style)}", 1
    written = [_write(part, style, name) for part in parts]
    if entry is None:
        return _call(op, written, style)
    if entry.get("through"):
        return written[0]
    template, level, levels = entry[style]
    texts = [
        _inside(text, own, levels[min(i, len(levels) - 1)], style)
        for i, (text, own) in enumerate(written)
    ]
    template = re.sub(r"#\{(\w+)\}", lambda m: str((params or {}).get(m[1], "")), template)
    return _filled(template, texts), level


def is_constant(tree):
    """Whether a tree is an array that has no name in the program, as a mask that was computed."""
    return isinstance(tree, str) and re.fullmatch(r"c\d*", tree) is not None


def index_text(index, style):
    """An index with letters, [2i+1,j], as text or LaTeX."""
    text = ",".join(map(str, index))
    if style == "tex":
        for sign, word in (("⌊", r"\lfloor "), ("⌋", r"\rfloor "), (" mod ", r" \bmod "),
                           ("≤", r"\leq "), ("≠", r"\neq "), ("·", r" \cdot ")):  # fmt: skip
            text = text.replace(sign, word)
    return text


def _filled(template, texts):
    return re.sub(r"#(\d)", lambda m: texts[int(m[1]) - 1] if int(m[1]) <= len(texts) else "?",
                  template)  # fmt: skip


def _product(entry, parts, style, name):
    sign, level, (least,) = entry[style]
    texts = []
    for i, part in enumerate(parts):
        text, own = _write(part, style, name)
        # A sign in front of the whole product needs no brackets.
        texts.append(_inside(text, own, 1 if i == 0 and is_negative(part, own) else least, style))
    return sign.join(texts), level


def is_negative(part, level):
    return level == 1 and is_number(part)


def _inside(text, level, least, style):
    if level >= least:
        return text
    return rf"\left({text}\right)" if style == "tex" else f"({text})"


def _call(op, written, style):
    if style == "text":
        return f"{op}({', '.join([text for text, _ in written])})", ATOM
    inner = ", ".join([text for text, _ in written])
    return rf"\mathrm{{{escaped(op)}}}\left({inner}\right)", ATOM


def _terms(count, parts, style, name):
    """A sum written out; `count` terms in all, of which some may be left out."""
    texts = [_inside(*_write(part, style, name), 2 if i else 1, style)
             for i, part in enumerate(parts)]  # fmt: skip
    if count > len(parts):
        texts.insert(len(texts) - 1, r"\dots" if style == "tex" else "…")
    return (" + ".join(texts), 1 if len(texts) > 1 else 2) if texts else ("0", ATOM)


def number(value, style):
    """(text, level) of a number: a negative one binds as a difference does."""
    text = number_text(value)
    if style == "tex":
        text = tex_number(text)
    level = (
        1
        if text.startswith("-") or text.endswith("i")
        else 2
        if "e" in text or "times" in text
        else ATOM
    )
    return (
        text if style == "tex" else text.replace("-", "−", 1) if text[0] == "-" else text
    ), level


def tex_number(text):
    r"""The LaTeX of a number's text.

    >>> tex_number("1e-08"), tex_number("-2.5"), tex_number("inf")
    ('1 \\times 10^{-08}', '-2.5', '\\infty')
    """
    if text.lstrip("-") in ("inf", "nan"):
        sign = "-" if text[0] == "-" else ""
        return sign + (r"\infty" if "inf" in text else r"\mathrm{nan}")
    mantissa, e, exponent = text.partition("e")
    return rf"{mantissa} \times 10^{{{exponent.lstrip('+')}}}" if e else text


GREEK = frozenset("alpha beta gamma delta epsilon zeta eta theta lambda mu nu xi rho sigma tau phi "
                  "chi psi omega".split())  # fmt: skip


def tex_name(name):
    r"""A variable's name as LaTeX.

    >>> tex_name("x"), tex_name("v7"), tex_name("model.0.weight"), tex_name("theta")
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
