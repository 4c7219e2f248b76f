"""Calls of which it is known before that they can't be recorded: an optimizer takes its first step
in them, which changes it. A trial run would find that at its end. Read `starts`."""

from functools import partial

from .breaks import code_of
from .cells import names_in

__all__ = ["starts"]


def starts(function, reach):
    """Whether `function`, as it seems, takes the first step of an optimizer that it reaches."""
    return any(o.never_stepped() for o in reach.optimizers) and _comes_to(
        "step", function, reach.functions
    )


def _comes_to(name, function, functions):
    """Whether `function` mentions `name`, or mentions one of `functions` that does, and so on."""
    while isinstance(function, partial):
        function = function.func
    code, met = code_of(function), {getattr(function, "__name__", None)}
    waiting = [] if code is None else [code]
    while waiting:
        new = set(names_in(waiting.pop())) - met
        met |= new
        waiting += [f.__code__ for f in functions if f.__name__ in new]
    return name in met
