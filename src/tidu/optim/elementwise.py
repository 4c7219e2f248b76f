"""Optimizers of one parameter after the other, and those that treat every element alike."""

import functools

import numpy as np

from .. import ops
from ..autograd import enable_grad, no_grad
from ..base.dtypes import float64
from ..base.errors import hinted
from ..base.frames import OURS, user_place
from ..core.modes import LOCAL
from ..frontend.tensor import Tensor
from ..transforms.mutation import written
from .kernels import TENSORS, Workspace, joinable
from .optimizer import Optimizer
from .options import refuse_at_step
from .tensor_rates import plain

__all__ = ["ByGroup", "Elementwise", "as_real"]

_F32 = np.dtype(np.float32)
_FAST = {_F32, np.dtype(np.float64)}
_REAL = {np.dtype(np.complex64): np.float32, np.dtype(np.complex128): np.float64}


# Options that came to PyTorch's optimizers later: files of older versions lack them.
_LATER = frozenset(
    "amsgrad capturable centered decoupled_weight_decay differentiable foreach fused maximize "
    "nesterov".split()
)


_WORDS = "formula", "names", "numbers", "start", "_begin", "_counted", "_numbers"


class ByGroup(Optimizer):
    """One change for each parameter that has a gradient; a subclass defines `_update_all`."""

    def step(self, closure=None):
        """Change each parameter that has a gradient, once."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with enable_grad() if self.defaults.get("differentiable") else no_grad():
            self._update_all()
        return loss

    def _update_all(self):
        raise NotImplementedError


class Elementwise(ByGroup):
    """An optimizer whose update treats every element alike.

    A subclass tells `names` (its state tensors), `start`, `numbers` and `formula`.
    """

    counts = True  # whether there is a step count
    kind = instead = ""  # of sparse gradients: what PyTorch's refusal adds

    def names(self, group):
        """The state tensors that the formula takes, in order."""
        raise NotImplementedError

    def start(self, group, parameter, state):
        """Put the first state tensors into `state`."""
        for name in self.names(group):
            state[name] = ops.zeros_like(parameter, requires_grad=False)

    def numbers(self, group, step):
        """What the formula needs beside arrays, for this step count."""
        raise NotImplementedError

    @staticmethod
    def formula(k, numbers, p, g, *state):
        """The update of `p`, written in the words of `kernels`."""
        raise NotImplementedError

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for name in _LATER & self.defaults.keys():
                group.setdefault(name, self.defaults[name])
        for value in self.state.values():
            if self.counts and value and "step" not in value:
                raise KeyError("step")  # the state of another kind of optimizer
            if "step" in value and not isinstance(value["step"], Tensor):
                value["step"] = ops.tensor(float(value["step"]))

    def _update_all(self):
        work = self.__dict__.get("_work")
        if work is None:
            work = self.__dict__["_work"] = Workspace()
        for group in self.param_groups:
            if group.get("capturable") or group.get("differentiable"):
                self._refuse(group)
            self._update_group(work, group)

    def ready(self):
        """Make what the first step makes before it computes anything, so that it is a step like
        those after it. What takes it back is returned; None where the first step is another."""
        told = [self.names(group) for group in self.param_groups]
        remembers = any(told) or self.counts
        special = any(group.get("capturable") or group.get("differentiable")
                      for group in self.param_groups)  # fmt: skip
        alike = all(map(self._starts_alike, self.param_groups))
        if special or not (alike and self._is_known()):
            return None
        before, begun = dict(vars(self)), []

        def undo():
            for parameter, known in begun:
                self.state[parameter].clear()
                if not known:
                    del self.state[parameter]
            vars(self).clear()
            vars(self).update(before)

        self._opt_called = True
        vars(self).setdefault("_work", Workspace())
        try:
            for group in self.param_groups if remembers else ():
                for parameter in group["params"]:
                    if parameter.requires_grad and not self.state.get(parameter):
                        known = parameter in self.state
                        state = self.state[parameter]
                        begun.append((parameter, known))
                        self._blank(group, parameter, state)
        except BaseException:
            undo()
            raise
        return undo

    def _starts_alike(self, group):
        """Whether the first step is one like all others, from the state that `_blank` makes."""
        return self.counts or not self.names(group)

    def _blank(self, group, parameter, state):
        self._begin(group, parameter, state)

    def _begin(self, group, parameter, state):
        state["step"] = ops.tensor(0.0)
        self.start(group, parameter, state)

    def _refuse(self, group):
        """Refuse what no CPU can do, where there is something to be done."""
        if any(p.grad is not None for p in group["params"]):
            refuse_at_step(group)

    def _update_group(self, work, group):
        names, known, small = self.names(group), {}, {}
        place = user_place()
        by_arrays, remembers = not group.get("differentiable"), names or self.counts
        traced = LOCAL.tracer is not None and self.counts and self._is_known()
        repeats = LOCAL.tracer.repeats() if traced else None
        if type(self)._update_sparse is Elementwise._update_sparse:  # refuses, so before all others
            for p in group["params"]:
                if _is_sparse(p._grad):
                    self._update_sparse(group, p, p._grad)
        for p in group["params"]:
            grad = p._grad
            if grad is None:  # one made of other tensors has it with these
                grad = p.grad if p._value.dtype is None else None
                if grad is None:
                    continue
            if _is_sparse(grad):
                self._update_sparse(group, p, grad)
                continue
            # Looking up a state makes it: an optimizer that remembers nothing must not look.
            state = self.state[p] if remembers else None
            if repeats is not None and state and p._value.dtype is None:
                update = functools.partial(self._one, group, p, grad, state)
                repeats.run((p, grad, *state.values()), update)
                continue
            count = self._counted(group, p, state) if remembers else 0
            numbers = known.get(count)
            if numbers is None:
                numbers = known[count] = self._plain(group, count, state)
            tensors = [p, grad, *[state[name] for name in names]] if names else (p, grad)
            arrays = _arrays(tensors) if by_arrays else None
            if arrays is None:
                # What counts no steps is linear: complex numbers may stay what they are.
                parts = as_real(tensors) if self.counts else tensors
                self.formula(TENSORS, numbers, *parts)
            elif names and arrays[0] is p._value and joinable(arrays):
                small.setdefault((count, arrays[0].dtype.num), []).append((tensors, arrays))
            else:
                work.run(self.formula, numbers, arrays)
                written(p, place)
        for (count, _), entries in small.items():
            work.run_joined(self.formula, known[count], entries)
            for tensors, _ in entries:
                written(tensors[0], place)

    def _is_known(self):
        """Whether an update is certain to read its own parameter, gradient, state and options
        alone: all that computes it is written here."""
        return all(OURS[getattr(type(self), name).__code__.co_filename] for name in _WORDS)

    def _one(self, group, p, grad, state):
        """The update of one parameter whose steps are counted, in public operations."""
        numbers = self._plain(group, self._counted(group, p, state), state)
        tensors = [p, grad, *[state[name] for name in self.names(group)]]
        self.formula(TENSORS, numbers, *as_real(tensors))

    def _update_sparse(self, group, p, grad):
        kind = self.kind or type(self).__name__
        raise RuntimeError(
            hinted(
                f"{kind} does not support sparse gradients{self.instead}",
                "make the layer with sparse=False, or use SGD, Adagrad or SparseAdam.",
            )
        )

    def _plain(self, group, count, state):
        numbers = self._numbers(group, count, state)
        return numbers if type(group["lr"]) is float else tuple(map(plain, numbers))

    def _numbers(self, group, count, state):
        return self.numbers(group, count)

    def _counted(self, group, p, state):
        """The step count, one more than before; without one, whether this is not the first."""
        fresh = not state
        if not self.counts:
            if fresh:
                self.start(group, p, state)
            return not fresh
        if fresh:
            self._begin(group, p, state)
        step = state["step"]
        value = step._value
        if isinstance(value, np.generic):
            step._value = value = value + 1
            return float(value)
        step.add_(1)
        if value.dtype is None:  # inside a trace: the numbers of the formula are traced with it
            return step.to(float64)
        return step.item()


def as_real(tensors):
    """Complex tensors as views of their real and imaginary parts: to the formulas they are numbers
    of their own."""
    if not tensors[0].is_complex():
        return tensors
    return [ops.view_as_real(t) if t.is_complex() else t for t in tensors]


def _is_sparse(grad):
    return grad is not None and grad._value.dtype is None and grad.is_sparse


def _arrays(tensors):
    """The tensors' memory, or None where some is not plain floating-point memory."""
    first = tensors[0]._value.dtype
    if first is not _F32 and first not in _FAST and first not in _REAL:
        return None
    arrays = []
    for tensor in tensors:
        value = tensor._value
        if value.dtype is not first and value.dtype != first:
            return None
        arrays.append(value if value.__class__ is np.ndarray else tensor._array())
    if first in _REAL:
        if not all(array.flags.c_contiguous for array in arrays):
            return None
        arrays = [array.reshape(-1).view(_REAL[first]) for array in arrays]
    return arrays
