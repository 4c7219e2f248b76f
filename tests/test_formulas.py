"""The formula (`tex`) of every primitive: it reads, it renders, and SymPy computes the same."""

import importlib
import pkgutil

import numpy as np
import pytest

from tidu import primitives
from tidu.core.modes import set_grad
from tidu.core.primitive import Primitive
from tidu.program.formula import apply, formula_of, name, number, parse
from tidu.program.symbols import sympy_of
from tidu.transforms.formulas import formulas_of
from tidu.transforms.trace import Tracer

F64 = np.dtype("float64")


def all_primitives():
    found = {}
    for entry in pkgutil.iter_modules(primitives.__path__):
        module = importlib.import_module(f"tidu.primitives.{entry.name}")
        for key, prim in vars(module).items():
            if isinstance(prim, Primitive):
                found.setdefault(id(prim), (key, prim))
    return sorted(found.values(), key=lambda pair: pair[0])


PARAMS = {
    "polygamma": {"order": 1}, "leaky_relu": {"slope": 0.1},
    "softplus": {"beta": 2.0, "threshold": 20.0}, "clamp": {"low": -0.3, "high": 0.5},
    "elu": {"alpha": 1.5, "scale": 1.1, "inner": 1.2}, "hardtanh": {"low": -1.0, "high": 1.0},
    "softshrink": {"bound": 0.25}, "hardshrink": {"bound": 0.25},
}  # fmt: skip
KINDS = {  # primitives with a parameter that says which function: each of them
    "bessel": {
        f"{kind}{order}{'e' * scaled}": {"kind": kind, "order": order, "scaled": scaled}
        for kind in "ikjy" for order in (0, 1) for scaled in (False, True)
        if kind in "ik" or not scaled
    },
    "airy_ai": {"0": {"order": 0}, "1": {"order": 1}},
    "igamma": {"lower": {"upper": False}, "upper": {"upper": True}},
}  # fmt: skip
POINTS = {1: [(0.4,), (0.7,)], 2: [(0.4, 0.7), (0.7, 0.4)], 3: [(0.4, 0.2, 0.7), (0.9, 0.2, 0.7)]}
SHIFTED = {"acosh": 1.0, "zeta": 1.0}  # what is defined from 1 on
WHOLE = {"left_shift", "right_shift", "gcd", "lcm", "bitwise_and", "bitwise_or", "bitwise_xor",
         "bitwise_not", "logical_not"}  # fmt: skip
UNKNOWN = {("zeta", 0), ("igamma", 0)}  # no derivative by that input
NO_WORD = {"nextafter"}  # nothing in SymPy stands for it
COMPLEX = {"complex", "imag", "real"}

ALL = []
for _key, _prim in all_primitives():
    for _kind, _params in KINDS.get(_key, {"": {}}).items():
        _name = f"{_key} {_kind}".strip()
        ALL.append((_name, _prim))
        if _params:
            PARAMS[_name] = _params
REAL = [(key, p) for key, p in ALL if p.kind == "elementwise" and p.name not in NO_WORD]


def params_of(key, prim):
    return PARAMS.get(key, {}) if key not in ("clamp_low", "clamp_high", "clamp_between") else {}


def points(prim):
    n = len(prim.inputs)
    for point in POINTS[n]:
        point = tuple([v + SHIFTED.get(prim.name, 0.0) for v in point])
        if prim.name in WHOLE:
            logic = "bitwise" in prim.name or "logical" in prim.name
            yield tuple([np.bool_(v > 0.5) if logic else np.int64(10 * v) for v in point])
        elif prim.name == "where":
            yield (np.bool_(point[0] > 0.5), np.float64(point[1]), np.float64(point[2]))
        else:
            yield tuple([np.float64(v) for v in point])


def by_sympy(formula, names, point):
    sympy = pytest.importorskip("sympy")
    values = {
        n: sympy.true if v is np.True_ else sympy.false if v is np.False_ else
        sympy.Integer(int(v)) if isinstance(v, np.integer) else sympy.Float(float(v), 30)
        for n, v in zip(names, point, strict=True)
    }  # fmt: skip
    found = sympy_of(formula, values)
    if found in (True, False, sympy.true, sympy.false):
        return float(bool(found))
    return complex(sympy.N(found, 20)) if found.has(sympy.I) else float(sympy.N(found, 20))


# --- rules as formulas: each is traced on stand-ins, like any other program ----------------------


def derivative_of(prim, index, args, params):
    """The local derivative of an elementwise primitive by its input `index`, as a formula; None
    where no gradient passes.

    `args` are formulas; those that are numbers count as Python numbers (x**2, not x**y).
    """
    return product_of(prim, index, args, params, number(1))


def product_of(prim, index, args, params, g, specs=None):
    """What the primitive sends to input `index` for the cotangent `g`: the vector-Jacobian product.

    `specs` are (shape, NumPy dtype) of each input; scalars of float64 where none are given.
    """
    tracer, formulas, handles = Tracer(), [], []
    specs = specs or [((), F64)] * len(args)

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


# --- the tests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "prim"), ALL, ids=[key for key, _ in ALL])
def test_each_has_a_formula_that_renders(key, prim):
    assert prim.tex is not None
    params = {"axes": (0,), "axis": 0, "largest": True, "inverse": False, "scale": 1.0}
    params.update(params_of(key, prim))
    if prim.name == "permute":
        params = {"axes": (1, 0)}
    elif prim.name == "fft_c2c":
        params.pop("axes"), params.pop("largest")
    args = [name(n) for n in prim.inputs] or [name("a"), name("b")]
    formula = formula_of(prim, args, params)
    assert formula.text() and formula.latex()
    assert formula.latex().count("{") == formula.latex().count("}")
    assert formula.latex().count(r"\left") == formula.latex().count(r"\right")


@pytest.mark.parametrize(("key", "prim"), REAL, ids=[key for key, _ in REAL])
def test_sympy_computes_the_same_value(key, prim):
    params = params_of(key, prim)
    args = [name(n) for n in prim.inputs]
    for point in points(prim):
        expected = prim.eval(*point, **params)
        found = by_sympy(formula_of(prim, args, params), prim.inputs, point)
        np.testing.assert_allclose(complex(found), complex(expected), rtol=1e-13)


SMOOTH = [(k, p) for k, p in REAL if p.differentiable and p.name not in COMPLEX]


@pytest.mark.parametrize(("key", "prim"), SMOOTH, ids=[key for key, _ in SMOOTH])
def test_sympy_computes_the_same_derivative(key, prim):
    params, args, step = params_of(key, prim), [name(n) for n in prim.inputs], 1e-6
    for point in points(prim):
        for i, value in enumerate(point):
            if (prim.name, i) in UNKNOWN:
                continue
            formula = derivative_of(prim, i, args, params)
            if formula is None:
                continue
            up, down = [*point], [*point]
            up[i], down[i] = value + step, value - step
            numeric = (prim.eval(*up, **params) - prim.eval(*down, **params)) / (2 * step)
            found = by_sympy(formula, prim.inputs, point)
            np.testing.assert_allclose(found, float(numeric), rtol=1e-6, atol=1e-8)


def test_local_derivatives_read_well():
    by_key = dict(ALL)

    def derivative(key, i=0, args=None, **params):
        prim = by_key[key]
        return derivative_of(prim, i, args or [name(n) for n in prim.inputs], params)

    assert derivative("sin").latex() == r"\cos(x)"
    assert derivative("tanh").latex() == r"1 - \tanh(x)^{2}"
    assert derivative("exp").text() == "exp(x)"
    assert derivative("pow", args=[name("x"), number(3)]).text() == "3 * x**2"
    assert derivative("pow", args=[name("x"), number(2)]).latex() == r"2 \cdot x"
    assert derivative("div", 1).latex() == r"-\frac{x}{y^{2}}"
    assert derivative("mul", 0).text() == "y"
    assert derivative("erf").latex() == r"\frac{2 \cdot e^{-x^{2}}}{\sqrt{\pi}}"


def test_products_of_rules_that_are_not_elementwise():
    by_key = dict(ALL)
    two = ((2, 2), F64)

    def product(key, i, specs, **params):
        prim = by_key[key]
        args = [name(n) for n in prim.inputs]
        return product_of(prim, i, args, params, name("g"), specs).text()

    assert product("matmul", 0, [two, two]) == "g @ y.T"
    assert product("matmul", 1, [two, two]) == "x.T @ g"
    assert product("reduce_sum", 0, [two], axes=(0, 1), keepdims=False).startswith("expand(")
    assert product("linear_map", 1, [two, two, ((2,), F64)]) == "g.T @ x"
    assert "softmax(x, 1)" in product("softmax", 0, [two], axis=1)


@pytest.mark.parametrize(("text", "latex"), [
    ("(x + y) * z", r"(x + y) \cdot z"),
    ("x - (y - z)", r"x - (y - z)"),
    ("x / (y * z)", r"\frac{x}{y \cdot z}"),
    ("(-x)**2", r"(-x)^{2}"),
    ("-x**2", r"-x^{2}"),
    ("sin(x)**2", r"\sin(x)^{2}"),
    ("sin(x + 1) * y", r"\sin(x + 1) \cdot y"),
    ("exp(-(x / 2))", r"e^{-\frac{x}{2}}"),
    ("x_1 * alpha", r"x_{1} \cdot \alpha"),
    ("weight.T @ v", r"\mathrm{weight}^{\top} \mathbin{@} v"),
])  # fmt: skip
def test_latex_keeps_the_order_of_operations(text, latex):
    assert parse(text).latex() == latex


@pytest.mark.parametrize("text", ["x - (y - z)", "(x + y) * z", "x / (y / z)", "(x**2)**y", "-x**2",
                                  "(-x)**2", "x * -y", "x - -y", "(x - y) - z", "x / y / z",
                                  "x * (y / z)", "x**y**z", "x if y > z else -x"])  # fmt: skip
def test_text_is_python_with_the_same_value(text):
    values = {"x": 1.3, "y": 0.7, "z": 2.1}
    plain = parse(text)
    rebuilt = apply(plain.op, *plain.args)
    for formula in (plain, rebuilt):
        assert eval(formula.text(), {}, values) == pytest.approx(eval(text, {}, values))


def test_what_is_no_formula_is_refused():
    for text in ("x.y", "[x]", "lambda: x", "f'{x}'", "x < y < z"):
        with pytest.raises(ValueError, match="no formula"):
            parse(text)


# What SymPy's reader of LaTeX does not know.
UNREAD = ("cases", "operatorname", r"\psi", r"\Gamma", r"\sigma", "mathrm", r"\min", r"\max",
          r"\left|", r"\bmod", r"\lfloor", r"\lceil")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("key", "prim"), SMOOTH, ids=[key for key, _ in SMOOTH])
def test_the_latex_read_by_another_reader_has_the_same_value(key, prim):
    pytest.importorskip("antlr4")
    sympy = pytest.importorskip("sympy")
    reader = pytest.importorskip("sympy.parsing.latex")
    params, args = params_of(key, prim), [name(n) for n in prim.inputs]
    formulas = [formula_of(prim, args, params)]
    known = [i for i in range(len(args)) if (prim.name, i) not in UNKNOWN]
    formulas += [derivative_of(prim, i, args, params) for i in known]
    constants = {sympy.Symbol("e"): sympy.E, sympy.Symbol("pi"): sympy.pi}
    for formula in formulas:
        if formula is None or any(word in formula.latex() for word in UNREAD):
            continue
        read = reader.parse_latex(formula.latex())
        for point in points(prim):
            values = {sympy.Symbol(n): float(v) for n, v in zip(prim.inputs, point, strict=True)}
            found = complex(sympy.N(read.subs({**constants, **values})))
            expected = complex(by_sympy(formula, prim.inputs, point))
            np.testing.assert_allclose(found, expected, rtol=1e-12)
