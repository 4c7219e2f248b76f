"""Arguments that must be True or False, as PyTorch wants them: `x.sum(0, 1)` is a slip, not a flag.

Which arguments are flags is read from a function's signature: those whose default is a bool.
"""

from functools import wraps

from ..core.handle import TensorBase
from ..errors import hinted

__all__ = ["Flags", "require_bool", "require_int", "strict"]

# Flags of other kinds: about memory, or for Python code, which asks for truth alone.
_LOOSE = frozenset(("inplace", "pin_memory", "requires_grad", "implicit"))
# Functions with several forms, of which none fits: PyTorch lists all the arguments.
_SEVERAL_FORMS = frozenset(
    "all any argsort bucketize histogram isin linalg_matrix_rank linalg_norm linalg_pinv "
    "nanquantile quantile searchsorted sort std std_mean stft var var_mean".split()
)


class Flags:
    """The flags of a function: `first` is the place of the first, beyond which calls are looked
    through."""

    __slots__ = ("first", "name", "places")

    def __init__(self, function, name=None):
        self.name = name or function.__name__
        self.places = _places(function)
        self.first = min(self.places.values(), default=1 << 30)

    def check(self, args, words):
        """TypeError for a flag that is no bool."""
        for name, place in self.places.items():
            given = args[place] if place < len(args) else words.get(name, False)
            if given.__class__ is not bool and not (given is None and name == "unbiased"):
                raise self._refusal(name, given, place if place < len(args) else None, args, words)

    def _refusal(self, name, given, place, args, words):
        # As a method, the tensor itself is not counted.
        own = 1 if hasattr(TensorBase.handle_class, self.name) else 0
        if self.name in _SEVERAL_FORMS:
            got = [_kind(a) for a in args[own:]] + [f"{k}={_kind(v)}" for k, v in words.items()]
            text = (
                f"{self.name}() received an invalid combination of arguments - got "
                f"({', '.join(got)}), but expected one of:"
            )
        else:
            where = "" if place is None else f" (position {place + 1 - own})"
            text = f"{self.name}(): argument '{name}'{where} must be bool, not {_kind(given)}"
        return TypeError(hinted(text, f"write {name}=True or {name}=False."))


def _places(function):
    """Flag -> its place among the arguments, or one beyond all of them for a keyword."""
    while (inner := getattr(function, "__wrapped__", None)) is not None:
        function = inner
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    defaults = dict(zip(reversed(names), reversed(function.__defaults__ or ()), strict=False))
    defaults.update(function.__kwdefaults__ or {})
    if "upper" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        defaults.setdefault("upper", False)  # one function gives it no default
    return {
        name: names.index(name) if name in names else 1 << 30
        for name, value in defaults.items()
        if (value.__class__ is bool or name == "unbiased") and name not in _LOOSE
    }


def _kind(value):
    if isinstance(value, TensorBase):
        return "Tensor"
    kind = type(value)
    return f"numpy.{kind.__name__}" if kind.__module__ == "numpy" else kind.__name__


def strict(function=None, name=None):
    """Decorates a function: its flags must be bools. `name` is PyTorch's, where it differs."""
    if function is None:
        return lambda function: strict(function, name)
    flags = Flags(function, name)
    first, check = flags.first, flags.check

    @wraps(function)
    def checked(*args, **words):
        if words or len(args) > first:
            check(args, words)
        return function(*args, **words)

    checked.flags = flags
    return checked


def require_bool(function, place=None, **flag):
    """TypeError unless the one flag is a bool; `place` is its position, counted from 1."""
    ((name, value),) = flag.items()
    if value.__class__ is not bool:
        where = "" if place is None else f" (position {place})"
        text = f"{function}(): argument '{name}'{where} must be bool, not {_kind(value)}"
        raise TypeError(hinted(text, f"write {name}=True or {name}=False."))


def require_int(function, place, **argument):
    """TypeError unless the one argument is a whole number; `place` is its position from 1."""
    ((name, value),) = argument.items()
    if not hasattr(value, "__index__"):
        where = f"argument '{name}' (position {place})"
        raise TypeError(f"{function}(): {where} must be int, not {_kind(value)}")
