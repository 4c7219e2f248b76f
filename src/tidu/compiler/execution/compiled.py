"""A captured function as something to call: programs for both directions, and what they touch.

`Compiled(captured)` runs the forward program on the tensors of a call, writes back what the
function changed, and gives results whose one node runs the backward program.
"""

from collections import Counter
from sys import getrefcount

import numpy as np

from ...base import tree
from ...base.errors import hinted
from ...base.frames import user_place
from ...core.handle import HELD_ONCE, LEAF, TensorBase, wrap
from ...core.modes import grad_enabled, set_grad
from ...core.node import FREED, Node, output_node, placeless
from ...core.versions import clock, stamp
from ...primitives.structural import slice_
from ...primitives.views import follow
from ...program.ir import Graph, Variable
from ...transforms.trace import pick
from ..graphs.exchanges import pooled_first
from ..graphs.expansions import expanded
from ..graphs.handing import handed_on
from ..graphs.maxima import places_kept
from .backward import Backward
from .program import Program

__all__ = ["Compiled", "Entry", "Gradient", "memory_of", "resolved", "spent"]


class Entry:
    """A tensor known by its place, because each call puts another there."""

    __slots__ = ("container", "key")

    def __init__(self, container, key):
        self.container, self.key = container, key

    def tensor(self):
        return self.container[self.key]


class Gradient:
    """The gradient of a tensor, read like an entry."""

    __slots__ = ("handle",)

    def __init__(self, handle):
        self.handle = handle

    def __getitem__(self, key):
        return self.handle._grad


def _view(base, steps, form):
    """A view of `base`, made in this grad mode as this part of several; memory alone without."""
    if form is None:
        return wrap(follow(wrap(base._array()), steps)._value)
    was = grad_enabled()
    set_grad(form[0])
    try:
        view = follow(base, steps)
    finally:
        set_grad(was)
    if form[1] is not None:
        view._view.part = form[1]
    if form[2] is not None and view is not base and view._node.__class__ is Node:
        view._node.name = form[2]
    return view


def _placed(steps, outs):
    """Steps to a view, each `pick` of it at the place that an output of the program tells."""
    return [
        (slice_, {"index": (*[slice(None)] * params["axis"], int(outs[params["index"]]), ...)})
        if step is pick else (step, params)
        for step, params in steps
    ]  # fmt: skip


def resolved(given, tensors):
    """The tensor of a call: by its place among the arguments, by its entry, or itself."""
    if given.__class__ is int:
        return tensors[given]
    return given.tensor() if given.__class__ is Entry else given


class Compiled:
    """One version of a compiled function, for one set of shapes, types and constants; `varying`:
    its code is to serve other sizes."""

    def __init__(self, captured, given, varying=False):
        self.captured = captured
        # For each source: its place among a call's tensors, or its handle; None: none reads it.
        self.given = given
        graph = captured.graph
        # Of the tensors whose memory is dense in another order, the axes in that order.
        self.orders = {i: old.order for i, old in enumerate(captured.sources)
                       if old.order and not varying}  # fmt: skip
        self.targets = self._in_place(graph)
        if captured.backward is None:
            front, self.saved, self.back = graph, [], None
        else:
            front, back, self.saved = _parted(_exchanged(graph, captured), captured, varying)
            self.back = Backward(back, len(captured.seed_shapes), varying)
        again = [place for _, place, apart in captured.gradients if place is not None and apart]
        homes = captured.homes
        self.forward = Program(front, self.targets, again, varying, homes, self.orders)
        captured.homes = ()  # they have no further use
        # What is written back one after the other must not lie in what is written before.
        self.copied = [place for _, place in captured.written if self.forward.borrows(place)]
        self.constant = {id(what): given[captured.sources.index(what)]
                         for kind, what in captured.results if kind == "same"}  # fmt: skip
        self.bases = {
            i: given[captured.sources.index(what[0])]
            for i, (kind, what) in enumerate(captured.results)
            if kind == "view"
        }
        written = [(given[captured.sources.index(old)], place) for old, place in captured.written]
        self.writes = [handle for handle, _ in written]
        among = any(handle.__class__ is int for handle in self.writes)
        self.apart = [g for g in (given if among else self.writes)
                      if g is not None and g.__class__ is not int]  # fmt: skip
        self.stamped = [handle for handle, place in written if place in self.targets]
        self.late = [(handle, place) for handle, place in written if place not in self.targets]
        self.grads = [(given[captured.sources.index(old)], place, apart)
                      for old, place, apart in captured.gradients]  # fmt: skip
        self.renewed = self._renewed()
        firsts = [captured.results[what if kind == "again" else i]
                  for i, (kind, what) in enumerate(captured.results)]  # fmt: skip
        self.owners = [(i, given[captured.sources.index(what)])
                       for i, (kind, what) in enumerate(firsts) if kind == "gradient"]  # fmt: skip
        parts = {i for i, (kind, _) in enumerate(captured.results) if kind == "part"}
        self.parts = [i for i, (kind, what) in enumerate(captured.results)
                      if i in parts or (kind == "again" and what in parts)]  # fmt: skip
        self.together = self._together()

    @property
    def reverse(self):
        """The backward program where a gradient reaches every result; None without one."""
        return None if self.back is None else self.back.whole()

    def reached(self):
        """The tensors that must lie apart from those it is given, as memory is written."""
        return [resolved(given, ()) for given in self.apart]

    def _in_place(self, graph):
        """{output: input} of what is written into memory that is in order, by the program."""
        captured = self.captured
        found = {}
        for old, place in captured.written:
            old.value = old.handle._array()  # a number becomes memory that can be written
            place_of_old = captured.sources.index(old)
            if old.value.flags.c_contiguous or place_of_old in self.orders:
                found[place] = place_of_old
        used = [place for kind, place in captured.results if kind == "output"]
        return {o: i for o, i in found.items() if o not in used}

    def _together(self):
        """The outputs that share their memory with others: an array each, also without axes."""
        places = {what for kind, what in self.captured.results if kind == "output"}
        at = {i: ref.buffer for i in places
              if hasattr(ref := self.forward.outputs[i], "buffer")}  # fmt: skip
        count = Counter(at.values())
        return {i for i, buffer in at.items() if count[buffer] > 1}

    def _renewed(self):
        """(place among the arrays the program makes, whose gradient goes there): where the function
        has dropped a gradient, which it does not use otherwise, before it makes the next one."""
        program, found = self.forward, []
        for given, place, apart in self.grads:
            ref = program.outputs[place] if apart and place is not None else None
            if ref is not None and program.whole(ref) and ref.buffer in program.fresh:
                k = program.fresh.index(ref.buffer)
                if program.made_new[k] == (ref.shape, ref.dtype):
                    found.append((k, given))
        return found

    def __call__(self, tensors, floats=()):
        captured = self.captured
        numbers = captured.numbers_given.arrays(floats) if captured.numbers_given else ()
        handles = [resolved(g, tensors) for g in self.given]
        for place in self.targets.values():
            handles[place]._array()
        rates = [np.array(rate.value(), np.float64) for rate in captured.rates]
        again = [(k, memory) for k, given in self.renewed
                 if (memory := _only_held(resolved(given, tensors),
                                          *self.forward.made_new[k])) is not None]  # fmt: skip
        given = [memory_of(h, self.orders.get(i)) for i, h in enumerate(handles)]
        outs = self.forward([*given, *rates, *numbers], again)
        for place in self.copied:
            outs[place] = outs[place].copy()
        line = user_place() if self.stamped else None
        for handle in self.stamped:
            stamp(resolved(handle, tensors)._value, line)
        return self.finish(outs, tensors, handles, self.grads, floats)

    def finish(self, outs, tensors, handles, grads, floats=()):
        """What is left to do when the program has run: other writes, results, these gradients."""
        line = user_place() if self.late else None
        for handle, place in self.late:
            write(resolved(handle, tensors), outs[place], line)
        results = self._results(outs, tensors, handles, floats)
        for handle, place, _ in grads:
            made = None if place is None else wrap(value_of(outs[place]))
            resolved(handle, tensors)._grad = made
        for i, owner in self.owners:
            results[i] = resolved(owner, tensors)._grad
        return self.give(results)

    def give(self, results):
        """Put away what the function stores, and return what it returns."""
        captured = self.captured
        captured.put(results)
        if captured.spec.type is None:
            return results[0]
        return tree.unflatten(captured.spec, results[: captured.count])

    def _results(self, outs, tensors, handles, floats=()):
        captured = self.captured
        results = []
        for kind, what in captured.results:
            if kind in ("constant", "gradient"):  # which is put there when it is made
                results.append(what)
            elif kind == "number":
                results.append(what(floats))
            elif kind == "view":
                base = self.bases[len(results)]
                base = tensors[base] if base.__class__ is int else base
                _, steps, form = what
                results.append(_view(base, _placed(steps, outs), form))
            elif kind == "inside":
                place, steps = what
                results.append(wrap(follow(wrap(outs[place]), _placed(steps, outs))._value))
            elif kind == "again":
                results.append(results[what])
            elif kind == "part":  # it looks into another result, which has its history first
                results.append(None)
            elif kind == "same":
                given = self.constant[id(what)]
                results.append(resolved(given, tensors))
            else:
                array = outs[what]
                results.append(wrap(array if what in self.together else value_of(array)))
        if self.back is not None:
            self._track(results, outs, handles)
        elif captured.spent:
            for i in captured.tracked:
                results[i]._node = placeless(clock(), _SPENT, (), FREED, {})
        for i, kind, says, leaves, name in captured.refused if grad_enabled() else ():
            edges = self._edges(leaves, handles)
            if not isinstance(says, str):  # it depends on what was written
                place = [held.variable for held in captured.sources].index(says.variable)
                says = says.of(handles[place]._value)
            results[i]._node = node = placeless(clock(), _Refusal(kind, says), edges, (), {})
            if name is not None:
                node.name = name
        for i in self.parts:
            kind, what = captured.results[i]
            if kind == "part":
                base, steps, form = what
                results[i] = _view(results[base], _placed(steps, outs), form)
            else:
                results[i] = results[what]
        return results

    def _edges(self, leaves, handles):
        """Where the gradients of these inputs go."""
        sources = [handles[self.captured.sources.index(leaf)] for leaf in leaves]
        return tuple([h if h._node is LEAF else h._node for h in sources])

    def _track(self, results, outs, handles):
        """One node for all results that are tracked."""
        captured = self.captured
        edges = self._edges(captured.leaves, handles)
        kept = outs[len(outs) - len(self.saved) :]
        node = Node(clock(), _Backward(self), edges, (tuple(kept), None, None), {})
        tracked = [results[i] for i in captured.tracked]
        node.outputs = tuple([(tuple(t._value.shape), t._value.dtype) for t in tracked])
        if len(tracked) == 1:
            tracked[0]._node = node
            return
        for i, t in enumerate(tracked):
            t._node = output_node(clock(), node, i)


def memory_of(handle, order=None):
    """The array of a tensor that a program is given, its axes in this order (None: as they are)."""
    if handle is None:
        return _NOTHING
    value = handle._value
    if order is not None:
        return np.asarray(value.transpose(order), order="C")
    if value.__class__ is np.ndarray and value.flags.c_contiguous:
        return value
    return np.array(value, order="C")


_NOTHING = np.empty(0)


def _only_held(handle, shape, dtype):
    """The memory of a tensor's gradient, if nobody else holds either and it is of this form."""
    grad = handle._grad
    if grad is None or getrefcount(grad) != _HELD or grad._node is not None:
        return None
    value = grad._value
    if value.__class__ is not np.ndarray or getrefcount(value) != _HELD or value.base is not None:
        return None
    alike = value.shape == shape and value.dtype is dtype and value.flags.c_contiguous
    return value if alike and grad._view is None and grad._extra is None else None


_HELD = HELD_ONCE + 1  # by the object that has it and a variable here


def value_of(array):
    return array[()] if array.shape == () and array.dtype.kind == "f" else array


def write(handle, array, line=None):
    value = handle._value
    if value.__class__ is np.ndarray:
        value[...] = array
        stamp(value, line)
    else:
        stamp(value, line)
        handle._value = value.dtype.type(array)


class _Backward:
    """The primitive of a compiled function's node."""

    name, torch_name, keeps, differentiable = "compiled", "CompiledFunctionBackward", True, True
    rules, uses, nondiff_outputs, inputs, is_view = None, (), (), (), False

    def __init__(self, compiled):
        self.compiled = compiled

    def backward(self, g, saved, params, edges):
        compiled = self.compiled
        gs = g if isinstance(g, tuple) else (g,)
        if any(isinstance(part, TensorBase) for part in gs):
            raise RuntimeError(_TWICE)
        shapes = compiled.captured.seed_shapes
        seeds = [
            _in_order(part, dtype) if part is not None else
            np.zeros(shape, dtype) if compiled.captured.fills else None
            for part, (shape, dtype) in zip(gs, shapes, strict=True)
        ]  # fmt: skip
        outs = compiled.back([np.asarray(s, order="C") for s in saved[0]], seeds)
        return tuple([o if o is None else value_of(o) for o in outs])


class _Refusal(_Backward):
    """The primitive of a result's node where PyTorch has no derivative."""

    keeps = False

    def __init__(self, kind, says):
        self.kind, self.says = kind, says

    def backward(self, g, saved, params, edges):
        raise self.kind(self.says() if callable(self.says) else self.says)


def _in_order(part, dtype):
    """As an array in C order."""
    return np.asarray(part, dtype, order="C")


# The primitive of a result's node whose graph the function went back through itself.
_SPENT = _Backward(None)


def spent():
    """The slots of such a node, but for its time."""
    return {"prim": _SPENT, "edges": (), "saved": FREED, "params": {}, "hooks": None}


_TWICE = hinted(
    "torch.compile with aot_autograd does not currently support double backward",
    "call the function without compile where its gradient is differentiated again, or compile the "
    "function that takes both gradients.",
)


def _exchanged(graph, captured):
    """The graph written out, with equations in another order where both directions are less work
    for it, which neither alone would show."""
    count, forward, gradients = captured.backward
    whole = Graph()
    whole.inputs, whole.constants, whole._count = graph.inputs, graph.constants, graph._count
    whole.equations, whole.outputs = graph.equations, [*graph.outputs, *gradients]
    results = len(graph.outputs)
    found = expanded(places_kept(pooled_first(whole)), named=True)
    captured.backward = count, forward, found.outputs[results:]
    found.outputs = found.outputs[:results]
    return found


def _parted(graph, captured, varying):
    """(forward graph, backward graph, saved variables) of a graph in which both were recorded;
    `varying`: no choice depends on sizes."""
    count, _, gradients = captured.backward
    seeds = graph.inputs[count:]
    captured.seed_shapes = [(s.shape, s.element_type) for s in seeds]
    late = set(seeds)
    front, back = Graph(), Graph()
    for e in graph.equations:
        if any(isinstance(i, Variable) and i in late for i in e.ins):
            late.update(e.outs)
            back.equations.append(e)
        else:
            front.equations.append(e)
    # Of the forward values only what the backward part reads is kept between the two.
    read = {i for e in back.equations for i in e.ins if isinstance(i, Variable)} | set(gradients)
    fixed, given = set(graph.constants), graph.inputs[:count]
    saved = [v for v in (*given, *[v for e in front.equations for v in e.outs]) if v in read]
    if not varying:
        saved, back.equations = handed_on(
            front.equations, back.equations, given, graph.outputs, gradients
        )
    front.inputs, front.constants = given, graph.constants
    front.outputs, front._count = [*graph.outputs, *saved], graph._count
    back.inputs, back.constants = [*saved, *seeds], [c for c in graph.constants if c in fixed]
    back.outputs, back._count = list(gradients), graph._count
    return front, back, saved
