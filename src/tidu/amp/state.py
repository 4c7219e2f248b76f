"""Whether a thread autocasts, for which devices, and to which types."""

import threading

from ..base.dtypes import bfloat16, float16
from ..core.modes import OTHERS, count_special

__all__ = ["STATE"]


class _State(threading.local):
    _enabled: frozenset = frozenset()
    cache = True
    nesting = 0

    def __init__(self):
        self.dtypes = {"cuda": float16, "mps": float16, "xpu": float16, "ipu": float16,
                       "cpu": bfloat16, "xla": bfloat16}  # fmt: skip

    @property
    def enabled(self):
        return self._enabled

    @enabled.setter
    def enabled(self, devices):
        change = ("cpu" in devices) - ("cpu" in self._enabled)
        self._enabled = devices
        if change:
            count_special(change)


STATE = _State()
OTHERS["autocast"] = lambda: STATE.dtypes["cpu"] if "cpu" in STATE.enabled else None
