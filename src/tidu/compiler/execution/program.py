"""A planned graph as something to run: segments of generated code, other operations between them.

One table holds the addresses of all buffers. Inputs, outputs and what calls make are put into it
as they come; everything between lies in one arena, where buffers that do not live at the same time
share their memory. A segment, a run of native steps, is one function: a call from Python costs
what one built-in costs.
"""

import contextlib
from functools import partial
from math import prod

import numpy as np

from ...primitives import contraction
from ...program.ir import Variable
from ..graphs import bodies, passes
from ..graphs.in_place import heirs
from ..graphs.schedule import SMALL_PRODUCT, plan
from ..graphs.steps import Call, Convolution, Fused, Product, WithEpilogue, reads_of
from ..loops import convolution, convolution_epilogues, library
from ..loops.nests import SHARE
from ..loops.stops import Stop
from ..machine import native, pool
from .arenas import SHARED_FROM, Arena, arena_for, empty_idle
from .drivers import filler
from .segments import Segment, written_by

__all__ = ["Memory", "Program", "begin", "view"]

_ALIGN = 64
_FROM_PYTHON = Call, Convolution  # steps that Python calls


def begin(graph):
    """Have other cores compile what a program of this graph will call, while it is planned."""
    made = [v for e in graph.equations for v in e.outs]
    products = [e for e in graph.equations if e.prim is contraction.matmul]
    large = {e.outs[0].element_type for e in products
             if prod(e.outs[0].shape) * e.ins[0].shape[-1] > SMALL_PRODUCT
             and e.outs[0].element_type.char in "fd"}  # fmt: skip
    if large or any(prod(v.shape) >= SHARE for v in made):
        pool.begin()
    library.begin(*large)


def _bytes_made(graph):
    return sum([prod(v.shape) * v.element_type.itemsize for e in graph.equations for v in e.outs])


class Program:
    """``program(arrays)`` gives the outputs' arrays; `text` is the LLVM text of its code.

    The arrays lie in C order; those of the inputs in `orders`, {position: axes, outermost first},
    are given with their axes in that order. `targets`: {output position: input position} of what is
    written into the memory of an input instead; those outputs are None. `again`: positions of
    outputs for which a caller may have memory already; `held` are their slots. Where nothing is
    `called`, `kernel_all` and `kernel_rest` are the program for a table that holds the addresses of
    all inputs, and then of those outputs too; the code of `kernel_rest` is at `rest_address`.
    `small`: it keeps the interpreter's lock. `varying`: the text does not depend on sizes, where it
    need not. `homes`: see `passes.Home.of`, of each a tensor and an order.
    """

    def __init__(self, recorded, targets=None, again=(), varying=False, homes=(), orders=None):
        empty_idle()
        if _bytes_made(recorded) >= SHARED_FROM:  # what eager steps took before is free by now
            native.make_room()
        self.recorded, self.targets, self.again = recorded, targets or {}, again
        homes = tuple([passes.Home.of(*home) for home in homes])
        self.outside = passes.Outside(recorded, self.targets, homes, orders or {})
        self.graph = graph = passes.run(self.outside, varying=varying)
        self.plan = plan(graph, [(graph.outputs[o], graph.inputs[i])
                                 for o, i in self.targets.items()], varying)  # fmt: skip
        self._number_buffers()
        # A table begins with the address of each buffer, and that of the partial results.
        self.blank = [0] * (len(self.plan.buffers) + 1)
        self.segments, self.texts, self.partial_bytes = [], [], 0
        self.forms = {}  # of loops that were written: the function of each
        self.numbers = []  # that shared code reads from the table, behind the addresses
        self.order = [slot for slot, _ in self.given] + self.fresh
        again = {self.outputs[i].buffer for i in again if hasattr(self.outputs[i], "buffer")}
        calls = [step for step in self.plan.steps if isinstance(step, _FROM_PYTHON)]
        self.called = {self.plan.refs[v].buffer for step in calls for v in reads_of(step)}
        self.held = again & set(self.fresh) - self.called
        self.rest = [slot for slot in self.fresh if slot not in self.held]
        self.small, self.kernel_all, self.kernel_rest = False, None, None
        self.shares = False  # whether threads share some of the work
        self.rest_address = None
        self._build()
        self.forms.clear()
        self.free = []
        self.simple = len(self.segments) == 1 and not self.many
        place = {slot: k for k, slot in enumerate(self.order)}
        self.fill = None if self.simple else filler(self.order)
        self.direct = [
            (place[r.buffer], r) if hasattr(r, "buffer") and r.buffer in place else (None, r)
            for r in self.outputs
        ]

    # --- memory ----------------------------------------------------------------------------

    def _number_buffers(self):
        """Slots 0..n-1 of the table are the buffers; where each comes from."""
        made, graph = self.plan, self.graph
        owners = [v for v, _, _ in made.buffers]
        self.slot = {v: i for i, v in enumerate(owners)}
        inputs = {v: i for i, v in enumerate(graph.inputs)}
        self.outputs = []
        for k, o in enumerate(graph.outputs):
            ref = made.refs[o] if isinstance(o, Variable) else o
            self.outputs.append(None if k in self.targets else ref)
        self.given = [(self.slot[v], i) for v, i in inputs.items()]
        self.constants = {self.slot[c]: np.ascontiguousarray(c.constant) for c in graph.constants}
        returned = {r.buffer for r in self.outputs if hasattr(r, "buffer")}
        made_by_calls = {
            self.slot[v]
            for step in made.steps
            if isinstance(step, Call)
            for v in step.equation.outs
        }
        fixed = {s for s, _ in self.given} | set(self.constants) | made_by_calls
        self.fresh = sorted(returned - fixed)
        shapes = {r.buffer: r.shape for r in self.outputs if self._whole(r)}
        self.made_new = [(shapes.get(s, made.buffers[s][1]), made.buffers[s][2])
                         for s in self.fresh]  # fmt: skip
        self.scratch = [i for i in range(len(owners)) if i not in fixed and i not in returned]
        self.call_made = made_by_calls
        self.lasting = {*fixed, *self.fresh}  # what is no scratch
        self._arrange()

    def _whole(self, ref):
        """Whether an output is all of its buffer, in order."""
        if not hasattr(ref, "buffer") or ref.offset or not ref.dense:
            return False
        return ref.size == self.plan.buffers[ref.buffer][1]

    def own_slot(self, i):
        """The slot of output i where it is all of what the program makes anew; None otherwise."""
        ref = self.outputs[i]
        return ref.buffer if self._whole(ref) and ref.buffer in self.fresh else None

    def _arrange(self):
        """Offsets in the arena: a buffer takes the first gap among those alive with it, or the
        place of one that it comes after."""
        born, dies = self._lifetimes()
        self.offsets, size = {}, 0
        placed, used = [], [s for s in self.scratch if s in born]
        first = {}  # in the place of each buffer
        for slot, other in heirs(self.plan, {s: (born[s], dies[s]) for s in used}).items():
            first[slot] = first.get(other, other)
            dies[first[slot]] = dies[slot]
        apart = [s for s in used if s not in first]
        for slot in sorted(apart, key=lambda s: -self._bytes(s)):
            need, at = self._bytes(slot), 0
            others = [p for p in placed if born[p[2]] <= dies[slot] and born[slot] <= dies[p[2]]]
            for start, end, _ in sorted(others):
                if at + need <= start:
                    break
                at = max(at, end)
            self.offsets[slot] = at
            placed.append((at, at + need, slot))
            size = max(size, at + need)
        self.offsets.update({slot: self.offsets[other] for slot, other in first.items()})
        self.arena_bytes = size

    def _bytes(self, slot):
        _, count, dtype = self.plan.buffers[slot]
        return -(-max(count, 1) * dtype.itemsize // _ALIGN) * _ALIGN

    def _lifetimes(self):
        """(first step that writes, last that reads) of each buffer."""
        born, dies = {}, {}
        for k, step in enumerate(self.plan.steps):
            reads, writes = self._touched(step)
            for slot in writes:
                born.setdefault(slot, k)
                dies[slot] = k
            for slot in reads:
                born.setdefault(slot, 0)
                dies[slot] = k
        return born, dies

    def _touched(self, step):
        refs = self.plan.refs
        reads = {refs[v].buffer for v in reads_of(step)}
        writes = [out for _, _, out in getattr(step, "reductions", ())]
        if isinstance(step, (Fused, WithEpilogue)):
            writes += written_by(self.plan, step)
        if not isinstance(step, Fused):
            writes += [*step.equation.outs, *getattr(step, "kept", ())]
        return reads, {refs[v].buffer for v in writes}

    @property
    def text(self):
        return "\n".join(self.texts)

    @property
    def history(self):
        """The graph as it was recorded and after each pass that ran, for people to read."""
        last = str(self.recorded)
        told = [f"recorded:\n{last}"]

        def tell(name, graph):
            nonlocal last
            text = str(graph)
            told.append(f"after {name}: the same" if text == last else f"after {name}:\n{text}")
            last = text

        passes.run(self.outside, tell, self.plan.varying)
        return "\n".join(told)

    def summary(self):
        """Operations, loops, products and convolutions counted, and what is called as in eager."""
        steps = self.plan.steps
        count = lambda kind: sum(isinstance(s, kind) for s in steps)
        loops, products, convolutions = [count(kind) for kind in (Fused, Product, Convolution)]
        called = sorted({s.equation.prim.name for s in steps if isinstance(s, Call)})
        text = f"{len(self.graph.equations)} operations in {loops} loops, {products} products"
        text += f", {convolutions} convolutions" if convolutions else ""
        return text + (f"; as in eager: {', '.join(called)}" if called else "")

    def borrows(self, i):
        """Whether output i lies in the memory of an input or a constant."""
        ref = self.outputs[i]
        given = {slot for slot, _ in self.given}
        return hasattr(ref, "buffer") and (ref.buffer in given or ref.buffer in self.constants)

    # --- code ------------------------------------------------------------------------------

    def _build(self):
        self.many = any(isinstance(step, _FROM_PYTHON) for step in self.plan.steps)
        self.stops = any(isinstance(step, Stop) for step in self.plan.steps)
        run, ends = [], []  # of each segment, the step that follows it
        for k, step in enumerate([*self.plan.steps, None]):
            if not isinstance(step, _FROM_PYTHON) and step is not None:
                run.append(step)
                continue
            if run:
                self.segments.append(Segment(self, run))
                ends.append(k)
            if step is not None:
                kind = _ConvolutionStep if isinstance(step, Convolution) else _CallStep
                self.segments.append(kind(self, step))
                ends.append(k + 1)
            run = []
        self._note_last_uses(ends)

    def _note_last_uses(self, ends):
        """`done`: for each segment, the slots of what calls made that nobody reads after it."""
        _, dies = self._lifetimes()
        kept = {r.buffer for r in self.outputs if hasattr(r, "buffer")}
        idle = self.call_made - kept
        starts = [0, *ends][: len(ends)]
        self.done = [[slot for slot in idle if start <= dies[slot] < end]
                     for start, end in zip(starts, ends, strict=True)]  # fmt: skip

    def __call__(self, arrays, again=()):
        """`again`: (place in `fresh`, an array) of outputs that may be written there."""
        made = [arrays[i] for _, i in self.given]
        kept = dict(again)
        made += [kept[k] if k in kept else np.empty(shape, t)
                 for k, (shape, t) in enumerate(self.made_new)]  # fmt: skip
        if self.shares:
            pool.ensure()
        memory = self._memory()
        try:
            if self.simple:
                self.segments[0].kernel(memory.table, *made)
                constants = memory.arrays
            else:
                constants = memory.run(dict(zip(self.order, made, strict=True)), self.fill)
        finally:
            memory.arena.release()
            self.free.append(memory)
        return [
            r
            if not hasattr(r, "buffer")
            else view(constants[r.buffer] if k is None else made[k], r)
            for k, r in self.direct
        ]

    def serve(self, memory, ready, fresh, given):
        """The outputs of a run for a table that holds the addresses of all inputs and, where
        `ready`, of what is held; `fresh`: {slot: array} of what is made, `given`: of inputs."""
        arrays = {**given, **fresh}
        if self.kernel_all is None:
            arrays = memory.run(arrays)
        else:
            (self.kernel_rest if ready else self.kernel_all)(memory.table, *fresh.values())
            arrays.update({slot: memory.arrays[slot] for slot in self.constants})
        return [
            r if not hasattr(r, "buffer") else
            view(arrays[r.buffer], r) if arrays.get(r.buffer) is not None else None
            for r in self.outputs
        ]  # fmt: skip

    def _memory(self):
        """What a run uses, its arena acquired."""
        with contextlib.suppress(IndexError):
            memory = self.free.pop()
            if memory.arena.acquire():
                return memory
        return self.memory()

    def memory(self, alone=False):
        """What another run uses, its arena acquired; `alone`: no other program's runs have it."""
        size = self.arena_bytes + self.partial_bytes + _ALIGN
        return Memory(self, Arena(size) if alone else arena_for(size))


class Memory:
    """What one run at a time uses: the table of addresses, the arena, views on both."""

    def __init__(self, program, arena):
        self.program, self.arena = program, arena
        made = program.plan
        arena = self.arena.array
        # Addresses of buffers, that of partial results, numbers; before them `nests.LIST`.
        self.table = np.array([0, *program.blank, *program.numbers], np.int64)[1:]
        start = -arena.ctypes.data % _ALIGN
        self.arrays = [None] * len(made.buffers)
        for slot, offset in program.offsets.items():
            _, count, dtype = made.buffers[slot]
            low = start + offset
            part = arena[low : low + count * dtype.itemsize].view(dtype)
            self.arrays[slot] = part
            self.table[slot] = arena.ctypes.data + low
        self.table[len(made.buffers)] = arena.ctypes.data + start + program.arena_bytes
        for slot, array in program.constants.items():
            self.put(slot, array)

    def put(self, slot, array):
        self.arrays[slot] = array.reshape(-1) if array.ndim != 1 else array
        self.table[slot] = array.ctypes.data

    def run(self, given, fill=None):
        """Segment by segment, on these arrays, {slot: array}; returns {slot: array} of what is
        given, constant and called for. ``fill(table, *arrays)`` puts their addresses into the
        table; without it, only those of what is no input are."""
        program = self.program
        for slot, array in given.items():
            self.arrays[slot] = array.reshape(-1)
            if fill is None and slot in program.fresh:
                self.table[slot] = array.ctypes.data
        if fill is not None:
            fill(self.table, *given.values())
        try:
            for segment, done in zip(program.segments, program.done, strict=True):
                segment.run(self)
                for slot in done:
                    self.arrays[slot] = None
            return {slot: self.arrays[slot] for slot in program.lasting}
        finally:
            for slot in (*program.order, *program.call_made):
                self.arrays[slot] = None


def view(array, ref):
    """The array a Ref stands for, on its buffer's array."""
    if ref.dense and not ref.offset and array.size == ref.size:
        return array if array.shape == ref.shape else array.reshape(ref.shape)
    item = ref.dtype.itemsize
    strides = [s * item for s in ref.strides]
    return np.ndarray(ref.shape, ref.dtype, array, ref.offset * item, strides)


class _CallStep:
    """One operation by its own function."""

    def __init__(self, program, step):
        self.equation = equation = step.equation
        self.refs = [program.plan.refs[i] if isinstance(i, Variable) else i for i in equation.ins]
        self.slots = [program.slot[o] for o in equation.outs]
        bodies.prepare(equation, partial(Program, varying=program.plan.varying))

    def operands(self, memory):
        return [view(memory.arrays[r.buffer], r) if hasattr(r, "buffer") else r for r in self.refs]

    def run(self, memory):
        e, ins = self.equation, self.operands(memory)
        ins = [i[()] if isinstance(i, np.ndarray) and not i.ndim else i for i in ins]
        out = e.prim.eval(*ins, **e.params)
        for slot, v, part in zip(self.slots, e.outs, out if out.__class__ is tuple else (out,),
                                 strict=True):  # fmt: skip
            array = np.ascontiguousarray(np.asarray(part, v.element_type))
            # What NumPy hands through (the conjugate of real numbers) lies in a buffer that other
            # steps will write.
            if array.base is not None and any(np.may_share_memory(array, i) for i in ins):
                array = array.copy()
            memory.put(slot, array)


class _ConvolutionStep(_CallStep):
    """A convolution that has an epilogue."""

    def __init__(self, program, step):
        super().__init__(program, step)
        self.out = program.plan.refs[step.out]
        self.text, places, numbers = convolution_epilogues.emit(program.plan, step)
        program.texts.append(self.text)
        convolution_epilogues.begin(self.text)
        self.place = len(program.blank) + len(program.numbers)
        program.numbers += [*[n for place in places for n in place], *numbers]

    def run(self, memory):
        e, ins, table = self.equation, self.operands(memory), memory.table
        list_ = table.ctypes.data + table.itemsize * self.place
        table.base[0] = list_  # see `nests.LIST`
        results = convolution_epilogues.WithEpilogue(
            view(memory.arrays[self.out.buffer], self.out),
            *convolution_epilogues.load(self.text),
            table,
        )
        transposed = e.prim.name == "transposed_convolution"
        if convolution.into(results, transposed, *ins, **e.params) is None:
            results.y[...] = e.prim.eval(*ins, **e.params)
            results.finish()
