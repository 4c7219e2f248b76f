"""One trial run of a function on stand-ins, which leaves a graph and leaves no other trace.

Every tensor the function is given or can reach is made virtual for the run: its value becomes a
variable of the graph, so whatever the function computes, writes in place or accumulates in `.grad`
is recorded, and no memory is touched. Afterwards all is put back; what had changed becomes an
output. What a trial run cannot follow (a value read into Python, random numbers, objects that
changed) raises `Break`, with nothing changed.
"""

from itertools import pairwise

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ...base import tree
from ...base.errors import GraphFreed, ValueAsked
from ...base.streams import default_generator
from ...core.handle import LEAF, TensorBase, Unresolved, root_of, shape_of, wrap
from ...core.levels import Around, StandIn
from ...core.modes import LOCAL, set_tracer
from ...core.node import Node, name_of
from ...primitives.base import address
from ...primitives.underived import refused
from ...program.ir import Variable
from ...transforms.draws import place_of, return_to
from ...transforms.numbers import Number
from ...transforms.reverse import run_pass
from ...transforms.trace import Traced, memory_of, pick
from ...transforms.write_checks import overlaps_itself, shown_twice
from ..graphs.questions import Deferred
from ..loops.layout import VIEWS
from .backwards import calls_program, edge, fills, refusal
from .breaks import CLOCK, Break, Surroundings, Undecided, Unplaced, frames_of, from_outside
from .buffers import Buffers
from .executed import Executed
from .growing import APPENDED, Growing
from .held import LEAVES, REGISTERING, Held
from .listening import Listening
from .modes import Modes
from .reach import Containers, is_fixed, tensors_in
from .tracing import RunTracer
from .turned import order_of
from .watches import Watches

__all__ = ["Captured", "capture"]


class Captured:
    """The graph of a run, and what its inputs and outputs are.

    `sources`: for each input, the `Held`; outputs are, in order, the tensors returned, what is
    to be written back (`written`: handles), the gradients that are other tensors
    (`gradients`: (handle, place or None, whether nothing reads or writes the last one)). `homes`:
    for each output the tensor whose memory it lies in (None for what needs none: what is written
    back), and the axes of that in the order in which its elements lie, if that is not theirs.
    """

    def __init__(self):
        self.graph = self.sources = self.spec = None
        self.results, self.written, self.gradients, self.stores = [], [], [], []
        self.numbers = []  # the results that are numbers to Python: `loss.item()`
        self.forms = []  # for each store: the structure of what is stored there
        self.numbers_given = None  # the Numbers that stood for floats, where some did
        self.homes = []
        # The names that the code mentions which ran, and those in the program's own; None where
        # that can't be told.
        self.asks_for_states = True  # whether it may look at gradients, and at optimizers' states
        self.names = self.program_names = None
        self.settings = []  # (table, name) of those of the process for which it asks
        self.rates, self.count = [], 0  # how many of the results are returned, not stored
        self.tracked, self.leaves, self.backward, self.spent = [], [], None, False
        self.fills = False  # whether gradients that are missing are zeros to its backward pass
        # (number of a result, kind and words of the error its gradient is, the Held whose it would
        # be, the name of its node where that is the one which refuses)
        self.refused = []
        self.arrivals = []  # the Held at which a gradient arrives while the function runs

    def watched(self, reach):
        """What of all that was reached must be as it was."""
        watched = reach.named(None if reach.reflects else self.names)
        watched.asks(self.settings)
        return watched

    def used(self):
        """The variables that the graph reads, gives, or writes."""
        found = {i for e in self.graph.equations for i in e.ins if isinstance(i, Variable)}
        found.update(self.graph.outputs)
        found.update(old.variable for old, _ in self.written)
        found.update(what.variable for kind, what in self.results if kind == "same")
        found.update(what[0].variable for kind, what in self.results if kind == "view")
        return found

    def put(self, results):
        """Put away what a call stores; numbers are numbers."""
        for i in self.numbers:
            results[i] = results[i].item()
        i = self.count
        for (container, key), form in zip(self.stores, self.forms, strict=True):
            stored = tree.unflatten(form, results[i : i + form.num_leaves])
            if key is APPENDED:
                container.append(stored)
            else:
                container[key] = stored
            i += form.num_leaves


def capture(function, args, kwargs, reach, answers=None, numbers=None):
    """The Captured of ``function(*args, **kwargs)``; raises Break and whatever it raises.

    `answers`: to the questions it asks for values, in their order; one more raises Undecided. None
    where it may ask for no value. `numbers`: those that stand for floats among the arguments.
    """
    if not reach.whole:
        raise Break("it reaches more objects than can be watched")
    if reach.passing is not None:
        clock = reach.passing == "the clock"
        raise Break(f"it reaches {reach.passing}", names=CLOCK if clock else frozenset())
    given = function, args, kwargs, reach, answers, numbers
    if numbers is None:  # which are there for one run
        try:
            return _captured(*given, lines=False)
        except Unplaced:
            pass
    return _captured(*given, lines=True)


def _captured(function, args, kwargs, reach, answers, numbers, lines):
    leaves, _ = tree.flatten((args, kwargs))
    handles = _unique([*tensors_in(leaves), *reach.tensors])
    olds = [Held(h, reach.hooks) for h in handles]
    run = _Run(function, args, kwargs, olds, reach, _check(olds), answers)
    run.tracer.numbers, run.lines = numbers, lines
    place = place_of(default_generator)
    given, modes, run.growing = Containers((args, kwargs)), Modes(), Growing(reach.aside)
    buffers = Buffers(reach.buffers, reach.sources)
    try:
        with Listening(run.tracer) as heard:
            made = run.go()
        if run.tracer.touched.outside([home for home, _ in made.homes]):
            raise Break(_UNWATCHED)
        if heard.said:
            raise Break("it prints", heard.said)
        if given.changed():
            raise Surroundings("it changes a list, dictionary or set that it was given",
                               run.executed.changing(()))  # fmt: skip
        if buffers.changed():
            raise Break(buffers.changed())
        if modes.changed():
            raise Break(f"it changes {modes.changed()}", names=modes.names())
        if not _same(place_of(default_generator), place):
            raise Break("it draws random numbers in a way that is not recorded")
        return made
    except BaseException:
        run.tracer.touched.restore()
        raise
    finally:
        for old in olds:
            old.restore()
        run.tracer.over.set()
        reach.undo()
        run.growing.undo()
        given.undo()
        buffers.undo()
        modes.undo()
        if not _same(place_of(default_generator), place):
            return_to(default_generator, place)


def _same(a, b):
    """Whether a stream stands where it stood: the same words, the same position among them."""
    if a[0][1] != b[0][1] or a[1] != b[1]:
        return False
    return a[0][0] is b[0][0] or np.array_equal(a[0][0], b[0][0])


def _unique(handles):
    found = {}
    for h in handles:
        found.setdefault(id(h), h)
    return list(found.values())


_BITS = (
    "a tensor has the conjugate or the negative bit set (resolve_conj() and resolve_neg() compute "
    "its elements)"
)
_OUTSIDE = "a tensor belongs to a transform that is running outside"
_UNWATCHED = "it changes a tensor, or its gradient, that it finds in a place which is not watched"
_COMPOSED = "a tensor, or its gradient, is sparse, masked, nested or quantized"


def _check(olds):
    """Refuse what a stand-in cannot stand for; returns those that share memory, or repeat it."""
    spans, shared = [], set()
    for old in olds:
        value = old.value
        if value.__class__ is Unresolved:
            raise Break(_BITS)
        if value.dtype is None:
            around = isinstance(value, (Around, StandIn))
            raise Break(_OUTSIDE if around else _COMPOSED)
        if old.extra is not None and old.extra.inference and not LOCAL.inference:
            raise Break("a tensor was made in inference mode")
        if _asks_class(old.kind):
            raise Break(f"a tensor is of class {old.kind.__name__}, which says what functions do")
        if isinstance(value, np.ndarray) and value.size:
            if value.flags.c_contiguous:
                start = address(value)
                spans.append((start, start + value.nbytes, old))
            elif old.node is LEAF and old.order is None:
                raise Break("a parameter lies in memory with gaps, or shares elements")
            else:
                spans.append((*byte_bounds(value), old))
                if shown_twice(value) or overlaps_itself(value):
                    shared.add(old)
    spans.sort(key=lambda span: span[:2])
    for (_, end, a), (start, _, b) in pairwise(spans):
        if start < end:
            shared |= {a, b}
    return shared


def _asks_class(kind):
    """Whether a subclass of Tensor says itself what functions do with its tensors."""
    asked = kind.__torch_function__
    plain = kind is TensorBase.handle_class
    return not (plain or getattr(getattr(asked, "__func__", asked), "plain_results", False))


class _Run:
    """The trial run."""

    def __init__(self, function, args, kwargs, olds, reach, shared, answers):
        self.shared = shared
        self.function, self.args, self.kwargs = function, args, kwargs
        self.olds, self.reach = olds, reach
        self.tracer = RunTracer(None if answers is None else list(answers))
        self.tracer.held, self._rate_names = olds, set()

    def go(self):
        for old in self.olds:
            self._virtual(old)
        for rate in self.reach.rates:
            variable = self.tracer.graph.variable((), np.dtype(np.float64))
            self.tracer.graph.inputs.append(variable)
            self._rate_names.add(variable.name)
            rate.put(wrap(Traced(variable, self.tracer)))
        outer = set_tracer(self.tracer)
        try:
            with Executed(self.lines) as self.executed:
                result = self.function(*self.args, **self.kwargs)
        except Undecided:
            pass
        except Break as error:
            error.frames = error.frames or frames_of(error)
            raise
        except ValueAsked as error:
            raise Break(_VALUE, frames_of(error)) from None
        except Exception as error:
            if self.tracer.undecided is None or from_outside(error):
                raise
        finally:
            set_tracer(outer)
            self.tracer.done = True
        if self.tracer.undecided is not None:
            raise self._question()
        if self.tracer.refused is not None:  # and the function caught the error
            raise self.tracer.refused
        if self.tracer.asked:
            raise Break(_VALUE)
        return self._collect(result)

    def _question(self):
        """The question that is open, with the values from which its answer follows."""
        question = self.tracer.undecided
        rates = [np.array(rate.value(copy)) for rate in self.reach.rates
                 for live, copy in self.reach.dicts if live is rate.group]  # fmt: skip
        question.inputs = [*[old.value for old in self.olds], *rates]
        return question

    def _virtual(self, old):
        value = old.value
        variable = self.tracer.graph.variable(value.shape, value.dtype)
        self.tracer.graph.inputs.append(variable)
        old.stand_in(variable, self.tracer)
        if value.__class__ is np.ndarray and not value.flags.c_contiguous:
            self.tracer.layouts.put(variable, value)

    def _collect(self, result):
        made, graph = Captured(), self.tracer.graph
        made.sources, made.rates = self.olds, self.reach.rates
        made.names, made.program_names = self.executed.names()
        made.asks_for_states = self.executed.asks_for_states()
        made.settings = self.tracer.settings
        values, made.spec = tree.flatten(result)
        made.count = len(values)
        made.stores = self.reach.stores()
        if made.stores is None:
            watches = Watches(self.reach)
            raise Surroundings(f"it changes its surroundings: {watches.difference()}",
                               self.executed.changing(watches.changed_names()))  # fmt: skip
        self._stored(made, values)
        outputs, places = [], {}
        made.numbers = [i for i, value in enumerate(values) if isinstance(value, Deferred)]
        gradients = {id(old.handle._grad) for old in self.olds}
        self.returned = {id(v): i for i, v in enumerate(values)
                         if isinstance(v, TensorBase) and id(v) not in gradients}  # fmt: skip
        for value in values:
            made.results.append(self._result(value, outputs, places, len(made.results)))
        for old in self.olds:
            handle = old.handle
            old.check(self.executed)
            if self._variable(handle) is not old.variable:
                made.written.append((old, len(outputs)))
                outputs.append((self._variable(handle), None, None))
            self._gradient(made, old, outputs)
        graph.outputs = [variable for variable, *_ in outputs]
        made.homes = [home for _, *home in outputs]
        if self.tracer.numbers is not None:
            self.tracer.numbers.closed = True
        self._backward(made, values)
        for rate in self.reach.rates:
            if self._variable(rate.value()).name not in self._rate_names:
                raise Break("it changes a learning rate")
        if any(old in self.shared for old, _ in made.written):
            raise Break("it writes into memory that two of its tensors share, or one shows twice")
        made.graph = graph
        met = self.tracer.arrived
        made.arrivals = [old for old in self.olds if old.end is not None
                         and (id(old.end) in met or id(old.edge) in met)]  # fmt: skip
        used = made.used()
        apart = {id(old.handle) for old in self.olds if old.variable not in used}
        made.gradients = [(old, place, old.grad is None or id(old.grad) in apart)
                          for old, place in made.gradients]  # fmt: skip
        return made

    def _stored(self, made, values):
        """What the function stores or appends is a result too."""
        things = [live[key] for live, key in made.stores]
        added = self.growing.added()
        if added is None:
            raise Break("it changes a list that it appends to")
        for live, items in added:
            made.stores += [(live, APPENDED)] * len(items)
            things += items
        for thing in things:
            found, form = tree.flatten(thing)
            values += found
            made.forms.append(form)

    def _variable(self, handle):
        value = handle._value
        while value.__class__ is not Traced:
            if value.dtype is not None:
                return self.tracer.variable_of(handle)
            value = value.tensor._value
        return value.variable

    def _result(self, value, outputs, places, here):
        """How to make one leaf of the result: (kind, what)."""
        if isinstance(value, Deferred):
            outputs.append((value.variable, value, None))
            return "output", len(outputs) - 1
        if isinstance(value, Number):
            return "number", value.of
        if not isinstance(value, TensorBase):
            if not is_fixed(value) and id(value) not in self.reach.seen:
                raise Break(f"it returns an object of class {type(value).__name__}", returns=True)
            return "constant", value
        for old in self.olds:
            if old.handle is value:
                return "same", old
        if id(value) in places:
            return "again", places[id(value)]
        if value._node is None:
            for old in self.olds:
                if old.handle._grad is value:
                    places[id(value)] = here
                    return "gradient", old
        if value._node is LEAF:
            raise Break("it returns a leaf that it made", self.executed.mentioning(LEAVES))
        extra = value._extra
        if extra is not None and extra.inference and not LOCAL.inference:
            raise Break("it returns a tensor made in inference mode")
        if extra is not None and (extra.retains or extra.hooks or extra.after_hooks):
            raise Break("it returns a tensor with hooks, or one that retains its gradient",
                        self.executed.mentioning(REGISTERING))  # fmt: skip
        if value.__dict__:
            raise Break("it sets an attribute of a tensor that it returns",
                        self.executed.changing(value.__dict__))  # fmt: skip
        places[id(value)] = here
        base, steps = root_of(value)
        view = value._view  # which has its base's history; one of `detach()` has none
        linked = view is not None and view.base is base
        name = name_of(value._node) if linked and value._node.__class__ is Node else None
        form = (view.grad_mode, view.part, name) if linked else None
        for old in self.olds if base is not value else ():
            if old.handle is base:
                return "view", (old, self._told(steps, outputs), form)
        if linked and id(base) in self.returned:
            return "part", (self.returned[id(base)], self._told(steps, outputs), form)
        memory = value._value.dtype is not None  # a constant's: no equation says what it views
        if steps and memory or any(step not in VIEWS for step, _ in steps):
            steps = self._told(steps, outputs)
            return "inside", (self._output(base, base, outputs), steps)
        return "output", self._output(value, base, outputs)

    def _output(self, handle, base, outputs):
        memory, variable = memory_of(base), self._variable(handle)
        order = None if memory is None else order_of(memory)
        if handle is base and order is None and self.tracer.layouts.moved_into_order(variable):
            order = tuple(range(len(variable.shape)))
        outputs.append((variable, base, order))
        return len(outputs) - 1

    def _told(self, steps, outputs):
        """Steps to a view, with the number of the output that tells the place of each `pick`."""
        found = []
        for step, params in steps:
            if step is pick:
                outputs.append((self._variable(params["index"]), None, None))
                params = {**params, "index": len(outputs) - 1}
            found.append((step, params))
        return tuple(found)

    def _gradient(self, made, old, outputs):
        """A `.grad` that is not what it was."""
        now = old.handle._grad
        if now is old.grad:
            return
        if now is None:
            made.gradients.append((old, None))
            return
        made.gradients.append((old, len(outputs)))
        alike, variable = tuple(shape_of(now)) == old.value.shape, self._variable(now)
        order = old.order if alike else None  # it lies as its tensor does
        layouts = self.tracer.layouts
        turned = not layouts.of(variable).flags.c_contiguous or layouts.moved_into_order(variable)
        if alike and order is None and turned:
            order = tuple(range(len(variable.shape)))
        outputs.append((variable, root_of(now)[0], order))

    def _backward(self, made, values):
        """The cotangents of what was given and reached, from those of the results."""
        linked = [v for v, (kind, what) in zip(values, made.results, strict=True)
                  if kind in ("view", "part") and what[2]]  # fmt: skip
        apart = {id(v) for v in (*linked, *[o.handle for o in self.olds])}
        tracked = _unique([v for v in values if isinstance(v, TensorBase) and v._node is not None
                           and id(v) not in apart])  # fmt: skip
        made.tracked = [next(i for i, v in enumerate(values) if v is t) for t in tracked]
        outside = {id(o.end) for o in self.olds if o.end is not None}
        for i in list(made.tracked):
            found = refusal(values[i], self.tracer.memory, outside)
            if found is not None:
                *error, leaves = found
                sources = [o for o in self.olds if o.end is not None and id(o.end) in leaves]
                node = values[i]._node  # a leaf's is none
                name = name_of(node) if getattr(node, "prim", None) is refused else None
                made.refused.append((i, *error, sources, name))
                made.tracked.remove(i)
        tracked = [values[i] for i in made.tracked]
        if not tracked:
            return
        graph = self.tracer.graph
        count, forward = len(graph.inputs), len(graph.equations)
        seeds = []
        for v in tracked:
            shape, dtype = tuple(v._value.shape), v._value.element_type
            g = self.tracer.input(shape, dtype)
            seeds.append((edge(v), wrap(g._value)))
        self.tracer.touched.note_leaves(seeds)
        for old in self.olds:
            old.open()
        wanted = {id(o.end): o for o in self.olds if o.end is not None}
        outer, LOCAL.by_rules = LOCAL.by_rules, True
        try:
            job = self._passed(made, seeds, set(wanted))
        except GraphFreed:
            made.spent = True  # the function went back through its graph itself
            del graph.inputs[count:], graph.equations[forward:]
            return
        finally:
            LOCAL.by_rules = outer
        arrived = {key: g for key, (_, g) in job.leaves.items()}
        made.leaves = [wanted[key] for key in arrived]
        made.backward = (count, forward, [self._variable(_handle(g)) for g in arrived.values()])

    def _passed(self, made, seeds, wanted):
        """The backward pass that is left to the caller. What it does besides computing it would do
        at the caller's passes, and not now."""
        made.fills = fills(seeds)
        if not calls_program(seeds):
            return run_pass(seeds, retain=True, wanted=wanted, lift=_rewrap)
        before = self._changes()
        try:
            with Executed(self.lines) as executed:
                job = run_pass(seeds, retain=True, wanted=wanted, lift=_rewrap)
        except ValueAsked as error:
            raise Break(_VALUE, frames_of(error), REGISTERING) from None
        if self._changes() != before:
            places = executed.changing(Watches(self.reach).changed_names())
            places = places or self.executed.mentioning(REGISTERING)
            raise Break(_LATER, places, REGISTERING)
        both = zip((made.names, made.program_names), executed.names(), strict=True)
        made.names, made.program_names = [
            None if front is None or back is None else front | back for front, back in both
        ]
        return job

    def _changes(self):
        """All that was changed so far, to be compared."""
        added = self.growing.added()
        stores = self.reach.stores()
        return (
            [(self._variable(old.handle), id(old.handle._grad)) for old in self.olds],
            added and [len(items) for _, items in added],
            stores and [(id(live), id(live[key])) for live, key in stores],
        )


_LATER = "a hook or a function of its backward pass changes its surroundings"
_VALUE = "the value of a tensor decides what it does"


def _handle(g):
    return g if isinstance(g, TensorBase) else wrap(g)


def _rewrap(value, node):
    return wrap(value._value if isinstance(value, TensorBase) else value, node)
