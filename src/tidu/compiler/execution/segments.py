"""A run of steps as one function of generated code, which the interpreter calls straight."""

import re
from dataclasses import replace

from ...program.ir import Variable
from ..graphs.steps import Fused, Indexed, Product, Recurrent, Scan, reads_of
from ..loops import dots, epilogues, indexed, library, nests, recurrent, scans, stops, tiles
from ..loops.nests import Nest, Place, Reduction
from ..loops.pointwise import lowered_equations
from ..loops.stops import Stop
from ..machine import native, pool, shared_code
from ..machine.code import BYTES, stored_as
from .drivers import DECLARED, Call, driver, run
from .executable import Code

__all__ = ["Segment", "written_by"]

# Elements from which other Python threads may run meanwhile: less is a fraction of the time after
# which the interpreter lets them in anyway, and can take the fast path of `quick.py`.
LONG = 1 << 20


def written_by(made, step):
    return [v for e in step.equations for v in e.outs if v in made.refs and v in step.inside]


class Segment:
    """A run of native steps, to be one function of the table."""

    def __init__(self, planning, steps):
        self.planning = planning
        self.module, self.functions, self.calls = {}, {}, []
        self.imports, self.stops, self.work = {}, {}, 0
        for step in steps:
            if isinstance(step, Stop):
                self.stops[len(self.stops) + 1] = step
                self.calls.append(stops.lines(planning.plan, step, len(self.stops)))
                continue
            for written in _functions(planning, step):
                self._add(written, _label(step))

    def code(self, ahead):
        """The Code; other cores may begin to compile it `ahead` of its linking."""
        planning, varying = self.planning, self.planning.plan.varying
        text, names = self._text()
        planning.texts.append(text)
        shares = f"call void @{pool.SHARE}(" in text
        label = "_then_".join([name.partition("_")[2] for name in self.functions.values()])
        made = Code(names, self.imports, label, shares, self.work < LONG, None, text)
        if varying:
            place = planning.words([])
            made.addresses, numbers = shared_code.load(text, names, made.imported(), place)
            planning.words(numbers)
        elif ahead:
            made.key = native.begin(text)
        return made

    def _text(self):
        """(the module, the functions to call in it): one where the arrays' addresses are written
        already, and, for a whole program, those that write them first."""
        made, release = self.planning.made, self.work >= LONG
        orders = {"entry": [] if made.many else made.order}
        if made.varying:
            release = self.planning.words([int(release)])
        if not made.many:
            orders.update(entry_all=made.fresh, entry_rest=made.rest)
        declared, after = stops.raising(self.stops) if self.stops else ({}, [])
        self.module.update(declared)
        drivers = [driver(release, order, name, after) for name, order in orders.items()]
        functions = [text.replace("@body(", f"@{name}(", 1)
                     .replace(epilogues.NAME, f"@{name}_epilogue")
                     for text, name in self.functions.items()]  # fmt: skip
        parts = [DECLARED, *self.module, *functions, run(self.calls), *drivers]
        return "\n".join(parts), list(orders)

    def _add(self, written, label):
        """A call; its function is written unless there is one like it. The numbers of its places
        stand in the table, so that they are no part of the text."""
        self.module.update(written.module)
        self.imports.update(written.imports)
        self.work += written.units * written.each
        if written.text not in self.functions:
            self.functions[written.text] = f"step{len(self.functions)}_{label}"
        name = self.functions[written.text]
        places, words = f"%places{len(self.calls)}", self.planning.words
        first = words([*[n for place in written.places for n in place], *written.numbers])
        units, chunk = written.units, _chunk(written)
        if not self.planning.plan.varying:
            self.calls.append(Call(name, first, units, chunk))
            return
        self.calls += [f"  {places} = getelementptr i64, ptr %table, i64 {first}",
                       f"  store ptr {places}, ptr %list"]  # fmt: skip
        k = len(self.calls)
        for what, n in (("units", units), ("chunk", max(units, 1) if chunk is None else chunk)):
            word = f"%{what}{k}"
            self.calls += [f"  {word}p = getelementptr i64, ptr %table, i64 {words([n])}",
                           f"  {word} = load i64, ptr {word}p"]  # fmt: skip
        share = f"i64 %units{k}, i64 %chunk{k}"
        self.calls.append(f"  call void @{pool.SHARE}(ptr @{name}, ptr %table, {share})")


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


def _functions(planning, step):
    """What a step is: functions to call one after the other."""
    if isinstance(step, Product):
        return [library.emit(planning.plan, step)]
    if isinstance(step, Scan):
        return [scans.emit(planning.plan, step)]
    if isinstance(step, Recurrent):
        return recurrent.emit(planning.plan, step)
    if isinstance(step, Indexed):
        return [indexed.emit(planning.plan, step)]
    if step.operands and tiles.serves(step):
        return [tiles.emit(planning.plan, step, _read_elsewhere(planning.plan, step))]
    if step.operands and not planning.plan.varying and dots.serves(step):
        return [dots.emit(planning.plan, step)]
    made = _nests(planning, step)
    return (
        [_written_before(planning, step, made[0])]
        if len(made) == 1
        else list(map(nests.emit, made))
    )


def _written_before(planning, step, nest):
    """The function of a nest, taken from one that differs in its places alone: the updates of many
    parameters are a few functions."""
    key = _form(step, nest)
    found = planning.forms.get(key)
    if found is None:
        found = planning.forms[key] = nests.emit(nest)
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
    same = [(known(v), known(w)) for v, w in nest.same.items()]
    return (nest.shape, nest.reduced, len(nest.reads), *equations, *operands, *reductions, *same)


def _read_elsewhere(made, step):
    """Whether the result of a product is read besides what goes on with it in its step."""
    if not step.equations:
        return True
    own = made.refs[step.out].buffer
    outside = [v for other in made.steps if other is not step for v in reads_of(other)]
    outside += [v for v in made.graph.outputs if isinstance(v, Variable)]
    return any(made.refs[v].buffer == own for v in outside)


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


def _nests(planning, step):
    """The loop nests of a fused step: one, and a second where partial results must be added."""
    made = planning.plan
    reads = {v: _place(made, v, step.shape) for v in reads_of(step)} if not step.operands else {}
    for name, (v, strides) in step.operands.items():
        ref = made.refs[v]
        reads[name] = Place(ref.buffer, ref.offset, strides, stored_as(ref.dtype))
    equations = step.equations

    same = _read_once(reads)

    def compute(m, values):
        values.update([(v, values[w]) for v, w in same.items()])
        lowered_equations(m, equations, values)
        if step.operands:
            values[None] = values["left"] * values["right"]

    writes = {v: _place(made, v, step.shape) for v in written_by(made, step)}
    nest = Nest(step.shape, reads, compute, writes, [], step.reduced or (), made.varying, same=same)
    for name, term, out in step.reductions:
        ref = made.refs[out]
        strides = _reduced_strides(step.shape, step.reduced, ref.shape, ref.strides)
        place = Place(ref.buffer, ref.offset, strides, stored_as(ref.dtype))
        nest.reductions.append(Reduction(name, term, place))
    return _with_partials(planning, nest)


def _read_once(reads):
    """{variable: another that lies in the same place}, taken out of what is read: what is computed
    of both (a value, and the same behind a barrier) is computed once."""
    first, same = {}, {}
    for v, p in reads.items():
        found = first.setdefault((p.slot, p.offset, p.strides, p.kind), v)
        if found is not v:
            same[v] = found
    for v in same:
        del reads[v]
    return same


def _place(made, v, shape):
    ref = made.refs[v]
    return Place(ref.buffer, ref.offset, ref.broadcast(shape), stored_as(ref.dtype))


def _reduced_strides(shape, axes, out_shape, strides):
    """The strides of a reduction's result over the nest: 0 along what is reduced."""
    kept = iter(strides if len(out_shape) != len(shape) else
                [s for d, s in enumerate(strides) if d not in axes])  # fmt: skip
    return tuple([0 if d in axes else next(kept) for d in range(len(shape))])


def _with_partials(planning, nest):
    count = nests.blocks_of(nest)
    if not count:
        return [nest]
    made = planning.made
    slot, out = len(made.buffers), []
    for i, r in enumerate(nest.reductions):
        start = i * count * 8 // BYTES[r.place.kind]
        final, kind = r.place, r.place.kind
        r.place = Place(slot, start, r.place.strides, kind)
        part = Place(slot, start, (1,), kind)
        add = Nest((count,), {"part": part}, lambda m, values: None, {},
                   [Reduction(r.name, "part", Place(final.slot, final.offset, (0,), kind))],
                   (0,), nest.varying, parts=False)  # fmt: skip
        out.append(add)
    made.partial_bytes = max(made.partial_bytes, len(nest.reductions) * count * 8)
    return [nest, *out]
