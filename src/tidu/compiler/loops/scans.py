"""Steps along one axis, each element from the ones before: running sums, products and extremes,
and the products of all other factors.

The other axes are the lanes, or one after another; what is carried stays in registers. `emit`
writes the function of an equation that `lowers` accepts.
"""

from ...base.size import dense_strides
from ...primitives import products, reductions
from ...program.ir import Variable
from ..machine.code import Value, kind_of
from .layout import Ref
from .nests import Nest, Place, Writer
from .reductions import loop

__all__ = ["BODIES", "emit", "laid_out", "lowers", "room"]

MOST = 3  # directions of a product's derivative: the numbers carried double with each


def lowers(e):
    types = {v.element_type for v in (*e.ins, *e.outs[:1]) if isinstance(v, Variable)}
    if e.prim is reductions.running_place:
        types.discard(e.outs[0].element_type)
    if e.prim not in BODIES or len(types) > 1 or not all(isinstance(i, Variable) for i in e.ins):
        return False
    kind = kind_of(e.ins[0].element_type)
    if e.prim is products.other_products:
        return kind in ("f32", "f64") and len(e.ins) <= 1 + MOST
    return kind not in (None, "i1")


def room(e):
    """How many numbers are kept for each element, beside the result."""
    return (1 << len(e.ins) - 1) - 1 if e.prim is products.other_products else 0


def laid_out(ref, axis):
    """A buffer of this shape in which what lies side by side across the axis is neighbours."""
    axis %= len(ref.shape)
    order = [axis, *[d for d in range(len(ref.shape)) if d != axis]]
    strides = dict(zip(order, dense_strides([ref.shape[d] for d in order]), strict=True))
    return Ref(ref.buffer, ref.shape, ref.dtype, [strides[d] for d in range(len(order))])


def emit(plan, step):
    """The step as a function, as `nests.emit` gives it."""
    e = step.equation
    (out,) = e.outs
    place = lambda v: _place(plan.refs[v], out.shape)
    reads = {k: place(v) for k, v in enumerate(e.ins)}
    writes = {k: place(v) for k, v in enumerate([*step.kept, out])}
    axis = e.params["axis"] % len(out.shape)
    writer = _Writer(Nest(out.shape, reads, None, writes, [], (axis,), plan.varying))
    writer.body = lambda along: BODIES[e.prim](along, e)
    return writer.write()


def _place(ref, shape):
    return Place(ref.buffer, ref.offset, ref.broadcast(shape), kind_of(ref.dtype))


class _Writer(Writer):
    """A nest whose reduced axis runs in order."""

    def along(self):
        kept = [d for d, reduced in enumerate(self.kinds) if not reduced]
        return kept[-1] if kept else None

    def _reduce(self, index, mask, block=None):
        self.body(_Along(self, index, mask))


class _Along:
    """One line of elements, or as many as there are lanes: what the bodies are written with."""

    def __init__(self, writer, index, mask):
        self.writer, self.m, self.index, self.mask = writer, writer.m, index, mask
        inner = [d for d, reduced in enumerate(writer.kinds) if reduced]
        self.axis = inner[0] if inner else None
        self.size = writer.lengths[self.axis] if inner else writer.constant(1)
        self.reads = list(writer.nest.reads.values())
        self.writes = list(writer.nest.writes.values())

    def state(self, kind, number):
        slot = self.m.slot(Value(self.m, kind, self.m.lanes, "").type, 64)
        self.m.store(self.m.constant(kind, number), slot)
        return slot

    def get(self, slot, kind):
        return self.m.load(slot, kind)

    def set(self, slot, value):
        self.m.store(self.m.splat(value), slot)

    def read(self, k, at, written=False):
        """Element `at` of an input, or of what was written."""
        if self.axis is not None:
            self.index[self.axis] = at
        places, first = (self.writes, len(self.reads)) if written else (self.reads, 0)
        return self.writer._read(first + k, places[k], self.index, self.mask)

    def write(self, k, at, value):
        if self.axis is not None:
            self.index[self.axis] = at
        value = self.m.splat(value)
        self.writer._put(len(self.reads) + k, self.writes[k], value, self.index, self.mask)

    def each(self, at):
        loop(self.m, self.writer.constant(0), self.size, at)

    def backwards(self, at):
        self.each(lambda i: at(self.size - 1 - i))


def _running(start, combine):
    def body(along, e):
        kind = along.reads[0].kind
        total = along.state(kind, start)

        def at(i):
            value = combine(along.get(total, kind), along.read(0, i))
            along.set(total, value)
            along.write(0, i, value)

        along.each(at)

    return body


def _running_place(along, e):
    """Where the running extreme was found last; NaN counts as the extreme once it is met."""
    m, kind = along.m, along.reads[0].kind
    best, place = along.state(kind, 0), along.state("i64", 0)
    along.set(best, along.read(0, along.writer.constant(0)))
    better = m.maximum if e.params["largest"] else m.minimum

    def at(i):
        x = m.splat(along.read(0, i))
        top = better(along.get(best, kind), x)
        hit = x == top
        if x.floating:
            hit = hit | m.unordered(x, x)
        found = m.select(hit, m.splat(i), along.get(place, "i64"))
        along.set(best, top)
        along.set(place, found)
        along.write(0, i, found)

    along.each(at)


def _other_products(along, e):
    """From both ends: Π over the elements before times Π over those after, each factor x + Σ ε·c
    with an infinitesimal ε for each direction c; see `products.halved`."""
    count = len(e.ins) - 1
    kind, parts = along.reads[0].kind, range(1 << count)
    whole = parts[-1]

    def start():
        return [along.state(kind, 0 if part else 1) for part in parts]

    def grown(slots, i):
        old = [along.get(slot, kind) for slot in slots]
        x, *directions = [along.read(k, i) for k in range(count + 1)]
        for part in parts:
            value = old[part] * x
            for k, c in enumerate(directions):
                if part >> k & 1:
                    value = value + old[part ^ 1 << k] * c
            along.set(slots[part], value)

    before, after = start(), start()

    def forwards(i):
        for part, slot in enumerate(before):
            along.write(part, i, along.get(slot, kind))
        grown(before, i)

    def back(i):
        total = None
        for part in parts:
            term = along.read(part, i, True) * along.get(after[whole ^ part], kind)
            total = term if total is None else total + term
        along.write(whole, i, total)
        grown(after, i)

    along.each(forwards)
    along.backwards(back)


BODIES = {
    reductions.cumsum: _running(0, lambda total, x: total + x),
    reductions.multiply_scan: _running(1, lambda total, x: total * x),
    reductions.running_place: _running_place,
    products.other_products: _other_products,
}
