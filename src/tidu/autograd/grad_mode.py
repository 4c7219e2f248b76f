"""autograd.grad_mode: the recording modes by their older address, and how many threads serve."""

from .modes import _Mode, enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["enable_grad", "enforce_grad_layout_policy", "inference_mode", "no_grad",
           "set_grad_enabled", "set_multithreading_enabled"]  # fmt: skip

_STATE = {"threads": True, "layout": True}


class _Switch:
    """Sets one entry of `_STATE` at once, and puts it back at the end of a block."""

    entry = ""

    def __init__(self, mode):
        self.was, self.mode = _STATE[self.entry], mode
        _STATE[self.entry] = mode

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        _STATE[self.entry] = self.was

    def clone(self):
        """Another one like it."""
        return self.__class__(self.mode)


class set_multithreading_enabled(_Switch):
    """Whether a backward pass may use threads of its own; acts at once, and as a context.

    In tidu a pass always runs in the thread that called it (only large operations inside are shared
    among threads), so the numbers and the order of hooks are the same either way.
    """

    entry = "threads"


class enforce_grad_layout_policy(_Switch, _Mode):
    """Whether gradients get the memory order of their parameters; acts at once, and as a context.

    In tidu gradients keep the order in which they were computed, so no number depends on it.
    """

    entry = "layout"

    def __init__(self, enable=True):
        super().__init__(enable)

    def __call__(self, function):
        _STATE[self.entry] = self.was
        return super().__call__(function)
