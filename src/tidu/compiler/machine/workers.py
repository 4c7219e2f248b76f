"""Work that other cores take over while Python goes on: texts that are compiled.

`begin(tasks)` has threads do them, as far as there are cores; `finish(tasks)` does what none has
begun, and waits for the rest. The threads are gone when nothing is left to do: a process that forks
or ends meets none of them inside LLVM. There is no lock, and nobody may hold one in `finish`, as
garbage is collected on any thread, and what that runs may have something to compile. At worst two
that look at once leave a task to who wants it.
"""

import os
import threading
import time
from collections import deque
from contextlib import suppress

from ...base.process.forks import PATIENCE
from ...base.process.handlers import by_handler
from ...core.blocks import THREADS

__all__ = ["Task", "begin", "finish"]

_WAITING: deque = deque()  # tasks, also some that were taken since
_RUNNING: set = set()  # threads


class Task:
    """Something to compute, by whoever comes first."""

    __slots__ = ("_compute", "_failed", "_free", "_value", "done")

    def __init__(self, compute):
        self._compute, self._value, self._failed = compute, None, False
        self._free, self.done = threading.Lock(), threading.Event()

    def run(self):
        """Compute it, unless somebody does already; `value` knows of errors."""
        if not self._free.acquire(blocking=False):
            return
        try:
            self._value = self._compute()
        except BaseException as error:
            self._failed = True
            if not isinstance(error, Exception) or by_handler(error):
                raise
        finally:
            self.done.set()

    def value(self):
        """What it gave. Where it failed it is done again, here: the error is the caller's."""
        return self._compute() if self._failed else self._value


def begin(tasks):
    """Hand tasks to threads, at most one for each other core."""
    _WAITING.extend(tasks)
    for _ in range(min(THREADS.count - 1 - len(_RUNNING), len(_WAITING))):
        thread = threading.Thread(target=_work, name="compiler", daemon=False)
        _RUNNING.add(thread)
        try:
            thread.start()
        except RuntimeError:  # no more of them, or the interpreter ends: who wants it does it all
            _RUNNING.discard(thread)
            break


def _work():
    try:
        while (task := _next()) is not None:
            task.run()
    finally:
        _RUNNING.discard(threading.current_thread())


def _next():
    with suppress(IndexError):
        return _WAITING.popleft()


def finish(tasks):
    """What these gave. While others have some of them the caller does what else there is."""
    try:
        for task in tasks:
            task.run()
        for task in tasks:
            while not task.done.is_set():
                other = _next()
                if other is None:
                    task.done.wait()
                else:
                    other.run()
        return [task.value() for task in tasks]
    except BaseException:
        for task in tasks:
            with suppress(ValueError, IndexError):
                _WAITING.remove(task)
        raise


def _before_fork():
    """The other process will have none of the threads, only what they were at. Those that wait for
    a compiler which does not answer are not waited for longer than locks are (`forks`)."""
    until = time.monotonic() + PATIENCE
    if threading.current_thread() not in _RUNNING:
        for thread in list(_RUNNING):
            with suppress(RuntimeError):  # it has not started yet
                thread.join(max(0.0, until - time.monotonic()))


def _after_fork():
    _WAITING.clear()
    _RUNNING.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
