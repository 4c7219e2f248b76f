"""NAdam: Adam with Nesterov momentum."""

from .. import ops
from ..base.dtypes import float64
from ..frontend.tensor import Tensor
from .adam import check_betas
from .elementwise import Elementwise
from .kernels import averaged, decayed, is_some
from .optimizer import check_numbers
from .options import refuse_at_step
from .tensor_rates import alike, rate

__all__ = ["NAdam"]


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
        lr, decay = rate(group), group["weight_decay"]
        mu, following = self._mu(group, step), self._mu(group, step + 1)
        now = -lr * alike(lr, 1.0 - mu) / alike(lr, 1.0 - product)
        ahead = -lr * alike(lr, following) / alike(lr, 1.0 - product * following)
        keep = 1 - lr * decay if group["decoupled_weight_decay"] and is_some(decay) else None
        add = decay if keep is None else 0
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
