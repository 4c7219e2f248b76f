"""Compiled functions in other processes: forked while a thread compiles, and sent by name."""

import os
import pickle
import subprocess
import sys
import threading
import time

import pytest

import tidu as torch
from tidu.base.process import forks

_FORKED = """
import os, threading, time
import tidu as torch
from tidu import nn

stopped = []

def compiles():
    count = 0
    while not stopped:
        count += 1
        layer = nn.Linear(3, 2 + count)
        torch.compile(lambda t: layer(t).sin().sum())(torch.ones(2, 3)).backward()

thread = threading.Thread(target=compiles)
thread.start()
ended = []
for i in range(8):
    time.sleep(0.011)
    child = os.fork()
    if child == 0:
        layer = nn.Linear(3, 5)
        compiled = torch.compile(lambda t: layer(t).cos().sum())
        for _ in range(3):
            compiled(torch.ones(2, 3)).backward()
        os._exit(0)
    ended.append(os.waitpid(child, 0)[1])
stopped.append(True)
thread.join()
print(ended)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_while_a_thread_compiles(tmp_path):
    ran = subprocess.run([sys.executable, "-c", _FORKED], capture_output=True, text=True,
                         timeout=60, check=False,
                         env={**os.environ, "TIDU_CACHE_DIR": str(tmp_path)})  # fmt: skip
    assert ran.stdout.strip() == str([0] * 8), ran.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_waits_for_locks(monkeypatch):
    """And not for ever: a child has those that are never given back."""
    lock, held, other = threading.Lock(), threading.Event(), threading.RLock()
    monkeypatch.setattr(forks, "_LOCKS", [lock, other])

    def holds(seconds):
        with lock:
            held.set()
            time.sleep(seconds)

    def in_child():
        child = os.fork()
        if child == 0:
            taken = lock.acquire(timeout=1) and other.acquire(timeout=1)
            os._exit(0 if taken else 1)
        return os.waitpid(child, 0)[1]

    for seconds, patience in ((0.05, 5.0), (0.5, 0.05)):
        monkeypatch.setattr(forks, "PATIENCE", patience)
        held.clear()
        thread = threading.Thread(target=holds, args=(seconds,))
        thread.start()
        held.wait()
        assert in_child() == 0
        thread.join()
        with other:  # which this very thread has while it forks
            assert in_child() == 0
        assert lock.acquire(timeout=1)
        lock.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_comes_between_one_use_of_a_lock_and_the_next(monkeypatch):
    """A thread that compiles one function after another has it nearly all of the time."""
    lock, ended = threading.RLock(), []
    monkeypatch.setattr(forks, "_LOCKS", [threading.Lock(), lock, threading.Lock()])

    def uses():
        while not ended:
            with lock:
                time.sleep(0.01)

    thread = threading.Thread(target=uses)
    thread.start()
    begun = time.monotonic()
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os._exit(0 if lock.acquire(timeout=1) else 1)
        assert os.waitpid(child, 0)[1] == 0
    took = time.monotonic() - begun
    ended.append(True)
    thread.join()
    assert took < 5  # of the 30 s in which forks would give up


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_waits_for_imports():
    """Python's lock of a module that is being imported would stay taken in the child."""
    ended, begun = [], threading.Event()

    def imports():
        with forks.at_work():
            begun.set()
            time.sleep(0.1)
            ended.append(True)

    thread = threading.Thread(target=imports)
    thread.start()
    begun.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if ended and not forks._AT_WORK else 1)
    assert os.waitpid(child, 0)[1] == 0
    thread.join()
    assert not forks._AT_WORK


@torch.compile
def decorated(x):
    return x * 2


def plain(x):
    return x * 3


class Model:
    @torch.compile
    def method(self, x):
        return x * 4


def test_compiled_functions_are_pickled_as_functions_are():
    """By their name where they stand under it; otherwise with their function."""
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert pickle.loads(pickle.dumps(Model.method)) is Model.method
    other = pickle.loads(pickle.dumps(torch.compile(plain, dynamic=True)))
    assert other.function is plain and other.dynamic
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(torch.compile(lambda x: x))
