"""When functions begin to ask classes with `__torch_function__` that are no tensors.

Nothing asks until such a class may be met: the program that imports the package defines one, or an
operation was given one. Read `ask`, and `ask_at_last` for functions that look at nothing before
they fail.
"""

import sys
from importlib import import_module

from ..base.frames import user_frame
from ..core.fast import ASKED
from ..core.handle import TensorBase
from ..core.retries import ASKS

__all__ = ["ask_classes", "defines_asking_class"]

_PACKAGE = __name__.partition(".")[0]


def ask_classes():
    """Have functions ask classes with __torch_function__, from now on."""
    import_module(f"{_PACKAGE}.overrides").switch_on()


def ask(fast, slow, args, words):
    """A call of `fast`, of which one argument has such a class; `slow` if that does not want it, or
    if the program called another function, which fails with `slow` and asks then."""
    if not _asked_yet() and not _called_by_program(fast.__code__):
        return slow(*args, **words)
    ask_classes()
    return import_module(f"{_PACKAGE}.overrides").ask(fast, slow, args, words)


def ask_at_last(args, words, error):
    """Whether a call that failed with `error` is to be made again, as classes are asked now. Not if
    no argument has such a class, it was asked before, or the program called another function, which
    will fail with this one."""
    if _asked_yet() or not any(map(_asks, (*args, *words.values()))):
        return False
    if error.__traceback__.tb_frame.f_back is not user_frame():  # of the frame that met the error
        return False
    ask_classes()
    return True


def _called_by_program(code):
    """Whether the running function of this code was called by the program itself."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame is not None and frame.f_back is user_frame()


def _asked_yet():
    return f"{_PACKAGE}.overrides" in sys.modules


def _asks(value):
    if value.__class__ in (list, tuple):
        return any(map(_asks, value))
    return hasattr(type(value), "__torch_function__") and not isinstance(value, TensorBase)


def defines_asking_class(code):
    """Whether a program, a code object, says what `__torch_function__` of a class is."""
    inner = [c for c in code.co_consts if c.__class__ is code.__class__]
    return "__torch_function__" in code.co_names or any(map(defines_asking_class, inner))


def _program():
    """The code of the file that imports the package, or None."""
    frame = user_frame()
    while frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return None if frame is None else frame.f_code


ASKED.open(ask)
ASKS.open(ask_at_last)
if (_code := _program()) is not None and defines_asking_class(_code):
    ask_classes()
