"""A tensor during a trial run: what it was, what stands in for it, and its hooks.

A leaf keeps its hooks where they have been looked into (`Reach(..., hooks=True)`): a gradient that
arrives there is seen by them, and what they do is recorded. Where they have not, the first gradient
that arrives raises `Hooked`, and the function is recorded once more; a function that goes back
through nothing is not bound to hooks that it never calls. A computed tensor gets a node of its own,
whose one edge ends at a stand-in for all that lies behind it: no gradient may go there.
"""

from collections import OrderedDict

import numpy as np

from ...core.handle import LEAF, Extra, extra_of, shape_of, wrap
from ...core.node import NOWHERE, Node, ends_here, hooks_of
from ...transforms.reverse import beside, reachable
from ...transforms.trace import Traced
from .breaks import Behind, Break, Hooked, frames_here
from .reach import hooks_at
from .sameness import same_entries
from .turned import order_of

__all__ = ["BEHIND", "LEAVES", "REGISTERING", "Held"]

# What makes a leaf.
LEAVES = frozenset("requires_grad_ requires_grad deepcopy Parameter".split())

# What attaches a hook to a tensor, or takes it away.
REGISTERING = frozenset("register_hook register_post_accumulate_grad_hook register_prehook "
                        "register_multi_grad_hook retain_grad remove".split())  # fmt: skip


class Held:
    """A tensor as it was before the run. `order`: its axes, outermost first, where its memory is
    dense in another order than C's; `strides`: None where it lies in C order; `edge`: where its
    gradient goes during the run, and `end`: the leaf at which it arrives; `variable`: what it is in
    the graph."""

    __slots__ = ("dtype", "edge", "end", "extra", "grad", "handle", "hooks", "kind", "names",
                 "node", "order", "shape", "strides", "value", "variable", "view",
                 "wide")  # fmt: skip

    def __init__(self, handle, wide):
        self.handle, self.wide = handle, wide
        self.value, self.node, self.grad = handle._value, handle._node, handle._grad
        self.view, self.extra, self.variable = handle._view, handle._extra, None
        self.names, self.order = dict(handle.__dict__), _turned(self.value)
        self.kind, self.shape, self.dtype = handle.__class__, self.value.shape, self.value.dtype
        in_order = self.value.__class__ is not np.ndarray or self.value.flags.c_contiguous
        self.strides = None if in_order else self.value.strides
        self.hooks = [(live, OrderedDict(live)) for live in hooks_at(handle)]
        self.edge = self.end = None

    def stand_in(self, variable, tracer):
        """From now on it is a variable of the graph of `tracer`."""
        handle = self.handle
        self.variable, handle._value = variable, Traced(variable, tracer)
        handle._view = handle._extra = None
        if self.node is LEAF:
            self.edge = self.end = handle
            handle._extra = self._leaf_extra(tracer)
        elif self.node is not None:
            self.end = wrap(handle._value, LEAF)
            self.edge = handle._node = beside(self.end)
            if ends_here(self.node):  # it is a leaf to all who ask
                self.edge.name = NOWHERE
            self._refuse_behind(tracer)

    def _leaf_extra(self, tracer):
        """What matters of a leaf's Extra."""
        extra = self.extra
        if extra is None or not (self.hooks or extra.grad_type is not ...):
            return None
        made = Extra()
        made.grad_type = extra.grad_type
        if self.wide:
            made.hooks, made.after_hooks = extra.hooks, extra.after_hooks
            made.accumulator = extra.accumulator
        elif self.hooks:
            made.hooks = OrderedDict({None: lambda g: tracer.gives_up(Hooked())})
        return made

    def _refuse_behind(self, tracer):
        """No gradient goes on to what the tensor was computed from, nor to the hooks it has."""
        extra_of(self.end).hooks = OrderedDict({None: lambda g: _stop(tracer, BEHIND)})
        if self.extra is not None and self.extra.retains:
            extra_of(self.handle).retains = True
        hooks = self.node.hooks
        if hooks is not None and (hooks.tensor or hooks.pre or hooks.retained):
            hooks_of(self.edge).pre[None] = lambda g: _stop(tracer, _HOOKED)

    def hooks_changed(self):
        """Whether a hook was registered on it in the run, or removed."""
        if any(not same_entries(live, copy) for live, copy in self.hooks):
            return True
        if self.node is None:
            return False
        if self.node is not LEAF:
            hooks = self.edge.hooks
            return hooks is not None and bool(
                hooks.tensor or hooks.post or hooks.retained or len(hooks.pre) > (None in hooks.pre)
            )
        known = {id(live) for live, _ in self.hooks}
        return any(live.keys() - {None} for live in hooks_at(self.handle) if id(live) not in known)

    def open(self):
        """The run is over: gradients may go on to what lies behind."""
        if self.node.__class__ is Node:
            self.end._extra = self.edge.hooks = None
        elif self.node is LEAF:
            self.handle._extra = None

    def restore(self):
        handle = self.handle
        handle._value, handle._node, handle._grad = self.value, self.node, self.grad
        handle._view, handle._extra = self.view, self.extra
        for live, copy in self.hooks:
            if not same_entries(live, copy):
                live.clear()
                live.update(copy)
        if self.renamed():
            handle.__dict__.clear()
            handle.__dict__.update(self.names)

    def check(self, executed):
        """Refuse changes that are not a change of its numbers."""
        handle = self.handle
        if handle._node is not (self.edge if self.node.__class__ is Node else self.node):
            raise Break("it changes whether a given tensor requires a gradient, or how it came")
        if tuple(shape_of(handle)) != tuple(self.value.shape):
            raise Break("it changes the shape of a given tensor")
        if self.renamed():
            raise Break("it changes attributes of a tensor")
        if self.hooks_changed():
            raise Break("it registers a hook on a tensor that it was given, or removes one",
                        executed.mentioning(REGISTERING))  # fmt: skip

    def forget(self, replaced):
        """Keep no memory that the caller may drop: the gradient (it is known that there was one),
        and the tensor itself where each call has another (`replaced`)."""
        self.grad = self.grad is not None or None
        self.edge = self.end = self.extra = None
        self.hooks = ()
        if replaced:
            self.handle = self.value = self.names = self.view = None
            if self.node.__class__ is Node:
                self.node = NOWHERE if ends_here(self.node) else Node

    def renamed(self):
        """Whether attributes were set on the tensor."""
        return not same_entries(self.handle.__dict__, self.names)

    def is_behind(self, wanted):
        """Whether the tensor was computed from something at which a gradient is wanted."""
        if self.node.__class__ is not Node:
            return False
        nodes = reachable([(self.node, None)])
        return any(id(edge) in wanted for node in nodes for edge in node.edges)


def _stop(tracer, reason):
    tracer.gives_up(Behind(reason, frames_here()))


BEHIND = "it goes back through what computed a tensor that it was given"
_HOOKED = "a gradient arrives at a given tensor that was computed and has hooks"


def _turned(value):
    if not isinstance(value, np.ndarray) or value.flags.c_contiguous or not value.flags.aligned:
        return None
    order = order_of(value)
    return order if order and value.transpose(order).flags.c_contiguous else None
