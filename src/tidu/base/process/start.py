"""Runs first when tidu is imported: matrix kernels, memory, and warnings about our own lines.

PyTorch divides by zero without a word; so does tidu, without changing NumPy for the program.

NumPy attributes a floating-point warning to the module whose line computed, so a filter for tidu's
own modules silences these and leaves the program's. A program that says
`warnings.simplefilter("error")` puts its filter before all others; ours goes before it again. See
docs/decisions/0013-own-arithmetic-is-quiet.md.
"""

import re
import warnings

from .blas import choose_kernels
from .memory import keep_freed_memory
from .neighbours import watch_for_neighbours

__all__ = ["silence_own_arithmetic"]

_OWN = ("ignore", None, RuntimeWarning, re.compile(rf"{__name__.partition('.')[0]}\."), 0)


class _OwnFirst(list):
    """The list of filters with ours first, whatever general filter comes later.

    A filter that names modules goes before it: who asks for warnings of tidu's lines gets them.
    """

    __slots__ = ()

    def insert(self, index, item):
        general = item[3] is None
        super().insert(1 if index == 0 and general and self[:1] == [_OWN] else index, item)

    def __getitem__(self, index):
        found = super().__getitem__(index)  # `catch_warnings` keeps a copy by filters[:]
        return _OwnFirst(found) if isinstance(index, slice) else found

    def __setitem__(self, index, value):
        if isinstance(index, slice) and not list(value):  # `resetwarnings`
            value = [_OWN]
        super().__setitem__(index, value)


def silence_own_arithmetic():
    """Ignore NumPy's floating-point warnings that arise in this package."""
    filters = [item for item in warnings.filters if item != _OWN]
    warnings.filters = _OwnFirst([_OWN, *filters])
    warnings._filters_mutated()


choose_kernels()
keep_freed_memory()
silence_own_arithmetic()
watch_for_neighbours()
