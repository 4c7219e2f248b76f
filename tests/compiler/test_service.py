"""LLVM in a process of its own: what it gives, how it starts and ends, and what happens without."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

import tidu as torch
from tidu.base.process.handlers import by_handler
from tidu.compiler.machine import native, service

pytestmark = pytest.mark.skipif(not service.possible(), reason="no process has LLVM for others")

ANSWER = "define i64 @f() {{\n  ret i64 {}\n}}\n"
# A server that ends while it works on a text.
DEADLY = service._BOOT.replace(
    "serve(3",
    """from machine import llvm
llvm.compiled = lambda *given: os._exit(1)
serve(3""",
)


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """A server that no other test has used, and an empty cache."""
    monkeypatch.setenv("TIDU_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(service, "serves", lambda: not service._State.failed)
    service._end()
    yield
    service._end()
    service._State.failed = False


def number():
    return service._State.server.pid


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{process}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


def ended(process, seconds=20):
    until = time.monotonic() + seconds
    while alive(process) and time.monotonic() < until:
        time.sleep(0.01)
    return not alive(process)


def call(seed):
    (address,) = native.load(ANSWER.format(seed), ["f"])
    return ctypes.CFUNCTYPE(ctypes.c_int64)(address)()


def test_one_server_answers_all():
    assert call(1) == 1
    first = number()
    assert first != os.getpid() and alive(first)
    assert [call(seed) for seed in range(2, 6)] == [2, 3, 4, 5] and number() == first
    service._end()
    assert ended(first)


def test_threads_have_connections_of_their_own():
    found = {}
    threads = [
        threading.Thread(target=lambda k=k: found.update({k: call(100 + k)})) for k in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {k: 100 + k for k in range(8)}
    assert 1 <= len(service._State.server.free) <= 8


def test_it_ends_when_nothing_is_asked_and_another_starts(monkeypatch):
    monkeypatch.setattr(service, "_PATIENCE", 0.2)
    assert call(10) == 10
    first = number()
    assert ended(first)
    assert call(11) == 11 and number() != first and not service._State.failed


def test_one_that_was_killed_is_replaced():
    assert call(20) == 20
    first = number()
    os.kill(first, signal.SIGKILL)
    assert ended(first)
    assert call(21) == 21 and number() != first


def test_programs_that_end_at_broken_pipes_go_on():
    """As filters do: `signal(SIGPIPE, SIG_DFL)`."""
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        for seed in range(25, 29):
            assert call(seed) == seed
            os.kill(number(), signal.SIGKILL)
            assert ended(number())
    finally:
        signal.signal(signal.SIGPIPE, before)


def test_what_a_handler_raises_is_the_programs(monkeypatch):
    """A time limit's TimeoutError is an OSError, too, as those of connections are."""

    def late(*_):
        raise TimeoutError("too late")

    def interrupted(connection):
        signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, late)
    try:
        for seed, first in ((32, True), (33, False)):  # while it starts, and at the question
            with monkeypatch.context() as patch:
                patch.setattr(service.messages, "receive", interrupted)
                with pytest.raises(TimeoutError, match="too late"):
                    call(seed)
            assert first or not service._State.server.free
            assert call(seed) == seed and not service._State.failed
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_one_that_ends_by_another_threads_question_is_no_refusal(monkeypatch):
    given = iter([1, 1, 1])  # servers that end while this thread connects

    def link(self):
        if next(given, None):
            self.pid = 1 << 22
            raise ConnectionResetError
        return connect(self)

    connect = service._Server.link
    monkeypatch.setattr(service._Server, "link", link)
    assert call(35) == 35 and not service._State.failed


def test_a_connection_that_is_used_while_its_server_is_left_is_closed():
    assert call(37) == 37
    server = service._State.server
    link = server.link()
    service._end()
    server.take_back(link)
    assert server.has_ended()
    assert not server.free and link.connection.fileno() == -1


def test_of_two_that_are_started_at_once_one_stays(monkeypatch):
    """Two threads have found none and start one each."""
    made, start = [], service._Server

    def started():
        own = start()
        made.append(own)
        if len(made) == 1:
            assert call(41) == 41  # as another thread does, meanwhile
        return own

    monkeypatch.setattr(service, "_Server", started)
    assert call(42) == 42
    first, second = made
    assert service._State.server is second
    assert first.closed and first.starter is None and not first.control.is_ours()
    second.take_back(second.link())
    assert not second.closed and second.free


def test_what_starts_it_is_waited_for():
    server = service._server()
    starter = server.starter
    assert call(43) == 43 and server.starter is None
    with pytest.raises(ChildProcessError):
        os.waitpid(starter, 0)


def test_programs_may_wait_for_what_starts_it():
    """As those do that wait for any child."""
    server = service._server()
    assert os.waitpid(server.starter, 0)[1] == 0
    assert call(44) == 44 and service._State.server is server


def test_a_child_that_has_the_number_of_a_server_is_not_waited_for(monkeypatch):
    child = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    since = service._since(child)
    monkeypatch.setattr(service, "_TO_REAP", service.deque([(child, str(int(since) - 1))]))
    service._bury()
    assert not service._TO_REAP and os.waitpid(child, 0) == (child, 0)
    child = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    service._TO_REAP.append((child, service._since(child)))
    service._bury()
    with pytest.raises(ChildProcessError):
        os.waitpid(child, 0)


def test_files_that_took_the_numbers_of_its_sockets_are_left_alone(tmp_path):
    """As in a program that closes all it did not open, and goes on."""
    assert call(38) == 38
    first = service._State.server
    sockets = [first.control, *first.free]
    numbers = [link.connection.fileno() for link in sockets]
    files = []
    for number in numbers:
        os.close(number)
    try:
        for number in numbers:
            file = os.open(tmp_path / str(number), os.O_RDWR | os.O_CREAT)
            if file != number:
                os.dup2(file, number)
                os.close(file)
            files.append(number)
            os.write(number, b"own")
        assert call(39) == 39 and service._State.server is not first
        for number in files:
            assert os.pread(number, 10, 0) == b"own"
    finally:
        for number in files:
            os.close(number)


def test_a_server_that_ends_before_it_begins_is_no_death(monkeypatch):
    receive, lost = service.messages.receive, iter([1, 1, 1])

    def retired(connection):
        value = receive(connection)
        return None if value is True and next(lost, None) else value

    monkeypatch.setattr(service.messages, "receive", retired)
    assert call(36) == 36 and not service._State.failed


def test_handlers_are_known_by_their_code():
    def late(why, number, frame):
        raise TimeoutError(why)

    before = signal.signal(signal.SIGUSR1, partial(partial(late), "too late"))
    try:
        with pytest.raises(TimeoutError) as caught:
            os.kill(os.getpid(), signal.SIGUSR1)
        assert by_handler(caught.value)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not by_handler(caught.value)


def test_handlers_may_be_objects_that_are_called():
    class Late:
        def __call__(self, number, frame):
            raise TimeoutError("too late")

        def method(self, number, frame):
            raise TimeoutError("too late")

    for handler in (Late(), Late().method):
        before = signal.signal(signal.SIGUSR1, handler)
        try:
            with pytest.raises(TimeoutError) as caught:
                signal.raise_signal(signal.SIGUSR1)
            assert by_handler(caught.value)
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert not by_handler(caught.value)


def test_where_llvm_ends_its_process_this_one_goes_on(monkeypatch):
    step = torch.compile(lambda x: (x * 3).sin() * 2)
    monkeypatch.setattr(service, "_BOOT", DEADLY)
    with pytest.raises(MemoryError, match="has ended, twice"):
        native.load(ANSWER.format(30), ["f"])
    x = torch.linspace(0, 1, 7)
    with pytest.warns(UserWarning, match=r"has ended, twice[^$]*It runs eagerly"):
        assert step(x).equal((x * 3).sin() * 2)
    monkeypatch.undo()
    assert call(31) == 31


def test_errors_are_the_callers():
    with pytest.raises(RuntimeError, match="parsing error"):
        native.load("define nonsense", ["f"])
    with pytest.raises(ValueError, match="TIDU_CPU: 'sparc' is not a processor"):
        service.ask("told", "sparc")
    with pytest.raises(RuntimeError, match=r"^AttributeError: .*no attribute 'untold'"):
        service.ask("untold")  # a class of errors that is not sent by name
    assert call(40) == 40


def test_an_interrupt_leaves_nothing_behind(monkeypatch):
    def interrupted(connection):
        raise KeyboardInterrupt

    assert call(50) == 50
    first = number()
    with monkeypatch.context() as patch:
        patch.setattr(service.messages, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            call(51)
    assert not service._State.server.free
    assert call(51) == 51 and call(52) == 52 and number() == first


def test_a_fork_has_a_server_of_its_own():
    assert call(60) == 60
    first = number()
    child = os.fork()
    if child == 0:
        fine = service._State.server is None and call(61) == 61 and number() != first
        os._exit(0 if fine else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert call(62) == 62 and number() == first


def test_it_has_no_files_of_this_process(tmp_path):
    with open(tmp_path / "held", "w") as file:
        os.set_inheritable(file.fileno(), True)
        assert call(70) == 70
        folder = f"/proc/{number()}/fd"
        assert not [f for f in os.listdir(folder) if "held" in os.readlink(f"{folder}/{f}")]
        assert os.readlink(f"/proc/{number()}/cwd") == "/"


def refuse(*args, **kwargs):
    raise PermissionError("no more processes")


@pytest.mark.parametrize("how", ["refused", "no interpreter", "another program", "no llvm"])
def test_where_none_can_be_started_llvm_is_in_this_process(how, monkeypatch, tmp_path):
    if how == "refused":
        monkeypatch.setattr(os, "posix_spawn", refuse)
    elif how == "no interpreter":
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    elif how == "another program":
        monkeypatch.setattr(sys, "executable", "/bin/true")
    else:
        monkeypatch.setattr(service, "packages", lambda: str(tmp_path))
    assert call(80) == 80
    assert service._State.failed and service._State.server is None


def test_a_time_limit_for_sockets_is_not_for_these():
    socket.setdefaulttimeout(1e-4)
    try:
        assert call(90) == 90
    finally:
        socket.setdefaulttimeout(None)


ALONE = """
import os, sys
import tidu as torch
step = torch.compile(lambda x: torch.softmax(x, -1).log().cumsum(0) @ x.T)
x = torch.arange(12.0, requires_grad=True).reshape(3, 4)
y = step(x)
y.sum().backward()
print(y.tolist(), "llvmlite" in sys.modules)
try:
    os.wait()
except ChildProcessError:
    print("no child is left to wait for")
"""


def run(**given):
    env = {**os.environ, **given}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", ALONE],
        capture_output=True, text=True, env=env,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.slow
def test_a_process_that_compiles_does_not_load_llvm(tmp_path):
    apart = run(TIDU_CACHE_DIR=str(tmp_path / "a"))
    here = run(TIDU_CACHE_DIR=str(tmp_path / "b"), TIDU_COMPILER_PROCESS="0")
    assert apart[0].endswith("False") and here[0].endswith("True")
    assert apart[0].split()[:-1] == here[0].split()[:-1]
    assert apart[1] == here[1] == "no child is left to wait for"


CLOSED = """
import os, sys
for number in (0, 1, 2):
    os.close(number)
sys.path.insert(0, {!r})
from test_service import call, number, service
assert call(5) == 5 and not service._State.failed
assert not [n for n in range(3) if os.path.exists(f"/proc/self/fd/{{n}}")
            and "socket" in os.readlink(f"/proc/self/fd/{{n}}")]
os._exit(7)
"""


@pytest.mark.slow
def test_programs_may_have_closed_what_is_standard(tmp_path):
    program = CLOSED.format(os.path.dirname(__file__))
    env = {**os.environ, "TIDU_CACHE_DIR": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", program], env=env).returncode == 7


ADOPTS = """
import ctypes, os, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
sys.path.insert(0, {!r})
from test_service import call, ended, number, service
service._PATIENCE = 0.2
numbers = []
for seed in range(3):
    assert call(seed) == seed
    numbers.append(number())
    assert ended(numbers[-1])
    time.sleep(0.2)  # until its last thread has ended, too
assert call(3) == 3
print([os.path.exists(f"/proc/{{n}}") for n in numbers])
"""


@pytest.mark.slow
def test_a_process_that_adopts_others_has_no_zombies(tmp_path):
    program = ADOPTS.format(os.path.dirname(__file__))
    env = {**os.environ, "TIDU_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)
    assert done.stdout == "[False, False, False]\n", done.stderr


@pytest.mark.slow
def test_a_process_that_is_killed_takes_its_server_along(tmp_path):
    program = f"""
import os, signal, sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_service import call, number
call(7)
print(number(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    assert ended(int(done.stdout))
