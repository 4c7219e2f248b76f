"""A formula as text in one line, and as LaTeX. Parentheses stand where the reading needs them.

Read `text` and `latex`; how each operation is written is said in `signs.py`. `entry_of` makes such
an entry for a primitive from what it declares.
"""

import re

import numpy as np

from .signs import ATOM, KEPT, SIGNS, filled, fitted, low, number, number_text, symbol

__all__ = ["constant", "entry_of", "latex", "text"]

STYLES = ("tex", "text", "python")


def text(formula):
    """`2 * x + sin(x)`: Python's writing."""
    return _write(formula, "python", _name)[0]


def latex(formula):
    r"""`2 \\cdot x + \\sin(x)`."""
    return low(_write(formula, "tex", _name)[0])


def _write(formula, style, leaf):
    """(text, level) of a formula; `leaf(name, style)` gives those of a name."""
    op, args = formula.op, formula.args
    if op == "name":
        return leaf(args[0], style)
    if op == "value":
        return _constant(args[0], style)
    if op == "index" and leaf is _name:
        return _index(style, *args)
    if op == "if" and style == "tex":
        return _cases(leaf, *args)
    parts = [_write(a, style, leaf) for a in args]
    whole, level = filled(SIGNS.get(op), op, style, parts, None if leaf is _name else KEPT)
    if style == "tex" and op in ("sum", "mean", "prod") and leaf is _name:
        whole = _below(whole, args[1:])
    return whole, level


def _name(word, style):
    return (symbol(word) if style == "tex" else word), ATOM


# --- constants ----------------------------------------------------------------------------------


def constant(value):
    """A constant as one writes it in an index or an argument list."""
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, slice):
        ends = ["" if p is None else str(p) for p in (value.start, value.stop)]
        return ":".join(ends if value.step in (None, 1) else [*ends, str(value.step)])
    if value is Ellipsis:
        return "..."
    if isinstance(value, tuple):
        return f"({', '.join([constant(v) for v in value])}{',' * (len(value) == 1)})"
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, np.ndarray):
        return constant(value.item()) if value.ndim == 0 else f"<{'x'.join(map(str, value.shape))}>"
    return str(value)


def _constant(value, style):
    written = constant(value)
    if style == "tex" and (isinstance(value, (bool, str, np.dtype)) or value is None):
        return symbol(written), ATOM
    if isinstance(value, (int, float)):
        return number(written, style)
    return written, ATOM


# --- what a template cannot say -----------------------------------------------------------------


def _index(style, whole, *places):
    shown = ", ".join([_place(p, style) for p in places])
    before, after = (r"\left[", r"\right]") if style == "tex" else "[]"
    return fitted(*_write(whole, style, _name), ATOM, style) + before + shown + after, ATOM


def _place(formula, style):
    if formula.op == "value" and isinstance(formula.args[0], tuple):
        return ", ".join([constant(v) for v in formula.args[0]])
    return _write(formula, style, _name)[0]


def _cases(leaf, yes, test, no):
    """A choice among choices has one row for each."""
    rows = [(yes, test)]
    while no.op == "if":
        yes, test, no = no.args
        rows.append((yes, test))

    def written(part):
        return fitted(*_write(part, "tex", leaf), 0, "tex")

    lines = [rf"{written(yes)} & {written(test)}" for yes, test in rows]
    lines.append(rf"{written(no)} & \text{{otherwise}}")
    return r"\begin{cases} " + r" \\ ".join(lines) + r" \end{cases}", ATOM


def _below(written, axes):
    """The axes that are summed over, under the sign."""
    chosen = axes[0].args[0] if axes and axes[0].op == "value" else None
    if not chosen:
        return written
    sign = re.match(r"\\(?:sum|prod|mathrm{mean})", written)[0]
    return rf"{sign}_{{{', '.join(map(str, chosen))}}}{written[len(sign) :]}"


# --- the entry of a primitive -------------------------------------------------------------------


def entry_of(formula, inputs):
    """The entry of SIGNS for an operation that `formula` tells of, in names of its inputs.

    None where no template can: it is written by its name then. A last input that is added may be
    absent: the entry is of the rest, and "plus" says how many those are.

    >>> from .formula import parse
    >>> entry_of(parse("exp(x) - 1"), ("x",))["text"]
    ('exp(#1) − 1', 1, [0])
    """
    count = len(inputs)
    if formula.op == "add" and count > 2 and _is_name(formula.args[1], inputs[-1]):
        return {**entry_of(formula.args[0], inputs[:-1]), "plus": count - 1}
    if formula.op not in SIGNS:
        return None
    entry = {style: _template(formula, inputs, style) for style in STYLES[:2]}
    return None if None in entry.values() else entry


def _is_name(formula, word):
    return formula.op == "name" and formula.args[0] == word


def _template(formula, inputs, style):
    def slot(word, style):
        return f"#{inputs.index(word) + 1}" if word in inputs else f"#{{{word}}}", None

    written, level = _write(formula, style, slot)
    if level is None and written != "#1":
        return None
    # A slot is written with how tightly its place binds: #1<2>.
    places = re.findall(r"#(\d)<([\d.]+)>", written)
    if level is not None and sorted(int(k) for k, _ in places) != list(range(1, len(inputs) + 1)):
        return None
    least = {int(k): float(v) for k, v in places}
    levels = [int(v) if v.is_integer() else v for _, v in sorted(least.items())] or [0]
    return re.sub(r"<[\d.]+>", "", written), level, levels
