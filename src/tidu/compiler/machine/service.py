"""Has LLVM's work done by a process of its own (`server`): the 45 MiB that its code takes, and what
it takes while it compiles, stay out of this one, and where it ends its process this one goes on.

`ask("compiled", ...)` and `ask("told", ...)` are functions of `llvm`. The process is started when
it is first needed, or by `expect` before, and ends with this one, or when nothing was asked for
some seconds. Each thread that asks has a connection to itself meanwhile. Nobody but this process
can connect, and no file or port is used.
"""

import atexit
import os
import platform
import struct
import sys
import threading
from collections import deque
from contextlib import suppress
from importlib.util import find_spec

from ...base.lazy import lazy_module
from ...base.process.forks import across
from ...base.process.handlers import by_handler
from . import messages

__all__ = ["Unavailable", "ask", "expect", "packages", "possible", "serves"]

# The plain one: `socket` takes 3 ms, and other packages put their own classes into it.
socket = lazy_module("_socket")
fcntl = lazy_module("fcntl")
_START = 30.0  # seconds in which LLVM is loaded, or is not asked for any more
_PATIENCE = 8.0  # seconds after which a process that is not asked ends
_BOOT = """import os, sys, types
if os.fork():
    os._exit(0)
package = types.ModuleType("machine")
package.__path__ = [sys.argv[1]]
sys.modules["machine"] = package
sys.path.append(sys.argv[2])
from machine.server import serve
serve(3, float(sys.argv[3]))"""
_ERRORS = {kind.__name__: kind for kind in (ValueError, RuntimeError, MemoryError, ImportError)}


class Unavailable(Exception):
    """No other process does it: LLVM has to be asked in this one."""


class _Link:
    """A socket of ours for as long as its number is: a program may close all that it did not open,
    as daemons do, and then have files of its own under these numbers."""

    def __init__(self, connection):
        self.connection, self._place = connection, _place(connection)

    def is_ours(self):
        return self._place == _place(self.connection)

    def close(self):
        if self.is_ours():
            self.connection.close()
        else:
            self.connection.detach()


def _place(connection):
    """What tells a file or socket from all others; None where it is closed."""
    try:
        status = os.fstat(connection.fileno())
    except OSError:
        return None
    return status.st_dev, status.st_ino


class _Server:
    """A process that was started, and connections to it that nobody uses."""

    def __init__(self):
        ours, theirs = _pair()
        ours.settimeout(None)
        self.control, self.free = _Link(ours), deque()
        self.pid = self.since = None
        self.closed = False
        try:
            self.starter = _started(theirs.fileno())
        except BaseException:
            self.control.close()
            raise
        finally:
            theirs.close()

    def link(self):
        """A connection that is free, or a new one."""
        with suppress(IndexError):
            while True:
                free = self.free.pop()
                if free.is_ours():
                    return free
                free.close()
        ours, theirs = _pair()
        made = _Link(ours)
        try:
            try:
                if not self.control.is_ours():
                    raise Unavailable
                control = self.control.connection
                control.sendmsg([b"c"], [_carrying(theirs)], messages.NO_SIGNAL)
            finally:
                theirs.close()
            self._reap()
            ours.settimeout(_START)
            pid = messages.receive(ours)
            if pid is None:
                raise Unavailable
            self.pid, self.since = pid, _since(pid)
            ours.settimeout(None)
        except BaseException:
            made.close()
            raise
        return made

    def _reap(self):
        """What was started has started the server and is done."""
        starter, self.starter = self.starter, None
        if starter is not None:
            try:
                os.waitpid(starter, 0)
            except ChildProcessError:  # the program has waited for it
                pass
            except BaseException:
                self.starter = starter
                raise

    def has_ended(self):
        if not self.control.is_ours():
            return True
        try:
            return not self.control.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError as error:  # with questions unread, or it was left by another thread
            if by_handler(error):
                raise
            return True

    def close(self):
        try:
            self._reap()
        finally:
            self.control.close()
            if self.pid is not None:
                _TO_REAP.append((self.pid, self.since))
            self.closed = True
            self._close_free()

    def take_back(self, link):
        """It is used no more."""
        self.free.append(link)
        if self.closed:  # by another thread, meanwhile
            self._close_free()

    def _close_free(self):
        while self.free:
            with suppress(IndexError):
                self.free.pop().close()


_TO_REAP: deque = deque()  # servers that are not asked any more: (pid, when it was started)


def _bury():
    """A process that adopts others (the first one of a container) is who waits for servers, too;
    its own child may have the number of one that is long gone."""
    for _ in range(len(_TO_REAP)):
        with suppress(IndexError, ChildProcessError):
            pid, since = _TO_REAP.popleft()
            if _since(pid) == since is not None and os.waitpid(pid, os.WNOHANG)[0] == 0:
                _TO_REAP.append((pid, since))


def _since(pid):
    """When a process was started; None where there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _pair():
    """Two ends of a connection."""
    return [_above(end) for end in socket.socketpair()]


def _above(connection):
    """The same, not under a number of what is standard, which a program may have closed: it may
    open that anew, and what it starts has that."""
    if connection.fileno() > 2:
        return connection
    number = fcntl.fcntl(connection.fileno(), fcntl.F_DUPFD_CLOEXEC, 3)
    connection.close()
    return socket.socket(fileno=number)


def _carrying(connection):
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", connection.fileno())


def _started(descriptor):
    """The pid of the process that starts the server and ends."""
    here, found = os.path.dirname(__file__), packages()
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        actions = [(os.POSIX_SPAWN_DUP2, null, number) for number in range(3)]
        actions.append((os.POSIX_SPAWN_DUP2, descriptor, 3))
        words = [sys.executable, "-I", "-S", *["-B"] * sys.dont_write_bytecode]
        words += ["-c", _BOOT, here, found, str(_PATIENCE)]
        return os.posix_spawn(sys.executable, words, os.environ, file_actions=actions)
    finally:
        os.close(null)


def packages():
    """The folder where llvmlite is."""
    return os.path.dirname(find_spec("llvmlite").submodule_search_locations[0])


class _State:
    """The server of this process; whether none can be had."""

    server, failed = None, False


def serves():
    """Whether a process of its own does LLVM's work: where code can be placed without LLVM, and
    LLVM is not here already. `TIDU_COMPILER_PROCESS=0` has it done in this one."""
    return not (
        _State.failed
        or "llvmlite.binding" in sys.modules
        or os.environ.get("TIDU_COMPILER_PROCESS") == "0"
        or not possible()
    )


def possible():
    """Whether this system and this interpreter let it."""
    name = os.path.basename(sys.executable or "")
    python = name.startswith("python") and not getattr(sys, "frozen", False)
    return python and sys.platform.startswith("linux") and platform.machine() == "x86_64"


def expect():
    """Start the process, which will be asked soon, and do not wait."""
    if serves():
        with suppress(Unavailable):
            _server()


def ask(name, *given):
    """What a function of `llvm` gives.

    Raises:
        Unavailable: LLVM can be had in this process only.
        MemoryError: two processes ended while they worked on this.
    """
    without_answer = lost = died = 0
    while died < 2 and lost < _LOSSES:
        server = _server()
        try:
            link = server.link()
        except (OSError, Unavailable) as error:  # it has ended, or LLVM cannot be loaded there
            if by_handler(error):
                raise
            _leave(server)
            lost += 1
            without_answer += server.pid is None  # others end by what another thread asks
            if without_answer == 2:
                _State.failed = True
                raise Unavailable from None
            continue
        begun, reply = _reply(link, name, given)
        if reply is not None:
            server.take_back(link)
            return _given(*reply)
        _leave(server)
        died += begun  # others had nothing to do for too long, or were ended
        lost += not begun
    if died < 2:
        raise Unavailable
    raise MemoryError("the process that compiles has ended, twice: memory may be short")


_LOSSES = 8  # servers that ended before they began; then LLVM is asked in this process
_PUBLISHING = across(threading.RLock())  # held while `_State.server` is compared and set, no longer


def _server():
    known = _State.server
    if known is not None:
        if not known.has_ended():
            return known
        _leave(known)
    _bury()
    try:
        made = _Server()
    except (OSError, ImportError, AttributeError, TypeError) as error:
        if by_handler(error):
            raise
        _State.failed = True
        raise Unavailable from error
    with _PUBLISHING:
        if _State.server is None:
            _State.server = made
        known = _State.server
    if known is not made:  # another thread was at it
        made.close()
    return known


def _leave(server):
    with _PUBLISHING:
        if _State.server is server:
            _State.server = None
    server.close()


def _reply(link, name, given):
    """(whether the other process has begun to answer, what it says: None where it has ended)."""
    begun, reply = False, None
    try:
        messages.send(link.connection, (name, given))
        begun = messages.receive(link.connection) is not None
        if begun:
            reply = messages.receive(link.connection)
    except OSError as error:
        if by_handler(error):
            link.close()
            raise
    except BaseException:
        link.close()
        raise
    if reply is None:
        link.close()
    return begun, reply


def _given(value, error):
    if error is None:
        return value
    kind, words = error
    if kind in _ERRORS:
        raise _ERRORS[kind](words)
    raise RuntimeError(f"{kind}: {words}")


def _end():
    if _State.server is not None:
        _leave(_State.server)


def _forget():
    """The connections are those of the process that has forked."""
    if _State.server is not None:
        _State.server.starter = None
        _end()


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
