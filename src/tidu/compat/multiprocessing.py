"""torch.multiprocessing: Python's own; tensors are sent by copying them."""

from .base.lazy import lazy_module, unknown

__all__ = ["get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy", "spawn",
           "start_processes"]  # fmt: skip

_python = lazy_module("multiprocessing")
_CHOSEN = ["file_descriptor"]


def __getattr__(name):
    """Queue, Process, Pool, set_start_method ...: those of Python."""
    if name.startswith("__") or not hasattr(_python, name):
        raise unknown(__name__, name)
    return getattr(_python, name)


def get_all_sharing_strategies():
    return {"file_descriptor", "file_system"}


def get_sharing_strategy():
    return _CHOSEN[0]


def set_sharing_strategy(new_strategy):
    """How memory would be shared; here tensors are copied."""
    if new_strategy not in get_all_sharing_strategies():
        raise AssertionError(f"invalid sharing strategy: {new_strategy}")
    _CHOSEN[0] = new_strategy


def spawn(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """fn(i, *args) in `nprocs` new processes; waits for them and raises if one fails."""
    return start_processes(fn, args, nprocs, join, daemon, start_method)


def start_processes(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """Like `spawn`, with the way to start processes first chosen by `start_method`."""
    context = _python.get_context(start_method)
    processes = [context.Process(target=fn, args=(i, *args), daemon=daemon) for i in range(nprocs)]
    for process in processes:
        process.start()
    started = ProcessContext(processes)
    return started.join() or None if join else started


class ProcessContext:
    """Processes that `spawn` started with join=False."""

    def __init__(self, processes):
        self.processes = processes

    def pids(self):
        return [process.pid for process in self.processes]

    def join(self, timeout=None, grace_period=None):
        """Wait; True when all have ended. RuntimeError if one failed."""
        for process in self.processes:
            process.join(timeout)
        for i, process in enumerate(self.processes):
            if process.exitcode not in (0, None):
                raise RuntimeError(f"process {i} terminated with exit code {process.exitcode}")
        return all(process.exitcode is not None for process in self.processes)
