"""A call that failed is looked at again: it becomes PyTorch's error about its arguments, or is made
once more, with the class of an argument asked or with arguments in the form of today.

Nothing is looked at before: a call that succeeds pays one frame, 0.1 µs. `worded` stands around
general functions (behind their fast paths), `strict` (`ops/flags.py`) around those with flags,
`asked` around functions whose errors are their own; where 0.1 µs count, a function has `asks` in
its own `except` block. What can be done about a failure is known above: `ops/failed_calls.py`.
"""

import sys
from functools import partial, wraps

from ..base.errors import out_of_memory
from ..base.lazy import Door

__all__ = ["ASKS", "REMEDIES", "Refusal", "asked", "asks", "remedy", "worded"]

# ASKS(args, words, error): whether a class among the arguments is to be asked, from now on.
ASKS = Door(lambda args, words, error: False)
# REMEDIES(again, function, name, args, words, error): what `remedy` gives, if no class is asked.
REMEDIES = Door(lambda *call: None)


class Refusal:
    """Raises an error, once, when it is called."""

    def __init__(self, error):
        self.error = error

    def __call__(self):
        error, self.error = self.error, None
        try:
            raise error
        finally:
            del error  # its traceback has this frame: a cycle would keep all arguments


def remedy(again, function, name, args, words, error):
    """What is done instead of `function(*args, **words)`, which failed: something to be called
    without arguments, or None where the error is the user's. `again` makes the call once more."""
    if isinstance(error, MemoryError):
        return None if isinstance(error, RuntimeError) else Refusal(out_of_memory(error))
    if ASKS(args, words, error):
        return partial(again, *args, **words)
    return REMEDIES(again, function, name, args, words, error)


def worded(function):
    """Decorates a general function: an error that its arguments explain becomes PyTorch's."""
    if hasattr(function, "flags"):  # `strict` has done it
        return function

    @wraps(function)
    def careful(*args, **words):
        try:
            return function(*args, **words)
        except Exception as error:
            better = remedy(careful, function, function.__name__, args, words, error)
            if better is None:
                raise
        return better()

    return careful


def asked(function):
    """Decorates a function that words its errors itself: where it fails, only classes are asked."""

    @wraps(function)
    def asking(*args, **words):
        try:
            return function(*args, **words)
        except MemoryError as error:
            if isinstance(error, RuntimeError):
                raise
            failed = out_of_memory(error)
        except Exception:
            if not asks(*args, **words):
                raise
            failed = None
        if failed is not None:
            raise failed
        return asking(*args, **words)

    return asking


def asks(*args, **words):
    """In a function's `except` block: whether it is to be called again with its arguments, as a
    class among them is asked now."""
    return ASKS(args, words, sys.exception())
