"""The cache of machine code, the pool of threads, forks, and the command that shows the code."""

import cProfile
import ctypes
import os
import pstats
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import tidu as torch
from tidu.compiler import eager
from tidu.compiler.machine import cache, native, pool
from tidu.compiler.machine.sources import Text
from tidu.core.native import NATIVE

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDU_CACHE_DIR", str(tmp_path))
    return tmp_path / "code"


def test_what_was_kept_comes_back(folder):
    key = cache.key_of("a text", 3)
    assert cache.read(key) is None
    cache.write(key, b"machine code")
    assert cache.read(key) == b"machine code"
    assert folder.stat().st_mode & 0o077 == 0
    assert [p.name for p in folder.iterdir()] == [key]


def test_keys_do_not_run_together():
    assert cache.key_of("ab", "c") != cache.key_of("a", "bc") != cache.key_of("a", "b", "c")


@pytest.mark.parametrize("harm", [0, 13, 50, 99, 143, "cut", "longer", "other name", "empty"])
def test_what_was_tampered_with_is_not_used(folder, harm):
    key = cache.key_of(harm)
    cache.write(key, b"x" * 100)
    path = folder / key
    data = bytearray(path.read_bytes())
    if isinstance(harm, int):  # a byte of the head, of the digest, of the code
        data[harm] ^= 1
        path.write_bytes(data)
    elif harm == "longer":
        path.write_bytes(data + b"x")
    elif harm == "other name":
        path.rename(folder / cache.key_of("another"))
        assert cache.read(cache.key_of("another")) is None
    else:
        path.write_bytes(data[:50] if harm == "cut" else b"")
    assert cache.read(key) is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs owners of files")
def test_what_others_may_write_is_not_used(folder):
    key = cache.key_of("open")
    cache.write(key, b"code")
    (folder / key).chmod(0o666)
    assert cache.read(key) is None
    (folder / key).chmod(0o600)
    assert cache.read(key) == b"code"
    folder.chmod(0o777)
    assert cache.read(key) is None


def test_the_cache_keeps_what_was_used_last(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDU_CACHE_DIR", str(tmp_path))
    folder, now = tmp_path / "code", time.time()
    keys = [cache.key_of("text", i) for i in range(10)]
    for days, key in enumerate(keys):
        cache.write(key, b"x" * 1000)
        os.utime(folder / key, (now - days * 86400 - 10, now - days * 86400 - 10))
    for name in (".new-running", ".new-died"):
        (folder / name).write_bytes(b"x" * 100)
    os.utime(folder / ".new-died", (0, 0))
    assert cache.read(keys[-1]) is not None  # that one is in use again
    size = (folder / keys[0]).stat().st_size
    monkeypatch.setenv("TIDU_CACHE_SIZE", str(11 * size))
    cache.prune(folder)
    assert sorted(p.name for p in folder.iterdir()) == sorted([*keys, ".new-running"])
    monkeypatch.setenv("TIDU_CACHE_SIZE", str(8 * size))
    cache.prune(folder)
    kept = {p.name for p in folder.iterdir()}
    assert kept == {".new-running", keys[-1], *keys[:4]} and cache.read(keys[0]) == b"x" * 1000


def test_writing_prunes_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDU_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TIDU_CACHE_SIZE", "20k")
    for i in range(200):
        cache.write(cache.key_of("a text", i), b"x" * 1000)
        assert sum(p.stat().st_size for p in (tmp_path / "code").iterdir()) <= 20 << 10
    assert cache.read(cache.key_of("a text", 199)) is not None
    monkeypatch.setenv("TIDU_CACHE_SIZE", "0")
    cache.write(cache.key_of("another"), b"x")
    assert not list((tmp_path / "code").iterdir())


def test_how_much_is_kept(monkeypatch):
    monkeypatch.delenv("TIDU_CACHE_SIZE", raising=False)
    assert cache.most() == 256 << 20
    for text, size in (("5000", 5000), ("3M", 3 << 20), ("1 GiB", 1 << 30), ("7kb", 7 << 10)):
        monkeypatch.setenv("TIDU_CACHE_SIZE", text)
        assert cache.most() == size
    for text in ("much", "-1", "1.5G", "3T"):
        monkeypatch.setenv("TIDU_CACHE_SIZE", text)
        with pytest.raises(ValueError, match="is no number of bytes"):
            cache.most()


@pytest.mark.parametrize(("name", "value"), [("TIDU_CACHE_SIZE", "much"), ("TIDU_CPU", "hal9000")])
def test_settings_that_make_no_sense(name, value):
    """LLVM ends the process where it does not know a processor."""
    program = "import tidu; print(tidu.compile(lambda x: x + 1)(tidu.ones(2)))"
    ran = subprocess.run([sys.executable, "-c", program], env={**os.environ, name: value},
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert ran.returncode == 1
    assert f"ValueError: {name}: {value!r} is no" in ran.stderr.replace("is not a", "is no")


def test_the_whole_cache_is_looked_at_by_the_bytes_written(folder, monkeypatch):
    """However small the modules are: to list tens of thousands of files takes long."""
    looks = []
    monkeypatch.setattr(cache, "prune", looks.append)
    monkeypatch.setenv("TIDU_CACHE_SIZE", str(64 * 50_000))
    for i in range(1000):
        cache.write(cache.key_of("small", i), b"x" * 500)
    assert 3 <= len(looks) <= 20  # ten times 50,000 bytes; by chance, but always the same
    for i in range(100):
        cache.write(cache.key_of("large", i), b"x" * 50_000)
    assert len(looks) >= 103


def test_many_processes_at_once(folder):
    program = (
        "import numpy as np, tidu as t; x = t.ones(40000, requires_grad=True); "
        "(x.tanh() * x.sigmoid()).sum().backward(); print(float(x.grad[7]))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(16)
    ]
    found = {p.communicate()[0].strip() for p in running}
    t, s = np.tanh(1.0), 1 / (1 + np.exp(-1.0))
    assert len(found) == 1 and float(found.pop()) == pytest.approx(
        t * s * (1 - s) + (1 - t * t) * s
    )
    assert not [p for p in folder.iterdir() if p.name.startswith(".new")]


def test_threads_at_once_and_a_fork():
    x = torch.randn(200_000)
    expected = torch.tanh(x).numpy().copy()
    wrong = []

    def work():
        for _ in range(20):
            if not np.array_equal(torch.tanh(x).numpy(), expected):
                wrong.append(1)

    threads = [threading.Thread(daemon=True, target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    if hasattr(os, "fork"):
        child = os.fork()
        if child == 0:
            same = np.array_equal(torch.tanh(x).numpy(), expected)
            os._exit(0 if same else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert np.array_equal(torch.tanh(x).numpy(), expected)


def test_a_forked_process_ends_without_asking_for_the_workers_lock(monkeypatch):
    """It has no workers, and one of the other process's may have held the lock."""
    torch.tanh(torch.randn(200_000))
    told = []
    monkeypatch.setattr(pool._POOL, "stop", lambda: told.append(True))
    monkeypatch.setattr(pool._POOL, "started", True)
    pool._POOL.end()
    assert told == [True]
    monkeypatch.setattr(pool._POOL, "forget", lambda: None)
    pool._POOL.forked()
    pool._POOL.end()
    assert told == [True]


def test_without_the_extra_numpy_does_it(monkeypatch):
    x = torch.randn(50_000, requires_grad=True)
    fast = torch.nn.functional.gelu(x).sum()
    monkeypatch.setattr(NATIVE, "usable", False)
    assert not NATIVE
    torch.testing.assert_close(torch.nn.functional.gelu(x).sum(), fast)


def test_parameters_that_always_change_do_not_compile_each_time():
    x = torch.randn(20_000)
    for k in range(100):
        x.clamp(-1.0 - k / 1000, 1.0)
    clamps = [key for key in eager._KERNELS if key[0].name == "clamp"]
    assert len(clamps) <= eager._MANY


@pytest.mark.parametrize("kind", ["graph", "loops", "llvm", "asm"])
def test_the_command_shows_what_was_compiled(kind, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import torch
        f = torch.compile(lambda x: (x.exp() * 2).sum())
        print(f(torch.zeros(5)).item())
    """)
    )
    run = subprocess.run(
        [sys.executable, "-m", "tidu", "compile", "--show", kind, str(script)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.stdout.strip() == "10.0" and run.returncode == 0
    expected = {"graph": "recorded:", "loops": "loop over [5]", "llvm": "define internal void",
                "asm": "entry:"}[kind]  # fmt: skip
    assert "forward: 3 operations in 1 loops" in run.stderr and expected in run.stderr


def test_the_command_refuses_what_makes_no_sense():
    run = subprocess.run([sys.executable, "-m", "tidu", "compile", "--show", "all", "x.py"],
                         capture_output=True, text=True)  # fmt: skip
    assert run.returncode == 2 and "--show takes one of" in run.stderr


def test_profiles_name_compiled_functions():
    step = torch.compile(lambda x: (x * 2).exp().sum())
    x = torch.ones(5)
    step(x), step(x)
    profile = cProfile.Profile()
    profile.runcall(_general, step, x)
    names = {str(key[2]) for key in pstats.Stats(profile).stats}
    assert any("compiled_mul_exp_sum" in name for name in names)


def _general(step, x):
    return step._call((x,), {})  # the fast path is one function for all programs


_NAMED = """
import os
import tidu as torch
torch.compile(lambda x: (x * 2).exp().sum())(torch.ones(5))
path = f"/tmp/perf-{os.getpid()}.map"
print(open(path).read())
os.unlink(path)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="perf is of Linux")
def test_perf_knows_generated_functions(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", _NAMED], capture_output=True, text=True,
        env={**os.environ, "TIDU_PERF": "1", "TIDU_CACHE_DIR": str(tmp_path)},
    )  # fmt: skip
    lines = [line.split() for line in run.stdout.splitlines() if line]
    found = {name: (int(at, 16), int(size, 16)) for at, size, name in lines}
    at, size = found["tidu:step0_mul_exp_sum"]
    assert size > 0 and all(other[0] >= at + size or other[0] < at
                            for name, other in found.items() if "step0" not in name)  # fmt: skip


def test_a_text_that_the_library_decides_is_written_when_nothing_is_kept(folder):
    written = []

    def write():
        written.append(True)
        return "define i64 @seven() {\n  ret i64 7\n}\n"

    def load(*decided):
        (address,) = native.load(Text(write, *decided), ["seven"])
        return ctypes.CFUNCTYPE(ctypes.c_int64)(address)()

    assert load("seven", 1) == 7 and len(written) == 1
    assert load("seven", 1) == 7 and len(written) == 1
    assert load("seven", 2) == 7 and len(written) == 2
    assert native.is_kept(Text(write, "seven", 1)) and not native.is_kept(Text(write, "eight"))
