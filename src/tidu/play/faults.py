"""Where in the program an error happened, read from what Python printed about it."""

import re

from .place import PROGRAM

__all__ = ["fault_in"]

FRAME = re.compile(rf'^ +File "(?:[^"\n]*/)?{re.escape(PROGRAM)}", line (\d+)', re.MULTILINE)


def fault_in(text: str) -> dict | None:
    """{"line", "message"} of the last traceback that passes through the program.

    >>> fault_in('  File "/tmp/x/program.py", line 3, in f\\n    1 / 0\\nZeroDivisionError: no')
    {'line': 3, 'message': 'ZeroDivisionError: no'}
    """
    frames = list(FRAME.finditer(text))
    if not frames:
        return None
    # After the frames, indented, stands the message, from the first column on.
    rest = text[frames[-1].end() :].split("\n")[1:]
    message = next((line for line in rest if line[:1].strip()), "")
    return {"line": int(frames[-1][1]), "message": message.strip()[:500]}
