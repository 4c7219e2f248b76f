"""A run of steps as one function of generated code, which the interpreter calls straight."""

import re
from dataclasses import replace

from ...program.ir import Variable
from ..graphs.schedule import Fused, Indexed, Product, Scan, reads_of
from ..loops import dots, epilogues, indexed, library, nests, scans, stops, tiles
from ..loops.nests import Nest, Place, Reduction
from ..loops.pointwise import lowered_equations
from ..loops.stops import Stop
from ..machine import kernels, native, pool, shared_code
from ..machine.code import BYTES, kind_of

__all__ = ["Segment", "filler", "written_by"]

# Elements from which other Python threads may run meanwhile: less is a fraction of the time after
# which the interpreter lets them in anyway, and can take the fast path of `quick.py`.
LONG = 1 << 20


def written_by(made, step):
    return [v for e in step.equations for v in e.outs if v in made.refs and v in step.inside]


class Segment:
    """A run of native steps, compiled to one function of the table."""

    def __init__(self, program, steps):
        self.module, self.functions, self.calls = {}, {}, []
        self.imports, self.stops, self.work = {}, {}, 0
        for step in steps:
            if isinstance(step, Stop):
                self.stops[len(self.stops) + 1] = step
                self.calls.append(stops.lines(program.plan, step, len(self.stops)))
                continue
            for written in _functions(program, step):
                self._add(program, written, _label(step))
        text, names = self._text(program)
        program.texts.append(text)
        if not program.plan.varying:
            native.begin(text)
        imports = [(name, address()) for name, address in self.imports.items()]
        if f"call void @{pool.SHARE}(" in text:
            imports.append((pool.SHARE, pool.address()))
            program.shares = True
        place = len(program.blank) + len(program.numbers)
        if program.plan.varying:
            found, numbers = shared_code.load(text, names, imports, place)
            program.numbers += numbers
        else:
            found = native.load(text, names, imports)
        name = "_then_".join([name.partition("_")[2] for name in self.functions.values()])
        self.kernel, *small = [kernels.function_at(address, name) for address in found]
        if small:
            program.small = self.work < LONG
            program.kernel_all, program.kernel_rest = small
            program.rest_address = found[-1]

    def _text(self, program):
        """(the module, the functions to call in it): one where the arrays' addresses are written
        already, and, for a whole program, those that write them first."""
        release, orders = self.work >= LONG, {"entry": [] if program.many else program.order}
        if program.plan.varying:
            release = _word(program, int(release))
        if not program.many:
            orders.update(entry_all=program.fresh, entry_rest=program.rest)
        declared, after = stops.raising(self.stops) if self.stops else ({}, [])
        self.module.update(declared)
        drivers = [_driver(release, order, name, after) for name, order in orders.items()]
        functions = [text.replace(epilogues.NAME, f"@{name}_then").replace("@body(", f"@{name}(", 1)
                     for text, name in self.functions.items()]  # fmt: skip
        parts = [_ENTRY, *self.module, *functions, _run(self.calls), *drivers]
        return "\n".join(parts), list(orders)

    def _add(self, program, written, label):
        """A call; its function is written unless there is one like it. The numbers of its places
        stand in the program's table, so that they are no part of the text."""
        self.module.update(written.module)
        self.imports.update(written.imports)
        self.work += written.units * written.each
        if written.text not in self.functions:
            self.functions[written.text] = f"step{len(self.functions)}_{label}"
        name = self.functions[written.text]
        first, places = len(program.blank) + len(program.numbers), f"%places{len(self.calls)}"
        program.numbers += [n for place in written.places for n in place]
        program.numbers += written.numbers
        self.calls += [f"  {places} = getelementptr i64, ptr %table, i64 {first}",
                       f"  store ptr {places}, ptr %list",
                       *self._call(program, name, written)]  # fmt: skip

    def _call(self, program, name, written):
        units, chunk = written.units, _chunk(written)
        if not program.plan.varying:
            if chunk is None:
                return [f"  call void @{name}(ptr %table, i64 0, i64 {units})"]
            share = f"i64 {units}, i64 {chunk}"
            return [f"  call void @{pool.SHARE}(ptr @{name}, ptr %table, {share})"]
        lines, k = [], len(self.calls)
        for what, n in (("units", units), ("chunk", max(units, 1) if chunk is None else chunk)):
            word = f"%{what}{k}"
            lines += [f"  {word}p = getelementptr i64, ptr %table, i64 {_word(program, n)}",
                      f"  {word} = load i64, ptr {word}p"]  # fmt: skip
        share = f"i64 %units{k}, i64 %chunk{k}"
        return [*lines, f"  call void @{pool.SHARE}(ptr @{name}, ptr %table, {share})"]

    def run(self, memory):
        self.kernel(memory.table)


def _label(step):
    """What a step computes, for the names that profiles show."""
    names = dict.fromkeys([e.prim.name for e in getattr(step, "equations", ())])
    if not isinstance(step, Fused):
        names = [step.equation.prim.name, *names]
    elif step.operands:
        names = ["product", *names]
    else:
        names = [*names, *dict.fromkeys([name for name, _, _ in step.reductions])]
    return re.sub(r"\W", "_", "_".join(names))[:_LONGEST]


_LONGEST = 40  # letters of a label


def _functions(program, step):
    """What a step is: functions to call one after the other."""
    if isinstance(step, Product):
        return [library.emit(program.plan, step)]
    if isinstance(step, Scan):
        return [scans.emit(program.plan, step)]
    if isinstance(step, Indexed):
        return [indexed.emit(program.plan, step)]
    if step.operands and tiles.serves(step):
        return [tiles.emit(program.plan, step, _read_elsewhere(program.plan, step))]
    if step.operands and not program.plan.varying and dots.serves(step):
        return [dots.emit(program.plan, step)]
    made = _nests(program, step)
    return (
        [_written_before(program, step, made[0])] if len(made) == 1 else list(map(nests.emit, made))
    )


def _written_before(program, step, nest):
    """The function of a nest, taken from one that differs in its places alone: the updates of many
    parameters are a few functions."""
    key = _form(step, nest)
    found = program.forms.get(key)
    if found is None:
        found = program.forms[key] = nests.emit(nest)
        return found
    return replace(found, places=[(p.slot, p.offset) for p in nest.places()])


def _form(step, nest):
    """What the text of a nest depends on: its space, how its operands lie, and its equations with
    their variables numbered."""
    numbers = {}

    def known(i):
        return (
            numbers.setdefault(i, len(numbers)) if isinstance(i, Variable) else (type(i), repr(i))
        )

    equations = [
        (e.prim, *map(known, e.ins), *[(v.element_type.str, known(v)) for v in e.outs],
         *[(name, type(p), repr(p)) for name, p in e.params.items()])
        for e in step.equations
    ]  # fmt: skip
    operands = [(known(key), p.strides, p.kind)
                for part in (nest.reads, nest.writes) for key, p in part.items()]  # fmt: skip
    reductions = [(r.name, known(r.term), r.place.strides, r.place.kind) for r in nest.reductions]
    return (nest.shape, nest.reduced, len(nest.reads), *equations, *operands, *reductions)


def _read_elsewhere(made, step):
    """Whether the result of a product is read besides what goes on with it in its step."""
    if not step.equations:
        return True
    own = made.refs[step.out].buffer
    outside = [v for other in made.steps if other is not step for v in reads_of(other)]
    outside += [v for v in made.graph.outputs if isinstance(v, Variable)]
    return any(made.refs[v].buffer == own for v in outside)


_ENTRY = f"""
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @Py_IncRef(ptr)
declare void @{pool.SHARE}(ptr, ptr, i64, i64)
@_Py_NoneStruct = external global i8
"""


def _word(program, number):
    """The word of the table where a number is put."""
    program.numbers.append(number)
    return len(program.blank) + len(program.numbers) - 1


def _chunk(written):
    """How many units a thread takes at a time; None: one takes all."""
    units, each = written.units, written.each
    if written.chunk is not None:
        return written.chunk
    if units * each < nests.SHARE or units < 2:
        return None
    chunk = max(1, -(-nests.SHARE // 2 // each))
    chunk = max(chunk, -(-units // 64))
    step = 64 if each == 1 else written.step
    return -(-chunk // step) * step


def _run(calls):
    """All steps, on a table; {0, 0} if nothing stops it."""
    lines = ["define internal { i64, i64 } @run(ptr %table) noinline {", "entry:",
             f"  %list = getelementptr i64, ptr %table, i64 {nests.LIST}"]  # fmt: skip
    return "\n".join([*lines, *calls, "  ret { i64, i64 } zeroinitializer", "}"])


def filler(slots):
    """``fill(table, *arrays)``: the addresses of the arrays into these slots."""
    text = "\n".join([_ENTRY, _driver(False, slots, "entry")])
    (address,) = native.load(text, ["entry"], plain=True)
    return kernels.function_at(address)


def _driver(release, slots, name, after=None):
    """The built-in function of a table and the arrays whose addresses go into these slots; then it
    runs the steps, and does what is to be done `after` them (None: it does not). `release`: whether
    other Python threads may run meanwhile, or the word of the table that says so."""
    header = object.__basicsize__
    lines = [
        f"define ptr @{name}(ptr %self, ptr %argv, i64 %count) {{", "entry:",
        "  %object = load ptr, ptr %argv",
        f"  %field = getelementptr i8, ptr %object, i64 {header}",
        "  %table = load ptr, ptr %field",
    ]  # fmt: skip
    for k, slot in enumerate(slots):
        lines += [
            f"  %p{k} = getelementptr ptr, ptr %argv, i64 {k + 1}",
            f"  %o{k} = load ptr, ptr %p{k}",
            f"  %f{k} = getelementptr i8, ptr %o{k}, i64 {header}",
            f"  %d{k} = load ptr, ptr %f{k}",
            f"  %t{k} = getelementptr ptr, ptr %table, i64 {slot}",
            f"  store ptr %d{k}, ptr %t{k}",
        ]
    run = [] if after is None else ["  %result = call { i64, i64 } @run(ptr %table)"]
    free = ["  %state = call ptr @PyEval_SaveThread()", *run,
            "  call void @PyEval_RestoreThread(ptr %state)"]  # fmt: skip
    if isinstance(release, bool):
        lines += free if release else run
    else:
        lines += _chosen(release, free, run)
    lines += after or []
    lines += ["  call void @Py_IncRef(ptr @_Py_NoneStruct)", "  ret ptr @_Py_NoneStruct", "}"]
    return "\n".join(lines)


def _chosen(word, free, kept):
    """Either lines, which both compute %result, by a word of the table."""
    renamed = [line.replace("%result", "%kept") for line in kept]
    free = [line.replace("%result", "%freed") for line in free]
    return [
        f"  %releasep = getelementptr i64, ptr %table, i64 {word}",
        "  %release = load i64, ptr %releasep",
        "  %releases = icmp ne i64 %release, 0",
        "  br i1 %releases, label %free, label %locked",
        "free:", *free, "  br label %ran", "locked:", *renamed, "  br label %ran", "ran:",
        "  %result = phi { i64, i64 } [%freed, %free], [%kept, %locked]",
    ]  # fmt: skip


def _nests(program, step):
    """The loop nests of a fused step: one, and a second where partial results must be added."""
    made = program.plan
    reads = {v: _place(made, v, step.shape) for v in reads_of(step)} if not step.operands else {}
    for name, (v, strides) in step.operands.items():
        ref = made.refs[v]
        reads[name] = Place(ref.buffer, ref.offset, strides, kind_of(ref.dtype))
    equations = step.equations

    def compute(m, values):
        lowered_equations(m, equations, values)
        if step.operands:
            values[None] = values["left"] * values["right"]

    writes = {v: _place(made, v, step.shape) for v in written_by(made, step)}
    nest = Nest(step.shape, reads, compute, writes, [], step.reduced or (), made.varying)
    for name, term, out in step.reductions:
        ref = made.refs[out]
        strides = _reduced_strides(step.shape, step.reduced, ref.shape, ref.strides)
        place = Place(ref.buffer, ref.offset, strides, kind_of(ref.dtype))
        nest.reductions.append(Reduction(name, term, place))
    return _with_partials(program, nest)


def _place(made, v, shape):
    ref = made.refs[v]
    return Place(ref.buffer, ref.offset, ref.broadcast(shape), kind_of(ref.dtype))


def _reduced_strides(shape, axes, out_shape, strides):
    """The strides of a reduction's result over the nest: 0 along what is reduced."""
    kept = iter(strides if len(out_shape) != len(shape) else
                [s for d, s in enumerate(strides) if d not in axes])  # fmt: skip
    return tuple([0 if d in axes else next(kept) for d in range(len(shape))])


def _with_partials(program, nest):
    count = nests.blocks_of(nest)
    if not count:
        return [nest]
    slot, out = len(program.plan.buffers), []
    for i, r in enumerate(nest.reductions):
        start = i * count * 8 // BYTES[r.place.kind]
        final, kind = r.place, r.place.kind
        r.place = Place(slot, start, r.place.strides, kind)
        part = Place(slot, start, (1,), kind)
        add = Nest((count,), {"part": part}, lambda m, values: None, {},
                   [Reduction(r.name, "part", Place(final.slot, final.offset, (0,), kind))],
                   (0,), nest.varying, parts=False)  # fmt: skip
        out.append(add)
    program.partial_bytes = max(program.partial_bytes, len(nest.reductions) * count * 8)
    return [nest, *out]
