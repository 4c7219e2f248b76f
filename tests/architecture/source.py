"""What the architecture tests read: the package's files, their imports and the layer table."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "tidu"
COMPAT = PACKAGE / "compat"
PAGE = ROOT / "docs" / "ARCHITECTURE.md"


@dataclass(frozen=True)
class Import:
    """One imported module, as `target`; `names` are what a from-import takes from it."""

    target: str
    names: tuple[str, ...]
    line: int
    in_function: bool


def assert_none(offences):
    """Passes if there are none; else says each on a line of its own."""
    found = list(offences)
    assert not found, "\n".join(["", *found])


@cache
def files() -> dict[str, Path]:
    """Module name -> file, for every module of the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        if "children" in parts:
            continue  # run outside the package, by other interpreters
        if parts[-1] == "__init__":
            parts.pop()
        if parts[1:2] == ["compat"]:
            del parts[1]  # its modules are tidu.hub and so on: the folder is on the package's path
        found[".".join(parts)] = path
    return found


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Function:
    """A function of a file; `length` is its lines without docstring and decorators."""

    name: str
    line: int
    length: int


@dataclass(frozen=True)
class Outline:
    """What the tests ask of a file. Trees are not kept: all of them are a hundred MiB."""

    docstring: str
    functions: tuple[Function, ...]
    imports: tuple[Import, ...]  # but those under `if TYPE_CHECKING`
    code: tuple[int, ...]  # lines of what is no listing of names, at the top level
    stars: tuple[int, ...]  # lines of `from x import *`
    names: frozenset[str] | None  # what the file binds; None where only a run can tell


@cache
def outline(path: Path) -> Outline:
    tree = ast.parse(text(path), str(path))
    functions: list[Function] = []
    imports: list[Import] = []
    visit(tree, path, False, functions, imports)
    return Outline(
        docstring=ast.get_docstring(tree) or "",
        functions=tuple(functions),
        imports=tuple(imports),
        code=tuple(node.lineno for node in tree.body if not is_listing(node)),
        stars=tuple(item.line for item in imports if "*" in item.names),
        names=bound(tree),
    )


def bound(tree):
    """The names a file binds at its top level, or None where it has others made while it runs."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
            continue
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                found.add(inner.id)
            elif isinstance(inner, ast.Name) and inner.id == "globals":
                return None
            elif isinstance(inner, ast.alias):
                found.add((inner.asname or inner.name).partition(".")[0])
            elif isinstance(inner, (ast.FunctionDef, ast.ClassDef)):
                found.add(inner.name)
    return None if "__getattr__" in found else frozenset(found)


STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)


def visit(node, path, in_function, functions, imports):
    """Lists the functions and imports below a node. Only statements hold statements."""
    if isinstance(node, ast.Import):
        imports += [Import(alias.name, (), node.lineno, in_function) for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = tuple(alias.name for alias in node.names)
        imports.append(Import(absolute(node, path), names, node.lineno, in_function))
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        functions.append(Function(node.name, node.lineno, body_length(node)))
        in_function = True
    elif isinstance(node, ast.If) and is_type_checking(node.test):
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, STATEMENTS):
            visit(child, path, in_function, functions, imports)


def is_type_checking(test):
    return "TYPE_CHECKING" in (getattr(test, "id", None), getattr(test, "attr", None))


def body_length(function):
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = first.end_lineno - first.lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring


def is_listing(node):
    """Imports, docstrings and assignments of plain names or literals, such as `__all__`."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    # Names that are loaded at their first use: `def __getattr__(name)`, as PEP 562 has it.
    if isinstance(node, ast.FunctionDef):
        return node.name in ("__getattr__", "__dir__")
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.Assign))


def absolute(node: ast.ImportFrom, path: Path) -> str:
    """The full name of the module that a from-import of a file names."""
    if not node.level or not path.is_relative_to(PACKAGE):
        return node.module or ""
    inside = path.relative_to(COMPAT if path.is_relative_to(COMPAT) else PACKAGE)
    parts = (PACKAGE.name, *inside.parts)[: -node.level]
    return ".".join([*parts, *([node.module] if node.module else [])])


def imported_modules(module: str) -> list[tuple[str, int]]:
    """The modules of the package that a module imports itself, with line numbers."""
    known = files()
    found = []
    for item in outline(known[module]).imports:
        if item.target.split(".")[0] != "tidu":
            continue
        submodules = [f"{item.target}.{name}" for name in item.names]
        reached = [name for name in submodules if name in known]
        if len(reached) < len(submodules) or not submodules:
            reached.append(item.target)
        found += [(name, item.line) for name in reached]
    return found


@cache
def layers() -> dict[str, int]:
    """First name below tidu -> its layer, from the table in docs/ARCHITECTURE.md."""
    table = text(PAGE).split("<!-- layers:start -->")[1].split("<!-- layers:end -->")[0]
    found = {}
    for row in re.findall(r"^\| *(\d+) *\|([^|]*)\|", table, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", row[1]):
            found[name] = int(row[0])
    found["__main__"] = found["cli"]
    return found | {path.stem: found["compat"] for path in COMPAT.iterdir()}


def rooms(package: str) -> list[str]:
    """The packages inside a package, in the order of their table in docs/ARCHITECTURE.md."""
    text = PAGE.read_text(encoding="utf-8")
    table = text.split(f"<!-- {package}:start -->")[1].split(f"<!-- {package}:end -->")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def layer_of(module: str) -> int:
    """The layer of tidu.a.b, which is that of tidu.a; -1 for the package itself."""
    parts = module.split(".")
    return layers().get(parts[1], -1) if len(parts) > 1 else -1
