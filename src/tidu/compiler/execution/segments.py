"""A run of steps as one function of generated code, which the interpreter calls straight."""

from ..graphs.schedule import Product, Scan, reads_of
from ..loops import library, nests, scans, stops, tiles
from ..loops.nests import Nest, Place, Reduction
from ..loops.pointwise import lowered_equations
from ..loops.stops import Stop
from ..machine import kernels, native, pool, shared_code
from ..machine.code import BYTES, kind_of

__all__ = ["Segment", "filler", "written_by"]

# Elements from which other Python threads may run meanwhile: less is a fraction of the time after
# which the interpreter lets them in anyway, and can take the short way of `quick.py`.
LONG = 1 << 20


def written_by(made, step):
    return [v for e in step.equations for v in e.outs if v in made.refs and v in step.inside]


class Segment:
    """A run of native steps, compiled to one function of the table."""

    def __init__(self, program, steps):
        self.module, self.functions, self.calls = {}, {}, []
        self.imports, self.stops, work = {}, {}, 0
        for step in steps:
            if isinstance(step, Stop):
                self.stops[len(self.stops) + 1] = step
                self.calls.append(stops.lines(program.plan, step, len(self.stops)))
                continue
            for written in _functions(program, step):
                self._add(program, written)
                work += written.units * written.each
        drivers = {"entry": [] if program.many else program.order}
        release = work >= LONG
        if not (program.many or release):
            drivers.update(entry_all=program.fresh, entry_rest=program.rest)
        declared, after = stops.raising(self.stops) if self.stops else ({}, [])
        self.module.update(declared)
        texts = [_run(self.calls)]
        texts += [_driver(release, order, name, after) for name, order in drivers.items()]
        text = "\n".join([_ENTRY, *self.module, *self.functions.values(), *texts])
        program.texts.append(text)
        imports = [(pool.SHARE, pool.address()), *self.imports.items()]
        place = len(program.blank) + len(program.numbers)
        found, numbers = shared_code.load(text, list(drivers), imports, place)
        program.numbers += numbers
        self.kernel, *small = [kernels.function_at(address) for address in found]
        if small:
            program.small = True
            program.kernel_all, program.kernel_rest = small

    def _add(self, program, written):
        """A call; its function is written unless there is one like it. The numbers of its places
        stand in the program's table, so that they are no part of the text."""
        self.module.update(written.module)
        self.imports.update(written.imports)
        count = list(self.functions).index(written.text) if written.text in self.functions else None
        name = f"step{len(self.functions) if count is None else count}"
        if count is None:
            self.functions[written.text] = written.text.replace("@body(", f"@{name}(", 1)
        first, places = len(program.blank) + len(program.numbers), f"%places{len(self.calls)}"
        program.numbers += [n for place in written.places for n in place]
        self.calls += [f"  {places} = getelementptr i64, ptr %table, i64 {first}",
                       f"  store ptr {places}, ptr %list", _call(name, written)]  # fmt: skip

    def run(self, memory):
        self.kernel(memory.table)


def _functions(program, step):
    """What a step is: functions to call one after the other."""
    if isinstance(step, Product):
        return [library.emit(program.plan, step)]
    if isinstance(step, Scan):
        return [scans.emit(program.plan, step)]
    if step.operands and tiles.serves(step):
        return [tiles.emit(program.plan, step)]
    return [nests.emit(nest) for nest in _nests(program, step)]


_ENTRY = f"""
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @Py_IncRef(ptr)
declare void @{pool.SHARE}(ptr, ptr, i64, i64)
@_Py_NoneStruct = external global i8
"""


def _call(name, written):
    units, each, chunk = written.units, written.each, written.chunk
    if chunk is None:
        if units * each < nests.SHARE or units < 2:
            return f"  call void @{name}(ptr %table, i64 0, i64 {units})"
        chunk = max(1, -(-nests.SHARE // 2 // each))
        chunk = max(chunk, -(-units // 64))
        step = 64 if each == 1 else written.step
        chunk = -(-chunk // step) * step
    return f"  call void @{pool.SHARE}(ptr @{name}, ptr %table, i64 {units}, i64 {chunk})"


def _run(calls):
    """All steps, on a table; {0, 0} if nothing stops it."""
    lines = ["define internal { i64, i64 } @run(ptr %table) noinline {", "entry:",
             f"  %list = getelementptr i64, ptr %table, i64 {nests.LIST}"]  # fmt: skip
    return "\n".join([*lines, *calls, "  ret { i64, i64 } zeroinitializer", "}"])


def filler(slots):
    """``fill(table, *arrays)``: the addresses of the arrays into these slots."""
    text = "\n".join([_ENTRY, _driver(False, slots, "entry")])
    (address,) = native.load(text, ["entry"], [(pool.SHARE, pool.address())])
    return kernels.function_at(address)


def _driver(release, slots, name, after=None):
    """The built-in function of a table and the arrays whose addresses go into these slots; then it
    runs the steps, and does what is to be done `after` them (None: it does not)."""
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
    if release:
        lines.append("  %state = call ptr @PyEval_SaveThread()")
    if after is not None:
        lines.append("  %result = call { i64, i64 } @run(ptr %table)")
    if release:
        lines.append("  call void @PyEval_RestoreThread(ptr %state)")
    lines += after or []
    lines += ["  call void @Py_IncRef(ptr @_Py_NoneStruct)", "  ret ptr @_Py_NoneStruct", "}"]
    return "\n".join(lines)


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
    nest = Nest(step.shape, reads, compute, writes, [], step.reduced or ())
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
    if count == 1:
        return [nest]
    slot, out = len(program.plan.buffers), []
    for i, r in enumerate(nest.reductions):
        start = i * count * 8 // BYTES[r.place.kind]
        final, kind = r.place, r.place.kind
        r.place = Place(slot, start, r.place.strides, kind)
        part = Place(slot, start, (1,), kind)
        add = Nest((count,), {"part": part}, lambda m, values: None, {},
                   [Reduction(r.name, "part", Place(final.slot, final.offset, (0,), kind))],
                   (0,))  # fmt: skip
        out.append(add)
    program.partial_bytes = max(program.partial_bytes, len(nest.reductions) * count * 8)
    return [nest, *out]
