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
from collections import deque
from contextlib import suppress
from importlib.util import find_spec

from ...base.lazy import lazy_module
from ...base.process.handlers import by_handler
from . import messages

__all__ = ["Unavailable", "ask", "expect", "possible", "serves"]

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


class _Server:
    """A process that was started, and connections to it that nobody uses."""

    def __init__(self):
        self.control, theirs = _pair()
        self.control.settimeout(None)
        self.free, self.number, self.closed = deque(), None, False
        try:
            self.launched = _launched(theirs.fileno())
        except BaseException:
            self.control.close()
            raise
        finally:
            theirs.close()

    def connection(self):
        """One that is free, or a new one."""
        with suppress(IndexError):
            return self.free.pop()
        ours, theirs = _pair()
        try:
            try:
                self.control.sendmsg([b"c"], [_carrying(theirs)], messages.NO_SIGNAL)
            finally:
                theirs.close()
            self._reap()
            ours.settimeout(_START)
            number = messages.receive(ours)
            if number is None:
                raise Unavailable
            self.number = number
            ours.settimeout(None)
        except BaseException:
            ours.close()
            raise
        return ours

    def _reap(self):
        """What was started has started the server and is done."""
        if self.launched is not None:
            with suppress(ChildProcessError):  # the program has waited for it
                os.waitpid(self.launched, 0)
            self.launched = None

    def ended(self):
        try:
            return not self.control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError as error:  # with questions unread, or it was left by another thread
            if by_handler(error):
                raise
            return True

    def close(self):
        self._reap()
        self.control.close()
        if self.number is not None:
            _LEFT.append(self.number)
        self.closed = True
        self._close_free()

    def take_back(self, connection):
        """It is used no more."""
        self.free.append(connection)
        if self.closed:  # by another thread, meanwhile
            self._close_free()

    def _close_free(self):
        while self.free:
            with suppress(IndexError):
                self.free.pop().close()


_LEFT: deque = deque()  # numbers of servers that are not asked any more


def _bury():
    """A process that adopts others (the first one of a container) is who waits for servers, too."""
    for _ in range(len(_LEFT)):
        with suppress(IndexError, ChildProcessError):
            number = _LEFT.popleft()
            if os.waitpid(number, os.WNOHANG)[0] == 0:
                _LEFT.append(number)


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


def _launched(descriptor):
    """The number of the process that starts the server and ends."""
    here, packages = os.path.dirname(__file__), _packages()
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        actions = [(os.POSIX_SPAWN_DUP2, null, number) for number in range(3)]
        actions.append((os.POSIX_SPAWN_DUP2, descriptor, 3))
        words = [sys.executable, "-I", "-S", *["-B"] * sys.dont_write_bytecode]
        words += ["-c", _BOOT, here, packages, str(_PATIENCE)]
        return os.posix_spawn(sys.executable, words, os.environ, file_actions=actions)
    finally:
        os.close(null)


def _packages():
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
    without_answer = ended = 0
    while ended < 2:
        server = _server()
        try:
            connection = server.connection()
        except (OSError, Unavailable) as error:  # it has ended, or LLVM cannot be loaded there
            if by_handler(error):
                raise
            _leave(server)
            without_answer += server.number is None  # others end by what another thread asks
            if without_answer == 2:
                _State.failed = True
                raise Unavailable from None
            continue
        reply = _reply(connection, name, given)
        if reply is not None:
            server.take_back(connection)
            return _given(*reply)
        _leave(server)
        ended += 1
    raise MemoryError("the process that compiles has ended, twice: memory may be short")


def _server():
    known = _State.server
    if known is not None and known.ended():
        _leave(known)
    if _State.server is None:
        _bury()
        try:
            made = _Server()
        except (OSError, ImportError, AttributeError, TypeError) as error:
            if by_handler(error):
                raise
            _State.failed = True
            raise Unavailable from error
        if _State.server is None:
            _State.server = made
        else:  # another thread was at it
            made.close()
    return _State.server


def _leave(server):
    if _State.server is server:
        _State.server = None
    server.close()


def _reply(connection, name, given):
    """None where the other process has ended."""
    try:
        messages.send(connection, (name, given))
        reply = messages.receive(connection)
    except BaseException as error:
        connection.close()
        if not isinstance(error, OSError) or by_handler(error):
            raise
        reply = None
    if reply is None:
        connection.close()
    return reply


def _given(value, error):
    if error is None:
        return value
    kind, words = error
    raise _ERRORS.get(kind, RuntimeError)(words)


def _end():
    if _State.server is not None:
        _leave(_State.server)


def _forget():
    """The connections are those of the process that has forked."""
    if _State.server is not None:
        _State.server.launched = None
        _end()


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
