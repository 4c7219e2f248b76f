"""no_grad, enable_grad, set_grad_enabled, inference_mode: contexts and decorators, per thread."""

import functools

from ..core.modes import LOCAL, UNHURRIED, grad_enabled, listen, set_grad, set_inference, unlisten
from ..ops.flags import require_bool

__all__ = ["enable_grad", "inference_mode", "is_grad_enabled", "is_inference_mode_enabled",
           "no_grad", "set_grad_enabled"]  # fmt: skip


class _Mode:
    """A context which is also a decorator of functions, generators and classes' methods."""

    def __call__(self, function):
        if isinstance(function, type):
            function.__init__ = self(function.__init__)
            return function
        if function.__code__.co_flags & 0x20 if hasattr(function, "__code__") else False:
            return self._generator(function)

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with self.clone():
                return function(*args, **kwargs)

        return wrapped

    def _generator(self, function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with self.clone():
                running = function(*args, **kwargs)
            step, given = running.send, None
            while True:
                try:
                    with self.clone():
                        item = step(given)
                except StopIteration as stop:
                    return stop.value
                try:
                    step, given = running.send, (yield item)
                except GeneratorExit:
                    with self.clone():
                        running.close()
                    raise
                except BaseException as error:
                    step, given = running.throw, error

        return wrapped

    def clone(self):
        return self.__class__()


def _ask(enabled):
    """Switches recording, returns what it was. In inference mode the wish is only remembered."""
    if not LOCAL.inference:
        return set_grad(enabled)
    was, LOCAL.asked = LOCAL.asked, enabled
    return was


class no_grad(_Mode):
    """Operations inside are not recorded, and their results do not require gradients.

    >>> import tidu as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __new__(cls, function=None):
        self = object.__new__(cls)
        return self if function is None else self(function)

    def __enter__(self):
        self.was = _ask(False)

    def __exit__(self, *exc):
        _ask(self.was)


class enable_grad(_Mode):
    """Operations inside are recorded again, within `no_grad`."""

    def __new__(cls, orig_func=None):
        self = object.__new__(cls)
        return self if orig_func is None else self(orig_func)

    def __enter__(self):
        self.was = _ask(True)

    def __exit__(self, *exc):
        _ask(self.was)


class set_grad_enabled(_Mode):
    """Recording switched on or off by a flag; acts at once, and as a context."""

    def __init__(self, mode):
        require_bool("set_grad_enabled", 1, enabled=mode)
        self.mode = mode
        self.was = _ask(self.mode)

    def __call__(self, function):
        _ask(self.was)
        return super().__call__(function)

    def __enter__(self):
        _ask(self.mode)

    def __exit__(self, *exc):
        _ask(self.was)

    def clone(self):
        return set_grad_enabled(self.mode)

    def __repr__(self):
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self.mode})"


class inference_mode(_Mode):
    """Like `no_grad`; tensors made inside can never take part in autograd, and `enable_grad`
    inside switches nothing on.

    >>> import tidu as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.inference_mode(), torch.enable_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __new__(cls, mode=True):
        self = object.__new__(cls)
        if callable(mode):
            self.mode = True
            return self(mode)
        self.mode = mode
        return self

    def __enter__(self):
        self.was = LOCAL.inference, is_grad_enabled(), set_grad(not self.mode)
        LOCAL.asked = False
        set_inference(self.mode)
        if self.mode:
            listen(UNHURRIED)  # the direct paths do not mark what they make

    def __exit__(self, *exc):
        if self.mode:
            unlisten(UNHURRIED)
        inference, LOCAL.asked, recording = self.was
        set_inference(inference)
        set_grad(recording)

    def clone(self):
        return inference_mode(self.mode)


def is_grad_enabled():
    """Whether operations are recorded in this thread."""
    return LOCAL.asked if LOCAL.inference else grad_enabled()


def is_inference_mode_enabled():
    return LOCAL.inference
