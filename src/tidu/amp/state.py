"""Whether a thread autocasts, for which devices, and to which types."""

import threading

from ..dtypes import bfloat16, float16

__all__ = ["STATE"]


class _State(threading.local):
    enabled = frozenset()
    cache = True

    def __init__(self):
        self.dtypes = {"cuda": float16, "mps": float16, "xpu": float16, "cpu": bfloat16}


STATE = _State()
