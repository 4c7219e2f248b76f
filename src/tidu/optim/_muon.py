"""Muon, which makes updates orthogonal."""

import math

from .. import ops
from ..base import dtypes
from ..base.errors import hinted
from .by_tensor import ByTensor
from .optimizer import number
from .options import check_rate, refuse_complex
from .tensor_rates import plain, rate

__all__ = ["Muon"]


def _sum(beta, added, alpha, left, right):
    """beta · added + alpha · left @ right, rounded to the operands' type once at the end."""
    wide = [t.to(dtypes.float32) for t in (added, left, right)]
    return (beta * wide[0] + alpha * (wide[1] @ wide[2])).to(left.dtype)


def _orthogonalised(matrix, coefficients, steps, eps):
    """Near the closest orthogonal matrix, by Newton-Schulz steps in bfloat16."""
    a, b, c = coefficients
    x = matrix.to(dtypes.bfloat16)
    tall = matrix.size(0) > matrix.size(1)
    x = x.T if tall else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = _sum(a, x, 1.0, _sum(b, gram, c, gram, gram), x)
    return x.T if tall else x


class Muon(ByTensor):
    """Momentum made orthogonal, for the matrices of hidden layers (Jordan et al. 2024)."""

    def __init__(
        self, params, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True,
        ns_coefficients=(3.4445, -4.7750, 2.0315), eps=1e-7, ns_steps=5, adjust_lr_fn=None,
    ):  # fmt: skip
        check_rate(lr)
        if not 0.0 <= number(lr):
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not 0.0 <= momentum:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(
            params,
            dict(lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov,
                 ns_coefficients=ns_coefficients, eps=eps, ns_steps=ns_steps,
                 adjust_lr_fn=adjust_lr_fn),
        )  # fmt: skip
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        hinted(
                            "Muon only supports 2D parameters whereas we found a parameter with "
                            f"size: {p.size()}",
                            "give the others to another optimizer, such as AdamW.",
                        )
                    )

    def _update(self, group, p, grad, state):
        refuse_complex("Muon", p)
        if not state:
            state["momentum_buffer"] = ops.zeros_like(grad)
        momentum, lr = group["momentum"], rate(group)
        buffer = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        update = grad.lerp(buffer, momentum) if group["nesterov"] else buffer
        update = _orthogonalised(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = p.shape
        scale = math.sqrt(max(1, rows / columns))
        if group["adjust_lr_fn"] == "match_rms_adamw":
            scale = 0.2 * math.sqrt(max(rows, columns))
        p.mul_(plain(1 - lr * group["weight_decay"]))
        p.add_(update.to(p.dtype), alpha=plain(-lr * scale))
