"""A graph as steps in order: fused loop nests, matrix products, and calls of what has no lowering.

Elementwise equations over the same space join one nest if what they read is ready before it runs;
a reduction ends in the nest that computes its terms. Views become strides. `plan(graph)` is the
way in.
"""

import math
from collections import Counter

from ...base.size import dense_strides
from ...primitives import contraction
from ...primitives.arithmetic import add
from ...primitives.convolution import convolution, transposed_convolution
from ...primitives.structural import barrier, clone
from ...program.ir import Equation, Variable
from ...transforms.draws import random_draw
from ..loops import blocked, indexed, library, recurrent, scans, tiles
from ..loops import convolution_products as products
from ..loops.convolution import serves as convolves
from ..loops.convolution_epilogues import flat
from ..loops.elements import in_loops, lowers
from ..loops.layout import VIEWS, Ref, view_of
from ..loops.placed import INTO
from ..loops.stops import Stop, stop
from ..machine.code import kind_of
from .components import parted
from .costs import before_functions, plain
from .layouts import ordered
from .moves import moved
from .reducing import reducing
from .reshapes import REDUCTIONS, kept
from .sinking import held_back
from .steps import (
    GIVEN,
    Call,
    Convolution,
    Fused,
    Indexed,
    Placed,
    Product,
    Recurrent,
    Scan,
    WithEpilogue,
    after,
    earliest,
    is_within,
    past,
    reads_of,
    step_of,
    told,
    within,
)

__all__ = ["Plan", "plan"]

SMALL_PRODUCT = 1 << 15  # multiplications up to which a loop nest beats the call of a library
SMALLEST_PRODUCT = 1 << 10  # the same for each matrix of a stack
DEEP_PRODUCT = 1 << 8  # terms of an element, from which an epilogue is little beside them
TILED_PRODUCT = 1 << 18  # the same for each matrix of a stack, where tiles serve


class Plan:
    """Steps, and the Ref of each variable that lies in memory."""

    def __init__(self, graph, targets=(), varying=False):
        self.graph, self.steps, self.refs, self.varying = graph, [], {}, varying
        self.waiting = {}  # result of a convolution -> its equation, until something reads it
        self.ready = {}  # variable -> `within` or `after` the step that computes it
        self.buffers = []  # (variable that owns it, elements, NumPy type)
        self.held_back = held_back(graph)
        self.places = {e: k for k, e in enumerate([*graph.equations, None])}
        self.readers = graph.users()
        self.written, self.kept = _elements_of(graph, targets), kept(graph)
        self.before_functions, self.returned = before_functions(graph), _returned(graph)

    def done(self):
        """When what the last step so far computes is ready."""
        return after(len(self.steps) - 1)

    def text(self):
        """The steps, one paragraph each, for people to read."""
        return "\n".join([f"{k}: {told(step)}" for k, step in enumerate(self.steps)])


def plan(graph, targets=(), varying=False):
    """The Plan of a graph. `targets`: (output, input whose memory it is to be written into);
    `varying`: no choice depends on sizes, so that other sizes have the same steps."""
    made = Plan(graph, targets, varying)
    for v in (*graph.inputs, *graph.constants):
        _own(made, v)
        made.ready[v] = GIVEN
    later = {e for chain in made.held_back.values() for e in chain}
    for e in graph.equations:
        if e not in later:
            _place(made, e)
    for out in list(made.waiting):
        _convolution(made, out)
    made.steps = [_plain_call(step) for step in made.steps]
    _materialise(made)
    _write_back(made, targets)
    _in_one_place(made)
    made.steps = [part for step in made.steps for part in _parts(made, step)]
    return made


def _parts(made, step):
    return parted(step, made.refs, Fused) if isinstance(step, Fused) else [step]


def _elements_of(graph, targets):
    """The elementwise equations behind what is written back."""
    wanted, found = {out for out, _ in targets}, set()
    for e in reversed(graph.equations):
        if lowers(e) and any(v in wanted for v in e.outs):
            found.add(e)
            wanted.update([i for i in e.ins if isinstance(i, Variable)])
    return found


def _returned(graph):
    """What leaves the program, itself or in part."""
    found = {o for o in graph.outputs if isinstance(o, Variable)}
    for e in reversed(graph.equations):
        if e.prim in VIEWS and e.outs[0] in found:
            found.update([i for i in e.ins if isinstance(i, Variable)])
    return found


def _own(made, v):
    """A buffer for the variable, dense, its axes in the order that was chosen for it."""
    made.buffers.append((v, math.prod(v.shape), v.element_type))
    order = made.graph.orders.get(v)
    strides = None if order is None else ordered(v.shape, order)
    made.refs[v] = Ref(len(made.buffers) - 1, v.shape, v.element_type, strides)
    return made.refs[v]


def _place(made, e):
    ins = [i for i in e.ins if isinstance(i, Variable)]
    for v in _read_with(made, e):
        if v in made.waiting:
            _convolution(made, v)
    if e.prim is stop:
        return _stop(made, e)
    if not e.outs:
        return _call(made, e)
    out = e.outs[0]
    if len(ins) == 1 and e.prim in VIEWS and out.element_type == ins[0].element_type:
        return _viewed(made, e, ins[0])
    if moved(made, e, _own, _copy_step):
        return None
    if not in_loops(e):
        return _call(made, e)
    if lowers(e):
        return _elementwise(made, e, ins, out.shape)
    if e.prim in REDUCTIONS and out.element_type == ins[0].element_type:
        return _reduction(made, e, ins[0])
    if e.prim is contraction.matmul and out.element_type.char in "fd":
        return _product(made, e, *ins)
    if scans.lowers(e):
        return _scan(made, e)
    if indexed.lowers(e):
        return _indexed(made, e)
    if recurrent.lowers(e):
        return _recurrent(made, e)
    if _takes_epilogue(made, e):
        made.waiting[out] = e
        return None
    return _call(made, e)


def _read_with(made, e):
    """What an equation reads, and those that were held back for it."""
    together = [*made.held_back.get(e, ()), e]
    return [i for one in together for i in one.ins if isinstance(i, Variable)]


def _viewed(made, e, source):
    """Other strides on the same memory; a value inside a nest is written out for it."""
    ref = made.refs.get(source) or _own(made, source)
    found, ready = view_of(e, ref), past(made.ready[source])
    if e.prim is barrier:  # what begins here is computed now, not with what was before
        ready = max(ready, made.done())
    if found is None and kind_of(source.element_type) is None:
        return _call(made, e)
    if found is None:
        found, ready = _copied(made, e, source)
    made.refs[e.outs[0]], made.ready[e.outs[0]] = found, ready


def _copied(made, e, source):
    """(the Ref, when it is ready) of a reshape whose elements must move first."""
    copy = Variable(f"{source.name}_dense", source.shape, source.element_type)
    step = Fused(source.shape)
    step.equations.append(Equation(clone, [source], [copy], {}))
    step.inside.add(copy)
    made.steps.append(step)
    return view_of(e, _own(made, copy)), made.done()


def _ready(made, ins):
    return max([made.ready[i] for i in ins], default=GIVEN)


def _elementwise(made, e, ins, shape):
    together = [*made.held_back.get(e, ()), e]
    own = {one.outs[0] for one in together}
    ins = [i for i in _read_with(made, e) if i not in own]
    k, when = _product_of(made, together, shape, ins), after
    if k is None:
        k, when = _joinable(made, shape, _ready(made, ins), ins), within
    if k is None:
        made.steps.append(Fused(shape))
        k = len(made.steps) - 1
    step = made.steps[k]
    step.equations += together
    step.inside |= own
    made.ready.update(dict.fromkeys(own, when(k)))


def _product_of(made, together, shape, ins):
    """The step of whose epilogue these equations can be, all else being ready before it."""
    k = step_of(_ready(made, ins))
    step = made.steps[k] if k >= 0 else None
    if made.varying and not isinstance(step, Convolution):
        return None  # whether a product takes them depends on sizes
    if getattr(step, "out", None) is None or step.out.shape != tuple(shape):
        return None
    if isinstance(step, Convolution):
        serves = _with_planes(made, step, together, ins)
    elif len(shape) != 2:
        return None
    elif isinstance(step, Fused):
        serves = tiles.serves(step)
    else:
        serves = _with_tiles(made, step, together)
    if not serves or together[-1] in made.written:
        return None  # updates of large arrays are fastest from their first element to the last
    inside = {step.out, *step.inside}
    return k if all(i in inside or made.ready[i] < within(k) for i in ins) else None


def _with_tiles(made, step, together):
    """Whether these are worth doing with each tile of a large product: what is plain, and does not
    go on into what is not, or is added up, which loops do at once."""
    (out,) = together[-1].outs
    ends = out in made.kept and out not in made.before_functions
    deep = step.equation.ins[0].shape[-1] >= DEEP_PRODUCT
    large = 1 not in step.out.shape[-2:]  # else the library's product with a vector
    return large and blocked.serves() and deep and ends and all(map(plain, together))


def _with_planes(made, step, together, ins):
    """Whether these are worth doing with each part of a convolution: what is plain, does not go on
    into what is not, or is added up, which loops do at once, lies plane by plane, and reads nothing
    else that lies unevenly in a plane."""
    (out,) = together[-1].outs
    ends = out in made.kept and out not in made.before_functions
    if not ends or _added_up(made, together) or not all(map(plain, together)):
        return False
    if any(v in made.graph.orders for e in together for v in e.outs):
        return False
    refs = [made.refs[i] for i in ins if i in made.refs]
    return all(flat(ref, step.out.shape) is not None for ref in refs)


def _added_up(made, together):
    """Whether something reduces what these compute."""
    readers = [r for e in together for r in made.readers.get(e.outs[0], ())]
    return any(r is not None and r.prim in REDUCTIONS for r in readers)


def _joinable(made, shape, at, ins):
    """The latest nest over this space that runs after all inputs are ready, or that makes them."""
    for k in range(len(made.steps) - 1, earliest(at) - 1, -1):
        step = made.steps[k]
        if isinstance(step, Fused) and step.shape == tuple(shape) and not step.operands:
            here = within(k)
            if all(made.ready[i] != here or i in step.inside for i in ins):
                return k
    return None


def _reduction(made, e, x):
    axes = tuple(sorted(a % len(x.shape) for a in e.params["axes"]))
    k = step_of(made.ready[x]) if is_within(made.ready[x]) else None
    step = None if k is None else made.steps[k]
    if not isinstance(step, Fused) or x not in step.inside or step.reduced not in (None, axes):
        k = reducing(made, e, x, step, axes)
        step = made.steps[k]
        if x not in step.inside and x not in made.refs:
            _own(made, x)
    step.reduced = axes
    step.reductions.append((REDUCTIONS[e.prim], x, e.outs[0]))
    _own(made, e.outs[0])
    made.ready[e.outs[0]] = after(k)


def _product(made, e, x, y):
    """Small: a nest of products summed over the inner axis. Large: the library."""
    out = e.outs[0]
    for v in (x, y):
        if v not in made.refs:
            _own(made, v)
    home, by = _own(made, out), len(out.shape) - 2
    if made.graph.orders.get(out, (by + 1,))[-1] == by:
        x, y, out = [_turned(made, v) for v in (y, x, out)]
    _multiply(made, e, x, y, out)
    made.refs[e.outs[0]], made.ready[e.outs[0]] = home, made.ready[out]


def _turned(made, v):
    """The matrices of a stack with rows and columns exchanged."""
    *lead, rows, columns = range(len(v.shape))
    axes = (*lead, columns, rows)
    found = Variable(f"{v.name}_turned", [v.shape[a] for a in axes], v.element_type)
    ref = made.refs[v]
    made.refs[found] = ref.with_(found.shape, [ref.strides[a] for a in axes])
    made.ready[found] = past(made.ready.get(v, GIVEN))
    return found


def _multiply(made, e, x, y, out):
    lead = out.shape[:-2]
    m, n, k = out.shape[-2], out.shape[-1], x.shape[-1]
    rx, ry = made.refs[x], made.refs[y]
    sx, sy = [r.broadcast((*lead, *r.shape[-2:])) for r in (rx, ry)]
    step = Fused((*lead, m, n, k))
    step.operands = {
        "left": (x, (*sx[:-1], 0, sx[-1])),
        "right": (y, (*sy[:-2], 0, sy[-1], sy[-2])),
    }
    step.reduced, step.out = (len(lead) + 2,), out
    step.reductions.append(("sum", None, out))
    large = math.prod(lead) * m * n * k > SMALL_PRODUCT and m * n * k > SMALLEST_PRODUCT
    if made.varying and library.available():
        large = 0 not in (*out.shape, k)
    elif m == n == 1 or math.prod(lead) > 1 and m * n * k <= TILED_PRODUCT and tiles.serves(step):
        large = False  # products of two vectors are sums like others
    if large and not library.available():
        made.steps.append(Call(e))
    elif large:
        x, y = [v if library.readable(made.refs[v]) else _copy_step(made, v, None) for v in (x, y)]
        made.steps.append(Product(Equation(e.prim, [x, y], [out], e.params)))
    else:
        made.steps.append(step)
    made.ready[out] = made.done()


def _takes_epilogue(made, e):
    """Whether it is a convolution by loops of our own, which compute an epilogue."""
    if e.prim not in (convolution, transposed_convolution):
        return False
    x, w = e.ins[:2]
    if made.varying:
        return x.element_type.char in "fd"
    size = x.shape[2:] if e.prim is transposed_convolution else e.outs[0].shape[2:]
    return x.element_type.char in "fd" and convolves(x.shape[0], w.shape, size)


def _convolution(made, out):
    """As late as may be: what goes on with it may need what was computed after its operands."""
    e = made.waiting.pop(out)
    for v in e.ins:
        if v not in made.refs:
            _own(made, v)
    stride, padding, groups = [e.params[name] for name in ("stride", "padding", "groups")]
    biased = len(e.ins) == 3
    apart = biased and products.serves(e.ins[1].shape, stride, padding, groups, e.ins[2])
    made.steps.append(_bias_apart(made, e) if apart else Convolution(e))
    _own(made, made.steps[-1].out)
    made.ready[out] = made.done()


def _bias_apart(made, e):
    """A plain product, to whose results the bias is added with all else that goes on with them."""
    (x, w, bias), (out,) = e.ins, e.outs
    bare = Variable(f"{out.name}_bare", out.shape, out.element_type)
    upright = Variable(f"{bias.name}_upright", (*bias.shape, *(1,) * len(out.shape[2:])),
                       bias.element_type)  # fmt: skip
    ref = made.refs[bias]
    made.refs[upright] = ref.with_(upright.shape, (*ref.strides, *(0,) * len(out.shape[2:])))
    made.ready[upright] = made.ready[bias]
    step = Convolution(Equation(e.prim, [x, w], [bare], e.params))
    step.equations.append(Equation(add, [bare, upright], [out], {}))
    step.inside.add(out)
    return step


def _plain_call(step):
    """A convolution without an epilogue is called."""
    alone = isinstance(step, Convolution) and not step.equations
    return Placed(step.equation) if alone else step


def _scan(made, e):
    for v in e.ins:
        if v not in made.refs:
            _own(made, v)
    (out,) = e.outs
    _own(made, out)
    kept = []
    for k in range(scans.room(e)):
        v = Variable(f"{out.name}_before{k}", out.shape, out.element_type)
        _own(made, v)
        made.refs[v] = scans.laid_out(made.refs[v], e.params["axis"])
        kept.append(v)
    made.steps.append(Scan(e, kept))
    made.ready[out] = made.done()


def _recurrent(made, e):
    """The outputs of a layer are a part of its states, unless both leave the program."""
    g, kept = recurrent.apart(e), []
    ins = [v if v is g and _rows_dense(made, v) else _dense(made, v) for v in e.ins]
    for n, shape in enumerate(recurrent.room(e)):
        kept.append(Variable(f"{e.outs[0].name}_room{n}", shape, e.outs[0].element_type))
        _own(made, kept[-1])
    made.steps.append(Recurrent(Equation(e.prim, ins, e.outs, e.params), kept))
    looks, done = recurrent.looks(e), made.done()
    for out in e.outs:
        if out not in looks:
            _own(made, out)
        made.ready[out] = done
    for out, (whole, first) in looks.items():
        part = Variable(f"{out.name}_part", out.shape, out.element_type)
        ref = made.refs[whole]
        made.refs[part] = ref.with_(out.shape, dense_strides(out.shape), first * ref.strides[0])
        made.ready[part] = done
        if whole in made.returned:
            _copy_step(made, Equation(clone, [part], [out], {}), None)
            made.ready[out] = made.done()
        else:
            made.refs[out] = made.refs[part]


def _rows_dense(made, v):
    return v in made.refs and made.refs[v].strides[-1] == 1


def _indexed(made, e):
    (out,) = e.outs
    made.steps.append(Indexed(Equation(e.prim, _dense_ins(made, e), e.outs, e.params)))
    _own(made, out)
    made.ready[out] = made.done()


def _stop(made, e):
    made.steps.append(Stop(Equation(stop, _dense_ins(made, e), [], e.params)))


def _dense_ins(made, e):
    return [_dense(made, v) for v in e.ins]


def _dense(made, v):
    """An operand where it lies in C order, copied if need be."""
    if v not in made.refs:
        _own(made, v)
    return v if made.refs[v].dense else _copy_step(made, v, None)


def _call(made, e):
    made.steps.append((Placed if e.prim in INTO else Call)(e))
    for v in e.ins:
        if isinstance(v, Variable) and v not in made.refs:
            _own(made, v)
    for v in e.outs:
        _own(made, v)
        made.ready[v] = made.done()


def _write_back(made, targets):
    """Outputs into inputs' memory: in the nest that computes them, if all have read the old value
    by then; else by copies at the end, from where nothing written can be read."""
    late, reads = [], [reads_of(step) for step in made.steps]
    results = Counter([o for o in made.graph.outputs if isinstance(o, Variable)])
    looks = Counter([r.buffer for r in made.refs.values()])

    def alone(out):
        """Whether it needs no memory but that which it is written into."""
        mine = made.refs[out].buffer
        return made.buffers[mine][0] is out and looks[mine] == 1 and results[out] == 1

    for out, target in targets:
        if not _written_at_once(made, out, target, reads, alone):
            late.append((out, target))
    inputs = {made.refs[v].buffer for v in made.graph.inputs}
    moved = []
    for out, target in late:
        if made.refs[out].buffer in inputs:
            out = _copy_step(made, out, None)
        moved.append((out, target))
    for out, target in moved:
        _copy_step(made, out, made.refs[target])


def _copy_step(made, source, ref):
    """A nest of its own that writes a variable (or an equation's result) at `ref`."""
    e = source
    if isinstance(source, Variable):
        if kind_of(source.element_type) is None:
            source, ref = _bits(made, source), None if ref is None else ref.bits()
        copy = Variable(f"{source.name}_copy", source.shape, source.element_type)
        e = Equation(clone, [source], [copy], {})
    (copy,) = e.outs
    step = Fused(copy.shape)
    step.equations.append(e)
    step.inside.add(copy)
    if ref is None:
        _own(made, copy)
    else:
        made.refs[copy] = ref
    made.steps.append(step)
    return copy


def _bits(made, v):
    """The same memory as whole numbers: what can be copied without code for its type."""
    ref = made.refs[v].bits()
    found = Variable(f"{v.name}_bits", ref.shape, ref.dtype)
    made.refs[found], made.ready[found] = ref, made.ready.get(v, GIVEN)
    return found


def _written_at_once(made, out, target, reads, alone):
    k = step_of(made.ready.get(out, GIVEN))
    if k < 0 or not isinstance(made.steps[k], (Fused, WithEpilogue)):
        return False
    step, ref = made.steps[k], made.refs[target]
    if out not in step.inside or getattr(step, "reduced", None) is not None:
        return False
    if isinstance(step, WithEpilogue) and any(
        made.refs[v].buffer == ref.buffer for v in step.equation.ins
    ):
        return False
    for at, later in enumerate(made.steps[k + 1 :], k + 1):
        called = isinstance(later, (Call, Convolution))
        free = not called or later.equation.prim is random_draw
        if isinstance(later, Stop) or not free:
            return False  # nothing is written before all that may be an error is done
        if any(made.refs[v].buffer == ref.buffer for v in reads[at]):
            return False
    for v in reads[k]:
        own = made.refs[v]
        if own.buffer == ref.buffer and (own.strides, own.offset) != (ref.strides, ref.offset):
            return False
    if alone(out):
        made.refs[out] = ref
        return True
    copy = Variable(f"{out.name}_kept", out.shape, out.element_type)
    step.equations.append(Equation(clone, [out], [copy], {}))
    step.inside.add(copy)
    made.refs[copy] = ref
    return True


def _in_one_place(made):
    """What a product gives lies where its epilogue writes, if nothing else reads it."""
    read = {made.refs[o].buffer for o in made.graph.outputs if isinstance(o, Variable)}
    for step in made.steps:
        own = {step.out} if isinstance(step, WithEpilogue) else ()
        read.update([made.refs[v].buffer for v in reads_of(step) if v not in own])
    for step in made.steps:
        if isinstance(step, WithEpilogue) and made.refs[step.out].buffer not in read:
            for v in [v for e in step.equations for v in e.outs]:
                ref = made.refs.get(v)
                own = ref is not None and ref.dense and made.buffers[ref.buffer][0] is v
                if own and _alike(v, step.out):
                    made.refs[step.out] = ref
                    break


def _alike(v, w):
    return v.shape == w.shape and v.element_type == w.element_type


def _materialise(made):
    """Buffers for nest values that are read elsewhere or are outputs."""
    for step in made.steps:
        for e in getattr(step, "equations", ()):
            for i in e.ins:
                if isinstance(i, Variable) and i not in made.refs and i not in step.inside:
                    _own(made, i)
    for o in made.graph.outputs:
        if isinstance(o, Variable) and o not in made.refs:
            _own(made, o)
