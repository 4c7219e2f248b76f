"""torch.futures: a value that another thread sets."""

import threading
from types import GenericAlias

from .base.errors import hinted

__all__ = ["Future", "collect_all", "wait_all"]


class Future:
    """A value that will be there later: `set_result` puts it, `wait` gets it.

    >>> import tidu as torch
    >>> future = torch.futures.Future()
    >>> later = future.then(lambda done: done.value() + 1)
    >>> future.set_result(1)
    >>> later.wait()
    2
    """

    __class_getitem__ = classmethod(GenericAlias)  # Future[Tensor], in annotations

    def __init__(self, *, devices=None):
        self._there = threading.Event()
        self._lock = threading.Lock()
        self._value = self._error = None
        self._callbacks = []

    def done(self):
        """Whether the value, or an error, is there."""
        return self._there.is_set()

    def wait(self):
        """The value, when it is there; raises what `set_exception` was given."""
        self._there.wait()
        return self.value()

    def value(self):
        """The value; RuntimeError if it is not there yet."""
        if not self.done():
            raise RuntimeError(hinted("Future is not completed", "write future.wait()."))
        if self._error is not None:
            raise self._error
        return self._value

    def set_result(self, result):
        """Put the value; once."""
        self._finish(result, None)

    def set_exception(self, result):
        """Let `wait` raise `result`."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def _finish(self, value, error):
        with self._lock:
            if self.done():
                raise RuntimeError(
                    "Future can only be marked completed once. Attempted to mark an already "
                    "completed future."
                )
            self._value, self._error = value, error
            self._there.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)

    def add_done_callback(self, callback):
        """Call `callback(self)` when the value is there, at once if it is."""
        with self._lock:
            if not self.done():
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback):
        """A future of `callback(self)`."""
        later = Future()

        def forward(done):
            try:
                later.set_result(callback(done))
            except Exception as error:
                later.set_exception(error)

        self.add_done_callback(forward)
        return later


def collect_all(futures):
    """A future of the list of futures, when all are done."""
    futures, together = list(futures), Future()
    left = [len(futures)]
    lock = threading.Lock()

    def one_more(_):
        with lock:
            left[0] -= 1
            last = not left[0]
        if last:
            together.set_result(futures)

    for future in futures:
        future.add_done_callback(one_more)
    if not futures:
        together.set_result([])
    return together


def wait_all(futures):
    """The values of all futures."""
    return [future.wait() for future in collect_all(futures).wait()]
