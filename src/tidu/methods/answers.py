"""One function for each method of finding a gradient; all give tensors, seconds and a size.

`all_answers` runs them; `truth` is what their errors are measured against.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops
from ..base.dtypes import float64
from ..base.lazy import lazy_module
from ..func import grad_and_value, jvp
from ..func.symbolic_form import symbolic
from ..program.symbols import sympy
from ..transforms.trace import trace

__all__ = ["Problem", "Answer", "all_answers", "error", "numerical", "truth"]

picture_module = lazy_module(__name__.rpartition(".")[0] + ".picture")

STEPS = [10.0**-k for k in np.arange(1, 15.5, 0.5)]
DIGITS = 40


class Problem:
    """The scalar function of named float64 tensors, at one point."""

    def __init__(self, text, function, names, point):
        self.text, self.names, self.point = text, names, point
        self.function = function
        out = function(*point)
        if not hasattr(out, "_value"):
            raise RuntimeError(f"{text} does not depend on {', '.join(names)}")
        if out.numel() != 1:
            raise RuntimeError(f"{text} gives {out.numel()} numbers; a gradient needs one, "
                               "so sum or weigh them first")  # fmt: skip
        self.value = out.item()
        self.size = sum([x.numel() for x in point])


@dataclass
class Answer:
    """What one method gave; `gradient` has a tensor for each input, None where it has none."""

    method: str
    gradient: list
    seconds: float | None
    size: str
    note: str = ""
    exact: Any = None


def counted(number, word):
    return f"{number} {word}{'' if number == 1 else 's'}"


def clocked(work, budget=0.02):
    """(result, the least seconds of a few runs that take about `budget` together)."""
    best, spent = float("inf"), 0.0
    while True:
        start = time.perf_counter()
        result = work()
        took = time.perf_counter() - start
        best, spent = min(best, took), spent + took
        if spent > budget:
            return result, best


def all_answers(problem, manual):
    """(the Answers in the order of the table, {step: (forward, central)} for the sweep)."""
    rows = [by_hand(problem, manual)] if manual else []
    sweep = {h: (numerical(problem, h, False), numerical(problem, h, True)) for h in STEPS}
    rows += [by_differences(problem, False), by_differences(problem, True)]
    symbolic_way = by_sympy(problem)
    rows += [symbolic_way, automatic_forward(problem), automatic_reverse(problem)]
    return rows, sweep


# --- by hand ------------------------------------------------------------------------------------


def by_hand(problem, manual):
    def work():
        return [_as_tensor(manual[n][0]()) if n in manual else None for n in problem.names]

    gradient, seconds = clocked(work)
    sizes = [size for _, size in manual.values()]
    text = "-" if None in sizes else counted(sum(sizes), "operation")
    return Answer("manual", gradient, seconds, text, "as right as whoever worked it out")


def _as_tensor(value):
    return value if hasattr(value, "_value") else ops.tensor(value, dtype=float64)


# --- differences --------------------------------------------------------------------------------


def numerical(problem, step, central):
    """The gradient by differences, one element of the input after another."""
    base = None if central else problem.function(*problem.point).item()
    gradient = []
    for k, x in enumerate(problem.point):
        flat = x.numpy().reshape(-1)
        found = np.empty(flat.size)
        for i in range(flat.size):
            h = step * max(abs(flat[i]), 1.0)
            up = _moved(problem, k, flat, i, h)
            found[i] = (
                (up - _moved(problem, k, flat, i, -h)) / (2 * h) if central else (up - base) / h
            )
        gradient.append(ops.tensor(found.reshape(tuple(x.shape)), dtype=float64))
    return gradient


def _moved(problem, k, flat, i, h):
    other = flat.copy()
    other[i] += h
    inputs = list(problem.point)
    inputs[k] = ops.tensor(other.reshape(tuple(inputs[k].shape)), dtype=float64)
    return problem.function(*inputs).item()


def by_differences(problem, central):
    """With the step that balances truncation and rounding: eps^(1/2), central eps^(1/3)."""
    step = np.finfo(float).eps ** (1 / 3 if central else 1 / 2)
    gradient, seconds = clocked(lambda: numerical(problem, step, central))
    calls = 2 * problem.size if central else problem.size + 1
    kind = "central" if central else "forward"
    order = "h²" if central else "h"
    return Answer(f"numerical, {kind}", gradient, seconds, f"{calls} calls of f",
               f"h = {step:.1e}; error grows as {order} and as 1/h")  # fmt: skip


# --- SymPy --------------------------------------------------------------------------------------


def by_sympy(problem):
    """SymPy differentiates the formula of the value; the derivative is then evaluated."""
    try:
        start = time.perf_counter()
        form = symbolic(problem.function, *problem.point, names=problem.names)
        value = form.value.sympy()
        symbols = [_symbols(n, x) for n, x in zip(problem.names, problem.point, strict=True)]
        partials = [[sympy.diff(value, s) for s in each] for each in symbols]
        derived = time.perf_counter() - start
    except (ModuleNotFoundError, NotImplementedError, RuntimeError) as missing:
        reason = str(missing).splitlines()[0]
        return Answer("symbolic", [None] * len(problem.names), None, "-", reason)
    return _evaluated(problem, symbols, partials, derived)


def _symbols(word, tensor):
    places = np.ndindex(*tensor.shape)
    return [sympy.Symbol("_".join([word, *map(str, p)]), real=True) for p in places]


def _evaluated(problem, symbols, partials, derived):
    flat = [s for each in symbols for s in each]
    every = [p for each in partials for p in each]
    numbers = [v for x in problem.point for v in x.reshape(-1).tolist()]
    values = {s: sympy.Float(v, DIGITS) for s, v in zip(flat, numbers, strict=True)}
    try:
        exact = [sympy.N(p.subs(values), DIGITS) for p in every]
        compute = sympy.lambdify(flat, every, modules=["scipy", "numpy"])
        with np.errstate(all="ignore"):
            found, seconds = clocked(lambda: [float(v) for v in compute(*numbers)])
        true = _shaped(problem, exact)
    except (TypeError, NameError, ValueError, AttributeError, ArithmeticError, KeyError) as error:
        note = f"SymPy's derivative has no real value here ({type(error).__name__}: {error})"
        return Answer("symbolic", [None] * len(problem.names), None, "-", note)
    parts, short = sympy.cse(every)
    shared = sum([p.count_ops() for _, p in parts]) + sum([e.count_ops() for e in short])
    written = sum([p.count_ops() for p in every])
    size = f"{counted(written, 'operation')}, {shared} shared"
    note = f"derived in {derived * 1e3:.0f} ms"
    if len(partials) == 1 and len(partials[0]) == 1 and len(str(every[0])) < 60:
        note += f": {every[0]}"
    return Answer("symbolic", _shaped(problem, found), seconds, size, note, true)


def _shaped(problem, numbers):
    """Numbers one after another as a tensor for each input."""
    gradient, start = [], 0
    for x in problem.point:
        part = [float(v) for v in numbers[start : start + x.numel()]]
        gradient.append(ops.tensor(part, dtype=float64).reshape(tuple(x.shape)))
        start += x.numel()
    return gradient


# --- automatic ----------------------------------------------------------------------------------


def automatic_forward(problem):
    """One pass with a unit tangent for each element of the input."""

    def work():
        gradient = []
        for k, x in enumerate(problem.point):
            units = np.eye(x.numel()).reshape(-1, *x.shape)
            gradient.append(ops.stack([_along(problem, k, u) for u in units]).reshape(x.shape))
        return gradient

    gradient, seconds = clocked(work)
    passes = f"{problem.size} pass{'es' if problem.size > 1 else ''}"
    size = f"{passes} of {_length(problem, False)}"
    return Answer("automatic, forward", gradient, seconds, size)


def _along(problem, k, unit):
    tangents = [ops.zeros_like(x) for x in problem.point]
    tangents[k] = ops.tensor(unit, dtype=float64)
    return jvp(problem.function, tuple(problem.point), tuple(tangents))[1].reshape(())


def automatic_reverse(problem):
    """One forward and one backward pass."""
    numbers = tuple(range(len(problem.names)))
    both = grad_and_value(lambda *xs: problem.function(*xs).reshape(()), argnums=numbers)
    (gradient, _), seconds = clocked(lambda: both(*problem.point))
    return Answer("automatic, reverse", list(gradient), seconds,
               f"1 pass of {_length(problem, True)}")  # fmt: skip


def _length(problem, with_gradient):
    """Equations in the graph of the function, or of value and gradient together."""
    specs = [(tuple(x.shape), np.dtype(np.float64)) for x in problem.point]

    def forward(*xs):
        return jvp(problem.function, xs, tuple([ops.ones_like(x) for x in xs]))

    def reverse(*xs):
        return grad_and_value(lambda *ys: problem.function(*ys).reshape(()),
                              argnums=tuple(range(len(xs))))(*xs)[0]  # fmt: skip

    try:
        graph = trace(reverse if with_gradient else forward, *specs)
    except RuntimeError:  # the function branches on values
        return "as many operations as it takes"
    return counted(len(graph.equations), "operation")


# --- errors -------------------------------------------------------------------------------------


def truth(problem, rows):
    """(the gradient that errors are measured against, where it comes from)."""
    for row in rows:
        if row.exact is not None and all(np.isfinite(g.numpy()).all() for g in row.exact):
            return row.exact, f"SymPy's derivative in {DIGITS} digits"
    return rows[-1].gradient, "automatic, reverse (SymPy has no formula for this function)"


def error(gradient, reference):
    """The largest difference relative to the largest element (at least 1), or None."""
    pairs = [(g, r) for g, r in zip(gradient, reference, strict=True) if g is not None]
    if not pairs:
        return None
    scale = max([1.0, *[float(np.abs(r.numpy()).max(initial=0)) for r in reference]])
    off = [float(np.abs(g.numpy() - r.numpy()).max(initial=0)) for g, r in pairs]
    return max(off) / scale
