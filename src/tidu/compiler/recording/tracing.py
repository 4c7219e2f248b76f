"""What becomes of operations while a function is recorded: equations of its graph, with random
draws, questions for values and the layout of memory."""

import math
from threading import Event, get_ident

import numpy as np

from ...base.dtypes import KEPT
from ...core.dispatch import edges_of, record
from ...core.handle import TensorBase, root_of, wrap
from ...core.modes import grad_enabled
from ...primitives import structural
from ...primitives.underived import refused
from ...program.ir import Equation
from ...transforms.draws import recorded
from ...transforms.numbers import Number
from ...transforms.reverse import reachable
from ...transforms.trace import Traced, Tracer, memory_of, retrack
from ..graphs.questions import Deferred, check, demand
from .breaks import Behind, Break, Undecided, frames_here
from .held import BEHIND
from .repeats import Repeats
from .touched import Touched
from .turned import Layouts, order_of
from .written import CHANGED, Written

__all__ = ["RunTracer"]

_PATIENCE = 10  # seconds
_SAME = structural.detach, structural.barrier  # what they give is what they were given


class RunTracer(Tracer):
    """A tracer that records random draws too: they are made again, in order, at each call."""

    numbers, refusing = None, True
    refused = undecided = None  # a Break, an Undecided: the function may have caught it
    done = False

    def __init__(self, answers=None):
        super().__init__()
        self.layouts = Layouts(self.graph)
        self.answers, self.known = answers, 0 if answers is None else len(answers)
        self.thread, self.over = get_ident(), Event()
        self.settings = []  # those of the process for which the function asks
        self.held, self.arrived = [], set()  # ids of the edges to which gradients have come
        self.touched, self.memory = Touched(), Written()

    def left(self, handles):
        """What other threads do with tensors of the function waits until the run is over. One that
        the function itself waits for, as it seems after a while, goes on, and the run is given up.
        """
        if get_ident() == self.thread:
            return False
        if self.refused is None and not self.over.wait(_PATIENCE):
            self.refused = Break("another thread computes with its tensors while it runs")
        return not any(
            isinstance(h, TensorBase) and getattr(h._value, "level", None) is self for h in handles
        )

    def answer(self, variable, use):
        """The value of a variable that decides what the function does, where it is known: the
        graph asks again. None where no value may be asked for."""
        kind, truth = variable.element_type.kind, use == "bool"
        if self.answers is None or self.done or math.prod(variable.shape) != 1:
            return None
        if not truth and (use != "item" or kind not in "biu"):
            return None
        if not self.answers:
            if self.undecided is None:
                self.undecided = Undecided(variable, truth, self.graph)
                self.undecided.frames = frames_here()
            raise self.undecided
        expected, index = self.answers.pop(0), self.known - len(self.answers) - 1
        params = {"index": index, "expected": expected, "truth": truth}
        self.graph.equations.append(Equation(check, [variable], [], params))
        return np.full(variable.shape, expected, variable.element_type)

    def later(self, handle):
        """The number of a tensor, where the program gives it: None where it must be known now."""
        value = handle._value
        if self.answers is None or value.__class__ is not Traced or value.element_type.kind != "f":
            return None
        return Deferred(value.variable, self) if math.prod(value.shape) == 1 else None

    def process(self, prim, args, params):
        if get_ident() != self.thread and self.left(args):
            return prim(*args, **params)
        if self.numbers is not None and any(isinstance(a, Number) for a in args):
            args = self.numbers.lifted(args, self)
        if prim is refused and grad_enabled():  # its value is there; the node is what matters
            below = [wrap(a._value) for a in args]
            return record(prim, edges_of(args), below, params, below[0], retrack)
        out = super().process(prim, args, params)
        if prim.is_view or prim in _SAME:
            for part in out if out.__class__ is tuple else (out,):
                self.looks_into(part._value, args[0])
        return out

    def refuse(self, reason):
        self.gives_up(Break(reason, frames_here()))

    def looks_at(self, node):
        """What stands for the history of an argument has nothing to tell."""
        if not self.done and any(held.edge is node for held in self.held):
            self.refuse("it looks at how an argument was computed")

    def asks_for_base(self, handle):
        """What was given may be a view at one call and none at the next; for the run it is none."""
        base = handle if handle._view is None else handle._view.base
        if not self.done and self.is_given(base):
            self.refuse("it asks of which tensor another is a view")

    def is_given(self, handle):
        return any(held.handle is handle for held in self.held)

    def gives_up(self, error):
        self.refused = self.refused or error
        raise self.refused

    def repeats(self):
        plain = self.numbers is None and not KEPT and get_ident() == self.thread
        return Repeats(self) if plain else None

    def arrives(self, leaf):
        self.arrived.add(id(leaf))
        self.touched.note(leaf)

    def goes_back(self, wanted, seeds):
        """A pass for certain inputs alone, that may not stop at what was given on its way there."""
        self.arrived |= wanted
        real = {*wanted, *[id(h.node) for h in self.held if id(h.edge) in wanted]}
        behind = [h for h in self.held if h.edge is not None and h.is_behind(real)]
        if behind:
            met = set(map(id, reachable(seeds)))
            if any(id(h.edge) in met for h in behind):
                self.gives_up(Behind(BEHIND, frames_here()))

    def variable_of(self, a):
        """As for a trace; memory that the function writes itself is kept as it is now."""
        value = a._value if isinstance(a, TensorBase) else a
        if value.__class__ is not np.ndarray:
            return super().variable_of(a)
        held, found = self.captured.get(id(value), (None, None))
        if held is None or found.constant.tobytes() != value.tobytes():
            found = self.graph.variable(value.shape, value.dtype, value.copy())
            self.captured[id(value)] = value, found
            self.graph.constants.append(found)
            if not value.flags.c_contiguous:
                self.layouts.put(found, value)
        return found

    def drawn_along(self, handle):
        """The axes in the order in which the elements would lie; None for the order they have."""
        value = handle._value
        if value.__class__ is not Traced:
            return None
        return order_of(self.layouts.of(value.variable))

    def demand(self, variable, holds, error):
        self.graph.equations.append(
            Equation(demand, [variable], [], {"holds": holds, "error": error})
        )

    def writes(self, handle):
        base = handle if handle._view is None else handle._view.base
        for each in {id(base): base, id(root := root_of(handle)[0]): root}.values():
            self.touched.note(each)  # `t.data` shares its memory with t

    def overwrites(self, target, out, since):
        value, extra = target._value, target._extra
        if value.dtype is None and value.__class__ is not Traced:
            return  # of a transform inside
        self.memory.write(value, out, since, extra is None or not extra.untracked)

    def takes_place(self, value, handle):
        memory = memory_of(handle)
        if memory.__class__ is np.ndarray:
            self.layouts.put(value.variable, memory)
        return self.memory.lies_in(value, handle._value)

    def looks_into(self, value, handle):
        self.memory.looks_into(value, handle._value)

    def reads_saved(self, value, node):
        if self.memory.stale(value, node.seq, uncounted=True):
            self.gives_up(Break(CHANGED, frames_here()))

    def lies(self, value, array):
        self.layouts.put(value.variable, array)

    def lying(self, value):
        return self.layouts.of(value.variable)

    def drawn(self, draw, shape, tensors=()):
        """A random draw as an equation."""
        return wrap(Traced(recorded(self, draw, shape, tensors), self))
