"""Trees of formulas as LaTeX and as plain text.

How an operation is written is said by `program/signs.py`, and for a primitive by its own `tex`;
`notation` gathers both, and the page gets it as data, so all write the same formulas. An operation
it lacks is written name(x, y).
"""

import re
from functools import cache
from pathlib import Path

from ...program.formula import formula_of
from ...program.formula import name as formula_name
from ...program.signs import ATOM, GREEK, MINUS, SIGNS, called, filled, fitted, low, number_text
from ...program.signs import number as number_written
from ...program.typeset import entry_of
from .defining import OWN_SIGNS
from .simplify import is_number
from .whole import by_name

__all__ = ["for_page", "notation", "number", "write", "write_inside"]

ASSETS = Path(__file__).parents[1] / "assets"
INDEX = {"⌊": r"\lfloor ", "⌋": r"\rfloor ", " mod ": r" \bmod ", "≤": r"\leq ", "≠": r"\neq ",
         "·": r" \cdot "}  # fmt: skip


@cache
def notation():
    """operation -> its entry, as in `SIGNS`, with the operations that are primitives."""
    declared = {name: _declared(prim) for name, prim in by_name().items()}
    declared = {name: entry for name, entry in declared.items() if entry is not None}
    return {**SIGNS, **declared, **OWN_SIGNS}


def for_page():
    """What the page needs to write the same LaTeX."""
    written = {
        op: {"tex": entry.get("tex"), "plus": entry.get("plus")} for op, entry in notation().items()
    }
    return {"operations": written, "greek": sorted(GREEK), "index": INDEX}


def _declared(prim):
    """By the formula that a primitive declares; None where that needs its parameters."""
    if not isinstance(prim.tex, str) or not prim.inputs:
        return None
    names = tuple([formula_name(word) for word in prim.inputs])
    formula = formula_of(prim, names, None)
    if formula.op == prim.name and formula.args == names:
        return None  # it is a sign itself
    entry = entry_of(formula, prim.inputs)
    if entry is None and formula.args == names and formula.op.isidentifier():
        return {style: called(formula.op, style) for style in ("tex", "text")}  # qr(x)
    return entry


def write(tree, style, name):
    """The text of a tree; `style` is "tex" or "text", `name(leaf)` gives (text, level)."""
    return _finished(_write(tree, style, name)[0], style)


def _finished(text, style):
    """1 + −2 is written 1 − 2; in LaTeX no bracket is higher than what it holds."""
    text = text.replace(" + −", " − ") if style == "text" else text.replace(" + -", " - ")
    return low(text) if style == "tex" else text


def write_inside(tree, style, name):
    """The same where something follows it: in brackets if need be."""
    return _finished(fitted(*_write(tree, style, name), ATOM, style), style)


def _write(tree, style, name):
    if is_number(tree) or isinstance(tree, bool):
        return number(tree, style)
    if isinstance(tree, str) or tree[0] == "at":
        return name(tree)
    op, params, *parts = tree
    writer = SPECIAL.get(op)
    if writer is not None:
        return writer(params, [_write(part, style, name) for part in parts], style)
    if op == "permute" and not turns_matrices(params):
        op = "permute_axes"  # no sign is known for it
    if op == "linear":
        op, parts = params["op"], [p for p in parts if not is_constant(p)]
    return _called(op, params, [_write(part, style, name) for part in parts], style)


def _called(op, params, written, style):
    if op == "add" and len(written) > 2:
        return _terms(len(written), written, style)
    entry = notation().get(op)
    count = (entry or {}).get("plus", len(written))
    if len(written) > count:  # a bias that some calls have
        first = filled(entry, op, style, written[:count], params)
        return filled(SIGNS["add"], "add", style, [first, written[count]])
    return filled(entry, op, style, written, params)


def turns_matrices(params):
    """Whether a permutation exchanges the last two axes alone, as a transpose does."""
    axes = (params or {}).get("axes")
    rank = 2 if axes is None else len(axes)
    return axes is None or list(axes) == [*range(rank - 2), rank - 1, rank - 2]


def is_constant(tree):
    """Whether a tree is an array that has no name in the program, as a mask that was computed."""
    return isinstance(tree, str) and re.fullmatch(r"c\d*", tree) is not None


def index_text(index, style):
    """An index with letters, [2i+1,j], as text or LaTeX."""
    text = ",".join(map(str, index))
    if style == "tex":
        for sign, word in INDEX.items():
            text = text.replace(sign, word)
    return text


def _terms(count, written, style):
    """A sum written out; `count` terms in all, of which some may be left out."""
    texts = [fitted(*part, MINUS if i else 1, style) for i, part in enumerate(written)]
    if count > len(written):
        texts.insert(len(texts) - 1, r"\dots" if style == "tex" else "…")
    return (" + ".join(texts), 1 if len(texts) > 1 else 2) if texts else ("0", ATOM)


def _over(tex, text, level=1):
    """Σ, Π, max or min over letters; a factor behind it is a part of a sum's terms, else not."""

    def writer(letters, written, style):
        inner = fitted(*written[0], 2, style)
        below = index_text([letters], style)
        shown = rf"{tex}_{{{below}}} {inner}" if style == "tex" else f"{text}_{letters} {inner}"
        return shown, level

    return writer


def _part(params, written, style):
    return f"{fitted(*written[0], ATOM, style)}[{params['index']}]", ATOM


# Written from what they carry, not from a template.
SPECIAL = {
    "terms": _terms,
    "says": lambda params, written, style: (index_text([params["text"]], style), 0.5),
    "pi": _over(r"\prod", "Π"),
    "sigma": _over(r"\sum", "Σ", 2),
    "greatest": _over(r"\max", "max"),
    "least": _over(r"\min", "min"),
    "part": _part,
}  # fmt: skip


def number(value, style):
    """(text, level) of a number: a negative one binds nearly as a difference does."""
    return number_written(number_text(value), style)
