"""torch.backends.mkl: Intel's math library, which tidu does without."""

from .flags import Verbose, setting

enabled = deterministic = allow_tf32 = False
VERBOSE_OFF, VERBOSE_ON = 0, 1

flags, verbose = setting(globals()), Verbose


def is_available():
    return False
