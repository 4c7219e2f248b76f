"""Adafactor, whose squares are kept by row and column."""

import math

from .. import ops
from ..base import dtypes
from .by_tensor import ByTensor
from .optimizer import number
from .options import check_rate, refuse_complex
from .tensor_rates import plain, rate

__all__ = ["Adafactor"]


class Adafactor(ByTensor):
    """Adam with the squares kept by row and column only (Shazeer & Stern 2018)."""

    def __init__(
        self, params, lr=1e-2, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0, weight_decay=0.0, *,
        foreach=None, maximize=False,
    ):  # fmt: skip
        check_rate(lr)
        if number(lr) < 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if beta2_decay > 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and eps[0] < 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if eps[1] < 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if d < 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if weight_decay < 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        super().__init__(
            params,
            dict(lr=lr, beta2_decay=beta2_decay, eps=eps, d=d, weight_decay=weight_decay,
                 foreach=foreach, maximize=maximize),
        )  # fmt: skip

    def _start(self, grad, state):
        state["step"] = ops.tensor(0.0)
        if grad.dim() > 1:
            state["row_var"] = grad.new_zeros((*grad.shape[:-1], 1))
            state["col_var"] = grad.new_zeros((*grad.shape[:-2], 1, grad.shape[-1]))
        else:
            state["variance"] = ops.zeros_like(grad)

    def _update(self, group, p, grad, state):
        refuse_complex("Adafactor", p)
        if not state:
            self._start(grad, state)
        state["step"].add_(1)
        step, lr, (eps1, eps2) = state["step"].item(), rate(group), group["eps"]
        eps1 = dtypes.finfo(p.dtype).eps if eps1 is None else eps1
        share = step ** group["beta2_decay"]
        rho = min(lr, 1.0 / math.sqrt(step))
        alpha = max(eps2, ops.norm(p).item() / math.sqrt(p.numel())) * rho
        if group["weight_decay"] != 0:
            p.mul_(plain(1 - lr * group["weight_decay"]))
        if grad.dim() > 1:
            for name, dim in (("row_var", -1), ("col_var", -2)):
                squares = grad.norm(dim=dim, keepdim=True).square().div(grad.size(dim))
                state[name].lerp_(squares, share)
            rows = state["row_var"]
            variance = rows @ state["col_var"]
            variance = variance.div(rows.mean(dim=-2, keepdim=True).clamp(min=eps1))
        else:
            variance = state["variance"].lerp_(grad.square(), share)
        update = variance.clamp(min=eps1 * eps1).rsqrt() * grad
        denominator = max(1.0, ops.norm(update).item() / (math.sqrt(update.numel()) * group["d"]))
        p.add_(update, alpha=plain(-alpha / denominator))
