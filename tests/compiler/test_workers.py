"""Texts compiled in pieces by several threads: the same code, errors, forks, interrupts, ends."""

import ctypes
import gc
import os
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

import tidu as torch
from tidu.compiler.machine import cache, images, llvm, native, pieces, service, workers
from tidu.core.blocks import THREADS

COUNT = 40


def program(count=COUNT, seed=0, last=""):
    """A module of functions each of which calls the one before; f0(x) is x + seed."""
    text = ["@c = internal constant [2 x i64] [i64 5, i64 7], align 8"]
    text.append(f"define internal i64 @f0(i64 %x) {{\n  %y = add i64 %x, {seed}\n  ret i64 %y\n}}")
    for k in range(1, count):
        lines = [f"  %v{i} = add i64 %v{i - 1}, {(i % 3) - 1}" for i in range(1, 30)]
        text.append("\n".join([
            f"define {'' if k == count - 1 else 'internal '}i64 @f{k}(i64 %x) noinline {{",
            "entry:", "  %p = getelementptr i64, ptr @c, i64 0", "  %c = load i64, ptr %p",
            f"  %v0 = call i64 @f{k - 1}(i64 %x)", *lines,
            f"  %w = add i64 %v29, {k - 4 if k % 2 else k + 6}", "  %z = sub i64 %w, %c",
            f"  ret i64 {'%z' if k % 2 == 0 else '%w'}", "}",
        ]))  # fmt: skip
    return "\n".join([*text, last])


def value(address, x):
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(x)


@pytest.fixture(params=["here", "apart"])
def two(request, monkeypatch, tmp_path):
    """Two cores, and a cache that is empty; LLVM in this process, or in one of its own."""
    if request.param == "apart" and not service.possible():
        pytest.skip("no process has LLVM for others here")
    monkeypatch.setattr(service, "serves", lambda: request.param == "apart")
    monkeypatch.setattr(THREADS, "count", 2)
    native._BEGUN.clear()  # what other programs began and never loaded
    monkeypatch.setenv("TIDU_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(native, "_SMALLEST", 2000)


def test_pieces_are_the_same_program(two, monkeypatch):
    text, name = program(), f"f{COUNT - 1}"
    parts = pieces.pieces(text, 4000)
    assert len(parts) > 4 and len(parts[0]) == max(map(len, parts))
    assert sum(part.count("\ndefine") + part.startswith("define") for part in parts) == COUNT
    whole = value(native.load(text, [name])[0], 100)
    again = value(native.load(text, [name])[0], 100)  # from the cache
    monkeypatch.setattr(native, "_SMALLEST", 1 << 20)
    monkeypatch.setenv("TIDU_CACHE_DIR", "")
    assert whole == again == value(native.load(text, [name])[0], 100)


@pytest.mark.parametrize("line", ["@s = internal global i64 0", "%t = type [4 x i8]",
                                  "attributes #0 = { noinline }"])  # fmt: skip
def test_what_pieces_cannot_share_stays_whole(line):
    assert pieces.pieces(program(last=line), 4000) == [program(last=line)]


def test_threads_are_gone_when_there_is_nothing_to_do(two):
    before = threading.active_count()
    native.load(program(seed=1), [f"f{COUNT - 1}"])
    for thread in list(workers._RUNNING):
        thread.join(10)
    assert not workers._RUNNING and threading.active_count() == before
    assert not llvm.ACTIVE  # LLVM's options are as they were


def test_one_core_starts_no_thread(two, monkeypatch):
    monkeypatch.setattr(THREADS, "count", 1)
    monkeypatch.setattr(threading.Thread, "start", lambda self: pytest.fail("a thread"))
    native.begin(program(seed=2))
    assert not native._BEGUN
    assert value(native.load(program(seed=2), [f"f{COUNT - 1}"])[0], 0)


def test_no_more_threads_is_no_error(two, monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert value(native.load(program(seed=3), [f"f{COUNT - 1}"])[0], 0)
    assert not workers._RUNNING


def test_what_was_begun_is_not_compiled_twice(two, monkeypatch):
    made, compile = [], native._compile

    def watched(*args, **kwargs):
        made.append(threading.current_thread())
        return compile(*args, **kwargs)

    monkeypatch.setattr(native, "_compile", watched)
    text = program(seed=4)
    native.begin(text)
    for thread in list(workers._RUNNING):
        thread.join(10)
    count = len(made)
    assert count > 4 and threading.main_thread() not in made
    native.begin(text)
    assert value(native.load(text, [f"f{COUNT - 1}"])[0], 0) and len(made) == count
    native.begin(text)  # the cache has it
    assert native.load(text, [f"f{COUNT - 1}"]) and len(made) == count and not native._BEGUN


def test_an_error_is_the_callers(two):
    text = program(seed=5).replace("@f7(i64 %x) noinline {", "@f7(i64 %x) nonsense {")
    with pytest.raises(RuntimeError, match="parsing error"):
        native.load(text, [f"f{COUNT - 1}"])
    native.begin(text)
    with pytest.raises(RuntimeError, match="parsing error"):
        native.load(text, [f"f{COUNT - 1}"])
    assert not workers._WAITING and not native._BEGUN


def test_without_memory_in_a_thread_the_caller_does_it(two, monkeypatch):
    compile = native._compile

    def refuse(*args, **kwargs):
        if threading.current_thread() is not threading.main_thread():
            raise MemoryError
        return compile(*args, **kwargs)

    monkeypatch.setattr(native, "_compile", refuse)
    assert value(native.load(program(seed=6), [f"f{COUNT - 1}"])[0], 0)


def test_no_room_to_compile_in_is_said_before(two, monkeypatch):
    if service.serves():
        pytest.skip("the room is another process's")

    def refuse(size):
        raise MemoryError("no room")

    monkeypatch.setattr(native, "_ensure_room", refuse)
    native.begin(program(seed=7))
    with pytest.raises(MemoryError, match="no room"):
        native.load(program(seed=7), [f"f{COUNT - 1}"])


def test_an_interrupt_leaves_nothing_behind(two, monkeypatch):
    compile = native._compile

    def interrupted(*args, **kwargs):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return compile(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(native, "_compile", interrupted)
        with pytest.raises(KeyboardInterrupt):
            native.load(program(seed=8), [f"f{COUNT - 1}"])
    assert not workers._WAITING
    assert value(native.load(program(seed=8), [f"f{COUNT - 1}"])[0], 0)


def test_garbage_that_compiles_while_others_wait(two, monkeypatch):
    """What a thread collects may load code itself, while the one that waits holds no lock."""
    found, compile = [], native._compile

    class Garbage:
        def __del__(self):
            found.append(value(native.load(program(8, seed=9), ["f7"])[0], 0))

    def collecting(*args, **kwargs):
        if threading.current_thread() is not threading.main_thread() and not found:
            loop = Garbage()
            loop.own = loop
            del loop
            gc.collect()
        return compile(*args, **kwargs)

    monkeypatch.setattr(native, "_compile", collecting)
    for seed in range(10, 20):
        assert value(native.load(program(seed=seed), [f"f{COUNT - 1}"])[0], 0)
        if found:
            break
    assert len(set(found)) == 1


def test_many_threads_load_at_once(two):
    wrong = []

    def work(seed):
        if value(native.load(program(seed=seed), [f"f{COUNT - 1}"])[0], 0) != base + seed:
            wrong.append(seed)

    base = value(native.load(program(), [f"f{COUNT - 1}"])[0], 0)
    threads = [threading.Thread(target=work, args=(20 + k // 2,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and not llvm.ACTIVE


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_fork_while_threads_compile(two):
    text, name = program(seed=30), f"f{COUNT - 1}"
    native.begin(text)
    child = os.fork()
    if child == 0:
        alone = not workers._RUNNING and not native._BEGUN
        fine = value(native.load(text, [name])[0], 0) == value(native.load(text, [name])[0], 0)
        os._exit(0 if alone and fine else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert value(native.load(text, [name])[0], 0)


_ENDS = """
import sys
sys.path.insert(0, {here!r})
from test_workers import native, program, THREADS
THREADS.count = 4
native._SMALLEST = 2000
for seed in range(40, 44):
    native.begin(program(seed=seed))
print("ended")
"""


def test_a_process_ends_while_threads_compile(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", _ENDS.format(here=os.path.dirname(__file__))],
        capture_output=True, text=True, env={**os.environ, "TIDU_CACHE_DIR": str(tmp_path)},
    )  # fmt: skip
    assert (run.returncode, run.stdout, run.stderr) == (0, "ended\n", "")


def test_tasks_are_taken_in_any_order():
    done, held = [], threading.Event()

    def slow():
        held.wait(10)
        return "slow"

    tasks = [workers.Task(slow), *[workers.Task(partial(done.append, k)) for k in range(5)]]
    helper = threading.Thread(target=tasks[0].run)
    helper.start()
    threading.Timer(0.05, held.set).start()
    assert workers.finish(tasks) == ["slow", *[None] * 5] and sorted(done) == [0, 1, 2, 3, 4]
    helper.join()


def test_a_version_gives_llvms_room_back_once(two, monkeypatch):
    told = []
    monkeypatch.setattr(native, "leave_code", told.append)
    step = torch.compile(lambda x, y: (x @ y).tanh() @ y)
    for _ in range(2):
        step(torch.ones(96, 96), torch.ones(96, 96))
    assert len(told) == 1


def test_the_cache_keeps_all_pieces(two, monkeypatch):
    monkeypatch.setattr(images, "image", lambda objects: None)
    text = program(seed=50)
    native.load(text, [f"f{COUNT - 1}"])
    kept = cache.read(native.key_of(text))
    objects = native._divided(kept)
    parts = pieces.pieces(text, len(text) // native._PIECES)
    assert len(objects) == len(parts) > 5 and native._joined(objects) == kept


def test_threads_share_the_work(two):
    """The process's processor time runs ahead of the clock."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core")
    seen, text = set(), program(400, seed=60)
    compile = native._compile

    def watched(*args, **kwargs):
        seen.add(threading.current_thread())
        time.sleep(0)
        return compile(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_compile", watched)
        native.load(text, ["f399"])
    assert len(seen) == 2


def test_a_fork_does_not_wait_for_ever_for_threads_that_hang(two, monkeypatch):
    monkeypatch.setattr(THREADS, "count", 4)
    monkeypatch.setattr(workers, "PATIENCE", 0.2)
    held = threading.Event()
    workers.begin([workers.Task(lambda: held.wait(20)) for _ in range(3)])
    start = time.monotonic()
    try:
        workers._before_fork()
        assert 0.1 < time.monotonic() - start < 5  # 0.2 for all of them together
    finally:
        held.set()
        for thread in list(workers._RUNNING):
            thread.join(10)
