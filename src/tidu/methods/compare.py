"""`compare`: the gradient of one function by every method, with error, time and size.

The numbers come from `methods/answers.py`, one function for each method; here they are put side by
side. Read `compare`.
"""

import json
from dataclasses import asdict, dataclass, field

from .. import ops
from ..base.dtypes import float64
from ..base.errors import hinted
from ..core.primitive import names_of
from . import answers
from .expression import ExpressionError, function_of
from .table import print_table, text_table

__all__ = ["Comparison", "Row", "compare"]


@dataclass
class Row:
    """One method: the gradient it found {name: number or nested list}, and what it cost."""

    method: str
    gradient: dict
    error: float | None
    seconds: float | None
    size: str
    note: str = ""


@dataclass
class Comparison:
    """What `compare` found: `rows`, the step-size `sweep`, and the `reference` of the errors."""

    function: str
    at: dict
    value: float
    rows: list
    reference: str
    sweep: dict = field(default_factory=dict)

    def __str__(self):
        return text_table(self)

    def print(self):
        """Print the table: with colours on a terminal, plain in a pipe or under NO_COLOR."""
        print_table(self)

    def picture(self, path):
        """Draw errors by step size and by method; the file's suffix chooses the format."""
        answers.picture_module.draw(self, path)

    def to_json(self):
        """All numbers as JSON text."""
        return json.dumps(asdict(self), indent=2)


def compare(func, at, manual=None):
    """The gradient of `func` by the four methods: manual, numerical, symbolic and automatic.

    Args:
        func: a formula as text, or a function of float64 tensors that returns a scalar tensor.
        at: the point, {name: number or nested list}; for a function a tuple will do.
        manual: {name: formula as text, number or function}: derivatives worked out by hand.

    Returns:
        Comparison: printing it shows the table. The error of a method is the largest difference
        from the reference, relative to the largest element of the gradient (or 1, if that is
        larger); the reference is SymPy's derivative in 40 digits where SymPy knows the function.

    Raises:
        ExpressionError: for a text that is no formula, or lacks a value.

    >>> import tidu
    >>> found = tidu.compare("x**2 + y**3", {"x": 3, "y": 2}, manual={"x": "2*x", "y": "3*y**2"})
    >>> [row.gradient["x"] for row in found.rows if "automatic" in row.method]
    [6.0, 6.0]
    """
    text, function, names = _function(func, at)
    values = at if isinstance(at, dict) else dict(zip(names, at, strict=True))
    _check_names(text, names, values)
    point = {n: ops.tensor(values[n], dtype=float64) for n in names}
    problem = answers.Problem(text, function, names, list(point.values()))
    rows, sweep = answers.all_answers(problem, _manual(manual or {}, names, point))
    truth, reference = answers.truth(problem, rows)
    made = [
        Row(a.method, _plain(a.gradient, names), answers.error(a.gradient, truth), a.seconds,
            a.size, a.note)
        for a in rows
    ]  # fmt: skip
    swept = {"h": list(sweep)}
    for i, kind in enumerate(("forward", "central")):
        swept[kind] = [answers.error(pair[i], truth) for pair in sweep.values()]
    return Comparison(text, _plain(list(point.values()), names), problem.value, made, reference,
                      swept)  # fmt: skip


def _function(func, at):
    if isinstance(func, str):
        by_name, names, formula = function_of(func)
        return formula.text(), lambda *xs: by_name(**dict(zip(names, xs, strict=True))), names
    if isinstance(at, dict):
        names = list(at)
    else:
        names = list(names_of(func))[: len(at)]
    return getattr(func, "__name__", "f"), func, names


def _check_names(text, names, values):
    missing = [n for n in names if n not in values]
    extra = [n for n in values if n not in names]
    if missing or extra:
        word = "no value is given for" if missing else "the formula has no variable"
        which = ", ".join(map(repr, missing or extra))
        raise ExpressionError(hinted(f"{text}: {word} {which}", f"its variables: {names}"))
    if not names:
        raise ExpressionError(hinted(f"{text} has no variables", "write one such as x**2"))


def _manual(manual, names, point):
    """Each derivative given by hand, as a function of the point."""
    found = {}
    for n, given in manual.items():
        if n not in names:
            raise ExpressionError(f"a derivative by {n!r} is given, which is no variable")
        if isinstance(given, str):
            function, inner, formula = function_of(given)
            lacking = [i for i in inner if i not in point]
            if lacking:
                raise ExpressionError(f"the derivative by {n!r} names {lacking[0]!r}, unknown here")
            found[n] = (lambda f=function: f(**point), formula.size)
        elif callable(given):
            found[n] = (lambda f=given: f(*point.values()), None)
        else:
            found[n] = (lambda v=given: v, 0)
    return found


def _plain(tensors, names):
    """{name: numbers} for JSON and printing; None where a method gives no derivative."""
    return {n: None if t is None else t.tolist() for n, t in zip(names, tensors, strict=True)}
