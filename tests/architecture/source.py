"""What the architecture tests read: the package's files, their imports and the layer table."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "tidu"
PAGE = ROOT / "docs" / "ARCHITECTURE.md"


@dataclass(frozen=True)
class Import:
    """One imported module, as `target`; `names` are what a from-import takes from it."""

    target: str
    names: tuple[str, ...]
    line: int
    in_function: bool


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
        found[".".join(parts)] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def imports(module: str) -> tuple[Import, ...]:
    """Every import statement of a module; those under `if TYPE_CHECKING` do not count."""
    path = files()[module]
    is_package = path.name == "__init__.py"
    found: list[Import] = []
    visit(tree(path), module, is_package, False, found)
    return tuple(found)


def _is_type_checking(test):
    return "TYPE_CHECKING" in (getattr(test, "id", None), getattr(test, "attr", None))


def visit(node, module, is_package, in_function, found):
    if isinstance(node, ast.If) and _is_type_checking(node.test):
        return
    if isinstance(node, ast.Import):
        found += [Import(alias.name, (), node.lineno, in_function) for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        target = absolute(node, module, is_package)
        names = tuple(alias.name for alias in node.names)
        found.append(Import(target, names, node.lineno, in_function))
    inside = in_function or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    for child in ast.iter_child_nodes(node):
        visit(child, module, is_package, inside, found)


def absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join(parts + ([node.module] if node.module else []))


def imported_modules(module: str) -> list[tuple[str, int]]:
    """The modules of the package that a module imports itself, with line numbers."""
    known = files()
    found = []
    for item in imports(module):
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
    text = PAGE.read_text(encoding="utf-8")
    table = text.split("<!-- layers:start -->")[1].split("<!-- layers:end -->")[0]
    found = {"__main__": 10}
    for row in re.findall(r"^\| *(\d+) *\|([^|]*)\|", table, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", row[1]):
            found[name] = int(row[0])
    return found


def rooms() -> list[str]:
    """The packages of the compiler, in the order of their table in docs/ARCHITECTURE.md."""
    text = PAGE.read_text(encoding="utf-8")
    table = text.split("<!-- rooms:start -->")[1].split("<!-- rooms:end -->")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def layer_of(module: str) -> int | None:
    """The layer of tidu.a.b, which is that of tidu.a; None for the package itself."""
    parts = module.split(".")
    return layers()[parts[1]] if len(parts) > 1 else None
