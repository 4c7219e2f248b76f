"""The command `tidu`: finds the subcommand named first and hands it the rest of the line.

Each subcommand is a module with `main(arguments) -> exit code`, imported only when it is called, so
that `tidu run script.py` starts about as fast as `python script.py`.
Exit codes: 0 success, 1 a finding or a failure of the script, 2 a command line that makes no sense,
141 where the reader of the output went away (`tidu ops | head`), as of programs the signal ends.
"""

import os
import sys
from importlib import import_module
from pathlib import Path

from ..version import release, torch_version
from .manners import fail, suggestion

COMMANDS = {
    "run": "run a PyTorch program; its `import torch` is served by tidu",
    "check": "list the names of torch that a program uses and tidu lacks",
    "compile": "run a program and show what torch.compile makes of its functions",
    "compare": "find a gradient by hand, by differences, by SymPy and automatically",
}

# These need the packages of views, which nothing else needs.
VIEWS = {
    "explain": "run a program and show how its gradients came about, on one page",
    "play": "edit, run and explain programs on a page in the browser",
    "ops": "print the primitives and which rules each has",
    "step": "run a program, then walk through its passes key by key",
}
if Path(__file__).parents[1].joinpath("explain").is_dir():
    COMMANDS.update(VIEWS)

HELP = """\
tidu: PyTorch's public API on NumPy, with automatic differentiation to any order.

Usage:
  tidu <command> [options]

Commands:
{commands}

Options:
  -h, --help       show this text, or that of a command: tidu run --help
  -V, --version    show the version

Examples:
  tidu run train.py --epochs 3
  tidu check train.py
  tidu explain train.py --epochs 1
"""


READER_GONE = 128 + 13  # SIGPIPE, which Windows has no name for


def main(arguments: list[str] | None = None) -> int:
    """Runs one command line and returns its exit code; ends quietly when its reader goes away."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["run"] and arguments[1:2] not in (["-h"], ["--help"]):
        return run(arguments)  # the program's own affair, as under `python`
    try:
        code = run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # at the latest: after this the interpreter would complain
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    return code


def run(arguments: list[str]) -> int:
    """The exit code of the command named first."""
    command = arguments[0] if arguments else "--help"
    if command in ("-h", "--help", "help"):
        return show_help(arguments[1:])
    if command in ("-V", "--version", "version"):
        print(f"tidu {release} (the public API of PyTorch {torch_version})")
        return 0
    if command not in COMMANDS:
        kind = "option" if command.startswith("-") else "command"
        return fail(f"unknown {kind} {command!r}", unknown_command_hint(command))
    return import_module(f"tidu.cli.{command}").main(arguments[1:])


def show_help(arguments: list[str]) -> int:
    """The general help, or that of the command named."""
    if arguments and arguments[0] in COMMANDS:
        return main([arguments[0], "--help"])
    listing = "\n".join(f"  {name:<16} {text}" for name, text in COMMANDS.items())
    print(HELP.format(commands=listing), end="")
    return 0


def unknown_command_hint(command: str) -> str:
    """What the user may have meant: a script without `run` before it, or a misspelt command."""
    if command.endswith(".py"):
        return f"to run a script: tidu run {command}"
    close = suggestion(command, [*COMMANDS, "--help", "--version"])
    return f"did you mean {close!r}?" if close else "`tidu --help` lists the commands"
