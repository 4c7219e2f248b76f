"""A formula as text in one line, and as LaTeX. Parentheses stand where the reading needs them.

Read `text` and `latex`. Both walk the tree once; `_RANK` is how tightly an operation binds.
"""

import numpy as np

__all__ = ["constant", "latex", "text"]

_RANK = {
    "if": 0, "or": 1, "xor": 1, "and": 2, "not": 3, "lt": 4, "le": 4, "gt": 4, "ge": 4, "eq": 4,
    "ne": 4, "add": 5, "sub": 5, "mul": 6, "div": 6, "matmul": 6, "neg": 5.5, "pow": 8,
}  # fmt: skip
_SIGN = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=", "and": "and",
         "or": "or", "xor": "xor", "add": "+", "sub": "-"}  # fmt: skip


def _rank(formula):
    if formula.op == "value":
        value = formula.args[0]
        if isinstance(value, complex):
            return 5
        return 5.5 if isinstance(value, (int, float)) and value < 0 else 10
    return _RANK.get(formula.op, 10)


def constant(value):
    """A constant as one writes it in an index or an argument list."""
    if isinstance(value, float):
        return format(value, ".6g") if format(value, ".6g").rstrip("0") else "0"
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


# --- text ---------------------------------------------------------------------------------------


def text(formula):
    """`2 * x + sin(x)`: Python's writing."""
    op, args = formula.op, formula.args
    if op == "name":
        return args[0]
    if op == "value":
        return constant(args[0])
    if op == "if":
        yes, test, no = [_within(a, 0.5) for a in args]
        return f"{yes} if {test} else {text(args[2]) if args[2].op == 'if' else no}"
    if op in ("neg", "not"):
        return ("-" if op == "neg" else "not ") + _within(args[0], _RANK[op] + 0.1)
    if op in _SIGN:
        extra = 0.1 if op != "add" else 0
        return f"{_within(args[0], _RANK[op])} {_SIGN[op]} {_within(args[1], _RANK[op] + extra)}"
    if op in ("mul", "div", "matmul"):
        sign = {"mul": "*", "div": "/", "matmul": "@"}[op]
        return f"{_within(args[0], 6)} {sign} {_within(args[1], 6 if op == 'mul' else 6.1)}"
    if op == "pow":
        return f"{_within(args[0], 8.1)}**{_within(args[1], 8)}"
    if op == "transpose":
        return f"{_within(args[0], 10)}.T"
    if op == "index":
        return f"{_within(args[0], 10)}[{', '.join([_place(a, text) for a in args[1:]])}]"
    return f"{op}({', '.join([text(a) for a in args])})"


def _within(formula, least):
    written = text(formula)
    return written if _rank(formula) >= least else f"({written})"


def _place(formula, write):
    if formula.op == "value" and isinstance(formula.args[0], tuple):
        return ", ".join([constant(v) for v in formula.args[0]])
    return write(formula)


# --- LaTeX --------------------------------------------------------------------------------------

_WORDS = {
    "sin": r"\sin", "cos": r"\cos", "tan": r"\tan", "asin": r"\arcsin", "acos": r"\arccos",
    "atan": r"\arctan", "sinh": r"\sinh", "cosh": r"\cosh", "tanh": r"\tanh", "log": r"\ln",
    "log2": r"\log_2", "log10": r"\log_{10}", "det": r"\det",
    "asinh": r"\operatorname{arsinh}", "acosh": r"\operatorname{arcosh}",
    "atanh": r"\operatorname{artanh}",
}  # fmt: skip
_CALLS = {"maximum": r"\max", "minimum": r"\min", "amax": r"\max", "amin": r"\min", "digamma":
          r"\psi", "sigmoid": r"\sigma", "gcd": r"\gcd"}  # fmt: skip
_AROUND = {
    "sqrt": (r"\sqrt{", "}"), "abs": (r"\left|", r"\right|"),
    "floor": (r"\left\lfloor ", r" \right\rfloor"), "ceil": (r"\left\lceil ", r" \right\rceil"),
    "conj": (r"\overline{", "}"), "exp": ("e^{", "}"),
}  # fmt: skip
_RELATION = {"lt": "<", "le": r"\le", "gt": ">", "ge": r"\ge", "eq": "=", "ne": r"\ne",
             "and": r"\wedge", "or": r"\vee", "xor": r"\oplus", "add": "+", "sub": "-"}  # fmt: skip
_GREEK = {"alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "lambda", "mu", "nu", "pi",
          "rho", "sigma", "tau", "phi", "chi", "psi", "omega"}  # fmt: skip


def latex(formula, tight=False):
    r"""`2 x + \sin x`. With `tight`, what may stand beside a factor without being misread."""
    op, args = formula.op, formula.args
    if op == "name":
        return _symbol(args[0])
    if op == "value":
        return _constant(args[0])
    if op in _WORDS:
        bare = not tight and args[0].op in ("name", "value") and _rank(args[0]) == 10
        return f"{_WORDS[op]} {latex(args[0])}" if bare else _WORDS[op] + _paren(latex(args[0]))
    if op in _AROUND:
        before, after = _AROUND[op]
        return before + latex(args[0]) + after
    writer = _WRITERS.get(op)
    if writer is not None:
        return writer(*args)
    if op in _RELATION:
        extra = 0.1 if op != "add" else 0
        left, right = _inside(args[0], _RANK[op]), _inside(args[1], _RANK[op] + extra)
        return f"{left} {_RELATION[op]} {right}"
    listed = ", ".join([latex(a) for a in args])
    return _CALLS.get(op, rf"\operatorname{{{_escaped(op)}}}") + _paren(listed)


def _paren(written):
    return rf"\left({written}\right)"


def _escaped(word):
    return word.replace("_", r"\_")


def _inside(formula, least, tight=False):
    written = latex(formula, tight)
    return written if _rank(formula) >= least else _paren(written)


def _symbol(word):
    base, _, lower = word.partition("_")
    if base in _GREEK:
        base = "\\" + base
    elif len(base) > 1 and not base.startswith("\\"):
        base = rf"\mathrm{{{base}}}"
    if not lower:
        return base
    below = lower if lower.isdigit() else rf"\mathrm{{{_escaped(lower)}}}"
    return rf"{base}_{{{below}}}"


def _constant(value):
    if isinstance(value, bool) or value is None or isinstance(value, (str, np.dtype)):
        return rf"\mathrm{{{_escaped(constant(value))}}}"
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return r"\infty" if value > 0 else r"-\infty"
    written = constant(value)
    if isinstance(value, float) and "e" in written:
        digits, _, power = written.partition("e")
        return rf"{digits} \cdot 10^{{{int(power)}}}"
    return written


def _product(a, b):
    left, right = _inside(a, 6, True), _inside(b, 6, b.op != "mul")
    between = r" \cdot " if right[0].isdigit() or right[0] == "-" else r" \, "
    if a.is_number and not right[0].isdigit():
        between = r" \, "
    return left + between + right


def _fraction(a, b):
    return rf"\frac{{{latex(a)}}}{{{latex(b)}}}"


def _power(a, b):
    if a.op in _WORDS and b.is_number and a.op not in ("log2", "log10", "det"):
        bare = a.args[0].op in ("name", "value")
        inner = latex(a.args[0])
        return rf"{_WORDS[a.op]}^{{{latex(b)}}} {inner if bare else _paren(inner)}"
    base = _inside(a, 9, True)
    if a.op in ("exp", "transpose", "inv"):
        base = _paren(base)
    return rf"{base}^{{{latex(b)}}}"


def _cases(yes, test, no):
    rows = [rf"{latex(yes)} & {latex(test)}"]
    while no.op == "if":
        yes, test, no = no.args
        rows.append(rf"{latex(yes)} & {latex(test)}")
    rows.append(rf"{latex(no)} & \text{{otherwise}}")
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


def _sum(x, *axes):
    lower = _axes(axes)
    return rf"\sum{lower} {_inside(x, 6)}"


def _axes(axes):
    chosen = axes[0].args[0] if axes and axes[0].op == "value" else ()
    return rf"_{{{', '.join(map(str, chosen))}}}" if chosen else ""


def _index(x, *places):
    inner = ", ".join([_place(p, latex) for p in places])
    return rf"{_inside(x, 10)}\left[{inner}\right]"


_WRITERS = {
    "mul": _product,
    "div": _fraction,
    "pow": _power,
    "if": _cases,
    "sum": _sum,
    "index": _index,
    "matmul": lambda a, b: rf"{_inside(a, 6, True)} \, {_inside(b, 6.1, True)}",
    "neg": lambda a: f"-{_inside(a, 5.6)}",
    "not": lambda a: rf"\neg {_inside(a, 5)}",
    "mean": lambda x, *axes: rf"\operatorname{{mean}}{_axes(axes)} {_inside(x, 7)}",
    "norm": lambda x, *axes: rf"\left\lVert {latex(x)} \right\rVert",
    "transpose": lambda x: rf"{_inside(x, 9)}^{{\top}}",
    "inv": lambda x: rf"{_inside(x, 9)}^{{-1}}",
    "pinv": lambda x: rf"{_inside(x, 9)}^{{+}}",
    "adjoint": lambda x: rf"{_inside(x, 9)}^{{*}}",
    "lgamma": lambda x: rf"\ln\left|\Gamma\left({latex(x)}\right)\right|",
    "polygamma": lambda n, x: rf"\psi^{{({latex(n)})}}\left({latex(x)}\right)",
    "erfinv": lambda x: rf"\operatorname{{erf}}^{{-1}}\left({latex(x)}\right)",
    "convolve": lambda x, w: rf"{_inside(x, 6)} \ast {_inside(w, 6.1)}",
    "convolve_back": lambda x, w: rf"{_inside(x, 6)} \ast^{{\top}} {_inside(w, 6.1)}",
    "remainder": lambda x, y: rf"{_inside(x, 6)} \bmod {_inside(y, 6.1)}",
}  # fmt: skip
