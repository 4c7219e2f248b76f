"""What all commands share: how they fail, and how they guess what was meant."""

import sys
from collections.abc import Iterable
from difflib import get_close_matches


def fail(message: str, hint: str = "", code: int = 2) -> int:
    """Prints an error and a hint to standard error; returns the exit code."""
    print(f"tidu: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    return code


def suggestion(name: str, known: Iterable[str]) -> str:
    """The known name closest to `name`, or "" when none is close."""
    known = list(known)
    folded = {candidate.lower(): candidate for candidate in known}
    if name.lower() in folded:
        return folded[name.lower()]
    close = get_close_matches(name, known, n=1, cutoff=0.65)
    return close[0] if close else ""
