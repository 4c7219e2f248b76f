"""`tidu check`: what a program would miss, before anything runs.

`check_file` gives the findings of one file; the rest reads the command line and prints.
"""

import ast
import os
import sys
import tokenize
import warnings
from dataclasses import asdict, dataclass, field

from .lookup import meant, missing_part
from .manners import fail, suggestion
from .names import torch_uses

HELP = """\
List every name of torch that a program uses and tidu lacks, with line numbers, without running it.

Usage:
  tidu check script.py [more.py folder ...] [--json]

Options:
  --json        print the findings as JSON
  -h, --help    show this text

Followed are imports and their aliases, attributes of modules and classes, and methods of variables
that are certainly tensors. Names guarded by try/except or hasattr do not count.
Exit codes: 0 nothing is missing, 1 something is, 2 a file cannot be read.
"""


@dataclass
class Finding:
    """A use of a name that is missing."""

    line: int
    column: int
    name: str
    suggestion: str


@dataclass
class Report:
    """What was found in one file."""

    path: str
    names: int = 0
    missing: list[Finding] = field(default_factory=list)
    error: str = ""


def main(arguments: list[str]) -> int:
    """Checks the files named in the arguments of `tidu check`."""
    if "-h" in arguments or "--help" in arguments:
        print(HELP, end="")
        return 0
    options = [argument for argument in arguments if argument.startswith("-")]
    paths = [argument for argument in arguments if not argument.startswith("-")]
    for option in options:
        if option != "--json":
            close = suggestion(option, ["--json", "--help"])
            return fail(f"unknown option {option!r}", f"did you mean {close!r}?" if close else "")
    if not paths:
        return fail("which script?", "tidu check script.py")
    reports = [check_file(path) for path in python_files(paths)]
    print_json(reports) if options else print_text(reports)
    if any(report.error for report in reports):
        return 2
    return int(any(report.missing for report in reports))


def python_files(paths: list[str]) -> list[str]:
    """The paths, each folder replaced by the Python files below it."""
    files = []
    for path in paths:
        if not os.path.isdir(path):
            files.append(path)
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
            files += [os.path.join(folder, name) for name in sorted(names) if name.endswith(".py")]
    return files


def check_file(path: str) -> Report:
    """The names of torch one file uses, and which of them are missing."""
    try:
        with tokenize.open(path) as file:
            source = file.read()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(source, path)
    except SyntaxError as error:
        return Report(path, error=f"line {error.lineno}: {error.msg}")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        return Report(path, error=getattr(error, "strerror", None) or str(error))
    report = Report(path)
    uses = torch_uses(tree)
    report.names = len({use.name for use in uses})
    seen = set()
    for use in uses:
        name = missing_part(use.name)
        if name and (use.line, name) not in seen:
            seen.add((use.line, name))
            report.missing.append(Finding(use.line, use.column, name, meant(name)))
    return report


def print_text(reports: list[Report]) -> None:
    for report in reports:
        for finding in report.missing:
            hint = f" (did you mean {finding.suggestion}?)" if finding.suggestion else ""
            print(
                f"{report.path}:{finding.line}:{finding.column}: tidu has no {finding.name}{hint}"
            )
        if report.error:
            print(f"{report.path}: {report.error}", file=sys.stderr)
        else:
            print(f"{report.path}: {summary(report)}")


def summary(report: Report) -> str:
    if not report.names:
        return "uses no names of torch"
    if not report.missing:
        return f"tidu has all {report.names} names of torch that it uses"
    absent = len({finding.name for finding in report.missing})
    return f"uses {report.names} names of torch, {absent} of them missing"


def print_json(reports: list[Report]) -> None:
    import json

    print(json.dumps({"version": 1, "files": [asdict(report) for report in reports]}, indent=2))
