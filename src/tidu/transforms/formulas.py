"""Formulas of whole graphs, put together from those of primitives (`tex`).

Rules are written with primitives, so the formula of a derivative, traced like any other program,
needs no second table.
"""

import numpy as np

from ..program.formula import apply, formula_of, number
from ..program.ir import Variable

__all__ = ["formulas_of"]


def formulas_of(graph, inputs):
    """The formula of each output of `graph`, for the formulas `inputs` of its inputs."""
    values = dict(zip(graph.inputs, inputs, strict=True))
    for variable in graph.constants:
        values[variable] = number(_simple(variable.constant))
    for equation in graph.equations:
        ins = [_formula(i, values) for i in equation.ins]
        out = formula_of(equation.prim, ins, equation.params)
        if len(equation.outs) == 1:
            values[equation.outs[0]] = out
            continue
        for i, variable in enumerate(equation.outs):
            values[variable] = apply("index", out, number(i))
    return [_formula(o, values) for o in graph.outputs]


def _simple(constant):
    """An array of one number throughout is written as that number."""
    array = np.asarray(constant)
    same = array.size > 0 and array.dtype.kind in "fiu" and bool((array == array.flat[0]).all())
    return array.flat[0] if same else constant


def _formula(item, values):
    return values[item] if isinstance(item, Variable) else number(item)
