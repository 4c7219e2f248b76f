"""SGD: gradient descent with momentum."""

from .. import ops
from ..base.errors import hinted
from .elementwise import Elementwise
from .kernels import decayed, is_some
from .optimizer import check_numbers, number
from .options import add_at, refuse_fused
from .tensor_rates import plain, rate

__all__ = ["SGD"]


class SGD(Elementwise):
    """p ← p - lr · v with v = momentum · v + (1 - dampening) · (g + weight_decay · p).

    Raises ValueError on negative options, or Nesterov momentum without momentum.

    >>> import tidu as torch
    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8000], requires_grad=True)
    """

    counts = False

    def __init__(
        self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *,
        maximize=False, foreach=None, differentiable=False, fused=None,
    ):  # fmt: skip
        check_numbers(lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            dict(lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay,
                 nesterov=nesterov, maximize=maximize, foreach=foreach,
                 differentiable=differentiable, fused=fused),
        )  # fmt: skip
        refuse_fused(fused, foreach, differentiable)

    def names(self, group):
        return ("momentum_buffer",) if is_some(group["momentum"]) else ()

    def numbers(self, group, started):
        return (
            -rate(group), number(group["weight_decay"]), group["momentum"],
            1 - group["dampening"], group["nesterov"], group["maximize"], started,
        )  # fmt: skip

    def _counted(self, group, p, state):
        if state.get("momentum_buffer", p) is None:  # as old files have it
            state.clear()
        return super()._counted(group, p, state)

    def _starts_alike(self, group):
        return not is_some(group["momentum"]) or group["dampening"] == 0

    def _blank(self, group, parameter, state):
        """A buffer to which the gradient is added as it is: 0 · momentum + g is g, but for g = -0,
        where -0 does it."""
        for name in self.names(group):
            state[name] = ops.full_like(parameter, -0.0, requires_grad=False)

    def _refuse(self, group):
        """Nothing: PyTorch's SGD has no capturable, and computes its foreach one by one here."""

    def _update_sparse(self, group, p, grad):
        momentum = group["momentum"]
        if group["fused"]:
            raise RuntimeError("`_fused_sgd` does not support sparse gradients")
        if group["weight_decay"] != 0:
            raise RuntimeError(
                hinted(
                    "add(sparse, dense) is not supported. Use add(dense, sparse) instead.",
                    "weight_decay needs dense gradients: make the layer with sparse=False.",
                )
            )
        grad = -grad if group["maximize"] else grad
        if momentum != 0:
            state = self.state[p]
            old = state.get("momentum_buffer")
            new = grad.detach().clone()
            if old is not None:
                new = old * momentum + new * (1 - group["dampening"])
            state["momentum_buffer"] = new
            grad = grad + new * momentum if group["nesterov"] else new
        add_at(p, grad, -plain(rate(group)))

    @staticmethod
    def formula(k, numbers, p, g, buffer=None):
        step, decay, momentum, share, nesterov, maximize, started = numbers
        g = decayed(k, p, g, decay, maximize)
        if buffer is not None:
            if started:
                k.scale(buffer, momentum)
                k.add(buffer, g, share)
            else:
                k.copy(buffer, g)
            g = k.plus(g, buffer, momentum, 2) if nesterov else buffer
        k.add(p, g, step)
