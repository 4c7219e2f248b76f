"""Packages that cost much to load are loaded on first use, through `lazy_module` alone."""

import importlib

__all__ = ["lazy_module"]


class _LazyModule:
    """Stands for a module; the first attribute asked of it imports the module."""

    def __init__(self, name):
        self.__dict__["_name"] = name

    def __getattr__(self, attribute):
        module = importlib.import_module(self._name)
        value = getattr(module, attribute)
        self.__dict__[attribute] = value
        return value

    def __repr__(self):
        return f"<lazy module {self._name!r}>"


def lazy_module(name):
    """The module `name`, imported when first used.

    >>> from tidu.lazy import lazy_module
    >>> fractions = lazy_module("fractions")
    >>> fractions.Fraction(1, 2)
    Fraction(1, 2)
    """
    return _LazyModule(name)
