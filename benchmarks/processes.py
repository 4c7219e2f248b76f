"""What needs a process of its own: import time, installed size, peak memory.

`python processes.py memory torch gpt` is the child: it prints the peak in MiB above the memory in
use after the import.
"""

import importlib
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from networks import deep_perceptron

HERE = Path(__file__).parent


def import_milliseconds(module: str, repeats: int = 5) -> float:
    """The best time of `import module` in a fresh interpreter that has started already."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [run([sys.executable, "-c", code]) for _ in range(repeats)]
    return 1000 * min(float(output) for output in runs)


def installed_mebibytes(distribution: str) -> float:
    """The size of a package with all it requires, extras left out."""
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
            if "extra ==" not in requirement:
                wanted.append(re.match(r"[\w.-]+", requirement).group())
    return total / 2**20


def size_of(package) -> int:
    paths = [Path(package.locate_file(file)) for file in package.files or ()]
    editable = [path for path in paths if path.name.endswith(".pth") and path.name.startswith("_")]
    if editable:  # a development install: the sources are elsewhere
        spec = importlib.util.find_spec(package.name)
        paths = list(Path(spec.origin).parent.rglob("*.py"))
    return sum(path.stat().st_size for path in paths if path.is_file())


def peak_mebibytes(module: str, program: str) -> float:
    return float(run([sys.executable, str(HERE / "processes.py"), "memory", module, program]))


def run(command) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])
    return done.stdout.strip()


def measure_peak(module: str, program: str) -> float:
    """The growth of this process's peak memory while a program runs three steps."""
    torch = importlib.import_module(module)
    importlib.import_module(f"{module}.nn.functional")
    before = forget_peak()
    step = MEMORY_PROGRAMS[program](torch)
    for _ in range(3):
        step()
    return peak_now() - before


def forget_peak() -> float:
    """The memory in use; where Linux allows it, what importing once took is forgotten."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return peak_now()
    return status_mebibytes("VmRSS")


def peak_now() -> float:
    if Path("/proc/self/status").exists():
        return status_mebibytes("VmHWM")
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def status_mebibytes(field: str) -> float:
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"{field}:\s*(\d+) kB", text).group(1)) / 1024


def gpt(torch):
    from workloads import language_model

    return language_model(torch).step


def deep(torch, segments=0):
    """50 layers of 256 on 4096 rows; with segments, activations are computed again when needed."""
    checkpoint = importlib.import_module(f"{torch.__name__}.utils.checkpoint")
    model = deep_perceptron(torch, 256, 50)
    x = torch.ones(4096, 256)

    def step():
        model.zero_grad()
        if segments:
            output = checkpoint.checkpoint_sequential(model, segments, x, use_reentrant=False)
        else:
            output = model(x)
        output.sum().backward()

    return step


MEMORY_PROGRAMS = {
    "gpt": gpt,
    "deep": deep,
    "deep_checkpointed": lambda torch: deep(torch, segments=7),
}

if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    print(measure_peak(sys.argv[2], sys.argv[3]))
