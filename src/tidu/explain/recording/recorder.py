"""Recorder: listens while a program runs and writes down what each operation and pass did.

It is told of operations by `apply` and of backward passes by `run_pass`, as the profiler is, and of
modules by forward hooks. It changes nothing and computes nothing on tensors.
"""

import sys
import threading
import weakref
from collections import OrderedDict
from time import perf_counter

import numpy as np

from ...base.frames import OURS
from ...core import modes
from ...core.handle import TensorBase, extra_of
from ...core.node import FREED, Node, Slots
from ...core.versions import owner, stale
from ...nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from ...ops.arguments import AROUND, caller_beyond
from .allowance import Allowance
from .book import Book
from .kinks import kinks_of
from .naming import Names
from .places import Places, caller, user_frames
from .records import Arrival, BackwardPass, Cut, Message, Step, summed
from .values import Snapshot, array_of

__all__ = ["Recorder"]

LIMIT = 20_000  # operations; later ones are counted only
INNER = "inner"  # how a chain was cut inside an operation, which is none of the program's doing
FOLLOWED = 256  # elements of what a cut tensor is computed with, to be computed again


class Recorder:
    """Fills a Recording; use it as a context."""

    def __init__(self, recording, limit=LIMIT, passes=None):
        self.recording, self.limit, self.passes = recording, limit, passes
        self.listening, self.base, self.allowance = False, 0, Allowance(limit)
        self.book, self.names, self.places = Book(recording), Names(), Places()
        self.modules, self.active, self.pending_hooks, self.called = [], [], [], set()
        self.inner = {}  # id -> weak reference to a tensor that an operation detached
        self.untracked = {}  # id(owner of memory) -> how and from what its chain was cut
        self.tracked = {}  # id(owner of memory) -> (weak reference to it, Record)
        self.assumed = {}  # id(frame) -> (frame, Record named by the call that made it)
        self.clock = perf_counter()
        self.handles, self.latest, self.lock = (), None, threading.RLock()

    def __enter__(self):
        self.base = id(caller(sys._getframe(1)))
        self._listen()
        self.handles = (
            register_module_forward_pre_hook(self._module_begins),
            register_module_forward_hook(self._module_ends, always_call=True),
        )
        self.clock = perf_counter()
        return self

    def __exit__(self, kind, error, traceback):
        self.stop()
        for hooks, key, _ in self.pending_hooks:
            hooks.pop(key, None)
        for record in self.book.leaves:
            _forget_hooks(record.tensor)
        if error is not None and not isinstance(error, SystemExit):
            self.recording.error = error
        self._close_unfinished()
        for frame in self._frames():
            self.names.look(frame, force=True)
        self.names.look_in(vars(sys.modules["__main__"]))
        while traceback is not None:
            for frame in user_frames(traceback.tb_frame, id(traceback.tb_frame)):
                self.names.look(frame, force=True)
            traceback = traceback.tb_next
        self.finish()
        return False

    def stop(self):
        """Listen no more; what was recorded stays."""
        self._rest()
        self.base, self.places.stack = 0, {}
        for handle in self.handles:
            handle.remove()
        self.handles = ()

    def _listen(self):
        modes.listen(self)
        self.listening = True

    def _rest(self):
        """The program runs at its own speed; only a module that is new wakes the recorder."""
        if self.listening:
            self.listening = False
            modes.unlisten(self)

    def finish(self):
        self._confirm_names({})
        self.book.finish(self.names)
        place_leaves(self.recording, self.places)
        self._name_parameters()

    def _frames(self):
        """The user's frames, up to the one that began the recording."""
        return user_frames(sys._getframe(1), self.base)

    # --- modules ---------------------------------------------------------------------------------

    def _module_begins(self, module, args):
        if not self.modules and not self.listening:
            if self.allowance.knows(module) or not modes.grad_enabled():
                self.modules.append("")
                return
            self._listen()
        if not self.listening:
            self.modules.append("")
            return
        if not self.modules:
            self.allowance.use(module)
            for frame in self._frames():
                self.names.look(frame)
        path = self.names.path(module)
        if not self.modules:
            self.called.add(path.partition(".")[0])
        self.modules.append(path)

    def _module_ends(self, module, args, output):
        if self.modules:
            self.modules.pop()

    def _name_parameters(self):
        seen = set()
        for root, module in self.names.seen:
            if root not in self.called:
                continue
            for path, parameter in module.named_parameters():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    name = f"{root}.{path}"
                    record = self.book.by_id.get(id(parameter))
                    self.recording.parameters.append((name, record, parameter))

    # --- operations ------------------------------------------------------------------------------

    def applied(self, prim, args, params, result):
        now = perf_counter()
        with self.lock:
            self._applied(now, prim, args, params, result)

    recorded = applied  # a write through a view, a function of the user's own

    def _applied(self, now, prim, args, params, result):
        if len(self.recording.records) >= self.limit:
            self.recording.left_out += 1
            return
        parts = result if result.__class__ is tuple else (result,)
        node = next((p._node for p in parts if getattr(p, "_node", None).__class__ is Node), None)
        if node is None:
            self._note_cut(prim, args, params, parts)
            return
        while node.prim.name == "output_of":
            node = node.edges[0]
        edges = node.edges if len(node.edges) == len(args) else [None] * len(args)
        # What is written into a tensor lies in that tensor's memory: nothing was cut there.
        argument = self.book.argument if prim.name == "copy_slices" else self._input
        inputs = [argument(a, edge) for a, edge in zip(args, edges, strict=True)]
        known = self.book.by_id.get(id(node))
        record = self.book.operation(node, inputs, params) if known is None else known
        self._describe(record, prim, args, params, result)
        record.micros = (now - self.clock) * 1e6
        for part in parts:
            if result.__class__ is tuple and getattr(part, "_node", None).__class__ is Node:
                if id(part._node) not in self.book.by_id:
                    made = self.book.part(part._node, part)
                    made.place, made.loops = record.place, record.loops
                    made.stack, made.module = record.stack, record.module
        self.clock = perf_counter()

    def _describe(self, record, prim, args, params, result):
        if result.__class__ is not tuple:
            record.value = self.book.snapshot(result)
            if isinstance(result._value, np.ndarray):
                root = owner(result._value)
                self.tracked[id(root)] = (weakref.ref(root), record)
        elif not record.made:
            record.made = tuple([self.book.snapshot(part) for part in result])
        values = [array_of(a) if isinstance(a, TensorBase) else a for a in args]
        if not any(v is None for v in values):
            record.kinks = kinks_of(prim.name, values, params, _values_of(result))
        record.module = self.modules[-1] if self.modules else ""
        self._locate(record)

    def _locate(self, record):
        stack, loops, mark = [], (), (record.op, record.module)
        frames = list(self._frames())
        found = self.places.all(frames, mark)
        if self.assumed:
            self._confirm_names({id(f): p for f, (p, _) in zip(frames, found, strict=True)})
        for frame, (place, turns) in zip(frames, found, strict=True):
            if record.place is None:
                record.place = place
            elif len(stack) < 4:
                stack.append((frame.f_code.co_filename, frame.f_lineno))
            loops = (*turns, *loops)
        for frame in reversed(frames):  # a tensor's name is the one where it was made
            self.names.look(frame)
        record.stack, record.loops = tuple(stack), loops
        if record.place is not None:
            self._name_by_place(record, frames[0])

    def _name_by_place(self, record, frame):
        """`y = <this expression>`; of the operations in one call only the last gets the name."""
        place, before = record.place, self.latest
        if before is not None and place.is_call:
            if before.place is place and before.loops == record.loops:
                before.names = [name for name in before.names if name not in place.target]
        for name in place.target:
            record.add_name(name)
        self.latest = record
        if place.is_call and place.target:
            self.assumed[id(frame)] = frame, record

    def _confirm_names(self, places):
        """A call gave `y` what one of its operations made, or something else: `y` tells.

        `places` says where each frame is now: those at another place, or gone, have assigned.
        """
        for key, (frame, record) in list(self.assumed.items()):
            if places.get(key) is record.place:
                continue
            del self.assumed[key]
            for name in record.place.target:
                value = frame.f_locals.get(name, frame)
                held = isinstance(value, TensorBase) and value._node is record.node
                if value is not frame and not held and name in record.names:
                    record.names.remove(name)

    def _input(self, a, edge):
        record = self.book.argument(a, edge)
        if edge is None and isinstance(a, TensorBase):
            self._link_cut(a, record)
        return record

    # --- where the chain was cut -----------------------------------------------------------------

    def _note_cut(self, prim, args, params, parts):
        """An operation whose result is not tracked, of a tracked tensor or of one cut before."""
        if prim.name == "detach":
            calls = caller_beyond(sys._getframe(4), AROUND)
            if calls is not None and OURS[calls.f_code.co_filename]:
                self.inner[id(parts[0])] = weakref.ref(parts[0])  # an operation's own, no cut
                return
        place, how, source, node, way = self._origin(prim, args)
        if source is None or len(parts) > 1:
            return
        value = getattr(parts[0], "_value", None)
        if not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind not in "fcV":
            return
        others = [None if k == place else array_of(a) for k, a in enumerate(args)]
        small = sum([getattr(a, "size", 0) for a in others]) <= FOLLOWED
        way = (*way, (prim, place, others, params)) if way is not None and small else None
        root = owner(value)
        self.untracked[id(root)] = _reference(root), how, source, node, way

    def _origin(self, prim, args):
        """(which argument, how it was cut, its tensor, its node, the operations since then)."""
        for k, a in enumerate(args):
            if self._is_inner(a):
                return k, INNER, weakref.ref(a), None, None
        # zeros_like and the like give constants by themselves: nothing was cut there.
        how = None if modes.grad_enabled() else "no_grad"
        how = "detach" if how is None and prim.name == "detach" else how
        for k, a in enumerate(args) if how else ():
            if isinstance(a, TensorBase) and a._node is not None:
                return k, how, weakref.ref(a), a._node, ()
        for k, a in enumerate(args):
            value = getattr(a, "_value", None)
            root = owner(value) if isinstance(value, (np.ndarray, np.generic)) else None
            entry = self.untracked.get(id(root)) if root is not None else None
            if entry is not None and entry[0]() is root:
                return k, *entry[1:]
        return None, None, None, None, None

    def _is_inner(self, a):
        """Whether a tensor was detached inside an operation of the library."""
        known = self.inner.get(id(a))
        return known is not None and known() is a

    def _link_cut(self, a, record):
        """A constant that was computed from a tracked tensor, or shares its memory, was cut off."""
        array = a._value
        if record.role is not None or not isinstance(array, (np.ndarray, np.generic)):
            return
        record.role, root = "", owner(array)
        if self._is_inner(a):
            return
        how, source, way = "detach", None, ()
        entry = self.untracked.get(id(root))
        if entry is not None and entry[0]() is root:
            _, how, handle, node, way = entry
            if how == INNER:
                return
            handle = handle()
            if node.__class__ is Node:
                source = self.book.of_node(node, handle)
            elif handle is not None:
                source = self.book.leaf(handle)
        else:
            source = self._made_here(root)
        if source is not None and source is not record and source.kind != "constant":
            frame = next(iter(self._frames()), None)
            place = self.places.here(frame)[0] if frame is not None else None
            self.recording.cuts.append(Cut(how, source, record, place, way))
            record.role = how

    def _made_here(self, root):
        """The record of the tracked tensor whose memory this is."""
        entry = self.tracked.get(id(root))
        if entry is not None and entry[0]() is root:
            return entry[1]
        return self._among_variables(root) if isinstance(root, np.ndarray) else None

    def _among_variables(self, root):
        """The tracked tensor in a variable that lies in this memory."""
        for frame in self._frames():
            for value in list(frame.f_locals.values()):
                if isinstance(value, TensorBase) and value._node is not None:
                    held = value._value
                    if held.dtype is not None and owner(held) is root:
                        edge = value._node if value._node.__class__ is Node else value
                        return self.book.argument(value, edge)
        return None

    # --- backward passes -------------------------------------------------------------------------

    def pass_begins(self, job, seeds):
        with self.lock:
            self._begin(job, seeds)

    def _begin(self, job, seeds):
        self._drop_hooks()
        if self.recording.left_out and not self.active:
            self.stop()  # full: the rest of the program runs at its own speed
            return
        frame = next(iter(self._frames()), None)
        place, loops = (None, ()) if frame is None else self.places.here(frame)
        if not self.active and not self.allowance.has_room(place):
            self.recording.pauses.append((place, *self.allowance.close(place)))
            self._rest()
            return
        for frame in self._frames():
            self.names.look(frame, force=True)
        index = len(self.recording.passes)
        call = BackwardPass(index, "backward" if job.wanted is None else "grad")
        call.place, call.loops = place, loops
        call.retain, call.create_graph = bool(job.retain), bool(job.create_graph)
        state = _Running(job, call)
        for edge, g in seeds:
            if edge is None or g is None:
                continue
            record = self.book.of_edge(edge)
            value = Snapshot(g)
            call.seeds.append((record, value))
            state.send(edge, Message(None, None, record, value))
        self.recording.passes.append(call)
        state.mark = len(self.recording.records)
        self.active.append(state)
        if job.wanted is None:
            self._watch_hooked(state)

    def visited(self, job, node, g, out):
        with self.lock:
            self._visited(job, node, g, out)

    def _visited(self, job, node, g, out):
        state = self._state(job)
        if state is None:
            return
        record = self.book.of_node(node)
        self._credit(state, record)
        incoming, gradient = state.take(node), _gradient(g)
        sent = []
        for i, (edge, value) in enumerate(zip(node.edges, out, strict=True)):
            if edge is None or value is None:
                continue
            value = g if value.__class__ is Slots else value
            message = Message(record, i, self.book.of_edge(edge), Snapshot(value))
            self.allowance.spend(message.value)
            sent.append(message)
            state.send(edge, message)
        call = state.call
        call.steps.append(Step(record, gradient, incoming, sent, node.saved is FREED))

    def _credit(self, state, record):
        """Operations recorded since the last step were this step's own work."""
        for made in self.recording.records[state.mark :]:
            if made.kind in ("op", "part") and made is not record:
                made.made_in = (state.call.index, record.id)
        state.mark = len(self.recording.records)

    def pass_ends(self, job):
        with self.lock:
            self._end(job)

    def _end(self, job):
        state = self._state(job)
        if state is None:
            return
        self.active.remove(state)
        self._drop_hooks(state)
        for leaf, g in job.leaves.values():
            record = self.book.leaf(leaf)
            before = None if leaf._grad is None else Snapshot(leaf._grad)
            arrival = Arrival(record, Snapshot(g), state.take(leaf), before, Snapshot(leaf))
            state.call.arrivals.append(arrival)
            self._watch_grad(leaf, arrival)
            self.allowance.spend(arrival.gradient, arrival.value, before)
        for key, g in job.captured.items():
            record = self.book.by_id.get(key)
            if record is not None:
                state.call.wanted.append((record, Snapshot(g)))
        self.allowance.settle(state.call.place, len(self.recording.records), self.book.kept)
        if self.passes is not None and len(self.recording.passes) >= self.passes:
            self.stop()

    def _state(self, job):
        return next((state for state in self.active if state.job is job), None)

    def _watch_hooked(self, state):
        """Leaves with hooks of the user's get their gradient while the pass is still under way."""
        for record in self.book.leaves:
            leaf = record.tensor
            extra = leaf._extra
            if extra is not None and (extra.hooks or extra.after_hooks or extra.accumulator):
                before = None if leaf._grad is None else Snapshot(leaf._grad)
                self._first_hook(leaf, self._early(state, record, before), state)

    def _early(self, state, record, before):
        def note(tensor):
            incoming = state.take(tensor)
            arrival = Arrival(record, summed(incoming), incoming, before, Snapshot(tensor))
            arrival.after, arrival.stored = Snapshot(tensor._grad), True
            state.call.arrivals.append(arrival)

        return note

    def _watch_grad(self, leaf, arrival):
        """Read `.grad` right after it was written."""

        def note(tensor):
            arrival.after, arrival.stored = Snapshot(tensor._grad), True

        self._first_hook(leaf, note)

    def _first_hook(self, leaf, function, state=None):
        """Call `function` once, first among the hooks that run after accumulation.

        With a `state`, during that pass only.
        """
        extra = extra_of(leaf)
        if extra.after_hooks is None:
            extra.after_hooks = OrderedDict()
        hooks, others = extra.after_hooks, list(extra.after_hooks.items())
        key = object()

        def note(tensor):
            hooks.pop(key, None)
            function(tensor)

        hooks.clear()
        hooks[key] = note
        hooks.update(others)
        self.pending_hooks.append((hooks, key, state))

    def _drop_hooks(self, state=None):
        """What waited in vain waits no longer: autograd.grad, for one, writes no `.grad`."""
        for hooks, key, own in self.pending_hooks:
            if own is state:
                hooks.pop(key, None)
        self.pending_hooks = [entry for entry in self.pending_hooks if entry[2] is not state]

    def _close_unfinished(self):
        for state in self.active:
            node = state.next_node()
            record = None if node is None else self.book.of_node(node)
            state.call.error = (record, _why(node))
        self.active = []


def place_leaves(recording, places):
    """Where tensors a program starts from were written: the assignment above their first use.

    A parameter's is that of its module.
    """
    for record in recording.records:
        if record.place is None:
            continue
        for item in record.inputs:
            if getattr(item, "place", 0) is None and item.names and item.node is None:
                item.place = _assignment(item, record, places)


def _assignment(item, record, places):
    """The line that assigned a tensor, in the function that used it or one that called it."""
    names = [part for name in item.names for part in (name, name.partition(".")[0])]
    for file, line in ((record.place.file, record.place.line), *record.stack):
        source = places.source(file)
        spans = [source.assigned(name, line) for name in names]
        spans = [span for span in spans if span is not None]
        if spans:
            return places.line(file, max(spans))
    return None


class _Running:
    """A pass under way: what waits at each edge."""

    def __init__(self, job, call):
        self.job, self.call, self.waiting, self.mark = job, call, {}, 0

    def send(self, edge, message):
        self.waiting.setdefault(id(edge), (edge, []))[1].append(message)

    def take(self, edge):
        return self.waiting.pop(id(edge), (None, []))[1]

    def next_node(self):
        nodes = [edge for edge, _ in self.waiting.values() if edge.__class__ is Node]
        return max(nodes, key=lambda node: node.seq, default=None)


def _forget_hooks(leaf):
    """A leaf without hooks is as it was: gradients reach it by the fast path."""
    extra = leaf._extra
    if extra is not None and extra.after_hooks is not None and not extra.after_hooks:
        extra.after_hooks = None
        if not any(value for value in vars(extra).values()):
            leaf._extra = None


def _reference(array):
    """A weak reference to an array; NumPy scalars, which have none, are kept."""
    return weakref.ref(array) if isinstance(array, np.ndarray) else lambda: array


def _values_of(result):
    if result.__class__ is tuple:
        return tuple([array_of(part) for part in result])
    return array_of(result)


def _gradient(g):
    if g.__class__ is tuple:
        return [None if part is None else Snapshot(part) for part in g]
    return Snapshot(g)


def _why(node):
    """Why a pass stopped at a node: "freed", "changed" (in place), or "error"."""
    if node is None:
        return "error"
    if node.saved is FREED:
        return "freed"
    for value in node.saved or ():
        if getattr(value, "dtype", None) is not None and stale(value, node.seq):
            return "changed"
    return "error"
