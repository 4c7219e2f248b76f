"""An executable as something to run: generated code, other operations between its stretches.

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
from ..graphs import bodies, passes
from ..graphs.schedule import SMALL_PRODUCT
from ..loops import convolution, convolution_epilogues, library
from ..loops.nests import SHARE
from ..loops.placed import INTO
from ..machine import kernels, native, pool
from . import store
from .arenas import SHARED_FROM, Arena, arena_for, empty_idle
from .drivers import filler
from .executable import Code, Epilogue, Executable, Operation, Within
from .planning import ALIGN, Planning, Source

__all__ = ["Memory", "Program", "begin", "view"]


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


class Program(Executable):
    """``program(arrays)`` gives the outputs' arrays: an executable, linked.

    The arrays lie in C order; those of the inputs in `orders` are given with their axes in that
    order. For the other arguments see `planning.Source`; `homes`: of each output what `Home.of`
    takes, a tensor and an order. Where nothing is `called`, `kernel_all` and `kernel_rest` are the
    program for a table that holds the addresses of all inputs, and then of the `held` outputs too;
    the code of `kernel_rest` is at `rest_address`. `small`: it keeps the interpreter's lock.
    """

    def __init__(self, recorded, targets=None, again=(), varying=False, homes=(), orders=None):
        empty_idle()
        if _bytes_made(recorded) >= SHARED_FROM:  # what eager steps took before is free by now
            native.make_room()
        homes = tuple([passes.Home.of(*home) for home in homes])
        again = tuple(again)
        self.source = Source(recorded, targets or {}, again, varying, homes, orders or {})
        place = store.find(self.source)
        kept = None if place is None else place.take()
        if kept is None:
            native.expect()  # it starts while this is planned
        made = kept or Planning(self.source).executable()
        self._link(made)
        if place is not None and kept is None:
            place.keep(made)

    def _link(self, executable):
        vars(self).update(vars(executable))
        self.constants = {s: np.ascontiguousarray(a) for s, a in self.constants.items()}
        self.small, self.kernel_all, self.kernel_rest = False, None, None
        self.rest_address, self.free = None, []
        self.shares = any(isinstance(part, Code) and part.shares for part in self.parts)
        self.parts = [self._linked(part) for part in self.parts]
        self.simple = len(self.parts) == 1 and not self.many
        place = {slot: k for k, slot in enumerate(self.order)}
        self.fill = None if self.simple else filler(self.order)
        self.direct = [
            (place[r.buffer], r) if hasattr(r, "buffer") and r.buffer in place else (None, r)
            for r in self.outputs
        ]

    def _linked(self, part):
        """What runs a part."""
        if isinstance(part, Epilogue):
            return _ConvolutionStep(part, self.varying)
        if isinstance(part, Within):
            return _PlacedStep(part, self.varying)
        if isinstance(part, Operation):
            return _CallStep(part, self.varying)
        found = part.linked()
        kernel, *small = [kernels.function_at(address, part.label) for address in found]
        if small:
            self.small, self.rest_address = part.short, found[-1]
            self.kernel_all, self.kernel_rest = small
        return _Stretch(kernel)

    # --- for people to read ----------------------------------------------------------------

    @property
    def recorded(self):
        return self.source.recorded

    @property
    def plan(self):
        return Planning(self.source).plan

    @property
    def graph(self):
        return Planning(self.source).graph

    @property
    def texts(self):
        """The LLVM texts of its code."""
        planning = Planning(self.source)
        planning.executable(ahead=False)
        return planning.texts

    @property
    def text(self):
        return "\n".join(self.texts)

    @property
    def history(self):
        return self.source.history()

    def summary(self):
        return Planning(self.source).summary()

    # --- runs ------------------------------------------------------------------------------

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
                self.parts[0].kernel(memory.table, *made)
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
        size = self.arena_bytes + self.partial_bytes + ALIGN
        return Memory(self, Arena(size) if alone else arena_for(size))


class Memory:
    """What one run at a time uses: the table of addresses, the arena, views on both."""

    def __init__(self, program, arena):
        self.program, self.arena = program, arena
        arena, buffers = self.arena.array, program.buffers
        # Addresses of buffers, that of partial results, numbers; before them `nests.LIST`.
        self.table = np.array([0] * (len(buffers) + 2) + program.numbers, np.int64)[1:]
        start = -arena.ctypes.data % ALIGN
        self.arrays = [None] * len(buffers)
        for slot, offset in program.offsets.items():
            count, dtype = buffers[slot]
            low = start + offset
            part = arena[low : low + count * dtype.itemsize].view(dtype)
            self.arrays[slot] = part
            self.table[slot] = arena.ctypes.data + low
        self.table[len(buffers)] = arena.ctypes.data + start + program.arena_bytes
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
            for part, done in zip(program.parts, program.done, strict=True):
                part.run(self)
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


class _Stretch:
    """Generated code."""

    def __init__(self, kernel):
        self.kernel = kernel

    def run(self, memory):
        self.kernel(memory.table)


class _CallStep:
    """One operation by its own function."""

    def __init__(self, operation, varying):
        self.operation = operation
        bodies.prepare(operation, partial(Program, varying=varying))

    def operands(self, memory):
        return [view(memory.arrays[r.buffer], r) if hasattr(r, "buffer") else r
                for r in self.operation.refs]  # fmt: skip

    def run(self, memory):
        o, ins = self.operation, self.operands(memory)
        ins = [i[()] if isinstance(i, np.ndarray) and not i.ndim else i for i in ins]
        out = o.prim.eval(*ins, **o.params)
        for slot, dtype, part in zip(o.slots, o.types, out if out.__class__ is tuple else (out,),
                                     strict=True):  # fmt: skip
            array = np.ascontiguousarray(np.asarray(part, dtype))
            # What NumPy hands through (the conjugate of real numbers) lies in a buffer that other
            # steps will write.
            if array.base is not None and any(np.may_share_memory(array, i) for i in ins):
                array = array.copy()
            memory.put(slot, array)


class _PlacedStep(_CallStep):
    """One that writes into the program's memory."""

    def run(self, memory):
        o, ins = self.operation, self.operands(memory)
        outs = [view(memory.arrays[r.buffer], r) for r in o.outs]
        if INTO[o.prim](outs, *ins, **o.params) is None:
            made = o.prim.eval(*ins, **o.params)
            for out, part in zip(outs, made if made.__class__ is tuple else (made,), strict=True):
                out[...] = part


class _ConvolutionStep(_CallStep):
    """A convolution that has an epilogue."""

    def run(self, memory):
        o, ins, table = self.operation, self.operands(memory), memory.table
        list_ = table.ctypes.data + table.itemsize * o.place
        table.base[0] = list_  # see `nests.LIST`
        results = convolution_epilogues.WithEpilogue(
            view(memory.arrays[o.out.buffer], o.out), *convolution_epilogues.load(o.text), table
        )
        transposed = o.prim.name == "transposed_convolution"
        if convolution.into(results, transposed, *ins, **o.params) is None:
            results.y[...] = o.prim.eval(*ins, **o.params)
            results.finish()
