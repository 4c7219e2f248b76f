"""profile and record_function: events of operations, of backward passes and of named stretches.

A profile watches the calls of public functions and methods, each an event under PyTorch's name, and
listens to the operations inside. It is told when one of those has ended, so its event begins where
the event before it in its thread ended: the time on the way to an operation counts as its own.
"""

import functools
import gzip
import json
import threading
import time

from ..core import modes
from ..core.handle import TensorBase, wrap
from ..core.node import name_of
from ..frontend import calls
from .events import EventList, FunctionEvent, nested
from .scheduling import ProfilerAction

__all__ = ["emit_nvtx", "profile", "record_function"]

_LEAF = "torch::autograd::AccumulateGrad"
_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def _now():
    return time.perf_counter() * 1e6


class profile(calls.Interceptor):
    """Inside, each operation becomes an event; `key_averages().table()` shows them.

    >>> import tidu as torch
    >>> with torch.profiler.profile() as p:
    ...     _ = torch.ones(2) * 3
    >>> [(e.key, e.count) for e in p.key_averages()]
    [('aten::ones', 1), ('aten::mul', 1)]
    """

    hears_rules = True  # also of what the rules of a backward pass compute

    def __init__(self, enabled=True, *, activities=None, schedule=None, on_trace_ready=None,
                 record_shapes=False, profile_memory=False, with_stack=False, with_flops=False,
                 with_modules=False, experimental_config=None, acc_events=False,
                 **others):  # fmt: skip
        self.enabled, self.schedule, self.on_trace_ready = enabled, schedule, on_trace_ready
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.step_num, self.current_action = 0, ProfilerAction.NONE
        self._events, self._began, self._listening = [], None, False
        self._last = threading.local()
        self._step_range = None

    def start(self):
        """Begin, as the schedule says for step 0."""
        if self.enabled:
            self._enter_step()

    def stop(self):
        """End; what was being recorded is given to `on_trace_ready`."""
        recording = self._listening
        self._leave_step()
        self._listen(False)
        if recording and self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def step(self):
        """One iteration of the program has ended."""
        if not self.enabled:
            return
        saved = self.current_action is ProfilerAction.RECORD_AND_SAVE and self.schedule is not None
        self._leave_step()
        if saved:
            self._listen(False)
        self.step_num += 1
        if saved and self.on_trace_ready is not None:
            self.on_trace_ready(self)
        self._enter_step()

    def _enter_step(self):
        """Follow the schedule; events of a cycle that was saved make way for the next one's."""
        action = ProfilerAction.RECORD if self.schedule is None else self.schedule(self.step_num)
        self.current_action, wanted = action, action in _RECORDING
        if wanted and not self._listening:
            self._events, self._began = [], _now()
        self._listen(wanted)
        if wanted and self.schedule is not None:
            self._step_range = record_function(f"ProfilerStep#{self.step_num}").__enter__()

    def _leave_step(self):
        if self._step_range is not None:
            self._step_range.__exit__(None, None, None)
            self._step_range = None

    def _listen(self, on):
        if on != self._listening:
            (modes.listen if on else modes.unlisten)(self)
            (calls.intercept if on else calls.release)(self)
            self._listening = on
        self._mark()

    def _mark(self):
        """What follows in this thread begins now."""
        self._last.time = _now()

    # --- calls ---

    def around(self, seen, call, /, *args, **kwargs):
        """One call of a public function or method: an event if a tensor comes out."""
        name = _name(seen)
        if name is None:
            return call(*args, **kwargs)
        running = self._running()
        begin = self._last.time = _now()
        running.append([name, 0, args])
        try:
            result = call(*args, **kwargs)
        finally:
            memory = running.pop()[1]
        if name == "item" or _is_computed(result):
            shapes = _shapes(args) if self.record_shapes else ()
            self._note([f"aten::{name}"], shapes, memory, begin)
        return result

    def _running(self):
        """The calls that run in this thread: [name, memory filled by itself, arguments]."""
        return self._last.__dict__.setdefault("running", [])

    # --- what the core tells ---

    def applied(self, prim, args, params, result):
        values = [a._value for a in args if isinstance(a, TensorBase)]
        if any(value.dtype is None for value in values):
            return  # inside a transform: the event is that of the operation on memory
        memory, running = _bytes(prim, result) if self.profile_memory else 0, self._running()
        name = _shown(prim, result)
        if name == "mm" and running and _are_vectors(running[-1][2]):
            name = "dot"
        if running and running[-1][0] in (name, name + "_", *_UNDER.get(name, ())):
            running[-1][1] += memory  # what the call is for: one event for both
            return
        self._note([f"aten::{name}"], _shapes(args) if self.record_shapes else (), memory)

    def pass_begins(self, job, seeds):
        self._mark()
        self._visits().append(self._last.time)

    def visited(self, job, node, g, out):
        if node.prim.name == "output_of":  # a way into a node of several outputs, and no step
            return
        name = name_of(node)
        visits = self._visits()
        begin = visits[-1] if visits else None
        names = [f"autograd::engine::evaluate_function: {name}", name]
        if getattr(node.prim, "one_step", False):
            names.append(f"aten::{_SHOWN.get(node.prim.name, node.prim.name)}_backward")
        self._note(names, begin=begin)
        if visits:
            visits[-1] = self._last.time

    def pass_ends(self, job):
        self._mark()
        if job.lift is wrap:
            self._accumulated(job)
        if visits := self._visits():
            visits.pop()

    def _accumulated(self, job):
        """The step of each leaf that a pass reached; `grad` for inputs visits it, and adds none."""
        early = job.awaited.served if job.awaited is not None else 0
        names = [f"autograd::engine::evaluate_function: {_LEAF}", _LEAF]
        for _ in range(len(job.leaves) + early):
            self._note(names[: 2 if job.wanted is None else 1])

    def _visits(self):
        """For each pass that runs in this thread, when the visit of its present node began."""
        return self._last.__dict__.setdefault("visits", [])

    def _note(self, names, shapes=(), memory=0, begin=None):
        end, thread = _now(), threading.get_ident()
        if begin is None:
            begin = getattr(self._last, "time", self._began)
        for name in names:
            times = begin - self._began, end - self._began
            self._events.append(FunctionEvent(name, *times, thread, shapes, memory))
        self._mark()

    def _range(self, name, begin):
        """A named stretch has ended."""
        if begin >= self._began:
            times = begin - self._began, _now() - self._began
            event = FunctionEvent(name, *times, threading.get_ident())
            if name.startswith("ProfilerStep#"):
                event.key = "ProfilerStep*"
            self._events.append(event)
        self._mark()

    # --- results ---

    def events(self):
        """All events in the order they began, nested."""
        if self._began is None:
            raise AssertionError("Profiler must be initialized before accessing events")
        return EventList(nested(self._events), self.profile_memory)

    function_events = property(events)

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, **others):
        """One average for each name (and each set of input shapes, of a profile that records them).

        >>> import tidu as torch
        >>> with torch.profiler.profile(record_shapes=True) as p:
        ...     _ = torch.ones(2, 3) @ torch.ones(3, 4)
        >>> [(e.key, e.input_shapes) for e in p.key_averages(group_by_input_shape=True)][-1]
        ('aten::mm', [[2, 3], [3, 4]])
        """
        if self._began is None:
            raise AssertionError("Profiler must be initialized before getting key averages")
        return self.events().key_averages(group_by_input_shape, group_by_stack_n)

    def table(self, sort_by=None, row_limit=100, **options):
        """The single events as text."""
        return self.events().table(sort_by, row_limit, **options)

    def total_average(self):
        return self.events().total_average()

    @property
    def self_cpu_time_total(self):
        return self.events().self_cpu_time_total

    def __repr__(self):
        return repr(self.events()) if self._began is not None else "<unfinished profile>"

    def export_chrome_trace(self, path):
        """Write the events in the format that chrome://tracing and Perfetto read (.gz packed)."""
        rows = [
            {"name": e.name, "ph": "X", "ts": e.start, "dur": e.cpu_time_total, "pid": 0,
             "tid": e.thread, "cat": "user_annotation" if "::" not in e.name else "cpu_op",
             "args": {"Input Dims": e.input_shapes} if e.input_shapes else {}}
            for e in self.events()
        ]  # fmt: skip
        opened = gzip.open if str(path).endswith(".gz") else open
        with opened(path, "wt", encoding="utf-8") as file:
            json.dump({"traceEvents": rows, "displayTimeUnit": "ms"}, file)


# Calls that compute nothing, and those whose event has another name in PyTorch: None for Python
# functions, of which only what they call is an event.
_CALLED = dict.fromkeys(
    "as_subclass as_tensor asarray chain_matmul cpu cuda data einops einsum from_dlpack from_numpy "
    "gumbel_softmax interpolate multi_head_attention_forward normalize refine_names requires_grad_ "
    "rename share_memory_ softmin tensor to_dense upsample vmap "
    "__getitem__ __len__ __pos__ __rmatmul__ __rtruediv__ __setitem__".split()
)
_CALLED |= {
    "T": "numpy_T", "cross_entropy": "cross_entropy_loss", "nll_loss": "nll_loss_nd",
    "double": "to", "float": "to", "half": "to",
    "bfloat16": "to", "int": "to", "long": "to", "bool": "to", "type": "to", "type_as": "to",
}  # fmt: skip


# Primitives that calls of other names are for.
_SHOWN = {"normalize": "native_layer_norm"}
_UNDER = {"to_copy": ("to",), "arg_extreme": ("argmax", "argmin")}


def _shown(prim, result):
    """What the event of an operation is called, after "aten::"."""
    if prim.name == "mm" and len(result._value.shape) > 2:
        return "bmm"
    return _SHOWN.get(prim.name, prim.name)


def _are_vectors(args):
    return all(isinstance(a, TensorBase) and len(a._value.shape) == 1 for a in args)


def _name(seen):
    """What the event of a call is called, after "aten::"; None if it is none."""
    name = seen.shown.strip("_") if seen.name.startswith("__") else seen.shown
    return _CALLED.get(seen.name, name)


def _is_computed(result):
    if isinstance(result, (tuple, list)):
        return bool(result) and all(isinstance(part, TensorBase) for part in result)
    return isinstance(result, TensorBase)


def _shapes(args):
    return [list(getattr(getattr(a, "_value", a), "shape", ())) for a in args]


def _bytes(prim, result):
    """Memory that an operation has filled; a view fills none."""
    if prim.is_view:
        return 0
    return sum(part._value.nbytes for part in (result if isinstance(result, tuple) else (result,)))


class record_function:
    """A named stretch of the program in a running profile; a context and a decorator."""

    def __init__(self, name, args=None):
        self.name, self.args = name, args

    def __enter__(self):
        self.begin = _now()
        for listener in modes.STATE.listeners:
            if isinstance(listener, profile):
                listener._mark()
        return self

    def __exit__(self, *exc):
        for listener in modes.STATE.listeners:
            if isinstance(listener, profile):
                listener._range(self.name, self.begin)

    def __call__(self, function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with record_function(self.name, self.args):
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
