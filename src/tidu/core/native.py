"""Where compiled kernels come in: the door that `tidu.compiler` opens, if it can be used.

Eager evaluation asks `NATIVE` for large work and takes NumPy where it answers None. Nothing here
knows the compiler: the package hands in the module that answers, which is loaded at the first
question, and only if LLVM is installed.
"""

import os

__all__ = ["LARGE", "NATIVE"]

LARGE = 1 << 14  # elements from which a compiled loop with its 3 µs of checks beats NumPy's


class _Native:
    """`elementwise`, `rule`, ... of the module handed in; each answers None where it can't help."""

    __slots__ = ("module", "usable")

    def __init__(self):
        self.module, self.usable = None, None

    def __getattr__(self, name):
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


NATIVE = _Native()
