"""Formulas with their repeated parts named once, and how much that saves.

Expressions of derivatives swell only where they are written out in full: as a list of named parts
they are about as long as the program. Read `shared`.
"""

from .formula import Formula, name

__all__ = ["parts_of", "shared", "shared_size"]


def parts_of(formulas):
    """Each different part of some formulas once, operands before what is made of them."""
    order, seen = [], set()
    stack = [(f, False) for f in reversed(formulas)]
    while stack:
        formula, expanded = stack.pop()
        if expanded:
            order.append(formula)
        elif id(formula) not in seen:
            seen.add(id(formula))
            stack.append((formula, True))
            if formula.op not in ("name", "value"):
                stack.extend([(a, False) for a in reversed(formula.args)])
    return order


def shared_size(formulas):
    """How many operations compute all the formulas when equal parts are computed once."""
    return sum(1 for f in parts_of(formulas) if f.op not in ("name", "value"))


def shared(formulas, prefix="t"):
    """([(name, formula of a part)], the formulas in terms of these names).

    >>> from tidu.program.formula import parse
    >>> lines, (short,) = shared([parse("sin(x * y) + sin(x * y) ** 2")])
    >>> [f"{word} = {part.text()}" for word, part in lines], short.text()
    (['t1 = sin(x * y)'], 't1 + t1**2')
    """
    parts = parts_of(formulas)
    uses = dict.fromkeys(map(id, parts), 0)
    for part in parts:
        if part.op not in ("name", "value"):
            for a in part.args:
                uses[id(a)] += 1
    for formula in formulas:
        uses[id(formula)] += 1
    lines, found = [], {}
    for part in parts:
        if part.op in ("name", "value"):
            found[id(part)] = part
            continue
        short = Formula(part.op, tuple([found[id(a)] for a in part.args]))
        if uses[id(part)] > 1 and part.op != "neg":
            word = f"{prefix}{len(lines) + 1}"
            lines.append((word, short))
            short = name(word)
        found[id(part)] = short
    return lines, [found[id(f)] for f in formulas]
