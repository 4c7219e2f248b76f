"""Formulas of whole graphs, and of local derivatives: a rule is traced like any other program.

Rules are written with primitives, and each primitive has a formula (`tex`), so the formula of a
derivative needs no second table. Read `derivative_of`.
"""

import numpy as np

from ..core.modes import set_grad
from ..program.formula import apply, formula_of, name, number
from ..program.ir import Variable
from .trace import Tracer

__all__ = ["derivative_of", "formulas_of", "product_of"]

_WIDE = np.dtype(np.float64)


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


def derivative_of(prim, index, args, params):
    """The local derivative of an elementwise primitive by its input `index`, as a formula; None
    where no gradient passes.

    `args` are formulas; those that are numbers count as Python numbers (x**2, not x**y).

    >>> from tidu.primitives.functions import sin
    >>> from tidu.program.formula import name
    >>> derivative_of(sin, 0, [name("x")], {}).text()
    'cos(x)'
    """
    return product_of(prim, index, args, params, number(1))


def product_of(prim, index, args, params, g, specs=None):
    """What the primitive sends to input `index` for the cotangent `g`: the vector-Jacobian product.

    `specs` are (shape, NumPy dtype) of each input; scalars of float64 where none are given.

    >>> from tidu.primitives.contraction import matmul
    >>> from tidu.program.formula import name
    >>> two = ((2, 2), np.dtype("float32"))
    >>> product_of(matmul, 1, [name("x"), name("w")], {}, name("g"), [two, two]).text()
    'x.T @ g'
    """
    tracer, formulas, handles = Tracer(), [], []
    specs = specs or [((), _WIDE)] * len(args)

    def stand_in(formula, spec):
        formulas.append(formula)
        return tracer.input(*spec)

    for a, spec in zip(args, specs, strict=True):
        handles.append(a.args[0] if a.is_number else stand_in(a, spec))
    was = set_grad(False)
    try:
        out, cotangent = _outputs(prim, handles, args, params, g, stand_in)
        shapes = tuple([getattr(h, "shape", ()) for h in handles])
        edges = tuple([tracer if i == index else None for i in range(len(args))])
        back = prim.backward(cotangent, (*handles, out, shapes), params, edges)[index]
    finally:
        set_grad(was)
    if back is None:
        return None
    tracer.graph.outputs = [tracer.variable_of(back)]
    return formulas_of(tracer.graph, formulas)[0]


def _outputs(prim, handles, args, params, g, stand_in):
    """Stand-ins for the output (outputs) and its cotangent."""
    made = Tracer()
    copies = [made.input(h.shape, h._value.element_type) if hasattr(h, "_value") else h
              for h in handles]  # fmt: skip
    out = made.process(prim, copies, params)
    value = formula_of(prim, args, params)
    if not isinstance(out, tuple):
        spec = (tuple(out._value.shape), out._value.element_type)
        return stand_in(value, spec), stand_in(g, spec)
    specs = [(tuple(o._value.shape), o._value.element_type) for o in out]
    outs = [stand_in(apply("index", value, number(i)), s) for i, s in enumerate(specs)]
    seeds = [stand_in(name(f"{g.text()}_{i}"), s) for i, s in enumerate(specs)]
    return tuple(outs), tuple(seeds)
