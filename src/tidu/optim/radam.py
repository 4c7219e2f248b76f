"""RAdam: Adam that waits."""

from .. import ops
from ..frontend.tensor import Tensor
from .adam import check_betas
from .elementwise import Elementwise
from .kernels import averaged, decayed, is_some
from .optimizer import check_numbers
from .tensor_rates import plain, rate

__all__ = ["RAdam"]


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
        lr, decay = rate(group), group["weight_decay"]
        first, second = 1 - beta1**step, 1 - beta2**step
        most = 2 / (1 - beta2) - 1
        length = most - 2 * step * beta2**step / second
        square = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
        if isinstance(length, Tensor):  # inside a trace: both ways, and a choice
            rectify = ops.where(length > 5.0, square.abs().sqrt(), 0.0)
        else:
            rectify = square**0.5 if length > 5.0 else None
        keep = 1 - lr * decay if group["decoupled_weight_decay"] and is_some(decay) else None
        add = decay if keep is None else 0
        return (-plain(lr), 1 - beta1, beta2, first, second**0.5, rectify, group["eps"], keep, add,
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
