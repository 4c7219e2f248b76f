"""A value that Python asked for, as an equation: it has no result, and stops the program where the
value is not the one that the program was recorded for."""

import numpy as np

from ..core.primitive import Primitive

__all__ = ["Diverged", "answer_of", "check"]


class Diverged(Exception):
    """The answer to question `index` is `value`, not the one expected."""

    def __init__(self, index, value):
        super().__init__(index, value)
        self.index, self.value = index, value


def answer_of(value, truth):
    """What Python reads: whether it holds, or the number."""
    value = np.asarray(value)
    return bool(value.any()) if truth else value.item()


def _check(x, *, index, expected, truth):
    value = answer_of(x, truth)
    if value != expected:
        raise Diverged(index, value)
    return ()


check = Primitive("check", _check, ("x",), shape=lambda prim, args, params: [], tex="check(x)")
