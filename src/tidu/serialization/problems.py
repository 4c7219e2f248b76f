"""The one error of loading: every malformed or refused file ends in it."""

from __future__ import annotations

import pickle

from ..base.errors import hinted


class LoadError(RuntimeError, pickle.UnpicklingError):
    """A file that cannot be loaded; both kinds of error that PyTorch raises for one."""


class EmptyFile(LoadError, EOFError):
    """A file without content."""


EmptyFile.__name__ = EmptyFile.__qualname__ = "EOFError"
EmptyFile.__module__ = "builtins"


_DAMAGED = "the file is damaged or was not written by torch.save; save it again if you can."


def bad_file(message: str, hint: str = _DAMAGED) -> LoadError:
    """The error for a malformed file."""
    return LoadError(hinted(message, hint))
