"""What runs in a process of its own and prints what it found as JSON.

    python child.py first_calls tidu.compile W5
    python child.py peak tidu gpt
    python child.py checkpointing torch 5

`processes.py` starts it. A library's name with `.compile` is its compiled program; jax has no
other.
"""

import importlib
import json
import os
import pkgutil
import re
import sys
import time
from pathlib import Path

from networks import deep_perceptron
from workloads import WORKLOADS, language_model, same_weights

COMPILERS = {
    "torch.compile": ("torch._dynamo", "torch._inductor.compile_fx"),
    "tidu.compile": ("tidu.compiler", "llvmlite.binding"),
}


def library_of(name):
    """The module that stands for torch."""
    torch = importlib.import_module(name.partition(".")[0])
    importlib.import_module("jax.numpy" if name == "jax" else f"{torch.__name__}.nn.functional")
    return torch


# What tidu's compiler imports in a process of its own.
ELSEWHERE = {f"tidu.compiler.machine.{name}" for name in ("llvm", "server")}


def import_compiler(name):
    """All that the library's compiler imports, so that it is not counted as a call's time."""
    for compiler in COMPILERS.get(name, ()):
        module = importlib.import_module(compiler)
        if compiler == "tidu.compiler":
            for found in pkgutil.walk_packages(module.__path__, f"{compiler}."):
                if found.name not in ELSEWHERE:
                    importlib.import_module(found.name)


def program_of(name, workload, build):
    """The workload's program in a library, compiled where the name says so."""
    torch = library_of(name)
    if name == "jax":
        return importlib.import_module("peer_jax").PROGRAMS[workload]()
    program = build(torch)
    if name.endswith(".compile"):
        program.step = torch.compile(program.step)
    return program


def first_calls(name, workload):
    """Seconds of the first two steps, and the result after them.

    Not counted: what is imported, data and weights. Counted: all that is recorded, planned,
    compiled or read from a cache, and the two steps themselves.
    """
    import_compiler(name)
    program = program_of(name, workload, WORKLOADS[workload].build)
    start = time.perf_counter()
    program.step()
    program.step()
    return {"seconds": time.perf_counter() - start, "result": program.result()}


def peak(name, program):
    """The peak memory of this process while a program is made and runs three steps.

    `above` the memory in use after the library was imported: modules that load later, a compiler
    among them, count as the program's.
    """
    library_of(name)
    before = forget_peak()
    step = MEMORY_PROGRAMS[program](name)
    for _ in range(3):
        step()
    return {"above": peak_now() - before, "whole": peak_now(), "beside": peak_beside()}


def peak_beside():
    """The peak of the process that has LLVM for tidu's; None where there is none."""
    service = sys.modules.get("tidu.compiler.machine.service")
    server = service and service._State.server
    if not server:
        return None
    return status_mebibytes("VmHWM", f"/proc/{server.pid}/status")


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


def status_mebibytes(field: str, path: str = "/proc/self/status") -> float:
    text = Path(path).read_text()
    return int(re.search(rf"{field}:\s*(\d+) kB", text).group(1)) / 1024


def checkpointing(name, windows):
    """Seconds of the deep perceptron, plain and checkpointed, and the gradients' sums of each."""
    from measure import best_times

    torch = library_of(name)
    programs = {"plain": deep(torch), "checkpointed": deep(torch, segments=7)}
    times = best_times({key: step for key, (step, _) in programs.items()}, int(windows), 0.01)
    return {"seconds": times, "result": {key: sums() for key, (_, sums) in programs.items()}}


def deep(torch, segments=0):
    """50 layers of 256 on 4096 rows; with segments, activations are computed again when needed.

    Gives the step, and a function of the gradients' sums.
    """
    checkpoint = importlib.import_module(f"{torch.__name__}.utils.checkpoint")
    model = same_weights(torch, deep_perceptron(torch, 256, 50))
    x = torch.ones(4096, 256)

    def step():
        model.zero_grad()
        if segments:
            output = checkpoint.checkpoint_sequential(model, segments, x, use_reentrant=False)
        else:
            output = model(x)
        output.sum().backward()

    return step, lambda: [float(p.grad.abs().sum()) for p in model.parameters()]


MEMORY_PROGRAMS = {
    "gpt": lambda name: program_of(name, "W7", language_model).step,
    "deep": lambda name: deep(library_of(name))[0],
    "deep_checkpointed": lambda name: deep(library_of(name), segments=7)[0],
}
QUESTIONS = {"first_calls": first_calls, "peak": peak, "checkpointing": checkpointing}

if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    question, *given = sys.argv[1:]
    print(json.dumps(QUESTIONS[question](*given), default=lambda array: array.tolist()))
