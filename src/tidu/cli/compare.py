"""`tidu compare`: the gradient of a typed formula by every method, in one table."""

import ast

from ..methods import ExpressionError, compare
from .manners import fail, suggestion

HELP = """\
Find the gradient of a formula by hand, by differences, by SymPy and automatically, side by side.

Usage:
  tidu compare 'x**2 + y**3' --at x=3,y=2 [--manual x='2*x'] [--picture file.png] [--json]

Options:
  --at POINT        the values of the variables: x=3,y=2 or v=[1,2,3]
  --manual X=TEXT   a derivative you worked out yourself; may be given for each variable
  --picture FILE    draw the errors by step size and by method (png, svg or pdf)
  --json            print all numbers as JSON
  -h, --help        show this text

Formulas are read, never executed: + - * / ** @, comparisons, `a if x > 0 else b`, pi, e, and
functions such as sin, exp, log, sqrt, tanh, sigmoid, relu, sum.
Exit codes: 0 done, 2 a formula or a value that cannot be read.
"""
OPTIONS = ("--at", "--manual", "--picture", "--json", "--help")


class Refused(Exception):
    """A command line that makes no sense: message and hint."""


def main(arguments: list[str]) -> int:
    """Reads the options of `tidu compare` and prints the table."""
    if "-h" in arguments or "--help" in arguments:
        print(HELP, end="")
        return 0
    try:
        formula, options = parsed(arguments)
        found = compare(formula, values_of(options["--at"]), derivatives(options["--manual"]))
    except Refused as error:
        return fail(*error.args)
    except (ExpressionError, RuntimeError) as error:
        message, _, hint = str(error).partition("\nHint: ")
        return fail(message, hint)
    if options["--json"]:
        print(found.to_json())
    else:
        found.print()
    if options["--picture"]:
        try:
            found.picture(options["--picture"])
        except (OSError, ValueError, ModuleNotFoundError) as error:
            notes = getattr(error, "__notes__", [""])
            return fail(f"no picture was written: {error}", notes[0])
    return 0


def parsed(arguments):
    """(the formula, {option: value}) of a command line."""
    options: dict = {"--at": None, "--manual": [], "--picture": None, "--json": False}
    formulas, waiting = [], list(arguments)
    while waiting:
        word = waiting.pop(0)
        option, equals, value = word.partition("=")
        if not word.startswith("--"):
            formulas.append(word)
        elif option == "--json":
            options["--json"] = True
        elif option not in options:
            close = suggestion(option, OPTIONS)
            raise Refused(f"unknown option {option!r}", f"did you mean {close!r}?" if close else "")
        else:
            if not equals and not waiting:
                raise Refused(f"{option} needs a value", "tidu compare --help")
            value = value if equals else waiting.pop(0)
            if option == "--manual":
                options[option].append(value)
            else:
                options[option] = value
    if len(formulas) != 1:
        which = "which formula?" if not formulas else f"one formula at a time, not {len(formulas)}"
        raise Refused(which, "tidu compare 'x**2 + y**3' --at x=3,y=2")
    if options["--at"] is None:
        raise Refused("at which point?", f"tidu compare '{formulas[0]}' --at x=1")
    return formulas[0], options


def values_of(text):
    """{name: number or nested list} of 'x=3,y=[1,2]'."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or not call.keywords:
            raise ValueError
        found = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
        for value in found.values():
            _check_numbers(value)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise Refused(f"{text!r} is no point", "write numbers: --at x=3,y=2.5") from None
    return found


def _check_numbers(value):
    if isinstance(value, (list, tuple)):
        for part in value:
            _check_numbers(part)
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError


def derivatives(texts):
    """{name: formula} of the --manual options."""
    found = {}
    for text in texts:
        name, equals, formula = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise Refused(f"--manual {text!r} names no variable", "write --manual x='2*x'")
        found[name.strip()] = formula.strip()
    return found
