"""What a trial run would let others notice while it lasts: what it prints, and streams it seeds."""

import sys
from threading import get_ident

from ...base.streams.generator import READINGS, RESTARTS
from .breaks import frames_here

__all__ = ["Listening"]


class Listening:
    """Keeps what this thread prints, while it lasts, from being seen (`said`: where it did), and
    refuses that it seeds random numbers or asks where they stand."""

    def __init__(self, tracer):
        self.tracer = tracer

    def __enter__(self):
        self.said, self.out, self.thread = None, sys.stdout, get_ident()
        sys.stdout = self
        RESTARTS.append(self._seeded)
        READINGS.append(self._read)
        return self

    def __exit__(self, *error):
        RESTARTS.remove(self._seeded)
        READINGS.remove(self._read)
        if sys.stdout is self:
            sys.stdout = self.out

    def _seeded(self):
        if get_ident() == self.thread:
            self.tracer.refuse("it seeds a stream of random numbers")

    def _read(self):
        if get_ident() == self.thread:
            self.tracer.refuse("it asks where a stream of random numbers stands")

    def write(self, text):
        if get_ident() != self.thread:
            return self.out.write(text)
        self.said = self.said or frames_here()
        return len(text)

    def __getattr__(self, name):
        return getattr(self.out, name)
