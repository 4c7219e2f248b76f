"""Unresolved: memory that is read through PyTorch's conjugate bit, its negative bit, or both.

`x.conj()` computes nothing: it is a view whose elements are conjugated when they are read, and a
write to it conjugates them before they are stored. Read `primitives/bits.py` for what is done.
"""

from typing import Any

__all__ = ["Unresolved", "lying"]


class Unresolved:
    """A value: `memory`, and whether what is read there is to be conjugated, and negated."""

    __slots__ = ("conj", "memory", "neg")
    dtype = None
    level: Any  # the one level of all of them, registered by the module that defines it

    def __init__(self, memory, conj, neg):
        self.memory, self.conj, self.neg = memory, conj, neg

    shape = property(lambda self: self.memory.shape)
    strides = property(lambda self: self.memory.strides)
    element_type = property(lambda self: self.memory.dtype)

    def resolved(self):
        """The elements, in memory of their own."""
        return self.level.resolved(self)

    copy = resolved

    def concrete(self, use):
        """The elements; an array that shares the memory ("numpy") cannot have the bit."""
        if use == "numpy":
            self.level.refuse_array(self)
        return self.resolved()


def lying(value):
    """What lies in memory behind a value, through transforms and bits; or a traced variable."""
    while value.dtype is None:
        if value.__class__ is Unresolved:
            return value.memory
        if not hasattr(value, "tensor"):
            break
        value = value.tensor._value
    return value
