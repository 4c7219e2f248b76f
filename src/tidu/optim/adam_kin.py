"""Relatives of Adam: Adamax, NAdam, RAdam."""

from .. import ops
from ..dtypes import float64
from ..tensor import Tensor
from .adam import check_betas
from .kernels import averaged, decayed
from .optimizer import Elementwise, check_numbers, number
from .options import refuse_at_step

__all__ = ["Adamax", "NAdam", "RAdam"]


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
        size = number(group["lr"]) / (1 - beta1**step)
        return -size, 1 - beta1, beta2, group["eps"], group["weight_decay"], group["maximize"]

    @staticmethod
    def formula(k, numbers, p, g, mean, largest):
        size, share, beta2, eps, decay, maximize = numbers
        g = decayed(k, p, g, decay, maximize)
        k.lerp(mean, g, share)
        k.scale(largest, beta2)
        k.raise_to(largest, k.shift(k.absolute(g, 2), eps))
        k.addcdiv(p, mean, largest, size)


class NAdam(Elementwise):
    """Adam with Nesterov momentum (Dozat 2016)."""

    def __init__(
        self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, momentum_decay=4e-3,
        decoupled_weight_decay=False, *, foreach=None, maximize=False, capturable=False,
        differentiable=False,
    ):  # fmt: skip
        check_numbers(lr, eps=eps)
        check_betas(betas)
        check_numbers(lr, weight_decay=weight_decay, momentum_decay=momentum_decay)
        super().__init__(
            params,
            dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay,
                 momentum_decay=momentum_decay, decoupled_weight_decay=decoupled_weight_decay,
                 maximize=maximize, foreach=foreach, capturable=capturable,
                 differentiable=differentiable),
        )  # fmt: skip

    def names(self, group):
        return ("exp_avg", "exp_avg_sq")

    def _refuse(self, group):
        if any(p.grad is not None for p in group["params"]):
            refuse_at_step(group, (
                "params, mu_products and state_steps", "params, mu_products, and state_steps"
            ))  # fmt: skip

    def start(self, group, parameter, state):
        state["mu_product"] = ops.tensor(1.0)
        super().start(group, parameter, state)

    def _counted(self, group, p, state):
        count = super()._counted(group, p, state)
        mu, product = self._mu(group, count), state["mu_product"]
        # A number is rounded to the product's type before it is multiplied; so is a tensor here.
        product.mul_(mu.to(product.dtype) if isinstance(mu, Tensor) else mu)
        return count

    def _numbers(self, group, count, state):
        product = state["mu_product"]
        product = product.to(float64) if isinstance(count, Tensor) else product.item()
        return self.numbers(group, count, product)

    @staticmethod
    def _mu(group, step):
        return group["betas"][0] * (1.0 - 0.5 * 0.96 ** (step * group["momentum_decay"]))

    def numbers(self, group, step, product):
        beta1, beta2 = group["betas"]
        lr, decay = number(group["lr"]), group["weight_decay"]
        mu, following = self._mu(group, step), self._mu(group, step + 1)
        now = -lr * (1.0 - mu) / (1.0 - product)
        ahead = -lr * following / (1.0 - product * following)
        keep = 1 - lr * decay if group["decoupled_weight_decay"] and decay else None
        add = decay if decay and keep is None else 0
        return (1 - beta1, beta2, 1 - beta2**step, group["eps"], now, ahead, keep, add,
                group["maximize"])  # fmt: skip

    @staticmethod
    def formula(k, numbers, p, g, mean, square):
        share, beta2, correction, eps, now, ahead, keep, decay, maximize = numbers
        g = decayed(k, p, g, decay, maximize, keep)
        averaged(k, mean, square, g, share, beta2)
        below = k.shift(k.sqrt(k.over(square, correction, 2), 2), eps)
        k.addcdiv(p, g, below, now)
        k.addcdiv(p, mean, below, ahead)


class RAdam(Elementwise):
    """Adam that waits until the variance of its steps is known (Liu et al. 2019)."""

    def __init__(
        self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0,
        decoupled_weight_decay=False, *, foreach=None, maximize=False, capturable=False,
        differentiable=False,
    ):  # fmt: skip
        check_numbers(lr, eps=eps)
        check_betas(betas)
        check_numbers(lr, weight_decay=weight_decay)
        super().__init__(
            params,
            dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize,
                 foreach=foreach, capturable=capturable,
                 decoupled_weight_decay=decoupled_weight_decay, differentiable=differentiable),
        )  # fmt: skip

    def names(self, group):
        return ("exp_avg", "exp_avg_sq")

    def numbers(self, group, step):
        beta1, beta2 = group["betas"]
        lr, decay = number(group["lr"]), group["weight_decay"]
        first, second = 1 - beta1**step, 1 - beta2**step
        most = 2 / (1 - beta2) - 1
        length = most - 2 * step * beta2**step / second
        square = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
        if isinstance(length, Tensor):  # inside a trace: both ways, and a choice
            rectify = ops.where(length > 5.0, square.abs().sqrt(), 0.0)
        else:
            rectify = square**0.5 if length > 5.0 else None
        keep = 1 - lr * decay if group["decoupled_weight_decay"] and decay else None
        add = decay if decay and keep is None else 0
        return (-lr, 1 - beta1, beta2, first, second**0.5, rectify, group["eps"], keep, add,
                group["maximize"])  # fmt: skip

    @staticmethod
    def formula(k, numbers, p, g, mean, square):
        step, share, beta2, first, root, rectify, eps, keep, decay, maximize = numbers
        g = decayed(k, p, g, decay, maximize, keep)
        averaged(k, mean, square, g, share, beta2)
        if rectify is None:
            k.add(p, mean, step / first)
            return
        below = k.shift(k.sqrt(square, 2), eps)
        if isinstance(rectify, Tensor):
            known = (rectify > 0).to(below.dtype)
            below = below * known / (root * rectify + (rectify == 0)) + (1 - known)
            k.addcdiv(p, mean, below, step / first)
        else:
            k.addcdiv(p, mean, below, step / first * root * rectify)
