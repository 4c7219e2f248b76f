"""`tidu ops`: the matrix of primitives and their rules; each that is missing, with the reason."""

import ast
import inspect
import itertools
from importlib import import_module
from pkgutil import iter_modules

from .. import primitives
from ..compiler.graphs.lowered import lowered
from ..core.primitive import Derived, Primitive
from .manners import fail, suggestion

__all__ = ["all_primitives", "main", "missing"]

HELP = """\
tidu ops: the primitives, and which rules each has; the operators whose rules follow from these.

Usage:
  tidu ops [name] [--missing]

  name          only primitives whose name contains this
  --missing     only the rules that are not there, and why
  -h, --help    show this text
"""

RULES = {
    "eval": lambda prim: prim.eval is not None,
    "shape": lambda prim: prim.shape is not None,
    "reverse": lambda prim: prim.differentiable,
    "forward": lambda prim: prim.jvp is not None,
    "batch": lambda prim: prim.batch is not None,
    "tex": lambda prim: prim.tex is not None,
    "lower": lowered,
}
NO_DERIVATIVE = "its output is constant almost everywhere, or it serves rules that have their own"
REASONS = {
    "shape": "its shape is found by evaluating it on one zero, repeated without memory",
    "reverse": NO_DERIVATIVE,
    "forward": NO_DERIVATIVE,
    "batch": "its layout in memory is part of its meaning: each example is computed by itself",
    "lower": "a compiled step calls what eager calls: a kernel of its own, or NumPy",
}


def missing(prim):
    """{rule: the reason why the primitive has none, or None where no reason is known}."""
    return {rule: _reason(prim, rule) for rule, has in RULES.items() if not has(prim)}


def _reason(prim, rule):
    if rule == "forward" and prim.differentiable:
        return None
    return REASONS.get(rule)


def all_primitives():
    """(module, name, primitive) of every primitive, where it is defined."""
    found = {}
    for info in iter_modules(primitives.__path__):
        module = import_module(f"{primitives.__name__}.{info.name}")
        here = {name: value for name, value in vars(module).items() if isinstance(value, Primitive)}
        for name in here.keys() - (_imported(module) if here else ()):
            found.setdefault(id(here[name]), []).append((info.name, name, here[name]))
    public = lambda row: (row[1].startswith("_"), *row[:2])  # the others are variables of loops
    rows = [min(names, key=public) for names in found.values()]
    return sorted(rows, key=lambda row: row[:2])


def _imported(module):
    """The names that a module has from others."""
    nodes = ast.walk(ast.parse(inspect.getsource(module)))
    lines = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name for line in lines for alias in line.names}


def main(arguments: list[str]) -> int:
    """Prints the matrix; with `--missing` only the rules that are not there and why."""
    if "-h" in arguments or "--help" in arguments:
        print(HELP, end="")
        return 0
    names = [word for word in arguments if word != "--missing"]
    unknown = [word for word in names if word.startswith("-")]
    if unknown or len(names) > 1:
        word = unknown[0] if unknown else names[1]
        return fail(f"cannot make sense of {word!r}", "`tidu ops --help` shows what it takes")
    rows = [row for row in all_primitives() if not names or names[0] in row[1]]
    if not rows:
        close = suggestion(names[0], [name for _, name, _ in all_primitives()])
        return fail(
            f"no primitive has {names[0]!r} in its name", close and f"did you mean {close}?"
        )
    if "--missing" in arguments:
        print_missing(rows)
    else:
        print_matrix(rows)
    return 0


def print_matrix(rows):
    width = max([len(name) for _, name, _ in rows], default=9)
    print_primitives([row for row in rows if not isinstance(row[2], Derived)], width)
    for way, derived in itertools.groupby(_derived(rows), lambda row: row[0]):
        print(f"\n{way}")
        for _, name, prim in derived:
            print(name.ljust(width), prim.told)


def _derived(rows):
    """(way, name, operator) of those without rules of their own, way by way."""
    found = [(prim.way, name, prim) for _, name, prim in rows if isinstance(prim, Derived)]
    return sorted(found, key=lambda row: row[0])


def print_primitives(rows, width):
    if not rows:
        return
    print("primitive".ljust(width), *[rule.ljust(7) for rule in RULES])
    before = None
    for module, name, prim in rows:
        if module != before:
            print(f"-- {module}")
        before = module
        marks = ["yes" if has(prim) else "-" for has in RULES.values()]
        print(name.ljust(width), *[mark.ljust(7) for mark in marks])
    print("\n-: there is none, and this is why:")
    for rule, reason in REASONS.items():
        print(f"   {rule.ljust(8)} {reason}")


def print_missing(rows):
    for _, name, prim in rows:
        for rule, reason in missing(prim).items():
            print(f"{name}.{rule}: {reason or 'not written yet'}")
