"""The examples in docstrings and in the documents run and print what they say."""

import ast
import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tidu
from tidu.primitives.activations import silu

ROOT = Path(__file__).parents[1]
PACKAGE = Path(tidu.__file__).parent
LEFT_OUT = {"children", "__main__"}
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    .removesuffix(".__init__")
    .replace("tidu.compat.", "tidu.")
    for path in PACKAGE.rglob("*.py")
    if not LEFT_OUT & {*path.parts, path.stem} and ">>>" in path.read_text(encoding="utf-8")
)
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module, optionflags=OPTIONS, verbose=False)
    assert failed == 0, f"{failed} of {tried} examples"


@pytest.mark.skipif(not callable(getattr(tidu, "tensor", None)), reason="waits for the core")
def test_readme_example(capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    promised = re.findall(r"print\(.*?\)  # (.*)", code)
    assert capsys.readouterr().out.splitlines() == promised and promised


def test_the_rule_that_the_architecture_tells_is_the_one_that_runs():
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    told = re.search(r"`(t \* .*)` with `(v0 = .*?)`", text).groups()
    x = tidu.ones(2, requires_grad=True)
    tidu.nn.functional.silu(x).sum().backward()
    *steps, result = ast.parse(silu.vjp["x"].text).body[0].body
    assert (ast.unparse(result.value), *map(ast.unparse, steps)) == told


def test_import_is_quick_and_light():
    """Nothing heavy, and not much of tidu itself: each module more is a fifth of a millisecond."""
    heavy = "scipy rich torch inspect dataclasses multiprocessing unittest llvmlite asyncio "
    heavy += "ml_dtypes pathlib pkgutil string mmap tidu.func tidu.base.streams tidu.base.printing "
    heavy += "tidu.frontend.machinery tidu.frontend.text"
    code = (
        "import sys, numpy; before = set(sys.modules); import tidu; "
        f"print([name for name in {heavy.split()} if name in sys.modules and name not in before], "
        "len([name for name in sys.modules if name.startswith('tidu')]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    found, _, count = done.stdout.rpartition(" ")
    assert found == "[]"
    assert int(count) < 127


PAGES = sorted(p for p in (ROOT / "docs").glob("*.md") if ">>>" in p.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_pages(page):
    pytest.importorskip("sympy")
    failed, tried = doctest.testfile(str(page), module_relative=False, optionflags=OPTIONS)
    assert failed == 0 and tried
