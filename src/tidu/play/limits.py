"""What one run may use, and what one request may be."""

import os
from dataclasses import dataclass, field

__all__ = ["BODY", "Limits"]

MIB = 1 << 20
BODY = MIB  # bytes of a request; a program is some thousand


@dataclass(frozen=True)
class Limits:
    """The bounds of a run: against mistakes, an endless loop or a list that grows for ever.

    A program runs with the rights of its user; no limit here keeps it from the user's files.
    """

    seconds: float = 60.0  # by the clock; then the program is interrupted, as by Ctrl+C
    grace: float = 5.0  # more seconds, in which it may end by itself and its page is made
    memory: int = 4096  # MiB of addresses for each process; the libraries alone take 600
    file: int = 64  # MiB of each file it writes, its page among them
    head: int = 200_000  # characters of output that are kept of the beginning ...
    tail: int = 50_000  # ... and of the end, where error messages are
    processors: int = field(default_factory=lambda: os.cpu_count() or 1)  # it may keep so many busy

    @property
    def resources(self) -> dict[str, int]:
        """The limits of the operating system, as names of `resource` have them."""
        return {
            "RLIMIT_CPU": max(1, round((self.seconds + self.grace) * self.processors)),
            "RLIMIT_AS": self.memory * MIB,
            "RLIMIT_FSIZE": self.file * MIB,
            "RLIMIT_NOFILE": 256,
            "RLIMIT_CORE": 0,
        }
