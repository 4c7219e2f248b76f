"""Operations by the formula that their primitive declares, where the notation has no name for them.

A primitive's `tex` is a Python expression of its inputs and params, such as "y - x" for `rsub`.
"""

import ast
from functools import cache

__all__ = ["tree_of"]

OPERATORS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}
SIGNS = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}
FUNCTIONS = frozenset(
    "abs exp log sqrt sin cos tan sinh cosh tanh sigmoid erf maximum minimum sign floor ceil trunc "
    "atan asin acos".split()
)


class Unreadable(Exception):
    """An expression with parts that are no formula of elements."""


@cache
def parsed(text):
    return ast.parse(text, mode="eval").body


def tree_of(prim, params, ins):
    """The tree of an operation on the trees `ins`; None if it declares none that can be read."""
    text, inputs = getattr(prim, "tex", None), getattr(prim, "inputs", ())
    if not isinstance(text, str) or len(inputs) < len(ins):
        return None
    names = dict(zip(inputs, ins, strict=False))
    for key, value in (params or {}).items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            names.setdefault(key, value)
    try:
        return _tree(parsed(text), names)
    except (Unreadable, SyntaxError):
        return None


def _tree(node, names):
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        parts = [_tree(node.left, names), _tree(node.right, names)]
        return [OPERATORS[type(node.op)], None, *parts]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return ["neg", None, _tree(node.operand, names)]
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SIGNS:
        parts = [_tree(node.left, names), _tree(node.comparators[0], names)]
        return [SIGNS[type(node.ops[0])], None, *parts]
    if isinstance(node, ast.IfExp):
        parts = [_tree(part, names) for part in (node.test, node.body, node.orelse)]
        return ["where", None, *parts]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _call(node.func.id, [_tree(arg, names) for arg in node.args])
    raise Unreadable


def _call(name, args):
    if name == "clamp" and len(args) == 3:
        return ["minimum", None, ["maximum", None, args[0], args[1]], args[2]]
    if name not in FUNCTIONS:
        raise Unreadable
    return [name, None, *args]
