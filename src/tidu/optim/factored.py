"""Adafactor, Muon and SparseAdam: updates that look at rows and columns, in public operations."""

import math

from .. import dtypes, ops
from ..errors import hinted
from ..tensor import Tensor
from .optimizer import number
from .rare import ByTensor

__all__ = ["Adafactor", "Muon", "SparseAdam"]


class Adafactor(ByTensor):
    """Adam with the squares kept by row and column only (Shazeer & Stern 2018)."""

    def __init__(
        self, params, lr=1e-2, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0, weight_decay=0.0, *,
        foreach=None, maximize=False,
    ):  # fmt: skip
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
        if not state:
            self._start(grad, state)
        state["step"].add_(1)
        step, lr, (eps1, eps2) = state["step"].item(), number(group["lr"]), group["eps"]
        eps1 = dtypes.finfo(p.dtype).eps if eps1 is None else eps1
        share = step ** group["beta2_decay"]
        rho = min(lr, 1.0 / math.sqrt(step))
        alpha = max(eps2, ops.norm(p).item() / math.sqrt(p.numel())) * rho
        if group["weight_decay"] != 0:
            p.mul_(1 - lr * group["weight_decay"])
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
        p.add_(update, alpha=-alpha / denominator)


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
        if not state:
            state["momentum_buffer"] = ops.zeros_like(grad)
        momentum, lr = group["momentum"], number(group["lr"])
        buffer = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        update = grad.lerp(buffer, momentum) if group["nesterov"] else buffer
        update = _orthogonalised(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = p.shape
        scale = math.sqrt(max(1, rows / columns))
        if group["adjust_lr_fn"] == "match_rms_adamw":
            scale = 0.2 * math.sqrt(max(rows, columns))
        p.mul_(1 - lr * group["weight_decay"])
        p.add_(update.to(p.dtype), alpha=-lr * scale)


class SparseAdam(ByTensor):
    """Adam that changes only the rows with a gradient, as an embedding's are.

    Takes the gradients of ``Embedding(..., sparse=True)``; RuntimeError for dense ones.

    >>> import tidu as torch
    >>> table = torch.nn.Embedding.from_pretrained(torch.ones(3, 1), freeze=False, sparse=True)
    >>> optimizer = torch.optim.SparseAdam(table.parameters(), lr=0.1)
    >>> table(torch.tensor([1])).sum().backward()
    >>> optimizer.step()
    >>> table.weight.detach().flatten()
    tensor([1.0000, 0.9000, 1.0000])
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 < number(lr):
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 < eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, maximize=maximize))
        self._refuse_parameters(
            lambda p: p.is_sparse, "Sparse", "SparseAdam requires dense parameter tensors"
        )
        self._refuse_parameters(
            lambda p: p.is_complex(), "Complex", "SparseAdam does not support complex parameters"
        )

    def _refuse_parameters(self, test, kind, why):
        found = [
            [i, j]
            for i, group in enumerate(self.param_groups)
            for j, p in enumerate(group["params"])
            if test(p)
        ]
        if found:
            raise ValueError(f"{kind} params at indices {found}: {why}")

    def _refuse(self, group, grad):
        if not grad.is_sparse:
            raise RuntimeError(
                hinted(
                    "SparseAdam does not support dense gradients, please consider Adam instead",
                    "sparse gradients come from Embedding(..., sparse=True).",
                )
            )

    def _update(self, group, p, grad, state):
        if not state:
            state["step"] = 0
            state["exp_avg"], state["exp_avg_sq"] = ops.zeros_like(p), ops.zeros_like(p)
        state["step"] += 1
        step, (beta1, beta2) = state["step"], group["betas"]
        # The update is not linear: each row must be there once.
        grad = grad.coalesce()
        rows, taken = tuple(grad._indices()), grad._values()
        if not taken.numel():
            return
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        new_mean = mean[rows] + (taken - mean[rows]) * (1 - beta1)
        new_square = square[rows] + (taken * taken - square[rows]) * (1 - beta2)
        mean[rows], square[rows] = new_mean, new_square
        size = number(group["lr"]) * math.sqrt(1 - beta2**step) / (1 - beta1**step)
        p[rows] = p[rows] - size * new_mean / (new_square.sqrt() + group["eps"])
