"""Adam."""

from .. import ops
from ..base.errors import hinted
from ..frontend.tensor import Tensor
from .elementwise import Elementwise
from .kernels import averaged, decayed, is_some
from .optimizer import check_numbers, number
from .options import refuse_fused, refuse_tensor_rate
from .tensor_rates import alike, rate

__all__ = ["Adam", "check_betas"]


def check_betas(betas):
    """Refuse averages that do not forget."""
    for i, beta in enumerate((betas[0], betas[1])):
        if not 0.0 <= number(beta) < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")


def _check_tensors(betas, foreach, capturable):
    """Two floats or two tensors, and these not with ``foreach=True``."""
    tensors = [isinstance(beta, Tensor) for beta in betas[:2]]
    if not all(tensors) and not all(isinstance(beta, float) for beta in betas[:2]):
        raise ValueError(
            hinted(
                "betas must be either both floats or both Tensors",
                "give two floats (0.0, not 0) or two tensors.",
            )
        )
    if any(tensors) and foreach and not capturable:
        raise ValueError(
            hinted(
                "betas[0] as a Tensor is not supported for capturable=False and foreach=True",
                "leave foreach out, or give the numbers, beta.item().",
            )
        )


class Adam(Elementwise):
    """Steps by the mean gradient over the root of its mean square (Kingma & Ba 2014).

    >>> import tidu as torch
    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, *,
        foreach=None, maximize=False, capturable=False, differentiable=False, fused=None,
        decoupled_weight_decay=False,
    ):  # fmt: skip
        refuse_tensor_rate(lr, foreach, capturable)
        check_numbers(lr, eps=eps)
        check_betas(betas)
        check_numbers(lr, weight_decay=weight_decay)
        _check_tensors(betas, foreach, capturable)
        super().__init__(
            params,
            dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad,
                 maximize=maximize, foreach=foreach, capturable=capturable,
                 differentiable=differentiable, fused=fused,
                 decoupled_weight_decay=decoupled_weight_decay),
        )  # fmt: skip
        refuse_fused(fused, foreach, differentiable)

    kind, instead = "Adam", ", please consider SparseAdam instead"

    def names(self, group):
        names = ("exp_avg", "exp_avg_sq")
        return (*names, "max_exp_avg_sq") if group["amsgrad"] else names

    def start(self, group, parameter, state):
        for name in self.names(group):
            state[name] = ops.zeros_like(parameter, requires_grad=False)

    def numbers(self, group, step):
        beta1, beta2 = group["betas"]
        beta1, beta2, lr = number(beta1), number(beta2), rate(group)
        size = lr / alike(lr, 1 - beta1**step)
        root = (1 - beta2**step) ** 0.5
        decay = group["weight_decay"]
        keep = 1 - lr * decay if group["decoupled_weight_decay"] and is_some(decay) else None
        add = decay if keep is None else 0
        return -size, root, 1 - beta1, beta2, group["eps"], keep, add, group["maximize"]

    @staticmethod
    def formula(k, numbers, p, g, mean, square, largest=None):
        size, root, share, beta2, eps, keep, decay, maximize = numbers
        g = decayed(k, p, g, decay, maximize, keep)
        averaged(k, mean, square, g, share, beta2)
        if largest is not None:
            k.raise_to(largest, square)
            square = largest
        below = k.over(k.sqrt(square, 2), root, 2)
        k.addcdiv(p, mean, k.shift(below, eps), size)
