"""Timing several programs fairly: in one process, in alternating windows, the best of each."""

import os
import platform
import time
from pathlib import Path


def best_times(programs: dict, windows: int, window_seconds: float) -> dict[str, float]:
    """Seconds per call of each function: the least over alternating windows."""
    counts = {name: calls_per_window(call, window_seconds) for name, call in programs.items()}
    best = dict.fromkeys(programs, float("inf"))
    names = list(programs)
    for window in range(windows):
        for name in names if window % 2 == 0 else reversed(names):
            # Threads of the library before may still spin for a while.
            time.sleep(0.005)
            best[name] = min(best[name], window_time(programs[name], counts[name]))
    return best


def window_time(call, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def calls_per_window(call, window_seconds: float) -> int:
    """How many calls fill a window, after a few to warm up."""
    count = 1
    call()
    while True:
        seconds = window_time(call, count)
        if seconds * count > window_seconds / 4 or count >= 1_000_000:
            return max(1, min(1_000_000, int(window_seconds / seconds)))
        count *= 4


def disagreement(first, second) -> float:
    """The largest difference of two results, relative to the size of the first."""
    import numpy as np  # not before `use_threads` was called

    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape:
        return float("inf")
    scale = np.abs(first).max() or 1.0
    return float(np.abs(first - second).max() / scale)


def use_threads(count: int) -> None:
    """Sets the thread counts of BLAS and OpenMP libraries; to be called before they are loaded."""
    for variable in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM"):
        os.environ[f"{variable}_NUM_THREADS"] = str(count)


def available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine(threads: int) -> str:
    """One line on the processor, the system and the Python."""
    model, flags = platform.processor() or platform.machine(), ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        text = info.read_text()
        fields = dict(
            (part.strip() for part in line.split(":", 1))
            for line in text.splitlines()
            if ":" in line
        )
        model = fields.get("model name", model)
        widest = [name for name in ("avx512f", "avx2") if name in fields.get("flags", "").split()]
        flags = f" ({widest[0]})" if widest else ""
    system = f"{platform.system()} {platform.release()}"
    return f"{model}{flags}, {threads} threads, {system}, Python {platform.python_version()}"
