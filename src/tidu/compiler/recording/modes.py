"""What a recorded function may switch for all that follows, and the streams that are not tidu's."""

import random

import numpy as np

from ...base.dtypes import DEFAULT
from ...core.modes import grad_enabled, set_grad

__all__ = ["Modes"]


class Modes:
    """Those as they were; `changed` says which is another now, in words."""

    def __init__(self):
        self.was = self._now()

    def _now(self):
        return {
            "whether gradients are recorded": grad_enabled(),
            "the default data type": DEFAULT.dtype,
            "Python's random numbers": random.getstate(),
            "NumPy's random numbers": _numpy_place(),
        }

    def changed(self):
        now = self._now()
        return next((name for name, was in self.was.items() if now[name] != was), None)

    def names(self):
        """What the statement that changed it mentions."""
        return frozenset({_SWITCHES.get(self.changed(), "random")})

    def undo(self):
        if self._now() == self.was:
            return
        grad, dtype, python, numpy = self.was.values()
        set_grad(grad)
        DEFAULT.set(dtype)
        random.setstate(python)
        kind, words, *rest = numpy
        np.random.set_state((kind, np.frombuffer(words, np.uint32), *rest))


_SWITCHES = {"whether gradients are recorded": "set_grad_enabled",
             "the default data type": "set_default_dtype"}  # fmt: skip


def _numpy_place():
    kind, words, *rest = np.random.get_state()
    return (kind, words.tobytes(), *rest)
