"""Locks that a fork waits for, so that no child finds one taken by a thread which it has not.

A lock is named when it is made: ``_LOCK = across(threading.Lock())``. Where the lock is one of
Python's (of a module that is imported), a fork waits for the threads that are `at_work`.
"""

import os
import time
from contextlib import contextmanager
from threading import get_ident

__all__ = ["PATIENCE", "across", "at_work"]

_LOCKS: list = []
_TAKEN: list = []  # those taken for a fork under way
_AT_WORK: list = []  # threads
PATIENCE = 10.0  # seconds; a thread may wait for the one that forks


def across(lock):
    """The lock, held by the thread that forks while it does."""
    _LOCKS.append(lock)
    return lock


@contextmanager
def at_work():
    """The thread may hold locks that a child could not take."""
    thread = get_ident()
    _AT_WORK.append(thread)
    try:
        yield
    finally:
        _AT_WORK.remove(thread)


def _take():
    """All of them at once, in no order: a thread that has one may wait for another. One that is
    taken is waited for while none is held: a thread that takes it again and again lets go of it
    for a moment only."""
    until = time.monotonic() + PATIENCE
    while (busy := _busy()) is not None:
        _release()
        left = until - time.monotonic()
        if left <= 0:
            return
        if busy is _AT_WORK:
            time.sleep(0.0005)
        elif busy.acquire(timeout=left):
            _TAKEN.append(busy)


def _busy():
    """What others have; None where all locks are taken now."""
    own = get_ident()
    if any(thread != own for thread in _AT_WORK):
        return _AT_WORK
    for lock in _LOCKS:
        if not any(lock is taken for taken in _TAKEN):
            if not lock.acquire(blocking=False):
                return lock
            _TAKEN.append(lock)
    return None


def _release():
    while _TAKEN:
        _TAKEN.pop().release()


def _after_in_child():
    own = get_ident()
    _AT_WORK[:] = [thread for thread in _AT_WORK if thread == own]
    for lock in () if _TAKEN else _LOCKS:
        if not getattr(lock, "_is_owned", bool)():  # who has it is not here
            lock._at_fork_reinit()
    _release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_take, after_in_parent=_release, after_in_child=_after_in_child)
