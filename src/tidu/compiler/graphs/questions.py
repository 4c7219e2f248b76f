"""A value that Python asked for, as an equation: it has no result, and stops the program where the
value is not the one that the program was recorded for; or where no eager operation would go on."""

import numpy as np

from ...core.primitive import Primitive

__all__ = ["Deferred", "Diverged", "answer_of", "check", "demand"]


class Deferred:
    """What `item()` gives during a trial run: a number that may be returned, stored or appended.
    Whatever else is done with it (arithmetic, comparison, text, isinstance) needs the value."""

    __slots__ = ("tracer", "variable")

    def __init__(self, variable, tracer):
        self.variable, self.tracer = variable, tracer

    @property  # type: ignore[misc]
    def __class__(self):
        if not self.tracer.done:
            self.tracer.refuse(_NUMBER)
        return Deferred


_NUMBER = "it computes with the value of a tensor"


def _needs_value(self, *others):
    self.tracer.refuse(_NUMBER)


_OPERATIONS = """
    abs add and array bool ceil complex delattr dir divmod eq float floor floordiv format ge getattr
    gt hash index int invert le lt mod mul ne neg or pos pow radd rand rdivmod reduce reduce_ex repr
    rfloordiv rmod rmul ror round rpow rsub rtruediv rxor str sub truediv trunc xor
"""
for _name in _OPERATIONS.split():
    setattr(Deferred, f"__{_name}__", _needs_value)


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


def _demand(x, *, holds, error):
    if not holds(x):
        raise error()
    return ()


demand = Primitive("demand", _demand, ("x",), shape=lambda prim, args, params: [], tex="demand(x)")
