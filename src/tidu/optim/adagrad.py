"""Adagrad."""

from .. import ops
from .elementwise import Elementwise
from .kernels import decayed
from .optimizer import check_numbers
from .options import add_at, refuse_fused
from .tensor_rates import alike, plain, rate

__all__ = ["Adagrad"]


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
        lr = rate(group)
        size = plain(lr / alike(lr, 1 + (step - 1) * group["lr_decay"]))
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
