"""`tidu ops`: the matrix of primitives and their rules; each that is missing, with the reason."""

import argparse
from importlib import import_module
from pkgutil import iter_modules

from .. import primitives
from ..core.primitive import Primitive
from ..graph.rules import RULES, missing, rule_of

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Prints the matrix; with `--missing` only the rules that are not there and why."""
    parser = argparse.ArgumentParser(prog="tidu ops", description=__doc__)
    parser.add_argument("name", nargs="?", help="only primitives whose name contains this")
    parser.add_argument("--missing", action="store_true", help="only what is missing, and why")
    options = parser.parse_args(arguments)
    rows = [row for row in all_primitives() if options.name is None or options.name in row[1]]
    print_missing(rows) if options.missing else print_matrix(rows)
    return 0


def all_primitives():
    """(module, name, primitive) of every primitive, where it is defined first."""
    found = {}
    for info in iter_modules(primitives.__path__):
        module = import_module(f"{primitives.__name__}.{info.name}")
        for name, value in vars(module).items():
            if isinstance(value, Primitive):
                found.setdefault(id(value), (info.name, name, value))
    return sorted(found.values(), key=lambda row: row[:2])


def print_matrix(rows):
    width = max([len(name) for _, name, _ in rows], default=4)
    print("primitive".ljust(width), *[rule.ljust(7) for rule in RULES])
    for module in sorted({row[0] for row in rows}):
        print(f"-- {module}")
        for _, name, prim in [row for row in rows if row[0] == module]:
            marks = ["yes" if rule_of(prim, rule) else "(no)" for rule in RULES]
            print(name.ljust(width), *[mark.ljust(7) for mark in marks])
    print("\n(no): not there, for the reason that `tidu ops --missing` gives.")


def print_missing(rows):
    for _, name, prim in rows:
        for rule, reason in missing(prim).items():
            print(f"{name}.{rule}: {reason}")
