"""`tidu explain`: runs a program as `tidu run` does, and shows how its gradients came about."""

import os
import sys
import traceback
import webbrowser

from ..explain.explanation import Explanation
from ..explain.recording.recorder import LIMIT, Recorder
from ..explain.recording.records import Recording
from ..explain.recording.training import TrainingWatch
from ..explain.views.exports import ENDINGS
from . import run
from .manners import fail, suggestion

HELP = """\
Run a PyTorch program and show how its gradients came about: every value, local derivative, message
and formula, on one page that needs no network.

Usage:
  tidu explain [options] script.py [arguments]     also -m module and -c code, as tidu run

Options:
  --html FILE     write the page there (default: explain.html)
  --json FILE     write the document as JSON too
  --save FILE     write another form, by the file's ending: .md .tex .svg .dot .mmd
  --print         print the tables of steps in the terminal; no page unless --html asks for it
  --train         watch a training run: gradient and update norms of each layer, step by step
  --lang LANG     language of the page: en or zh (default: the reader's own)
  --limit N       operations to write down (default: {limit})
  --quiet         do not say where it was written
  --open          open the page in the browser when it is written
  -h, --help      show this text

Everything after the script belongs to the script. The exit code is the program's; when it fails,
the page shows how far it came.
"""

VALUES = {
    "--html": "html",
    "--json": "json",
    "--save": "save",
    "--lang": "lang",
    "--limit": "limit",
}
SWITCHES = {"--print": "print", "--train": "train", "--open": "open", "--quiet": "quiet"}


def main(arguments: list[str]) -> int:
    """Runs the program under a recorder, then writes what was asked for."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(HELP.format(limit=LIMIT), end="")
        return 0
    options, rest, wrong = parsed(arguments)
    if wrong:
        return fail(
            wrong, "tidu explain script.py [arguments]; `tidu explain --help` lists options"
        )
    for path in (options.get("html"), options.get("json"), options.get("save")):
        if path is not None and not open_to(path):
            return fail(f"cannot write {path!r}", "the folder must exist and be writable")
    misplaced = [word for word in rest[1:] if word.partition("=")[0] in {*VALUES, *SWITCHES}]
    if misplaced:
        print(f"tidu explain: {misplaced[0]} stands after the script, so the script gets it; "
              f"options of tidu explain stand before: tidu explain {misplaced[0]} ... {rest[0]}",
              file=sys.stderr)  # fmt: skip
    recording, code = recorded(rest, options)
    if code:
        return code  # the program did not begin: there is nothing to show
    return deliver(recording, options, rest)


def open_to(path):
    """Whether a file can be written there: better known before the program runs than after it."""
    folder = os.path.dirname(os.path.abspath(path))
    writable = os.access(path, os.W_OK) if os.path.exists(path) else os.access(folder, os.W_OK)
    return writable and not os.path.isdir(path)


def parsed(arguments, values=VALUES, switches=SWITCHES):
    """(options, the program and its arguments, what is wrong)."""
    options: dict = {}
    rest = list(arguments)
    while rest and rest[0].startswith("--") and len(rest[0]) > 2:
        name, equals, value = rest.pop(0).partition("=")
        if name in switches and not equals:
            options[switches[name]] = True
        elif name in values and (equals or rest):
            options[values[name]] = value if equals else rest.pop(0)
        else:
            close = suggestion(name, [*values, *switches])
            known = f"{name} needs a value" if name in values else f"unknown option {name!r}"
            return options, rest, known + (f", did you mean {close!r}?" if close != name else "")
    if options.get("lang", "en") not in ("en", "zh"):
        return options, rest, f"--lang must be en or zh, not {options['lang']!r}"
    if not options.get("limit", "1").isdigit():
        return options, rest, f"--limit must be a number, not {options['limit']!r}"
    if options.get("save") and os.path.splitext(options["save"])[1] not in ENDINGS:
        return options, rest, f"--save knows {' '.join(ENDINGS)}, not {options['save']!r}"
    return options, rest, "" if rest else "which script?"


def recorded(program, options):
    """(Recording, exit code) of a run; the program's error waits until the page is written."""
    recording = Recording()
    train = bool(options.get("train"))
    recorder = Recorder(recording, int(options.get("limit", LIMIT)), passes=1 if train else None)
    code = 0
    try:
        with recorder:
            if train:
                with TrainingWatch(recorder):
                    code = run.main(program)
            else:
                code = run.main(program)
    except BaseException as error:
        recording.failure = error
        if isinstance(error, MemoryError):
            let_go(error)
    return recording, code


def let_go(error):
    """Gives up what a program holds that ran out of memory, so that its page can be written."""
    traceback.clear_frames(error.__traceback__)
    for frame, _ in traceback.walk_tb(error.__traceback__):
        names = frame.f_globals
        if names.get("__name__") == "__main__":
            for name in [n for n in names if not n.startswith("__")]:
                del names[name]


def deliver(recording, options, program):
    """Write and print; raises the program's own error again at the end."""
    explanation = Explanation(recording, title=title_of(program))
    language = options.get("lang")
    if options.get("print"):
        explanation.print(language=language or "en")
    if options.get("json"):
        explanation.json(options["json"])
    if options.get("save") and (recording.passes or options["save"].endswith(".md")):
        explanation.save(options["save"], language)
        say(options, options["save"])
    if options.get("html") or not (options.get("print") or options.get("save")):
        path = options.get("html", "explain.html")
        explanation.save(path, language)
        say(options, f"{path}{remark(recording)}")
        if options.get("open"):
            webbrowser.open("file://" + os.path.abspath(path))
    if recording.failure is not None:
        raise recording.failure
    return 0


def say(options, text):
    if not options.get("quiet"):
        print(f"tidu explain: {text}", file=sys.stderr)


def remark(recording):
    """What a reader should know before opening the page."""
    if recording.left_out:
        count = sum(record.kind == "op" for record in recording.records)
        return f" (only the first {count} operations were written down; --limit asks for more)"
    if recording.passes:
        return ""
    if any(record.kind == "op" for record in recording.records):
        return " (no backward pass was recorded)"
    return " (no operation on a tensor that requires a gradient was recorded)"


def title_of(program):
    first = next((word for word in program if not word.startswith("-")), "")
    return os.path.basename(first) if len(first) < 80 else ""
