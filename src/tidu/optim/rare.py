"""ASGD and Rprop, which compare and choose element by element: written in public operations."""

from .. import ops
from ..autograd import enable_grad, no_grad
from ..errors import hinted
from .optimizer import Optimizer, check_numbers, number
from .options import refuse_at_step

__all__ = ["ASGD", "ByTensor", "Rprop"]


class ByTensor(Optimizer):
    """Goes through the parameters one by one; a subclass defines `_update`."""

    words = ("params and state_steps",) * 2  # of the refusal of `capturable`
    devices = (True, True)

    def step(self, closure=None):
        """Change each parameter that has a gradient, once."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with enable_grad() if self.defaults.get("differentiable") else no_grad():
            for group in self.param_groups:
                self._update_group(group)
        return loss

    def _update_group(self, group):
        for p in group["params"]:
            if p.grad is None:
                continue
            self._refuse(group, p.grad)
            grad = -p.grad if group.get("maximize") else p.grad
            self._update(group, p, grad, self.state[p])

    def _refuse(self, group, grad):
        if grad.is_sparse:
            raise RuntimeError(
                hinted(
                    f"{type(self).__name__} does not support sparse gradients",
                    "make the layer with sparse=False, or use SGD, Adagrad or SparseAdam.",
                )
            )
        refuse_at_step(group, self.words, self.devices)


class ASGD(ByTensor):
    """Gradient descent whose result is the average over its way (Polyak & Juditsky 1992)."""

    words = ("params, mus, etas, and state_steps",) * 2
    devices = (True, False)

    def __init__(
        self, params, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, foreach=None,
        maximize=False, differentiable=False, capturable=False,
    ):  # fmt: skip
        check_numbers(lr, weight_decay=weight_decay)
        super().__init__(
            params,
            dict(lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay,
                 foreach=foreach, maximize=maximize, differentiable=differentiable,
                 capturable=capturable),
        )  # fmt: skip

    def _update(self, group, p, grad, state):
        lr = number(group["lr"])
        if not state:
            state["step"] = ops.tensor(0.0)
            state["eta"] = ops.tensor(float(lr))
            state["mu"] = ops.tensor(1.0)
            state["ax"] = ops.zeros_like(p, requires_grad=False)
        state["step"].add_(1)
        step, eta, mu = state["step"].item(), state["eta"].item(), state["mu"].item()
        if group["weight_decay"] != 0:
            grad = grad + group["weight_decay"] * p
        p.mul_(1 - group["lambd"] * eta)
        p.add_(grad * -eta)
        if mu == 1:
            state["ax"].copy_(p)
        else:
            state["ax"].add_((p - state["ax"]) * mu)
        state["eta"].fill_(lr / (1 + group["lambd"] * lr * step) ** group["alpha"])
        state["mu"].fill_(1 / max(1, step - group["t0"]))


class Rprop(ByTensor):
    """Steps by the sign of the gradient, longer while the sign stays (Riedmiller & Braun 1993)."""

    def __init__(
        self, params, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *, capturable=False,
        foreach=None, maximize=False, differentiable=False,
    ):  # fmt: skip
        check_numbers(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(
            params,
            dict(lr=lr, etas=etas, step_sizes=step_sizes, foreach=foreach, maximize=maximize,
                 differentiable=differentiable, capturable=capturable),
        )  # fmt: skip

    def _update(self, group, p, grad, state):
        shrink, grow = group["etas"]
        low, high = group["step_sizes"]
        if not state:
            state["step"] = ops.tensor(0.0)
            state["prev"] = ops.zeros_like(p, requires_grad=False)
            state["step_size"] = ops.full_like(p, number(group["lr"]), requires_grad=False)
        state["step"].add_(1)
        agreement = grad * state["prev"]
        old = state["step_size"]
        new = ops.where(agreement > 0, old * grow, ops.where(agreement < 0, old * shrink, old))
        sizes = old.copy_(new.clamp_(low, high))
        # Where the sign changed, no step is made and nothing is remembered.
        grad = ops.where(agreement < 0, ops.zeros_like(grad), grad)
        p.add_(-(ops.sign(grad) * sizes))
        state["prev"].copy_(grad)
