"""The process that has LLVM: it answers what `service` asks, each connection on a thread.

It is started with nothing of tidu but this file, `llvm` and `messages`. Connections come over its
first socket; it ends when that is closed, as when the process that started it ends, or when nothing
was asked for a while.
"""

import os
import signal
import socket
import threading
import time
from contextlib import suppress

from . import llvm, messages

__all__ = ["serve"]


class _State:
    """How many questions are being answered, and when the last one was."""

    busy, last, lock = 0, 0.0, threading.Lock()


def _count(change):
    with _State.lock:
        _State.busy += change
        _State.last = time.monotonic()


def serve(descriptor, patience):
    """Answer until the socket `descriptor` is closed, or nothing is asked for so many seconds."""
    os.setsid()  # the interrupts of the user's terminal are not for this one
    os.chdir("/")
    _close_others(descriptor)
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    control = socket.socket(fileno=descriptor)
    llvm.start()
    _count(0)
    control.settimeout(patience / 8)
    while _State.busy or time.monotonic() - _State.last < patience:
        try:
            data, ends, *_ = socket.recv_fds(control, 1, 1)
        except TimeoutError:
            continue
        except OSError:
            break
        if not data:
            break
        connection = socket.socket(fileno=ends[0])
        connection.settimeout(None)  # whatever the other process has for its own
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()
    os._exit(0)


def _close_others(descriptor):
    """What was open in the other process, but this socket and what is standard."""
    for number in map(int, os.listdir("/proc/self/fd")):
        if number > 2 and number != descriptor:
            with suppress(OSError):
                os.close(number)


def _answer(connection):
    try:
        with connection:
            messages.send(connection, os.getpid())  # LLVM is loaded
            while (asked := messages.receive(connection)) is not None:
                _count(1)
                try:
                    messages.send(connection, True)  # it is begun
                    messages.send(connection, _reply(*asked))
                finally:
                    _count(-1)
    except OSError:
        pass  # the other process has left


def _reply(name, given):
    """(what it gives, None) or (None, (class of an error, words))."""
    try:
        return getattr(llvm, name)(*given), None
    except Exception as error:
        return None, (type(error).__name__, str(error))
