"""What handlers of signals raise: it comes at any place and is not about what runs there."""

import functools
import signal
import types

__all__ = ["by_handler", "code_of"]


def code_of(function):
    """The code of a function written in Python, or None."""
    plain = function.__func__ if isinstance(function, types.MethodType) else function
    return getattr(plain, "__code__", None)


def by_handler(error):
    """Whether a handler of a signal has raised this, such as a time limit's `TimeoutError`."""
    codes = {_code(signal.getsignal(number)) for number in signal.valid_signals()}
    place = error.__traceback__
    while place is not None:
        if place.tb_frame.f_code in codes:
            return True
        place = place.tb_next
    return False


def _code(handler):
    """None for the system's handlers."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    if isinstance(handler, signal.Handlers) or not callable(handler):
        return None
    return code_of(handler) or code_of(type(handler).__call__)
