"""Calls in which an optimizer, as it seems (`starts`), takes its first step, which changes it.

Such a call is recorded as one of those that follow it: what the first step makes before it computes
is there already, and so are gradients, which nobody reads (`Begun`). If the function asks for them,
or is another then, all is taken back, and the call runs eagerly.
"""

from functools import partial

import numpy as np

from ...core.handle import wrap
from ...core.modes import LOCAL
from .breaks import code_of
from .cells import names_in

__all__ = ["Begun", "clears", "starts"]


def starts(function, reach):
    """Whether `function`, as it seems, takes the first step of an optimizer that it reaches."""
    return any(o.never_stepped() for o in reach.optimizers) and _comes_to(
        "step", function, reach.functions
    )


def clears(function, reach):
    """Whether it seems to drop gradients, so that it may do the same at each call."""
    return _comes_to("zero_grad", function, reach.functions)


def _comes_to(name, function, functions):
    """Whether `function` mentions `name`, or mentions one of `functions` that does, and so on."""
    while isinstance(function, partial):
        function = function.func
    code, met = code_of(function), {getattr(function, "__name__", None)}
    waiting = [] if code is None else [code]
    while waiting:
        new = set(names_in(waiting.pop())) - met
        met |= new
        waiting += [f.__code__ for f in functions if f.__name__ in new]
    return name in met


class Begun:
    """Optimizers made ready for their first step, where that is like those after it (`ready`);
    `gradients`: their parameters have some, as after a step. `undo` takes all of it back."""

    def __init__(self, reach, gradients):
        self.undoing, self.states, self.blanks = [], [], {}
        self.parameters = set()  # ids of all that these optimizers change
        self.ready = not LOCAL.inference
        try:
            for optimizer in reach.optimizers:
                if self.ready and optimizer.never_stepped():
                    self.ready = self._begin(optimizer, gradients)
        except BaseException:
            self.undo()
            raise
        if not self.ready:
            self.undo()

    def _begin(self, optimizer, gradients):
        known = {id(state) for state in optimizer.state.values() if state}
        undo = optimizer.ready()
        if undo is None:
            return False
        self.undoing.append(undo)
        self.states += [state for state in optimizer.state.values() if id(state) not in known]
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.parameters.update(map(id, parameters))
        for p in parameters if gradients else ():
            if p.requires_grad and p._grad is None and p._value.__class__ is np.ndarray:
                p._grad = wrap(np.zeros_like(p._value))
                self.blanks[id(p)] = p
        return True

    def undo(self):
        for parameter in self.blanks.values():
            parameter._grad = None
        while self.undoing:
            self.undoing.pop()()

    def steps(self, captured):
        """Whether a parameter is changed."""
        return any(id(old.handle) in self.parameters for old, _ in captured.written)

    def holds(self, captured):
        """Whether what was captured is what the function does in this call, and in those to come:
        each state is used, and no gradient is there or missing that was not before."""
        written = {id(old.handle) for old, _ in captured.written}
        used = all(any(id(t) in written for t in state.values()) for state in self.states)
        made = {
            id(old.handle): apart
            for old, place, apart in captured.gradients
            if place is not None and (old.grad is None or id(old.handle) in self.blanks)
        }
        same = made.keys() == self.blanks.keys() and all(made.values())
        return used and same and not captured.asks_for_states

    def drops(self, captured):
        """Whether each gradient is dropped at the end."""
        dropped = {id(old.handle) for old, place, _ in captured.gradients if place is None}
        return bool(self.blanks) and dropped >= self.blanks.keys()
