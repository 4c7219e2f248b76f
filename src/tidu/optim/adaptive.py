"""Optimizers that scale each element by its past gradients: RMSprop, Adagrad, Adadelta."""

from .. import ops
from .kernels import decayed
from .optimizer import Elementwise, check_numbers, number
from .options import add_at, refuse_at_step, refuse_fused

__all__ = ["Adadelta", "Adagrad", "RMSprop"]


def _zeros(parameter):
    return ops.zeros_like(parameter, requires_grad=False)


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
        if group["momentum"] > 0:
            names.append("momentum_buffer")
        if group["centered"]:
            names.append("grad_avg")
        return names

    def numbers(self, group, step):
        return (
            -number(group["lr"]), group["alpha"], group["eps"], group["weight_decay"],
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
        if momentum > 0:
            buffer = others[0]
            k.scale(buffer, momentum)
            k.addcdiv(buffer, g, below, 1)
            k.add(p, buffer, step)
        else:
            k.addcdiv(p, g, below, step)


class Adagrad(Elementwise):
    """Divides the gradient by the root of the sum of its squares (Duchi et al. 2011)."""

    def __init__(
        self, params, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10,
        foreach=None, *, maximize=False, differentiable=False, fused=None,
    ):  # fmt: skip
        check_numbers(
            lr, lr_decay=lr_decay, weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value, eps=eps,
        )  # fmt: skip
        super().__init__(
            params,
            dict(lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay,
                 initial_accumulator_value=initial_accumulator_value, foreach=foreach,
                 maximize=maximize, differentiable=differentiable, fused=fused),
        )  # fmt: skip
        refuse_fused(fused, foreach, differentiable)
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                state["step"] = ops.tensor(0.0)
                self.start(group, parameter, state)

    def names(self, group):
        return ("sum",)

    def start(self, group, parameter, state):
        state["sum"] = ops.full_like(
            parameter, group["initial_accumulator_value"], requires_grad=False
        )

    def share_memory(self):
        """Put the sums into memory shared between processes."""
        for state in self.state.values():
            state["sum"].share_memory_()

    def numbers(self, group, step):
        size = number(group["lr"]) / (1 + (step - 1) * group["lr_decay"])
        return -size, group["eps"], group["weight_decay"], group["maximize"]

    def _update_sparse(self, group, p, grad):
        if group["fused"]:
            raise RuntimeError("`fused` does not support sparse grad or complex param")
        if group["weight_decay"] != 0:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        state = self.state[p]
        state["step"].add_(1)
        size, eps, _, maximize = self.numbers(group, state["step"].item())
        # The update is not linear: each row must be there once.
        grad = (-grad if maximize else grad).coalesce()
        add_at(state["sum"], grad.pow(2))
        root = state["sum"][tuple(grad._indices())].sqrt().add_(eps)
        add_at(p, grad._like(grad._values() / root), size)

    @staticmethod
    def formula(k, numbers, p, g, total):
        step, eps, decay, maximize = numbers
        g = decayed(k, p, g, decay, maximize)
        k.addcmul(total, g, g, 1)
        k.addcdiv(p, g, k.shift(k.sqrt(total, 2), eps), step)


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
            -number(group["lr"]), group["rho"], group["eps"], group["weight_decay"],
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
        free = 0 if decay else 1
        below = k.sqrt(k.shift(k.plus(square, square, 0, free), eps), free)
        above = k.sqrt(k.shift(k.plus(steps, steps, 0, 2), eps), 2)
        delta = k.times(k.over(above, below, 2), g, 2)
        k.scale(steps, rho)
        k.addcmul(steps, delta, delta, 1 - rho)
        k.add(p, delta, size)
