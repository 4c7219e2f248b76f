"""Every formula, read by another program (SymPy), gives the value that is shown."""

import importlib.util
import json
import re
import textwrap
from functools import cache

import numpy as np
import pytest
from helpers import explained
from operations import ARRAYS, PROGRAMS, SCALARS

import tidu as torch
from tidu.explain.formulas.elements import ELEMENTWISE, element_of, evaluate
from tidu.explain.formulas.notation import ASSETS, notation
from tidu.explain.formulas.simplify import simplify
from tidu.explain.recording.values import from_json
from tidu.explain.views.reader import Reader
from tidu.program.signs import number_text, symbol

pytestmark = pytest.mark.slow

READERS = ("sympy", "antlr4")
with_sympy = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in READERS),
    reason="needs sympy and antlr4-python3-runtime",
)


STRUCTURES = """
    torch.manual_seed(2)
    F = torch.nn.functional
    x = torch.randn(1, 1, 4, requires_grad=True)
    w = torch.randn(2, 1, 2, requires_grad=True)
    b = torch.randn(2, requires_grad=True)
    y = F.conv1d(x, w, b, stride=2)
    first, second = (y * y).chunk(2, 1)
    pooled = F.max_pool1d(x, 2) + F.avg_pool1d(x, 2)
    best, _ = torch.stack([x[0, 0], x[0, 0] * 2]).max(0)
    m = torch.randn(2, 2, 2, requires_grad=True)
    loss = (first * second).sum() + (pooled**2).sum() + best.flip(0).cumsum(0).sum()
    loss = loss + (m @ m).sum() + F.layer_norm(x, (4,)).pow(3).sum() + x.prod()
    loss.backward()
"""


# Words that SymPy does not read in LaTeX, and letters it takes for functions.
WORDS = {
    r"\mathrm{sign}": r"\alpha", r"\mathrm{erf}": r"\beta", r"\psi^{(1)}": r"\phi",
    r"\mathrm{Re}": r"\rho", r"\mathrm{Im}": r"\tau",
}  # fmt: skip


@cache
def read(tex):
    """The number a LaTeX formula stands for, by SymPy."""
    import sympy
    from sympy.parsing.latex import parse_latex

    meanings = {
        "sigma": lambda x: 1 / (1 + sympy.exp(-x)), "alpha": sympy.sign, "beta": sympy.erf,
        "phi": lambda x: sympy.polygamma(1, x), "psi": sympy.digamma, "rho": sympy.re,
        "tau": sympy.im, "chi": sympy.conjugate, "kappa": sympy.Abs,
    }  # fmt: skip
    tex = tex.replace(r"\left|", r"\kappa(").replace(r"\right|", ")").replace(r"\,", " ")
    while r"\overline{" in tex:
        tex = without_bar(tex)
    for word, letter in WORDS.items():
        tex = tex.replace(word, letter)
    tex = re.sub(r"(\d)i\b", r"\1 \\cdot i", tex)
    expression = parse_latex(tex, backend="antlr")
    named = {"e": sympy.E, "i": sympy.I, "pi": sympy.pi}
    expression = expression.subs({sympy.Symbol(k): v for k, v in named.items()})
    x = sympy.Wild("x")
    for name, meaning in meanings.items():
        expression = expression.replace(sympy.Function(name)(x), meaning(x))
    for name, meaning in (("min", sympy.Min), ("max", sympy.Max)):
        expression = expression.replace(sympy.Function(name), meaning)
    return complex(expression.evalf())


def without_bar(tex):
    r"""The first \overline{...} as a function, which SymPy's reader knows."""
    before, _, rest = tex.partition(r"\overline{")
    depth, end = 1, 0
    while depth:
        depth += {"{": 1, "}": -1}.get(rest[end], 0)
        end += 1
    return rf"{before}\chi({rest[: end - 1]}){rest[end:]}"


def worked(document):
    """(LaTeX with numbers, value shown, dtype) of every message of every step."""
    for call in document["passes"]:
        reader = Reader(document).use(call)
        for step in call["steps"]:
            for message in step["sent"]:
                array = from_json(message["value"])
                if array is None:
                    continue  # a large one, told by its summary
                for place in list(np.ndindex(array.shape))[:2]:
                    tex = reader.numbers(step["node"], message["input"], step["gradient"], place,
                                         "message", "tex")  # fmt: skip
                    yield document["nodes"][step["node"]]["op"], tex, array[place]


ALL = {"scalars": SCALARS, "arrays": ARRAYS, "structures": STRUCTURES, **PROGRAMS}


@with_sympy
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in PROGRAMS else n for n in ALL]
)
def test_formulas_give_the_value_shown(tmp_path, name):
    """All of them but sums that are not written out whole."""
    text = "torch.manual_seed(0)\n" + textwrap.dedent(ALL[name])
    read_out, short = formulas_read(explained(tmp_path, text).document)
    assert read_out > short


def formulas_read(document, most=None):
    """(formulas that SymPy gives the value shown, sums that are not written out whole)."""
    read_out = short = 0
    for op, tex, value in worked(document):
        if tex is None and most is not None:
            continue  # one of its operands is told by a summary
        assert tex is not None, op
        if "dots" in tex or r"\mathrm{inv}" in tex:
            short += 1
            continue
        if not np.isfinite(value) or read_out == most:
            continue
        assert read(tex) == pytest.approx(complex(value), rel=2e-4, abs=2e-5), (op, tex)
        read_out += 1
    return read_out, short


@pytest.mark.parametrize("program", [SCALARS, ARRAYS], ids=["scalars", "arrays"])
def test_elements_evaluate_to_the_messages(tmp_path, program):
    """The trees, in double precision and without rounding of what is shown."""
    document = explained(tmp_path, program).document
    count = 0
    for call in document["passes"]:
        reader = Reader(document).use(call)
        for step in call["steps"]:
            formula = reader.formula(step["node"])
            for message in step["sent"]:
                entry = formula["inputs"][message["input"]]
                array = from_json(message["value"])
                values = reader.values_for(step["node"], step["gradient"])
                shapes = {name: a.shape for name, a in values.items()}
                for place in np.ndindex(array.shape):
                    found = entry and element_of(entry["message"], place, shapes)
                    value = None if found is None else evaluate(found, values)
                    if value is not None and not np.isnan(value):
                        assert value == pytest.approx(float(array[place]), rel=1e-4, abs=1e-5)
                        count += 1
    assert count > 80


def test_known_formulas():
    x = torch.tensor(3.0, requires_grad=True)
    y = torch.tensor(2.0, requires_grad=True)
    document = torch.explain(x**2 * y).document
    reader = Reader(document)
    texts = [reader.worked(s, m) for s in document["passes"][0]["steps"] for m in s["sent"]]
    assert ("2·x·g", "2·3·2", "12") in texts
    tex = [reader.worked(s, m, "tex") for s in document["passes"][0]["steps"] for m in s["sent"]]
    assert (r"2 \cdot x \cdot g", r"2 \cdot 3 \cdot 2", "12") in tex


def test_rule_of_a_matrix_product():
    x, w = torch.ones(2, 5), torch.ones(5, 3, requires_grad=True)
    document = torch.explain((x @ w).sum()).document
    reader = Reader(document)
    product = next(n["id"] for n in document["nodes"] if n["op"] == "mm")
    assert reader.rule(product, 1) == "xᵀ @ g"
    assert reader.rule(product, 1, "element") == "Σ_b x[b,i]·g[b,j]"
    assert reader.rule(product, 1, "element", "tex") == r"\sum_{b} x[b,i] \cdot g[b,j]"


def test_a_complex_gradient_of_a_real_number_is_its_real_part():
    x = torch.tensor(3.0, requires_grad=True)
    z = x.to(torch.complex64) * torch.tensor(1 + 2j)
    document = torch.explain(z, gradient=torch.tensor(1 + 1j)).document
    reader = Reader(document)
    step = document["passes"][0]["steps"][-1]
    assert reader.worked(step, step["sent"][0]) == ("Re(g)", "Re(3-1i)", "3")


@pytest.mark.parametrize(
    ("tree", "short"),
    [
        (["mul", None, "g", ["mul", None, "x0", 2.0]], ["mul", None, 2, "x0", "g"]),
        (["mul", None, "x0", "x0"], ["pow", None, "x0", 2]),
        (["where", None, ["ne", None, "out", 0.0], "g", ["zeros_like", None, "g"]],
         ["mul", None, ["bracket", None, ["ne", None, "out", 0]], "g"]),
        (["neg", None, ["neg", None, "g"]], "g"),
        (["sub", None, "x0", ["neg", None, "x1"]], ["add", None, "x0", "x1"]),
        (["div", None, ["div", None, "x0", "x1"], "x1"],
         ["div", None, "x0", ["pow", None, "x1", 2]]),
        (["add", None, "g", 0.0], "g"),
        (["mul", None, 1.0, "g"], "g"),
    ],
)  # fmt: skip
def test_simplify(tree, short):
    assert simplify(tree) == short


def test_notation_is_complete():
    for op, entry in notation().items():
        for style in entry.keys() - {"plus"}:
            template, _, levels = entry[style]
            assert template and levels, op
    assert {"add", "mul", "pow", "mm"} <= notation().keys() and "add" in ELEMENTWISE
    json.dumps(notation())


@pytest.mark.parametrize("name", ["x", "theta", "v12", "loss", "model.0.weight", "权重", "a_b"])
def test_names_as_latex(name):
    assert symbol(name)


@pytest.mark.parametrize("value", [0.1, -3.0, 1e-8, 123456.7, 1e20, 0.0, 1 / 3])
def test_number_text(value):
    assert float(number_text(value)) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_element_of_every_operation(tmp_path, name):
    """Each element of each message, computed from the elements that its rule names."""
    document = explained(
        tmp_path, "torch.manual_seed(0)\n" + textwrap.dedent(PROGRAMS[name])
    ).document
    check_schema(document)
    checked = 0
    for call in document["passes"]:
        reader = Reader(document).use(call)
        for step in call["steps"]:
            values = reader.values_for(step["node"], step["gradient"])
            op = document["nodes"][step["node"]]["op"]
            for message in step["sent"]:
                rule = reader.formula(step["node"])["inputs"][message["input"]]
                assert rule is not None, op
                array = from_json(message["value"])
                found = [
                    evaluated(rule["message"], place, values) for place in np.ndindex(array.shape)
                ]
                assert None not in found, (op, rule["message"])
                found = np.array(found).reshape(array.shape)
                np.testing.assert_allclose(found, array, rtol=2e-4, atol=2e-5, err_msg=op)
                checked += array.size
    assert checked


def check_schema(document):
    if importlib.util.find_spec("jsonschema") is not None:
        import jsonschema

        schema = json.loads((ASSETS / "schema.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator(schema).validate(document)


def evaluated(tree, place, values):
    found = element_of(tree, place, {name: a.shape for name, a in values.items()})
    return None if found is None else evaluate(found, values)
