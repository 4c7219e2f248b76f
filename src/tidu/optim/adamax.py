"""Adamax: Adam with the largest gradient."""

from .adam import check_betas
from .elementwise import Elementwise
from .kernels import decayed
from .optimizer import check_numbers
from .tensor_rates import alike, rate

__all__ = ["Adamax"]


class Adamax(Elementwise):
    """Adam with the largest instead of the root mean square gradient (Kingma & Ba 2014)."""

    def __init__(
        self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, foreach=None, *,
        maximize=False, differentiable=False, capturable=False,
    ):  # fmt: skip
        check_numbers(lr, eps=eps)
        check_betas(betas)
        check_numbers(lr, weight_decay=weight_decay)
        super().__init__(
            params,
            dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, foreach=foreach,
                 maximize=maximize, differentiable=differentiable, capturable=capturable),
        )  # fmt: skip

    def names(self, group):
        return ("exp_avg", "exp_inf")

    def numbers(self, group, step):
        beta1, beta2 = group["betas"]
        lr = rate(group)
        size = lr / alike(lr, 1 - beta1**step)
        return -size, 1 - beta1, beta2, group["eps"], group["weight_decay"], group["maximize"]

    @staticmethod
    def formula(k, numbers, p, g, mean, largest):
        size, share, beta2, eps, decay, maximize = numbers
        g = decayed(k, p, g, decay, maximize)
        k.lerp(mean, g, share)
        k.scale(largest, beta2)
        k.raise_to(largest, k.shift(k.absolute(g, 2), eps))
        k.addcdiv(p, mean, largest, size)
