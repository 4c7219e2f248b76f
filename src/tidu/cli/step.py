"""`tidu step`: runs a program, then walks through its forward and backward passes key by key."""

from ..explain.explanation import Explanation
from ..explain.views.stepper import walk
from .explain import parsed, recorded, title_of
from .manners import fail

HELP = """\
Run a PyTorch program, then walk through what it computed in the terminal, step by step.

Usage:
  tidu step [--lang en|zh] script.py [arguments]

Keys:
  right, n, space   next step          left, p    back
  home, g           first              end, G     last
  ], [              next, previous backward call
  l                 Chinese or English
  q                 quit

Options:
  -h, --help        show this text
"""


def main(arguments: list[str]) -> int:
    """Runs the program under a recorder and shows the walk."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    options, rest, wrong = parsed(arguments, {"--lang": "lang"}, {})
    if wrong:
        return fail(wrong, "tidu step script.py [arguments]")
    recording, code = recorded(rest, options)
    explanation = Explanation(recording, title=title_of(rest))
    walk(explanation.document, options.get("lang", "en"))
    if recording.failure is not None:
        raise recording.failure
    return code
