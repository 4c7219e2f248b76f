"""ASGD, which averages over its way."""

from .. import ops
from .by_tensor import ByTensor
from .optimizer import check_numbers
from .tensor_rates import alike, plain, rate

__all__ = ["ASGD"]


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
        lr = rate(group)
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
        state["eta"].fill_(
            plain(lr / (1 + group["lambd"] * lr * alike(lr, step)) ** group["alpha"])
        )
        state["mu"].fill_(1 / max(1, step - group["t0"]))
