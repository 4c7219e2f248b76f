"""`tidu run`: `python script.py`, with torch served by tidu.

`main` reads the command line, `prepare` gives the program the interpreter state `python` would
give it, `execute` runs it. A failing program's exception goes up to the interpreter itself, which
knows how to end a process (exit codes, SystemExit, SIGINT); only the runner's frames are taken out
of the traceback, and those inside tidu below the program's last line, where PyTorch has C++.
"""

import io
import os
import pkgutil
import runpy
import sys
import zipfile
from importlib import import_module
from importlib.machinery import SourceFileLoader
from types import ModuleType

from ..base.frames import last_of_program
from . import alias
from .manners import fail, suggestion

HELP = """\
Run a program written for PyTorch; its `import torch` is served by tidu.

Usage:
  tidu run script.py [arguments]       as python script.py
  tidu run -m package.module [...]     as python -m package.module
  tidu run -c "code" [...]             as python -c "code"
  tidu run - [...]                     as python -, the program comes from standard input

Options:
  -h, --help    show this text

Everything after the script belongs to the script. torch, torch.nn, torch.utils.data and the others
are tidu's modules, for the program, for the packages it imports and for the processes it starts.
The exit code is the program's. A traceback ends at the program's own line; with TIDU_TRACEBACK=full
in the environment it goes on into tidu.
"""

replaced_main: list[ModuleType] = []  # keeps the first __main__ alive: its globals are in use


def main(arguments: list[str]) -> int:
    """Runs the program described by the arguments of `tidu run`."""
    if not arguments:
        return from_stdin("-", []) if not sys.stdin.isatty() else usage("which script?")
    first, rest = arguments[0], arguments[1:]
    if first in ("-h", "--help"):
        print(HELP, end="")
        return 0
    if first == "--" and rest:
        return from_path(rest[0], rest[1:])
    if first == "-":
        return from_stdin(first, rest)
    if first[:2] in ("-m", "-c"):
        value, *rest = [first[2:], *rest] if first[2:] else (rest or [""])
        if not value:
            return usage(f"{first} needs a {'module' if first == '-m' else 'string of code'}")
        return from_module(value, rest) if first[:2] == "-m" else from_code(value, rest)
    if first.startswith("-"):
        close = suggestion(first, ["--help"])
        return usage(f"unknown option {first!r}" + (f", did you mean {close!r}?" if close else ""))
    return from_path(first, rest)


def usage(message: str) -> int:
    return fail(message, "tidu run script.py [arguments]; `tidu run --help` shows the other forms")


def from_path(path: str, arguments: list[str]) -> int:
    """`python path`: a script, or a folder or zip archive with a `__main__.py`."""
    if os.path.isdir(path) or zipfile.is_zipfile(path):
        prepare([path, *arguments], os.path.join(os.getcwd(), path))
        return execute(lambda: runpy._run_module_as_main("__main__", False))  # type: ignore[attr-defined]
    full_path = os.path.join(os.getcwd(), path)  # not normalised: `python` does not either
    try:
        with io.open_code(full_path) as file:
            code = pkgutil.read_code(file)  # a .pyc file; None for source
        with io.open_code(full_path) as file:
            source = b"" if code else file.read()
    except OSError as error:
        hint = missing_script_hint(path)
        return fail(f"can't open file {full_path!r}: [Errno {error.errno}] {error.strerror}", hint)
    script_folder = os.path.dirname(os.path.realpath(path))
    module = prepare([path, *arguments], script_folder)
    module.__file__ = full_path
    module.__cached__ = None  # type: ignore[attr-defined]
    module.__loader__ = SourceFileLoader("__main__", full_path)
    return execute(lambda: run_source(source, full_path, module, code))


def from_module(name: str, arguments: list[str]) -> int:
    """`python -m name`."""
    prepare(["-m", *arguments], os.getcwd())
    return execute(lambda: runpy._run_module_as_main(name))  # type: ignore[attr-defined]


def from_code(source: str, arguments: list[str]) -> int:
    """`python -c source`."""
    module = prepare(["-c", *arguments], "")
    return execute(lambda: run_source(source, "<string>", module))


def from_stdin(name: str, arguments: list[str]) -> int:
    """`python -`."""
    module = prepare([name, *arguments], "")
    source = sys.stdin.buffer.read()
    return execute(lambda: run_source(source, "<stdin>", module))


def prepare(argv: list[str], first_path: str) -> ModuleType:
    """Gives the program its `__main__`, `sys.argv` and `sys.path`; returns the new `__main__`."""
    alias.install()
    sys.argv[:] = argv
    if not sys.flags.safe_path:
        sys.path[0] = first_path
    module = ModuleType("__main__")
    module.__dict__.update(__builtins__=__builtins__, __annotations__={})
    replaced_main.append(sys.modules["__main__"])
    sys.modules["__main__"] = module
    return module


def run_source(source: bytes | str, filename: str, module: ModuleType, code=None) -> None:
    if filename.startswith("<") and sys.version_info >= (3, 13):
        remember_lines(source, filename)
    if code is None:
        code = compile(source, filename, "exec", dont_inherit=True)
    asking = import_module("tidu.frontend.asking")
    if asking.defines_asking_class(code):  # it may be no tensor, and may be given to any function
        asking.ask_classes()
    exec(code, module.__dict__)


def remember_lines(source: bytes | str, filename: str) -> None:
    """From Python 3.13 on, tracebacks show the lines of -c and standard input too."""
    import linecache

    text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)


def execute(program) -> int:
    """Calls the program; what it raises goes on to the interpreter without the runner's frames."""
    try:
        program()
    except BaseException as error:
        if isinstance(error, ImportError):
            alias.explain_missing(error)
        sys.excepthook = without_runner(sys.excepthook)
        raise
    return 0


def without_runner(hook):
    """An `excepthook` that shows the program's frames only."""

    def show(kind, error, traceback):
        frames = program_frames(traceback)
        error.__traceback__ = frames
        if os.environ.get("TIDU_TRACEBACK") != "full":
            end_at_program(error)
        hook(kind, error, frames)

    return show


def end_at_program(error):
    """Cuts the tracebacks of an exception and what led to it after the last line outside tidu."""
    while error is not None:
        if (last := last_of_program(error.__traceback__)) is not None:
            last.tb_next = None
        while (before := error.__context__) and last_of_program(before.__traceback__) is None:
            error.__context__ = before.__context__  # what tidu met and handled itself
        error = before if error.__cause__ is None else error.__cause__


def program_frames(traceback):
    """The traceback from the first frame on that is not the runner's."""
    own = {run_source.__code__, execute.__code__}
    frame, last_own = traceback, None
    while frame is not None:
        if frame.tb_frame.f_code in own:
            last_own = frame
        elif last_own is not None and frame.tb_frame.f_code.co_filename != __file__:
            return frame
        frame = frame.tb_next
    return None if last_own is not None else traceback


def missing_script_hint(path: str) -> str:
    """A file of a similar name in the same folder, when there is one."""
    folder = os.path.dirname(path)
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return ""
    close = suggestion(os.path.basename(path), names)
    return f"did you mean {os.path.join(folder, close)!r}?" if close else ""
