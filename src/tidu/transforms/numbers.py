"""A Python float that is not known yet: its digits are those of one run, its formula is kept.

Arithmetic makes further ones, comparisons are told to its `family`; what else reads the digits
(text, `int`, a hash) is refused by the family. See `compiler/recording/numbers.py`.
"""

import operator

__all__ = ["Fixed", "Number", "digits"]


class Fixed(Exception):
    """The digits of a number are part of the program."""


class Number(float):
    """A float in a trial run; `of(values)` computes it from the floats of a call."""

    __slots__ = ("family", "of")

    def __new__(cls, digits, family, of):
        made = float.__new__(cls, digits)
        made.family, made.of = family, of
        return made


def digits(number):
    """The plain float that a Number is in this run."""
    return float.__pos__(number)


def _operand(other):
    if isinstance(other, Number):
        return digits(other), other.of
    if other.__class__ in (int, float, bool):
        return other, lambda values: other
    return None


def _binary(operation, swapped=False):
    def method(self, other):
        found = _operand(other)
        if found is None:
            return NotImplemented
        (one, of), (two, also) = (digits(self), self.of), found
        if swapped:
            one, of, two, also = two, also, one, of
        result = operation(one, two)
        if result.__class__ is not float:
            return self.family.fix()
        return Number(result, self.family, lambda values: operation(of(values), also(values)))

    return method


def _comparison(operation):
    def method(self, other):
        found = _operand(other)
        if found is None:
            return NotImplemented
        (two, also), of = found, self.of
        return self.family.asked(
            operation(digits(self), two), lambda values: operation(of(values), also(values))
        )

    return method


def _unary(operation):
    def method(self):
        return Number(operation(digits(self)), self.family,
                      lambda values: operation(self.of(values)))  # fmt: skip

    return method


def _fixing(self, *others):
    return self.family.fix()


for _name in ("add", "sub", "mul", "truediv", "pow"):
    _operation = getattr(operator, _name)
    setattr(Number, f"__{_name}__", _binary(_operation))
    setattr(Number, f"__r{_name}__", _binary(_operation, swapped=True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Number, f"__{_name}__", _comparison(getattr(operator, _name)))
for _name in ("neg", "abs", "pos"):
    setattr(Number, f"__{_name}__", _unary(getattr(operator, _name)))
setattr(Number, "__bool__", lambda self: self.family.asked(  # noqa: B010
    digits(self) != 0, lambda values: self.of(values) != 0
))  # fmt: skip
for _name in ("floordiv", "rfloordiv", "mod", "rmod", "divmod", "rdivmod", "int", "float", "trunc",
              "floor", "ceil", "round", "str", "repr", "format", "hash", "reduce_ex",
              "getnewargs"):  # fmt: skip
    setattr(Number, f"__{_name}__", _fixing)
for _name in ("hex", "is_integer", "as_integer_ratio"):
    setattr(Number, _name, _fixing)
