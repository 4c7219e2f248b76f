"""SymInt: the length of a ragged axis in a shape, which stands for a row of lengths."""

from itertools import count

from ..base.errors import hinted
from ..base.lazy import TORCH

__all__ = ["SymInt", "ragged_of"]

_COUNT = count(1)


class SymInt:
    """A length of which only this is known: it is that of one ragged axis, and at least 2.

    It is equal to itself, and to its multiples by the same number; comparisons with numbers above
    2, and with other such lengths, are a ValueError, as each answer would be wrong for some row.
    It is no number to count with: AttributeError for sums, `int(n)`, indices.

    >>> import tidu as torch
    >>> x = torch.nested.nested_tensor([torch.ones(2), torch.ones(5)], layout=torch.jagged)
    >>> n = x.shape[1]
    >>> n == (x + 1).shape[1], n == 2, n >= 1
    (True, False, True)
    """

    __module__ = TORCH
    __slots__ = ("factor", "number")
    is_symbolic = True

    def __init__(self, node=None, factor=1):
        self.number, self.factor = next(_COUNT) if node is None else node, factor

    def __repr__(self):
        return f"j{self.number}" if self.factor == 1 else f"{self.factor}*j{self.number}"

    def __deepcopy__(self, memo):
        return self

    def __reduce_ex__(self, protocol):
        return SymInt, ()  # another one: in another process it stands for other rows

    @property
    def node(self):
        return self

    def _same(self, other):
        return isinstance(other, SymInt) and self.number == other.number

    def __eq__(self, other):
        return self._same(other) and self.factor == other.factor

    def __hash__(self):
        return hash((self.number, self.factor))

    def __bool__(self):
        return True

    def __round__(self):
        return self

    def __ge__(self, other):
        if self._same(other):
            return self.factor >= other.factor
        if isinstance(other, int) and other <= 2:
            return True
        raise self._unknown(other)

    def __gt__(self, other):
        if self._same(other):
            return self.factor > other.factor
        if isinstance(other, int) and other < 2:
            return True
        raise self._unknown(other)

    def __lt__(self, other):
        return not self >= other

    def __le__(self, other):
        return not self > other

    def _unknown(self, other):
        return ValueError(hinted(
            "ge: relation is indeterminate",
            f"{self} stands for the lengths of all rows: x.offsets().diff() has them.",
        ))  # fmt: skip

    def __mul__(self, other):
        if isinstance(other, SymInt):
            raise ValueError(hinted(
                "unsupported: the product of the lengths of two ragged axes",
                "x.offsets().diff() has the lengths of the rows.",
            ))  # fmt: skip
        return SymInt(self.number, self.factor * other)

    __rmul__ = __mul__


def _refused(name):
    def refuse(self, *other):
        raise AttributeError(hinted(
            f"'NestedIntNode' object has no attribute '{name}'",
            f"{self} is the length of a ragged axis, no number: x.offsets().diff() has the lengths "
            "of the rows, x.values().shape[0] is their sum.",
        ))  # fmt: skip

    return refuse


for _operator, _name in (
    ("int", "int_"), ("float", "int_"), ("index", "int_"), ("add", "add"), ("radd", "add"),
    ("sub", "sub"), ("rsub", "sub"), ("floordiv", "int_floordiv"), ("rfloordiv", "int_floordiv"),
    ("truediv", "int_truediv"), ("rtruediv", "int_truediv"), ("mod", "mod"), ("rmod", "mod"),
    ("pow", "pow_by_natural"), ("neg", "neg"), ("abs", "abs"), ("floor", "floor"),
    ("ceil", "ceil"), ("and", "bitwise_and"), ("or", "bitwise_or"),
):  # fmt: skip
    setattr(SymInt, f"__{_operator}__", _refused(_name))


def ragged_of(offsets):
    """The ragged length that belongs to a tensor of offsets."""
    known = offsets.__dict__.get("_ragged")
    if known is None:
        known = offsets.__dict__["_ragged"] = SymInt()
    return known
