"""Where compiled kernels come in: the door that `tidu.compiler` opens, if it can be used.

Eager evaluation asks `NATIVE` for large work and takes NumPy where it answers None. Nothing here
knows the compiler: the package hands in the module that answers, which is loaded at the first
question, and only if LLVM is installed.
"""

import os
from contextlib import contextmanager

__all__ = ["SUM_FROM", "NATIVE", "waiting"]

SUM_FROM = 1 << 14  # elements from which compiled sums, rows and draws beat NumPy's


class _Native:
    """`elementwise`, `rule`, ... of the module handed in; each answers None where it can't help."""

    __slots__ = ("module", "usable", "waiting")

    def __init__(self):
        self.module, self.usable, self.waiting = None, None, 0

    def __getattr__(self, name):
        if self.waiting and name not in _NEEDED:
            return _nothing
        return getattr(self.module, name)

    def __bool__(self):
        usable = self.usable
        if usable is None:
            usable = self.usable = self._look()
        return usable

    def _look(self):
        if self.module is None or os.environ.get("TIDU_NATIVE") == "0":
            return False
        try:
            return self.module.available()
        except ImportError:
            return False


# What NumPy would take far longer for than LLVM, once, and products, which look for themselves.
_NEEDED = {"convolve", "elementwise", "gru", "gru_back", "input_gradient", "lstm", "lstm_back",
           "max_place", "max_pool", "max_positions", "mean_pool", "mean_spread", "module",
           "product", "rule", "stack", "weight_gradient"}  # fmt: skip
NATIVE = _Native()


def _nothing(*arguments):
    return None


@contextmanager
def waiting():
    """Eager work that is done once (a step before it is compiled) is not worth making loops for."""
    NATIVE.waiting += 1
    try:
        yield
    finally:
        NATIVE.waiting -= 1
