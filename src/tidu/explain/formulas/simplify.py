"""Trees of formulas made short: factors gathered, ones and zeros dropped, choices as brackets."""

from .rules import rule_of

__all__ = ["simplify"]

COPIES = frozenset("clone alias barrier contiguous detach to_copy".split())
OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}
CONDITIONS = frozenset("eq ne lt le gt ge and or not bitwise_and bitwise_or logical_not".split())


def simplify(tree):
    """An equal tree, usually shorter; numbers keep their value, names their meaning."""
    if not isinstance(tree, list):
        return whole(tree)
    op, params, *parts = tree
    parts = [simplify(part) for part in parts]
    rule = RULES.get(op)
    return rule(op, params, parts) if rule is not None else [op, params, *parts]


def whole(number):
    """3.0 is written 3."""
    if isinstance(number, float) and number.is_integer() and abs(number) < 1e15:
        return int(number)
    return number


def is_number(tree):
    return isinstance(tree, (int, float)) and not isinstance(tree, bool)


def is_condition(tree):
    return isinstance(tree, list) and tree[0] in CONDITIONS


def _copy(op, params, parts):
    if op == "to_copy" and is_condition(parts[0]):
        return ["bracket", None, parts[0]]
    return parts[0]


def _factors(tree):
    if isinstance(tree, list) and tree[0] == "mul":
        return [f for part in tree[2:] for f in _factors(part)]
    if isinstance(tree, list) and tree[0] == "neg":
        return [-1, *_factors(tree[2])]
    return [tree]


def _mentions_g(tree):
    if isinstance(tree, list):
        return any(_mentions_g(t) for t in tree[2:])
    return tree == "g"


def _product(op, params, parts):
    factors = [f for part in parts for f in _factors(part)]
    number, others = 1, []
    for factor in factors:
        if is_number(factor):
            number *= factor
        else:
            others.append(factor)
    if number == 0:
        return 0
    if not others:
        return whole(number)
    others = _powers(others)
    # The incoming gradient stands last: 2·x·g.
    others = [f for f in others if not _mentions_g(f)] + [f for f in others if _mentions_g(f)]
    negative = number == -1
    if number not in (1, -1):
        others.insert(0, whole(number))
    product = others[0] if len(others) == 1 else ["mul", None, *others]
    return ["neg", None, product] if negative else product


def _powers(factors):
    """Equal factors as a power."""
    found = []
    for factor in factors:
        for entry in found:
            if entry[0] == factor:
                entry[1] += 1
                break
        else:
            found.append([factor, 1])
    return [f if n == 1 else ["pow", None, f, n] for f, n in found]


def _negation(op, params, parts):
    return _product("mul", None, [-1, parts[0]])


def _addition(op, params, parts):
    x, y = parts
    if y == 0 and is_number(y):
        return x
    if x == 0 and is_number(x):
        return y
    if isinstance(y, list) and y[0] == "neg":
        return _subtraction("sub", None, [x, y[2]])
    return [op, None, x, y]


def _subtraction(op, params, parts):
    x, y = parts
    if y == 0 and is_number(y):
        return x
    if x == 0 and is_number(x):
        return _negation("neg", None, [y])
    if isinstance(y, list) and y[0] == "neg":
        return _addition("add", None, [x, y[2]])
    return [op, None, x, y]


def _quotient(op, params, parts):
    x, y = parts
    if y == 1 and is_number(y):
        return x
    if x == 0 and is_number(x):
        return 0
    if isinstance(x, list) and x[0] == "neg":
        return _negation("neg", None, [_quotient(op, None, [x[2], y])])
    if isinstance(x, list) and x[0] == "div":
        return _quotient(op, None, [x[2], _product("mul", None, [x[3], y])])
    return [op, None, x, y]


def _power(op, params, parts):
    base, exponent = parts
    if is_number(exponent) and exponent == 1:
        return base
    return [op, None, base, exponent]


def _clamp(op, params, parts):
    """Between bounds: the larger of x and the lower one, then the smaller of that and the upper."""
    if len(parts) > 1:  # the bounds are tensors
        return [op, params, *parts]
    (x,) = parts
    low, high = (params or {}).get("low"), (params or {}).get("high")
    x = x if low is None else ["maximum", None, x, whole(low)]
    return x if high is None else ["minimum", None, x, whole(high)]


def _choice(op, params, parts):
    condition, x, y = parts
    if y == 0 and is_number(y):
        return _product("mul", None, [["bracket", None, condition], x])
    if x == 0 and is_number(x):
        return _product("mul", None, [["bracket", None, _not("not", None, [condition])], y])
    return [op, params, condition, x, y]


def _not(op, params, parts):
    (condition,) = parts
    if isinstance(condition, list) and condition[0] in OPPOSITE:
        return [OPPOSITE[condition[0]], None, *condition[2:]]
    return ["not", None, condition]


def _unequal(op, params, parts):
    # x != x asks for NaN; a formula for people leaves that case out.
    return False if parts[0] == parts[1] else [op, None, *parts]


def _both(op, params, parts):
    if any(part is False for part in parts):
        return False
    return ["and", None, *parts]


def _either(op, params, parts):
    telling = [part for part in parts if part is not False]
    return telling[0] if len(telling) == 1 else ["or", None, *parts]


def _sum(op, params, parts):
    """A sum of sums is one: broadcasting is undone along new axes first, then the others."""
    (inner,) = parts
    if not (isinstance(inner, list) and inner[0] == "sum" and {"rule", "shape"} <= inner[1].keys()):
        return [op, params, inner]
    sizes = [n for _, n in inner[1]["rule"][1]]
    first, keeps = inner[1]["axes"], inner[1]["keepdims"]
    whole = list(inner[1]["shape"])
    for axis, n in zip(sorted(first), sizes, strict=True):
        whole[axis : axis + keeps] = [n]
    places = [a for a in range(len(whole)) if keeps or a not in first]
    axes = sorted({*first, *[places[a] for a in params["axes"]]})
    left = [n for a, n in enumerate(whole) if a not in axes]
    said = {"axes": axes, "keepdims": False, "shape": left}
    total = [op, {**said, "rule": rule_of(op, said, [whole], left)}, inner[2]]
    if left == params["shape"]:
        return total
    return ["view", {"shape": params["shape"],
                     "rule": rule_of("view", {}, [left], params["shape"])}, total]  # fmt: skip


REAL = CONDITIONS | {"bracket", "abs", "real", "imag"}


def _conjugate(op, params, parts):
    """Moved inside products and sums, so that two of them meet: the message is conj(x)·g."""
    (x,) = parts
    if is_number(x) or isinstance(x, bool):
        return x
    if not isinstance(x, list):
        return [op, None, x]
    if x[0] == "conj":
        return x[2]
    if x[0] in REAL:
        return x
    if x[0] in ("mul", "div", "neg", "add", "sub"):
        inner = [_conjugate(op, None, [part]) for part in x[2:]]
        return RULES[x[0]](x[0], None, inner)
    return [op, None, x]


RULES = {
    "conj": _conjugate,
    "sum": _sum,
    **dict.fromkeys(COPIES, _copy),
    "zeros_like": lambda op, params, parts: 0,
    "mul": _product,
    "neg": _negation,
    "add": _addition,
    "sub": _subtraction,
    "div": _quotient,
    "pow": _power,
    "where": _choice,
    "clamp": _clamp,
    "logical_not": _not,
    "ne": _unequal,
    "bitwise_and": _both,
    "bitwise_or": _either,
}
