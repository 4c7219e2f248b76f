"""Arguments that must be True or False, as PyTorch wants them: `x.sum(0, 1)` is a slip, not a flag.

Which arguments are flags is read from a function's signature: those whose default is a bool. What
is wrong about the arguments of a call, flags or not, `ops/arguments.py` says in PyTorch's words.
"""

from functools import wraps

from ..base.errors import hinted, type_name
from ..core.retries import remedy
from .numbers import require_width

__all__ = ["Flags", "require_bool", "require_float", "require_int", "strict"]

# Flags of other kinds: about memory, or for Python code, which asks for truth alone.
_LOOSE = frozenset(("inplace", "pin_memory", "requires_grad", "implicit"))
_WORDS = (("axis", "dim"), ("keepdims", "keepdim"))


class Flags:
    """The flags of a function: `first` is the place of the first, beyond which calls are looked
    through."""

    __slots__ = ("first", "name", "places")

    def __init__(self, function, name=None):
        self.name = name or function.__name__
        self.places = _places(function)
        self.first = min(self.places.values(), default=1 << 30)

    def fit(self, args, words):
        """Whether all flags are bools."""
        for name, place in self.places.items():
            given = args[place] if place < len(args) else words.get(name, False)
            if given.__class__ is not bool and not (given is None and name == "unbiased"):
                return False
        return True

    def require(self, args, words):
        """TypeError for the first flag that is no bool."""
        for name, place in self.places.items():
            inside = place < len(args)
            given = args[place] if inside else words.get(name, False)
            if not (given is None and name == "unbiased"):
                require_bool(self.name, place + 1 if inside else None, **{name: given})


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


def strict(function=None, name=None, spellings=False):
    """Decorates a function: its flags must be bools, and errors about its arguments are PyTorch's.

    `name` is PyTorch's, where it differs; with `spellings`, `axis=` and `keepdims=` are taken for
    `dim=` and `keepdim=`.
    """
    if function is None:
        return lambda function: strict(function, name, spellings)
    flags = Flags(function, name)
    name, first, require, flagged = flags.name, flags.first, flags.require, bool(flags.places)

    @wraps(function)
    def checked(*args, **words):
        try:
            if spellings and words:
                _translate(words)
            if flagged and (words or len(args) > first):
                require(args, words)
            return function(*args, **words)
        except Exception as error:
            better = remedy(checked, function, name, args, words, error)
            if better is None:
                raise
        return better()

    checked.flags = flags if flagged else None
    return checked


def _translate(words):
    for theirs, ours in _WORDS:
        if theirs in words and ours not in words:
            words[ours] = words.pop(theirs)


def require_bool(function, place=None, **flag):
    """TypeError unless the one flag is a bool; `place` is its position among the arguments of the
    function, counted from 1."""
    ((name, value),) = flag.items()
    if value.__class__ is not bool:
        where = "" if place is None else f" (position {place})"
        text = f"{function}(): argument '{name}'{where} must be bool, not {type_name(value)}"
        raise TypeError(hinted(text, f"write {name}=True or {name}=False."))


def require_float(function, place, **argument):
    """TypeError unless the one argument is a real number; `place` is as for `require_bool`."""
    ((name, value),) = argument.items()
    one = getattr(value, "ndim", None) == 0  # an array or a tensor of one number
    if not (isinstance(value, (int, float)) or one):
        where = f"argument '{name}' (position {place})"
        raise TypeError(f"{function}(): {where} must be float, not {type_name(value)}")


def require_int(function, place, **argument):
    """TypeError unless the one argument is a whole number; `place` is as for `require_bool`."""
    ((name, value),) = argument.items()
    if not hasattr(value, "__index__"):
        where = f"argument '{name}' (position {place})"
        raise TypeError(f"{function}(): {where} must be int, not {type_name(value)}")
    require_width(value.__index__())
