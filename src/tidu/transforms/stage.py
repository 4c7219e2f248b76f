"""Staging: the body of a branch or loop runs on stand-ins once, and is a graph from then on.

Unlike a trace, a stage stands above the transforms that are running: every operation meanwhile is
the body's, and each tensor from outside becomes one more input of the body, through which
gradients, tangents and batches reach it. Read `staged`, then `Stage.process`.
"""

import weakref

import numpy as np

from ..base.errors import hinted
from ..core.dispatch import edges_of, record
from ..core.handle import TensorBase, wrap
from ..core.levels import Level, StandIn
from ..core.modes import LOCAL, UNHURRIED, grad_enabled, listen, set_tracer, unlisten
from ..core.versions import version
from ..primitives.structural import detach
from ..program.ir import Equation, Graph, Variable
from .draws import random_draw, recorded
from .trace import constant_of, noted, retrack

__all__ = ["Stage", "Staged", "build", "staged"]


class Staged(StandIn):
    """The stand-in of a body that is being recorded."""

    __slots__ = ()

    def concrete(self, use):
        raise RuntimeError(_LEFT if not self.level.alive else self.level.messages["value"])


_LEFT = "A tensor of a branch or loop body was kept after the body had ended."


class Stage(Level):
    """The level of one recording; `messages`: what to say of a value that is asked for ("value")
    and of a tensor from outside that is written to ("write").

    `closed`: no tensor from outside is expected; those met (a rule's zeros) are constants.
    """

    records = True
    by_hand = True  # a body may go back through what it computed itself

    def __init__(self, messages=None, closed=False):
        self.graph, self.messages, self.closed = Graph(), messages, closed
        self.outside_tensors, self._known, self._kept, self._written = [], {}, [], []

    def __enter__(self):
        super().__enter__()
        self.outer = LOCAL.stage, set_tracer(self), LOCAL.batches, LOCAL.packing
        LOCAL.stage = self
        LOCAL.batches, LOCAL.packing = (), None
        listen(UNHURRIED)  # so that operations on plain tensors come here too
        return self

    def __exit__(self, *exc):
        unlisten(UNHURRIED)
        LOCAL.stage, tracer, LOCAL.batches, LOCAL.packing = self.outer
        set_tracer(tracer)
        super().__exit__(*exc)
        self._put_back(exc[0] is not None)
        return False

    def asks_for_base(self, handle):
        """What comes from outside of the body is known to those who record around it."""
        outer = self.outer[1]
        if outer is not None:
            outer.asks_for_base(handle)

    # --- what a tensor is in the body ------------------------------------------------------

    def lift(self, variable, node=None):
        return wrap(Staged(variable, self), node)

    def input(self, shape, dtype):
        variable = self.graph.variable(shape, dtype)
        self.graph.inputs.append(variable)
        return self.lift(variable)

    def variable_of(self, a):
        """The graph's name for an argument; a tensor from outside gets one at its first use."""
        value = a._value if isinstance(a, TensorBase) else a
        if value.__class__ is Staged and value.level is self:
            return value.variable
        if isinstance(a, TensorBase) and not self.closed:
            return self._outside(a, value)
        if not isinstance(value, (np.ndarray, np.generic)):
            return value
        return constant_of(self.graph, self._known, value)

    def _outside(self, handle, value):
        known = self._known.get(id(handle))
        if known is None:
            kind = value.dtype if value.dtype is not None else value.element_type
            known = self.graph.variable(value.shape, kind)
            self._known[id(handle)] = known
            self._watch(handle, value)
            # A tensor without history may be the body's own (zeros to add to): it may die, or be
            # written to, and its numbers count as they are now.
            alone = handle._node is None and value.dtype is not None
            self.outside_tensors.append((wrap(value) if alone else handle, known))
        return known

    def _watch(self, handle, value):
        key, time = id(handle), version(value) if value.__class__ is np.ndarray else 0
        self._kept.append((weakref.ref(handle, lambda _: self._known.pop(key, None)), value, time))

    # --- operations ------------------------------------------------------------------------

    def process(self, prim, args, params):
        if prim is random_draw:
            return self.lift(self._draw(args, params))
        variables, several = noted(self, prim, args, params)
        if not grad_enabled():  # the body's own no_grad
            variables = [self._cut(v) for v in variables]
        handles = [self.lift(v) for v in variables]
        out = tuple(handles) if several else handles[0]
        if prim.differentiable and grad_enabled() and any(map(self._tracked, args)):
            edges = [e if self._tracked(a) else None
                     for e, a in zip(edges_of(args), args, strict=True)]  # fmt: skip
            below = [wrap(a._value) if isinstance(a, TensorBase) else a for a in args]
            return record(prim, edges, below, params, out, retrack)
        return out

    def _tracked(self, a):
        """Whether the body itself goes back through this tensor (`autograd.grad` inside)."""
        if not isinstance(a, TensorBase) or a._node is None:
            return False
        return a._value.__class__ is Staged and a._value.level is self

    def _cut(self, variable):
        if variable.element_type.kind not in "fcV":
            return variable
        out = self.graph.variable(variable.shape, variable.element_type)
        self.graph.equations.append(Equation(detach, [variable], [out], {}))
        return out

    # --- what else a body may try ----------------------------------------------------------

    def arrives(self, leaf):
        """A gradient arrives at a leaf, which may belong to a program around that is recorded."""
        if self.outer[1] is not None:
            self.outer[1].arrives(leaf)

    def writes(self, handle):
        """A tensor is about to be written, which may belong to a program around."""
        if self.outer[1] is not None:
            self.outer[1].writes(handle)

    def overwrites(self, target, out, since):
        """A tensor of the body is written: its values are no memory."""

    def repeats(self):
        """What records the same work on several tensors once: nothing, in a body."""

    def goes_back(self, wanted, seeds):
        """A backward pass begins in the body, for edges with these ids alone."""
        if self.outer[1] is not None:
            self.outer[1].goes_back(wanted, seeds)

    def drawn_along(self, handle):
        """Bodies of branches and loops draw in the order of the axes."""

    def drawn(self, draw, shape, tensors=()):
        """A random draw of the body."""
        for level in self.outer[2]:
            if level.randomness == "error":
                raise RuntimeError(_RANDOM)
            if level.randomness == "different":
                raise RuntimeError(_DIFFERENT)
        return self.lift(recorded(self, draw, shape, tensors))

    def _draw(self, args, params):
        """An equation that draws, met again: a body is replayed into another one."""
        return recorded(self, params["draw"], params.get("shape"), args)

    def later(self, handle):
        """A body has no use for a number that is not known yet."""

    def refuse(self, reason):
        raise RuntimeError(f"{self.messages['value']} Here {reason}.")

    def borrow(self, handle):
        """A tensor from outside, or one that the body made, is about to hold a stand-in."""
        self._written.append((weakref.ref(handle), handle._value, handle._node))

    def _put_back(self, failed):
        """After the body: tensors from outside are what they were, or it is an error."""
        changed = False
        for reference, value, node in reversed(self._written):
            handle = reference()
            if handle is not None:
                handle._value, handle._node, changed = value, node, True
        for reference, value, time in self._kept:
            handle = reference()
            if handle is not None and getattr(handle._value, "level", None) is self:
                handle._value, changed = value, True
            elif value.__class__ is np.ndarray and version(value) != time:
                changed = True
        if changed and not failed:
            raise RuntimeError(self.messages["write"])


_RANDOM = hinted(
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
    "'different' randomness flags on vmap or perform the randomness operation out of vmap",
    "the draw is in the body of a branch or loop: torch.vmap(f, randomness='same') allows it.",
)
_DIFFERENT = hinted(
    "vmap: random operations in the body of a branch or loop are not supported with "
    "randomness='different'.",
    "draw the numbers before it and hand them in, or use randomness='same'.",
)


def staged(function, specs, messages):
    """(graph, tensors from outside): the body of `function` for inputs of these (shape, type).

    `function` gets tensors and returns a list of tensors. The inputs of the graph are its own and
    then, one each, the tensors from outside that it uses.
    """
    with Stage(messages) as stage:
        outs = function(*[stage.input(shape, dtype) for shape, dtype in specs])
        stage.graph.outputs = [stage.variable_of(o) for o in outs]
        outs = None
    handles = [handle for handle, _ in stage.outside_tensors]
    stage.graph.inputs += [variable for _, variable in stage.outside_tensors]
    return stage.graph, handles


def build(function, variables):
    """The graph of a function made of rules, for inputs like these variables."""
    with Stage(_RULES, closed=True) as stage:
        outs = function(*[stage.input(v.shape, v.element_type) for v in variables])
        stage.graph.outputs = [_named(stage, o) for o in outs]
    return stage.graph


def _named(stage, out):
    found = stage.variable_of(out if isinstance(out, TensorBase) else wrap(out))
    assert isinstance(found, Variable)
    return found


_RULES = {"value": "A derivative of a branch or loop body depends on a value.",
          "write": "A derivative of a branch or loop body writes to its inputs."}  # fmt: skip
