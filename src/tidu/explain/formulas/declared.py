"""Operations by the formula that their primitive declares (its `tex`), as trees.

So `rsub` is shown as y - x, and `softplus` as the choice it is.
"""

import math

from ...program.formula import formula_of
from ...program.formula import name as formula_name

__all__ = ["tree_of"]

WORDS = frozenset(
    "add sub mul div pow neg eq ne lt le gt ge and or not abs exp log sqrt sin cos tan sinh cosh "
    "tanh sigmoid erf maximum minimum sign floor ceil trunc atan asin acos complex "
    "real imag".split()
)


class Unreadable(Exception):
    """A formula with parts that are no operations on elements."""


def tree_of(prim, params, ins):
    """The tree of an operation on the trees `ins`; None if it declares none that can be read."""
    if prim.tex is None or len(prim.inputs) < len(ins):
        return None
    names = [f"#{k}" for k in range(len(ins))]
    formula = formula_of(prim, [formula_name(word) for word in names], params)
    try:
        return _tree(formula, {"pi": math.pi, **dict(zip(names, ins, strict=True))})
    except Unreadable:
        return None


def _tree(formula, leaves):
    op, args = formula.op, formula.args
    if op == "name" and args[0] in leaves:
        return leaves[args[0]]
    if op == "value" and type(args[0]) in (int, float, bool):
        return args[0]
    if op not in WORDS and op not in ("if", "clamp"):
        raise Unreadable
    parts = [_tree(part, leaves) for part in args]
    if op == "if":
        yes, test, no = parts
        return ["where", None, test, yes, no]
    if op == "clamp":
        x, low, high = parts
        return ["minimum", None, ["maximum", None, x, low], high]
    return [op, None, *parts]
