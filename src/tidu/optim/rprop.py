"""Rprop, which goes by the signs of gradients."""

from .. import ops
from .by_tensor import ByTensor
from .elementwise import as_real
from .optimizer import check_numbers, number

__all__ = ["Rprop"]


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
            rate = number(group["lr"])
            rate = complex(rate, rate) if p.is_complex() else rate
            state["step_size"] = ops.full_like(p, rate, requires_grad=False)
        state["step"].add_(1)
        p, grad, before, old = as_real([p, grad, state["prev"], state["step_size"]])
        agreement = grad * before
        new = ops.where(agreement > 0, old * grow, ops.where(agreement < 0, old * shrink, old))
        sizes = old.copy_(new.clamp_(low, high))
        # Where the sign changed, no step is made and nothing is remembered.
        grad = ops.where(agreement < 0, ops.zeros_like(grad), grad)
        p.add_(-(ops.sign(grad) * sizes))
        before.copy_(grad)
