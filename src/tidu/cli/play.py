"""`tidu play`: a page in the browser on which a program is edited, run and explained."""

import os
import signal
import threading
import tokenize
import webbrowser

from ..play.limits import BODY, Limits
from ..play.server import Playground
from .manners import fail, suggestion

HELP = """\
Open a playground in the browser: edit a PyTorch program, run it, and see its values, gradients and
formulas change.

Usage:
  tidu play [script.py] [options]

Options:
  --port N        listen there (default: any port that is free)
  --seconds N     let a program run so long (default: {seconds:g})
  --memory N      MiB that a program may use (default: {memory})
  --no-browser    print the address only
  -h, --help      show this text

The script is read, never written. Programs run in a fresh folder that is removed afterwards, with
your rights, on this machine alone: the server listens on 127.0.0.1 and asks for the key that is
part of the address it prints. Ctrl+C ends it.
"""

NUMBERS = {"--port": (0, 65535), "--seconds": (1, 86400), "--memory": (700, 1 << 20)}
USAGE = "tidu play [script.py] [--port N] [--no-browser]; `tidu play --help` lists options"


def main(arguments: list[str]) -> int:
    """Serves the playground until it is interrupted."""
    if any(word in ("-h", "--help") for word in arguments):
        print(HELP.format(seconds=Limits.seconds, memory=Limits.memory), end="")
        return 0
    options, scripts, wrong = parsed(arguments)
    if wrong:
        return fail(wrong, USAGE)
    if os.name != "posix":
        return fail("tidu play needs Linux or macOS, whose limits hold programs back", code=1)
    program = None
    if scripts:
        program, wrong = script(scripts[0])
        if wrong:
            return fail(wrong, USAGE)
    limits = Limits(
        seconds=options.get("--seconds", Limits.seconds),
        memory=options.get("--memory", Limits.memory),
    )
    search = os.path.dirname(os.path.abspath(scripts[0])) if scripts else ""
    try:
        playground = Playground(options.get("--port", 0), program, search, limits)
    except OSError as error:
        return fail(f"cannot listen on port {options.get('--port', 0)}: {error.strerror}",
                    "without --port a free one is taken", 1)  # fmt: skip
    return serve(playground, "--no-browser" not in options)


def parsed(arguments):
    """(options, scripts, what is wrong); options may stand before the script and after it."""
    options: dict = {}
    scripts = []
    rest = list(arguments)
    while rest:
        word, equals, value = rest.pop(0).partition("=")
        if word == "--no-browser" and not equals:
            options[word] = True
        elif word in NUMBERS:
            value = value if equals else rest.pop(0) if rest else ""
            least, most = NUMBERS[word]
            if not value.isdecimal() or not least <= int(value) <= most:
                return options, scripts, f"{word} must be a number from {least} to {most}"
            options[word] = int(value)
        elif word.startswith("-"):
            close = suggestion(word, [*NUMBERS, "--no-browser", "--help"])
            hint = f", did you mean {close!r}?" if close else ""
            return options, scripts, f"unknown option {word!r}{hint}"
        else:
            scripts.append(word + equals + value)
    return options, scripts, "one script at most" if len(scripts) > 1 else ""


def script(path):
    """((name, text), what is wrong) of a script."""
    try:
        with tokenize.open(path) as file:
            text = file.read()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        return None, f"can't read {path!r}: {getattr(error, 'strerror', None) or error}"
    if len(text.encode("utf-8")) > BODY // 2:
        return None, f"{path!r} is longer than the playground takes ({BODY // 2} bytes)"
    return (os.path.basename(path), text), ""


def serve(playground, browser):
    """Until Ctrl+C, or until the terminal is closed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    print(f"tidu play: {playground.address}", flush=True)
    print("This address is a key: whoever has it can run programs here as you. Ctrl+C ends it.",
          flush=True)  # fmt: skip
    if browser:
        threading.Thread(target=webbrowser.open, args=(playground.address,), daemon=True).start()
    try:
        playground.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        playground.close()
    return 0


def interrupted(*_):
    raise KeyboardInterrupt
