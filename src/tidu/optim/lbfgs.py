"""LBFGS: a quasi-Newton method (Nocedal & Wright 2006, chapter 7), with strong Wolfe search."""

from .. import ops
from ..autograd import enable_grad, no_grad
from ..frontend.tensor import Tensor
from .optimizer import Optimizer, check_numbers, number
from .wolfe import strong_wolfe

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """Needs a closure that computes the loss and its gradient anew; one parameter group only."""

    def __init__(
        self, params, lr=1, max_iter=20, max_eval=None, tolerance_grad=1e-7,
        tolerance_change=1e-9, history_size=100, line_search_fn=None,
    ):  # fmt: skip
        check_numbers(lr)
        max_eval = max_iter * 5 // 4 if max_eval is None else max_eval
        super().__init__(
            params,
            dict(lr=lr, max_iter=max_iter, max_eval=max_eval, tolerance_grad=tolerance_grad,
                 tolerance_change=tolerance_change, history_size=history_size,
                 line_search_fn=line_search_fn),
        )  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def __setstate__(self, state):
        super().__setstate__(state)
        self._params = self.param_groups[0]["params"]

    def _flat_gradient(self):
        parts = [
            ops.zeros(p.numel(), dtype=p.dtype) if p.grad is None else _flat(p.grad)
            for p in self._params
        ]
        return ops.cat(parts, 0)

    def _move(self, length, direction):
        start = 0
        for p in self._params:
            part = direction[start : start + p.numel()].view_as(p)
            p.add_(part * length)
            start += p.numel()

    def _evaluate_at(self, closure, origin, length, direction):
        """(loss, gradient) at origin + length · direction; the parameters come back."""
        self._move(length, direction)
        loss = float(closure())
        gradient = self._flat_gradient()
        for p, old in zip(self._params, origin, strict=True):
            p.copy_(old)
        return loss, gradient

    def step(self, closure):
        """Up to ``max_iter`` iterations; returns the loss at the beginning."""

        def evaluate():
            with enable_grad():
                return closure()

        with no_grad():
            return self._minimise(evaluate)

    def _minimise(self, closure):
        group = self.param_groups[0]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        original = closure()
        loss, evaluations = float(original), 1
        state["func_evals"] += 1
        gradient = self._flat_gradient()
        if gradient.abs().max() <= group["tolerance_grad"]:
            return original
        memory, previous_loss = _Memory(state, group["history_size"]), state.get("prev_loss")
        iterations = 0
        while iterations < group["max_iter"]:
            iterations += 1
            state["n_iter"] += 1
            direction = memory.direction(gradient, state["n_iter"] == 1)
            memory.previous_gradient, previous_loss = gradient.clone(), loss
            lr = number(group["lr"])
            length = lr
            if state["n_iter"] == 1:
                length = min(1.0, 1.0 / gradient.abs().sum().item()) * lr
            slope = gradient.dot(direction).item()
            memory.length = length
            if slope > -group["tolerance_change"]:
                break
            loss, gradient, length, used = self._search(
                closure, loss, gradient, slope, direction, length,
                iterations == group["max_iter"],
            )  # fmt: skip
            memory.length = length
            evaluations += used
            state["func_evals"] += used
            if iterations == group["max_iter"] or evaluations >= group["max_eval"]:
                break
            if gradient.abs().max() <= group["tolerance_grad"]:
                break
            if (direction * length).abs().max() <= group["tolerance_change"]:
                break
            if abs(loss - previous_loss) < group["tolerance_change"]:
                break
        memory.save(state, previous_loss)
        return original

    def _search(self, closure, loss, gradient, slope, direction, length, last):
        """(loss, gradient, step length, evaluations) after moving along `direction`."""
        group = self.param_groups[0]
        kind = group["line_search_fn"]
        if kind is None:
            self._move(length, direction)
            if last:
                return loss, gradient, length, 0
            loss = float(closure())
            return loss, self._flat_gradient(), length, 1
        if kind != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        origin = [p.clone() for p in self._params]

        def at(length):
            return self._evaluate_at(closure, origin, length, direction)

        loss, gradient, length, used = strong_wolfe(at, length, direction, loss, gradient, slope)
        self._move(length, direction)
        return loss, gradient, length, used


def _flat(grad):
    return (grad.to_dense() if grad.is_sparse else grad).reshape(-1)


class _Memory:
    """The last changes of position and gradient, from which the direction is made."""

    def __init__(self, state, size):
        self.size = size
        self.direction_before = state.get("d")
        self.length = state.get("t")
        self.changes = state.get("old_dirs") or []  # of the gradient
        self.steps = state.get("old_stps") or []
        self.inverses = [number(inverse) for inverse in state.get("ro") or []]
        self.scale = number(state.get("H_diag", 1))
        self.shares = state.get("al")
        self.previous_gradient = state.get("prev_flat_grad")

    def direction(self, gradient, first):
        """-H · gradient, H the inverse Hessian as far as it is known."""
        if first:
            self.changes, self.steps, self.inverses, self.scale = [], [], [], 1
            self.direction_before = -gradient
            return self.direction_before
        change = gradient - self.previous_gradient
        step = self.direction_before * self.length
        product = change.dot(step).item()
        if product > 1e-10:
            if len(self.changes) == self.size:
                for memory in (self.changes, self.steps, self.inverses):
                    memory.pop(0)
            self.changes.append(change)
            self.steps.append(step)
            self.inverses.append(1.0 / product)
            self.scale = product / change.dot(change).item()
        self.direction_before = self._two_loops(-gradient)
        return self.direction_before

    def _two_loops(self, q):
        if not self.changes:
            return q * self.scale
        shares = self.shares = [None] * self.size
        for i in reversed(range(len(self.changes))):
            shares[i] = self.steps[i].dot(q).item() * self.inverses[i]
            q = q - shares[i] * self.changes[i]
        r = q * self.scale
        for i in range(len(self.changes)):
            back = self.changes[i].dot(r).item() * self.inverses[i]
            r = r + (shares[i] - back) * self.steps[i]
        return r

    def save(self, state, loss):
        """Into the state under PyTorch's names and in its types."""
        like = self.previous_gradient.new_tensor
        if self.shares is not None:
            state["al"] = [a if a is None or isinstance(a, Tensor) else like(a)
                           for a in self.shares]  # fmt: skip
        state["d"], state["t"] = self.direction_before, self.length
        state["old_dirs"], state["old_stps"] = self.changes, self.steps
        state["ro"] = [like(inverse) for inverse in self.inverses]
        state["H_diag"] = like(self.scale) if self.changes else self.scale
        state["prev_flat_grad"] = self.previous_gradient
        state["prev_loss"] = loss
