"""SparseAdam, for gradients of some rows."""

import math

from .. import ops
from ..base.errors import hinted
from .by_tensor import ByTensor
from .optimizer import number
from .options import check_rate
from .tensor_rates import plain, rate

__all__ = ["SparseAdam"]


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
        check_rate(lr)
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
        size = plain(rate(group) * math.sqrt(1 - beta2**step) / (1 - beta1**step))
        p[rows] = p[rows] - size * new_mean / (new_square.sqrt() + group["eps"])
