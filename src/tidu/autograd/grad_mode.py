"""autograd.grad_mode: the recording modes by their older address, and how many threads serve."""

from .modes import _Mode, enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["enable_grad", "enforce_grad_layout_policy", "inference_mode", "no_grad",
           "set_grad_enabled", "set_multithreading_enabled"]  # fmt: skip

_STATE = {"threads": True, "layout": True}


class set_multithreading_enabled:
    """Whether a backward pass may use threads of its own; acts at once, and as a context.

    In tidu a pass always runs in the thread that called it (only large operations inside are shared
    among threads), so the numbers and the order of hooks are the same either way.
    """

    def __init__(self, mode):
        self.was, self.mode = _STATE["threads"], mode
        _STATE["threads"] = mode

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        _STATE["threads"] = self.was

    def clone(self):
        """Another one like it."""
        return self.__class__(self.mode)


class enforce_grad_layout_policy(_Mode):
    """Whether gradients get the memory order of their parameters; acts at once, and as a context.

    In tidu gradients keep the order in which they were computed, so no number depends on it.
    """

    def __init__(self, enable=True):
        self.was, self.mode = _STATE["layout"], enable
        _STATE["layout"] = enable

    def __call__(self, function):
        _STATE["layout"] = self.was
        return super().__call__(function)

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        _STATE["layout"] = self.was

    def clone(self):
        """Another one like it."""
        return self.__class__(self.mode)
