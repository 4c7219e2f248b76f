"""What needs processes of its own: first calls, import time, installed size, peak memory.

Each of the rows in `ROWS` is a title and a function ``(library, quick) -> value``, None where a
library has no such thing; `first_calls` gives a row of its own table. `child.py` is what runs in
the processes.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
_FAST = re.compile(r"""extra == .fast.""")
COMPILED = {"torch": "torch.compile", "tidu": "tidu.compile", "jax": "jax"}
FIRST = {
    "W3": "the first two calls of W3, ms",
    "W5": "the first two calls of W5, ms",
    "W7": "the first two calls of W7, ms",
}


def run(command, environment=None) -> str:
    """What a process printed last; its last line of errors where it failed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=600,
                          env={**os.environ, **(environment or {})})  # fmt: skip
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])
    return done.stdout.strip().splitlines()[-1]


def ask(*question, folder=None):
    """The answer of `child.py`; compilers keep what they make in `folder`."""
    command = [sys.executable, str(HERE / "child.py"), *question]
    return json.loads(run(command, folder and caches(folder)))


def caches(folder):
    """The variables that put every compiler's cache there; jax has none unless it is told."""
    return {
        "TIDU_CACHE_DIR": folder,
        "TORCHINDUCTOR_CACHE_DIR": folder,
        "JAX_COMPILATION_CACHE_DIR": folder,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


# --- first calls ----------------------------------------------------------------------------------


def first_calls(name, library, repeats):
    """Milliseconds with an empty cache and in a second process, and the results of both.

    The least of some pairs of processes, each pair with a folder of its own.
    """
    times, results = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            pair = [ask("first_calls", library, name, folder=folder) for _ in range(2)]
        times.append([1000 * answer["seconds"] for answer in pair])
        results += [answer["result"] for answer in pair]
    empty, again = map(min, zip(*times, strict=True))
    return {"empty": empty, "again": again}, results


# --- import time and installed size ---------------------------------------------------------------


def import_milliseconds(module, quick):
    """The best time of `import module` in a fresh interpreter that has started already."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [run([sys.executable, "-c", code]) for _ in range(3 if quick else 7)]
    return 1000 * min(float(output) for output in runs)


def installed_mebibytes(distribution, quick):
    """The size of a package with all it requires; extras left out, but tidu's `fast`."""
    wanted, seen = [distribution], set()
    total = 0
    while wanted:
        name = re.sub(r"[-_.]+", "-", wanted.pop()).lower()
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if name in seen:
            continue
        seen.add(name)
        total += size_of(package)
        for requirement in package.requires or ():
            if "extra ==" not in requirement or (name == "tidu" and _FAST.search(requirement)):
                wanted.append(re.match(r"[\w.-]+", requirement).group())
    return total / 2**20


def size_of(package) -> int:
    paths = [Path(package.locate_file(file)) for file in package.files or ()]
    editable = [path for path in paths if path.name.endswith(".pth") and path.name.startswith("_")]
    if editable:  # a development install: the sources are elsewhere
        spec = importlib.util.find_spec(package.name)
        paths = list(Path(spec.origin).parent.rglob("*.py"))
    return sum(path.stat().st_size for path in paths if path.is_file())


# --- memory ---------------------------------------------------------------------------------------


@cache
def peak(library, program, quick):
    """The least peaks of some processes, MiB: an allocator does not always do the same."""
    answers = [ask("peak", library, program) for _ in range(1 if quick else 3)]
    return chosen(min, answers)


@cache
def compiled_peak(library, quick):
    """The peaks of W7 compiled, the highest of three processes: one finds the cache empty, the last
    finds all that it needs (the second meets code that the first had done without)."""
    if library not in COMPILED or (library == "torch" and quick):
        return None
    with tempfile.TemporaryDirectory() as folder:
        answers = [ask("peak", COMPILED[library], "gpt", folder=folder) for _ in range(3)]
    return chosen(max, answers)


def chosen(which, answers):
    """The least or largest figure of each kind; None where no process has one."""
    return {
        key: which([a[key] for a in answers if a[key] is not None], default=None)
        for key in answers[0]
    }


@cache
def checkpointing(library):
    """How much longer the checkpointed perceptron takes; gradients must be the plain one's.

    A window is one step of half a second, which a shared machine disturbs: the best of three gave
    1.18 to 1.52 for what fifteen give as 1.23 to 1.35.
    """
    answer = ask("checkpointing", library, "15")
    plain, checkpointed = answer["result"]["plain"], answer["result"]["checkpointed"]
    scale = max(plain)
    if max(abs(a - b) for a, b in zip(plain, checkpointed, strict=True)) > 1e-4 * scale:
        raise RuntimeError("the checkpointed network's gradients are not the plain one's")
    return answer["seconds"]["checkpointed"] / answer["seconds"]["plain"]


def eager(program, which="above"):
    def measure(library, quick):
        return peak(library, program, quick)[which] if library in ("torch", "tidu") else None

    return measure


def compiled(which):
    def measure(library, quick):
        found = compiled_peak(library, quick)
        return found and found[which]

    return measure


def saved(library, quick):
    if library not in ("torch", "tidu"):
        return None
    parts = [peak(library, program, quick)["above"] for program in ("deep_checkpointed", "deep")]
    return parts[0] / parts[1]


def longer(library, quick):
    return checkpointing(library) if library in ("torch", "tidu") else None


# --- rows -----------------------------------------------------------------------------------------


@dataclass
class Row:
    """A row of the table; `beside` where tidu's figure over PyTorch's says something."""

    name: str
    title: str
    measure: Callable
    beside: bool = True


ROWS = (
    Row("W18", "import, ms", import_milliseconds),
    Row("W19", "installed, tidu with its extra `fast`, MiB", installed_mebibytes),
    Row("W21", "peak memory above import, W7, MiB", eager("gpt")),
    Row("W21", "peak memory above import, W7 compiled, MiB", compiled("above")),
    Row("W21", "peak memory of the process, W7, MiB", eager("gpt", "whole")),
    Row("W21", "peak memory of the process, W7 compiled, MiB", compiled("whole")),
    Row("W21", "the process that compiles for it, MiB", compiled("beside"), beside=False),
    Row("W21", "peak memory above import, MLP of 50 layers, 4096x256, MiB", eager("deep")),
    Row("W21", "the same, checkpointed every 7 layers, MiB", eager("deep_checkpointed")),
    Row("W21", "checkpointed / plain: memory", saved, beside=False),
    Row("W21", "checkpointed / plain: time", longer, beside=False),
)
