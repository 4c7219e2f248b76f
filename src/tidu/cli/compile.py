"""`tidu compile`: runs a program and shows what torch.compile makes of its functions."""

import sys

from ..compiler.machine import native
from . import run
from .manners import fail, suggestion

HELP = """\
Run a program and show what torch.compile makes of each function it compiles.

Usage:
  tidu compile [--show graph|loops|llvm|asm] script.py [arguments]

Options:
  --show KIND   graph   the recorded operations, and what each pass leaves of them
                loops   the loops and products they become (the default)
                llvm    the text handed to LLVM
                asm     the machine's instructions
  -h, --help    show this text

The program runs as under `tidu run`; what is shown goes to standard error.
"""
KINDS = ("graph", "loops", "llvm", "asm")


def main(arguments: list[str]) -> int:
    """Reads the options of `tidu compile`, then runs the program."""
    kind, rest = "loops", list(arguments)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word in ("-h", "--help"):
            print(HELP, end="")
            return 0
        name, equals, value = word.partition("=")
        if name != "--show":
            close = suggestion(name, ["--show", "--help"])
            return fail(f"unknown option {name!r}", close and f"did you mean {close!r}?")
        kind = value if equals else (rest.pop(0) if rest else "")
        if kind not in KINDS:
            return fail(f"--show takes one of {', '.join(KINDS)}, not {kind!r}", "")
    if not rest:
        return fail("which script?", "tidu compile --show graph script.py")
    if not native.available():
        return fail(*native.needed())
    watch(kind)
    return run.main(rest)


def watch(kind):
    """Print what is compiled from now on."""
    from ..compiler.calls import optimized

    def told(name, captured, compiled):
        programs = [("forward", compiled.forward), ("backward", compiled.reverse)]
        for direction, program in programs:
            if program is not None:
                print(f"# {name}, {direction}: {program.summary()}", file=sys.stderr)
                print(shown(kind, program), end="\n\n", file=sys.stderr)

    optimized.WATCHERS.append(told)


def shown(kind, program):
    """One program as text."""
    if kind == "graph":
        return program.history
    if kind == "loops":
        return program.plan.text()
    return program.text if kind == "llvm" else "\n".join(map(native.assembly, program.texts))
