"""Which matrix kernels NumPy's OpenBLAS should use; must be asked before NumPy is loaded.

OpenBLAS picks AVX2 kernels on AMD processors that have AVX-512, and is then two to four times
slower than it can be. Its own choice stands everywhere else, and a choice of the user's always.
"""

import os
import sys

__all__ = ["choose_kernels", "kernels_for"]

_VARIABLE = "OPENBLAS_CORETYPE"


def kernels_for(cpuinfo):
    """The OpenBLAS core type for a processor Linux describes so; None: its own choice."""
    if "AuthenticAMD" not in cpuinfo:
        return None
    flags = set(cpuinfo.partition("flags")[2].partition("\n")[0].split())
    if not {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= flags:
        return None
    return "Cooperlake" if "avx512_bf16" in flags else "SkylakeX"


def choose_kernels():
    """Load NumPy with the right kernels, leaving the environment as it was."""
    if "numpy" in sys.modules or _VARIABLE in os.environ:
        return
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            chosen = kernels_for(file.read(8192))  # the first processor's entry
    except OSError:
        return
    if chosen is None:
        return
    os.environ[_VARIABLE] = chosen
    try:
        __import__("numpy")
    finally:
        del os.environ[_VARIABLE]
