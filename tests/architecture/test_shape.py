"""How large files and functions are, what `__init__` files hold, and which files documents name."""

import ast
import re
from statistics import median

import pytest
from source import PACKAGE, ROOT, files, tree

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PYTHON = sorted(
    path
    for folder in ("src", "tests", "examples", "benchmarks", "tools", "docs")
    for path in (ROOT / folder).rglob("*.py")
)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PACKAGES = sorted(path for path in PACKAGE.rglob("__init__.py"))


def name(path):
    return str(path.relative_to(ROOT))


def functions(path):
    return [node for node in ast.walk(tree(path)) if isinstance(node, FUNCTIONS)]


def body_length(function):
    """Lines of a function without its docstring and decorators."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = first.end_lineno - first.lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_file_length(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 600


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_function_length(path):
    long = [f"{f.name} ({body_length(f)} lines)" for f in functions(path) if body_length(f) > 60]
    assert not long


def test_functions_are_short():
    lengths = [body_length(f) for path in files().values() for f in functions(path)]
    assert median(lengths) <= 8


@pytest.mark.parametrize("path", sorted(files().values()), ids=name)
def test_module_docstring(path):
    text = ast.get_docstring(tree(path))
    assert text, "a module starts by saying what it is"
    assert len(text.splitlines()) <= 8


@pytest.mark.parametrize("path", PACKAGES, ids=name)
def test_init_only_lists_names(path):
    for node in tree(path).body:
        assert is_listing(node, path), f"line {node.lineno}: code belongs into a module of its own"
        star = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        assert not star, f"line {node.lineno}: name what is exported"


def is_listing(node, path):
    """Imports, docstrings and assignments of plain names or literals, such as `__all__`."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign):
        return True
    # Names that are loaded at their first use: `def __getattr__(name)`, as PEP 562 has it.
    return isinstance(node, ast.FunctionDef) and node.name in ("__getattr__", "__dir__")


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_documents_name_no_missing_file(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    links = [link for link in links if link and not re.match(r"\w+:", link)]
    missing = [link for link in links if not (path.parent / link).exists()]
    quoted = re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|md|sh|toml|txt))`", text)
    places = (path.parent, ROOT, PACKAGE, PACKAGE.parent, PACKAGE / "compiler")
    missing += [file for file in quoted if not any((place / file).exists() for place in places)]
    assert not missing
