"""torch.backends.openmp: OpenMP threads, which tidu does without."""

from .flags import setting

enabled = deterministic = allow_tf32 = False
VERBOSE_OFF, VERBOSE_ON = 0, 1

flags = setting(globals())


def is_available():
    return False


class verbose:
    """A context that would print what the library does."""

    def __init__(self, enable):
        self.enable = enable

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False
