"""How the processor treats the smallest numbers: its control word, through the C library."""

import ctypes
import platform
import sys

__all__ = ["flush_denormals"]

# A result that is denormal becomes zero (bit 15), an operand that is one counts as zero (bit 6).
_FLUSH = 1 << 15 | 1 << 6
_WORDS, _CONTROL = 8, 7  # `fenv_t` on x86-64, of which MXCSR is the last word


def flush_denormals(on):
    """Set the mode of this thread; False where it can't be set."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        return False
    library = ctypes.CDLL(None)
    state = (ctypes.c_uint32 * _WORDS)()
    if library.fegetenv(ctypes.byref(state)):
        return False
    word = state[_CONTROL]
    state[_CONTROL] = word | _FLUSH if on else word & ~_FLUSH
    return library.fesetenv(ctypes.byref(state)) == 0
