"""Which matrix kernels OpenBLAS should use; must be asked before NumPy loads it.

OpenBLAS picks AVX2 kernels on AMD processors that have AVX-512, and is then two to four times
slower than it can be. Its own choice stands everywhere else, and a choice of the user's always.
"""

import os
import sys
from contextlib import contextmanager

__all__ = ["choose_kernels", "kernels_for", "loading"]

_VARIABLE, _THREADS = "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS"


def kernels_for(cpuinfo):
    """The OpenBLAS core type for a processor Linux describes so; None: its own choice."""
    if "AuthenticAMD" not in cpuinfo:
        return None
    flags = set(cpuinfo.partition("flags")[2].partition("\n")[0].split())
    if not {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= flags:
        return None
    return "Cooperlake" if "avx512_bf16" in flags else "SkylakeX"


@contextmanager
def loading(threads=None):
    """While an OpenBLAS is loaded: the right kernels, and how many threads it may start.

    The environment is as it was afterwards; what the user chose stands.
    """
    chosen = {}
    if _VARIABLE not in os.environ and (kernels := _kernels_here()) is not None:
        chosen[_VARIABLE] = kernels
    if threads is not None:
        chosen[_THREADS] = str(threads)
    before = {name: os.environ.get(name) for name in chosen}
    os.environ.update(chosen)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _kernels_here():
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            return kernels_for(file.read(8192))  # the first processor's entry
    except OSError:
        return None


def choose_kernels():
    """Load NumPy with the right kernels."""
    if "numpy" in sys.modules or _VARIABLE in os.environ or _kernels_here() is None:
        return
    with loading():
        __import__("numpy")
