"""What a forward program hands to a backward program that is apart from it.

The backward part reads some values of the forward part. Each is written and read again, or computed
again from others: `handed_on` takes what costs least time, a least cut of a network, and where much
is handed on gives some time for memory. Nothing is read that PyTorch would not have saved where
users may write to it: their tensors and results. What draws random numbers is never done again.
"""

from math import prod

from ...primitives import base, structural
from ...program.ir import Equation, Variable
from ...transforms.draws import random_draw
from ..loops.elements import in_loops, lowers
from ..loops.layout import VIEWS
from .bodies import draws
from .costs import plain
from .flow import ENDLESS, Network
from .recomputation import BUDGET, LARGE, seconds_of
from .reshapes import REDUCTIONS

__all__ = ["handed_on"]

# Seconds of a thread's share: four bytes written or read, an instruction on an element that is in a
# register, a polynomial on it.
_MOVED, _INSTRUCTION, _FUNCTION = 1e-10, 1e-11, 6e-10
_PRICES = 1e-9, 2e-10, 8e-11, 4e-11  # of a byte, in seconds, where much is handed on
_EQUAL = 1e-13  # only where times are equal
_UNIT = 1e-16  # seconds of capacity one
_FREE = structural.clone, structural.alias, structural.detach  # passes take them out
# What may share memory with its first input, once passes have run.
_SAME = {*VIEWS, *_FREE, base.cast, base.conj}


def handed_on(early, late, given, results, gradients):
    """(variables to save, the equations of the backward part) for those of the forward part, of
    which `given` are the inputs, `results` what it returns; `gradients` are the other's results."""
    choice = _Choice(early, late, given, results, gradients)
    saved, again = choice.best(sum(map(seconds_of, (*early, *late))))
    order = [*given, *[v for e in early for v in e.outs]]
    return [v for v in order if v in saved], _written(choice, late, again)


def _bytes(v):
    return prod(v.shape) * v.element_type.itemsize


def _variables(e):
    return [i for i in e.ins if isinstance(i, Variable)]


class _Choice:
    """The early values that are read late (`wanted`), and what each would cost; `late`: those that
    the forward part itself does without, as parts of derivatives are."""

    def __init__(self, early, late, given, results, gradients):
        self.makers = {v: e for e in early for v in e.outs}
        self.places = {e: k for k, e in enumerate(early)}
        self.given, self.gradients = set(given), {v for v in gradients if v in self.makers}
        known = {*given, *self.makers}
        self.wanted = {i for e in late for i in _variables(e) if i in known}
        self.wanted |= {v for v in gradients if v in known}
        self.roots = {}
        for e in early:
            same = e.prim.is_view or e.prim in _SAME or _by_one(e)
            of = self.root(e.ins[0]) if same and _variables(e) else None
            self.roots.update({v: of or v for v in e.outs})
        fixed = [v for v in results if isinstance(v, Variable)]
        self.exposed = {self.root(v) for v in (*given, *fixed)}
        self.written = _in_memory(early, set())
        self.dense = _in_memory(early, _in_memory(late, set(gradients)), own=False)
        needed = _needed(early, fixed)
        self.late = {v for v in self.makers if v not in needed}
        self.of_late = _operands([*[e for e in early if self.late.issuperset(e.outs)], *late])

    def root(self, v):
        return self.roots.get(v, v)

    def constant(self, v):
        return v not in self.makers and v not in self.given

    def best(self, time):
        """(what to save, what to compute again)."""
        least = self.cut(_EQUAL)
        whole = sum([_bytes(v) for v in self.wanted if v in self.makers])
        allowed = self.seconds(*least) + BUDGET * time
        for price in _PRICES if whole >= LARGE else ():
            found = self.cut(price)
            if self.seconds(*found) <= allowed:
                return found
        return least

    def seconds(self, saved, again):
        return sum(map(self.kept, saved)) + sum(map(self.computed, again))

    def kept(self, v):
        """Seconds to hand it on: it is written if it is not in any case, and read."""
        if v not in self.makers:
            return 0.0
        moves = 1 if v in self.written or self.root(v) in self.exposed else 2
        return moves * _bytes(v) / 4 * _MOVED

    def computed(self, v):
        """Seconds to compute its elements again, and to write and read them where loops don't."""
        e = self.makers[v]
        if e.prim in VIEWS or e.prim in _FREE:
            return 0.0
        shared = plain(e) or self.of_late.issuperset(_variables(e))
        each = 0 if v in self.late else _INSTRUCTION if shared else _FUNCTION
        moves = 2 if v in self.dense else 0
        return prod(v.shape) * each + moves * _bytes(v) / 4 * _MOVED

    def cut(self, price):
        net, met, waiting = Network("source", "sink"), set(), [v for v in self.wanted
                                                             if v in self.makers]  # fmt: skip
        for v in waiting:
            net.add((v, "there"), "sink", ENDLESS)
        while waiting:
            v = waiting.pop()
            if v in met:
                continue
            met.add(v)
            e = self.makers.get(v)
            hidden = v in self.wanted or self.root(v) not in self.exposed
            keep = _capacity(self.kept(v) + price * _bytes(v)) if hidden else ENDLESS
            net.add((v, "made"), (v, "there"), keep)
            again = e is not None and v not in self.gradients and _again(e)
            net.add("source", (v, "made"), _capacity(self.computed(v)) if again else ENDLESS)
            for u in _variables(e) if again else ():
                if not self.constant(u) and (u in self.makers or u not in self.wanted):
                    net.add((u, "there"), (v, "made"), ENDLESS)
                    waiting.append(u)
        return self._sides(net.within())

    def behind(self, e, again, done):
        """The equations, in order, of what `e` reads of `again` and is not `done`."""
        found, waiting = {}, _variables(e)
        while waiting:
            v = waiting.pop()
            if v in again and v not in done and v not in found:
                found[v] = self.makers[v]
                waiting += _variables(self.makers[v])
        return sorted(found.values(), key=self.places.__getitem__)

    def _sides(self, near):
        """What is saved and what computed again, by the points on the source's side of a cut."""
        saved, again, waiting = set(), set(), list(self.wanted)
        while waiting:
            v = waiting.pop()
            if v in saved or v in again or self.constant(v):
                continue
            if v not in self.makers or (v, "made") in near:
                saved.add(v)
            else:
                again.add(v)
                waiting += _variables(self.makers[v])
        return saved, again


def _capacity(time):
    return max(round(time / _UNIT), 0)


def _elements(e):
    """Whether loops compute or reduce it, and may do so where its operands are computed."""
    return e.prim in VIEWS or e.prim in REDUCTIONS or lowers(e)


def _in_memory(equations, found, own=True):
    """`found`, and what must lie in memory for it, or (`own`) for what is more than elements."""
    for e in reversed(equations):
        looks = e.prim in VIEWS or e.prim in _FREE
        if looks and e.outs[0] in found or own and not _elements(e):
            found.update(_variables(e))
    return found


def _needed(equations, results):
    """The values behind these results."""
    found = set(results)
    for e in reversed(equations):
        if not found.isdisjoint(e.outs) or not e.outs:
            found.update(_variables(e))
    return found


def _operands(equations):
    """Of which values loops compute functions that are not plain, and so have their parts: a
    derivative those of its function."""
    makers, found = {v: e for e in equations for v in e.outs}, set()
    for e in equations:
        if lowers(e) and not plain(e) and e.prim not in VIEWS:
            waiting = _variables(e)
            while len(waiting) == 1:
                found.update(waiting)
                maker = makers.get(waiting[0])
                waiting = _variables(maker) if maker is not None and lowers(maker) else []
    return found


def _by_one(e):
    return e.prim.name in ("mul", "div") and not isinstance(e.ins[1], Variable) and e.ins[1] == 1


def _again(e):
    """Whether its elements can be computed a second time."""
    if len(e.outs) != 1 or e.prim is random_draw or draws(e) or not _variables(e):
        return False
    if not in_loops(e):
        return False
    return e.prim in VIEWS or lowers(e)


def _written(choice, late, again):
    """The late equations, each behind those that compute again what it is the first to read. These
    begin at a `barrier`: a loop takes them up there and not before."""
    out, done = [], {}
    for e in late:
        makers, sources = choice.behind(e, again, done), {}
        for v in {i: True for maker in makers for i in _variables(maker)}:
            if v not in again:  # all of these first: one loop takes up what begins here
                sources[v] = Variable(f"{v.name}_at_{len(out)}", v.shape, v.element_type)
                out.append(Equation(structural.barrier, [v], [sources[v]], {}))
        for maker in makers:
            (v,) = maker.outs
            done[v] = Variable(f"{v.name}_again", v.shape, v.element_type)
            out.append(_renamed(maker, [done[v]], sources | done))
        out.append(_renamed(e, e.outs, done))
    return out


def _renamed(e, outs, names):
    ins = [names.get(i, i) if isinstance(i, Variable) else i for i in e.ins]
    return Equation(e.prim, ins, outs, e.params)
