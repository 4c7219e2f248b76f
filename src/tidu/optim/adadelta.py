"""Adadelta."""

from .elementwise import Elementwise
from .kernels import decayed, is_some
from .optimizer import check_numbers
from .options import refuse_at_step
from .tensor_rates import rate

__all__ = ["Adadelta"]


class Adadelta(Elementwise):
    """Scales by the ratio of past steps to past gradients (Zeiler 2012)."""

    def __init__(
        self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, foreach=None, *,
        capturable=False, maximize=False, differentiable=False,
    ):  # fmt: skip
        check_numbers(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_numbers(lr, eps=eps, weight_decay=weight_decay)
        super().__init__(
            params,
            dict(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize,
                 capturable=capturable, foreach=foreach, differentiable=differentiable),
        )  # fmt: skip

    def _refuse(self, group):
        if any(p.grad is not None for p in group["params"]):
            refuse_at_step(group, xla=(False, False))

    def names(self, group):
        return ("square_avg", "acc_delta")

    def numbers(self, group, step):
        return (
            -rate(group), group["rho"], group["eps"], group["weight_decay"],
            group["maximize"],
        )  # fmt: skip

    @staticmethod
    def formula(k, numbers, p, g, square, steps):
        size, rho, eps, decay, maximize = numbers
        g = decayed(k, p, g, decay, maximize)
        k.scale(square, rho)
        k.addcmul(square, g, g, 1 - rho)
        # (x + eps) is made as (0 · x + x) + eps, so that the state itself is not changed; g may
        # be in slot 0 or, with a decay, in slot 1.
        free = 0 if is_some(decay) else 1
        below = k.sqrt(k.shift(k.plus(square, square, 0, free), eps), free)
        above = k.sqrt(k.shift(k.plus(steps, steps, 0, 2), eps), 2)
        delta = k.times(k.over(above, below, 2), g, 2)
        k.scale(steps, rho)
        k.addcmul(steps, delta, delta, 1 - rho)
        k.add(p, delta, size)
