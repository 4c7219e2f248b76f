"""The general way of an operation, in place of the short ones."""

from tidu.core.modes import UNHURRIED, listen, unlisten


def generally(function, *args):
    listen(UNHURRIED)
    try:
        return function(*args)
    finally:
        unlisten(UNHURRIED)
