"""`tidu.compare` and `tidu compare`: four methods agree, and typed text is read, never run."""

import json
import math
import os

import pytest

import tidu as torch
from tidu.cli.main import main
from tidu.methods import ExpressionError, function_of

pytestmark = pytest.mark.slow

pytest.importorskip("sympy")


def by_method(found):
    return {row.method: row for row in found.rows}


def test_the_example_of_the_lesson():
    found = torch.compare("x**2 + y**3", {"x": 3, "y": 2}, manual={"x": "2*x", "y": "3*y**2"})
    rows = by_method(found)
    assert list(rows) == ["manual", "numerical, forward", "numerical, central", "symbolic",
                          "automatic, forward", "automatic, reverse"]  # fmt: skip
    for method in ("manual", "symbolic", "automatic, forward", "automatic, reverse"):
        assert rows[method].gradient == {"x": 6.0, "y": 12.0} and rows[method].error == 0
    assert 0 < rows["numerical, central"].error < rows["numerical, forward"].error < 1e-6
    assert found.value == 17 and "∂y: 12" in str(found)


@pytest.mark.parametrize("text", ["sin(x * y) / (1 + y**2)", "exp(-x) * log(y) ** 2", "x**y",
                                  "tanh(x) if x > y else sigmoid(x * y)", "sqrt(x) + erf(y / x)",
                                  "maximum(x, y) * abs(x - 2 * y) + pi * e"])  # fmt: skip
def test_methods_agree(text):
    found = torch.compare(text, {"x": 0.7, "y": 1.3})
    rows = by_method(found)
    assert rows["symbolic"].error < 1e-14
    assert rows["automatic, reverse"].error < 1e-14 > rows["automatic, forward"].error
    assert rows["numerical, central"].error < 1e-8
    errors = found.sweep["forward"]
    least = min(range(len(errors)), key=errors.__getitem__)
    assert 5 < least < len(errors) - 5, "the error by step size has its least value in the middle"
    assert errors[0] > 1e3 * errors[least] < errors[-1]


def test_a_function_with_a_branch_has_no_formula_but_the_other_methods():
    def f(x):
        return x.sin() if x > 0 else x.cos()

    rows = by_method(torch.compare(f, {"x": 0.5}))
    assert rows["symbolic"].gradient == {"x": None}
    assert rows["automatic, reverse"].gradient["x"] == pytest.approx(math.cos(0.5))


def test_vectors_and_wrong_manual():
    found = torch.compare(lambda v, s: (v * v).sum() * s, ([1.0, 2.0], 3.0),
                          manual={"v": lambda v, s: 3 * v})  # fmt: skip
    rows = by_method(found)
    assert rows["automatic, forward"].gradient == {"v": [6.0, 12.0], "s": 5.0}
    assert rows["manual"].error == pytest.approx(0.5)


def test_sizes_with_and_without_sharing():
    text = "x"
    for _ in range(5):
        text = f"sin({text}) * {text}"
    size = by_method(torch.compare(text, {"x": 1.1}))["symbolic"].size
    written, shared = [int(word) for word in size.replace(",", "").split() if word.isdigit()]
    assert written > 10 * shared


HOSTILE = [
    "__import__('os').system('true')", "().__class__.__bases__", "open('x')", "x.__class__", "x;y",
    "[y for y in x]", "lambda: x", "f'{x}'", "x := 3", "exec(x)", "eval('x')", "'a' * 9", "x @= y",
    "x[__import__('os')]", "print(x)", "globals()", "x.real", "(x,)", "{x}", "x if x", "", "  ",
    "1j * x", "**x", "x(1)", "sin(x, key=1)", "sin(*x)", "(" * 3000 + "x" + ")" * 3000,
    "x" * 10_001, "None + x", "True", "import os", "await x", "yield x",
    "x\n y", "\\", "-" * 5000 + "x",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_formula_is_refused_unexecuted(text, monkeypatch):
    monkeypatch.setattr(os, "system", lambda command: pytest.fail("executed"))
    with pytest.raises((ExpressionError, TypeError)):
        function, names, _ = function_of(text)
        function(**{n: torch.tensor(1.0) for n in names})
        raise TypeError if names != ["x"] else AssertionError(text)


def test_towers_of_powers_do_not_hang():
    assert torch.compare("x * 9**9**9**9", {"x": 0.0}).rows


@pytest.mark.parametrize(("text", "hint"), [
    ("x^2", "x**2"), ("sni(x)", "did you mean sin?"), ("ln(x)", "did you mean log?"),
    ("2x", "multiply with *"), ("sin x", "functions as sin(x)"),
])  # fmt: skip
def test_errors_say_what_to_write(text, hint):
    with pytest.raises(ExpressionError) as caught:
        function_of(text)
    assert hint in str(caught.value)


def test_command(capsys, tmp_path):
    picture = tmp_path / "p.png"
    line = ["compare", "x**2 + y**3", "--at", "x=3,y=2", "--manual", "x=2*x", "--manual=y=3*y**2"]
    assert main([*line, "--picture", str(picture)]) == 0
    assert "automatic, reverse" in capsys.readouterr().out
    assert picture.stat().st_size > 10_000
    assert main([*line, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["rows"][0]["gradient"] == {"x": 6.0, "y": 12.0}


@pytest.mark.parametrize(("arguments", "words"), [
    (["x**2"], "at which point?"), ([], "which formula?"),
    (["x", "y", "--at", "x=1"], "one formula"),
    (["x", "--at", "x=__import__('os')"], "is no point"), (["x", "--at", "x=1,"], None),
    (["x*y", "--at", "x=1"], "no value is given for 'y'"), (["x", "--at", "x='a'"], "is no point"),
    (["x", "--at", "x=1,y=2"], "no variable 'y'"), (["x", "--at"], "--at needs a value"),
    (["x", "--at", "x=1", "--manual", "2*x"], "names no variable"),
    (["x", "--at", "x=1", "--manual", "z=2"], "which is no variable"),
    (["x", "--att", "x=1"], "did you mean '--at'?"), (["x^2", "--at", "x=1"], "write x**2"),
    (["x +", "--at", "x=1"], "syntax\n  x +\n     ^"),
    (["x + * y", "--at", "x=1"], "syntax\n  x + * y\n      ^"),
    (["v", "--at", "v=[1,2]"], "a gradient needs one"), (["3", "--at", "x=1"], "no variable"),
])  # fmt: skip
def test_command_lines_that_make_no_sense(capsys, arguments, words):
    code = main(["compare", *arguments])
    captured = capsys.readouterr()
    assert (code == 2 and words in captured.err) if words else code == 0


def test_no_color_is_plain(capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    torch.compare("x**2", {"x": 1}).print()
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("formula, at", [("sqrt(x)", "x=-1"), ("1/x", "x=0"), ("x/0", "x=1")])
def test_where_there_is_no_real_value(formula, at, capsys):
    assert main(["compare", formula, "--at", at]) == 0
    assert "has no real value here" in capsys.readouterr().out
