"""How tensors are printed: `set_printoptions`, PyTorch's names, defaults and profiles."""

from __future__ import annotations

import contextlib
import math


class PrintOptions:
    """Precision and limits of printed tensors, one set for the whole process."""

    __slots__ = ("edgeitems", "linewidth", "precision", "sci_mode", "threshold")

    def __init__(self):
        self.precision = 4
        self.threshold = 1000
        self.edgeitems = 3
        self.linewidth = 80
        self.sci_mode = None

    def as_dict(self) -> dict:
        return {name: getattr(self, name) for name in self.__slots__}


OPTIONS = PrintOptions()

_PROFILES = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision=None,
    threshold=None,
    edgeitems=None,
    linewidth=None,
    profile=None,
    sci_mode=None,
) -> None:
    """Set how tensors are printed.

    precision: digits after the point (4); threshold: more elements than this are summarised
    (1000); edgeitems: how many are shown at each end of a summarised dimension (3); linewidth: 80;
    profile: "default", "short" or "full", before the others; sci_mode: True or False to force or
    forbid scientific notation, None to choose it by the values (also when left out).

    >>> import numpy as np
    >>> from tidu.base.printing import printoptions, tensor_text
    >>> with printoptions(precision=2):
    ...     tensor_text(np.float32(1 / 3))
    'tensor(0.33)'
    """
    if profile is not None:
        for name, value in _PROFILES.get(profile, {}).items():  # type: ignore[attr-defined]
            setattr(OPTIONS, name, value)
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    for name, value in given.items():
        if value is not None:
            setattr(OPTIONS, name, value)
    OPTIONS.sci_mode = sci_mode


def get_printoptions() -> dict:
    """The present options, as keyword arguments of `set_printoptions`."""
    return OPTIONS.as_dict()


@contextlib.contextmanager
def printoptions(**options):
    """Options for the length of a `with` block."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)
