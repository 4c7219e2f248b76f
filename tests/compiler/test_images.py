"""Kept machine code runs without LLVM: images of object files, and what this host was told."""

import ctypes
import os
import subprocess
import sys
from itertools import pairwise

import pytest

import tidu as torch
from tidu.compiler.machine import cache, elf, images, native, processors, service

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.uname().machine != "x86_64",
    reason="images are of x86-64 under Linux",
)  # fmt: skip

COUNTER = """
@count = global i64 40
@step = internal constant [2 x i64] [i64 1, i64 2]
@places = internal constant [2 x ptr] [ptr @first, ptr @second]
declare double @cos(double)
declare void @outside()

define i64 @first(i64 %k) {
  %place = getelementptr [2 x i64], ptr @step, i64 0, i64 %k
  %by = load i64, ptr %place
  %was = load i64, ptr @count
  %now = add i64 %was, %by
  store i64 %now, ptr @count
  ret i64 %now
}

define i64 @second(i64 %k) {
  %less = sub i64 %k, 1
  %found = call i64 @first(i64 %less)
  ret i64 %found
}

define i64 @either(i64 %which, i64 %k) {
  %place = getelementptr [2 x ptr], ptr @places, i64 0, i64 %which
  %function = load ptr, ptr %place
  %found = call i64 %function(i64 %k)
  ret i64 %found
}

define double @cosine(double %x) {
  %y = call double @cos(double %x)
  %z = fmul double %y, 3.0
  ret double %z
}
"""


def functions(found):
    whole = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    either = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
    real = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
    return whole(found[0]), whole(found[1]), either(found[2]), real(found[3])


NAMES = ["first", "second", "either", "cosine"]


def placed(objects, imported=()):
    code = images.image(objects)
    assert images.is_image(code)
    return native.link(code, NAMES, imported)


def counted(first, second, either, cosine):
    assert (first(1), second(1), either(0, 0), either(1, 2)) == (42, 43, 44, 46)
    assert cosine(0.0) == 3.0


def test_code_with_data_addresses_and_calls():
    objects = [native._compile(COUNTER)]
    one, other = (functions(placed(objects)) for _ in range(2))
    counted(*one)
    counted(*other)  # each has its own data
    counted(*functions(native.link(native._joined(objects), NAMES)))  # by LLVM


def test_files_that_call_one_another():
    head, *parts = COUNTER.split("\n\n")
    declared = [part.split("{")[0].replace("define", "declare") for part in parts]
    shared = head.replace("internal ", "")
    names = [line.split(" = ")[0] for line in shared.split("\n") if " = " in line]
    kinds = {"@count": "i64", "@step": "[2 x i64]", "@places": "[2 x ptr]"}
    known = [f"{name} = external global {kinds[name]}" for name in names]
    known += [line for line in shared.split("\n") if line.startswith("declare")]
    files = [native._compile("\n".join([shared, *declared[:2]]))]
    for k, part in enumerate(parts):
        files.append(native._compile("\n".join([*known, *declared[:k], *declared[k + 1 :], part])))
    counted(*functions(placed(files)))


def test_what_is_imported_comes_before_what_the_process_has():
    def twice(x):
        return 2 * x

    callback = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(twice)
    address = ctypes.cast(callback, ctypes.c_void_p).value
    *_, cosine = functions(placed([native._compile(COUNTER)], [("cos", address)]))
    assert cosine(5.0) == 30.0


def test_a_name_that_no_library_has():
    text = """declare i64 @nobody_has_this()
define i64 @f() {
  %x = call i64 @nobody_has_this()
  ret i64 %x
}
"""
    with pytest.raises(RuntimeError, match="no library of this process has nobody_has_this"):
        native.link(images.image([native._compile(text)]), ["f"])


def test_code_may_not_be_written_and_data_not_run():
    first, *_ = placed([native._compile(COUNTER)])
    with open("/proc/self/maps") as maps:
        modes = {}
        for line in maps:
            ends, mode = line.split()[:2]
            start, end = (int(part, 16) for part in ends.split("-"))
            modes[range(start, end)] = mode
    assert next(mode for ends, mode in modes.items() if first in ends) == "r-xp"
    own = [ctypes.addressof(ctypes.c_char.from_buffer(block)) for block in images._BLOCKS]
    assert not any("x" in mode and "w" in mode for ends, mode in modes.items()
                   if any(at in ends or at <= ends.start < at + len(block)
                          for at, block in zip(own, images._BLOCKS, strict=True)))  # fmt: skip


def test_other_files_have_no_image():
    whole = native._compile(COUNTER)
    arm = whole[:0x12] + b"\xb7\x00" + whole[0x14:]
    assert images.image([arm]) is None and images.image([b"MZ" + whole]) is None
    assert images.image([whole, b""]) is None and images.image([]) is None
    threads = native._compile("@own = thread_local global i64 1\n")
    assert images.image([threads]) is None


def test_functions_of_a_file():
    found = {f.name: f for f in elf.File(native._compile(COUNTER)).functions()}
    assert set(found) == set(NAMES) and all(f.size > 0 for f in found.values())


TRAINED = """
import sys
from itertools import pairwise
import tidu as torch

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(300, 200), torch.nn.GELU(), torch.nn.LayerNorm(200),
                            torch.nn.Linear(200, 3))
optimizer = torch.optim.AdamW(model.parameters())
x, y = torch.randn(128, 300), torch.randint(3, (128,))

@torch.compile
def step():
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss

print([step().item() for _ in range(3)], "llvmlite" in sys.modules)
"""


def run(folder, program=TRAINED, **others):
    here = {"TIDU_CACHE_DIR": str(folder), "TIDU_COMPILER_PROCESS": "0"}
    env = {**os.environ, **here, **others}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.rsplit(maxsplit=1)


@pytest.mark.slow
def test_a_second_process_does_not_load_llvm(tmp_path):
    first, loaded = run(tmp_path)
    assert loaded == "True"
    assert run(tmp_path) == [first, "False"]
    assert run(tmp_path, TIDU_CPU="x86-64")[1] == "True"  # for another processor
    assert run(tmp_path, TIDU_CPU="x86-64")[1] == "False"


def test_what_is_kept_of_the_processor_is_what_llvm_says(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDU_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(service, "serves", lambda: False)
    hosts = [native._Host() for _ in range(2)]
    for host in hosts:
        assert host.vector_bytes
    assert [host.started for host in hosts] == [True, False]
    told = [[getattr(host, name) for name in native._TOLD] for host in hosts]
    assert told[0] == told[1]


def test_a_processor_that_is_not_described_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDU_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(processors, "_DECIDE", {})
    monkeypatch.setattr(service, "serves", lambda: False)
    for _ in range(2):
        host = native._Host()
        assert host.vector_bytes and host.started
    assert native._key_of_host() is None


def test_damaged_code_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDU_CACHE_DIR", str(tmp_path))
    text = "define i64 @f() {\n  ret i64 12345\n}\n"
    native.load(text, ["f"])
    path = os.path.join(cache.directory(), native.key_of(text))
    with open(path, "r+b") as file:
        file.seek(-3, os.SEEK_END)
        file.write(b"\0\0\0")
    (address,) = native.load(text, ["f"])
    assert ctypes.CFUNCTYPE(ctypes.c_int64)(address)() == 12345


def test_programs_linked_by_llvm_give_the_same(monkeypatch):
    x = torch.randn(300, dtype=torch.float64)
    program = lambda x: (x.sin() * 2.03125 + x.exp().cumsum(0)).softmax(0)
    expected = torch.compile(program)(x)
    torch.compiler.reset()
    monkeypatch.setattr(images, "image", lambda objects: None)
    monkeypatch.setattr(cache, "read", lambda key: None)
    assert torch.equal(torch.compile(program)(x), expected)


HARDENED = """
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE: what was written may not run
    sys.exit("not known to this system")
import tidu as torch
model = torch.nn.Linear(64, 64)
x = torch.randn(300, 64)
step = torch.compile(lambda x: model(x).softmax(-1).log().cumsum(0))
print(torch.allclose(step(x), model(x).log_softmax(-1).cumsum(0), rtol=1e-4))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True], ids=["compiled", "kept"])
def test_where_written_memory_may_not_run_all_is_eager(tmp_path, kept):
    settings = {**os.environ, "TIDU_CACHE_DIR": str(tmp_path)}
    if kept:  # another process, which is let
        plain = HARDENED.replace("if ctypes", "if 0 and ctypes")
        subprocess.run([sys.executable, "-c", plain], env=settings, check=True)
    told = subprocess.run([sys.executable, "-c", HARDENED], env=settings, capture_output=True,
                          text=True, check=False)  # fmt: skip
    if "not known" in told.stderr:
        pytest.skip("this system has no such rule")
    assert told.returncode == 0, told.stderr
    assert told.stdout == "True\n"
    assert told.stderr.count("Running eagerly") == 1 and "MemoryDenyWriteExecute" in told.stderr


def test_memory_that_is_taken_while_some_is_taken(monkeypatch):
    """By what the garbage collector runs, for one."""
    memory, spans = images._Memory(), []
    new = images._new_block

    def block(size):
        monkeypatch.setattr(images, "_new_block", new)
        spans.append((*memory.take(5000),))
        return new(size)

    monkeypatch.setattr(images, "_new_block", block)
    spans += [memory.take(size) for size in (1, 4097, 1 << 21, 10)]
    ranges = sorted((start, start + len(view)) for start, view in spans)
    assert all(end <= after for (_, end), (after, _) in pairwise(ranges))
