"""torch.profiler: counts and times the operations that pass, and prints a table."""

import time

from .core import modes
from .lazy import lazy_module

__all__ = ["ProfilerAction", "ProfilerActivity", "profile", "record_function", "schedule",
           "tensorboard_trace_handler"]  # fmt: skip

_json = lazy_module("json")


class ProfilerActivity:
    """What to watch: CPU is all there is."""

    CPU, CUDA, XPU, MTIA = "CPU", "CUDA", "XPU", "MTIA"


class ProfilerAction:
    """What a schedule says for a step."""

    NONE, WARMUP, RECORD, RECORD_AND_SAVE = range(4)


def schedule(*, wait, warmup, active, repeat=0, skip_first=0, skip_first_wait=0):
    """step -> action: skip, wait, warm up, record, again `repeat` times (0: for ever)."""

    def action(step):
        step -= skip_first
        cycle = wait + warmup + active
        if step < 0 or (repeat and step >= repeat * cycle):
            return ProfilerAction.NONE
        place = step % cycle
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        last = place == cycle - 1
        return ProfilerAction.RECORD_AND_SAVE if last else ProfilerAction.RECORD

    return action


def tensorboard_trace_handler(dir_name, worker_name=None, use_gzip=False):
    """A function for `on_trace_ready` that writes a trace file into `dir_name`."""

    def handler(prof):
        prof.export_chrome_trace(
            f"{dir_name}/{worker_name or 'tidu'}.{prof.step_num}.pt.trace.json"
        )

    return handler


class Event:
    """Calls and seconds of one kind of operation."""

    def __init__(self, key):
        self.key, self.count, self.seconds = key, 0, 0.0

    cpu_time_total = property(lambda self: self.seconds * 1e6)
    self_cpu_time_total = cpu_time_total
    cpu_time = property(lambda self: self.seconds * 1e6 / max(self.count, 1))


class EventList(list):
    """What `key_averages` gives; `table()` is its text."""

    def table(self, sort_by=None, row_limit=100, **options):
        rows = sorted(self, key=lambda e: -(e.count if sort_by == "count" else e.seconds))
        width = max([len("Name"), *[len(e.key) for e in rows]])
        lines = [f"{'Name':<{width}}  {'CPU total':>12}  {'CPU time avg':>12}  {'# of Calls':>10}"]
        lines += [
            f"{e.key:<{width}}  {e.cpu_time_total:>10.3f}us  {e.cpu_time:>10.3f}us  {e.count:>10}"
            for e in rows[: row_limit if row_limit >= 0 else None]
        ]
        return "\n".join(lines) + "\n"


class profile:
    """Inside, each operation is counted; its time runs from the operation before it to its own end.

    >>> import tidu as torch
    >>> with torch.profiler.profile() as p:
    ...     _ = torch.ones(2) * 3
    >>> [(e.key, e.count) for e in p.key_averages()]
    [('aten::mul', 1)]
    """

    def __init__(self, *, activities=None, schedule=None, on_trace_ready=None, record_shapes=False,
                 profile_memory=False, with_stack=False, with_flops=False, with_modules=False,
                 experimental_config=None, **others):  # fmt: skip
        self.schedule, self.on_trace_ready = schedule, on_trace_ready
        self.step_num, self._events, self._trace = 0, {}, []
        self._listening = False

    def start(self):
        self._switch(self._wanted())

    def stop(self):
        was = self._listening
        self._switch(False)
        if was and self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def step(self):
        """One iteration of the program has ended."""
        action = self.schedule(self.step_num) if self.schedule else None
        if action == ProfilerAction.RECORD_AND_SAVE and self.on_trace_ready is not None:
            self.on_trace_ready(self)
        self.step_num += 1
        self._switch(self._wanted())

    def _wanted(self):
        return self.schedule is None or self.schedule(self.step_num) >= ProfilerAction.RECORD

    def _switch(self, on):
        if on != self._listening:
            (modes.listen if on else modes.unlisten)(self)
            self._listening = on
        self._last = time.perf_counter()

    # --- what the core tells ---

    def applied(self, prim, args, params, result):
        self._note(f"aten::{prim.name}")

    def pass_begins(self, job, seeds):
        self._last = time.perf_counter()

    def visited(self, job, node, g, out):
        self._note(f"autograd::{node.prim.torch_name}")

    def pass_ends(self, job):
        self._last = time.perf_counter()

    def _note(self, key):
        now = time.perf_counter()
        self._add(key, self._last, now)
        self._last = time.perf_counter()

    def _add(self, key, begin, end):
        event = self._events.setdefault(key, Event(key))
        event.count += 1
        event.seconds += end - begin
        self._trace.append((key, begin, end))

    # --- results ---

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0):
        return EventList(self._events.values())

    def events(self):
        return EventList(self._events.values())

    def export_chrome_trace(self, path):
        """Write the operations in the format that chrome://tracing and Perfetto read."""
        events = [
            {
                "name": key,
                "ph": "X",
                "ts": begin * 1e6,
                "dur": (end - begin) * 1e6,
                "pid": 0,
                "tid": 0,
            }
            for key, begin, end in self._trace
        ]
        with open(path, "w", encoding="utf-8") as file:
            _json.dump({"traceEvents": events}, file)


class record_function:
    """A named stretch of the program in a running profile; a context and a decorator."""

    def __init__(self, name, args=None):
        self.name = name

    def __enter__(self):
        self.begin = time.perf_counter()
        return self

    def __exit__(self, *exc):
        end = time.perf_counter()
        for listener in modes.STATE.listeners:
            if isinstance(listener, profile):
                listener._add(self.name, self.begin, end)

    def __call__(self, function):
        def wrapped(*args, **kwargs):
            with record_function(self.name):
                return function(*args, **kwargs)

        return wrapped


class emit_nvtx:
    """Marks for NVIDIA's tools; nothing to mark on the CPU."""

    def __init__(self, enabled=True, record_shapes=False):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False
