"""RMSprop."""

from .elementwise import Elementwise
from .kernels import decayed, is_some
from .optimizer import check_numbers
from .options import refuse_at_step
from .tensor_rates import rate

__all__ = ["RMSprop"]


class RMSprop(Elementwise):
    """Divides the gradient by the root of its running mean square (Hinton 2012)."""

    def __init__(
        self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False,
        capturable=False, foreach=None, maximize=False, differentiable=False,
    ):  # fmt: skip
        check_numbers(lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        super().__init__(
            params,
            dict(lr=lr, momentum=momentum, alpha=alpha, eps=eps, centered=centered,
                 weight_decay=weight_decay, capturable=capturable, foreach=foreach,
                 maximize=maximize, differentiable=differentiable),
        )  # fmt: skip

    def _refuse(self, group):
        if any(p.grad is not None for p in group["params"]):
            refuse_at_step(group, xla=(True, True))

    def names(self, group):
        names = ["square_avg"]
        if is_some(group["momentum"]):
            names.append("momentum_buffer")
        if group["centered"]:
            names.append("grad_avg")
        return names

    def numbers(self, group, step):
        return (
            -rate(group), group["alpha"], group["eps"], group["weight_decay"],
            group["momentum"], group["centered"], group["maximize"],
        )  # fmt: skip

    @staticmethod
    def formula(k, numbers, p, g, square, *others):
        step, alpha, eps, decay, momentum, centered, maximize = numbers
        g = decayed(k, p, g, decay, maximize)
        k.scale(square, alpha)
        k.addcmul(square, g, g, 1 - alpha)
        spread = square
        if centered:
            mean = others[-1]
            k.lerp(mean, g, 1 - alpha)
            spread = k.plus(square, k.times(mean, mean, 2), -1, 2)
        below = k.shift(k.sqrt(spread, 2), eps)
        if is_some(momentum):
            buffer = others[0]
            k.scale(buffer, momentum)
            k.addcdiv(buffer, g, below, 1)
            k.add(p, buffer, step)
        else:
            k.addcdiv(p, g, below, step)
