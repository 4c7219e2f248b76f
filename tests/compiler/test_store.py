"""Planned programs on the disk: another process takes them, to the bit, and never a wrong one."""

import gc
import io
import os
import pickle
import re
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.execution import store
from tidu.compiler.execution.executable import Code
from tidu.compiler.execution.planning import Planning
from tidu.compiler.graphs import recomputation
from tidu.compiler.machine import cache
from tidu.program import encoding

HERE = Path(__file__).parent
COUNT = int(os.environ.get("TIDU_STORED_PROGRAMS", "20"))

# Prints a digest of all that each program gives, then how many executables were taken and kept.
CHILD = f"""
import hashlib, sys, warnings
sys.path.insert(0, {str(HERE)!r})
import numpy as np
warnings.simplefilter("ignore")
np.seterr(all="ignore")
import tidu as torch
from random_programs import case
from texts import programs
from tidu.base import tree
from tidu.compiler.execution import store

counts = [0, 0]
take, keep = store.Place.take, store.Place.keep

def counted_take(self):
    found = take(self)
    counts[0] += found is not None
    return found

def counted_keep(self, made):
    counts[1] += 1
    keep(self, made)

store.Place.take, store.Place.keep = counted_take, counted_keep

def told(name, results):
    digest = hashlib.sha256()
    for part in results:
        part = np.asarray(part)
        digest.update(repr((part.dtype, part.shape)).encode() + part.tobytes())
    print(name, digest.hexdigest())

for name, (function, arguments) in programs().items():
    compiled = torch.compile(function)
    for _ in range(3):
        torch.manual_seed(1)
        made = compiled(*arguments)
    told(name, [t.detach().numpy() for t in tree.leaves(made)])
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    try:
        told(seed, case(seed).results(True))
    except Exception as error:
        print(seed, type(error).__name__)
    torch.compiler.reset()
print("counts", *counts)
"""


def run(folder, first, last):
    environment = {**os.environ, "TIDU_CACHE_DIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", CHILD, str(first), str(last)], env=environment,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    *lines, counts = done.stdout.splitlines()
    return lines, [int(n) for n in counts.split()[1:]]


@pytest.mark.slow
def test_programs_that_were_kept_give_the_same_bits(tmp_path):
    first = 20_260_000
    plain, none = run("", first, first + COUNT)
    made, filled = run(tmp_path, first, first + COUNT)
    again, taken = run(tmp_path, first, first + COUNT)
    assert none == [0, 0] and filled[1] > 12 and taken[0] > 12 and taken[1] < taken[0] / 4
    assert len(plain) > COUNT and plain == made == again


# --- one program in this process ------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDU_CACHE_DIR", str(tmp_path))
    return tmp_path / "code"


@pytest.fixture
def places(monkeypatch):
    """(what was looked for, whether it was there)."""
    found, take = [], store.Place.take

    def noted(self):
        made = take(self)
        found.append((self, made))
        return made

    monkeypatch.setattr(store.Place, "take", noted)
    return found


WEIGHTS = np.arange(6, dtype=np.float32)


def compiled(scale=2.0, weights=WEIGHTS, size=6, dtype=torch.float32):
    """What a program gives, made anew."""
    x, listed = torch.arange(size, dtype=dtype), weights.tolist()
    program = torch.compile(lambda x: ((x * scale).tanh() + torch.tensor(listed)).sum())
    return [program(x).item() for _ in range(3)][-1]


def test_the_second_finds_what_the_first_has_kept(folder, places):
    expected = compiled()
    assert places[-1][1] is None
    assert compiled() == expected and places[-1][1] is not None
    assert places[0][0].key == places[-1][0].key


def test_any_other_program_has_another_key(folder, places, monkeypatch):
    compiled()
    compiled(scale=np.nextafter(2.0, 3))
    compiled(weights=WEIGHTS + 1)
    compiled(dtype=torch.float64)
    monkeypatch.setenv("TIDU_ANYTHING", "1")
    compiled()
    monkeypatch.setattr(store.THREADS, "count", store.THREADS.count + 1)
    compiled()
    keys = [place.key for place, _ in places]
    assert len(set(keys)) == len(keys) >= 6 and not any(made for _, made in places)


@pytest.mark.parametrize(("name", "value"), [
    ("TIDU_CACHE_SIZE", "1G"), ("TIDU_LOGS", "recompiles"), ("TIDU_MALLOC", "system"),
    ("TIDU_PERF", "1"), ("TIDU_STRETCHES", "0"), ("TIDU_TRACEBACK", "full")])  # fmt: skip
def test_what_decides_no_plan_is_no_part_of_the_key(folder, places, monkeypatch, name, value):
    expected = compiled()
    monkeypatch.setenv(name, value)
    assert compiled() == expected and places[-1][1] is not None


def test_every_variable_is_known_to_decide_or_not():
    files = Path(torch.__file__).parent.rglob("*.py")
    text = "".join([file.read_text(encoding="utf-8") for file in files])
    names = set(re.findall(r"TIDU_[A-Z_]*[A-Z]", text))
    assert names - store._UNRELATED == {"TIDU_CPU", "TIDU_NATIVE", "TIDU_WINOGRAD"}


def test_whose_code_is_gone_is_planned_anew(folder, places):
    expected = compiled()
    for code in [part for part in compiled_parts(places) if isinstance(part, Code)]:
        (folder / code.key).unlink()
    assert compiled() == expected and places[-1][1] is None
    assert compiled() == expected and places[-1][1] is not None


def compiled_parts(places):
    compiled()
    return places[-1][1].parts


class Harm:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


CONTENTS = [b"", b"no pickle", 3, np.float64, exec, [WEIGHTS], Harm, encoding.Unknown("x")]


@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_no_executable_is_not_used(folder, places, content):
    expected, harm = compiled(), folder.parent / "harm"
    content = Harm(str(harm)) if content is Harm else content
    data = content if isinstance(content, bytes) else pickle.dumps(content)
    cache.write(places[-1][0].key, data)
    assert compiled() == expected and places[-1][1] is None
    assert not harm.exists()


def test_only_executables_are_pickled(folder):
    for thing in (Harm("x"), print, Path("x"), np.array([print], object)):
        with pytest.raises((pickle.PicklingError, encoding.Unknown)):
            store._Pickler(io.BytesIO(), []).dump(thing)


def test_nothing_is_kept_while_a_limit_is_another(folder, places, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(recomputation, "LARGE", 0)
        expected = compiled()
    assert not places
    assert compiled() == expected and places[-1][1] is None
    with monkeypatch.context() as patched:
        patched.setattr(recomputation, "recomputed", lambda graph, *rest: graph)
        compiled()
    assert len(places) == 1


def test_draws_are_not_kept(folder, places):
    program = torch.compile(lambda x: x + torch.rand(3))
    for _ in range(3):
        program(torch.ones(3))
    assert not places


def test_bodies_are_kept(folder, places):
    def step(x):
        return torch.cond(x.sum() > 0, lambda y: y.sin() * 3, lambda y: y.cos(), (x,))

    x = torch.arange(4.0)
    found = [torch.compile(step)(x).tolist() for _ in range(2)]
    kept = [made for _, made in places]
    assert found[0] == found[1] == step(x).tolist() and None in kept and kept[-1] is not None


def test_what_planning_needed_is_dropped(folder, monkeypatch):
    made, begin = [], Planning.__init__

    def noted(self, *args):
        begin(self, *args)
        made.extend(map(weakref.ref, (self, self.plan)))

    monkeypatch.setattr(Planning, "__init__", noted)
    compiled(scale=7.0)
    gc.collect()
    assert made and not any(thing() for thing in made)


def test_digest_names_every_array(folder, places):
    """Large arrays are in the key by their digest: one other byte is another program."""
    large = np.arange(4096, dtype=np.float32)
    other = large.copy()
    other[4000] += 1
    sums = [compiled(weights=w, size=4096) for w in (large, other, large)]
    assert sums[0] == sums[2] != sums[1] and places[-1][1] is not None


def test_products_are_kept(folder, places):
    """Their imports are told by name."""
    a, v = torch.linspace(-1, 1, 90_000).reshape(300, 300), torch.linspace(-1, 1, 300)
    for of_it in (lambda: a @ v, lambda: (a @ a).relu()):
        found = [torch.compile(of_it)().tolist() for _ in range(2)]
        assert found[0] == found[1] and places[-2][1] is None and places[-1][1] is not None


ONE_OF_MANY = """
import tidu as torch
x = torch.linspace(-1, 1, 40_000).reshape(200, 200).requires_grad_()

@torch.compile
def step():
    loss = (x @ x).softmax(-1).square().sum()
    loss.backward()
    return loss

for _ in range(3):
    x.grad = None
    loss = step()
print(loss.item(), x.grad.double().sum().item())
"""


@pytest.mark.slow
def test_sixteen_processes_fill_one_folder_at_once(tmp_path):
    environment = {**os.environ, "TIDU_CACHE_DIR": str(tmp_path)}
    many = [subprocess.Popen([sys.executable, "-c", ONE_OF_MANY], env=environment, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(16)]  # fmt: skip
    outputs = [process.communicate() for process in many]
    assert [process.returncode for process in many] == [0] * 16, outputs
    assert len({out for out, _ in outputs}) == 1 and not any(errors for _, errors in outputs)
    names = [file.name for file in (tmp_path / "code").iterdir()]
    assert names and not [name for name in names if name.startswith(".new-")]
