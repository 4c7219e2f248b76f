"""What can be done about a call that failed, in the order in which it is tried.

`core/retries.py` comes here; loaded with the first call that fails. Read `remedies`.
"""

from functools import partial

from ..base.devices import WithoutNumbers
from ..base.dtypes import of_python
from ..base.lazy import lazy_module
from ..core.retries import Refusal
from .arguments import refusal
from .deprecated_overloads import in_newer_order

__all__ = ["remedies"]

meta = lazy_module(f"{__package__.partition('.')[0]}.meta")
_PYTHON_TYPES = {bool, int, float, complex}  # as in x.sum(dtype=int)


def remedies(again, function, name, args, words, error):
    """The call with torch's types for Python's, or with its numbers behind its tensors; PyTorch's
    error about the arguments; or None."""
    if isinstance(error, WithoutNumbers):
        return partial(meta.made_by, function, args, words)
    if _PYTHON_TYPES.intersection(filter(_is_type, (*args, *words.values()))):
        named = {word: of_python(value) for word, value in words.items()}
        return partial(again, *map(of_python, args), **named)
    if (newer := in_newer_order(name, args, words)) is not None:
        tensors, numbers = newer
        return partial(again, *tensors, **words, **numbers)
    better = refusal(name, function, args, words, error)
    return None if better is None else Refusal(better)


def _is_type(value):
    return value.__class__ is type
